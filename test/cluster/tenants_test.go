package cluster_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

func TestA4OneTenantsFloodDoesNotSlowAnother(t *testing.T) {
	const (
		limit = 10 // what the flooding tenant's app may leave a second, at each node
		calms = 40 // what the calm one leaves a second
	)
	c := newCluster(t, "A4", rig.Seed(t), shape{nodes: 2})
	calm, loud := c.tenant(t, "Calm Ltd", 0), c.tenant(t, "Loud Ltd", 60*limit)
	c.pace(calm, calms, time.Second) // connections are made
	// A minute's worth may come at once, and is the loud one's right. What is
	// measured is the rest.
	c.pace(loud, 100*limit, 2*time.Second)
	var before, during, flood []rig.Outcome
	for range rig.Times(4, 30) { // in turn, since the machine has other moods, too
		before = append(before, c.pace(calm, calms, 2*time.Second)...)
		stop := make(chan struct{})
		flooded := make(chan []rig.Outcome)
		go func() { flooded <- c.flood(loud, 100*limit, stop) }()
		during = append(during, c.pace(calm, calms, 2*time.Second)...)
		close(stop)
		flood = append(flood, <-flooded...)
	}

	counts := map[rig.Kind]int{}
	for _, o := range flood {
		counts[o.Kind]++
	}
	quiet, noisy := p99(before), p99(during)
	t.Logf("A4: the calm tenant's p99 %v alone and %v beside a flood of %d requests (%v)", quiet, noisy, len(flood), counts)
	for _, o := range append(before, during...) {
		if o.Kind != rig.Acked {
			t.Errorf("the calm tenant was answered %v", o)
		}
	}
	if counts[rig.Limited] < len(flood)*9/10 {
		t.Errorf("only %d of %d requests of a flood were over the limit: the trial proves nothing", counts[rig.Limited], len(flood))
	}
	// Twice is the promise on a machine of one's own. Here the flood's clients
	// take the same two processors, and perhaps other tests do.
	if noisy > 2*quiet+250*time.Millisecond {
		t.Errorf("the flood slowed the other tenant's p99 from %v to %v", quiet, noisy)
	}
}

// tenant makes a tenant with an app, which may leave so many messages a minute,
// and a channel; it gives a client for each node.
func (c *cluster) tenant(t *testing.T, name string, perMinute int) (clients []*rig.Client) {
	t.Helper()
	o := c.direct("")
	rig.Must(t, o, "tenant", "create", "--name", name)
	o.Tenant = name
	creds := rig.Provision(t, o)
	rig.Must(t, o, "app", "set", creds.AppKey, "--per-minute", strconv.Itoa(perMinute))
	for _, n := range c.nodes {
		client := rig.NewClient(n.server.URL, creds)
		t.Cleanup(client.Close)
		if !eventually(10*time.Second, func() bool { // until the node has heard of the tenant
			_, _, err := client.Open(context.Background())
			return err == nil
		}) {
			t.Fatalf("the node does not know the tenant %s after 10 s", name)
		}
		clients = append(clients, client)
	}
	return clients
}

// pace leaves so many letters a second for so long, whether or not answers come
// back, and gives the answers.
func (c *cluster) pace(clients []*rig.Client, rate int, length time.Duration) (answers []rig.Outcome) {
	var (
		all sync.WaitGroup
		mu  sync.Mutex
	)
	began := time.Now()
	for n := 0; ; n++ {
		at := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if at.Sub(began) > length {
			break
		}
		time.Sleep(time.Until(at))
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			letter := c.Write()
			o := clients[n%len(clients)].Leave(ctx, letter)
			c.Note(letter, o)
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, o)
		})
	}
	all.Wait()
	return answers
}

// flood is pace in slices of a second until stop is closed.
func (c *cluster) flood(clients []*rig.Client, rate int, stop <-chan struct{}) (answers []rig.Outcome) {
	for {
		select {
		case <-stop:
			return answers
		default:
			answers = append(answers, c.pace(clients, rate, time.Second)...)
		}
	}
}

func p99(answers []rig.Outcome) time.Duration {
	var took []time.Duration
	for _, o := range answers {
		took = append(took, o.Took)
	}
	slices.Sort(took)
	if len(took) == 0 {
		return 0
	}
	return took[len(took)*99/100].Round(time.Millisecond)
}
