package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/bench/load"
)

// unhurried is how many times longer than other measurements a shift is: an agent
// needs a while for one thread.
const unhurried = 5

// agentsAtWork measures a node with all its agents at work, customers leaving
// messages beside them, and the same without the agents.
func (b *bench) agentsAtWork() error {
	for _, engine := range b.engines {
		p, err := b.used(engine, b.million)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		s, err := b.serve(p.options, p.creds)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		b.say("  %s: signing in %d agents", engine, b.agents)
		c, err := b.gather(s, b.agents)
		if err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		if err := c.takeTurns(engine); err != nil {
			return fmt.Errorf("%s: %w", engine, err)
		}
		if err := s.leave(); err != nil {
			return err
		}
	}
	return nil
}

// takeTurns measures shifts, and intake without them.
func (c *crowd) takeTurns(engine string) error {
	var (
		shifts []*shift
		alone  []*load.Result
	)
	for round := range c.rounds {
		sides := []func() error{
			func() error {
				r, err := load.Run(c.ctx, c.customers(c.warm, unhurried*c.seconds))
				alone = append(alone, r)
				return err
			},
			func() error {
				s, err := c.work(unhurried * c.seconds)
				shifts = append(shifts, s)
				return err
			},
		}
		if round%2 == 1 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			if err := errors.Join(side(), c.server.drained(c.bench, c.seconds*10)); err != nil {
				return err
			}
		}
		c.say("  %s, round %d: %s; intake alone p99 %.2f ms", engine, round+1, shifts[round], milliseconds(alone[round].Latency.Quantile(0.99)))
		if r := shifts[round].intake; r.Unacked() > 0 {
			c.say("    messages not acknowledged: %d refused, %d busy, %d limited, %d otherwise, %d without a whole answer; %.200s", r.Failed, r.Busy, r.Limited, r.Other, r.Broken, r.Sample)
		}
		for _, err := range shifts[round].wrong[:min(5, len(shifts[round].wrong))] {
			c.say("    %v", err)
		}
	}
	c.noteShifts(engine, shifts, alone)
	return nil
}

func (s *shift) rate(n float64) float64 { return n / s.lasted.Seconds() }

// String is for the progress on standard error.
func (s *shift) String() string {
	return fmt.Sprintf("%.0f requests/s, %.1f claims/s, %d lost races, %d errors; a claim is on other screens after %.0f ms (p50), %.0f ms (p99), %d of %d; %.2f processors, %.0f MiB; intake p99 %.2f ms",
		s.rate(float64(s.requests())), s.rate(float64(s.claims)), s.lost, s.errors,
		milliseconds(s.seen.Quantile(0.5)), milliseconds(s.seen.Quantile(0.99)), s.seen.Count(), s.claims*(s.agents-1),
		s.processors(), mebibytes(s.peak), milliseconds(s.intake.Latency.Quantile(0.99)))
}

// processors is how many the server kept busy.
func (s *shift) processors() float64 { return s.cpu.Seconds() / s.lasted.Seconds() }

// onScreens is the share of the other screens that were seen to show a claim.
func (s *shift) onScreens() float64 {
	return 100 * float64(s.seen.Count()) / float64(max(1, s.claims*(s.agents-1)))
}

func (c *crowd) noteShifts(engine string, shifts []*shift, alone []*load.Result) {
	of := func(f func(*shift) float64) (v []float64) {
		for _, s := range shifts {
			v = append(v, f(s))
		}
		return v
	}
	late := func(q float64) []float64 {
		return of(func(s *shift) float64 { return milliseconds(s.seen.Quantile(q)) })
	}
	var quiet []float64
	for _, r := range alone {
		quiet = append(quiet, milliseconds(r.Latency.Quantile(0.99)))
	}
	busy := of(func(s *shift) float64 { return milliseconds(s.intake.Latency.Quantile(0.99)) })

	row := fmt.Sprintf("%s, %d agents", engine, c.agentCount())
	wrong := record{What: row + ": answers that ought not to be", Values: of(func(s *shift) float64 { return float64(s.errors) + float64(s.intake.Unacked()) })}
	wrong.atMost(0)
	screens := record{What: row + ": a claim is on other screens, p99", Unit: "ms", Values: late(0.99)}
	screens.atMost(500)
	c.note("agents", wrong, screens)
	for _, d := range []struct {
		what, unit string
		values     []float64
	}{
		{"requests a second", "", of(func(s *shift) float64 { return s.rate(float64(s.requests())) })},
		{"claims a second", "", of(func(s *shift) float64 { return s.rate(float64(s.claims)) })},
		{"lost races", "%", of(func(s *shift) float64 { return 100 * float64(s.lost) / float64(max(1, s.claims+s.lost)) })},
		{"acts repeated after another message", "", of(func(s *shift) float64 { return float64(s.again) })},
		{"claim to other screens, p50", "ms", late(0.5)},
		{"and p99", "ms", late(0.99)},
		{"of other screens", "%", of((*shift).onScreens)},
		{"pieces of streams a second", "", of(func(s *shift) float64 { return s.rate(float64(s.heard)) })},
		{"processors", "", of((*shift).processors)},
		{"resident memory", "MiB", of(func(s *shift) float64 { return mebibytes(s.peak) })},
		{"transactions of the database a second", "", known(of(func(s *shift) float64 { return s.rate(s.transactions) }))},
		{"intake's p99", "ms", busy},
		{"without agents", "ms", quiet},
		{"ratio", "×", divided(busy, quiet)},
	} {
		c.note("agents", record{Row: row, What: d.what, Unit: d.unit, Values: d.values})
	}
	for _, what := range slices.Sorted(maps.Keys(shifts[0].took)) {
		at := func(q float64) []float64 {
			return of(func(s *shift) float64 {
				if h := s.took[what]; h != nil {
					return milliseconds(h.Quantile(q))
				}
				return 0
			})
		}
		c.note("agents-pages", record{Row: engine + ", " + what, What: "p50", Unit: "ms", Values: at(0.5)},
			record{Row: engine + ", " + what, What: "p99", Unit: "ms", Values: at(0.99)})
	}
}

// transactions is how many a PostgreSQL has ended in this database. Of SQLite it
// is not a number, nor when the database could not be asked, which is said.
func (c *crowd) transactions() float64 {
	url := c.server.options.Database
	if url == "" {
		return math.NaN()
	}
	n, err := ended(c.ctx, url)
	if err != nil {
		c.say("the database could not be asked for its transactions, which the report leaves out: %v", err)
		return math.NaN()
	}
	return n
}

func ended(ctx context.Context, url string) (n float64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = conn.QueryRow(ctx, `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`).Scan(&n)
	return n, err
}

// known leaves out what is not a number.
func known(v []float64) []float64 { return slices.DeleteFunc(v, math.IsNaN) }

func (c *crowd) agentCount() int { return len(c.agents) }
