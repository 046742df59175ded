package app

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/api"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// reading is where /v1 reads messages: as commands do.
type reading struct{ *App }

func (r reading) Message(ctx context.Context, tenant desk.TenantID, name string) ([]desk.Listed, error) {
	return r.Store.Message(ctx, tenant, name)
}

// programs makes /v1. Its keys are those of the settings' pages.
func (h *house) programs(p *people.People, keys *people.Keys) (*api.Surface, error) {
	return api.New(api.Parts{
		Desk: h.desk, People: p, Keys: keys, Messages: reading{&App{Store: h.store, finder: h.finder}},
		Rooms: h.store, Book: h.store, Log: h.store, Feed: h.feed, Intake: h.intake, Snapshot: h.keeper,
		Draining: h.draining, Now: time.Now, Logger: h.log, Observe: h.meters.answered,
		Address: h.set.Staff.URL, Body: h.set.Limits.Body, PerKey: h.set.Limits.PerApp,
	})
}

// Keys are the API keys, for commands.
func (a *App) Keys() *people.Keys { return people.NewKeys(a.Store, time.Now) }
