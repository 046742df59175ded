// Package readers runs what follows the event log: a reader is a name with a
// cursor and a lease for each tenant. Every node runs all readers and there is
// no leader: who takes a tenant's lease works through that tenant's events and
// moves the cursor; the others look again when the lease is over. A batch that
// fails is tried again after growing pauses, and holds up no other tenant. A
// lease that was lost ends the work on that tenant without a word: somebody else
// is doing it.
//
// A batch may be handled twice (its node died before it moved the cursor), so
// Handle is idempotent, or moves the cursor in its own transaction. The package
// refuses to know what readers do, and who keeps the cursors: app decides.
package readers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Store keeps the event log, the cursors and the leases.
type Store interface {
	// Hold takes or renews a reader's lease until l.Until, when it is free, over
	// by now, or l.Holder's own, and says where the reader stands; Conflict when
	// somebody else holds it.
	Hold(ctx context.Context, l desk.Lease, now time.Time) (desk.Lease, error)
	// Advance moves the cursor from l.Seq to another event; Conflict when the
	// lease is no longer l.Holder's or the cursor not where it was.
	Advance(ctx context.Context, l desk.Lease, to int64) error
	// LetGo gives the lease back.
	LetGo(ctx context.Context, l desk.Lease) error
	// Events reads up to limit events after a number.
	Events(ctx context.Context, tenant desk.TenantID, after int64, limit int) (desk.Excerpt, error)
}

// Batch is what a reader works on: the events after l.Seq, up to To.
type Batch struct {
	desk.Lease
	desk.Excerpt
}

// Reader is one job that follows the event log.
type Reader struct {
	Name   string
	Handle func(context.Context, Batch) error
	// Moves says that Handle moves the cursor itself, in the transaction that
	// finishes the work.
	Moves bool
	// Cursor says where the work really stands, given the lease. Nil: where the
	// lease says.
	Cursor func(context.Context, desk.Lease) (int64, error)
	// Lost says that what the reader made is gone, so that every cursor must be
	// looked at anew. Nil: never.
	Lost func() bool
	Most int // events of a batch; 0 is 500
	// Rest is how long to wait between batches after one that took so long, so
	// that intake comes first. Nil: not at all.
	Rest func(took time.Duration) time.Duration
}

// Settings of a runner.
type Settings struct {
	Holder string // the name of this process, which no other has: node and a random part
	TTL    time.Duration
	Log    *slog.Logger
	// Observe is told of every batch: events, time, and the error. It may be nil.
	Observe func(reader string, events int, took time.Duration, err error)
}

// DefaultTTL is how long after the death of a node others take over its readers.
const DefaultTTL = 10 * time.Second

// Runner runs one reader for all tenants.
type Runner struct {
	reader Reader
	store  Store
	feed   *Feed
	now    func() time.Time
	set    Settings

	mu   sync.Mutex
	seen map[desk.TenantID]*place
}

// place is what the runner knows of one tenant.
type place struct {
	seq    int64 // everything up to here is done, whoever did it
	next   time.Time
	pause  time.Duration // after a failure; 0 when the last attempt was fine
	held   bool
	before desk.Lease
}

// New makes a runner; it works when Run is called.
func New(r Reader, s Store, feed *Feed, now func() time.Time, set Settings) *Runner {
	if r.Most == 0 {
		r.Most = 500
	}
	if set.TTL == 0 {
		set.TTL = DefaultTTL
	}
	if set.Observe == nil {
		set.Observe = func(string, int, time.Duration, error) {}
	}
	return &Runner{reader: r, store: s, feed: feed, now: now, set: set, seen: map[desk.TenantID]*place{}}
}

// Pauses between attempts after a failure.
const (
	firstPause = time.Second
	mostPause  = time.Minute
)

// look is how often a runner looks whether a lease of another node is over, or a
// pause.
const look = time.Second

