package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/afterbeep/afterbeep/bench/load"
)

// asks is how often each page is asked for in a round, on each side; so many more
// go before, to fill the caches.
const (
	asks    = 600
	warming = 50
)

// What the desk promises of a page, at the 99th percentile: milliseconds with a
// million messages, and how often it may take what it takes with a thousand.
const (
	pageTarget = 50
	pageRatio  = 1.5
	smallDesk  = 1000
)

// desk compares the pages of a large desk with those of a small one, both servers
// asked in turns.
func (b *bench) desk() error {
	for _, engine := range b.engines {
		small, err := b.counter(engine, smallDesk)
		if err != nil {
			return fmt.Errorf("%s, %d messages: %w", engine, smallDesk, err)
		}
		large, err := b.counter(engine, b.million)
		if err != nil {
			return fmt.Errorf("%s, %d messages: %w", engine, b.million, err)
		}
		b.say("  %s: %d threads are open of %d messages, %d of %d", engine, small.town.open, small.messages, large.town.open, large.messages)
		for _, e := range errands() {
			if err := b.compareErrand(engine, e, small, large); err != nil {
				return fmt.Errorf("%s, %s: %w", engine, e.what, err)
			}
		}
		if err := errors.Join(small.leave(), large.leave()); err != nil {
			return err
		}
	}
	return nil
}

// asked is what came of one errand: of each side, a figure a round.
type asked struct{ p50, p99, wire []float64 }

func (a *asked) add(h *load.Histogram, wire int) {
	a.p50, a.p99 = append(a.p50, milliseconds(h.Quantile(0.5))), append(a.p99, milliseconds(h.Quantile(0.99)))
	a.wire = append(a.wire, float64(wire)/1024)
}

func (b *bench) compareErrand(engine string, e errand, small, large *counter) error {
	var few, many asked
	for round := range b.rounds {
		sides := []*counter{small, large}
		times := map[*counter]*load.Histogram{small: {}, large: {}}
		wire := map[*counter]int{}
		for i := range warming + asks {
			if (i+round)%2 == 1 {
				sides[0], sides[1] = large, small
			} else {
				sides[0], sides[1] = small, large
			}
			for _, side := range sides {
				p, err := e.do(side, i)
				if err != nil {
					return fmt.Errorf("%d messages: %w", side.messages, err)
				}
				if i >= warming {
					times[side].Add(p.Took)
				}
				wire[side] = p.Wire
			}
		}
		few.add(times[small], wire[small])
		many.add(times[large], wire[large])
	}
	b.noteErrand(engine, e, &few, &many)
	return nil
}

func (b *bench) noteErrand(engine string, e errand, few, many *asked) {
	at50, at99 := divided(many.p50, few.p50), divided(many.p99, few.p99)
	b.say("  %-10s %-34s p99 %.1f ms, p50 %.1f ms; × %.2f and × %.2f of %d messages'", engine, e.what,
		median(many.p99), median(many.p50), median(at99), median(at50), smallDesk)
	row := engine + ", " + e.what
	whole := record{What: fmt.Sprintf("%s: p99 of %d messages", row, b.million), Unit: "ms", Values: many.p99}
	whole.atMost(pageTarget)
	ratio := record{What: fmt.Sprintf("%s: p99 of %d messages against %d", row, b.million, smallDesk), Unit: "×", Values: at99}
	if e.other {
		ratio = record{Row: row, What: "ratio of p99", Values: at99}
	} else {
		ratio.atMost(pageRatio)
	}
	b.note("desk", whole, ratio,
		record{Row: row, What: fmt.Sprintf("p50 of %d", smallDesk), Unit: "ms", Values: few.p50},
		record{Row: row, What: fmt.Sprintf("p99 of %d", smallDesk), Unit: "ms", Values: few.p99},
		record{Row: row, What: fmt.Sprintf("p50 of %d", b.million), Unit: "ms", Values: many.p50},
		record{Row: row, What: fmt.Sprintf("p99 of %d", b.million), Unit: "ms", Values: many.p99},
		record{Row: row, What: "ratio of p50", Values: at50},
		record{Row: row, What: "on the wire", Unit: "KiB", Values: many.wire},
	)
}

// divided divides round by round.
func divided(a, b []float64) (v []float64) {
	for i := range a {
		v = append(v, a[i]/cmp.Or(b[i], 0.001))
	}
	return v
}

// spread picks so many of a list, all over it.
func spread[T any](all []T, most int) []T {
	if len(all) <= most {
		return slices.Clone(all)
	}
	some := make([]T, most)
	for i := range some {
		some[i] = all[i*len(all)/most]
	}
	return some
}
