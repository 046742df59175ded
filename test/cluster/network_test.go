package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
	"github.com/afterbeep/afterbeep/test/wire"
)

// fault is one thing that a network does.
type fault struct {
	name string
	do   func(l *wire.Link, chance *rand.Rand)
}

func faults() []fault {
	swallow := func(e wire.Ending) fault {
		return fault{e.String(), func(l *wire.Link, chance *rand.Rand) { l.Swallow(1+chance.IntN(3), e) }}
	}
	return []fault{
		{"cut", func(l *wire.Link, _ *rand.Rand) { l.Hold(true, true) }},
		{"black hole upwards", func(l *wire.Link, _ *rand.Rand) { l.Hold(true, false) }},
		{"black hole downwards", func(l *wire.Link, _ *rand.Rand) { l.Hold(false, true) }},
		{"reset", func(l *wire.Link, _ *rand.Rand) { l.Reset() }},
		{"refused", func(l *wire.Link, _ *rand.Rand) { l.Refuse() }},
		{"latency", func(l *wire.Link, chance *rand.Rand) { l.Slow(between(chance, 20, 150)) }},
		swallow(wire.Reset), swallow(wire.HalfClose), swallow(wire.Silence),
	}
}

func TestD12WhateverTheNetworkDoesTheHistoryIsLinearizable(t *testing.T) {
	rig.Prove(t, partitions, rig.Times(20, 200),
		rig.Control{Variant: "ack-before-commit", Times: 5, Finds: "no order of steps explains"})
}

// partitions breaks and heals the network between the nodes and their database
// under load.
func partitions(t *testing.T, variant string, times int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var (
		c          *cluster
		total      rig.Verdict
		operations int
		slowest    time.Duration
		kinds      = faults()
	)
	for from := 0; from < times; from += faultsACluster {
		c.discard()
		c = newCluster(t, "D12", seed+int64(from), shape{variant: variant})
		c.history = newHistory()
		unwatch := c.history.watch(t, 250*time.Millisecond, func() ([]rig.Message, error) { return rig.TryMessages(t, c.direct("")) })
		end := c.load(writers / 2)
		for n := from; n < min(from+faultsACluster, times); n++ {
			if n%len(kinds) == 0 {
				chance.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
			}
			slowest = max(slowest, c.disturb(&f, kinds[n%len(kinds)], chance))
		}
		end()
		c.settle(&f, 20*time.Second)
		unwatch()
		impossible, n := c.history.check()
		operations += n
		if len(impossible) > 0 {
			f.Breaks("no order of steps explains the histories of %d letters, for example %.60q", len(impossible), slices.Min(impossible))
		}
		if variant == "" {
			c.sorted(t, &f)
			if !c.history.drop() {
				f.Breaks("nothing was acknowledged: the trial proves nothing")
			} else if impossible, _ := c.history.check(); len(impossible) != 1 {
				f.Breaks("a row was dropped from the history, and porcupine says that %d letters are impossible", len(impossible))
			}
		}
		total = total.Add(c.verdict(t))
	}
	f.Line = fmt.Sprintf("%d operations were linearizable a key; slowest recovery %v", operations, slowest.Round(time.Millisecond))
	return f.With(total)
}

// faultsACluster bounds how much one history holds.
const faultsACluster = 20

// disturb lets one fault happen at one node or at all of them, heals it, and
// says how long it then took until they acknowledged again.
func (c *cluster) disturb(f *rig.Findings, what fault, chance *rand.Rand) (recovery time.Duration) {
	nodes := c.nodes
	if chance.IntN(4) > 0 {
		i := chance.IntN(len(nodes))
		nodes = nodes[i : i+1]
	}
	before, open := 0, 0
	for _, n := range nodes {
		before += n.links[0].Swallowed()
		open += n.links[0].Open()
		what.do(n.links[0], chance)
	}
	length := between(chance, 100, 1200)
	if chance.IntN(6) == 0 {
		length += 3500 * time.Millisecond // longer than a node waits for a flush
	}
	time.Sleep(length)
	swallowed := -before
	for _, n := range nodes {
		swallowed += n.links[0].Swallowed()
	}
	for _, n := range nodes {
		n.links[0].Heal()
	}
	if open > 0 && (swallowed > 0 || !slices.Contains([]string{wire.Reset.String(), wire.HalfClose.String(), wire.Silence.String()}, what.name)) {
		c.Fault(what.name, 1)
	}
	began := time.Now()
	for _, n := range nodes {
		if !c.recovers(n, 15*time.Second) {
			f.Breaks("%v after %q was healed a node acknowledges nothing", time.Since(began), what.name)
		}
	}
	return time.Since(began)
}

func TestWhileTheDatabaseIsAwayNothingIsAcknowledgedAndNobodyWaitsLong(t *testing.T) {
	rig.Prove(t, absence, rig.Times(2, 10), rig.Control{Variant: "ack-before-commit", Times: 1, Finds: "acknowledged and lost"})
}

