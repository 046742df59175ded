package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/test/rig"
)

// place is a store that a suite may use as it likes: a copy of one that was
// seeded once.
type place struct {
	town
	options rig.Options
	creds   rig.Credentials
}

// staffed is how many agents a store in use has; they share a password.
const (
	staffed  = 200
	password = "four odd socks and a benchmark"
)

func login(n int) string { return fmt.Sprintf("agent-%d", n+1) }

// used gives a copy of a store in which staff have worked: two hundred people,
// three channels, so many messages, and all threads but the newest closed. On
// both engines it is the same, row by row.
func (b *bench) used(engine string, messages int) (*place, error) {
	t := townOf(messages)
	folder, creds, err := b.seed(fmt.Sprintf("used-%d", t.messages), func(o rig.Options) (rig.Credentials, error) { return b.work(t, o) })
	if err != nil {
		return nil, err
	}
	p := &place{town: t, creds: creds}
	if engine == "PostgreSQL" {
		p.options, err = b.moved(t.messages, folder, creds)
		return p, err
	}
	p.options = settings(b.stage.folder(), "")
	return p, os.CopyFS(p.options.Data, os.DirFS(folder))
}

// work makes such a store: customers leave their messages, sorting sorts them,
// and staff work through them.
func (b *bench) work(t town, o rig.Options) (rig.Credentials, error) {
	creds := rig.Provision(b.stage, o)
	channels := []string{creds.ChannelID, b.channel(o, "WeChat 微信", "4h"), b.channel(o, "Shop 网店", "72h")}
	if err := b.hire(o); err != nil {
		return creds, err
	}
	if err := b.fill(o, t.messages, 30*24*time.Hour, t.letters(channels, creds.AppKey)); err != nil {
		return creds, err
	}
	s, err := b.serve(o, creds)
	if err != nil {
		return creds, err
	}
	if err := errors.Join(s.drained(b, time.Hour), s.leave()); err != nil {
		return creds, err
	}
	b.say("closing all threads but the newest %d", t.open)
	if err := b.workThrough(o, t.open); err != nil {
		return creds, err
	}
	return creds, b.settle(o, creds)
}

func (b *bench) workThrough(o rig.Options, open int) error {
	a, err := b.store(o)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(b.ctx)
	var group errgroup.Group
	group.Go(func() error { return a.Store.Run(ctx) }) // carries over what is written, as a server does
	s, err := b.employ(a)
	if err == nil {
		err = s.workThrough(open)
	}
	stop()
	return errors.Join(err, group.Wait(), a.Close())
}

// channel makes one more, with how soon it promises a call.
func (b *bench) channel(o rig.Options, name, target string) string {
	var made rig.Credentials
	out := rig.Must(b.stage, o, "channel", "create", "--name", name, "--target", target, "--json")
	if err := json.Unmarshal([]byte(out), &made); err != nil {
		b.stage.Fatal(err)
	}
	return made.ChannelID
}

// hire makes the agents.
func (b *bench) hire(o rig.Options) error {
	a, err := b.store(o)
	if err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(2) // as many as hash a password at once
	staff, operator := a.People(), app.Operator(desk.DefaultTenant)
	for n := range staffed {
		group.Go(func() error {
			locale := []string{"en", "zh_CN"}[n%2]
			_, _, err := staff.Create(b.ctx, &operator, desk.Person{Login: login(n), Name: fmt.Sprintf("Agent 坐席 %d", n+1), Role: desk.RoleAgent, Locale: locale}, password)
			return err
		})
	}
	return errors.Join(group.Wait(), a.Close())
}

// letters fills in the n-th message.
func (t town) letters(channels []string, appKey string) author {
	return func(n int, m *desk.Message) (err error) {
		c := t.caller(n)
		m.App, m.CallID, m.Caller, m.Text = desk.AppKey(appKey), fmt.Sprintf("call%011d", n), t.phone(c), t.text(n)
		m.UserID, m.UserName, m.Locale = fmt.Sprintf("u%d", c), t.name(c), "zh_CN"
		m.Channel, err = desk.ParseChannelID(channels[c%len(channels)])
		return err
	}
}

// settle lets a server do what is left to do: find words, tell what is overdue.
func (b *bench) settle(o rig.Options, creds rig.Credentials) error {
	s, err := b.serve(o, creds)
	if err != nil {
		return err
	}
	return errors.Join(s.drained(b, time.Hour), s.indexed(b, time.Hour), s.leave())
}
