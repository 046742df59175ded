package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Seed leaves and sorts n messages of a tenant. Each has a word of its own
// (w00000, w00001 …); all have 退款 and "refund", every hundredth 电饭煲.
func Seed(t testing.TB, s *store.Store, tenant desk.TenantID, n int) { SeedFrom(t, s, tenant, 0, n) }

// SeedFrom is Seed for the messages from one number on.
func SeedFrom(t testing.TB, s *store.Store, tenant desk.TenantID, from, n int) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	last, err := s.LastID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ids := desk.NewSequence(0, last, time.Now)
	sorter := sorting.New(slices{s}, func(context.Context, desk.TenantID, desk.ChannelID) (string, error) { return "CN", nil }, slog.New(slog.DiscardHandler))
	_, buckets := s.Buckets()
	for done, n := from, from+n; done < n; {
		all := make([]desk.Message, 0, 8*desk.RowLines)
		for ; done < n && len(all) < cap(all); done++ {
			about := "想问问能不能换一台"
			if done%100 == 0 {
				about = "上周买的电饭煲加热不均匀"
			}
			all = append(all, desk.Message{
				Tenant: tenant, ID: ids.Next(), Channel: channel, App: "0123456789abcdef0123456789abcdef", ReceivedAt: time.Now(),
				CallID: "c", Caller: fmt.Sprintf("138%08d", done*7919%100000000),
				Text: fmt.Sprintf("你好，我要退款，%s。Please refund and call me back, w%05d", about, done), UserID: "u1", UserName: "李伟", Locale: "zh_CN",
			})
		}
		for rows := rows(all); len(rows) > 0; {
			k := min(len(rows), 4)
			if err := s.Append(ctx, &desk.Batch{Rows: rows[:k], At: time.Now()}); err != nil {
				t.Fatal(err)
			}
			rows = rows[k:]
		}
		for _, bucket := range buckets {
			for k := 1; k > 0; {
				if k, err = sorter.Once(ctx, bucket); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TakeAll takes in all events of a tenant, as the reader would, and says how many
// and how long the index alone took for them.
func TakeAll(t testing.TB, f *store.Finder, tenant desk.TenantID) (n int, took time.Duration) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for {
		now := time.Now()
		l, err := f.Store.Hold(ctx, desk.Lease{Tenant: tenant, Reader: store.SearchReader, Holder: "test", Until: now.Add(time.Minute)}, now)
		if err == nil {
			l.Seq, err = f.Stand(ctx, l)
		}
		if err != nil {
			t.Fatal(err)
		}
		e, err := f.Store.Events(ctx, tenant, l.Seq, 500)
		if err == nil && e.Last > 0 {
			err = f.Take(ctx, l, e)
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Last == 0 {
			return n, took
		}
		n += len(e.Events)
		took += time.Since(now)
	}
}

// BenchSearch measures a store with as many messages as AFTERBEEP_SEARCH says.
func BenchSearch(b *testing.B, f *store.Finder) {
	n, err := strconv.Atoi(os.Getenv("AFTERBEEP_SEARCH"))
	if err != nil {
		n = 10000
	}
	const part = 10000
	var costs []float64 // of the parts, in µs a message
	for done := 0; done < n; done += part {
		SeedFrom(b, f.Store, desk.DefaultTenant, done, min(part, n-done))
		taken, took := TakeAll(b, f, desk.DefaultTenant)
		costs = append(costs, float64(took.Microseconds())/float64(taken))
	}
	b.Run("taking in", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(costs[0], "µs/message-first")
		b.ReportMetric(costs[len(costs)-1], "µs/message-last")
	})
	for _, c := range []struct{ name, text string }{
		{"its own word", fmt.Sprintf("w%05d", n/2)},
		{"two characters, all", "退款"},
		{"a word, all", "refund"},
		{"three characters, 1 of 100", "电饭煲"},
		{"two words, one of them rare", fmt.Sprintf("refund w%05d", n/3)},
		{"last four digits", "7919"},
		{"nowhere", "nowhere"},
	} {
		b.Run(c.name, func(b *testing.B) {
			found := 0
			for b.Loop() {
				page, err := f.Messages(b.Context(), desk.DefaultTenant, desk.Query{Text: c.text, Limit: 50})
				if err != nil {
					b.Fatal(err)
				}
				found = len(page)
			}
			b.ReportMetric(float64(found), "found")
		})
	}
}
