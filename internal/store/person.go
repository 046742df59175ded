package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const (
	personColumns = `p.tenant_id, p.id, p.login, p.name, p.role, p.channels, p.locale, p.disabled, p.password, p.totp,
	p.totp_step, p.recovery, p.subject, p.epoch, p.created_at, p.seen_at, p.present_until, p.version`
	selectPerson = `SELECT ` + personColumns + ` FROM person p`
)

func scanPerson(sc scanner) (p desk.Person, err error) {
	return p, personInto(&p, sc)
}

// personInto reads a person from a row that begins with her columns; rest are
// those that follow.
func personInto(p *desk.Person, sc scanner, rest ...any) error {
	var (
		channels            string
		recovery            []byte
		made, seen, present int64
	)
	err := sc.Scan(append([]any{
		(*int64)(&p.Tenant), (*int64)(&p.ID), &p.Login, &p.Name, (*string)(&p.Role), &channels, &p.Locale,
		&p.Disabled, &p.Password, &p.TOTP, &p.TOTPStep, &recovery, &p.Subject, &p.Epoch, &made, &seen, &present, &p.Version,
	}, rest...)...)
	if err != nil {
		return err
	}
	p.CreatedAt, p.SeenAt, p.PresentUntil = moment(made), moment(seen), moment(present)
	if len(p.TOTP) == 0 {
		p.TOTP = nil
	}
	for ; len(recovery) >= sha256.Size; recovery = recovery[sha256.Size:] {
		p.Recovery = append(p.Recovery, recovery[:sha256.Size])
	}
	return json.Unmarshal([]byte(channels), &p.Channels)
}

func personArgs(p *desk.Person) ([]any, error) {
	channels, err := json.Marshal(append([]desk.ChannelID{}, p.Channels...))
	recovery := []byte{}
	for _, hash := range p.Recovery {
		recovery = append(recovery, hash...)
	}
	return []any{
		int64(p.ID), p.Version, p.Login, p.Name, string(p.Role), string(channels), p.Locale, flag(p.Disabled), p.Password,
		append([]byte{}, p.TOTP...), p.TOTPStep, recovery, p.Subject, p.Epoch, micros(p.CreatedAt), micros(p.SeenAt),
	}, err
}

// People lists a tenant's people, in the order in which they came.
func (s *Store) People(ctx context.Context, tenant desk.TenantID) ([]desk.Person, error) {
	rows, err := s.query(ctx, tenant, selectPerson+` WHERE p.tenant_id = $1 ORDER BY p.id`)
	return collect(rows, err, scanPerson)
}

// Person reads one person; Missing when there is no such person.
func (s *Store) Person(ctx context.Context, tenant desk.TenantID, who desk.Whom) (desk.Person, error) {
	text, args := whom(who)
	rows, err := s.query(ctx, tenant, selectPerson+` WHERE p.tenant_id = $1`+text, args...)
	all, err := collect(rows, err, scanPerson)
	if err == nil && len(all) == 0 {
		return desk.Person{}, noPerson(who)
	}
	if err != nil {
		return desk.Person{}, s.judge(err, false)
	}
	return all[0], nil
}

// whom is the condition that finds a person behind the tenant's.
func whom(w desk.Whom) (text string, args []any) {
	switch {
	case w.ID != 0:
		return ` AND p.id = $2`, []any{int64(w.ID)}
	case w.Login != "":
		return ` AND p.login = $2`, []any{w.Login}
	case w.Subject != "":
		return ` AND p.subject = $2`, []any{w.Subject}
	}
	return ` ORDER BY p.id LIMIT 1`, nil
}

func noPerson(w desk.Whom) error {
	if w.Login != "" {
		return desk.Errorf(desk.Missing, "person", "there is nobody with the login %q; \"afterbeep user list\" shows who there is", w.Login)
	}
	return desk.Errorf(desk.Missing, "person", "there is no such person")
}

// Staff is a transaction about one tenant's people. Whatever it changes is there
// together with its rows in the audit log, or not at all.
type Staff struct {
	t      *tx
	tenant desk.TenantID
}

// Staff runs do in one transaction. It is run again when somebody else was in the
// way, so do must start from the beginning each time.
func (s *Store) Staff(ctx context.Context, tenant desk.TenantID, do func(*Staff) error) error {
	return s.change(ctx, func(t *tx) error { return do(&Staff{t, tenant}) })
}

// Person reads a person to change her: nobody else does until the transaction
// ends. For the zero Whom it is the first person there is, which also keeps
// others from making one.
func (s *Staff) Person(ctx context.Context, who desk.Whom) (p desk.Person, err error) {
	lock := s.t.s.traits.ForUpdate
	if who == (desk.Whom{}) { // there may be no row to lock but the head of the log
		if err := s.t.auditHead(ctx, &desk.Deed{Tenant: s.tenant}); err != nil {
			return p, err
		}
	}
	text, args := whom(who)
	p, err = scanPerson(s.t.row(ctx, s.tenant, selectPerson+` WHERE p.tenant_id = $1`+text+lock, args...))
	if missing(err) {
		return p, noPerson(who)
	}
	return p, s.t.s.judge(err, false)
}

