package cluster_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
	"github.com/afterbeep/afterbeep/test/wire"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http tells of every connection that a killed node leaves
	os.Exit(rig.Main(m, postgres.Close))
}

const writers = 16

// Variants of a cluster; every other one names teeth of the binary.
const (
	async = "async"               // the standby confirms nothing
	locks = "locks kept for good" // the database never ends a transaction whose node is silent
)

// shape says what a cluster is made of.
type shape struct {
	nodes   int    // 3 when zero
	variant string // "" is what is shipped
	env     []string
}

// cluster is some nodes, their database and its standby, and what was sent.
type cluster struct {
	*rig.Ledger
	history     *history // of what clients saw; may be nil
	db          postgres.DB
	primary     *postgres.Server
	standby     *postgres.Server
	replication *wire.Link // from the standby to the primary
	nodes       []*node
	creds       rig.Credentials
	teeth       string
	env         []string // of every node and command
}

// node is one process of Afterbeep and its ways to the two database servers.
type node struct {
	o      rig.Options
	creds  rig.Credentials
	links  [2]*wire.Link
	server *rig.Server
	client atomic.Pointer[rig.Client]
}

func newCluster(t *testing.T, name string, seed int64, s shape) *cluster {
	t.Helper()
	if s.nodes == 0 {
		s.nodes = 3
	}
	c := &cluster{Ledger: rig.NewLedger(name, seed), primary: postgres.Start(t, postgres.Options{})}
	if s.variant != async && s.variant != locks {
		c.teeth = s.variant
	}
	c.db = c.primary.Database(t)
	c.replication = wire.New(t, c.primary.Addr())
	c.standby = c.primary.Standby(t, "standby", postgres.Options{Via: c.replication.Addr()})
	c.env = []string{
		"AFTERBEEP_INTAKE_ACK_TIMEOUT=3s", "AFTERBEEP_POSTGRES_CONNECT_TIMEOUT=1s", "AFTERBEEP_LIMITS_PER_CALL_ID=0",
	}
	if s.variant != async {
		c.primary.Synchronous("standby")
		c.env = append(c.env, "AFTERBEEP_POSTGRES_STANDBYS=1")
		// So that a node sees whether the standby is synchronous.
		app, _, _ := strings.Cut(strings.TrimPrefix(c.db.App, "postgres://"), ":")
		run(t, c.primary.URL(), "GRANT pg_read_all_stats TO "+app)
	}
	c.env = append(c.env, s.env...)
	c.creds = rig.Provision(t, c.direct(c.db.Owner))
	for range s.nodes {
		n := &node{creds: c.creds, links: [2]*wire.Link{wire.New(t, c.primary.Addr()), wire.New(t, c.standby.Addr())}}
		n.o = rig.Options{Database: c.db.Among(n.links[0].Addr(), n.links[1].Addr()).App, Env: c.env, Teeth: c.teeth}
		if s.variant == locks {
			n.o.Database += "&idle_in_transaction_session_timeout=0"
		}
		n.open(t)
		c.nodes = append(c.nodes, n)
	}
	return c
}

// direct is how commands reach the database: past the network that is broken.
func (c *cluster) direct(migrate string) rig.Options {
	return rig.Options{Database: c.db.At(c.primary).App, Migrate: migrate, Env: c.env}
}

// open starts the node, or starts it again.
func (n *node) open(t *testing.T) {
	t.Helper()
	n.server = rig.Start(t, n.o)
	if old := n.client.Swap(rig.NewClient(n.server.URL, n.creds)); old != nil {
		old.Close()
	}
}

// discard ends what would otherwise run until the end of the test; a nil
// cluster is none.
func (c *cluster) discard() {
	if c == nil {
		return
	}
	for _, n := range c.nodes {
		n.server.Kill9()
	}
	c.primary.Discard()
	c.standby.Discard()
}

// send leaves a letter at a node, and notes the answer.
func (c *cluster) send(n *node, letter rig.Letter) rig.Outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := c.history.leave(letter)
	o := n.client.Load().Leave(ctx, letter)
	done(o)
	c.Note(letter, o)
	return o
}

// load lets writers leave letters at random nodes in the background; a node
// that does not answer is left for another. The returned function stops them and
// waits; it may be called again.
func (c *cluster) load(writers int) (end func()) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for w := range writers {
		chance := rand.New(rand.NewPCG(uint64(c.Seed), uint64(w)))
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch c.send(c.nodes[chance.IntN(len(c.nodes))], c.Write()).Kind {
				case rig.Acked:
				case rig.NetError:
					time.Sleep(20 * time.Millisecond)
				default:
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(stop)
		all.Wait()
	})
}

