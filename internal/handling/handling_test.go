package handling_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// The store's side of handling is proved on real databases, in store/storetest.
// Here is what needs no database.

var boss = desk.Actor{Tenant: 1, Name: "boss", Role: desk.RoleAdministrator}

// shelf holds threads and messages in memory, for what is only read.
type shelf struct {
	handling.FilterKeeper // of filter_test.go, where there is one

	threads  map[desk.ID]desk.Thread
	messages []desk.Listed // newest first

	mu     sync.Mutex
	counts int
	looks  int
	broken error
}

func (s *shelf) Thread(_ context.Context, _ desk.TenantID, id desk.ID) (desk.Thread, error) {
	return s.threads[id], nil
}

func (s *shelf) List(context.Context, desk.TenantID, desk.Listing) ([]desk.Thread, *desk.Place, error) {
	return nil, nil, nil
}

func (s *shelf) Tallies(context.Context, desk.TenantID, desk.Listing) ([]desk.Tally, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts++
	time.Sleep(time.Duration(s.looks) * time.Millisecond)
	return []desk.Tally{{Channel: 7, Owner: 3, All: 5, Assigned: 2, Working: 1, Waiting: 2}, {Channel: 8, All: 4, Unclaimed: 4, Overdue: 1}}, nil
}

func (s *shelf) Entries(context.Context, desk.TenantID, desk.EntryQuery) (desk.Entries, error) {
	return desk.Entries{}, nil
}

func (s *shelf) ThreadsByID(_ context.Context, _ desk.TenantID, ids []desk.ID) (all []desk.Thread, err error) {
	for _, id := range ids {
		all = append(all, s.threads[id])
	}
	return all, nil
}

func (s *shelf) CallersThreads(context.Context, desk.TenantID, string, int) ([]desk.Thread, error) {
	return nil, nil
}

type damaged struct{}

func (damaged) Error() string     { return "one row is damaged" }
func (damaged) Damage() []desk.ID { return []desk.ID{9} }

func (s *shelf) Newest(context.Context, desk.TenantID, desk.ID, int) ([]desk.Listed, []desk.Event, error) {
	return s.messages, nil, s.broken
}

func (s *shelf) Threaded(_ context.Context, _ desk.TenantID, q desk.Query) (page []desk.Listed, next desk.ID, err error) {
	for _, m := range s.messages {
		if q.Before != 0 && m.ID >= q.Before {
			continue
		}
		if len(page) == q.Limit {
			return page, page[len(page)-1].ID, nil
		}
		page = append(page, m)
	}
	return page, 0, nil
}

func (s *shelf) Tenants(context.Context) ([]desk.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return nil, s.broken
}

func (*shelf) Timers(context.Context, desk.TenantID) (map[desk.Timer]time.Time, error) {
	return nil, nil
}

func (*shelf) Fired(context.Context, desk.TenantID, desk.Timer, time.Time, int) ([]desk.Thread, error) {
	return nil, nil
}

func (*shelf) Missed(context.Context, desk.TenantID, []desk.Change) ([]desk.ID, error) {
	return nil, nil
}
func (*shelf) Loads(context.Context, desk.TenantID) ([]desk.Load, error)       { return nil, nil }
func (*shelf) People(context.Context, desk.TenantID) ([]desk.Person, error)    { return nil, nil }
func (*shelf) Channels(context.Context, desk.TenantID) ([]desk.Channel, error) { return nil, nil }

func newDesk(s *shelf) *handling.Desk {
	return handling.New(handling.Parts{Threads: s, Timers: s, Staff: s, Finder: s}, time.Now)
}

func listed(id, thread desk.ID, text string) desk.Listed {
	return desk.Listed{Message: desk.Message{ID: id, Thread: thread, Text: text}}
}

