package app

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/password"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store"
)

// staffed lets people use the store.
type staffed struct{ *store.Store }

func (s staffed) Staff(ctx context.Context, tenant desk.TenantID, do func(people.Staff) error) error {
	return s.Store.Staff(ctx, tenant, func(t *store.Staff) error { return do(t) })
}

// newPeople makes the room of those who work here. own is the installation's
// secret, which is not in the database; it may be empty.
func newPeople(st *store.Store, d *handling.Desk, own []byte, log *slog.Logger) *people.People {
	vault := people.NewVault(st, own, time.Now)
	guard := people.NewGuard(st, vault, time.Now)
	return people.New(staffed{st}, vault, guard, password.New(runtime.GOMAXPROCS(0)), people.Settings{
		Now: time.Now, Log: log,
		Gone: func(ctx context.Context, tenant desk.TenantID, who desk.PersonID) {
			if _, err := d.GiveBack(ctx, people.Operator(tenant), who); err != nil && log != nil {
				log.Warn("the threads of somebody who was disabled wait for an administrator", "person", who.String(), "error", err.Error())
			}
		},
	})
}

// People is who works here, for commands.
func (a *App) People() *people.People {
	return newPeople(a.Store, a.Handling, []byte(a.set.Staff.Secret), nil)
}

// Operator is who works on the command line.
func Operator(tenant desk.TenantID) desk.Actor { return people.Operator(tenant) }
