package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	lists "slices"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// crowd fills a desk with threads in all states.
func (o *office) crowd(n int, people []desk.Actor) {
	o.t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(n)))
	for i := range n {
		m := o.message(number11(i), fmt.Sprintf("number %d", i))
		m.Channel += desk.ChannelID(r.IntN(3))
		m.ReceivedAt = o.clock.Add(-time.Duration(r.IntN(100)) * time.Minute) // some at the same moment
		o.leave(m)
	}
	o.sort()
	for _, th := range o.Bed() {
		a := people[r.IntN(len(people))]
		var err error
		switch r.IntN(8) {
		case 0:
			_, err = o.d.Claim(o.ctx, a, th.ID, 0)
		case 1:
			_, err = o.d.Snooze(o.ctx, a, th.ID, 0, o.clock.Add(time.Duration(1+r.IntN(180))*time.Minute))
		case 2:
			_, err = o.d.Call(o.ctx, a, th.ID, 0, handling.Call{Outcome: desk.Outcomes()[r.IntN(5)]})
		case 3, 4:
			_, err = o.d.Call(o.ctx, a, th.ID, 0, handling.Call{Outcome: desk.Reached, Close: true})
		case 5:
			_, err = o.d.Assign(o.ctx, boss, th.ID, 0, a.Person)
		}
		if err != nil {
			o.t.Fatal(err)
		}
		o.clock = o.clock.Add(time.Duration(r.IntN(2)) * time.Millisecond)
	}
}

// Bed is all threads there are.
func (o *office) Bed() []desk.Thread { return o.threads(desk.DefaultTenant) }

