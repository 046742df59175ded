package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const (
	sessionColumns = `s.tenant_id, s.id, s.person_id, s.created_at, s.seen_at, s.until, s.epoch, s.address, s.agent`
	selectSession  = `SELECT ` + sessionColumns + ` FROM session s`
)

func scanSession(sc scanner) (s desk.Session, err error) {
	var made, seen, until int64
	err = sc.Scan((*int64)(&s.Tenant), &s.ID, (*int64)(&s.Person), &made, &seen, &until, &s.Epoch, &s.Address, &s.Agent)
	s.CreatedAt, s.SeenAt, s.Until = moment(made), moment(seen), moment(until)
	return s, err
}

// Session finds a session and its person in one read; Missing when there is none.
func (s *Store) Session(ctx context.Context, tenant desk.TenantID, id []byte) (desk.Session, desk.Person, error) {
	type both struct {
		desk.Session
		person desk.Person
	}
	rows, err := s.query(ctx, tenant, `SELECT `+personColumns+`, `+sessionColumns+`
		FROM session s JOIN person p ON p.tenant_id = s.tenant_id AND p.id = s.person_id WHERE s.tenant_id = $1 AND s.id = $2`, id)
	all, err := collect(rows, err, func(sc scanner) (b both, err error) {
		var made, seen, until int64
		err = personInto(&b.person, sc, (*int64)(&b.Tenant), &b.ID, (*int64)(&b.Person), &made, &seen, &until, &b.Epoch, &b.Address, &b.Agent)
		b.CreatedAt, b.SeenAt, b.Until = moment(made), moment(seen), moment(until)
		return b, err
	})
	if err == nil && len(all) == 0 {
		return desk.Session{}, desk.Person{}, desk.Errorf(desk.Missing, "session", "there is no such session")
	}
	if err != nil {
		return desk.Session{}, desk.Person{}, s.judge(err, false)
	}
	return all[0].Session, all[0].person, nil
}

// Sessions lists a person's sessions, the newest first, those that are over
// included until they are swept.
func (s *Store) Sessions(ctx context.Context, tenant desk.TenantID, who desk.PersonID) ([]desk.Session, error) {
	rows, err := s.query(ctx, tenant, selectSession+` WHERE s.tenant_id = $1 AND s.person_id = $2 ORDER BY s.created_at DESC, s.id`, int64(who))
	return collect(rows, err, scanSession)
}