// Run works until ctx ends and then gives its leases back. An error means that
// a flush failed and the process must leave.
func (r *Runner) Run(ctx context.Context) error {
	wake, cancel := r.feed.SubscribeAll()
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	defer r.release(ctx)
	for {
		if err := r.round(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// Behind is how many events of all tenants this node knows to be unread. What
// another node has read meanwhile counts until its lease is looked at.
func (r *Runner) Behind() (n int64) {
	heads := r.feed.Heads()
	r.mu.Lock()
	defer r.mu.Unlock()
	for tenant, head := range heads {
		seq := int64(0)
		if p := r.seen[tenant]; p != nil {
			seq = p.seq
		}
		n += max(head-seq, 0)
	}
	return n
}

// round works on every tenant that has something new: a batch each in turn,
// until none is left, so that no tenant waits for all of another's.
func (r *Runner) round(ctx context.Context) error {
	if r.reader.Lost != nil && r.reader.Lost() {
		r.again()
	}
	for more := true; more && ctx.Err() == nil; {
		more = false
		for tenant, head := range r.feed.Heads() {
			if ctx.Err() != nil || !r.due(tenant, head) {
				continue
			}
			start := r.now()
			n, err := r.batch(ctx, tenant)
			took := r.now().Sub(start)
			if errors.Is(err, desk.ErrBroken) {
				return err
			}
			if n > 0 || err != nil {
				r.set.Observe(r.reader.Name, n, took, err)
			}
			more = more || n > 0
			if n > 0 && r.reader.Rest != nil {
				pause(ctx, r.reader.Rest(took))
			}
		}
	}
	return nil
}

// again forgets where the tenants stand.
func (r *Runner) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.seen {
		p.seq, p.held = 0, false
	}
}

func (r *Runner) place(tenant desk.TenantID) *place {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.seen[tenant]
	if p == nil {
		p = &place{}
		r.seen[tenant] = p
	}
	return p
}

func (r *Runner) due(tenant desk.TenantID, head int64) bool {
	p := r.place(tenant)
	r.mu.Lock()
	defer r.mu.Unlock()
	return head > p.seq && !r.now().Before(p.next)
}

// batch does the next batch of one tenant and says how many events it had.
func (r *Runner) batch(ctx context.Context, tenant desk.TenantID) (int, error) {
	p := r.place(tenant)
	n, err := r.work(ctx, tenant, p)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		p.pause = 0
	case ctx.Err() != nil:
		return 0, nil
	case errors.Is(err, errHeld):
		p.held = false
		p.next = r.now().Add(min(r.set.TTL/2, 5*look))
		return 0, nil
	default:
		p.pause = min(max(2*p.pause, firstPause), mostPause)
		p.next = r.now().Add(p.pause)
		r.set.Log.Warn("a reader waits", "reader", r.reader.Name, "tenant", int64(tenant), "pause", p.pause.String(), "error", err.Error())
	}
	return n, err
}

// errHeld: another node does it.
var errHeld = errors.New("another node holds the lease")

// held turns a conflict about the lease into errHeld.
func held(err error) error {
	if desk.KindOf(err) == desk.Conflict {
		return errHeld
	}
	return err
}

func (r *Runner) work(ctx context.Context, tenant desk.TenantID, p *place) (int, error) {
	l, err := r.lease(ctx, tenant, p)
	if err != nil {
		return 0, err
	}
	e, err := r.store.Events(ctx, tenant, l.Seq, r.reader.Most)
	if err != nil {
		return 0, err
	}
	if e.Last == 0 {
		r.stand(p, l.Seq, l)
		return 0, nil
	}
	if len(e.Damaged) > 0 {
		r.set.Log.Error("damaged events are passed over; run \"afterbeep doctor\"", "reader", r.reader.Name, "tenant", int64(tenant), "events", e.Damaged)
	}
	// A batch is short and is not cut off by a shutdown halfway.
	ctx = context.WithoutCancel(ctx)
	err = r.reader.Handle(ctx, Batch{l, e})
	if err == nil && !r.reader.Moves {
		err = held(r.store.Advance(ctx, l, e.Last))
	}
	if err != nil {
		if r.reader.Moves {
			err = held(err)
		}
		r.mu.Lock()
		p.held = false // whatever is known of the cursor may be wrong now
		r.mu.Unlock()
		return 0, err
	}
	l.Seq = e.Last
	r.stand(p, e.Last, l)
	return len(e.Events) + len(e.Damaged), nil
}

func (r *Runner) stand(p *place, seq int64, l desk.Lease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.seq, p.held, p.before = seq, true, l
}

// lease takes the lease, or renews it when half of its time is over.
func (r *Runner) lease(ctx context.Context, tenant desk.TenantID, p *place) (desk.Lease, error) {
	now := r.now()
	if p.held && p.before.Until.Sub(now) > r.set.TTL/2 {
		return p.before, nil
	}
	l, err := r.store.Hold(ctx, desk.Lease{
		Tenant: tenant, Reader: r.reader.Name, Holder: r.set.Holder, Until: now.Add(r.set.TTL),
	}, now)
	if err != nil {
		return l, held(err)
	}
	if r.reader.Cursor != nil {
		l.Seq, err = r.reader.Cursor(ctx, l)
	}
	if err == nil && l.Seq < p.seq {
		r.again() // somebody moved it back: perhaps not this tenant's alone
	}
	return l, err
}

// release lets others take over at once.
func (r *Runner) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.seen {
		if p.held && r.now().Before(p.before.Until) {
			if err := r.store.LetGo(ctx, p.before); err != nil {
				r.set.Log.Info("a lease runs out by itself", "reader", r.reader.Name, "error", err.Error())
				return
			}
		}
	}
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
