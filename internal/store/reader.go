package store

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Heads gives the number of each tenant's newest event.
func (s *Store) Heads(ctx context.Context) (map[desk.TenantID]int64, error) {
	type head struct {
		tenant desk.TenantID
		seq    int64
	}
	found, err := s.ask(ctx, `SELECT tenant_id, seq FROM counter`)
	all, err := collect(found, err, func(sc scanner) (h head, err error) {
		err = sc.Scan((*int64)(&h.tenant), &h.seq)
		return h, err
	})
	heads := make(map[desk.TenantID]int64, len(all))
	for _, h := range all {
		heads[h.tenant] = h.seq
	}
	return heads, err
}

// Events reads up to limit events of a tenant after a number.
func (s *Store) Events(ctx context.Context, tenant desk.TenantID, after int64, limit int) (e desk.Excerpt, err error) {
	text := selectEvent + ` WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	if teeth.On("any-event") {
		text = anybodys(text)
	}
	found, err := s.query(ctx, tenant, text, after, limit)
	all, err := collect(found, err, scanEvent)
	for i := range all {
		e.Last = all[i].Seq
		if !intact(eventHash(&all[i].Event), all[i].hash) {
			e.Damaged = append(e.Damaged, e.Last)
			continue
		}
		e.Events = append(e.Events, all[i].Event)
	}
	return e, err
}

func scanLease(sc scanner) (l desk.Lease, err error) {
	var until int64
	err = sc.Scan((*int64)(&l.Tenant), &l.Reader, &l.Seq, &l.Holder, &until)
	l.Until = moment(until)
	return l, err
}

// Hold takes or renews a reader's lease until l.Until, when it is free, over by
// now, or l.Holder's own, and says where the reader stands; Conflict when
// somebody else holds it. A reader that never ran stands before the first event.
func (s *Store) Hold(ctx context.Context, l desk.Lease, now time.Time) (desk.Lease, error) {
	// Those who lose look without writing: there is one of them on every other node.
	found, err := s.query(ctx, l.Tenant, `SELECT tenant_id, name, seq, holder, until FROM reader WHERE tenant_id = $1 AND name = $2`, l.Reader)
	all, err := collect(found, err, scanLease)
	if err != nil {
		return l, err
	}
	if len(all) == 1 && all[0].Holder != "" && all[0].Holder != l.Holder && all[0].Until.After(now) {
		return l, leased(l)
	}
	err = s.change(ctx, func(t *tx) error {
		err := t.row(ctx, l.Tenant, `INSERT INTO reader (tenant_id, name, seq, holder, until) VALUES ($1, $2, 0, $3, $4)
			ON CONFLICT (tenant_id, name) DO UPDATE SET holder = $3, until = $4
			WHERE reader.holder = '' OR reader.holder = $3 OR reader.until <= $5
			RETURNING seq`, l.Reader, l.Holder, micros(l.Until), micros(now)).Scan(&l.Seq)
		if missing(err) {
			return leased(l)
		}
		return err
	})
	return l, err
}

func leased(l desk.Lease) error {
	return desk.Errorf(desk.Conflict, "leased", "another process runs the reader %q of tenant %d", l.Reader, l.Tenant)
}

// Advance moves the cursor from l.Seq to another event; Conflict when the lease
// is no longer l.Holder's or the cursor not where it was. It asks no clock: a
// lease that is over and that nobody has taken is still good.
func (s *Store) Advance(ctx context.Context, l desk.Lease, to int64) error {
	return s.change(ctx, func(t *tx) error { return t.advance(ctx, l, to) })
}

func (t *tx) advance(ctx context.Context, l desk.Lease, to int64) error {
	n, err := t.exec(ctx, l.Tenant, `UPDATE reader SET seq = $5 WHERE tenant_id = $1 AND name = $2 AND holder = $3 AND seq = $4`,
		l.Reader, l.Holder, l.Seq, to)
	if err == nil && n == 0 {
		return leased(l)
	}
	return err
}

// LetGo gives a lease back, so that others need not wait for its end.
func (s *Store) LetGo(ctx context.Context, l desk.Lease) error {
	return s.change(ctx, func(t *tx) error {
		_, err := t.exec(ctx, l.Tenant, `UPDATE reader SET holder = '', until = 0 WHERE tenant_id = $1 AND name = $2 AND holder = $3`,
			l.Reader, l.Holder)
		return err
	})
}

// cursor is where a reader stands, whoever runs it; 0 when it never ran.
func (s *Store) cursor(ctx context.Context, tenant desk.TenantID, reader string) (int64, error) {
	found, err := s.query(ctx, tenant, `SELECT tenant_id, name, seq, holder, until FROM reader WHERE tenant_id = $1 AND name = $2`, reader)
	all, err := collect(found, err, scanLease)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[0].Seq, nil
}

// head is the number of a tenant's newest event.
func (s *Store) head(ctx context.Context, tenant desk.TenantID) (int64, error) {
	found, err := s.query(ctx, tenant, `SELECT seq FROM counter WHERE tenant_id = $1`)
	all, err := collect(found, err, scanCount)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	return all[0], nil
}

func scanCount(sc scanner) (n int64, err error) {
	err = sc.Scan(&n)
	return n, err
}

// eventHashAt is the hash of one event, which tells one history from another;
// nil when there is no such event.
func (s *Store) eventHashAt(ctx context.Context, tenant desk.TenantID, seq int64) ([]byte, error) {
	found, err := s.query(ctx, tenant, `SELECT hash FROM event WHERE tenant_id = $1 AND seq = $2`, seq)
	all, err := collect(found, err, func(sc scanner) (h []byte, err error) {
		err = sc.Scan(&h)
		return h, err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}