// Begin stores a new session.
func (s *Staff) Begin(ctx context.Context, n desk.Session) error {
	_, err := s.t.exec(ctx, s.tenant, `INSERT INTO session (tenant_id, id, person_id, created_at, seen_at, until, epoch, address, agent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, n.ID, int64(n.Person), micros(n.CreatedAt), micros(n.SeenAt),
		micros(n.Until), n.Epoch, n.Address, n.Agent)
	return err
}

// End removes one session of a person, or all of them when id is nil, and says
// how many there were.
func (s *Staff) End(ctx context.Context, who desk.PersonID, id []byte) (int64, error) {
	if id == nil {
		return s.t.exec(ctx, s.tenant, `DELETE FROM session WHERE tenant_id = $1 AND person_id = $2`, int64(who))
	}
	return s.t.exec(ctx, s.tenant, `DELETE FROM session WHERE tenant_id = $1 AND person_id = $2 AND id = $3`, int64(who), id)
}

// Touch notes when sessions were last used, and who is present. They are many a
// minute, so they come together; later wins, whatever the order.
func (s *Store) Touch(ctx context.Context, tenant desk.TenantID, all []desk.Seen) error {
	// In one order everywhere, so that two nodes do not wait for each other.
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b desk.Seen) int { return bytes.Compare(a.Session, b.Session) })
	err := s.change(ctx, func(t *tx) error {
		for _, seen := range all {
			if _, err := t.exec(ctx, tenant, `UPDATE session SET seen_at = $3 WHERE tenant_id = $1 AND id = $2 AND seen_at < $3`,
				seen.Session, micros(seen.At)); err != nil {
				return err
			}
		}
		return nil
	})
	all = slices.DeleteFunc(all, func(seen desk.Seen) bool { return seen.PresentUntil.IsZero() })
	if err != nil || len(all) == 0 {
		return err
	}
	// A transaction of its own: one that ends sessions has the person first.
	slices.SortFunc(all, func(a, b desk.Seen) int { return cmp.Compare(a.Person, b.Person) })
	return s.change(ctx, func(t *tx) error {
		for _, seen := range all {
			if _, err := t.exec(ctx, tenant, `UPDATE person SET present_until = $3 WHERE tenant_id = $1 AND id = $2 AND present_until < $3`,
				int64(seen.Person), micros(seen.PresentUntil)); err != nil {
				return err
			}
		}
		return nil
	})
}

// SweepStaff removes what is over: sessions, links, and guesses that are
// forgotten.
func (s *Store) SweepStaff(ctx context.Context, tenant desk.TenantID, now, guesses time.Time) error {
	return s.change(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, tenant, `DELETE FROM session WHERE tenant_id = $1 AND until < $2`, micros(now)); err != nil {
			return err
		}
		if _, err := t.exec(ctx, tenant, `DELETE FROM invite WHERE tenant_id = $1 AND until < $2`, micros(now)); err != nil {
			return err
		}
		_, err := t.exec(ctx, tenant, `DELETE FROM guess WHERE tenant_id = $1 AND at < $2 AND full_at < $2`, micros(guesses))
		return err
	})
}

const selectBudget = `SELECT hash, n, at, full_at FROM guess WHERE tenant_id = $1`

func scanBudget(sc scanner) (b desk.Budget, err error) {
	var at, full int64
	err = sc.Scan(&b.Hash, &b.N, &at, &full)
	b.At, b.FullAt = moment(at), moment(full)
	return b, err
}

// Budgets reads what was guessed by each party, in the same order; a party that
// never guessed has an empty budget.
func (s *Store) Budgets(ctx context.Context, tenant desk.TenantID, parties [][]byte) ([]desk.Budget, error) {
	w := where{}
	w.blobs(`hash`, parties)
	rows, err := s.query(ctx, tenant, selectBudget+w.text, w.args...)
	found, err := collect(rows, err, scanBudget)
	return asAsked(parties, found), err
}

func asAsked(parties [][]byte, found []desk.Budget) []desk.Budget {
	all := make([]desk.Budget, len(parties))
	for i, party := range parties {
		all[i].Hash = party
		for _, b := range found {
			if bytes.Equal(b.Hash, party) {
				all[i] = b
			}
		}
	}
	return all
}

// ChangeBudgets reads the parties' budgets, lets change alter them, and writes
// them back, while nobody else on any node does.
func (s *Store) ChangeBudgets(ctx context.Context, tenant desk.TenantID, parties [][]byte, change func([]desk.Budget) error) error {
	sorted := slices.Clone(parties)
	slices.SortFunc(sorted, bytes.Compare)
	return s.change(ctx, func(t *tx) error {
		found := make([]desk.Budget, 0, len(sorted))
		for _, party := range sorted { // the row must be there to be locked
			if _, err := t.exec(ctx, tenant, `INSERT INTO guess (tenant_id, hash, n, at, full_at) VALUES ($1, $2, 0, 0, 0)
				ON CONFLICT (tenant_id, hash) DO NOTHING`, party); err != nil {
				return err
			}
			b, err := scanBudget(t.row(ctx, tenant, selectBudget+` AND hash = $2`+t.s.traits.ForUpdate, party))
			if err != nil {
				return s.judge(err, false)
			}
			found = append(found, b)
		}
		all := asAsked(parties, found)
		if err := change(all); err != nil {
			return err
		}
		for _, b := range all {
			if _, err := t.exec(ctx, tenant, `UPDATE guess SET n = $3, at = $4, full_at = $5 WHERE tenant_id = $1 AND hash = $2`,
				b.Hash, b.N, micros(b.At), micros(b.FullAt)); err != nil {
				return err
			}
		}
		return nil
	})
}
