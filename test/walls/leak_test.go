package walls_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/afterbeep/afterbeep/test/rig"
)

// someAnswers is how many a control may take to see what is shown to everybody.
const someAnswers = 1500

const inStream = " in a stream"

func TestC2NoByteCrossesTenants(t *testing.T) {
	least := rig.Times(3000, 50000)
	t.Run("SQLite", func(t *testing.T) {
		rig.Prove(t, crawling(onSQLite), least,
			rig.Control{Variant: "any-thread", Times: someAnswers, Finds: "another tenant's text"},
			rig.Control{Variant: "any-message", Times: someAnswers, Finds: "another tenant's text"},
			rig.Control{Variant: "any-event", Times: someAnswers, Finds: "another tenant's note" + inStream},
		)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		run := crawling(onPostgreSQL(t))
		rig.Prove(t, run, least)
		// The second wall: the database shows a transaction the rows of its tenant
		// alone, whatever a statement asks for.
		t.Run("without the first wall", func(t *testing.T) {
			f := run(t, "any-thread,any-message,any-event", someAnswers)
			t.Log(f.Line)
			for _, broken := range f.Broken {
				t.Error(broken)
			}
		})
	})
}

// crawling asks for everything as everybody, while all tenants work.
func crawling(on engine) rig.Trial {
	return func(t *testing.T, teeth string, times int) (f rig.Findings) {
		t.Helper()
		seed := rig.Seed(t)
		chance := rig.Rand(seed)
		h := newHouse(t, on, teeth)
		var tenants []*tenant
		for _, name := range []string{"default", "second", "third"} {
			tenants = append(tenants, h.settle(name, chance))
		}
		c := newCrawl(newWatch(tenants), chance)
		if c.least = times; teeth != "" {
			c.most = times
		}
		c.plan(h)
		ears := c.whileTheyWork(t, func() {
			c.customers()
			c.impostors()
			c.run(4)
		})
		if teeth == "" {
			c.commands(h)
		}
		heard := c.overhear(ears)
		c.smuggled()
		f.Line = fmt.Sprintf("seed %d; %d answers (%d MB, statuses %v) and %d streams (%d kB) to %d tenants; looked for %d words and numbers of others",
			seed, c.answers, c.bytes>>20, c.statuses, len(ears), heard>>10, len(tenants), c.words())
		for _, what := range slices.Sorted(maps.Keys(c.leaks)) {
			f.Breaks("%d answers showed %s", c.leaks[what], what)
		}
		if len(f.Broken) > 0 {
			f.Line += "\n" + strings.Join(c.examples, "\n")
		}
		if missing := c.unseen(); teeth == "" && len(missing) > 0 {
			f.Breaks("nobody was shown %s: that others were not proves nothing", strings.Join(missing, ", "))
		}
		return f
	}
}

// plan adds what everybody asks for.
func (c *crawl) plan(h *house) {
	c.pages(audience{name: "nobody"}, h.visitor("nobody"))
	all := operations(h)
	for _, tn := range c.tenants {
		for login, v := range tn.staff {
			c.pages(audience{of: tn, limited: login == "limited", name: v.name}, v)
		}
		for scope, v := range tn.keys {
			c.programs(audience{of: tn, name: v.name}, v, all, scope == "all" || scope == "threads.see" || scope == "export")
		}
	}
}

// whileTheyWork listens to every stream and lets every tenant work until what is
// to be done meanwhile is done.
func (c *crawl) whileTheyWork(t *testing.T, do func()) (ears []*ear) {
	t.Helper()
	ctx, hangUp := context.WithCancel(t.Context())
	var listeners, workers sync.WaitGroup
	stop := make(chan struct{})
	for _, tn := range c.tenants {
		for login, v := range tn.staff {
			e, err := listen(ctx, audience{tn, login == "limited", v.name, inStream}, v, "/events?after=0", &listeners)
			must(t, err)
			ears = append(ears, e)
		}
		for _, scope := range []string{"all", "threads.see"} {
			v := tn.keys[scope]
			e, err := listen(ctx, audience{tn, false, v.name, inStream}, v, "/v1/events/stream?after=0", &listeners)
			must(t, err)
			ears = append(ears, e)
		}
		workers.Go(func() {
			if err := tn.hum(stop); err != nil {
				t.Errorf("%s cannot work: %v", tn.name, err)
			}
		})
	}
	do()
	close(stop)
	workers.Wait()
	hangUp()
	listeners.Wait()
	return ears
}

// overhear looks through what streams told. One that told its own people nothing
// proves nothing.
func (c *crawl) overhear(ears []*ear) (size int) {
	for _, e := range ears {
		text := e.heard()
		size += len(text)
		c.look(e.who, e.path, 200, text)
		if !bytes.Contains(text, []byte(e.who.of.mark)) && !strings.Contains(e.who.name, "admin") {
			c.wrong("nothing in a stream", "%s heard nothing on %s: %s", e.who.name, e.path, short(text, 300))
		}
	}
	return size
}

// commands looks at what the command line says of each tenant.
func (c *crawl) commands(h *house) {
	for _, tn := range c.tenants {
		for _, line := range []string{"messages export --format csv", "messages export --format jsonl", "threads list --json", "audit list --json"} {
			out := h.command(tn.name, strings.Fields(line)...)
			c.look(audience{of: tn, name: "the command line for " + tn.name}, line, 0, []byte(out))
		}
	}
}
