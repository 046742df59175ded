package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterbeep/afterbeep/bench/browser"
	"github.com/afterbeep/afterbeep/bench/load"
)

// crowd is many agents at work on one server, each with a browser and its stream.
type crowd struct {
	*bench
	server  *server
	agents  []*agent
	running atomic.Bool // what happens is counted

	claimed sync.Map // thread → when somebody first began to claim it
}

// agent is one of them. What it counts belongs to its two goroutines; it is added
// up when both have ended.
type agent struct {
	*browser.Browser
	crowd *crowd
	who   int
	dice  *rand.Rand

	took      map[string]*load.Histogram // by what was asked for
	lost      int                        // races, and told who won
	again     int                        // the caller had written again: she looked, and repeated it
	claims    int                        // that were won
	relist    atomic.Bool                // the stream says that the list must be loaded anew
	seen      *load.Histogram            // from another's claim to this screen
	heard     int                        // pieces of the stream
	resets    int
	listening chan struct{} // closed when the stream has begun

	mu     sync.Mutex
	errors int
	wrong  []error // answers that ought not to be, at most a few
}

// gather signs everybody in, through the form.
func (b *bench) gather(s *server, many int) (*crowd, error) {
	c := &crowd{bench: b, server: s, agents: make([]*agent, many)}
	var group errgroup.Group
	group.SetLimit(4)
	for n := range c.agents {
		group.Go(func() error {
			at, err := browser.SignIn(b.ctx, s.URL, login(n), password)
			c.agents[n] = &agent{Browser: at, crowd: c, who: n, dice: rand.New(rand.NewPCG(uint64(n), 5))}
			return err
		})
	}
	return c, group.Wait()
}

// shift is what came of a while of work.
type shift struct {
	took   map[string]*load.Histogram
	seen   *load.Histogram
	intake *load.Result

	agents, lost, again, claims, errors, heard, resets int

	wrong        []error
	lasted, cpu  time.Duration
	peak         int64
	transactions float64 // of the database; see crowd.transactions
}

// work lets everybody work, and customers leave messages meanwhile; it counts
// what happens after a while of warming up.
func (c *crowd) work(during time.Duration) (*shift, error) {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	c.claimed.Clear()
	var all sync.WaitGroup
	for _, a := range c.agents {
		a.begin()
		all.Go(func() { a.listen(ctx) })
	}
	for _, a := range c.agents {
		select {
		case <-a.listening:
		case <-time.After(30 * time.Second):
			return nil, fmt.Errorf("agent %d hears nothing", a.who+1)
		}
		all.Go(func() { a.work(ctx) })
	}
	s, err := c.watched(during)
	stop()
	all.Wait()
	if err == nil {
		s.gather(c.agents)
	}
	return s, err
}

// watched leaves messages, and counts.
func (c *crowd) watched(during time.Duration) (*shift, error) {
	warm := 2 * c.pace
	s := &shift{lasted: during}
	before := make(chan time.Duration, 1)
	ended := c.transactions()
	begin := time.AfterFunc(warm, func() {
		before <- c.server.cpu()
		c.running.Store(true)
	})
	defer begin.Stop()
	watch := c.server.watch()
	result, err := load.Run(c.ctx, c.customers(warm, during))
	c.running.Store(false)
	if s.peak = watch(); err != nil {
		return nil, err
	}
	s.intake, s.cpu = result, c.server.cpu()-<-before
	s.transactions = (c.transactions() - ended) * during.Seconds() / (warm + during).Seconds()
	return s, nil
}

// customers leave messages at an even rate.
func (c *crowd) customers(warm, during time.Duration) load.Plan {
	return load.Plan{Addr: c.server.host(), Requests: c.server.requests, Connections: 8, Rate: float64(c.arrivals), Warm: warm, Duration: during}
}

func (s *shift) gather(agents []*agent) {
	s.agents = len(agents)
	s.took, s.seen = map[string]*load.Histogram{}, &load.Histogram{}
	for _, a := range agents {
		for what, h := range a.took {
			if s.took[what] == nil {
				s.took[what] = &load.Histogram{}
			}
			s.took[what].Merge(h)
		}
		s.seen.Merge(a.seen)
		s.lost, s.again, s.claims, s.errors = s.lost+a.lost, s.again+a.again, s.claims+a.claims, s.errors+a.errors
		s.heard, s.resets = s.heard+a.heard, s.resets+a.resets
		s.wrong = append(s.wrong, a.wrong...)
	}
}

// requests is how many pages and acts were answered.
func (s *shift) requests() (n int64) {
	for _, h := range s.took {
		n += h.Count()
	}
	return n
}

func (a *agent) begin() {
	a.took, a.seen, a.listening = map[string]*load.Histogram{}, &load.Histogram{}, make(chan struct{})
	a.lost, a.again, a.claims, a.errors, a.heard, a.resets, a.wrong = 0, 0, 0, 0, 0, 0, nil
}

// listen keeps the screen alive, and measures when it learns of others' claims.
func (a *agent) listen(ctx context.Context) {
	heard := sync.OnceFunc(func() { close(a.listening) })
	err := a.Listen(ctx, func(h browser.Heard) {
		heard()
		if !a.crowd.running.Load() {
			return
		}
		a.heard++
		switch {
		case h.Event == "reset":
			a.resets++
			a.relist.Store(true)
		case h.Event == "thread" && !h.Own && bytes.Contains(h.Kinds, []byte(`"thread.claimed"`)):
			if at, known := a.crowd.claimed.Load(string(h.Thread)); known {
				a.seen.Add(time.Since(at.(time.Time)))
			}
		}
	})
	if err != nil {
		a.fails("the stream", err)
	}
}

// fails counts what ought not to be, and keeps the first few of it.
func (a *agent) fails(what string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errors++
	if len(a.wrong) < 3 {
		a.wrong = append(a.wrong, fmt.Errorf("agent %d, %s: %w", a.who+1, what, err))
	}
}
