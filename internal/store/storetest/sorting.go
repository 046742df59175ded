package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

func oneThread(t *testing.T, open Open) {
	b := newBed(t, open)
	b.leave(b.message("13800001111", "one"), b.message("+86 138 0000 1111", "two"), b.message("138****1111", "masked"))
	b.sort()
	other := b.message("13800001111", "in another channel")
	other.Channel++
	b.leave(b.message("138-0000-1111", "three"), other)
	b.sort()
	counts := map[string]int{}
	for _, th := range b.threads(desk.DefaultTenant) {
		counts[th.Channel.String()+" "+th.CallerKey] = th.Messages
	}
	want := map[string]int{
		channel.String() + " +8613800001111":       3,
		channel.String() + " 138****1111":          1,
		(channel + 1).String() + " +8613800001111": 1,
	}
	if len(counts) != len(want) {
		t.Fatalf("threads %v, want %v", counts, want)
	}
	for k, n := range want {
		if counts[k] != n {
			t.Fatalf("threads %v, want %v", counts, want)
		}
	}
}

func linked(t *testing.T, open Open) {
	b := newBed(t, open)
	b.leave(b.message("13800001111", "one"))
	b.sort()
	first := b.threads(desk.DefaultTenant)[0]
	d := newDesk(b.Store, time.Now)
	closed, err := d.Close(b.ctx, boss, first.ID, 0, "called back")
	if err != nil || closed.State != desk.Closed {
		t.Fatal(closed, err)
	}
	b.leave(b.message("13800001111", "two"))
	b.sort()
	all := b.threads(desk.DefaultTenant)
	if len(all) != 2 || all[0].Previous != first.ID || all[0].State != desk.New || all[1].Reason != "called back" {
		t.Fatalf("%+v", all)
	}
	if q := b.list(desk.Query{State: desk.Closed}); len(q) != 1 || q[0].Text != "one" {
		t.Fatalf("closed: %+v", q)
	}
}

func gapless(t *testing.T, open Open) {
	b := newBed(t, open)
	other := b.tenant("other")
	seen := map[desk.TenantID]int64{}
	for i := range 20 {
		mine, theirs := b.message(number11(i), "mine"), b.message(number11(i), "theirs")
		theirs.Tenant = other
		b.leave(mine, theirs)
		b.sort()
	}
	for _, tenant := range []desk.TenantID{desk.DefaultTenant, other} {
		for _, th := range b.threads(tenant) {
			events, err := b.timeline(tenant, th.ID)
			if err != nil || len(events) != 1 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			seen[tenant] += events[0].Seq
		}
		if seen[tenant] != 210 { // 1 + … + 20
			t.Fatalf("tenant %d: the numbers add up to %d", tenant, seen[tenant])
		}
	}
}

