package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	list "slices" // the name is taken
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/search"
	"github.com/afterbeep/afterbeep/internal/store"
)

// OpenSearch is Open for a store with its index of words.
type OpenSearch func(t *testing.T, key string) *store.Finder

// RunSearch plays what every engine's search and event log's readers must keep.
func RunSearch(t *testing.T, open OpenSearch) {
	for name, test := range map[string]func(*testing.T, OpenSearch){
		"a message is found from its journal to its index":            foundAlways,
		"what people look for is found, and nothing else":             foundWords,
		"a search finds exactly what matches, however far the index":  foundExactly,
		"pages of a search follow each other without gap or repeat":   foundPages,
		"a search respects the other filters":                         foundFiltered,
		"the newest comes first wherever it is":                       foundNewest,
		"a rare word is found among many that look like it":           foundRare,
		"a word is found part by part and slice by slice":             foundFar,
		"what is open is found among what is closed":                  foundOpen,
		"a tenant finds nothing of another":                           foundByTenant,
		"events that are taken in twice change nothing":               takenTwice,
		"a reader that lost its lease takes nothing in":               leaseLost,
		"a lease is taken when it is free, over, or one's own":        leases,
		"a cursor moves from where it was and by its holder alone":    advances,
		"the log is read in order, and the heads are its last events": logRead,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// scout is a bed with a finder.
type scout struct {
	*bed
	f *store.Finder
}

func newScout(t *testing.T, open OpenSearch) *scout {
	f := open(t, "a")
	return &scout{&bed{Store: f.Store, t: t, ctx: t.Context(), ids: desk.NewSequence(0, 0, time.Now)}, f}
}

// hold takes the search reader's lease.
func (s *scout) hold(tenant desk.TenantID) desk.Lease {
	s.t.Helper()
	now := time.Now()
	l, err := s.Store.Hold(s.ctx, desk.Lease{Tenant: tenant, Reader: store.SearchReader, Holder: "test", Until: now.Add(time.Minute)}, now)
	if err == nil {
		l.Seq, err = s.f.Stand(s.ctx, l)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// index takes in up to so many more events.
func (s *scout) index(tenant desk.TenantID, most int) {
	s.t.Helper()
	for most > 0 {
		l := s.hold(tenant)
		e, err := s.Events(s.ctx, tenant, l.Seq, min(most, 40))
		if err == nil && e.Last > 0 {
			err = s.f.Take(s.ctx, l, e)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if e.Last == 0 {
			return
		}
		most -= len(e.Events)
	}
}

func (s *scout) find(text string) []desk.Listed { return s.query(desk.Query{Text: text}) }

func (s *scout) query(q desk.Query) []desk.Listed {
	s.t.Helper()
	q.Limit = cmp.Or(q.Limit, 1000)
	if q.Caller != "" {
		q.Keys = []string{number.Key(q.Caller, "CN")}
	}
	page, err := s.f.Messages(s.ctx, desk.DefaultTenant, q)
	if err != nil {
		s.t.Fatal(err)
	}
	return page
}

func foundAlways(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	s.leave(s.message("13800001111", "我要退款 please"))
	for _, stage := range []struct {
		name string
		do   func()
	}{
		{"journaled", func() {}}, {"sorted", s.sort}, {"indexed", func() { s.index(desk.DefaultTenant, 10) }},
	} {
		stage.do()
		for _, word := range []string{"退款", "款", "PLEASE", "plea", "1111", "+86 138 0000 1111"} {
			if page := s.find(word); len(page) != 1 || page[0].Text != "我要退款 please" {
				t.Errorf("%s: %q finds %d messages", stage.name, word, len(page))
			}
		}
		if page := s.find("refund"); len(page) != 0 {
			t.Errorf("%s: a word that is nowhere finds %d messages", stage.name, len(page))
		}
	}
}

func foundWords(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	texts := []string{
		"请回电，我要退款", "ＲＥＦＵＮＤ order １２３４５６", "Die Straße ist gesperrt", "カタカナ と ﾊﾝｶｸ", "call 138-0000-9999 now",
		"SN4F8K2 is broken", "환불 해주세요", "👍 thanks", "ждём звонка", "退\u200b货",
	}
	for _, text := range texts {
		s.leave(s.message("2", text))
	}
	s.sort()
	s.index(desk.DefaultTenant, 1000)
	for typed, want := range map[string]int{
		"退款": 0, "回电 退款": 0, "要退": 0, "refund": 1, "Refund 3456": 1, "order 12": 1, "STRASSE": 2, "ハンカク": 3, "ｶﾀｶﾅ": 3,
		"13800009999": 4, "9999": 4, "sn4f8k2": 5, "환불": 6, "👍": 7, "ЖДЁМ": 8, "退货": 9,
		"退貨": -1, "fund": -1, "99990": -1, "款退": -1, "refund 退款": -1,
	} {
		page := s.find(typed)
		if want < 0 && len(page) > 0 || want >= 0 && (len(page) != 1 || page[0].Text != texts[want]) {
			t.Errorf("%q finds %d messages", typed, len(page))
		}
	}
	for _, typed := range []string{"", "!?", "a", "12", "12 3 b"} {
		if _, err := s.f.Messages(s.ctx, desk.DefaultTenant, desk.Query{Text: typed, Limit: 1}); desk.KindOf(err) != desk.Invalid {
			t.Errorf("%q: %v", typed, err)
		}
	}
}

var syllables = []string{"退", "款", "回", "电", "refund", "ref", "please ", "call", " ", "138", "0000", "-", "x", "Ａ", "!", "é", "9"}

func babble(r *rand.Rand, most int) string {
	text := ""
	for range 1 + r.IntN(most) {
		text += syllables[r.IntN(len(syllables))]
	}
	return text
}

// foundExactly compares with a search by hand, while messages arrive, are sorted
// and taken in, all at their own pace.
func foundExactly(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	r := rand.New(rand.NewPCG(3, 1))
	var all []desk.Message
	found := 0
	for range 12 {
		for range r.IntN(12) {
			m := s.message(fmt.Sprintf("138%04d", r.IntN(50)), "m "+babble(r, 8))
			all = append(all, m)
			s.leave(m)
		}
		if r.IntN(2) == 0 {
			s.sort()
		}
		s.index(desk.DefaultTenant, r.IntN(20))
		for range 6 {
			typed := babble(r, 3)
			q, err := search.Parse(typed)
			if err != nil {
				continue
			}
			var want []desk.ID
			for i := range list.Backward(all) {
				m := &all[i]
				if q.Matches(&search.Document{Text: m.Text, Caller: m.Caller, UserName: m.UserName, CallerKey: number.Key(m.Caller, "CN")}) {
					want = append(want, m.ID)
				}
			}
			limit := 1 + r.IntN(10)
			page := s.query(desk.Query{Text: typed, Limit: limit})
			want = want[:min(len(want), limit)]
			got := make([]desk.ID, len(page))
			for i := range page {
				got[i] = page[i].ID
			}
			found += len(got)
			if !list.Equal(got, want) {
				t.Fatalf("%q finds %v, want %v", typed, got, want)
			}
		}
	}
	if found < 20 {
		t.Fatalf("only %d messages were found: this test looks for the wrong words", found)
	}
}

func foundPages(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	var want []desk.ID
	for i := range 100 {
		text := "nothing here"
		if i%3 == 0 {
			text = "a refund"
		}
		m := s.message(number11(i), text)
		if i%3 == 0 {
			want = append(want, m.ID)
		}
		s.leave(m)
		switch i {
		case 40, 70:
			s.sort()
			s.index(desk.DefaultTenant, 1000)
		case 85:
			s.sort()
		}
	}
	list.Reverse(want)
	var got []desk.ID
	for q := (desk.Query{Text: "refund", Limit: 4}); ; {
		page := s.query(q)
		for i := range page {
			got = append(got, page[i].ID)
			q.Before = page[i].ID
		}
		if len(page) == 0 {
			break
		}
	}
	if !list.Equal(got, want) {
		t.Fatalf("%d found, want %d", len(got), len(want))
	}
}

func foundFiltered(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	other, lost := s.message("13800001111", "refund elsewhere"), s.message("5", "refund lost")
	other.Channel++
	lost.Channel = vanished
	s.leave(s.message("13800001111", "refund one"), s.message("13800002222", "refund two"), other, lost)
	s.sort()
	s.index(desk.DefaultTenant, 100)
	s.leave(s.message("13800001111", "refund three"))
	for name, c := range map[string]struct {
		q    desk.Query
		want int
	}{
		"all":       {desk.Query{}, 5},
		"a caller":  {desk.Query{Caller: "+86 138 0000 1111"}, 3},
		"a channel": {desk.Query{Channel: channel + 1}, 1},
		"new":       {desk.Query{State: desk.New}, 3},
		"closed":    {desk.Query{State: desk.Closed}, 0},
		"stored":    {desk.Query{State: desk.Stored}, 1},
		"aside":     {desk.Query{State: desk.Aside}, 1},
		"the past":  {desk.Query{Before: other.ID}, 0},
		"tomorrow":  {desk.Query{Since: time.Now().Add(time.Hour)}, 0},
	} {
		c.q.Text = "refund"
		if page := s.query(c.q); len(page) != c.want {
			t.Errorf("%s: %d messages, want %d", name, len(page), c.want)
		}
	}
}

// foundNewest: what waits, or was set aside, may be older than what is indexed.
func foundNewest(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	lost, waits := s.message("5", "refund lost"), s.message("6", "refund waits")
	lost.Channel = vanished
	s.leave(lost)
	for i := range 6 {
		s.leave(s.message(number11(i), fmt.Sprint("refund ", i)))
	}
	s.sort()
	s.index(desk.DefaultTenant, 4)
	s.leave(waits)
	for limit := 1; limit <= 8; limit++ {
		page := s.query(desk.Query{Text: "refund", Limit: limit})
		for i := range page {
			want := fmt.Sprint("refund ", 5-i)
			if i > 5 {
				want = []string{waits.Text, lost.Text}[i-6]
			}
			if len(page) != limit || page[i].Text != want {
				t.Fatalf("place %d of %d (%d): %q, want %q", i, limit, len(page), page[i].Text, want)
			}
		}
	}
}

// foundRare: refun is looked up as refu, which is what refuse has, too.
func foundRare(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	var all []desk.Message
	for i := range 300 {
		text := "we refuse"
		if i%100 == 7 {
			text = fmt.Sprint("a refund ", i)
		}
		all = append(all, s.message(number11(i), text))
	}
	s.leave(all...)
	s.sort()
	s.index(desk.DefaultTenant, 1000)
	if page := s.query(desk.Query{Text: "refun", Limit: 2}); len(page) != 2 || page[0].Text != "a refund 207" || page[1].Text != "a refund 107" {
		t.Fatalf("%d found: %+v", len(page), page)
	}
}

func foundByTenant(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	other := s.tenant("other")
	theirs := s.message("13800001111", "their refund 退款")
	theirs.Tenant = other
	s.leave(theirs, s.message("13800001111", "my refund 退款"))
	s.sort()
	for range 2 {
		for _, word := range []string{"refund", "退款", "1111"} {
			for tenant, want := range map[desk.TenantID]string{desk.DefaultTenant: "my refund 退款", other: "their refund 退款", 99: ""} {
				page, err := s.f.Messages(s.ctx, tenant, desk.Query{Text: word, Limit: 10})
				if err != nil || len(page) > 1 || len(page) == 1 && page[0].Text != want || len(page) == 0 && want != "" {
					t.Errorf("tenant %d finds %+v, %v", tenant, page, err)
				}
			}
		}
		s.index(desk.DefaultTenant, 10)
		s.index(other, 10)
	}
	ids, _, err := s.f.Index.Find(s.ctx, 99, store.Want{Tokens: []string{"wrefund", "c退款"}, Before: 1 << 62, Most: 10})
	if err != nil || len(ids) > 0 {
		t.Errorf("the index gives a stranger %v, %v", ids, err)
	}
}

func takenTwice(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	s.leave(s.message("1", "refund one"), s.message("2", "refund two"))
	s.sort()
	l := s.hold(desk.DefaultTenant)
	e, err := s.Events(s.ctx, desk.DefaultTenant, 0, 100)
	if err != nil || len(e.Events) != 2 {
		t.Fatal(e, err)
	}
	for range 2 {
		if err := s.f.Take(s.ctx, l, e); err != nil && desk.KindOf(err) != desk.Conflict {
			t.Fatal(err)
		}
	}
	l = s.hold(desk.DefaultTenant)
	if err := s.f.Index.Forget(s.ctx, l); err != nil {
		t.Fatal(err)
	}
	if n := len(s.find("refund")); n != 2 {
		t.Fatalf("%d found without an index", n)
	}
	s.index(desk.DefaultTenant, 100)
	if n := len(s.find("refund")); n != 2 {
		t.Fatalf("%d found with a new index", n)
	}
}

func leaseLost(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	s.leave(s.message("1", "refund"))
	s.sort()
	l := s.hold(desk.DefaultTenant)
	e, err := s.Events(s.ctx, desk.DefaultTenant, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	s.index(desk.DefaultTenant, 100) // by somebody else, while this one slept
	if err := s.f.Take(s.ctx, l, e); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("the work of a lost lease was taken: %v", err)
	}
	if stand, err := s.f.Stand(s.ctx, l); err != nil || stand != e.Last {
		t.Fatal(stand, err)
	}
}