// absence takes the database away from all nodes for some seconds, by refusing
// connections or by silence, and goes on sending. Who refuses is known at once;
// of silence a node learns only by a flush that does not come back, and now and
// then it has to try again. So a few wait, and the others must not.
func absence(t *testing.T, variant string, times int) (f rig.Findings) {
	c := newCluster(t, "away", rig.Seed(t), shape{variant: variant})
	var took []time.Duration
	acked := 0
	for n := range times {
		c.each(func(l *wire.Link) {
			if n%2 == 0 {
				l.Refuse()
			} else {
				l.Hold(true, true)
			}
		})
		c.Fault([]string{"refused", "cut"}[n%2], 1)
		c.patient(500 * time.Millisecond) // they find out
		if n%2 == 1 {
			c.patient(3 * time.Second) // when the first flush has not come back
		}
		for _, o := range c.patient(3 * time.Second) {
			if o.Kind == rig.Acked {
				acked++
			}
			took = append(took, o.Took)
		}
		c.each((*wire.Link).Heal)
		c.settle(&f, 20*time.Second)
	}
	if acked > 0 {
		f.Breaks("%d messages were acknowledged while the database was away", acked)
	}
	slices.Sort(took)
	share := func(percent int) time.Duration { return took[len(took)*percent/100].Round(time.Millisecond) }
	if last := took[len(took)-1]; share(90) > time.Second || last > 5*time.Second {
		f.Breaks("with the database away, the slowest tenth of the answers took from %v to %v", share(90), last)
	}
	f.Line = fmt.Sprintf("%d answers while the database was away, p50 %v, p90 %v, p99 %v", len(took), share(50), share(90), share(99))
	return f.With(c.verdict(t))
}

// each does something to every link between a node and the database.
func (c *cluster) each(do func(*wire.Link)) {
	for _, n := range c.nodes {
		for _, l := range n.links {
			do(l)
		}
	}
}

// patient sends fifty letters a second for so long and gives the answers.
func (c *cluster) patient(length time.Duration) (answers []rig.Outcome) {
	var (
		all sync.WaitGroup
		mu  sync.Mutex
	)
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		all.Go(func() {
			o := c.send(c.nodes[i%len(c.nodes)], c.Write())
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, o)
		})
		<-tick.C
	}
	all.Wait()
	return answers
}

func TestANodeThatIsCutOffDoesNotHoldUpTheSortingOfTheOthers(t *testing.T) {
	rig.Prove(t, isolation, rig.Times(3, 20), rig.Control{Variant: locks, Times: 1, Finds: "have not sorted"})
}

// isolation cuts one node off in the midst of its work. The database does not
// notice, and keeps what the node has locked; the others must be able to sort
// what they take down before long.
func isolation(t *testing.T, variant string, times int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	c := newCluster(t, "isolation", seed, shape{variant: variant})
	nodes := c.nodes
	held := 0
	var slowest time.Duration
	for n := range times {
		end := c.load(writers)
		time.Sleep(between(chance, 300, 600))
		if c.catch(nodes[0], chance) {
			held++
		}
		nodes[0].links[0].Hold(true, true)
		c.Fault("node cut off", 1)
		began := time.Now()
		end()
		for range 20 {
			c.send(nodes[1], c.Write())
			c.send(nodes[2], c.Write())
		}
		if !eventually(patienceOfSorting, func() bool {
			rows, err := c.ask(`SELECT count(*) FROM journal`)
			return err == nil && rows == 0
		}) {
			f.Breaks("cycle %d: %v after a node was cut off the others have not sorted what they took down", n, patienceOfSorting)
		}
		slowest = max(slowest, time.Since(began))
		nodes[0].links[0].Heal()
		c.settle(&f, 20*time.Second)
	}
	if held == 0 {
		f.Breaks("the node was never cut off while it held a lock: the trial proves little")
	}
	if variant == "" {
		c.sorted(t, &f)
	}
	f.Line = fmt.Sprintf("%d times with the lock of the event counter; the others had sorted everything after at most %v", held, slowest.Round(time.Millisecond))
	return f.With(c.verdict(t))
}

// catch cuts the node off at a moment when it holds the lock of an event counter,
// which every sorter needs; false when it did not succeed in some tries.
func (c *cluster) catch(n *node, chance *rand.Rand) bool {
	for range 40 {
		n.links[0].Hold(true, true)
		time.Sleep(40 * time.Millisecond)
		caught, err := c.ask(`SELECT count(*) FROM pg_stat_activity a WHERE state = 'idle in transaction'
			AND state_change < clock_timestamp() - interval '30 ms' AND EXISTS (SELECT 1 FROM pg_locks l
				WHERE l.pid = a.pid AND l.relation = 'counter'::regclass AND l.mode = 'RowShareLock')`)
		if err == nil && caught > 0 {
			return true
		}
		n.links[0].Heal()
		time.Sleep(between(chance, 5, 40))
	}
	return false
}

// patienceOfSorting is how long the locks of a node that vanished may hold up
// the others.
const patienceOfSorting = 15 * time.Second