// settle asks until every node acknowledges again, sends the doubtful letters
// once more, and says how long the slowest node took to come back.
func (c *cluster) settle(f *rig.Findings, patience time.Duration) (slowest time.Duration) {
	for i, n := range c.nodes {
		began := time.Now()
		if !c.recovers(n, patience) {
			f.Breaks("node %d acknowledges nothing %v after all was well again", i, patience)
		}
		slowest = max(slowest, time.Since(began))
	}
	for i, letter := range c.Doubtful() {
		c.send(c.nodes[i%len(c.nodes)], letter)
	}
	return slowest.Round(time.Millisecond)
}

func (c *cluster) recovers(n *node, patience time.Duration) bool {
	return eventually(patience, func() bool { return c.send(n, c.Write()).Kind == rig.Acked })
}

// verdict compares with what the database holds.
func (c *cluster) verdict(t *testing.T) rig.Verdict {
	t.Helper()
	return c.Compare(rig.Messages(t, c.direct("")))
}

// eventually asks every 20 ms until it is so; false when it was not within the
// time.
func eventually(patience time.Duration, so func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return so()
}

func between(chance *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+chance.IntN(most-least+1)) * time.Millisecond
}

// ask runs a statement as the superuser, whom no row is hidden from; it gives
// one number, or the rows it was done to.
func (c *cluster) ask(statement string) (n int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.db.At(c.primary).Super)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	if err := conn.QueryRow(ctx, statement).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", statement, err)
	}
	return n, nil
}

// sorted waits until the journal is empty, whoever sorts it, and counts what is
// in threads and in the event log.
func (c *cluster) sorted(t *testing.T, f *rig.Findings) {
	t.Helper()
	if !eventually(30*time.Second, func() bool {
		n, err := c.ask(`SELECT count(*) FROM journal`)
		return err == nil && n == 0
	}) {
		n, err := c.ask(`SELECT count(*) FROM journal`)
		f.Breaks("the journal was not sorted within 30 s: %d rows wait (%v)", n, err)
	}
	for _, look := range []struct{ what, statement string }{
		{"messages without a thread", `SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM thread WHERE tenant_id = m.tenant_id AND id = m.thread_id)`},
		{"messages without an event", `SELECT count(*) FROM message WHERE CAST(id AS text) NOT IN (SELECT data::json ->> 'message' FROM event WHERE kind = 'message.left')`},
		{"events too many or too few", `SELECT abs((SELECT count(*) FROM event WHERE kind = 'message.left') - (SELECT count(*) FROM message))`},
		{"threads that say another number of messages", `SELECT count(*) FROM thread t WHERE messages <> (SELECT count(*) FROM message WHERE tenant_id = t.tenant_id AND thread_id = t.id)`},
		{"callers with two open threads", `SELECT count(*) FROM (SELECT 1 FROM thread WHERE state <> 'closed' GROUP BY tenant_id, caller_key, channel_id HAVING count(*) > 1) AS twice`},
		{"messages set aside", `SELECT count(*) FROM aside`},
		{"gaps in the event log", `SELECT coalesce(sum(gaps), 0)::bigint FROM (SELECT max(seq) - count(*) AS gaps FROM event GROUP BY tenant_id) AS all_tenants`},
		{"events beside the counter", `SELECT abs(coalesce((SELECT sum(seq)::bigint FROM counter), 0) - (SELECT count(*) FROM event))`},
	} {
		switch n, err := c.ask(look.statement); {
		case err != nil:
			t.Fatal(err)
		case n != 0:
			f.Breaks("%d %s", n, look.what)
		}
	}
	for _, finding := range c.sick(t) {
		f.Breaks("the doctor says %s", finding)
	}
}

// sick is what the doctor finds. That nodes which were killed could still come
// back, and would need connections, is no illness.
func (c *cluster) sick(t *testing.T) []string {
	t.Helper()
	return rig.Sick(t, c.direct(""), "connections")
}

// crowd sends one letter so many times at once, spread over the nodes.
func (c *cluster) crowd(letter rig.Letter, times int) (answers []rig.Outcome) {
	var (
		all sync.WaitGroup
		mu  sync.Mutex
	)
	for i := range times {
		all.Go(func() {
			o := c.send(c.nodes[i%len(c.nodes)], letter)
			mu.Lock()
			defer mu.Unlock()
			answers = append(answers, o)
		})
	}
	all.Wait()
	return answers
}
