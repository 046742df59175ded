package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func filter(who desk.PersonID, name string) desk.Filter {
	return desk.Filter{
		Tenant: desk.DefaultTenant, Person: who, Name: name, Query: "q=%E9%80%80%E6%AC%BE&view=all",
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func (b *bed) keep(f desk.Filter) desk.Filter {
	b.t.Helper()
	f, err := b.AddFilter(b.ctx, f)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// names are those of the filters that somebody has.
func (b *bed) names(who desk.PersonID) []string {
	b.t.Helper()
	all, err := b.FiltersOf(b.ctx, desk.DefaultTenant, who)
	if err != nil {
		b.t.Fatal(err)
	}
	names := []string{}
	for i := range all {
		names = append(names, all[i].Name)
	}
	return names
}

// filters: what is kept is what is read, by whoever has it, until it is removed.
func filters(t *testing.T, open Open) {
	b := newBed(t, open)
	refunds, mine := b.keep(filter(1, "退款 refunds")), b.keep(filter(1, "A mine"))
	theirs := filter(2, "A mine") // another person may have the same name
	theirs.Shared = true
	theirs = b.keep(theirs)
	got, err := b.FiltersOf(b.ctx, desk.DefaultTenant, 1)
	if diff := cmp.Diff([]desk.Filter{mine, theirs, refunds}, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	if got := b.names(3); len(got) != 1 || got[0] != "A mine" {
		t.Errorf("somebody else has %q", got)
	}
	all, err := b.Filters(b.ctx, desk.DefaultTenant)
	if err != nil || len(all) != 3 {
		t.Errorf("the tenant has %v, %v", all, err)
	}
	b.refused("filter_exists", second(b.AddFilter(b.ctx, filter(1, "A mine"))))
	b.refused("filter_name", second(b.AddFilter(b.ctx, filter(1, " A"))))
	b.refused("no_person", second(b.AddFilter(b.ctx, filter(0, "A"))))
	other := b.tenant("other")
	b.refused("filter", second(b.ChangeFilter(b.ctx, other, mine.ID, func(*desk.Filter) error { return nil })))
	b.refused("filter", b.RemoveFilter(b.ctx, other, mine.ID, func(*desk.Filter) error { return nil }))
	rename := func(f *desk.Filter) error { f.Name, f.Shared = "B", true; return nil }
	if f, err := b.ChangeFilter(b.ctx, desk.DefaultTenant, mine.ID, rename); err != nil || f.Query != mine.Query {
		t.Fatal(f, err)
	}
	b.refused("filter_exists", second(b.ChangeFilter(b.ctx, desk.DefaultTenant, refunds.ID, rename)))
	no := desk.Errorf(desk.Forbidden, "no", "no")
	b.refused("no", b.RemoveFilter(b.ctx, desk.DefaultTenant, mine.ID, func(*desk.Filter) error { return no }))
	if err := b.RemoveFilter(b.ctx, desk.DefaultTenant, mine.ID, func(f *desk.Filter) error {
		if f.Name != "B" || !f.Shared {
			t.Errorf("what is removed is %+v", f)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	last := b.keep(filter(1, "C"))
	if err := b.RemoveFilter(b.ctx, desk.DefaultTenant, last.ID, func(*desk.Filter) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if again := b.keep(filter(1, "C")); again.ID == last.ID {
		t.Error("a filter has the number of one that was removed")
	}
	if diff := cmp.Diff([]string{"A mine", "C", "退款 refunds"}, b.names(1)); diff != "" {
		t.Error(diff)
	}
}

// filterRoom: many at once do not take more places than there are.
func filterRoom(t *testing.T, open Open) {
	b := newBed(t, open)
	race := func(person func(i int) desk.PersonID, shared bool) (kept int, codes map[string]int) {
		var (
			all sync.WaitGroup
			mu  sync.Mutex
		)
		codes = map[string]int{}
		for i := range desk.MaxFilters + 5 {
			all.Go(func() {
				f := filter(person(i), fmt.Sprint("filter ", i))
				f.Shared = shared
				err := again(func() error {
					_, err := b.AddFilter(b.ctx, f)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				var e *desk.Error
				switch {
				case err == nil:
					kept++
				case errors.As(err, &e):
					codes[e.Code]++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		return kept, codes
	}
	if kept, codes := race(func(int) desk.PersonID { return 1 }, false); kept != desk.MaxFilters || codes["filters_full"] != 5 {
		t.Errorf("one person keeps %d filters; %v", kept, codes)
	}
	if kept, codes := race(func(i int) desk.PersonID { return desk.PersonID(2 + i) }, true); kept != desk.MaxShared || codes["filters_shared"] != 5 {
		t.Errorf("%d filters are shared; %v", kept, codes)
	}
	all, err := b.FiltersOf(b.ctx, desk.DefaultTenant, 1)
	if err != nil || len(all) != desk.MaxFilters+desk.MaxShared {
		t.Fatal(len(all), err)
	}
	share := func(f *desk.Filter) error { f.Shared = true; return nil }
	for i := range all {
		_, err := b.ChangeFilter(b.ctx, desk.DefaultTenant, all[i].ID, share)
		if all[i].Shared {
			if err != nil {
				t.Error("what is shared is changed no more:", err)
			}
			continue
		}
		b.refused("filters_shared", err)
	}
}