func TestASearchListsEachThreadOnceWithItsNewestMessageFirst(t *testing.T) {
	s := &shelf{threads: map[desk.ID]desk.Thread{}}
	for i := range 1000 { // 100 threads, every third is closed
		id := desk.ID(5000 - i)
		thread := 1 + id%100
		s.messages = append(s.messages, listed(id, thread, "words"))
		state := desk.New
		if thread%3 == 0 {
			state = desk.Closed
		}
		s.threads[thread] = desk.Thread{ID: thread, State: state, LastAt: time.Unix(1, 0)}
	}
	s.messages[0].Thread = 0 // not sorted yet
	for _, limit := range []int{50, 200} {
		page, err := newDesk(s).View(t.Context(), boss, handling.ViewQuery{View: desk.ViewAll, Text: "words", Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[desk.ID]bool{}
		for _, th := range page.Threads {
			if th.State == desk.Closed || seen[th.ID] {
				t.Errorf("%+v", th)
			}
			seen[th.ID] = true
		}
		if want := min(limit, 67); len(seen) != want || (limit == 50) != (page.Next != "") && limit == 50 {
			t.Errorf("%d threads, want %d, next %q", len(seen), want, page.Next)
		}
		if page.Threads[0].ID != 1+4999%100 && page.Threads[0].ID != 1+4998%100 {
			t.Errorf("first %v", page.Threads[0].ID)
		}
	}
}

func TestCountsAreASecondOldAndAskedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := newDesk(s)
		eva := desk.Actor{Tenant: 1, Person: 3, Role: desk.RoleAgent, Channels: []desk.ChannelID{7}}
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				counts, err := d.Counts(t.Context(), eva)
				if err != nil || counts[desk.ViewMine] != 5 || counts[desk.ViewAll] != 5 || counts[desk.ViewUnclaimed] != 0 {
					t.Errorf("%v, %v", counts, err)
				}
			})
		}
		group.Wait()
		if s.counts != 1 {
			t.Errorf("asked %d times", s.counts)
		}
		time.Sleep(time.Second)
		if counts, err := d.Counts(t.Context(), boss); err != nil || counts[desk.ViewAll] != 9 || counts[desk.ViewMine] != 0 || s.counts != 2 {
			t.Errorf("%v, %v, asked %d times", counts, err, s.counts)
		}
		s.looks = 500 // what takes half a second to count is not counted every second
		time.Sleep(time.Second)
		for range 5 {
			if _, err := d.Counts(t.Context(), boss); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if s.counts != 3 {
			t.Errorf("asked %d times", s.counts)
		}
	})
}

func TestTimersAreLookedAtOnceASecondAndABrokenDiskEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		ended := make(chan error, 1)
		go func() { ended <- newDesk(s).Run(t.Context()) }()
		time.Sleep(10*time.Second + time.Millisecond)
		s.mu.Lock()
		if s.looks != 10 {
			t.Errorf("looked %d times in 10 s", s.looks)
		}
		s.broken = errors.New("the database is away for a moment")
		s.mu.Unlock()
		time.Sleep(2 * time.Second)
		s.mu.Lock()
		s.broken = desk.ErrBroken
		s.mu.Unlock()
		if err := <-ended; !errors.Is(err, desk.ErrBroken) {
			t.Error(err)
		}
	})
}

func TestRepeatsAreFoldedAndDamageIsSaid(t *testing.T) {
	s := &shelf{threads: map[desk.ID]desk.Thread{1: {ID: 1}}, broken: fmt.Errorf("reading: %w", damaged{})}
	for i, text := range []string{"a", "a", "a", "b", "a"} {
		s.messages = append(s.messages, listed(desk.ID(i+1), 1, text))
	}
	detail, err := newDesk(s).Open(t.Context(), boss, 1)
	if err != nil || detail.Damaged == nil {
		t.Fatal(err, detail.Damaged)
	}
	got := ""
	for _, r := range detail.Folded() {
		got += fmt.Sprintf("%s×%d %s–%s ", r.Text, r.Times, r.ID, r.Last.ID)
	}
	if want := "a×3 1–3 b×1 4–4 a×1 5–5 "; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.broken = errors.New("gone")
	if _, err := newDesk(s).Open(t.Context(), boss, 1); err == nil {
		t.Error("a thread that could not be read is shown")
	}
}
