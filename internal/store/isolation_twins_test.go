package store_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
)

// twin is one of two tenants who have everything alike that a key is made of,
// and differ in what they wrote. Each has some things besides that the other has
// not, under identifiers of his own.
type twin struct {
	id    desk.TenantID
	word  string   // in every text, blob and name of his that can differ
	calls []string // the callers of all twins, in his spelling
	state desk.State

	app     desk.AppKey
	channel desk.ChannelID
	key     uint32
	message desk.ID
	opened  desk.ID // a thread of a caller of both, and its ID is his own
	closed  desk.ID // the same, closed
	aside   desk.ID
	waits   desk.ID // is not sorted
	own     string  // his own name for a reader, an app, a channel, and an Idempotency-Key
	caller  string
}

// canaries are the texts that nobody else may see.
func (w *twin) canaries() []string { return append([]string{w.word}, w.calls...) }

// What is the same for all twins.
const (
	sharedApp     desk.AppKey    = "0123456789abcdef0123456789abcdef"
	sharedChannel desk.ChannelID = 202611230000000001
	sharedName                   = "common" // before everybody's own, in the order of keys
	sharedWord                   = "refund"
)

// world is everything that is known of the twins before they are made, so that
// it is the same in every database.
type world struct {
	base  time.Time
	ids   []desk.ID // of messages that both twins have
	aside desk.ID
	twins [2]*twin

	stranger, nobody desk.ID // an unsorted message of a third tenant, a row that nobody could read
}

func newWorld() *world {
	base := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	next := desk.NewSequence(0, 0, func() time.Time { return base }).Next
	w := &world{base: base, nobody: desk.FirstAt(base.Add(-time.Hour)), twins: [2]*twin{
		{word: "adler", state: desk.Working, calls: []string{"138 0000 1111", "138 0000 2222", "138 0000 3333", "138 0000 4444"}},
		{word: "bussard", state: desk.Assigned, calls: []string{"138-0000-1111", "138-0000-2222", "138-0000-3333", "138-0000-4444"}},
	}}
	for range 17 {
		w.ids = append(w.ids, next())
	}
	w.aside = next()
	for i, tw := range w.twins {
		tw.id = desk.TenantID(i + 1)
		tw.app = desk.AppKey(fmt.Sprintf("f%031d", tw.id))
		tw.channel = sharedChannel + desk.ChannelID(tw.id)
		tw.key = uint32(10 + tw.id)
		tw.own = fmt.Sprintf("only-of-%d", tw.id)
		tw.caller = fmt.Sprintf("1390000333%d", tw.id)
		tw.message, tw.opened, tw.closed, tw.aside = next(), next(), next(), next()
	}
	w.stranger = next()
	for _, tw := range w.twins {
		tw.waits = next()
	}
	return w
}

func (w *world) text(tw *twin, id desk.ID, caller string, c desk.ChannelID) desk.Message {
	return desk.Message{
		Tenant: tw.id, ID: id, Channel: c, App: sharedApp, ReceivedAt: w.base, CallID: "call-" + tw.word,
		Caller: caller, Text: sharedWord + " for " + tw.word, UserID: "user-" + tw.word, UserName: "name " + tw.word, Locale: tw.word,
	}
}

func row(m desk.Message) desk.Row {
	return desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, &m)}
}

func (w *world) keyed(tw *twin, key string, m desk.Message) *desk.Keyed {
	k := &desk.Keyed{Tenant: tw.id, App: m.App, Key: key, ID: m.ID, Line: desk.AppendLine(nil, &m)}
	copy(k.Print[:], tw.word)
	return k
}

func (w *world) event(tw *twin, thread desk.ID) desk.Event {
	return desk.Event{
		Tenant: tw.id, Thread: thread, Kind: "thread.note", Actor: "actor-" + tw.word, At: w.base,
		Data: []byte(`{"note":"` + tw.word + `"}`),
	}
}

func (w *world) lease(tw *twin, reader string) desk.Lease {
	l := desk.Lease{Tenant: tw.id, Reader: reader, Holder: "one process for all", Until: w.base.Add(time.Minute)}
	if reader == tw.own {
		l.Holder = "holder-" + tw.word
	}
	return l
}

// slicer lets the sorter use the store; app has the same three lines.
type slicer struct{ *store.Store }

func (s slicer) Slice(ctx context.Context, tenants []desk.TenantID, do func(sorting.Slice) error) error {
	return s.Store.Slice(ctx, tenants, func(sl *store.Slice) error { return do(sl) })
}

// maker puts a world into a store.
type maker struct {
	t *testing.T
	*store.Store
	w *world
}

func (m maker) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m maker) sort() {
	m.t.Helper()
	region := func(context.Context, desk.TenantID, desk.ChannelID) (string, error) { return "CN", nil }
	s := sorting.New(slicer{m.Store}, region, slog.New(slog.NewTextHandler(io.Discard, nil)))
	own, _ := m.Buckets()
	for n := 1; n > 0; {
		var err error
		n, err = s.Once(m.t.Context(), own[0])
		m.must(err)
	}
}

