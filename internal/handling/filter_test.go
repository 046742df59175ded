package handling_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// drawer keeps filters in memory.
type drawer struct {
	all   []desk.Filter
	reads int
}

func (d *drawer) Filters(context.Context, desk.TenantID) ([]desk.Filter, error) {
	d.reads++
	return slices.Clone(d.all), nil
}

func (d *drawer) FiltersOf(_ context.Context, _ desk.TenantID, who desk.PersonID) (has []desk.Filter, err error) {
	for _, f := range d.all {
		if f.Shared || f.Person == who {
			has = append(has, f)
		}
	}
	return has, nil
}

func (d *drawer) AddFilter(_ context.Context, f desk.Filter) (desk.Filter, error) {
	if err := desk.CheckFilter(&f); err != nil {
		return f, err
	}
	f.ID = int64(len(d.all) + 1)
	d.all = append(d.all, f)
	return f, nil
}

func (d *drawer) at(id int64) int {
	return slices.IndexFunc(d.all, func(f desk.Filter) bool { return f.ID == id })
}

func (d *drawer) ChangeFilter(_ context.Context, _ desk.TenantID, id int64, change func(*desk.Filter) error) (desk.Filter, error) {
	i := d.at(id)
	if i < 0 {
		return desk.Filter{}, desk.NoFilter()
	}
	f := d.all[i]
	if err := change(&f); err != nil {
		return f, err
	}
	d.all[i] = f
	return f, nil
}

func (d *drawer) RemoveFilter(_ context.Context, _ desk.TenantID, id int64, may func(*desk.Filter) error) error {
	i := d.at(id)
	if i < 0 {
		return desk.NoFilter()
	}
	if err := may(&d.all[i]); err != nil {
		return err
	}
	d.all = slices.Delete(d.all, i, i+1)
	return nil
}

func staffOf(person desk.PersonID, role desk.Role) desk.Actor {
	return desk.Actor{Tenant: 1, Person: person, Name: string(role), Role: role}
}

func wants(t *testing.T, what, code string, err error) {
	t.Helper()
	var e *desk.Error
	if errors.As(err, &e) && e.Code == code || err == nil && code == "" {
		return
	}
	t.Errorf("%s: %v, want %q", what, err, code)
}

func TestAPersonsFiltersAreHersAndSharedOnesAreTheSupervisors(t *testing.T) {
	kept := &drawer{}
	d := newDesk(&shelf{FilterKeeper: kept})
	ctx := t.Context()
	anna, bo, sofia, audit := staffOf(1, desk.RoleAgent), staffOf(2, desk.RoleAgent), staffOf(3, desk.RoleSupervisor), staffOf(4, desk.RoleAuditor)
	keep := func(a desk.Actor, name string, shared bool) error {
		_, err := d.KeepFilter(ctx, a, name, "view=all&q=x", shared)
		return err
	}
	wants(t, "an agent keeps one", "", keep(anna, "one", false)) // 1
	wants(t, "an agent shares one", "not_allowed", keep(anna, "two", true))
	wants(t, "a supervisor shares one", "", keep(sofia, "two", true)) // 2
	wants(t, "an auditor keeps one", "", keep(audit, "three", false)) // 3
	wants(t, "a program keeps one", "no_person", keep(boss, "x", false))
	for who, want := range map[*desk.Actor][]string{&anna: {"one", "two"}, &bo: {"two"}, &sofia: {"two"}, &audit: {"two", "three"}} {
		for _, list := range []func(context.Context, desk.Actor) ([]desk.Filter, error){d.Kept, d.KeptLately} {
			all, err := list(ctx, *who)
			names := []string{}
			for i := range all {
				names = append(names, all[i].Name)
			}
			if diff := cmp.Diff(want, names); err != nil || diff != "" {
				t.Error(who.Name, err, diff)
			}
		}
	}
	change := func(a desk.Actor, id int64, shared bool) error {
		_, err := d.ChangeFilter(ctx, a, id, "other", shared)
		return err
	}
	wants(t, "another's is not there", "filter", change(bo, 1, false))
	wants(t, "nor for a supervisor", "filter", change(sofia, 1, false))
	wants(t, "nor to be removed", "filter", d.RemoveFilter(ctx, sofia, 1))
	wants(t, "she renames hers", "", change(anna, 1, false))
	wants(t, "and cannot share it", "not_allowed", change(anna, 1, true))
	wants(t, "a shared one is the supervisors'", "filter_shared", change(anna, 2, true))
	wants(t, "also to be removed", "filter_shared", d.RemoveFilter(ctx, anna, 2))
	wants(t, "another supervisor takes it back", "", change(staffOf(5, desk.RoleAdministrator), 2, false))
	wants(t, "then it is its keeper's", "filter", d.RemoveFilter(ctx, staffOf(5, desk.RoleAdministrator), 2))
	wants(t, "who removes it", "", d.RemoveFilter(ctx, sofia, 2))
	wants(t, "once", "filter", d.RemoveFilter(ctx, sofia, 2))
	if all, err := d.Kept(ctx, boss); len(all) != 0 || err != nil {
		t.Error("nobody in person has", all, err)
	}
}

