package main

import (
	"context"
	"errors"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// demoPassword is everybody's in the demo, which listens on this machine alone.
const demoPassword = "nobody keeps this secret"

// cast are the people of the demo.
func cast() []desk.Person {
	return []desk.Person{
		{Login: "ann", Name: "Ann 安", Role: desk.RoleAgent, Locale: "en"},
		{Login: "wei", Name: "魏明", Role: desk.RoleAgent, Locale: "zh_CN"},
		{Login: "sam", Name: "Sam Okoye", Role: desk.RoleSupervisor, Locale: "en"},
		{Login: "ada", Name: "Ada Lindqvist", Role: desk.RoleAdministrator, Locale: "en"},
	}
}

// hire makes the people of the demo; on a folder of an earlier one they are there.
func hire(ctx context.Context, a *app.App, t desk.Tenant) error {
	operator := app.Operator(t.ID)
	for _, p := range cast() {
		p.Tenant = t.ID
		if _, _, err := a.People().Create(ctx, &operator, p, demoPassword); err != nil && desk.KindOf(err) != desk.Conflict {
			return err
		}
	}
	return nil
}

// use lets the people of the demo do some work, so that its inbox is one in use.
// It waits until the messages have their threads.
func (c *cli) use(ctx context.Context, s config.Settings) (err error) {
	a, err := app.Open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	t, err := a.Store.Tenant(ctx, c.tenantName())
	if err != nil {
		return err
	}
	operator := app.Operator(t.ID)
	who := map[string]desk.Actor{}
	for _, p := range cast() {
		found, err := a.People().Find(ctx, &operator, desk.Whom{Login: p.Login})
		if err != nil {
			return err
		}
		who[p.Login] = found.Actor("")
	}
	threads, err := threadsOf(ctx, a, t, 7)
	if err != nil {
		return err
	}
	for _, th := range threads {
		if th.State != desk.New {
			return nil // an earlier demo has been at work here
		}
	}
	return scenes(ctx, a, who, threads)
}

// threadsOf waits for so many threads.
func threadsOf(ctx context.Context, a *app.App, t desk.Tenant, n int) ([]desk.Thread, error) {
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for range 100 {
		all, err := a.Store.Threads(ctx, t.ID, desk.Query{Limit: n})
		if err != nil || len(all) >= n {
			return all, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-look.C:
		}
	}
	return nil, desk.Errorf(desk.Busy, "demo", "the demo's messages are not sorted yet")
}

// scenes are a morning at the desk: one reached and closed, one who did not pick
// up, one being worked on, one given to a colleague.
func scenes(ctx context.Context, a *app.App, who map[string]desk.Actor, threads []desk.Thread) error {
	d, ann, wei, sam := a.Handling, who["ann"], who["wei"], who["sam"]
	for _, act := range []func() error{
		func() error { _, err := d.Claim(ctx, wei, threads[4].ID, 0); return err },
		func() error {
			_, err := d.Call(ctx, wei, threads[4].ID, 0, callOf(desk.Reached, "已重开发票，下午寄出", true))
			return err
		},
		func() error { _, err := d.Claim(ctx, ann, threads[5].ID, 0); return err },
		func() error {
			_, err := d.Call(ctx, ann, threads[5].ID, 0, callOf(desk.NoAnswer, "rang for a minute", false))
			return err
		},
		func() error { return d.Note(ctx, ann, threads[1].ID, "Asked billing to stop the renewal first.") },
		func() error { _, err := d.Claim(ctx, ann, threads[1].ID, 0); return err },
		func() error { _, err := d.Assign(ctx, sam, threads[2].ID, 0, wei.Person); return err },
	} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

func callOf(outcome desk.Outcome, note string, done bool) app.Call {
	return app.Call{Outcome: outcome, Note: note, Close: done}
}
