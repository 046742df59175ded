package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/bench/load"
)

// ceiling compares the server with itself, its journal replaced by nothing: it
// still authenticates, decodes, checks and answers.
func (b *bench) ceiling() error {
	for _, c := range b.connections {
		var stored, ceiling []*sample
		for round := range b.rounds {
			sides := []string{plain, "no-journal"}
			if round%2 == 1 {
				slices.Reverse(sides)
			}
			for _, side := range sides {
				m, err := b.once(side, load.Plan{Connections: c})
				if err != nil {
					return err
				}
				b.say("  %d connections, round %d, teeth %-10s %s", c, round+1, side, m)
				if side == plain {
					stored = append(stored, m)
				} else {
					ceiling = append(ceiling, m)
				}
			}
		}
		b.compare(c, stored, ceiling)
	}
	return nil
}

// once measures a server on a fresh folder.
func (b *bench) once(teeth string, p load.Plan) (*sample, error) {
	s, err := b.fresh(teeth)
	if err != nil {
		return nil, err
	}
	m, err := b.measure(s, p)
	return m, errors.Join(err, s.retire())
}

func (b *bench) compare(c int, stored, ceiling []*sample) {
	at := connections(c)
	if c >= 64 {
		rate := record{What: at + ": share of the ceiling's rate", Unit: "×", Values: ratios(stored, ceiling, (*sample).Rate)}
		slowest := record{What: at + ": p99 against the ceiling's", Unit: "×", Values: ratios(stored, ceiling, p99)}
		rate.atLeast(0.75)
		slowest.atMost(1.2)
		if c >= 256 {
			rate.atLeast(0.90)
		}
		b.note("ceiling", rate, slowest)
	}
	if c >= 256 {
		full := record{What: at + ": messages a flush", Values: values(stored, perFlush)}
		full.atLeast(50)
		b.note("ceiling", full)
	}
	b.detail("ceiling", at+", stored", stored)
	b.detail("ceiling", at+", ceiling", ceiling)
}