func TestManyScreensReadFiltersOnceASecondAndSeeAChangeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &drawer{all: []desk.Filter{{Tenant: 1, ID: 1, Person: 1, Name: "one", Query: "q=x"}}}
		d := newDesk(&shelf{FilterKeeper: kept})
		anna := staffOf(1, desk.RoleAgent)
		look := func(want int) {
			t.Helper()
			if all, err := d.KeptLately(t.Context(), anna); err != nil || len(all) != want {
				t.Errorf("%d filters, want %d; %v", len(all), want, err)
			}
		}
		for range 100 {
			look(1)
		}
		if kept.reads != 1 {
			t.Errorf("read %d times", kept.reads)
		}
		if _, err := d.KeepFilter(t.Context(), anna, "two", "q=y", false); err != nil {
			t.Fatal(err)
		}
		look(2)
		kept.all = nil // another node's doing
		time.Sleep(2 * time.Second)
		look(0)
	})
}

func TestListsAreCountedFromWhatViewsAreCountedWith(t *testing.T) {
	d := newDesk(&shelf{}) // 5 of channel 7 are person 3's: she is at one, and 2 wait; 4 of channel 8 are nobody's, and one is late
	lists := []handling.ViewQuery{
		{View: desk.ViewAll},
		{View: desk.ViewAll, Channel: 7},
		{View: desk.ViewAll, Owner: 3},
		{View: desk.ViewAll, Channel: 8, Owner: 3},
		{View: desk.ViewWaiting, Owner: 3},
		{View: desk.ViewOverdue, Channel: 8},
		{View: desk.ViewUnclaimed, Channel: 8, Order: desk.OrderUrgent},
		{View: desk.ViewMine, Owner: 9}, // mine is mine
		{View: desk.ViewMine, Channel: 8},
		{View: desk.ViewAssigned},
		{View: desk.ViewWorking, Owner: 3},
		{View: desk.ViewClosed},
		{View: desk.ViewAll, Text: "x"},
		{View: desk.ViewAll, Outcome: desk.Reached},
		{View: desk.ViewAll, Since: time.Unix(1, 0)},
	}
	for _, c := range []struct {
		only []desk.ChannelID
		want []int
	}{
		{nil, []int{9, 5, 5, 0, 2, 1, 4, 5, 0, 2, 1, -1, -1, -1, -1}},
		{[]desk.ChannelID{8}, []int{4, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, -1, -1, -1, -1}},
	} {
		a := staffOf(3, desk.RoleAgent)
		a.Channels = c.only
		got, err := d.CountEach(t.Context(), a, lists)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Error(c.only, err, diff)
		}
	}
}
