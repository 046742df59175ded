package storetest

import (
	"context"
	"fmt"
	lists "slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/store"
)

// claimRace: fifty people, on three nodes, want the same thread.
func claimRace(t *testing.T, open Open) {
	b := newBed(t, open)
	stores := nodes(t, open, 3)
	var desks []*handling.Desk
	for _, s := range stores {
		desks = append(desks, newDesk(s, time.Now))
	}
	var people []desk.Actor
	for i := range 50 {
		people = append(people, b.person(fmt.Sprintf("Agent %d", i), desk.RoleAgent))
	}
	for round, version := range []int64{0, 1} { // whatever it is, and as it was seen
		th := b.ring(number11(round), "who is first?")
		winners, told := b.race(desks, people, th.ID, version)
		if len(winners) != 1 {
			t.Fatalf("winners: %q", winners)
		}
		for words, n := range told {
			if n != 49 || !strings.HasPrefix(words, winners[0]+" ") {
				t.Errorf("%s won, %d were told: %s", winners[0], n, words)
			}
		}
		if got := b.kinds(th.ID); !lists.Equal(got, []string{desk.MessageLeft, desk.ThreadClaimed}) {
			t.Errorf("events %q", got)
		}
	}
	b.sound()
}

// race lets everybody claim a thread at the same moment. It says who has it, and
// what the others were told.
func (b *bed) race(desks []*handling.Desk, people []desk.Actor, id desk.ID, version int64) (winners []string, told map[string]int) {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		start = make(chan struct{})
	)
	told = map[string]int{}
	for i, a := range people {
		group.Go(func() {
			<-start
			_, err := desks[i%len(desks)].Claim(b.ctx, a, id, version)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners = append(winners, a.Name)
				return
			}
			told[b.refusedSoftly("claimed_by", err)]++
		})
	}
	close(start)
	group.Wait()
	return winners, told
}

// careless is a store that does not compare what it sets.
type careless struct{ *store.Store }

func (c careless) ChangeThread(ctx context.Context, th desk.Thread, events ...desk.Event) (desk.Thread, error) {
	for {
		is, err := c.Thread(ctx, th.Tenant, th.ID)
		if err != nil {
			return th, err
		}
		th.Version = is.Version
		if done, err := c.Store.ChangeThread(ctx, th, events...); desk.KindOf(err) != desk.Conflict {
			return done, err
		}
	}
}

// carelessRace is the control of claimRace: without compare-and-set there are
// several winners, or that test proves nothing.
func carelessRace(t *testing.T, open Open) {
	b := newBed(t, open)
	d := handling.New(handling.Parts{Threads: b.Store, Changes: careless{b.Store}, Timers: b.Store, Staff: b.Store}, time.Now)
	var people []desk.Actor
	for i := range 20 {
		people = append(people, b.person(fmt.Sprintf("Agent %d", i), desk.RoleAgent))
	}
	for round := range 20 {
		winners, _ := b.race([]*handling.Desk{d}, people, b.ring(number11(round), "who is first?").ID, 0)
		if len(winners) > 1 {
			return
		}
	}
	t.Error("nobody claims a thread twice, with or without compare-and-set")
}

// claimsEnd: a claim that nobody keeps falls back, one that is kept does not.
func claimsEnd(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann, ben, sue := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent), o.person("Sue", desk.RoleSupervisor)
	th := o.ring("1", "one")
	o.done(o.d.Claim(o.ctx, ann, th.ID, 0))
	for range 5 {
		o.clock = o.clock.Add(handling.Lease - time.Second)
		if n := o.due(); n != 0 {
			t.Fatalf("%d timers", n)
		}
		kept := o.done(o.d.Keep(o.ctx, ann, th.ID))
		if kept.Version != 2 || o.thread(th.ID).ClaimUntil != kept.ClaimUntil {
			t.Fatalf("%+v", kept)
		}
	}
	if w := o.refused("claimed_by", second(o.d.Claim(o.ctx, ben, th.ID, 0))); !strings.Contains(w, "Ann") {
		t.Error(w)
	}
	o.refused("claimed_by", second(o.d.Keep(o.ctx, ben, th.ID)))
	o.ring("1", "a message does not shorten the claim")
	if got := o.thread(th.ID); got.State != desk.Working || !got.ClaimUntil.Equal(o.clock.Add(handling.Lease)) {
		t.Fatalf("%+v", got)
	}

	o.clock = o.clock.Add(handling.Lease)
	if n := o.due(); n != 1 {
		t.Fatalf("%d timers", n)
	}
	if got := o.thread(th.ID); got.State != desk.New || got.Owner != 0 {
		t.Fatalf("%+v", got)
	}
	o.refused("claim_ended", second(o.d.Keep(o.ctx, ann, th.ID)))
	events, err := o.timeline(th.Tenant, th.ID)
	if last := events[len(events)-1]; err != nil || last.Kind != desk.ThreadReleased || last.Actor != "" {
		t.Fatalf("%+v, %v", last, err)
	}

	// What was given to her stays hers, to begin with again.
	o.done(o.d.Assign(o.ctx, sue, th.ID, 0, ben.Person))
	o.done(o.d.Claim(o.ctx, ben, th.ID, 0))
	o.clock = o.clock.Add(handling.Lease)
	o.due()
	if got := o.thread(th.ID); got.State != desk.Assigned || got.Owner != ben.Person {
		t.Fatalf("%+v", got)
	}
	// A claim that is over is no claim, before any timer has looked.
	o.done(o.d.Release(o.ctx, ben, th.ID, 0))
	o.done(o.d.Claim(o.ctx, ann, th.ID, 0))
	o.clock = o.clock.Add(handling.Lease)
	o.done(o.d.Claim(o.ctx, ben, th.ID, 0))
	o.sound()
}

