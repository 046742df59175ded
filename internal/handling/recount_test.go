package handling_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

func TestCountsFollowAChangeWithoutCountingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{}
		d := newDesk(s)
		eva := desk.Actor{Tenant: 1, Person: 3, Role: desk.RoleAgent}
		look := func() map[desk.View]int {
			counts, err := d.Counts(t.Context(), eva)
			if err != nil {
				t.Fatal(err)
			}
			return counts
		}
		before := look()
		now := time.Now().UTC()
		was := desk.Thread{Tenant: 1, ID: 1, Channel: 8, State: desk.New, DueAt: now.Add(-time.Minute)}
		is := was
		is.Owner, is.ClaimUntil = 3, now.Add(handling.Lease)
		is.Settle()
		d.Recount(now, &was, &is)
		after := look()
		for view, more := range map[desk.View]int{desk.ViewMine: 1, desk.ViewAll: 0, desk.ViewUnclaimed: -1, desk.ViewAssigned: 0, desk.ViewWorking: 1, desk.ViewDue: 0, desk.ViewOverdue: 0} {
			if after[view] != before[view]+more {
				t.Errorf("%s: %d, and %d after a claim", view, before[view], after[view])
			}
		}
		shutNow := is
		shutNow.State, shutNow.ClosedAt, shutNow.DueAt = desk.Closed, now, time.Time{}
		d.Recount(now, &is, &shutNow)
		if closed := look(); closed[desk.ViewAll] != before[desk.ViewAll]-1 || closed[desk.ViewMine] != before[desk.ViewMine] ||
			closed[desk.ViewOverdue] != before[desk.ViewOverdue]-1 || s.counts != 1 {
			t.Errorf("%v, then %v; counted %d times", before, closed, s.counts)
		}
		time.Sleep(time.Second)
		if look(); s.counts != 2 {
			t.Errorf("counted %d times: what is remembered lasts longer than it may", s.counts)
		}
	})
}

func TestAChangeDuringACountIsCountedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{looks: 100}
		d := newDesk(s)
		first := make(chan error)
		go func() {
			_, err := d.Counts(t.Context(), boss)
			first <- err
		}()
		synctest.Wait() // it counts
		d.Recount(time.Now(), &desk.Thread{Tenant: 1, State: desk.New}, &desk.Thread{Tenant: 1, State: desk.Closed})
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		if _, err := d.Counts(t.Context(), boss); err != nil || s.counts != 2 {
			t.Errorf("%v, counted %d times", err, s.counts)
		}
	})
}
