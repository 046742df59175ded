package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/bench/load"
	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

// tuned are a PostgreSQL's settings that anybody who runs one sets: memory, and
// a checkpoint less often than every few seconds. Flushing is as it is shipped.
func tuned() postgres.Options {
	return postgres.Options{Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "4GB", "checkpoint_timeout": "15min",
	}}
}

// shared starts a server on a new database of that PostgreSQL.
func (b *bench) shared(pg *postgres.Server) (*server, error) {
	o := on(pg.Database(b.stage))
	return b.serve(o, rig.Provision(b.stage, o))
}

// on is how a server is run on a database.
func on(db postgres.DB) rig.Options {
	o := settings("", "")
	o.Database, o.Migrate = db.App, db.Owner
	return o
}

// many compares SQLite with PostgreSQL, with PostgreSQL and a synchronous
// standby, and with two nodes on one PostgreSQL: everything on this machine, the
// load too, in turns.
func (b *bench) many() error {
	alone := postgres.Start(b.stage, tuned())
	primary := postgres.Start(b.stage, tuned())
	primary.Standby(b.stage, "standby", tuned())
	primary.Synchronous("standby")
	taken := map[string][]*sample{}
	sides := []struct {
		name string
		run  func() (*sample, error)
	}{
		{"SQLite", func() (*sample, error) { return b.once("", load.Plan{Connections: 256}) }},
		{"PostgreSQL", func() (*sample, error) { return b.onceOn(alone) }},
		{"PostgreSQL, one synchronous standby", func() (*sample, error) { return b.onceOn(primary) }},
		{"PostgreSQL, two nodes", func() (*sample, error) { return b.twice(alone) }},
	}
	for round := range b.rounds {
		turns := slices.Clone(sides)
		if round%2 == 1 {
			slices.Reverse(turns)
		}
		for _, side := range turns {
			m, err := side.run()
			if err != nil {
				return fmt.Errorf("%s: %w", side.name, err)
			}
			b.say("  %-36s round %d: %s", side.name, round+1, m)
			taken[side.name] = append(taken[side.name], m)
		}
	}
	for _, c := range []struct {
		what, side, against string
		least               float64
	}{
		{"PostgreSQL against SQLite", sides[1].name, sides[0].name, 0.7},
		{"one synchronous standby against SQLite", sides[2].name, sides[0].name, 0.6},
		{"two nodes against one", sides[3].name, sides[1].name, 1},
	} {
		r := record{What: "256 connections: " + c.what, Unit: "×", Values: ratios(taken[c.side], taken[c.against], (*sample).Rate)}
		r.atLeast(c.least)
		b.note("many", r)
	}
	for _, side := range sides {
		b.detail("many", "256 connections, "+side.name, taken[side.name])
	}
	return nil
}

func (b *bench) onceOn(pg *postgres.Server) (*sample, error) {
	s, err := b.shared(pg)
	if err != nil {
		return nil, err
	}
	m, err := b.measure(s, load.Plan{Connections: 256})
	return m, errors.Join(err, s.leave())
}

// acquaint is longer than it takes nodes to learn of each other, who then share
// the database's flushes. Until then each flushes as if it were alone.
const acquaint = 8 * time.Second

// twice measures two nodes on one database, half of the connections each.
func (b *bench) twice(pg *postgres.Server) (*sample, error) {
	one, err := b.shared(pg)
	if err != nil {
		return nil, err
	}
	two, err := b.serve(one.options, one.creds)
	if err != nil {
		return nil, err
	}
	time.Sleep(acquaint)
	before, err := two.counters()
	if err != nil {
		return nil, err
	}
	cpu := two.cpu()
	m, err := b.measure(one, load.Plan{Connections: 256, Also: []string{two.host()}})
	if err != nil {
		return nil, err
	}
	m.cpu += two.cpu() - cpu
	after, err := two.counters()
	if err := errors.Join(err, one.leave(), two.leave()); err != nil {
		return nil, err
	}
	m.take(before, after)
	return m, nil
}

// manySorting drains a backlog on PostgreSQL with one node.
func (b *bench) manySorting() error {
	pg := postgres.Start(b.stage, tuned())
	var perSecond, perNode []float64
	for range b.rounds {
		o := on(pg.Database(b.stage))
		creds := rig.Provision(b.stage, o)
		if err := b.fill(o, b.drain, time.Hour, letters(creds)); err != nil {
			return err
		}
		s, err := b.serve(o, creds)
		if err != nil {
			return err
		}
		if err := s.drained(b, 10*time.Minute); err != nil {
			return err
		}
		wall, cpu := time.Since(s.Began), s.cpu()
		b.say("  %d messages sorted in %.1f s and %.1f s of the node's processor time", b.drain, wall.Seconds(), cpu.Seconds())
		perSecond = append(perSecond, float64(b.drain)/wall.Seconds())
		perNode = append(perNode, float64(b.drain)/cpu.Seconds())
		if err := s.leave(); err != nil {
			return err
		}
	}
	r := record{What: fmt.Sprintf("PostgreSQL: sorted a second, a backlog of %d", b.drain), Unit: "msg/s", Values: perSecond}
	r.atLeast(8000)
	b.note("many-sorting", r, record{Row: "PostgreSQL", What: "sorted a second of the node's processor time", Unit: "msg/core-s", Values: perNode})
	return nil
}
