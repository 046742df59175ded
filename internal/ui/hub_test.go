package ui

import (
	"context"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// history is an event log of which the feed knows only a part: it looks now and
// then, and the log goes on meanwhile.
type history struct {
	events int64 // one of each thread
	head   int64
	reads  int
}

func (h *history) Subscribe(desk.TenantID) (<-chan struct{}, func()) { return nil, func() {} }

func (h *history) Head(desk.TenantID) int64 { return h.head }

func (h *history) Events(_ context.Context, _ desk.TenantID, after int64, limit int) (x desk.Excerpt, err error) {
	h.reads++
	for seq := after + 1; seq <= min(h.events, after+int64(limit)); seq++ {
		x.Events, x.Last = append(x.Events, desk.Event{Seq: seq, Thread: desk.ID(seq), Kind: desk.ThreadClaimed}), seq
	}
	return x, nil
}

func (h *history) ThreadsByID(_ context.Context, _ desk.TenantID, ids []desk.ID) (all []desk.Thread, err error) {
	for _, id := range ids {
		all = append(all, desk.Thread{ID: id})
	}
	return all, nil
}

func TestWhatTheFeedDoesNotKnowYetIsReadOnceForAllScreensToo(t *testing.T) {
	log := &history{}
	h := newHub(log, log)
	screens := []int64{0, 0, 0}
	for _, step := range []history{{events: 3, head: 1}, {events: 3, head: 1}, {events: 5, head: 4}, {events: 9, head: 4}, {events: 9, head: 9}} {
		*log = step
		for i, after := range screens {
			changes, last, whole, err := h.since(t.Context(), 1, after)
			if err != nil || !whole || last < step.head || int64(len(changes)) != last-after {
				t.Fatalf("screen %d at %+v, after event %d: %d changes up to %d, whole: %v, %v", i, step, after, len(changes), last, whole, err)
			}
			screens[i] = last
		}
		if log.reads > 1 {
			t.Errorf("at %+v the log was read %d times", step, log.reads)
		}
	}
}
