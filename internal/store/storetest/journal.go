package storetest

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func appended(t *testing.T, open Open) {
	b := newBed(t, open)
	var all []desk.Message
	for i := range 300 {
		all = append(all, b.message(number11(i), "hello"))
	}
	b.leave(all...)
	again := open(t, "a") // another pool on the same data sees it
	got, err := again.Messages(b.ctx, desk.DefaultTenant, desk.Query{Limit: 1000})
	if err != nil || len(got) != 300 {
		t.Fatalf("%d messages of 300, %v", len(got), err)
	}
}

func oneKey(t *testing.T, open Open) {
	b := newBed(t, open)
	first := b.keyed(b.message("1", "one"), 1)
	second := b.keyed(b.message("1", "one"), 1)
	if first.Receipt.Replayed || !second.Receipt.Replayed || second.Receipt.ID != first.Receipt.ID {
		t.Fatalf("first %+v, second %+v", first.Receipt, second.Receipt)
	}
	b.sort()
	third := b.keyed(b.message("1", "one"), 1)
	if !third.Receipt.Replayed || third.Receipt.ID != first.ID {
		t.Fatalf("after sorting: %+v", third.Receipt)
	}
	// Both in one batch: the first wins.
	m1, m2 := b.message("1", "two"), b.message("1", "two")
	k1 := &desk.Keyed{Tenant: m1.Tenant, App: m1.App, Key: "k2", ID: m1.ID, Line: desk.AppendLine(nil, &m1)}
	k2 := &desk.Keyed{Tenant: m2.Tenant, App: m2.App, Key: "k2", ID: m2.ID, Line: desk.AppendLine(nil, &m2)}
	if err := b.Append(b.ctx, &desk.Batch{Keyed: []*desk.Keyed{k1, k2}, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if k2.Receipt.ID != k1.ID || !k2.Receipt.Replayed || len(b.list(desk.Query{})) != 2 {
		t.Fatalf("in one batch: %+v %+v, %d messages", k1.Receipt, k2.Receipt, len(b.list(desk.Query{})))
	}
}

func otherBody(t *testing.T, open Open) {
	b := newBed(t, open)
	b.keyed(b.message("1", "one"), 1)
	other := b.keyed(b.message("1", "two"), 2)
	if desk.KindOf(other.Err) != desk.Conflict || len(b.list(desk.Query{})) != 1 {
		t.Fatalf("err %v, %d messages", other.Err, len(b.list(desk.Query{})))
	}
	mine := b.message("1", "two")
	mine.App = "another app has its own keys"
	if k := b.keyed(mine, 2); k.Err != nil || k.Receipt.Replayed {
		t.Fatalf("another app: %+v", k)
	}
}

func forgotten(t *testing.T, open Open) {
	b := newBed(t, open)
	b.keyed(b.message("1", "one"), 1)
	for _, c := range []struct {
		before time.Time
		want   int64
	}{{time.Now().Add(-time.Hour), 0}, {time.Now().Add(time.Hour), 1}} {
		if n, err := b.ForgetReceipts(b.ctx, desk.DefaultTenant, c.before); err != nil || n != c.want {
			t.Fatalf("before %v: %d forgotten, %v", c.before, n, err)
		}
	}
	if k := b.keyed(b.message("1", "one"), 1); k.Receipt.Replayed {
		t.Fatal("a forgotten key was replayed")
	}
}

func shows(t *testing.T, open Open) {
	b := newBed(t, open)
	m := b.message("13800001111", "hello")
	b.leave(m)
	got := b.list(desk.Query{})
	if diff := cmp.Diff([]desk.Listed{{Message: m, State: desk.Stored}}, got); diff != "" {
		t.Fatal(diff)
	}
	b.sort()
	m.Thread = m.ID
	got = b.list(desk.Query{Caller: "+86 138-0000-1111"})
	if diff := cmp.Diff([]desk.Listed{{Message: m, State: desk.New}}, got); diff != "" {
		t.Fatal(diff)
	}
	if n := len(b.list(desk.Query{State: desk.Stored})); n != 0 {
		t.Fatalf("%d still stored only", n)
	}
}

// neverMissing asks for messages by name, all the time, while they are sorted.
func neverMissing(t *testing.T, open Open) {
	b := newBed(t, open)
	for range 100 {
		m := b.message("13800001111", "hello")
		b.leave(m)
		stop, ended := make(chan struct{}), make(chan error)
		go func() {
			for {
				found, err := b.Message(b.ctx, desk.DefaultTenant, m.ID.String())
				if err == nil && len(found) != 1 {
					err = fmt.Errorf("it is there %d times", len(found))
				}
				select {
				case <-stop:
					ended <- err
					return
				default:
				}
				if err != nil {
					ended <- err
					return
				}
			}
		}()
		b.sort()
		close(stop)
		if err := <-ended; err != nil {
			t.Fatalf("while %s was sorted: %v", m.ID, err)
		}
	}
}

func verbatim(t *testing.T, open Open) {
	b := newBed(t, open)
	r := rand.New(rand.NewPCG(1, 2))
	var want []desk.Message
	for i := range 500 {
		m := b.message(number11(i%7), text(r))
		m.UserName = text(r)
		want = append(want, m)
	}
	b.leave(want...)
	b.sort()
	got := b.list(desk.Query{})
	if len(got) != len(want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[len(want)-1-i]
		w.Thread = g.Thread
		if diff := cmp.Diff(w, g.Message); diff != "" {
			t.Fatal(diff)
		}
	}
}

func pages(t *testing.T, open Open) {
	b := newBed(t, open)
	var want []desk.ID
	for round := range 4 {
		for i := range 60 {
			m := b.message(number11(i%9), "hello")
			want = append(want, m.ID)
			b.leave(m)
		}
		if round < 2 {
			b.sort() // the older half is sorted, the newer waits
		}
	}
	var got []desk.ID
	for q := (desk.Query{Limit: 7}); ; {
		page := b.list(q)
		for _, m := range page {
			got = append(got, m.ID)
			q.Before = m.ID
		}
		if len(page) < q.Limit {
			break
		}
	}
	for i, id := range got {
		if want[len(want)-1-i] != id {
			t.Fatalf("place %d: %v, want %v", i, id, want[len(want)-1-i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d of %d", len(got), len(want))
	}
	if n := len(b.list(desk.Query{Since: time.Now().Add(time.Hour)})); n != 0 {
		t.Fatalf("%d messages of the future", n)
	}
}

func references(t *testing.T, open Open) {
	b := newBed(t, open)
	sorted, waiting := b.message("1", "sorted"), b.message("2", "waiting")
	b.leave(sorted)
	b.sort()
	b.leave(waiting)
	for _, m := range []desk.Message{sorted, waiting} {
		for _, name := range []string{m.Reference(), m.ID.String()} {
			found, err := b.Message(b.ctx, desk.DefaultTenant, name)
			if err != nil || len(found) != 1 || found[0].Text != m.Text {
				t.Fatalf("%s: %d found, %v", name, len(found), err)
			}
		}
	}
	if _, err := b.Message(b.ctx, desk.DefaultTenant, "0000-0000"); desk.KindOf(err) != desk.Missing {
		t.Fatalf("an unknown reference: %v", err)
	}
}

func lastID(t *testing.T, open Open) {
	b := newBed(t, open)
	m := b.message("1", "hello")
	b.leave(m)
	for range 2 {
		if last, err := b.LastID(b.ctx); err != nil || last != m.ID {
			t.Fatalf("last is %v, want %v (%v)", last, m.ID, err)
		}
		b.sort()
	}
}

func probes(t *testing.T, open Open) {
	if err := open(t, "a").Probe(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
}
