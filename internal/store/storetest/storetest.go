// Package storetest is what every engine must pass. An engine joins with one
// file: a test that calls Run with a function that opens an empty store.
package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Open gives an empty store that is closed when the test ends. Called twice
// with the same key in one test, it opens the same data again.
type Open func(t *testing.T, key string) *store.Store

// Run plays the whole suite.
func Run(t *testing.T, open Open) {
	for name, test := range suite() {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
	for name, test := range handled() {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func suite() map[string]func(*testing.T, Open) {
	return map[string]func(*testing.T, Open){
		"a batch is there whole after it is acknowledged":              appended,
		"one key is one message":                                       oneKey,
		"one key on several nodes at once is one message":              oneKeyAtOnce,
		"several nodes sort every message once":                        manySorters,
		"what nodes wrote at other times is on the pages":              apart,
		"batches of several nodes are listed in order":                 overlapping,
		"a key with another message is a conflict":                     otherBody,
		"keys are forgotten when their time is over":                   forgotten,
		"messages show before they are sorted and once after":          shows,
		"a message is never missing while it is sorted":                neverMissing,
		"a caller has one open thread a channel":                       oneThread,
		"a message after the thread was closed opens a linked one":     linked,
		"events are numbered without a gap a tenant":                   gapless,
		"a message that cannot be placed blocks nobody and is kept":    setAside,
		"a slice that fails leaves the journal as it was":              rolledBack,
		"the oldest rows are as many as are asked for":                 oldestRows,
		"callers are found, however many and whatever they are called": manyCallers,
		"two sorters do not take the same row":                         twoSorters,
		"two changes of one thread: the second is told":                compareAndSet,
		"a tenant sees nothing of another":                             tenants,
		"what is stored is what was sent, byte for byte":               verbatim,
		"pages follow each other without a gap or a repeat":            pages,
		"a reference finds its message":                                references,
		"apps and channels keep their settings, and names are taken":   settings,
		"every change of apps, channels and keys raises the revision":  revision,
		"the last ID is found wherever the message is":                 lastID,
		"a check of a sound store finds nothing and counts everything": checked,
		"the probe writes": probes,
		"people keep their values, and two changes follow each other": persons,
		"of many first people one is the first":                       firstPerson,
		"the audit log is chained without a gap, whoever writes":      auditChained,
		"guesses are counted together on all nodes":                   budgets,
		"filters are kept under names, each person's and everybody's": filters,
		"of many filters at once no more are kept than there is room": filterRoom,
		"a tenant's people, sessions and keys are nobody else's":      peopleApart,
	}
}

// bed is an open store with what a test needs around it.
type bed struct {
	*store.Store
	t   *testing.T
	ctx context.Context
	ids *desk.Sequence

	target func(desk.TenantID, desk.ChannelID) time.Duration // nil: no channel promises anything
}

const channel desk.ChannelID = 202611220000000001

func newBed(t *testing.T, open Open) *bed {
	return &bed{Store: open(t, "a"), t: t, ctx: t.Context(), ids: desk.NewSequence(0, 0, time.Now)}
}

func (b *bed) message(caller, text string) desk.Message {
	return desk.Message{
		Tenant: desk.DefaultTenant, ID: b.ids.Next(), Channel: channel, App: "0123456789abcdef0123456789abcdef",
		ReceivedAt: time.Now().UTC().Truncate(time.Microsecond), CallID: "c1", Caller: caller, Text: text,
		UserID: "u1", UserName: "Ann 安", Locale: "zh_CN",
	}
}

// leave appends messages as one batch.
func (b *bed) leave(all ...desk.Message) {
	b.t.Helper()
	if err := b.Append(b.ctx, &desk.Batch{Rows: rows(all), At: time.Now()}); err != nil {
		b.t.Fatal(err)
	}
}

func rows(all []desk.Message) []desk.Row {
	var rs []desk.Row
	for i := range all {
		if n := len(rs); n == 0 || rs[n-1].Count == desk.RowLines {
			rs = append(rs, desk.Row{First: all[i].ID})
		}
		r := &rs[len(rs)-1]
		r.Last, r.Count, r.Lines = all[i].ID, r.Count+1, desk.AppendLine(r.Lines, &all[i])
	}
	return rs
}

// keyed leaves a message with the key "k".
func (b *bed) keyed(m desk.Message, print byte) *desk.Keyed {
	b.t.Helper()
	k := &desk.Keyed{Tenant: m.Tenant, App: m.App, Key: "k", Print: [16]byte{print}, ID: m.ID, Line: desk.AppendLine(nil, &m)}
	if err := b.Append(b.ctx, &desk.Batch{Keyed: []*desk.Keyed{k}, At: time.Now()}); err != nil {
		b.t.Fatal(err)
	}
	return k
}

// slices lets the sorter use the store; app has the same three lines.
type slices struct{ *store.Store }

func (s slices) Slice(ctx context.Context, tenants []desk.TenantID, do func(sorting.Slice) error) error {
	return s.Store.Slice(ctx, tenants, func(sl *store.Slice) error { return do(sl) })
}

// sort drains the journal with the real sorter.
func (b *bed) sort() {
	b.t.Helper()
	s := sorting.New(slices{b.Store}, region, quiet())
	if b.target != nil {
		s.Target = b.target
	}
	_, buckets := b.Buckets()
	for _, bucket := range buckets {
		for n := 1; n > 0; {
			var err error
			if n, err = s.Once(b.ctx, bucket); store.Again(err) {
				n = 1 // the sorter does it again, too
			} else if err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// home is the bucket where this store writes.
func (b *bed) home() int {
	own, _ := b.Buckets()
	return own[0]
}

// region: one channel has vanished.
func region(_ context.Context, _ desk.TenantID, c desk.ChannelID) (string, error) {
	if c == vanished {
		return "", desk.Errorf(desk.Missing, "channel", "there is no such channel")
	}
	return "CN", nil
}

const vanished desk.ChannelID = 202611220000000009

func (b *bed) list(q desk.Query) []desk.Listed {
	b.t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	if q.Caller != "" {
		q.Keys = []string{number.Key(q.Caller, "CN")}
	}
	page, err := b.Messages(b.ctx, desk.DefaultTenant, q)
	if err != nil {
		b.t.Fatal(err)
	}
	return page
}

func (b *bed) threads(tenant desk.TenantID) []desk.Thread {
	b.t.Helper()
	all, err := b.Threads(b.ctx, tenant, desk.Query{Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	return all
}

func (b *bed) tenant(name string) desk.TenantID {
	b.t.Helper()
	t, err := b.AddTenant(b.ctx, name)
	if err != nil {
		b.t.Fatal(err)
	}
	return t.ID
}

// texts of all kinds that the contract accepts.
func text(r *rand.Rand) string {
	parts := []string{
		"Please reply", "请回电", "𠮷野家", "👩‍👩‍👧‍👦", "\"quoted\" \\ back", "line\r\nbreak\ttab", "\u202eevil\u2066", "e\u0301",
		"\u2028", "'; DROP TABLE message;--", "<script>", "=1+1", "%s%n", "\U000E0041", "ༀ", "$1 ?1 :a @b",
	}
	var b strings.Builder
	for range 1 + r.IntN(8) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

func number11(i int) string { return fmt.Sprintf("138%08d", i) }
