package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
)

// nodes opens the same data as several processes would.
func nodes(t *testing.T, open Open, n int) (all []*store.Store) {
	for i := range n {
		s := open(t, "a")
		s.Settle(i)
		all = append(all, s)
	}
	return all
}

// oneKeyAtOnce: several nodes get the same key at the same moment.
func oneKeyAtOnce(t *testing.T, open Open) {
	b := newBed(t, open)
	stores := nodes(t, open, 3)
	for round := range 10 {
		var (
			group sync.WaitGroup
			mu    sync.Mutex
			ids   = map[desk.ID]int{}
			fresh int
		)
		for i := range 12 {
			m := b.message("13800001111", "the same")
			k := &desk.Keyed{
				Tenant: m.Tenant, App: m.App, Key: number11(round), Print: [16]byte{1},
				ID: m.ID, Line: desk.AppendLine(nil, &m),
			}
			group.Go(func() {
				err := stores[i%len(stores)].Append(b.ctx, &desk.Batch{Keyed: []*desk.Keyed{k}, At: time.Now()})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || k.Err != nil {
					t.Errorf("%v, %v", err, k.Err)
				}
				ids[k.Receipt.ID]++
				if !k.Receipt.Replayed {
					fresh++
				}
			})
		}
		group.Wait()
		if len(ids) != 1 || fresh != 1 {
			t.Fatalf("round %d: one key has %d receipts, %d of them fresh", round, len(ids), fresh)
		}
	}
	if n := len(b.list(desk.Query{})); n != 10 {
		t.Fatalf("10 keys are %d messages", n)
	}
}

// manySorters: nodes sort the journals of all, while others close threads.
func manySorters(t *testing.T, open Open) {
	b := newBed(t, open)
	stores := nodes(t, open, 3)
	const messages, callers = 600, 40
	for i := 0; i < messages; i += 10 {
		var all []desk.Message
		for j := range 10 {
			all = append(all, b.message(number11((i+j)%callers), "one of many"))
		}
		if err := stores[i/10%3].Append(b.ctx, &desk.Batch{Rows: rows(all), At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for _, s := range stores {
		group.Go(func() { drainAll(b, s) })
	}
	group.Go(func() { b.closeSome(5) })
	group.Wait()
	drainAll(b, b.Store)
	r, err := b.Check(b.ctx, func(int64) {})
	if err != nil || len(r.Damaged) > 0 || r.Waiting > 0 || r.Aside > 0 || r.Messages != messages {
		t.Fatalf("%+v, %v", r, err)
	}
	open40 := 0
	for _, th := range b.threads(desk.DefaultTenant) {
		if th.State != desk.Closed {
			open40++
		}
	}
	if open40 > callers {
		t.Errorf("%d open threads of %d callers", open40, callers)
	}
}

func drainAll(b *bed, s *store.Store) {
	sorter := sorting.New(slices{s}, region, quiet())
	_, buckets := s.Buckets()
	for _, bucket := range buckets {
		for n := 1; n > 0; {
			var err error
			if n, err = sorter.Once(b.ctx, bucket); err != nil {
				b.t.Error(err)
				return
			}
		}
	}
}

// closeSome closes threads while they are being sorted into; whoever is second
// is told and looks again.
func (b *bed) closeSome(n int) {
	d := newDesk(b.Store, time.Now)
	for closed := 0; closed < n; {
		all, err := b.Threads(b.ctx, desk.DefaultTenant, desk.Query{State: desk.New, Limit: 1})
		if err != nil {
			b.t.Error(err)
			return
		}
		for _, th := range all {
			_, err := d.Close(b.ctx, boss, th.ID, th.Version, "done")
			switch desk.KindOf(err) {
			case desk.Conflict:
			default:
				if err != nil {
					b.t.Error(err)
					return
				}
				closed++
			}
		}
	}
}

// overlapping: batches of two nodes in one bucket have IDs that lie between each
// other's; a page has the newest all the same.
func overlapping(t *testing.T, open Open) {
	b := newBed(t, open)
	var one, two []desk.Message
	for range 30 {
		one = append(one, b.message("1", "one"))
		two = append(two, b.message("2", "two"))
	}
	b.leave(two...)
	b.leave(one...)
	var all []desk.ID
	for before := desk.ID(0); ; {
		page := b.list(desk.Query{Limit: 7, Before: before})
		for _, m := range page {
			if n := len(all); n > 0 && m.ID >= all[n-1] {
				t.Fatalf("%s comes after %s", m.ID, all[n-1])
			}
			all = append(all, m.ID)
		}
		if len(page) < 7 {
			break
		}
		before = page[len(page)-1].ID
	}
	if len(all) != 60 && b.manyWriters() {
		t.Fatalf("%d of 60 messages", len(all))
	}
}

// apart: buckets that were written at other times are paged through without
// losing what lies between.
func apart(t *testing.T, open Open) {
	b := newBed(t, open)
	if !b.manyWriters() {
		return // one bucket is in order by itself
	}
	stores := nodes(t, open, 2)
	at := time.Now().Add(-time.Hour)
	ids := desk.NewSequence(0, 0, func() time.Time { return at })
	for i := range 12 { // the first node wrote the older half, a minute apart
		at = at.Add(time.Minute)
		m := b.message("1", "apart")
		m.ID = ids.Next()
		if err := stores[i/6].Append(b.ctx, &desk.Batch{Rows: rows([]desk.Message{m}), At: at}); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	for before := desk.ID(0); ; {
		page := b.list(desk.Query{Limit: 5, Before: before})
		seen += len(page)
		if len(page) < 5 {
			break
		}
		before = page[len(page)-1].ID
	}
	if seen != 12 {
		t.Fatalf("%d of 12 messages are on the pages", seen)
	}
}

// manyWriters says whether several processes may write to the journal.
func (b *bed) manyWriters() bool {
	_, buckets := b.Buckets()
	return len(buckets) > 1
}
