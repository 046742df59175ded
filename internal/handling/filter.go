package handling

import (
	"context"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// FilterKeeper is where filters are kept. The functions decide in the transaction
// whether they may be changed; an error of theirs leaves everything as it was.
type FilterKeeper interface {
	Filters(ctx context.Context, tenant desk.TenantID) ([]desk.Filter, error)
	FiltersOf(ctx context.Context, tenant desk.TenantID, who desk.PersonID) ([]desk.Filter, error)
	AddFilter(ctx context.Context, f desk.Filter) (desk.Filter, error)
	ChangeFilter(ctx context.Context, tenant desk.TenantID, id int64, change func(*desk.Filter) error) (desk.Filter, error)
	RemoveFilter(ctx context.Context, tenant desk.TenantID, id int64, may func(*desk.Filter) error) error
}

// MayShare says whether the actor can keep filters for everybody.
func MayShare(a *desk.Actor) bool { return a.Person != 0 && a.May(desk.ThreadsAssign) }

// MayManage says whether the actor can rename and remove a filter: her own, and
// what is shared if she may share.
func MayManage(a *desk.Actor, f *desk.Filter) bool {
	if f.Shared {
		return MayShare(a)
	}
	return a.Person != 0 && f.Person == a.Person
}

// manage refuses what the actor cannot manage. Another's own filter is Missing, as
// if it were not there.
func manage(a *desk.Actor, f *desk.Filter) error {
	switch {
	case MayManage(a, f):
		return nil
	case f.Shared:
		return desk.Errorf(desk.Forbidden, "filter_shared", "everybody has this filter; ask a supervisor")
	}
	return desk.NoFilter()
}

// Kept lists the filters that the actor has, by name: her own, and those that
// everybody has.
func (d *Desk) Kept(ctx context.Context, a desk.Actor) ([]desk.Filter, error) {
	if err := may(&a, desk.ThreadsSee); err != nil || a.Person == 0 {
		return nil, err
	}
	return d.Staff.FiltersOf(ctx, a.Tenant, a.Person)
}

// KeptLately is Kept for screens that are open, many of which ask at the same
// time: it is a second old at most.
func (d *Desk) KeptLately(ctx context.Context, a desk.Actor) (kept []desk.Filter, err error) {
	if err := may(&a, desk.ThreadsSee); err != nil || a.Person == 0 {
		return nil, err
	}
	all, err := d.filters.get(ctx, a.Tenant, d.now, d.Staff.Filters)
	for i := range all {
		if all[i].Shared || all[i].Person == a.Person {
			kept = append(kept, all[i])
		}
	}
	return kept, err
}

// KeepFilter keeps the actor's list under a name, for her or for everybody.
// Errors: Forbidden, Invalid "no_person", "filter_name", "filter_query",
// "filters_full", "filters_shared", Conflict "filter_exists".
func (d *Desk) KeepFilter(ctx context.Context, a desk.Actor, name, query string, shared bool) (desk.Filter, error) {
	f := desk.Filter{Tenant: a.Tenant, Person: a.Person, Name: name, Query: query, Shared: shared, CreatedAt: d.moment()}
	if err := may(&a, desk.ThreadsSee); err != nil {
		return f, err
	}
	if shared && !MayShare(&a) {
		return f, may(&a, desk.ThreadsAssign)
	}
	f, err := d.Staff.AddFilter(ctx, f)
	d.filters.forget(a.Tenant)
	return f, err
}

// ChangeFilter gives a filter another name, and shares it or takes it back; it is
// then its keeper's again. Errors as of KeepFilter, and Missing.
func (d *Desk) ChangeFilter(ctx context.Context, a desk.Actor, id int64, name string, shared bool) (desk.Filter, error) {
	if err := may(&a, desk.ThreadsSee); err != nil {
		return desk.Filter{}, err
	}
	f, err := d.Staff.ChangeFilter(ctx, a.Tenant, id, func(f *desk.Filter) error {
		if err := manage(&a, f); err != nil {
			return err
		}
		if shared && !MayShare(&a) {
			return may(&a, desk.ThreadsAssign)
		}
		f.Name, f.Shared = name, shared
		return nil
	})
	d.filters.forget(a.Tenant)
	return f, err
}

// RemoveFilter forgets a filter. Errors: Forbidden, Missing.
func (d *Desk) RemoveFilter(ctx context.Context, a desk.Actor, id int64) error {
	if err := may(&a, desk.ThreadsSee); err != nil {
		return err
	}
	err := d.Staff.RemoveFilter(ctx, a.Tenant, id, func(f *desk.Filter) error { return manage(&a, f) })
	d.filters.forget(a.Tenant)
	return err
}

// CountEach says how many threads each list has, -1 where that is not known: what
// Counts reads, once a second for everybody, tells channels and owners apart, and
// neither words, nor outcomes, nor times. Those would have to be counted one by
// one, for each person and each second, among a million messages.
func (d *Desk) CountEach(ctx context.Context, a desk.Actor, lists []ViewQuery) ([]int, error) {
	all, err := d.tallies(ctx, &a)
	if err != nil {
		return nil, err
	}
	counts := make([]int, len(lists))
	for i := range lists {
		q := &lists[i]
		if q.View == desk.ViewClosed || q.Text != "" || q.Outcome != "" || !q.Since.IsZero() {
			counts[i] = -1
			continue
		}
		for j := range all {
			t := &all[j]
			if a.Sees(t.Channel) && (q.Channel == 0 || t.Channel == q.Channel) && (q.Owner == 0 || q.View == desk.ViewMine || t.Owner == q.Owner) {
				counts[i] += inTally(t, q.View, a.Person)
			}
		}
	}
	return counts, nil
}
