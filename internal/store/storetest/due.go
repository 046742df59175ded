package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// twoNodesDue: several nodes look what is due at once, and each thing happens once.
func twoNodesDue(t *testing.T, open Open) {
	o := newOffice(t, open)
	o.target = func(desk.TenantID, desk.ChannelID) time.Duration { return time.Hour }
	c := line(desk.DefaultTenant, channel+1, "auto")
	c.Allocation = desk.AllocAuto
	if err := o.AddChannel(o.ctx, c); err != nil {
		t.Fatal(err)
	}
	ann, ben := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent)
	want := map[string]int{}
	for i := range 90 {
		if i%3 == 2 {
			o.ringIn(channel+1, number11(i), "for whoever is there")
			want[desk.ThreadAssigned]++
			continue
		}
		th := o.ring(number11(i), "one")
		if i%3 == 0 {
			o.done(o.d.Claim(o.ctx, ann, th.ID, 0))
			want[desk.ThreadReleased]++
		} else {
			o.done(o.d.Snooze(o.ctx, ann, th.ID, 0, o.clock.Add(time.Hour)))
			want[desk.ThreadWoken]++
		}
	}
	want[desk.ThreadOverdue] = 90
	o.clock = o.clock.Add(2 * time.Hour)
	o.present(o.clock.Add(time.Minute), ann, ben)
	before := len(o.events())
	var (
		group sync.WaitGroup
		done  atomic.Int64
	)
	for _, s := range nodes(t, open, 3) {
		d := newDesk(s, o.now)
		group.Go(func() {
			for range 8 {
				n, err := d.Due(o.ctx, o.clock)
				if err != nil {
					t.Error(err)
				}
				done.Add(int64(n))
			}
		})
	}
	group.Wait()
	got := map[string]int{}
	for _, e := range o.events()[before:] {
		got[e.Kind]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || done.Load() != 30*3+90 {
		t.Fatalf("%d: %v, want %v", done.Load(), got, want)
	}
	if n := o.due(); n != 0 {
		t.Fatalf("%d are due again", n)
	}
	o.sound()
}

