package readers

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Heads gives the number of each tenant's newest event, in one cheap query.
type Heads func(context.Context) (map[desk.TenantID]int64, error)

// Feed knows how far every tenant's event log goes and tells those who wait for
// more. It always looks, at steady intervals; a poke from this process, or from
// a database that tells, only makes it look at once. So nothing depends on a
// poke arriving.
type Feed struct {
	heads Heads
	log   *slog.Logger
	poke  chan struct{}

	// Shared says that other processes write to the database. Set before Run.
	Shared bool
	// Listen blocks for as long as the database tells of new events, and calls
	// wake when it has begun to and for each of them. Nil where there is no such
	// thing. Set before Run.
	Listen func(ctx context.Context, wake func()) error

	mu        sync.Mutex
	listening bool
	known     map[desk.TenantID]int64
	next      int
	waiting   map[int]subscriber
	watched   int // how many of them wait for one tenant: screens, which people look at
}

type subscriber struct {
	tenant desk.TenantID // 0: all
	wake   chan struct{}
}

// NewFeed makes a feed; it looks when Run is called.
func NewFeed(heads Heads, log *slog.Logger) *Feed {
	return &Feed{
		heads: heads, log: log, poke: make(chan struct{}, 1),
		known: map[desk.TenantID]int64{}, waiting: map[int]subscriber{},
	}
}

// How often the feed looks. Changes made by other nodes are to be on the screens
// of this one within half a second, also when nobody tells of them; where no
// screen is open, a second is soon enough.
const (
	lookSeldom = time.Second
	lookOften  = 400 * time.Millisecond
	// apart is the least time between two looks, however often it is poked: in a
	// flood every look finds the work of many slices.
	apart      = 20 * time.Millisecond
	listenLate = time.Second // before LISTEN is tried again
)

// Poke says that there may be new events. It never blocks.
func (f *Feed) Poke() {
	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// Subscribe gives a channel that holds something whenever the tenant has had new
// events since it was last read. It wakes; it does not count. cancel ends it.
func (f *Feed) Subscribe(tenant desk.TenantID) (wake <-chan struct{}, cancel func()) {
	return f.subscribe(tenant)
}

// SubscribeAll is Subscribe for all tenants.
func (f *Feed) SubscribeAll() (wake <-chan struct{}, cancel func()) { return f.subscribe(0) }

func (f *Feed) subscribe(tenant desk.TenantID) (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	id, s := f.next, subscriber{tenant, make(chan struct{}, 1)}
	f.waiting[id] = s
	if tenant != 0 {
		if f.watched++; f.watched == 1 && f.hurried() {
			f.Poke() // the look that is next was meant for nobody
		}
	}
	return s.wake, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, here := f.waiting[id]; here && tenant != 0 {
			f.watched--
		}
		delete(f.waiting, id)
	}
}

// Head is the number of the tenant's newest event, as far as is known here.
func (f *Feed) Head(tenant desk.TenantID) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[tenant]
}

// Heads is Head of all tenants.
func (f *Feed) Heads() map[desk.TenantID]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.known)
}

// Run looks until ctx ends. A database that is away is looked at again; it is no
// reason to leave.
func (f *Feed) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	if f.Listen != nil {
		group.Go(func() { f.listen(ctx) })
	}
	next := time.NewTimer(0)
	defer next.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		case <-f.poke:
		}
		if err := f.look(ctx); err != nil && ctx.Err() == nil {
			if !failed {
				f.log.Warn("new events cannot be looked for", "error", err.Error())
			}
			failed = true
		} else {
			failed = false
		}
		pause(ctx, apart)
		next.Reset(f.interval())
	}
}

func (f *Feed) interval() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hurried() {
		return lookOften - apart
	}
	return lookSeldom - apart
}

// hurried says that somebody looks at what other processes write, and nobody
// tells of it. It is called with the lock held.
func (f *Feed) hurried() bool { return f.Shared && !f.listening && f.watched > 0 }

// look reads the heads and wakes those whose tenant has something new. A head
// that went back is another history (a database restored beneath us): everybody
// is woken.
func (f *Feed) look(ctx context.Context) error {
	now, err := f.heads(ctx)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.known
	f.known = now
	changed := !maps.Equal(before, now)
	for _, s := range f.waiting {
		if s.tenant == 0 && changed || s.tenant != 0 && before[s.tenant] != now[s.tenant] {
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
	}
	return nil
}

// listen keeps asking the database to tell.
func (f *Feed) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.Listen(ctx, func() {
			f.mu.Lock()
			f.listening = true
			f.mu.Unlock()
			f.Poke()
		})
		f.mu.Lock()
		was := f.listening
		f.listening = false
		f.mu.Unlock()
		f.Poke() // what was said while nobody listened is found by looking
		if was && ctx.Err() == nil && err != nil {
			f.log.Warn("the database no longer tells of new events; they are looked for instead", "error", err.Error())
		}
		pause(ctx, listenLate)
	}
}