// keptWhileItEnds: a claim is kept between the moment when a timer reads it and
// the moment when it ends it.
func keptWhileItEnds(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann := o.person("Ann", desk.RoleAgent)
	th := o.done(o.d.Claim(o.ctx, ann, o.ring("1", "one").ID, 0))
	o.clock = o.clock.Add(handling.Lease)
	late := late{o.Store, func() { o.done(o.d.Keep(o.ctx, ann, th.ID)) }}
	d := handling.New(handling.Parts{Threads: o.Store, Changes: late, Timers: o.Store, Staff: o.Store}, o.now)
	if n, err := d.Due(o.ctx, o.clock); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := o.thread(th.ID); got.State != desk.Working || got.Owner != ann.Person || got.Version != th.Version {
		t.Fatalf("the claim was kept and ended all the same: %+v", got)
	}
}

// waits: what is put off comes back by its time, or with the next message.
func waits(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann, ben := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent)
	th := o.ring("1", "one")
	until := o.clock.Add(2 * time.Hour)
	got := o.done(o.d.Snooze(o.ctx, ann, th.ID, 0, until))
	if got.State != desk.Waiting || got.Owner != ann.Person || !got.WakeAt.Equal(until) {
		t.Fatalf("%+v", got)
	}
	o.refused("claimed_by", second(o.d.Claim(o.ctx, ben, th.ID, 0)))
	o.clock = until.Add(-time.Microsecond)
	if n := o.due(); n != 0 {
		t.Fatalf("%d timers", n)
	}
	o.clock = until
	o.due()
	got = o.thread(th.ID)
	if got.State != desk.Assigned || got.Owner != ann.Person || !got.DueAt.Equal(until.Add(desk.Grace)) {
		t.Fatalf("%+v", got)
	}

	o.done(o.d.Snooze(o.ctx, ann, th.ID, got.Version, o.clock.Add(time.Hour)))
	got = o.ring("1", "two\nlines")
	if got.State != desk.Assigned || !got.WakeAt.IsZero() || got.Excerpt != "two lines" {
		t.Fatalf("%+v", got)
	}
	want := []string{desk.MessageLeft, desk.ThreadSnoozed, desk.ThreadWoken, desk.ThreadSnoozed, desk.MessageLeft, desk.ThreadWoken}
	if diff := cmp.Diff(want, o.kinds(th.ID)); diff != "" {
		t.Error(diff)
	}
	for _, at := range []time.Time{{}, o.clock, o.clock.Add(handling.MaxWait + time.Second)} {
		o.refused("until", second(o.d.Snooze(o.ctx, ann, th.ID, 0, at)))
	}

	// A key that was hit twice is one step.
	for range 2 {
		o.done(o.d.Snooze(o.ctx, ann, th.ID, 0, o.clock.Add(time.Minute)))
	}
	if got = o.done(o.d.Undo(o.ctx, ann, th.ID)); got.State != desk.Assigned {
		t.Fatalf("%+v", got)
	}
	o.sound()
}

