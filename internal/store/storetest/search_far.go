package storetest

import (
	"fmt"
	"math/rand/v2"
	list "slices" // the name is taken
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// foundFar: an index looks at what is newest first, and guesses from that how far
// it must go. A page must end at its limit and have no gap, whatever the guess was.
func foundFar(t *testing.T, open OpenSearch) {
	s := newScout(t, open)
	r := rand.New(rand.NewPCG(15, 1))
	want := map[string][]desk.ID{}
	var all []desk.Message
	for i := range 900 {
		text := "nothing"
		for word, has := range map[string]bool{
			"common": true, "seldom": r.IntN(30) == 0, "lately": i > 880, "ancient": i < 40, "clustered": i/100%3 == 1, "unique": i == 450,
		} {
			if has {
				text += " " + word
			}
		}
		all = append(all, s.message(number11(i), text))
		for _, word := range list.Compact(strings.Fields(text)) {
			want[word] = append([]desk.ID{all[i].ID}, want[word]...)
		}
	}
	for some := range list.Chunk(all, 150) {
		s.leave(some...)
		s.sort()
	}
	s.index(desk.DefaultTenant, 1000)
	for word, ids := range want {
		for _, limit := range []int{1, 7, 60, 300, 1000} {
			var got []desk.ID
			for q := (desk.Query{Text: word, Limit: limit}); ; {
				page := s.query(q)
				for i := range page {
					got = append(got, page[i].ID)
					q.Before = page[i].ID
				}
				if len(page) < limit {
					break
				}
			}
			if !list.Equal(got, ids) {
				t.Errorf("%s, %d a page: %d found, want %d", word, limit, len(got), len(ids))
			}
		}
	}
	if len(want["seldom"]) < 10 || len(want["unique"]) != 1 {
		t.Fatalf("%d and %d messages have the words: this proves nothing", len(want["seldom"]), len(want["unique"]))
	}
}

// foundOpen: a few threads are open, and a closed one has thousands of messages.
func foundOpen(t *testing.T, open OpenSearch) {
	const closed = 3000
	s := newScout(t, open)
	old := s.message("13800002222", "refund, the oldest")
	s.leave(old)
	var bulk []desk.Message
	for i := range closed {
		bulk = append(bulk, s.message("13800001111", fmt.Sprint("refund ", i)))
	}
	s.leave(bulk...)
	s.sort()
	recent, elsewhere := s.message("13800003333", "refund, the newest"), s.message("13800004444", "nothing")
	s.leave(recent, elsewhere)
	s.sort()
	threads, err := s.Threads(s.ctx, desk.DefaultTenant, desk.Query{State: desk.New, Limit: 10})
	if err != nil || len(threads) != 4 {
		t.Fatal(len(threads), err)
	}
	for _, th := range threads {
		if th.Messages == closed {
			th.State, th.ClosedAt = desk.Closed, time.Now()
			if _, err := s.ChangeThread(s.ctx, th); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.leave(s.message("13800005555", "refund, not sorted"))
	for _, stage := range []struct {
		name  string
		index int
	}{{"no index", 0}, {"half an index", closed - 20}, {"the index", 100}} {
		s.index(desk.DefaultTenant, stage.index)
		got, short := s.openPages(desk.Query{Text: "refund", Limit: 10})
		if !list.Equal(got, []desk.ID{recent.ID, old.ID}) {
			t.Errorf("%s: %v are found, want %d and %d", stage.name, got, recent.ID, old.ID)
		}
		if stage.name == "the index" && short == 0 {
			t.Error("a page looks through all that is closed")
		}
		page, next, err := s.f.Threaded(s.ctx, desk.DefaultTenant, desk.Query{Text: "refund", State: desk.Closed, Limit: 10})
		if err != nil || len(page) != 10 || page[0].ID != bulk[closed-1].ID || next != page[9].ID {
			t.Errorf("%s: %d closed ones are found, the next page begins at %d, %v", stage.name, len(page), next, err)
		}
	}
}

// openPages follows the pages of a search among threads to their end, and says how
// many were short before it.
func (s *scout) openPages(q desk.Query) (got []desk.ID, short int) {
	s.t.Helper()
	for {
		page, next, err := s.f.Threaded(s.ctx, desk.DefaultTenant, q)
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range page {
			got = append(got, page[i].ID)
		}
		if next == 0 {
			return got, short
		}
		if len(page) < q.Limit {
			short++
		}
		if q.Before != 0 && next >= q.Before {
			s.t.Fatalf("a page below %d ends at %d", q.Before, next)
		}
		q.Before = next
	}
}