// viewed: every view, in each of its orders and however it is narrowed, shows what
// it says and nothing else, and its pages follow each other without a gap.
func viewed(t *testing.T, open Open) {
	o := newOffice(t, open)
	people := []desk.Actor{o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent), o.person("Sue", desk.RoleSupervisor)}
	for i := range 3 {
		c := line(desk.DefaultTenant, channel+desk.ChannelID(i), fmt.Sprintf("channel %d", i))
		c.Target = time.Duration(i) * time.Hour
		if err := o.AddChannel(o.ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	o.target = func(_ desk.TenantID, c desk.ChannelID) time.Duration { return time.Duration(c-channel) * time.Hour }
	o.crowd(150, people)
	o.clock = o.clock.Add(2 * time.Second)
	actors := append(people, o.person("Eva", desk.RoleAgent, channel, channel+2), o.person("Max", desk.RoleAuditor), boss)
	for _, a := range actors {
		counts, err := o.d.Counts(o.ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range desk.Views() {
			for _, order := range v.Orders() {
				all := o.pages(a, handling.ViewQuery{View: v, Order: order, Limit: 7})
				o.same(fmt.Sprintf("%s %s %s", a.Name, v, order), all, o.expected(a, v, order, nil))
				if v != desk.ViewClosed && counts[v] != len(all) {
					t.Errorf("%s %s: %d are counted, %d shown", a.Name, v, counts[v], len(all))
				}
				o.same("by channel", o.pages(a, handling.ViewQuery{View: v, Order: order, Channel: channel, Limit: 5}),
					o.expected(a, v, order, func(th desk.Thread) bool { return th.Channel == channel }))
				if v == desk.ViewMine {
					continue
				}
				o.same("by owner", o.pages(a, handling.ViewQuery{View: v, Order: order, Owner: 2, Limit: 5}),
					o.expected(a, v, order, func(th desk.Thread) bool { return th.Owner == 2 }))
				o.same("by outcome", o.pages(a, handling.ViewQuery{View: v, Order: order, Outcome: desk.Reached, Limit: 5}),
					o.expected(a, v, order, func(th desk.Thread) bool { return th.Outcome == desk.Reached }))
			}
		}
	}
	o.narrowed(actors[0])
	o.stated(boss)
}

// stated: whatever state a thread is in, there is a view of all that are in it and
// of nothing else.
func (o *office) stated(a desk.Actor) {
	o.t.Helper()
	ids := func(all []desk.ID) []desk.ID { return lists.Sorted(lists.Values(all)) }
	for _, state := range []desk.State{desk.New, desk.Assigned, desk.Working, desk.Waiting, desk.Closed} {
		var want []desk.ID
		for _, th := range o.Bed() {
			if th.State == state {
				want = append(want, th.ID)
			}
		}
		if len(want) == 0 || !lists.ContainsFunc(desk.Views(), func(v desk.View) bool {
			return lists.Equal(ids(o.pages(a, handling.ViewQuery{View: v, Limit: 50})), ids(want))
		}) {
			o.t.Errorf("no view shows the %d threads that are %s", len(want), state)
		}
	}
}

// narrowed looks at what a view refuses, and at the time of the messages.
func (o *office) narrowed(a desk.Actor) {
	o.t.Helper()
	since := o.clock.Add(-50 * time.Minute)
	o.same("since", o.pages(a, handling.ViewQuery{View: desk.ViewAll, Since: since}),
		o.expected(a, desk.ViewAll, desk.OrderNewest, func(th desk.Thread) bool { return !th.LastAt.Before(since) }))
	page, err := o.d.View(o.ctx, a, handling.ViewQuery{View: desk.ViewAll, Limit: 3})
	if err != nil || page.Next == "" {
		o.t.Fatal(page, err)
	}
	for code, q := range map[string]handling.ViewQuery{
		"cursor": {View: desk.ViewClosed, Before: page.Next},
		"view":   {View: "everything"},
		"order":  {View: desk.ViewWaiting, Order: desk.OrderNewest},
		"limit":  {View: desk.ViewAll, Limit: handling.MaxLimit + 1},
		"text":   {View: desk.ViewAll, Text: "words"},
	} {
		o.refused(code, second(o.d.View(o.ctx, a, q)))
	}
	if all := o.pages(desk.Actor{Tenant: o.tenant("other"), Role: desk.RoleAdministrator}, handling.ViewQuery{View: desk.ViewAll}); len(all) > 0 {
		o.t.Errorf("another tenant sees %v", all)
	}
}

// pages reads a view to its end.
func (o *office) pages(a desk.Actor, q handling.ViewQuery) (all []desk.ID) {
	o.t.Helper()
	for range 1000 {
		page, err := o.d.View(o.ctx, a, q)
		if q.Channel != 0 && !a.Sees(q.Channel) {
			o.refused("channel", err)
			return nil
		}
		if err != nil {
			o.t.Fatal(err)
		}
		for _, th := range page.Threads {
			all = append(all, th.ID)
		}
		if q.Before = page.Next; q.Before == "" {
			return all
		}
	}
	o.t.Fatal("the pages have no end")
	return nil
}

// expected is what a view must show, found the slow way.
func (o *office) expected(a desk.Actor, v desk.View, order desk.Order, only func(desk.Thread) bool) (ids []desk.ID) {
	var all []desk.Thread
	for _, th := range o.Bed() {
		open, in := th.State != desk.Closed, false
		switch v {
		case desk.ViewMine:
			in = open && th.Owner == a.Person && a.Person != 0
		case desk.ViewUnclaimed:
			in = th.State == desk.New
		case desk.ViewAssigned:
			in = th.State == desk.Assigned
		case desk.ViewWorking:
			in = th.State == desk.Working
		case desk.ViewDue:
			soon := func(at time.Time) bool { return !at.IsZero() && !at.After(o.clock.Add(time.Hour)) }
			in = open && (soon(th.WakeAt) || soon(th.DueAt))
		case desk.ViewWaiting:
			in = th.State == desk.Waiting
		case desk.ViewOverdue:
			in = open && !th.DueAt.IsZero() && !th.DueAt.After(o.clock)
		case desk.ViewAll:
			in = open
		case desk.ViewClosed:
			in = !open
		}
		if in && a.Sees(th.Channel) && (only == nil || only(th)) {
			all = append(all, th)
		}
	}
	lists.SortFunc(all, func(x, y desk.Thread) int {
		switch order {
		case desk.OrderNewest:
			return cmp.Or(y.LastAt.Compare(x.LastAt), cmp.Compare(y.ID, x.ID))
		case desk.OrderClosed:
			return cmp.Or(y.ClosedAt.Compare(x.ClosedAt), cmp.Compare(y.ID, x.ID))
		case desk.OrderWaking:
			return cmp.Or(x.WakeAt.Compare(y.WakeAt), cmp.Compare(x.ID, y.ID))
		}
		return cmp.Or(cmp.Compare(x.Urgency(), y.Urgency()), cmp.Compare(x.ID, y.ID))
	})
	for _, th := range all {
		ids = append(ids, th.ID)
	}
	return ids
}

func (o *office) same(what string, got, want []desk.ID) {
	o.t.Helper()
	if !lists.Equal(got, want) {
		o.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// longClosed: of very many closed threads, those of somebody who closed few are
// found all the same, page by page.
func longClosed(t *testing.T, open Open) {
	o := newOffice(t, open)
	ann, ben := o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent)
	var want []desk.ID
	for i := range 30 {
		a := ben
		if i%10 == 0 {
			a = ann
		}
		th := o.done(o.d.Close(o.ctx, a, o.ring(number11(i), "one").ID, 0, ""))
		o.clock = o.clock.Add(time.Second)
		if i%10 == 0 {
			want = append([]desk.ID{th.ID}, want...)
		}
	}
	o.same("closed by Ann", o.pages(boss, handling.ViewQuery{View: desk.ViewClosed, Owner: ann.Person, Limit: 2}), want)
	if all := o.pages(boss, handling.ViewQuery{View: desk.ViewClosed, Limit: 4}); len(all) != 30 {
		t.Errorf("%d closed threads", len(all))
	}
}
