package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

// looks are what staff look at most: the first page of the open threads, and the
// first page of searches for what is rare, common, Chinese, and a number's end.
var looks = []struct {
	what string
	do   func(b *bench, a *app.App, i int) error
}{
	{"first page of the inbox", func(b *bench, a *app.App, _ int) error {
		page, err := a.Store.Threads(b.ctx, desk.DefaultTenant, desk.Query{State: desk.New, Limit: 50})
		return full(len(page), 50, err)
	}},
	{"search for a caller", func(b *bench, a *app.App, i int) error {
		_, caller, _ := letter(1000 + i*7%8000)
		return b.search(a, caller, 1)
	}},
	{"search for a common word", func(b *bench, a *app.App, _ int) error { return b.search(a, "invoice", 50) }},
	{"search for two Chinese characters", func(b *bench, a *app.App, _ int) error { return b.search(a, "退款", 50) }},
	{"search for two words", func(b *bench, a *app.App, _ int) error { return b.search(a, "delivery address", 50) }},
	{"search for the last digits of a number", func(b *bench, a *app.App, i int) error {
		_, caller, _ := letter(1000 + i*7%8000)
		return b.search(a, caller[5:], 1)
	}},
}

func (b *bench) search(a *app.App, text string, least int) error {
	page, err := a.Messages(b.ctx, desk.DefaultTenant, desk.Query{Text: text, Limit: 50})
	return full(len(page), least, err)
}

// full: a page that came back empty is fast, and proves nothing.
func full(rows, least int, err error) error {
	if err == nil && rows < least {
		err = fmt.Errorf("%d rows, %d were to be found", rows, least)
	}
	return err
}

// pages compares a store of a million messages with one of ten thousand.
func (b *bench) pages() error {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		small, err := b.opened(engine, 10_000)
		if err != nil {
			return err
		}
		large, err := b.opened(engine, b.million)
		if err != nil {
			return errors.Join(err, small.Close())
		}
		err = b.comparePages(engine, small, large)
		if err = errors.Join(err, small.Close(), large.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) comparePages(engine string, small, large *app.App) error {
	for _, l := range looks {
		var few, many, ratio []float64
		for round := range max(b.rounds, 3) {
			sides := []*app.App{small, large}
			if round%2 == 1 {
				slices.Reverse(sides)
			}
			took := map[*app.App]float64{}
			for _, side := range sides {
				var err error
				if took[side], err = b.median(side, l.do); err != nil {
					return fmt.Errorf("%s, %s: %w", engine, l.what, err)
				}
			}
			few, many, ratio = append(few, took[small]), append(many, took[large]), append(ratio, took[large]/took[small])
		}
		b.say("  %-10s %-40s %.2f ms of 10,000, %.2f ms of %d", engine, l.what, median(few), median(many), b.million)
		r := record{What: fmt.Sprintf("%s, %s: median of %d against 10,000", engine, l.what, b.million), Unit: "×", Values: ratio}
		r.atMost(1.5)
		b.note("pages", r,
			record{Row: engine + ", " + l.what, What: "of 10,000", Unit: "ms", Values: few},
			record{Row: engine + ", " + l.what, What: fmt.Sprintf("of %d", b.million), Unit: "ms", Values: many})
	}
	return nil
}

// median asks some hundred times and gives the median in milliseconds.
func (b *bench) median(a *app.App, do func(*bench, *app.App, int) error) (float64, error) {
	var all []float64
	for i := range 120 {
		began := time.Now()
		if err := do(b, a, i); err != nil {
			return 0, err
		}
		if i >= 20 { // the first ones fill caches
			all = append(all, milliseconds(time.Since(began)))
		}
	}
	return median(all), nil
}

// opened is a store with so many messages, sorted and indexed.
func (b *bench) opened(engine string, n int) (*app.App, error) {
	if engine == "SQLite" {
		o, creds, err := b.seeded(n)
		if err != nil {
			return nil, err
		}
		return b.indexed(o, creds)
	}
	o := on(postgres.Start(b.stage, tuned()).Database(b.stage))
	b.say("seeding %d messages in PostgreSQL", n)
	creds := rig.Provision(b.stage, o)
	if err := b.fill(o, creds, n, 30*24*time.Hour); err != nil {
		return nil, err
	}
	return b.indexed(o, creds)
}

// indexed lets a server take in what it has not yet, and opens the store.
func (b *bench) indexed(o rig.Options, creds rig.Credentials) (*app.App, error) {
	s, err := b.serve(o, creds)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.drained(b, time.Hour), s.indexed(b, time.Hour), s.leave()); err != nil {
		return nil, err
	}
	return b.store(o)
}
