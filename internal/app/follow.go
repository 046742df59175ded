package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/readers"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// finder searches the store: with an index beside SQLite's file, or in tables of
// PostgreSQL's.
func finder(s config.Settings, st *store.Store) *store.Finder {
	if s.Database == "" {
		return &store.Finder{Store: st, Index: sqlite.NewIndex(s.Data)}
	}
	return &store.Finder{Store: st, Index: st.TableIndex(store.SliceBits)}
}

// following is everything that follows the event log.
type following struct {
	feed   *readers.Feed
	finder *store.Finder
	search *readers.Runner
}

func (h *house) follow() error {
	f := &following{feed: readers.NewFeed(h.store.Heads, h.log), finder: finder(h.set, h.store)}
	if h.set.Database != "" {
		f.feed.Shared = true
		o, err := shared(h.set)
		if err != nil {
			return err
		}
		if o.Listen {
			f.feed.Listen = func(ctx context.Context, wake func()) error { return postgres.Listen(ctx, o, wake) }
		}
	}
	h.store.Changed = f.feed.Poke
	f.search = readers.New(readers.Reader{
		Name: store.SearchReader, Moves: true, Most: searchBatch,
		Handle: func(ctx context.Context, b readers.Batch) error { return f.finder.Take(ctx, b.Lease, b.Excerpt) },
		Cursor: f.finder.Stand, Lost: f.finder.Index.Lost, Rest: h.rest,
	}, h.store, f.feed, time.Now, readers.Settings{Holder: rand.Text(), Log: h.log, Observe: h.meters.read})
	h.following = f
	h.meters.lag(f)
	return nil
}

// searchBatch is how many events a batch of the search reader has: enough that
// its words are written together.
const searchBatch = 500

// rest: the index gives way to those who leave messages. While they come, it
// takes a fifth of the time.
func (h *house) rest(took time.Duration) time.Duration {
	if h.intake.Queued() == 0 {
		return 0
	}
	return min(4*took, time.Second)
}

// read counts what a reader of the event log did.
func (m *meters) read(reader string, events int, took time.Duration, err error) {
	if err != nil {
		m.unread.WithLabelValues(reader).Inc()
		return
	}
	m.events.WithLabelValues(reader).Add(float64(events))
	m.batch.WithLabelValues(reader).Observe(took.Seconds())
}

// lag shows how far search is behind.
func (m *meters) lag(f *following) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "afterbeep", Name: "search_behind_events", Help: "Events that the index of searches has not taken in, as far as this node knows.",
	}, func() float64 { return float64(f.search.Behind()) }))
}

// close closes the index.
func (f *following) close(log *slog.Logger) {
	if err := f.finder.Index.Close(); err != nil {
		log.Warn("the index of searches did not close well; it will be made anew if need be", "error", err.Error())
	}
}

// Messages is a page of a tenant's messages, searched when q.Text is not empty.
func (a *App) Messages(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, error) {
	if q.Text == "" {
		return a.Store.Messages(ctx, tenant, q)
	}
	return a.finder.Messages(ctx, tenant, q)
}
