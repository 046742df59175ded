// Package people is who works here: how staff prove who they are, what their
// sessions and API keys may, and how strangers are kept from guessing. It knows
// no HTTP: a surface hands it what a request carried and gets an Actor back.
//
// It promises that nobody learns from an answer whether a login exists, that
// guessing is limited without locking the owner out, that no secret is stored in
// a form that could be used, and that whatever changes who may do what is in the
// audit log in the same transaction.
package people

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/password"
)

// Store is what people needs of the store about staff.
type Store interface {
	People(ctx context.Context, tenant desk.TenantID) ([]desk.Person, error)
	Person(ctx context.Context, tenant desk.TenantID, who desk.Whom) (desk.Person, error)
	Session(ctx context.Context, tenant desk.TenantID, id []byte) (desk.Session, desk.Person, error)
	Sessions(ctx context.Context, tenant desk.TenantID, who desk.PersonID) ([]desk.Session, error)
	Invited(ctx context.Context, tenant desk.TenantID, hash []byte) (desk.Invite, error)
	Touch(ctx context.Context, tenant desk.TenantID, all []desk.Seen) error
	// Staff runs do in one transaction, again from its beginning when somebody was
	// in the way.
	Staff(ctx context.Context, tenant desk.TenantID, do func(Staff) error) error
}

// Staff is one transaction about people.
type Staff interface {
	Person(ctx context.Context, who desk.Whom) (desk.Person, error) // locked; Missing
	Save(ctx context.Context, p *desk.Person) error
	Begin(ctx context.Context, s desk.Session) error
	End(ctx context.Context, who desk.PersonID, id []byte) (int64, error) // nil: all of them
	Invite(ctx context.Context, i desk.Invite) error
	Redeem(ctx context.Context, hash []byte) (desk.Invite, error)
	Audit(ctx context.Context, d desk.Deed) error
}

// Sweeper removes what is over.
type Sweeper interface {
	Tenants(ctx context.Context) ([]desk.Tenant, error)
	SweepStaff(ctx context.Context, tenant desk.TenantID, now, guesses time.Time) error
}

// Settings of New. The zero value of each is its default.
type Settings struct {
	Idle     time.Duration // a session ends when it was not used for so long; 30 minutes
	Absolute time.Duration // and after so long in any case; 12 hours
	Fresh    time.Duration // for so long what was read of a session is believed; 1 second
	Issuer   string        // whom an authenticator app shows; "Afterbeep"
	Now      func() time.Time
	Log      *slog.Logger
	// Gone is called after a person was disabled, so that her threads can be given
	// back. It may be nil.
	Gone func(ctx context.Context, tenant desk.TenantID, who desk.PersonID)
}

func (s *Settings) defaults() {
	for at, value := range map[*time.Duration]time.Duration{
		&s.Idle: 30 * time.Minute, &s.Absolute: 12 * time.Hour, &s.Fresh: time.Second,
	} {
		if *at == 0 {
			*at = value
		}
	}
	if s.Issuer == "" {
		s.Issuer = "Afterbeep"
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Gone == nil {
		s.Gone = func(context.Context, desk.TenantID, desk.PersonID) {}
	}
}

// People is who works here.
type People struct {
	store  Store
	vault  *Vault
	guard  *Guard
	hasher *password.Hasher
	set    Settings

	mu      sync.Mutex
	known   map[string]known     // sessions as they were read a moment ago, by their ID
	touched map[string]desk.Seen // what is to be written of them
	owners  map[string]desk.TenantID
}

// New makes it. The vault, the guard and the hasher belong to it from then on.
func New(store Store, vault *Vault, guard *Guard, hasher *password.Hasher, set Settings) *People {
	set.defaults()
	return &People{
		store: store, vault: vault, guard: guard, hasher: hasher, set: set,
		known: map[string]known{}, touched: map[string]desk.Seen{}, owners: map[string]desk.TenantID{},
	}
}

// Operator is who works on the command line: whoever may read the settings.
func Operator(tenant desk.TenantID) desk.Actor {
	return desk.Actor{Tenant: tenant, Name: "command line", Role: desk.RoleAdministrator}
}

// now is the time as it is stored.
func (p *People) now() time.Time { return p.set.Now().UTC().Truncate(time.Microsecond) }

// touchEvery is how often it is written when sessions were last used; sweepEvery
// how often what is over is removed.
const (
	touchEvery = 30 * time.Second
	sweepEvery = time.Hour
)

// Run writes down every 30 seconds which sessions were used, and removes what is
// over every hour, until ctx ends.
func (p *People) Run(ctx context.Context, sweep Sweeper) error {
	touch, hourly := time.NewTicker(touchEvery), time.NewTicker(sweepEvery)
	defer touch.Stop()
	defer hourly.Stop()
	for {
		select {
		case <-ctx.Done():
			// What was used since the last time is still worth a transaction.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return p.flush(last)
		case <-touch.C:
			if err := p.flush(ctx); err != nil && ctx.Err() == nil {
				p.set.Log.Warn("when sessions were used is not written down for now", "error", err.Error())
			}
		case <-hourly.C:
			if err := p.sweep(ctx, sweep); err != nil && ctx.Err() == nil {
				p.set.Log.Warn("sessions that are over stay for now", "error", err.Error())
			}
		}
	}
}

// flush writes what was touched, one transaction a tenant. Until it is written it
// is remembered: nobody's session seems older than it is meanwhile.
func (p *People) flush(ctx context.Context) error {
	each := map[desk.TenantID][]desk.Seen{}
	p.mu.Lock()
	for id, seen := range p.touched {
		each[p.owners[id]] = append(each[p.owners[id]], seen)
	}
	p.mu.Unlock()
	for tenant, all := range each {
		if err := p.store.Touch(ctx, tenant, all); err != nil {
			return err
		}
		p.mu.Lock()
		for _, seen := range all {
			id := string(seen.Session)
			if now := p.touched[id]; now.At.Equal(seen.At) && now.PresentUntil.Equal(seen.PresentUntil) {
				delete(p.touched, id)
				delete(p.owners, id)
			}
		}
		p.mu.Unlock()
	}
	return nil
}

func (p *People) sweep(ctx context.Context, s Sweeper) error {
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return err
	}
	now := p.now()
	p.mu.Lock()
	for id, k := range p.known {
		if now.Sub(k.at) > p.set.Fresh {
			delete(p.known, id)
		}
	}
	p.mu.Unlock()
	for _, t := range tenants {
		if err := s.SweepStaff(ctx, t.ID, now, now.Add(-guessMemory)); err != nil {
			return err
		}
	}
	return nil
}