// Save writes a person: a new one, whose ID it makes, or one that was read.
// Conflict when her login or subject belongs to somebody else.
func (s *Staff) Save(ctx context.Context, p *desk.Person) error {
	if err := desk.CheckPerson(p); err != nil {
		return err
	}
	if p.ID == 0 {
		return s.add(ctx, p)
	}
	args, err := personArgs(p)
	if err != nil {
		return err
	}
	n, err := s.t.exec(ctx, s.tenant, `UPDATE person SET login = $4, name = $5, role = $6, channels = $7, locale = $8,
		disabled = $9, password = $10, totp = $11, totp_step = $12, recovery = $13, subject = $14, epoch = $15,
		created_at = $16, seen_at = $17, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND version = $3`, args...)
	if err == nil && n == 0 {
		return desk.Errorf(desk.Conflict, AgainCode, "somebody else changed this person; look again")
	}
	p.Version++
	return loginTaken(err, p.Login)
}

func (s *Staff) add(ctx context.Context, p *desk.Person) error {
	// The head of the log is locked first, so two who add people take turns.
	if err := s.t.auditHead(ctx, &desk.Deed{Tenant: s.tenant}); err != nil {
		return err
	}
	var last int64
	if err := s.t.row(ctx, s.tenant, `SELECT COALESCE(max(id), 0) FROM person WHERE tenant_id = $1`).Scan(&last); err != nil {
		return s.t.s.judge(err, false)
	}
	p.Tenant, p.ID, p.Version = s.tenant, desk.PersonID(last+1), 1
	args, err := personArgs(p)
	if err != nil {
		return err
	}
	_, err = s.t.exec(ctx, s.tenant, `INSERT INTO person (tenant_id, id, version, login, name, role, channels, locale, disabled,
		password, totp, totp_step, recovery, subject, epoch, created_at, seen_at, present_until)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, 0)`, args...)
	return loginTaken(err, p.Login)
}

func loginTaken(err error, login string) error {
	if desk.KindOf(err) == desk.Conflict && !Again(err) {
		return desk.Wrap(desk.Conflict, "login_exists", "the login \""+login+"\", or the account it stands for, belongs to somebody else already; choose another one", err)
	}
	return err
}

// Audit appends a row to the audit log.
func (s *Staff) Audit(ctx context.Context, d desk.Deed) error {
	d.Tenant = s.tenant
	return s.t.audit(ctx, &d)
}

// Invite keeps a one-time link. The person's older ones are void; several links
// to the first account may wait beside each other, one a node.
func (s *Staff) Invite(ctx context.Context, i desk.Invite) error {
	if i.Person != 0 {
		if _, err := s.t.exec(ctx, s.tenant, `DELETE FROM invite WHERE tenant_id = $1 AND person_id = $2`, int64(i.Person)); err != nil {
			return err
		}
	}
	if len(i.Hash) == 0 { // only the older ones are to go
		return nil
	}
	_, err := s.t.exec(ctx, s.tenant, `INSERT INTO invite (tenant_id, hash, person_id, until) VALUES ($1, $2, $3, $4)`,
		i.Hash, int64(i.Person), micros(i.Until))
	return err
}

// Redeem takes a one-time link, which exists no longer then; Missing when there
// is none. Who is invited to be the first takes the other such links with him.
func (s *Staff) Redeem(ctx context.Context, hash []byte) (i desk.Invite, err error) {
	i, err = scanInvite(s.t.row(ctx, s.tenant, `DELETE FROM invite WHERE tenant_id = $1 AND hash = $2
		RETURNING tenant_id, hash, person_id, until`, hash))
	if missing(err) {
		return i, noInvite()
	}
	if err == nil && i.Person == 0 {
		_, err = s.t.exec(ctx, s.tenant, `DELETE FROM invite WHERE tenant_id = $1 AND person_id = 0`)
	}
	return i, s.t.s.judge(err, false)
}

func noInvite() error {
	return desk.Errorf(desk.Missing, "invite", "this link has been used, or its time is over; ask for a new one")
}

func scanInvite(sc scanner) (i desk.Invite, err error) {
	var until int64
	err = sc.Scan((*int64)(&i.Tenant), &i.Hash, (*int64)(&i.Person), &until)
	i.Until = moment(until)
	return i, err
}

// Invited looks at a one-time link without using it; Missing when there is none.
func (s *Store) Invited(ctx context.Context, tenant desk.TenantID, hash []byte) (desk.Invite, error) {
	rows, err := s.query(ctx, tenant, `SELECT tenant_id, hash, person_id, until FROM invite WHERE tenant_id = $1 AND hash = $2`, hash)
	all, err := collect(rows, err, scanInvite)
	if err == nil && len(all) == 0 {
		return desk.Invite{}, noInvite()
	}
	if err != nil {
		return desk.Invite{}, s.judge(err, false)
	}
	return all[0], nil
}
