package readers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/readers"
)

// ledger is an event log in memory. The store's own suite shows that real ones
// behave like it.
type ledger struct {
	mu    sync.Mutex
	heads map[desk.TenantID]int64
	state map[desk.TenantID]desk.Lease
	looks int
	away  error
}

func newLedger(heads map[desk.TenantID]int64) *ledger {
	return &ledger{heads: heads, state: map[desk.TenantID]desk.Lease{}}
}

func (l *ledger) add(tenant desk.TenantID, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heads[tenant] += n
}

func (l *ledger) Heads(context.Context) (map[desk.TenantID]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	return maps.Clone(l.heads), l.away
}

func (l *ledger) looked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looks
}

func (l *ledger) Hold(_ context.Context, want desk.Lease, now time.Time) (desk.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	is := l.state[want.Tenant]
	if is.Holder != "" && is.Holder != want.Holder && is.Until.After(now) {
		return want, desk.Errorf(desk.Conflict, "leased", "held")
	}
	want.Seq = is.Seq
	l.state[want.Tenant] = want
	return want, nil
}

func (l *ledger) Advance(_ context.Context, was desk.Lease, to int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	is := l.state[was.Tenant]
	if is.Holder != was.Holder || is.Seq != was.Seq {
		return desk.Errorf(desk.Conflict, "leased", "lost")
	}
	is.Seq = to
	l.state[was.Tenant] = is
	return nil
}

func (l *ledger) LetGo(_ context.Context, was desk.Lease) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if is := l.state[was.Tenant]; is.Holder == was.Holder {
		is.Holder = ""
		l.state[was.Tenant] = is
	}
	return nil
}

func (l *ledger) Events(_ context.Context, tenant desk.TenantID, after int64, limit int) (e desk.Excerpt, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq := after + 1; seq <= l.heads[tenant] && len(e.Events) < limit; seq++ {
		e.Events = append(e.Events, desk.Event{Tenant: tenant, Seq: seq})
		e.Last = seq
	}
	return e, nil
}

// node is one process: a feed and a runner.
type node struct {
	feed *readers.Feed
	run  *readers.Runner
	stop func()
	log  bytes.Buffer
	err  error
}

func start(t *testing.T, l *ledger, name string, r readers.Reader) *node {
	t.Helper()
	n := &node{}
	log := slog.New(slog.NewTextHandler(&n.log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	n.feed = readers.NewFeed(l.Heads, log)
	n.run = readers.New(r, l, n.feed, time.Now, readers.Settings{Holder: name, Log: log})
	var group sync.WaitGroup
	group.Go(func() { n.err = errors.Join(n.err, n.run.Run(ctx)) })
	group.Go(func() { _ = n.feed.Run(ctx) })
	n.stop = func() { cancel(); group.Wait() }
	t.Cleanup(n.stop)
	return n
}

// notes are what a reader has done, a line a batch.
type notes struct {
	mu   sync.Mutex
	seen map[desk.TenantID][]int64
	at   []time.Time
}

func (n *notes) handle(_ context.Context, b readers.Batch) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = map[desk.TenantID][]int64{}
	}
	for _, e := range b.Events {
		n.seen[b.Tenant] = append(n.seen[b.Tenant], e.Seq)
	}
	n.at = append(n.at, time.Now())
	return nil
}

func (n *notes) of(tenant desk.TenantID) []int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.seen[tenant])
}

func upTo(n int64) (all []int64) {
	for i := int64(1); i <= n; i++ {
		all = append(all, i)
	}
	return all
}

func TestEveryEventIsHandledOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 1234, 2: 3, 3: 0}), &notes{}
		n := start(t, l, "a", readers.Reader{Name: "r", Handle: did.handle, Most: 100})
		time.Sleep(time.Second)
		l.add(3, 5)
		n.feed.Poke()
		time.Sleep(100 * time.Millisecond)
		for tenant, want := range map[desk.TenantID]int64{1: 1234, 2: 3, 3: 5} {
			if got := did.of(tenant); !slices.Equal(got, upTo(want)) {
				t.Errorf("tenant %d: %d events handled, want %d", tenant, len(got), want)
			}
		}
		if n.run.Behind() != 0 {
			t.Errorf("%d events behind", n.run.Behind())
		}
	})
}

func TestABatchThatFailsIsTriedAgainLaterAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 3, 2: 3}), &notes{}
		var tries []time.Time
		begun := time.Now()
		start(t, l, "a", readers.Reader{Name: "r", Handle: func(ctx context.Context, b readers.Batch) error {
			if b.Tenant == 1 && time.Since(begun) < 200*time.Second {
				tries = append(tries, time.Now())
				return errors.New("not now")
			}
			return did.handle(ctx, b)
		}})
		time.Sleep(time.Second)
		if got := did.of(2); !slices.Equal(got, upTo(3)) {
			t.Errorf("the other tenant waits: %v", got)
		}
		time.Sleep(10 * time.Minute)
		if got := did.of(1); !slices.Equal(got, upTo(3)) {
			t.Errorf("it was never done: %v", got)
		}
		if len(tries) < 5 || len(tries) > 12 {
			t.Errorf("%d attempts in 200 s", len(tries))
		}
		for i := 2; i < len(tries); i++ {
			if tries[i].Sub(tries[i-1]) < tries[i-1].Sub(tries[i-2]) {
				t.Errorf("the pauses do not grow: %v", tries)
			}
		}
	})
}

func TestANodeTakesOverWhatADeadOneLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 3}), &notes{}
		if _, err := l.Hold(t.Context(), desk.Lease{Tenant: 1, Holder: "dead", Until: time.Now().Add(10 * time.Second)}, time.Now()); err != nil {
			t.Fatal(err)
		}
		n := start(t, l, "a", readers.Reader{Name: "r", Handle: did.handle})
		time.Sleep(9 * time.Second)
		if len(did.of(1)) > 0 {
			t.Error("a lease that holds was broken")
		}
		time.Sleep(8 * time.Second)
		if got := did.of(1); !slices.Equal(got, upTo(3)) {
			t.Errorf("handled %v", got)
		}
		if n.log.Len() > 0 {
			t.Errorf("it is no news that another node works: %s", n.log.String())
		}
	})
}

func TestALeaseIsGivenBackAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 3}), &notes{}
		first := start(t, l, "a", readers.Reader{Name: "r", Handle: did.handle})
		time.Sleep(time.Second)
		first.stop()
		l.add(1, 1)
		start(t, l, "b", readers.Reader{Name: "r", Handle: did.handle})
		time.Sleep(time.Second)
		if got := did.of(1); !slices.Equal(got, upTo(4)) {
			t.Errorf("handled %v", got)
		}
	})
}

func TestTwoNodesDoEverythingBetweenThemAndNothingTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 50, 2: 50, 3: 50, 4: 50}), &notes{}
		slow := func(ctx context.Context, b readers.Batch) error {
			time.Sleep(50 * time.Millisecond)
			return did.handle(ctx, b)
		}
		start(t, l, "a", readers.Reader{Name: "r", Handle: slow, Most: 5})
		start(t, l, "b", readers.Reader{Name: "r", Handle: slow, Most: 5})
		time.Sleep(time.Minute)
		for tenant := range l.heads {
			if got := did.of(tenant); !slices.Equal(got, upTo(50)) {
				t.Errorf("tenant %d: %v", tenant, got)
			}
		}
	})
}

func TestWhoLosesTheLeaseStopsQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 10}), &notes{}
		asleep := true
		n := start(t, l, "a", readers.Reader{Name: "r", Most: 5, Handle: func(ctx context.Context, b readers.Batch) error {
			if asleep {
				asleep = false
				time.Sleep(15 * time.Second) // longer than the lease
			}
			return did.handle(ctx, b)
		}})
		time.Sleep(12 * time.Second)
		if _, err := l.Hold(t.Context(), desk.Lease{Tenant: 1, Holder: "b", Until: time.Now().Add(time.Hour)}, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		n.stop()
		if got := did.of(1); !slices.Equal(got, upTo(5)) {
			t.Errorf("it went on: %v", got)
		}
		if l.state[1].Seq != 0 || n.log.Len() > 0 {
			t.Errorf("the cursor is at %d; log: %s", l.state[1].Seq, n.log.String())
		}
	})
}

func TestWorkThatKeepsItsOwnCursorGoesBackWhenItIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, did := newLedger(map[desk.TenantID]int64{1: 5, 2: 5}), &notes{}
		var mu sync.Mutex
		done, lost := map[desk.TenantID]int64{}, false
		start(t, l, "a", readers.Reader{
			Name: "r", Moves: true,
			Cursor: func(_ context.Context, l desk.Lease) (int64, error) {
				mu.Lock()
				defer mu.Unlock()
				return done[l.Tenant], nil
			},
			Lost: func() bool {
				mu.Lock()
				defer mu.Unlock()
				was := lost
				lost = false
				return was
			},
			Handle: func(ctx context.Context, b readers.Batch) error {
				mu.Lock()
				defer mu.Unlock()
				if b.Seq != done[b.Tenant] {
					return desk.Errorf(desk.Conflict, "moved", "it is elsewhere")
				}
				done[b.Tenant] = b.Last
				return did.handle(ctx, b)
			},
		})
		time.Sleep(time.Second)
		mu.Lock()
		done, lost = map[desk.TenantID]int64{}, true
		mu.Unlock()
		time.Sleep(5 * time.Second)
		for tenant := range l.heads {
			if got := did.of(tenant); !slices.Equal(got, append(upTo(5), upTo(5)...)) {
				t.Errorf("tenant %d: %v", tenant, got)
			}
		}
	})
}

func TestAFailedFlushEndsTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := start(t, newLedger(map[desk.TenantID]int64{1: 1}), "a", readers.Reader{
			Name: "r", Handle: func(context.Context, readers.Batch) error { return fmt.Errorf("disk: %w", desk.ErrBroken) },
		})
		time.Sleep(time.Second)
		n.stop()
		if !errors.Is(n.err, desk.ErrBroken) {
			t.Errorf("it ended with %v", n.err)
		}
	})
}
