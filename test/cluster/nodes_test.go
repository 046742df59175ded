package cluster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

func TestD16ATerminatedNodeLosesNothingAndTheOthersGoOn(t *testing.T) {
	// The control, a node that does not drain, is in test/torture.
	rig.Prove(t, drains, rig.Times(9, 100))
}

// drains ends one node after the other with SIGTERM under load.
func drains(t *testing.T, variant string, times int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var slowest time.Duration
	c := newCluster(t, "D16", seed, shape{variant: variant})
	end := c.load(writers)
	for n := range times {
		time.Sleep(between(chance, 50, 400))
		node := c.nodes[n%len(c.nodes)]
		began := time.Now()
		node.server.Term()
		c.Fault("SIGTERM", 1)
		if !c.recovers(c.nodes[(n+1)%len(c.nodes)], time.Second) {
			f.Breaks("cycle %d: the node beside it acknowledges nothing", n)
		}
		code, left := node.server.Wait(15 * time.Second)
		took := time.Since(began)
		slowest = max(slowest, took)
		if !left || code != 0 || took > 12*time.Second {
			f.Breaks("cycle %d: after SIGTERM the node left: %v, with code %d, after %v", n, left, code, took)
		}
		node.open(t)
	}
	end()
	c.settle(&f, 10*time.Second)
	c.sorted(t, &f)
	f.Line = fmt.Sprintf("slowest exit %v", slowest.Round(time.Millisecond))
	return f.With(c.verdict(t))
}

func TestI1OneKeyIsOneMessageOnAllNodesAlsoAcrossDeaths(t *testing.T) {
	rig.Prove(t, keys, rig.Times(8, 200), rig.Control{Variant: "no-idempotency", Times: 2, Finds: "stored twice"})
}

// keys sends the same letter with the same key a hundred times at once to three
// nodes, in every other round while one of them dies.
func keys(t *testing.T, variant string, rounds int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	c := newCluster(t, "I1", seed, shape{variant: variant})
	for round := range rounds {
		letter := c.WriteKeyed()
		first := make(chan []rig.Outcome)
		go func() { first <- c.crowd(letter, 100) }()
		if round%2 == 1 {
			time.Sleep(time.Duration(chance.IntN(20000)) * time.Microsecond)
			dying := c.nodes[round/2%len(c.nodes)]
			dying.server.Kill9()
			c.Fault("kill -9 of a node", 1)
			dying.open(t)
		}
		answers := append(<-first, c.crowd(letter, 100)...)
		names := map[string]int{}
		for _, o := range answers {
			if o.Kind == rig.Acked {
				names[o.Reference]++
			}
		}
		if len(names) != 1 {
			f.Breaks("round %d: one key was given %d references", round, len(names))
		}
		other := letter
		other.Text += " and more"
		if o := c.nodes[0].client.Load().Leave(t.Context(), other); o.Status != 400 {
			f.Breaks("round %d: the key with another text was answered %v, not with 400", round, o)
		}
	}
	if variant == "" {
		c.sorted(t, &f)
	}
	f.Line = fmt.Sprintf("%d keys, 200 requests each", rounds)
	return f.With(c.verdict(t))
}

func TestS1WhatADeadNodeHasTakenDownIsSortedByTheOthersOnce(t *testing.T) {
	rig.Prove(t, deaths, rig.Times(6, 150), rig.Control{Variant: "delete-first", Times: 30, Finds: "acknowledged and lost"})
}

// deaths kills nodes under load, one at a time, now and then two; what they had
// in the journal must be sorted before they come back.
func deaths(t *testing.T, variant string, times int) (f rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var slowest time.Duration
	c := newCluster(t, "S1", seed, shape{variant: variant})
	for n := range times {
		end := c.load(writers)
		time.Sleep(between(chance, 100, 500))
		dead := []*node{c.nodes[n%len(c.nodes)]}
		if chance.IntN(3) == 0 {
			dead = append(dead, c.nodes[(n+1)%len(c.nodes)])
		}
		for _, d := range dead {
			d.server.Kill9()
			c.Fault("kill -9 of a node", 1)
		}
		time.Sleep(between(chance, 0, 200))
		end()
		began := time.Now()
		if !eventually(30*time.Second, func() bool {
			rows, err := c.ask(`SELECT count(*) FROM journal`)
			return err == nil && rows == 0
		}) {
			f.Breaks("cycle %d: the nodes that live did not sort what the dead had taken down within 30 s", n)
		}
		slowest = max(slowest, time.Since(began))
		for _, d := range dead {
			d.open(t)
		}
		if variant != "" && c.verdict(t).Violations() > 0 {
			break // a control has nothing more to show
		}
	}
	c.settle(&f, 10*time.Second)
	if variant == "" {
		c.sorted(t, &f)
	}
	f.Line = fmt.Sprintf("all sorted at most %v after a death", slowest.Round(time.Millisecond))
	return f.With(c.verdict(t))
}
