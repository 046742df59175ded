package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// handled gives every thread times and an outcome, and most an owner. There are
// three threads of each kind that are the same for both, so that a list meets
// each of them twice where it forgets whose it is.
func (m maker) handled(tw *twin) {
	m.t.Helper()
	w := m.w
	var all []desk.Change
	for i, id := range append(slices.Clone(w.ids), tw.message, tw.opened, tw.closed) {
		if i == 1 || i == 3 || i == 4 {
			continue // they are in the first thread
		}
		th, err := m.Thread(m.t.Context(), tw.id, id)
		m.must(err)
		at := w.base.Add(time.Minute)
		if id == tw.opened || id == tw.closed {
			at = w.base.Add(time.Duration(tw.id) * 20 * time.Second) // the first, and another for each
		}
		th.Outcome, th.WakeAt, th.DueAt, th.ClaimUntil = desk.LineBusy, at, at, at
		switch i {
		case 7, 12, 13:
			th.State, th.Owner = desk.Working, 1
		case 14, 15, 16:
			th.State, th.Owner, th.Given = desk.Assigned, 1, true
		case 0, 5:
			th.Owner, th.Given = 1, true
		case 10, 11:
			th.State = desk.Closed
		}
		if th.State == desk.Closed {
			th.Owner, th.ClosedAt = 1, at
		}
		all = append(all, desk.Change{Thread: th, Event: w.event(tw, id)})
	}
	done, err := m.ChangeEach(m.t.Context(), tw.id, all)
	m.must(err)
	if len(done) != len(all) {
		m.t.Fatalf("%d of %d threads were changed", len(done), len(all))
	}
}

// listings are all views in all orders, wide and narrow.
func listings(w *world) (all []desk.Listing) {
	for _, v := range desk.Views() {
		for _, order := range v.Orders() {
			wide := desk.Listing{View: v, Order: order, Now: w.base.Add(time.Hour), Until: w.base.Add(time.Hour)}
			if v == desk.ViewMine {
				wide.Owner = 1
			}
			narrow := wide
			narrow.Channels, narrow.Outcome, narrow.Since = []desk.ChannelID{sharedChannel}, desk.LineBusy, w.base.Add(-time.Minute)
			if v != desk.ViewUnclaimed {
				narrow.Owner = 1
			}
			all = append(all, wide, narrow)
		}
	}
	return all
}

// paged walks through a list.
func (a *act) paged(l desk.Listing) {
	for range 20 {
		page, next, err := a.s.List(a.ctx, a.me.id, l)
		a.tell("page", page, next, err)
		if next == nil {
			return
		}
		l.After = *next
	}
	a.must(false, "the list has no end")
}

func deskReading(w *world) (all []scene) {
	for i, l := range listings(w) {
		all = append(all, scene{name: fmt.Sprintf("list %d: %s %s", i, l.View, l.Order), play: func(a *act) {
			for _, l.Limit = range []int{1, 2, 100} {
				a.paged(l)
			}
		}})
	}
	return append(
		all,
		scene{name: "how much there is to do", play: func(a *act) {
			tallies, err := a.s.Tallies(a.ctx, a.me.id, desk.Listing{Now: a.w.base.Add(time.Hour), Until: a.w.base.Add(time.Hour)})
			a.tell("tallies", tallies, err)
			loads, err := a.s.Loads(a.ctx, a.me.id)
			a.tell("loads", loads, err)
		}},
		scene{name: "timers", play: func(a *act) {
			next, err := a.s.Timers(a.ctx, a.me.id)
			a.tell("timers", next, err)
			for _, timer := range desk.Timers() {
				for _, limit := range []int{1, 100} {
					fired, err := a.s.Fired(a.ctx, a.me.id, timer, a.w.base.Add(time.Hour), limit)
					a.tell("fired", fired, err)
				}
			}
		}},
		scene{name: "threads by their IDs, all at once", play: func(a *act) {
			for _, ids := range [][]desk.ID{a.ids(), a.w.ids[:1], a.w.ids[5:7], a.w.ids[4:]} {
				found, err := a.s.ThreadsByID(a.ctx, a.me.id, ids) // in no order
				slices.SortFunc(found, func(a, b desk.Thread) int { return cmp.Compare(a.ID, b.ID) })
				a.tell("threads", found, err)
			}
		}},
		scene{name: "a caller's threads", play: func(a *act) {
			for _, of := range a.callers() {
				for _, limit := range []int{1, 2, 100} {
					found, err := a.s.CallersThreads(a.ctx, a.me.id, of[0].Key, limit)
					a.tell("threads", found, err)
				}
			}
		}},
		scene{name: "calls and notes", play: func(a *act) {
			for _, kind := range []string{desk.CallAttempted, desk.NoteAdded} {
				for _, q := range []desk.EntryQuery{
					{Kind: kind},
					{Kind: kind, Channels: []desk.ChannelID{sharedChannel}},
					{Kind: kind, By: "person:1", Outcome: desk.LineBusy, Since: a.w.base, Until: a.w.base.Add(time.Hour)},
				} {
					a.entries(q)
				}
				for _, id := range a.ids() {
					a.entries(desk.EntryQuery{Kind: kind, Thread: id})
				}
			}
		}},
		scene{name: "what is in a thread, and happened to it", play: func(a *act) {
			for _, id := range a.ids() {
				for _, limit := range []int{2, 100} {
					messages, events, err := a.s.Newest(a.ctx, a.me.id, id, limit)
					a.tell("newest", messages, events, err)
				}
			}
		}},
	)
}

// changes are of my threads, and of the other's as if I had read them.
func (a *act) changes(ids ...desk.ID) (all []desk.Change) {
	for _, id := range ids {
		th, err := a.s.Thread(a.ctx, a.me.id, id)
		if err != nil { // as if it were mine, and as it is for the other
			th = *a.thread(id, "k", sharedChannel)
			th.Version, th.DueAt = 2, a.w.base.Add(time.Duration(a.other.id)*20*time.Second)
		}
		th.Reason = "changed"
		all = append(all, desk.Change{Thread: th, Held: th.ClaimUntil, Event: a.w.event(a.me, id)})
	}
	return all
}

func deskWriting() []scene {
	several := func(a *act) [][]desk.Change {
		return [][]desk.Change{
			a.changes(a.w.ids[6]),
			a.changes(a.w.ids[7], a.w.ids[8]),
			a.changes(a.w.ids[9], a.w.ids[0], a.me.opened, a.other.opened),
		}
	}
	return []scene{
		{name: "several threads are changed", play: func(a *act) {
			for _, all := range several(a) {
				done, err := a.s.ChangeEach(a.ctx, a.me.id, all)
				slices.Sort(done)
				a.tell("changed", done, err)
			}
		}},
		{name: "threads were not called in time", play: func(a *act) {
			for _, all := range several(a) {
				done, err := a.s.Missed(a.ctx, a.me.id, all)
				slices.Sort(done)
				a.tell("missed", done, err)
			}
		}},
		{name: "a claim is kept", play: func(a *act) {
			for _, id := range []desk.ID{a.w.ids[7], a.w.ids[0], a.other.opened} {
				a.tell("kept", a.s.KeepClaim(a.ctx, a.me.id, id, 1, a.w.base.Add(time.Hour)))
			}
		}},
		{name: "events that change nothing", play: func(a *act) {
			a.tell("appended", a.s.AppendEvents(a.ctx, a.me.id, a.w.event(a.me, a.w.ids[0]), a.w.event(a.me, a.other.message)))
		}},
	}
}