// toldTwice: two nodes saw the same missed moment before either told of it.
func toldTwice(t *testing.T, open Open) {
	o := newOffice(t, open)
	o.target = func(desk.TenantID, desk.ChannelID) time.Duration { return time.Hour }
	th := o.ring("1", "one")
	e := desk.Event{Tenant: th.Tenant, Thread: th.ID, Kind: desk.ThreadOverdue, At: o.clock, Data: []byte(`{}`)}
	for _, want := range []int{1, 0} {
		told, err := o.Missed(o.ctx, th.Tenant, []desk.Change{{Thread: th, Event: e}})
		if err != nil || len(told) != want {
			t.Fatalf("told %v, %v, want %d", told, err, want)
		}
	}
	stale := th
	stale.DueAt = stale.DueAt.Add(time.Hour) // it is due at another time by now
	if told, err := o.Missed(o.ctx, th.Tenant, []desk.Change{{Thread: stale, Event: e}}); err != nil || len(told) > 0 {
		t.Fatalf("told %v, %v", told, err)
	}
	if got := o.kinds(th.ID); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// events are all of the tenant's, in order.
func (b *bed) events() (all []desk.Event) {
	b.t.Helper()
	for _, th := range b.threads(desk.DefaultTenant) {
		some, err := b.timeline(th.Tenant, th.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		all = append(all, some...)
	}
	bySeq(all)
	return all
}

// overdue: what was promised and not kept is told once, a new promise again.
func overdue(t *testing.T, open Open) {
	o := newOffice(t, open)
	o.target = func(desk.TenantID, desk.ChannelID) time.Duration { return time.Hour }
	ann := o.person("Ann", desk.RoleAgent)
	th := o.ring("1", "one")
	if !th.DueAt.Equal(th.FirstAt.Add(time.Hour)) {
		t.Fatalf("%+v", th)
	}
	o.clock = th.DueAt
	if o.due() != 1 || o.due() != 0 {
		t.Fatal("not told once")
	}
	seen := o.thread(th.ID)
	if seen.Version != th.Version {
		t.Errorf("being told changes the version")
	}
	o.same("overdue", o.view(ann, desk.ViewOverdue), []desk.ID{th.ID})
	o.done(o.d.Claim(o.ctx, ann, th.ID, seen.Version))
	if o.due() != 0 {
		t.Fatal("told again after a claim")
	}
	o.done(o.d.Call(o.ctx, ann, th.ID, 0, handling.Call{Outcome: desk.NoAnswer}))
	o.same("overdue", o.view(ann, desk.ViewOverdue), []desk.ID{})
	o.clock = o.clock.Add(time.Hour)
	o.due()
	o.clock = o.clock.Add(desk.Grace)
	if o.due() != 1 {
		t.Fatal("the second promise was not missed")
	}
	want := []string{
		desk.MessageLeft, desk.ThreadOverdue, desk.ThreadClaimed, desk.CallAttempted, desk.ThreadWoken, desk.ThreadOverdue,
	}
	if got := o.kinds(th.ID); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q", got)
	}
}

// allocated: new threads of a channel go to whoever is present, works there and has
// the fewest; of several, they take turns.
func allocated(t *testing.T, open Open) {
	o := newOffice(t, open)
	for i, how := range []string{desk.AllocAuto, desk.AllocSelf, desk.AllocHand} {
		c := line(desk.DefaultTenant, channel+desk.ChannelID(i), how)
		c.Allocation = how
		if err := o.AddChannel(o.ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	ann, ben, eva := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent), o.person("Eva", desk.RoleAgent)
	away, elsewhere := o.person("Away", desk.RoleAgent), o.person("Elsewhere", desk.RoleAgent, channel+1)
	audit, gone := o.person("Audit", desk.RoleAuditor), o.person("Gone", desk.RoleAgent)
	o.present(o.clock.Add(time.Hour), ann, ben, eva, elsewhere, audit, gone)
	o.present(o.clock, away)
	o.disable(gone)

	// What is by self or by hand stays; what is automatic is spread evenly.
	o.ringIn(channel+1, "1", "self")
	o.ringIn(channel+2, "1", "hand")
	for i := range 10 {
		o.ring(number11(i), "auto")
	}
	o.done(o.d.Claim(o.ctx, ann, o.view(ann, desk.ViewUnclaimed)[0], 0)) // she has one already
	for o.due() > 0 {
	}
	have := map[desk.PersonID]int{}
	for _, th := range o.threads(desk.DefaultTenant) {
		have[th.Owner]++
		if th.Owner != 0 && th.State != desk.Working && (th.State != desk.Assigned || !th.Given) {
			t.Errorf("%+v", th)
		}
	}
	if have[0] != 2 || have[ann.Person]+have[ben.Person]+have[eva.Person] != 10 || max(have[ann.Person], have[ben.Person], have[eva.Person]) > 4 {
		t.Fatalf("%v", have)
	}

	o.turns(ann, ben, eva)

	// Nobody is there: it waits for somebody who claims it.
	o.clock = o.clock.Add(2 * time.Hour)
	th := o.ring("77", "late")
	o.due()
	o.done(o.d.Claim(o.ctx, away, th.ID, 0))
	o.sound()
}

// turns: those who close at once take turns all the same.
func (o *office) turns(ann, ben, eva desk.Actor) {
	o.t.Helper()
	for _, a := range []desk.Actor{ann, ben, eva} {
		if _, err := o.d.GiveBack(o.ctx, boss, a.Person); err != nil {
			o.t.Fatal(err)
		}
	}
	for _, id := range o.view(boss, desk.ViewAll) {
		o.done(o.d.Close(o.ctx, boss, id, 0, ""))
	}
	turns := map[desk.PersonID]int{}
	for i := range 12 {
		th := o.ring(number11(i), "again")
		o.due()
		th = o.thread(th.ID)
		turns[th.Owner]++
		o.done(o.d.Close(o.ctx, boss, th.ID, 0, ""))
	}
	if turns[ann.Person] != 4 || turns[ben.Person] != 4 || turns[eva.Person] != 4 {
		o.t.Errorf("turns %v", turns)
	}
}

// givesBack: whoever leaves for good gives everything back, also what waits.
func givesBack(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann, ben := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent)
	for i := range 250 {
		o.leave(o.message(number11(i), "one"))
	}
	o.sort()
	for i, th := range o.threads(desk.DefaultTenant) {
		switch i % 4 {
		case 0:
			o.done(o.d.Assign(o.ctx, boss, th.ID, 0, ann.Person))
		case 1:
			o.done(o.d.Snooze(o.ctx, ann, th.ID, 0, o.clock.Add(time.Hour)))
		case 2:
			o.done(o.d.Claim(o.ctx, ann, th.ID, 0))
		case 3:
			o.done(o.d.Claim(o.ctx, ben, th.ID, 0))
		}
	}
	o.refused("not_allowed", second(o.d.GiveBack(o.ctx, ben, ann.Person)))
	o.disable(ann)
	for _, want := range []int{188, 0} {
		if n, err := o.d.GiveBack(o.ctx, boss, ann.Person); n != want || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	states := map[desk.State]int{}
	for _, th := range o.threads(desk.DefaultTenant) {
		states[th.State]++
		if th.Owner == ann.Person || th.Given {
			t.Errorf("%+v", th)
		}
	}
	if states[desk.New] != 125 || states[desk.Waiting] != 63 || states[desk.Working] != 62 {
		t.Errorf("%v", states)
	}
	o.refused("assignee", second(o.d.Assign(o.ctx, boss, o.view(boss, desk.ViewUnclaimed)[0], 0, ann.Person)))
	o.sound()
}

// limits: who may not, cannot; and learns nothing of what is not his.
func limits(t *testing.T, open Open) {
	o := newOffice(t, open)
	c := line(desk.DefaultTenant, channel, "by hand")
	c.Allocation = desk.AllocHand
	if err := o.AddChannel(o.ctx, c); err != nil {
		t.Fatal(err)
	}
	ann, sue := o.person("Ann", desk.RoleAgent), o.person("Sue", desk.RoleSupervisor)
	eva, max := o.person("Eva", desk.RoleAgent, channel+1), o.person("Max", desk.RoleAuditor)
	key := desk.Actor{Tenant: desk.DefaultTenant, Key: 1, Name: "dialler", Scopes: []string{string(desk.ThreadsHandle), string(desk.ThreadsAssign)}}
	th := o.ring("1", "one")

	o.refused("by_hand", second(o.d.Claim(o.ctx, ann, th.ID, 0)))
	o.refused("by_hand", second(o.d.Call(o.ctx, ann, th.ID, 0, handling.Call{Outcome: desk.Reached})))
	o.refused("not_allowed", second(o.d.Assign(o.ctx, ann, th.ID, 0, ann.Person)))
	o.refused("not_allowed", second(o.d.Claim(o.ctx, max, th.ID, 0)))
	o.refused("not_allowed", second(o.d.Open(o.ctx, key, th.ID)))
	o.refused("no_person", second(o.d.Claim(o.ctx, key, th.ID, 0)))
	o.refused("assignee", second(o.d.Assign(o.ctx, sue, th.ID, 0, eva.Person)))
	o.refused("assignee", second(o.d.Assign(o.ctx, sue, th.ID, 0, max.Person)))
	o.refused("assignee", second(o.d.Assign(o.ctx, sue, th.ID, 0, 999)))
	for _, err := range []error{
		second(o.d.Open(o.ctx, eva, th.ID)), second(o.d.Claim(o.ctx, eva, th.ID, 0)), second(o.d.Keep(o.ctx, eva, th.ID)),
		second(o.d.Undo(o.ctx, eva, th.ID)), o.d.Note(o.ctx, eva, th.ID, "hello"), second(o.d.Close(o.ctx, eva, th.ID, 0, "")),
		second(o.d.Open(o.ctx, desk.Actor{Tenant: 99, Role: desk.RoleAdministrator}, th.ID)),
	} {
		o.refused("thread", err)
	}
	o.refused("not_allowed", second(o.d.View(o.ctx, desk.Actor{Role: desk.RoleAdministrator}, handling.ViewQuery{View: desk.ViewAll})))
	o.done(o.d.Call(o.ctx, key, th.ID, 0, handling.Call{Outcome: desk.LineBusy}))
	o.done(o.d.Assign(o.ctx, sue, th.ID, 0, ann.Person))
	if got := o.thread(th.ID); got.State != desk.Waiting || got.Owner != ann.Person {
		t.Fatalf("%+v", got)
	}
	if got := o.done(o.d.Claim(o.ctx, ann, th.ID, 0)); got.State != desk.Working || !got.Given {
		t.Fatalf("%+v", got)
	}
	o.refused("claimed_by", second(o.d.Claim(o.ctx, sue, th.ID, 0)))
	o.refused("thread_changed", second(o.d.Close(o.ctx, ann, th.ID, 1, "")))
	detail, err := o.d.Open(o.ctx, max, th.ID)
	if err != nil || detail.Holder != "Ann" || len(detail.Messages) != 1 || len(detail.Events) != 4 || detail.Damaged != nil {
		t.Fatalf("%+v, %v", detail, err)
	}
	o.sound()
}