func setAside(t *testing.T, open Open) {
	b := newBed(t, open)
	lost := b.message("13800001111", "whose channel vanished")
	lost.Channel = vanished
	b.leave(b.message("1", "before"), lost, b.message("2", "after"))
	b.sort()
	if n := len(b.threads(desk.DefaultTenant)); n != 2 {
		t.Fatalf("%d threads", n)
	}
	aside := b.list(desk.Query{State: desk.Aside})
	if len(aside) != 1 || aside[0].Text != lost.Text || len(b.list(desk.Query{})) != 3 {
		t.Fatalf("aside: %+v", aside)
	}
	for _, name := range []string{lost.ID.String(), lost.ID.Reference()} {
		if found, err := b.Message(b.ctx, desk.DefaultTenant, name); err != nil || len(found) != 1 || found[0].State != desk.Aside {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
	if back, err := b.Backlog(b.ctx); err != nil || back.Aside != 1 || back.Messages != 0 {
		t.Fatalf("%+v, %v", back, err)
	}
}

func rolledBack(t *testing.T, open Open) {
	b := newBed(t, open)
	b.leave(b.message("1", "one"))
	broken := errors.New("the process dies here")
	rows, err := b.Oldest(b.ctx, b.home(), 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	err = b.Slice(b.ctx, nil, func(sl *store.Slice) error {
		if mine, err := sl.Take(b.ctx, rows); err != nil || len(mine) != 1 {
			t.Fatalf("taken: %v, %v", mine, err)
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if back, err := b.Backlog(b.ctx); err != nil || back.Messages != 1 || back.Oldest.IsZero() {
		t.Fatalf("%+v, %v", back, err)
	}
}

// oldestRows are as many as hold what is asked for, and not one more, whether
// there is much in a row or little.
func oldestRows(t *testing.T, open Open) {
	b := newBed(t, open)
	sizes := []int{1, 1, 2, desk.RowLines, 1, desk.RowLines, desk.RowLines, desk.RowLines, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	var firsts []desk.ID
	for _, size := range sizes {
		all := make([]desk.Message, size)
		for i := range all {
			all[i] = b.message("1", "one")
		}
		firsts = append(firsts, all[0].ID)
		b.leave(all...)
	}
	for most := 1; most < 5*desk.RowLines; most++ {
		want, held := 0, 0
		for want < len(sizes) && held < most {
			held += sizes[want]
			want++
		}
		found, err := b.Oldest(b.ctx, b.home(), most)
		if err != nil || len(found) != want {
			t.Fatalf("%d messages: %d rows, want %d, %v", most, len(found), want, err)
		}
		for i := range found {
			if found[i].First != firsts[i] || found[i].Count != sizes[i] || found[i].Damaged {
				t.Fatalf("%d messages: row %d is %+v", most, i, found[i])
			}
		}
	}
}

// manyCallers are more than one statement takes, on any engine.
func manyCallers(t *testing.T, open Open) {
	b := newBed(t, open)
	const known, strangers = 2500, 100
	keys := []string{"", "NULL", "null", "{}", `{"a",b}`, `\"`, "a\nb", "'", "退款 👩‍👩‍👧‍👦"}
	for i := range known + strangers - len(keys) {
		keys = append(keys, number11(i))
	}
	slice := func(do func(*store.Slice) error) error {
		return b.Slice(b.ctx, []desk.TenantID{desk.DefaultTenant}, do)
	}
	callers := make([]desk.Caller, len(keys))
	threads := make([]*desk.Thread, known)
	for i, key := range keys {
		callers[i] = desk.Caller{Channel: channel + desk.ChannelID(i%3), Key: key}
		if i < known {
			id := b.ids.Next()
			threads[i] = &desk.Thread{
				Tenant: desk.DefaultTenant, ID: id, Channel: callers[i].Channel, Caller: "as typed " + key, CallerKey: key, State: desk.New,
				Messages: 1, FirstAt: id.Time(), LastAt: id.Time(), Excerpt: key,
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(slice(func(sl *store.Slice) error { return sl.Put(b.ctx, desk.DefaultTenant, threads) }))
	for round := 1; round <= 2; round++ {
		must(slice(func(sl *store.Slice) error {
			found, err := sl.Newest(b.ctx, desk.DefaultTenant, callers)
			if err != nil || len(found) != known {
				t.Fatalf("%d threads, %v", len(found), err)
			}
			for i, want := range threads {
				th := found[callers[i]]
				if th.ID != want.ID || th.CallerKey != keys[i] || th.Excerpt != keys[i] || th.Messages != round || th.Version != int64(round) {
					t.Fatalf("caller %q has %+v", keys[i], th)
				}
				th.Messages++
				threads[i] = &th
			}
			return sl.Put(b.ctx, desk.DefaultTenant, threads)
		}))
	}
	threads[known-1].Version--
	if err := slice(func(sl *store.Slice) error { return sl.Put(b.ctx, desk.DefaultTenant, threads) }); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("one of many was changed meanwhile: %v", err)
	}
}

// twoSorters read the same row; only one may have it.
func twoSorters(t *testing.T, open Open) {
	b := newBed(t, open)
	b.leave(b.message("1", "one"))
	rows, err := b.Oldest(b.ctx, b.home(), 10)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, want := range []int{1, 0} {
		if err := b.Slice(b.ctx, nil, func(sl *store.Slice) error {
			mine, err := sl.Take(b.ctx, rows)
			if len(mine) != want {
				t.Errorf("sorter %d: %v", i, mine)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func compareAndSet(t *testing.T, open Open) {
	b := newBed(t, open)
	b.leave(b.message("1", "one"))
	b.sort()
	th := b.threads(desk.DefaultTenant)[0]
	e := desk.Event{Tenant: th.Tenant, Thread: th.ID, Kind: desk.ThreadClosed, At: time.Now(), Data: []byte(`{}`)}
	th.State = desk.Working
	if _, err := b.ChangeThread(b.ctx, th, e); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ChangeThread(b.ctx, th, e); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("the second change: %v", err)
	}
	if events, err := b.timeline(th.Tenant, th.ID); err != nil || len(events) != 2 {
		t.Fatalf("%d events, %v", len(events), err)
	}
}

func checked(t *testing.T, open Open) {
	b := newBed(t, open)
	for i := range 5 {
		b.leave(b.message(number11(i), "one"), b.message(number11(i), "two"))
	}
	b.sort()
	b.leave(b.message("1", "waits"))
	r, err := b.Check(b.ctx, func(int64) {})
	if err != nil || len(r.Damaged) != 0 || r.Messages != 10 || r.Threads != 5 || r.Events != 10 || r.Waiting != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}
