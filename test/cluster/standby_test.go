package cluster_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

// road is a way to end a commit's wait for the standby. All of them leave the
// commit on the primary and nobody knows whether it is on the standby.
// (A statement_timeout does not end the wait. Taking the standby's name out of
// synchronous_standby_names does, but is an honest ack: the operator asked for
// less.)
type road struct {
	name string
	take func(c *cluster) error
	down bool // the primary has to be started again
}

func roads() []road {
	waiting := func(call string) func(*cluster) error {
		return func(c *cluster) error {
			_, err := c.ask(`SELECT count(` + call + `(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
			return err
		}
	}
	signal := func(s syscall.Signal) func(*cluster) error {
		return func(c *cluster) error {
			c.primary.Signal(s)
			return nil
		}
	}
	return []road{
		{"pg_cancel_backend", waiting("pg_cancel_backend"), false},
		{"pg_terminate_backend", waiting("pg_terminate_backend"), false},
		{"fast shutdown", signal(syscall.SIGINT), true},
		{"immediate shutdown", signal(syscall.SIGQUIT), true},
		{"the node gives up", func(*cluster) error { return nil }, false},
	}
}

func TestD10ACancelledWaitForTheStandbyIsNoAcknowledgement(t *testing.T) {
	rig.Prove(t, cancelled, rig.Times(1, 5), rig.Control{Variant: "ignore-notice", Times: 1, Finds: "was acknowledged"})
}

// cancelled leaves one message on each road, with and without a key, while the
// standby is frozen.
func cancelled(t *testing.T, variant string, times int) (f rig.Findings) {
	c := newCluster(t, "D10", rig.Seed(t), shape{nodes: 1, variant: variant})
	var kept, all int
	said := map[string]int{}
	for range times {
		for _, r := range roads() {
			for _, keyed := range []bool{false, true} {
				all++
				o := c.travel(t, &f, r, keyed)
				said[r.name+": "+string(o.Kind)]++
				if o.Kind == rig.Unknown || o.Kind == rig.NetError {
					kept++
				}
			}
		}
	}
	c.settle(&f, 15*time.Second)
	if variant == "" {
		c.sorted(t, &f)
	}
	f.Line = fmt.Sprintf("%d of %d were told that nobody knows %v", kept, all, said)
	return f.With(c.verdict(t))
}

func (c *cluster) travel(t *testing.T, f *rig.Findings, r road, keyed bool) rig.Outcome {
	t.Helper()
	n := c.nodes[0]
	letter := c.Write()
	for (letter.Key != "") != keyed {
		letter = c.Write()
	}
	said := len(n.server.Log())
	c.standby.Freeze()
	answer := make(chan rig.Outcome, 1)
	go func() { answer <- c.send(n, letter) }()
	if !eventually(10*time.Second, func() bool {
		waiting, err := c.ask(`SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename LIKE '%\_app'`)
		return err == nil && waiting > 0
	}) {
		t.Fatalf("no commit waits for the frozen standby (%s)", r.name)
	}
	// What waits may also be the node's own house-keeping: so again and again,
	// until there is an answer.
	var o rig.Outcome
	for done := false; !done; {
		if err := r.take(c); err != nil && !r.down {
			t.Fatal(err)
		}
		select {
		case o = <-answer:
			done = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	c.Fault(r.name, 1)
	switch o.Kind {
	case rig.Unknown, rig.NetError:
	case rig.Acked:
		f.Breaks("%s: a message that no standby has confirmed was acknowledged", r.name)
	default:
		t.Logf("the node said meanwhile:\n%s", n.server.Log()[said:])
		f.Breaks("%s: the answer was %v, and the message is on the primary (with a key: %v)", r.name, o, keyed)
	}
	if keyed && !r.down && c.nodes[0].server.Readyz() > 0 {
		// The message is to be seen now, but not safe: its key must not be
		// answered with a 0 before the standby has it.
		go func() { answer <- c.send(n, letter) }()
		select {
		case again := <-answer:
			if again.Kind == rig.Acked {
				f.Breaks("%s: sent again, the unconfirmed message was acknowledged", r.name)
			}
			c.standby.Thaw()
		case <-time.After(500 * time.Millisecond):
			c.standby.Thaw()
			<-answer
		}
	}
	c.standby.Thaw()
	if r.down {
		c.primary.Restart()
	}
	c.primary.Synchronous("standby")
	if !c.recovers(n, 20*time.Second) {
		f.Breaks("%s: the node does not come back", r.name)
	}
	return o
}

func TestD11FailOverLosesNothingAcknowledged(t *testing.T) {
	rig.Prove(t, failOvers, rig.Times(3, 50), rig.Control{Variant: async, Times: 2, Finds: "acknowledged and lost"})
}

// failOversACluster bounds how much one comparison reads.
const failOversACluster = 10

// failOvers kills the primary under load and promotes the standby, which then
// gets a standby of its own: the nodes see one fail-over after the other.
func failOvers(t *testing.T, variant string, times int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var (
		c     *cluster
		total rig.Verdict
		away  []time.Duration
	)
	for n := range times {
		if n%failOversACluster == 0 {
			c.discard()
			// A promoted standby has none of its own at first, which nodes that
			// insist on one would wait for.
			c = newCluster(t, "D11", seed+int64(n), shape{variant: variant, env: []string{"AFTERBEEP_POSTGRES_STANDBYS=0"}})
		}
		end := c.load(writers)
		time.Sleep(between(chance, 300, 900))
		if variant == async || n%2 == 1 {
			// The standby falls behind: a synchronous one holds up every ack.
			c.replication.Hold(true, true)
			c.Fault("replication cut", 1)
			time.Sleep(between(chance, 200, 500))
		}
		c.primary.Kill9()
		c.Fault("kill -9 of the primary", 1)
		began := time.Now()
		c.replication.Refuse()
		c.standby.Promote()
		old := c.primary
		c.primary = c.standby
		if !eventually(30*time.Second, func() bool { return c.send(c.nodes[n%len(c.nodes)], c.Write()).Kind == rig.Acked }) {
			f.Breaks("fail-over %d: nothing was acknowledged within 30 s", n)
		}
		away = append(away, time.Since(began).Round(time.Millisecond))
		time.Sleep(200 * time.Millisecond)
		end()
		c.settle(&f, 20*time.Second)
		if n%failOversACluster == failOversACluster-1 || n == times-1 {
			if variant == "" {
				c.sorted(t, &f)
			}
			total = total.Add(c.verdict(t))
			continue
		}
		c.successor(t, old, n, variant)
	}
	f.Line = fmt.Sprintf("back after %v", away)
	return f.With(total)
}

// successor gives the new primary a standby, which takes the dead one's place
// in the URLs of the nodes.
func (c *cluster) successor(t *testing.T, dead *postgres.Server, n int, variant string) {
	t.Helper()
	c.replication.Heal()
	c.replication.Point(c.primary.Addr())
	name := fmt.Sprintf("standby%d", n)
	c.standby = c.primary.Standby(t, name, postgres.Options{Via: c.replication.Addr()})
	if variant != async {
		c.primary.Synchronous(name)
	}
	for _, node := range c.nodes {
		for _, l := range node.links {
			if l.Target() == dead.Addr() {
				l.Point(c.standby.Addr())
			}
		}
	}
	dead.Discard()
}

func TestD1TheDeathOfTheDatabaseLosesNothingAcknowledged(t *testing.T) {
	rig.Prove(t, crashes, rig.Times(4, 50), rig.Control{Variant: "ack-before-commit", Times: 2, Finds: "acknowledged and lost"})
}

// crashes ends the primary under load, in turn as a power cut would and as an
// operator would, and starts it again. It recovers from its log, and the nodes
// from its absence.
func crashes(t *testing.T, variant string, times int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var slowest time.Duration
	c := newCluster(t, "D1", seed, shape{variant: variant})
	for n := range times {
		end := c.load(writers)
		time.Sleep(between(chance, 200, 600))
		if n%2 == 0 {
			c.primary.Kill9()
			c.Fault("kill -9 of the database", 1)
		} else {
			c.primary.Stop()
			c.Fault("fast shutdown of the database", 1)
		}
		c.primary.Restart()
		began := time.Now()
		if !c.recovers(c.nodes[n%len(c.nodes)], 20*time.Second) {
			f.Breaks("cycle %d: the node does not come back", n)
		}
		slowest = max(slowest, time.Since(began))
		end()
	}
	c.settle(&f, 20*time.Second)
	if variant == "" {
		c.sorted(t, &f)
	}
	f.Line = fmt.Sprintf("back at most %v after the database", slowest.Round(time.Millisecond))
	return f.With(c.verdict(t))
}
