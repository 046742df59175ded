package ui

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// change is what became of one thread: its newest event, and how it is now.
type change struct {
	seq    int64
	kinds  []string
	by     string
	thread desk.Thread
	faces  *faces
}

// hub reads each tenant's new events once, however many screens wait for them.
type hub struct {
	log  Log
	feed Feed

	mu      sync.Mutex
	tenants map[desk.TenantID]*recent
}

// recent is the last changes of one tenant.
type recent struct {
	mu      sync.Mutex // held while reading: who asks meanwhile waits for that
	begun   bool
	head    int64 // how far the log went when it was looked at last
	last    int64 // the number of the last event that was read; it may be beyond head
	first   int64 // whoever has seen less than this must look at everything again
	changes []change
}

func newHub(l Log, f Feed) *hub { return &hub{log: l, feed: f, tenants: map[desk.TenantID]*recent{}} }

func (h *hub) recent(tenant desk.TenantID) *recent {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.tenants[tenant]
	if r == nil {
		r = &recent{}
		h.tenants[tenant] = r
	}
	return r
}

// since lists what changed after that event, and up to which it has read. whole
// is false when that is too much, or another history.
func (h *hub) since(ctx context.Context, tenant desk.TenantID, after int64) (changes []change, last int64, whole bool, err error) {
	r := h.recent(tenant)
	r.mu.Lock()
	defer r.mu.Unlock()
	head := h.feed.Head(tenant)
	if !r.begun || head < r.head { // a head that went back is another history
		r.begun, r.changes = true, nil
		r.last = max(0, min(after, head), head-kept)
		r.first = r.last
	}
	r.head = head
	for r.last < head {
		before := r.last
		if err := h.read(ctx, tenant, r); err != nil {
			return nil, 0, false, err
		}
		if r.last == before {
			break
		}
	}
	switch {
	case after > r.last && after-r.last <= ahead:
		return nil, after, true, nil
	case after < r.first || after > r.last:
		return nil, r.last, false, nil
	}
	i, _ := slices.BinarySearchFunc(r.changes, after+1, func(c change, seq int64) int { return cmp.Compare(c.seq, seq) })
	return slices.Clone(r.changes[i:]), r.last, true, nil
}

// read takes the next events. A flood is not looked at thread by thread: then
// whoever listens is told to look for herself.
func (h *hub) read(ctx context.Context, tenant desk.TenantID, r *recent) error {
	x, err := h.log.Events(ctx, tenant, r.last, readEvents)
	if err != nil || x.Last == 0 {
		return err
	}
	found := map[desk.ID]*change{}
	for i := range x.Events {
		e := &x.Events[i]
		c := found[e.Thread]
		if c == nil {
			c = &change{faces: &faces{}}
			found[e.Thread] = c
		}
		c.seq, c.kinds = e.Seq, append(c.kinds, e.Kind)
		if d, err := e.Details(); err == nil {
			c.by = d.By
		}
	}
	if len(found) > mostLooked {
		r.changes, r.last, r.first = nil, x.Last, x.Last
		return nil
	}
	threads, err := h.log.ThreadsByID(ctx, tenant, slices.Collect(maps.Keys(found)))
	if err != nil {
		return err
	}
	var fresh []change
	for i := range threads {
		if c := found[threads[i].ID]; c != nil {
			c.thread = threads[i]
			fresh = append(fresh, *c)
		}
	}
	slices.SortFunc(fresh, func(a, b change) int { return cmp.Compare(a.seq, b.seq) })
	r.changes, r.last = append(r.changes, fresh...), x.Last
	if over := len(r.changes) - kept; over > 0 {
		r.first = r.changes[over-1].seq
		r.changes = slices.Clone(r.changes[over:])
	}
	return nil
}
