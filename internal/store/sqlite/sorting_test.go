package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
)

type slices struct{ *store.Store }

func (s slices) Slice(ctx context.Context, tenants []desk.TenantID, do func(sorting.Slice) error) error {
	return s.Store.Slice(ctx, tenants, func(sl *store.Slice) error { return do(sl) })
}

func inChina(context.Context, desk.TenantID, desk.ChannelID) (string, error) { return "CN", nil }

// BenchmarkSorting drains a backlog of messages from as many callers; an
// operation is one message.
func BenchmarkSorting(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "data"))
	ids := desk.NewSequence(0, 0, time.Now)
	var all []desk.Row
	for i := range b.N {
		m := desk.Message{
			Tenant: desk.DefaultTenant, ID: ids.Next(), Channel: 202611220000000001, App: "0123456789abcdef0123456789abcdef",
			ReceivedAt: time.Now(), CallID: fmt.Sprintf("web-%d", i), Caller: fmt.Sprintf("1%010d", 3800000000+i*7919%100000000),
			Text: "你好，我上周买的电饭煲加热不均匀，想问问能不能换一台。Please call me back after 5 pm.", UserID: "u1", UserName: "李伟", Locale: "zh_CN",
		}
		if i%desk.RowLines == 0 {
			all = append(all, desk.Row{First: m.ID})
		}
		r := &all[len(all)-1]
		r.Last, r.Count, r.Lines = m.ID, r.Count+1, desk.AppendLine(r.Lines, &m)
	}
	for i := range all {
		if err := s.Append(b.Context(), &desk.Batch{Rows: all[i : i+1]}); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	drain(b, s)
}