func connections(n int) string {
	if n == 1 {
		return "one connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// detail notes the figures of one side.
func (b *bench) detail(suite, row string, all []*sample) {
	for _, f := range []struct {
		what, unit string
		of         func(*sample) float64
	}{
		{"acknowledged", "msg/s", (*sample).Rate},
		{"p50", "ms", p50},
		{"p99", "ms", p99},
		{"longest", "ms", longest},
		{"server's processor time a message", "µs", (*sample).cost},
		{"messages a flush", "", perFlush},
		{"not acknowledged", "", func(m *sample) float64 { return float64(m.Unacked()) }},
	} {
		b.note(suite, record{Row: row, What: f.what, Unit: f.unit, Values: values(all, f.of)})
	}
}

// lone compares one connection alone with what the disk takes for one small
// flushed append, in turns, on the same disk.
func (b *bench) lone() error {
	s, err := b.fresh("")
	if err != nil {
		return err
	}
	var ratio, left, disk []float64
	for range b.rounds {
		flush, err := flushes(b.stage.dir, b.seconds/2)
		if err != nil {
			return err
		}
		m, err := b.measure(s, load.Plan{Connections: 1, Warm: b.warm / 2, Duration: b.seconds / 2})
		if err != nil {
			return err
		}
		d := milliseconds(flush.Quantile(0.5))
		disk, left, ratio = append(disk, d), append(left, p50(m)), append(ratio, p50(m)/d)
		b.say("  one connection: p50 %.3f ms; one append: p50 %.3f ms", p50(m), d)
		if err := s.drained(b, time.Minute); err != nil {
			return err
		}
	}
	r := record{What: "one connection: p50 against 4 KiB append + fdatasync", Unit: "×", Values: ratio}
	r.atMost(1.5)
	b.note("lone", r,
		record{Row: "one connection", What: "p50", Unit: "ms", Values: left},
		record{Row: "4 KiB append + fdatasync", What: "p50", Unit: "ms", Values: disk})
	return s.retire()
}

// fullStore compares a store with millions of messages with an empty one.
func (b *bench) fullStore() error {
	o, creds, err := b.seeded(b.full)
	if err != nil {
		return err
	}
	full, err := b.serve(o, creds)
	if err != nil {
		return err
	}
	var many, none []*sample
	for round := range b.rounds {
		measureFull := func() error {
			m, err := b.measure(full, load.Plan{Connections: 256})
			if err != nil {
				return err
			}
			many = append(many, m)
			b.say("  %d stored, round %d: %s", b.full, round+1, m)
			return full.drained(b, 10*time.Minute)
		}
		measureEmpty := func() error {
			m, err := b.once("", load.Plan{Connections: 256})
			if err != nil {
				return err
			}
			none = append(none, m)
			b.say("  empty, round %d: %s", round+1, m)
			return nil
		}
		sides := []func() error{measureFull, measureEmpty}
		if round%2 == 1 {
			slices.Reverse(sides)
		}
		for _, side := range sides {
			if err := side(); err != nil {
				return err
			}
		}
	}
	r := record{What: fmt.Sprintf("256 connections: rate with %d stored against an empty store", b.full), Unit: "×", Values: ratios(many, none, (*sample).Rate)}
	r.atLeast(0.95)
	b.note("full", r)
	b.detail("full", fmt.Sprintf("256 connections, %d stored", b.full), many)
	b.detail("full", "256 connections, empty store", none)
	return full.leave()
}

// sorting drains a backlog that was written before the server started.
func (b *bench) sorting() error {
	var perCore, perSecond []float64
	for range b.rounds {
		wall, cpu, err := b.drainOnce()
		if err != nil {
			return err
		}
		perCore = append(perCore, float64(b.drain)/cpu.Seconds())
		perSecond = append(perSecond, float64(b.drain)/wall.Seconds())
		b.say("  %d messages sorted in %.1f s and %.1f s of processor time", b.drain, wall.Seconds(), cpu.Seconds())
	}
	var (
		during, without []*sample
		sorted          []float64
	)
	for round := range b.rounds {
		for _, backlog := range []int{0, b.drain} {
			m, left, err := b.leaveWhileSorting(backlog)
			if err != nil {
				return err
			}
			b.say("  %d/s with a backlog of %d, round %d (%d left at the end): %s", b.rate, backlog, round+1, left, m)
			if backlog == 0 {
				without = append(without, m)
			} else {
				during = append(during, m)
				sorted = append(sorted, (float64(backlog-left)+m.counted)/(b.warm+b.seconds).Seconds())
			}
		}
	}
	core := record{What: "sorting: messages a second of one core's time", Unit: "msg/core-s", Values: perCore}
	core.atLeast(10_000)
	ratio := record{What: fmt.Sprintf("intake's p99 at %d/s while sorting drains against without", b.rate), Unit: "×", Values: ratios(during, without, p99)}
	ratio.atMost(2)
	b.note("sorting", core, ratio)
	b.note("sorting", record{Row: fmt.Sprintf("a backlog of %d, nobody leaving messages", b.drain), What: "sorted", Unit: "msg/s", Values: perSecond})
	b.note("sorting", record{Row: fmt.Sprintf("the same at %d/s", b.rate), What: "sorted", Unit: "msg/s", Values: sorted})
	b.detail("sorting", fmt.Sprintf("%d/s while a backlog drains", b.rate), during)
	b.detail("sorting", fmt.Sprintf("%d/s without a backlog", b.rate), without)
	return nil
}

// backlogged starts a server on a fresh folder whose journal holds n messages.
func (b *bench) backlogged(n int) (*server, error) {
	s, err := b.fresh("")
	if err != nil || n == 0 {
		return s, err
	}
	if err := s.leave(); err != nil {
		return nil, err
	}
	if err := b.fill(s.options, n, time.Hour, letters(s.creds)); err != nil {
		return nil, err
	}
	return b.serve(s.options, s.creds)
}

func (b *bench) drainOnce() (wall, cpu time.Duration, err error) {
	s, err := b.backlogged(b.drain)
	if err != nil {
		return 0, 0, err
	}
	if err := s.drained(b, 10*time.Minute); err != nil {
		return 0, 0, err
	}
	// Sorting began with the process, so both are taken from its beginning.
	return time.Since(s.Began), s.cpu(), s.retire()
}

func (b *bench) leaveWhileSorting(backlog int) (m *sample, left int, err error) {
	s, err := b.backlogged(backlog)
	if err != nil {
		return nil, 0, err
	}
	m, err = b.measure(s, load.Plan{Connections: 64, Rate: float64(b.rate)})
	if err != nil {
		return nil, 0, err
	}
	left, err = s.backlog()
	if err == nil && backlog > 0 && left == 0 {
		err = errors.New("the backlog was gone before the measurement ended; make it larger (-drain)")
	}
	return m, left, errors.Join(err, s.retire())
}

// start measures what an operator sees: how soon, how much memory, how large.
func (b *bench) start() error {
	o, creds, err := b.seeded(b.million)
	if err != nil {
		return err
	}
	var ready, idle, flood []float64
	for range max(b.rounds, 3) {
		s, err := b.serve(o, creds)
		if err != nil {
			return err
		}
		ready = append(ready, milliseconds(s.Took))
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(3 * time.Second): // what start needed is given back
		}
		idle = append(idle, mebibytes(s.Resident()))
		if err := s.leave(); err != nil {
			return err
		}
	}
	for range b.rounds {
		m, err := b.once("", load.Plan{Connections: 256})
		if err != nil {
			return err
		}
		flood = append(flood, mebibytes(m.peak))
	}
	size, err := os.Stat(os.Getenv("AFTERBEEP_BIN"))
	if err != nil {
		return err
	}
	soon := record{What: fmt.Sprintf("start to ready, %d stored", b.million), Unit: "ms", Values: ready}
	soon.atMost(300)
	rest := record{What: "resident memory, idle", Unit: "MiB", Values: idle}
	rest.atMost(60)
	busy := record{What: "resident memory in a flood of 256 connections, the most", Unit: "MiB", Values: flood}
	busy.atMost(200)
	file := record{What: "binary, stripped and static", Unit: "MiB", Values: []float64{mebibytes(size.Size())}}
	file.atMost(30)
	b.note("start", soon, rest, busy, file)
	return nil
}
