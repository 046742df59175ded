package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// looks are what staff look at most: the first page of the open threads, and the
// first page of searches for what is rare, common, Chinese, and a number's end.
var looks = []struct {
	what string
	do   func(b *bench, s *shelfed, i int) error
}{
	{"first page of the inbox", func(b *bench, s *shelfed, _ int) error {
		page, err := s.Store.Threads(b.ctx, desk.DefaultTenant, desk.Query{State: desk.New, Limit: 50})
		return full(len(page), 50, err)
	}},
	{"search for a caller", func(b *bench, s *shelfed, i int) error { return b.search(s, s.phone(i*7), 1) }},
	{"search for a common word", func(b *bench, s *shelfed, _ int) error { return b.search(s, "invoice", 50) }},
	{"search for two Chinese characters", func(b *bench, s *shelfed, _ int) error { return b.search(s, "退款", 50) }},
	{"search for two words", func(b *bench, s *shelfed, _ int) error { return b.search(s, "delivery address", 50) }},
	{"search for the last six digits of a number", func(b *bench, s *shelfed, i int) error { return b.search(s, s.phone(i * 7)[5:], 1) }},
}

// shelfed is a store in use that no server runs on.
type shelfed struct {
	*place
	*app.App
}

func (b *bench) search(s *shelfed, text string, least int) error {
	page, err := s.Messages(b.ctx, desk.DefaultTenant, desk.Query{Text: text, Limit: 50})
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
	for _, engine := range b.engines {
		small, err := b.shelfed(engine, 10_000)
		if err != nil {
			return err
		}
		large, err := b.shelfed(engine, b.million)
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

func (b *bench) comparePages(engine string, small, large *shelfed) error {
	for _, l := range looks {
		var few, many, ratio []float64
		for round := range max(b.rounds, 3) {
			sides := []*shelfed{small, large}
			if round%2 == 1 {
				slices.Reverse(sides)
			}
			took := map[*shelfed]float64{}
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
func (b *bench) median(a *shelfed, do func(*bench, *shelfed, int) error) (float64, error) {
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

func (b *bench) shelfed(engine string, n int) (*shelfed, error) {
	p, err := b.used(engine, n)
	if err != nil {
		return nil, err
	}
	a, err := b.store(p.options)
	return &shelfed{p, a}, err
}