// make makes these twins, and what belongs to neither.
func (m maker) make(twins ...*twin) {
	m.t.Helper()
	ctx := m.t.Context()
	for _, tw := range twins {
		if tw.id != desk.DefaultTenant {
			made, err := m.AddTenant(ctx, "twin")
			m.must(err)
			if made.ID != tw.id {
				m.t.Fatalf("the twin is tenant %d", made.ID)
			}
		}
		m.settings(tw)
		m.staff(tw)
		m.messages(tw)
		m.handled(tw)
		m.entries(tw)
		m.readers(tw)
	}
	stranger := m.w.text(&twin{id: 99, word: "nobody"}, m.w.stranger, "1", sharedChannel)
	rows := []desk.Row{row(stranger)}
	m.must(m.Append(ctx, &desk.Batch{Rows: rows}))
	for _, tw := range twins {
		rows[0] = row(m.w.text(tw, tw.waits, tw.calls[0], sharedChannel))
		m.must(m.Append(ctx, &desk.Batch{Rows: rows}))
	}
	m.must(m.Slice(ctx, nil, func(sl *store.Slice) error {
		return sl.SetAside(ctx, 0, desk.Row{First: m.w.nobody, Count: 1, Lines: []byte("unreadable")}, "nobody could read it")
	}))
}

func (m maker) settings(tw *twin) {
	m.t.Helper()
	ctx, at := m.t.Context(), m.w.base
	for key, name := range map[desk.AppKey]string{sharedApp: sharedName, tw.app: tw.own} {
		m.must(m.AddApp(ctx, desk.App{
			Tenant: tw.id, Key: key, Name: name, SecretHash: []byte("secret-" + tw.word), OldHash: []byte("old-" + tw.word),
			OldUntil: at, Epoch: 1, PerMinute: int(tw.id), CreatedAt: at,
		}))
	}
	for id, name := range map[desk.ChannelID]string{sharedChannel: sharedName, tw.channel: tw.own} {
		m.must(m.AddChannel(ctx, desk.Channel{
			Tenant: tw.id, ID: id, Name: name, Locale: "zh_CN", Region: "CN", TextLimit: 4000,
			Origins: []string{"https://" + tw.word + ".example.com"}, CreatedAt: at,
		}))
	}
	for i, id := range []uint32{tw.key, 1, 2} {
		m.must(m.AddKey(ctx, desk.SealKey{Tenant: tw.id, ID: id, Secret: []byte("seal-" + tw.word), ActiveAt: at.Add(time.Duration(i) * time.Minute)}))
	}
}

// messages makes threads of all kinds: open, closed, with a successor, left with
// a key; some with the IDs that the other has, some not.
func (m maker) messages(tw *twin) {
	m.t.Helper()
	ctx, w := m.t.Context(), m.w
	batch := &desk.Batch{At: w.base}
	for i, caller := range []string{tw.calls[0], tw.calls[0], tw.calls[1]} {
		batch.Rows = append(batch.Rows, row(w.text(tw, w.ids[i], caller, sharedChannel)))
	}
	batch.Rows = append(batch.Rows, row(w.text(tw, tw.message, tw.caller, tw.channel)),
		row(w.text(tw, tw.opened, tw.calls[2], sharedChannel)), row(w.text(tw, tw.closed, tw.calls[3], sharedChannel)),
		row(w.text(tw, w.ids[6], tw.caller, sharedChannel))) // the same thread, of another caller
	for i, id := range w.ids[7:] { // callers of both, each with a thread that has the same ID
		batch.Rows = append(batch.Rows, row(w.text(tw, id, fmt.Sprintf("137 0000 000%d", i), sharedChannel)))
	}
	batch.Keyed = []*desk.Keyed{
		w.keyed(tw, sharedName, w.text(tw, w.ids[3], tw.calls[0], sharedChannel)),
		w.keyed(tw, tw.own, w.text(tw, w.ids[4], tw.calls[0], sharedChannel)),
	}
	m.must(m.Append(ctx, batch))
	m.sort()
	m.note(tw, w.ids[0], tw.state)
	m.note(tw, w.ids[2], desk.Closed)
	m.note(tw, tw.closed, desk.Closed)
	if tw.id != desk.DefaultTenant { // so that one log is longer
		m.note(tw, w.ids[0], tw.state)
	}
	m.must(m.Append(ctx, &desk.Batch{Rows: []desk.Row{row(w.text(tw, w.ids[5], tw.calls[1], sharedChannel))}}))
	m.sort()
	m.must(m.Slice(ctx, nil, func(sl *store.Slice) error {
		for _, id := range []desk.ID{w.aside, tw.aside} {
			if err := sl.SetAside(ctx, tw.id, row(w.text(tw, id, tw.calls[0], sharedChannel)), "error-"+tw.word); err != nil {
				return err
			}
		}
		return nil
	}))
}

// note changes the state of a thread, and says so.
func (m maker) note(tw *twin, id desk.ID, state desk.State) {
	m.t.Helper()
	th, err := m.Thread(m.t.Context(), tw.id, id)
	m.must(err)
	th.State, th.Reason = state, "reason-"+tw.word
	_, err = m.ChangeThread(m.t.Context(), th, m.w.event(tw, id))
	m.must(err)
}

func (m maker) readers(tw *twin) {
	m.t.Helper()
	ctx, w := m.t.Context(), m.w
	for _, reader := range []string{sharedName, tw.own} {
		l, err := m.Hold(ctx, w.lease(tw, reader), w.base)
		m.must(err)
		m.must(m.Advance(ctx, l, 2))
	}
	if m.Engine() == "sqlite" {
		return // its index lies in files of its own
	}
	f := store.Finder{Store: m.Store, Index: m.TableIndex(store.SliceBits)}
	l, err := m.Hold(ctx, w.lease(tw, store.SearchReader), w.base)
	m.must(err)
	e, err := m.Events(ctx, tw.id, 0, 8) // and not all of them
	m.must(err)
	m.must(f.Take(ctx, l, e))
}

func keysOf(caller string) []string { return []string{number.Key(caller, "CN")} }