// undone: only one's own last change, soon, and while nobody changed it since.
func undone(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann, ben, sue := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent), o.person("Sue", desk.RoleSupervisor)
	th := o.ring("1", "one")
	o.refused("nothing_to_undo", second(o.d.Undo(o.ctx, ann, th.ID)))
	before := o.done(o.d.Claim(o.ctx, ann, th.ID, 0))

	// One key closes and counts a call; one undo takes back both.
	o.done(o.d.Call(o.ctx, ann, th.ID, 0, handling.Call{Outcome: desk.Reached, Note: "all well", Close: true, Reason: "answered"}))
	if err := o.d.Note(o.ctx, ben, th.ID, "a note does not matter"); err != nil {
		t.Fatal(err)
	}
	o.refused("changed_since", second(o.d.Undo(o.ctx, ben, th.ID)))
	after := o.done(o.d.Undo(o.ctx, ann, th.ID))
	before.Version, before.ClaimUntil, after.ClaimUntil = after.Version, time.Time{}, time.Time{}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Fatal(diff)
	}
	o.refused("nothing_to_undo", second(o.d.Undo(o.ctx, ann, th.ID)))
	events, err := o.timeline(th.Tenant, th.ID)
	if err != nil {
		t.Fatal(err)
	}
	details, err := events[len(events)-1].Details()
	if want := []int64{events[2].Seq, events[3].Seq}; err != nil || !lists.Equal(details.Undone, want) {
		t.Fatalf("%v, %v, want %v", details.Undone, err, want)
	}

	// Too late.
	o.done(o.d.Release(o.ctx, ann, th.ID, 0))
	o.clock = o.clock.Add(handling.UndoWithin + time.Second)
	o.refused("undo_late", second(o.d.Undo(o.ctx, ann, th.ID)))

	// Somebody else, or a timer, was there since.
	o.done(o.d.Claim(o.ctx, ann, th.ID, 0))
	o.done(o.d.Assign(o.ctx, sue, th.ID, 0, ben.Person))
	if w := o.refused("changed_since", second(o.d.Undo(o.ctx, ann, th.ID))); !strings.Contains(w, "Sue") {
		t.Error(w)
	}
	o.done(o.d.Undo(o.ctx, sue, th.ID)) // Ann has it again
	if got := o.thread(th.ID); got.Owner != ann.Person || got.State != desk.Working {
		t.Fatalf("%+v", got)
	}
	o.done(o.d.Snooze(o.ctx, ann, th.ID, 0, o.clock.Add(time.Minute)))
	o.clock = o.clock.Add(time.Minute)
	o.due()
	o.refused("changed_since", second(o.d.Undo(o.ctx, ann, th.ID)))

	// The caller has left another message, which opened a thread.
	o.done(o.d.Close(o.ctx, ann, th.ID, 0, ""))
	next := o.ring("1", "two")
	if w := o.refused("other_open", second(o.d.Undo(o.ctx, ann, th.ID))); !strings.Contains(w, next.ID.String()) {
		t.Error(w)
	}
	o.refused("other_open", second(o.d.Reopen(o.ctx, ann, th.ID, 0)))
	o.sound()
}

// calls: what follows from each outcome.
func calls(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann := o.person("Ann", desk.RoleAgent)
	for i, c := range []struct {
		call  handling.Call
		state desk.State
		wait  time.Duration
	}{
		{handling.Call{Outcome: desk.Reached}, desk.Working, 0},
		{handling.Call{Outcome: desk.WrongNumber}, desk.Working, 0},
		{handling.Call{Outcome: desk.NoAnswer}, desk.Waiting, time.Hour},
		{handling.Call{Outcome: desk.LineBusy}, desk.Waiting, 15 * time.Minute},
		{handling.Call{Outcome: desk.Voicemail}, desk.Waiting, 4 * time.Hour},
		{handling.Call{Outcome: desk.NoAnswer, Again: o.clock.Add(time.Minute)}, desk.Waiting, time.Minute},
		{handling.Call{Outcome: desk.CallAgain, Again: o.clock.Add(24 * time.Hour)}, desk.Waiting, 24 * time.Hour},
		{handling.Call{Outcome: desk.Reached, Close: true, Reason: "done"}, desk.Closed, 0},
		{handling.Call{Outcome: desk.WrongNumber, Close: true}, desk.Closed, 0},
	} {
		th := o.ring(number11(i), "please call")
		got := o.done(o.d.Call(o.ctx, ann, th.ID, th.Version, c.call))
		var wake time.Time
		if c.wait > 0 {
			wake = o.clock.Add(c.wait)
		}
		if got.State != c.state || !got.WakeAt.Equal(wake) || got.Attempts != 1 || got.Outcome != c.call.Outcome || got.Owner != ann.Person {
			t.Errorf("%+v: %+v", c.call, got)
		}
		if diff := cmp.Diff(o.thread(th.ID), got); diff != "" {
			t.Error(diff)
		}
	}
	th := o.ring("99", "please call")
	for code, c := range map[string]handling.Call{
		"outcome": {Outcome: "asleep"},
		"again":   {Outcome: desk.CallAgain},
		"reason":  {Outcome: desk.Reached, Reason: "without closing"},
		"note":    {Outcome: desk.Reached, Note: strings.Repeat("安", handling.MaxNote+1)},
	} {
		o.refused(code, second(o.d.Call(o.ctx, ann, th.ID, 0, c)))
	}
	o.refused("again", second(o.d.Call(o.ctx, ann, th.ID, 0, handling.Call{Outcome: desk.Reached, Again: o.clock.Add(time.Hour)})))
	o.refused("again", second(o.d.Call(o.ctx, ann, th.ID, 0, handling.Call{Outcome: desk.NoAnswer, Again: o.clock})))
	o.sound()
}
