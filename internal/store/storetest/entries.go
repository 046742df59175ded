package storetest

import (
	"fmt"
	lists "slices"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// made is what was done, as a list must tell it.
type made struct {
	thread  desk.ID
	kind    string
	by      desk.PersonID
	channel desk.ChannelID
	outcome desk.Outcome
	at      time.Time
	undone  bool
}

// ledger is a desk whose clock goes a second further with everything that is done.
type ledger struct {
	*bed
	d    *handling.Desk
	now  time.Time
	made []made // in order
}

func (l *ledger) call(a desk.Actor, th desk.Thread, o desk.Outcome) {
	l.t.Helper()
	l.now = l.now.Add(time.Second)
	c := handling.Call{Outcome: o, Note: "it rang"}
	if o == desk.CallAgain {
		c.Again = l.now.Add(time.Hour)
	}
	if _, err := l.d.Call(l.ctx, a, th.ID, 0, c); err != nil {
		l.t.Fatal(err)
	}
	l.made = append(l.made, made{thread: th.ID, kind: desk.CallAttempted, by: a.Person, channel: th.Channel, outcome: o, at: l.now})
}

func (l *ledger) note(a desk.Actor, th desk.Thread) {
	l.t.Helper()
	l.now = l.now.Add(time.Second)
	if err := l.d.Note(l.ctx, a, th.ID, "a note"); err != nil {
		l.t.Fatal(err)
	}
	l.made = append(l.made, made{thread: th.ID, kind: desk.NoteAdded, by: a.Person, channel: th.Channel, at: l.now})
}

// list goes through all pages.
func (l *ledger) list(a desk.Actor, q handling.EntryQuery) (all []made) {
	l.t.Helper()
	for range 10_000 {
		page, err := l.d.Entries(l.ctx, a, q)
		if err != nil || len(page.Damaged) > 0 || len(page.Entries) > max(q.Limit, 1) {
			l.t.Fatal(page, err)
		}
		for _, e := range page.Entries {
			owner := desk.Actor{}
			if n, _ := fmt.Sscanf(e.Said.By, "person:%d", &owner.Person); n != 1 || e.Caller == "" {
				l.t.Fatalf("%+v", e)
			}
			all = append(all, made{e.Thread, e.Kind, owner.Person, e.Channel, e.Said.Outcome, e.At, e.Undone})
		}
		if page.Next == "" {
			return all
		}
		q.Before = page.Next
	}
	l.t.Fatal("the list has no end")
	return nil
}

// want is what is to be listed: the newest first.
func (l *ledger) want(which func(m *made) bool) (all []made) {
	for i := range l.made {
		if which(&l.made[i]) {
			all = append(all, l.made[i])
		}
	}
	lists.Reverse(all)
	return all
}

func (l *ledger) same(what string, got, want []made) {
	l.t.Helper()
	if !lists.Equal(got, want) || len(want) == 0 {
		l.t.Errorf("%s:\n got  %+v\n want %+v", what, got, want)
	}
}

// callsAndNotes: whatever was done is listed once, in every narrow list that it
// belongs to and in no other.
func callsAndNotes(t *testing.T, open Open) {
	b := newBed(t, open)
	l := &ledger{bed: b, now: time.Now().UTC().Truncate(time.Microsecond)}
	l.d = newDesk(b.Store, func() time.Time { return l.now })
	const other = channel + 1
	ann, ben := b.person("Ann", desk.RoleSupervisor), b.person("Ben", desk.RoleSupervisor)
	cleo := b.person("Cleo", desk.RoleAgent, other)
	threads := []desk.Thread{b.ring(number11(1), "a"), b.ring(number11(2), "b"), b.ringIn(other, number11(3), "c")}
	begin := l.now
	for round := range 3 {
		for i, th := range threads {
			for j, o := range desk.Outcomes() {
				l.call([]desk.Actor{ann, ben}[(i+j+round)%2], th, o)
			}
			l.note([]desk.Actor{ann, ben}[i%2], th)
		}
	}
	middle := l.now
	l.call(ann, threads[0], desk.LineBusy)
	l.made[len(l.made)-1].undone = true
	if _, err := l.d.Undo(l.ctx, ann, threads[0].ID); err != nil {
		t.Fatal(err)
	}
	l.note(ben, threads[2])
	for _, limit := range []int{1, 3, 200} {
		calls := func(which func(m *made) bool) []made {
			return l.want(func(m *made) bool { return m.kind == desk.CallAttempted && which(m) })
		}
		q := handling.EntryQuery{Kind: desk.CallAttempted, Limit: limit}
		with := func(change func(q *handling.EntryQuery)) []made {
			n := q
			change(&n)
			return l.list(boss, n)
		}
		l.same("calls", l.list(boss, q), calls(func(*made) bool { return true }))
		l.same("calls of Ben", with(func(q *handling.EntryQuery) { q.Person = ben.Person }), calls(func(m *made) bool { return m.by == ben.Person }))
		l.same("calls of a channel", with(func(q *handling.EntryQuery) { q.Channel = other }), calls(func(m *made) bool { return m.channel == other }))
		l.same("calls that reached nobody", with(func(q *handling.EntryQuery) { q.Outcome = desk.NoAnswer }), calls(func(m *made) bool { return m.outcome == desk.NoAnswer }))
		l.same("calls of a thread", with(func(q *handling.EntryQuery) { q.Thread = threads[0].ID }), calls(func(m *made) bool { return m.thread == threads[0].ID }))
		l.same("calls of a while", with(func(q *handling.EntryQuery) { q.Since, q.Until = begin.Add(5*time.Second), middle }),
			calls(func(m *made) bool { return !m.at.Before(begin.Add(5*time.Second)) && m.at.Before(middle) }))
		l.same("what Cleo sees", l.list(cleo, q), calls(func(m *made) bool { return m.channel == other }))
		q.Kind = desk.NoteAdded
		l.same("notes", l.list(boss, q), l.want(func(m *made) bool { return m.kind == desk.NoteAdded }))
		l.same("notes of a thread", with(func(q *handling.EntryQuery) { q.Thread = threads[2].ID }),
			l.want(func(m *made) bool { return m.kind == desk.NoteAdded && m.thread == threads[2].ID }))
	}
	l.narrow(cleo, threads)
}

// narrow: one call among thousands of others is found, and what somebody does not
// see is not there.
func (l *ledger) narrow(cleo desk.Actor, threads []desk.Thread) {
	l.t.Helper()
	for range 60 {
		many := make([]desk.Event, 100)
		for i := range many {
			l.now = l.now.Add(time.Millisecond)
			many[i] = desk.Event{Thread: threads[0].ID, Kind: desk.CallAttempted, Actor: "Ann", At: l.now, Data: []byte(`{"by":"person:1","outcome":"reached"}`)}
		}
		if err := l.AppendEvents(l.ctx, desk.DefaultTenant, many...); err != nil {
			l.t.Fatal(err)
		}
	}
	busy := l.list(boss, handling.EntryQuery{Kind: desk.CallAttempted, Outcome: desk.LineBusy, Limit: 10})
	l.same("calls that found it busy", busy, l.want(func(m *made) bool { return m.outcome == desk.LineBusy }))
	q := handling.EntryQuery{Kind: desk.CallAttempted, Channel: channel}
	l.refused("channel", second(l.d.Entries(l.ctx, cleo, q)))
	l.refused("thread", second(l.d.Entries(l.ctx, cleo, handling.EntryQuery{Kind: desk.CallAttempted, Thread: threads[0].ID})))
	l.refused("not_allowed", second(l.d.Entries(l.ctx, desk.Actor{Tenant: 1, Key: 1, Scopes: []string{"export"}}, q)))
	l.refused("kind", second(l.d.Entries(l.ctx, boss, handling.EntryQuery{Kind: desk.MessageLeft})))
	page, err := l.d.Entries(l.ctx, boss, handling.EntryQuery{Kind: desk.CallAttempted, Limit: 1})
	if err != nil {
		l.t.Fatal(err)
	}
	l.refused("cursor", second(l.d.Entries(l.ctx, boss, handling.EntryQuery{Kind: desk.NoteAdded, Before: page.Next})))
}
