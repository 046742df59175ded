package store

import (
	"context"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const selectFilter = `SELECT tenant_id, id, person_id, name, query, shared, created_at FROM saved_filter`

func scanFilter(sc scanner) (f desk.Filter, err error) {
	var made int64
	err = sc.Scan((*int64)(&f.Tenant), &f.ID, (*int64)(&f.Person), &f.Name, &f.Query, &f.Shared, &made)
	f.CreatedAt = moment(made)
	return f, err
}

// Filters lists all filters that a tenant's people keep, by name.
func (s *Store) Filters(ctx context.Context, tenant desk.TenantID) ([]desk.Filter, error) {
	found, err := s.query(ctx, tenant, selectFilter+` WHERE tenant_id = $1 ORDER BY name, id`)
	return collect(found, err, scanFilter)
}

// FiltersOf lists the filters that one person has, by name: her own, and those
// that everybody has.
func (s *Store) FiltersOf(ctx context.Context, tenant desk.TenantID, who desk.PersonID) ([]desk.Filter, error) {
	found, err := s.query(ctx, tenant, selectFilter+` WHERE tenant_id = $1 AND (person_id = $2 OR shared = 1) ORDER BY name, id`, int64(who))
	return collect(found, err, scanFilter)
}

// AddFilter keeps a new filter, whose ID it makes. Conflict when she has one of
// that name, or when there are as many as there can be.
func (s *Store) AddFilter(ctx context.Context, f desk.Filter) (desk.Filter, error) {
	if err := desk.CheckFilter(&f); err != nil {
		return f, err
	}
	err := s.change(ctx, func(t *tx) error {
		f.ID = 0 // that of an attempt which was rolled back is another filter's by now
		if err := t.roomForFilter(ctx, &f, true); err != nil {
			return err
		}
		var last int64
		if err := t.row(ctx, f.Tenant, `SELECT COALESCE(max(id), 0) FROM saved_filter WHERE tenant_id = $1`).Scan(&last); err != nil {
			return s.judge(err, false)
		}
		f.ID = max(last+1, micros(f.CreatedAt))
		_, err := t.exec(ctx, f.Tenant, `INSERT INTO saved_filter (tenant_id, id, person_id, name, query, shared, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, f.ID, int64(f.Person), f.Name, f.Query, flag(f.Shared), micros(f.CreatedAt))
		return err
	})
	return f, taken(err, "filter", f.Name)
}

// roomForFilter refuses one filter too many. Those who add or share filters take
// turns, so that two at once do not both take the last place.
func (t *tx) roomForFilter(ctx context.Context, f *desk.Filter, fresh bool) error {
	if err := t.auditHead(ctx, &desk.Deed{Tenant: f.Tenant}); err != nil {
		return err
	}
	var own, shared int
	if err := t.row(ctx, f.Tenant, `SELECT COALESCE(sum(CASE WHEN person_id = $2 THEN 1 ELSE 0 END), 0),
		COALESCE(sum(CASE WHEN shared = 1 AND id <> $3 THEN 1 ELSE 0 END), 0) FROM saved_filter WHERE tenant_id = $1`,
		int64(f.Person), f.ID).Scan(&own, &shared); err != nil {
		return t.s.judge(err, false)
	}
	switch {
	case fresh && own >= desk.MaxFilters:
		return desk.Errorf(desk.Invalid, "filters_full", "you keep %d filters, which is the most; remove one first", desk.MaxFilters)
	case f.Shared && shared >= desk.MaxShared:
		return desk.Errorf(desk.Invalid, "filters_shared", "%d filters are shared, which is the most; take one back first", desk.MaxShared)
	}
	return nil
}

// ChangeFilter reads a filter, lets change give it another name, or share it, and
// writes it back in the same transaction. Missing when there is no such filter;
// Conflict as of AddFilter.
func (s *Store) ChangeFilter(ctx context.Context, tenant desk.TenantID, id int64, change func(*desk.Filter) error) (f desk.Filter, err error) {
	err = s.change(ctx, func(t *tx) error {
		if f, err = t.filter(ctx, tenant, id); err != nil {
			return err
		}
		if err := change(&f); err != nil {
			return err
		}
		if err := desk.CheckFilter(&f); err != nil {
			return err
		}
		if err := t.roomForFilter(ctx, &f, false); err != nil {
			return err
		}
		_, err := t.exec(ctx, tenant, `UPDATE saved_filter SET name = $3, shared = $4 WHERE tenant_id = $1 AND id = $2`, id, f.Name, flag(f.Shared))
		return err
	})
	return f, taken(err, "filter", f.Name)
}

// RemoveFilter forgets a filter, unless may refuses. Missing when there is no such
// filter.
func (s *Store) RemoveFilter(ctx context.Context, tenant desk.TenantID, id int64, may func(*desk.Filter) error) error {
	return s.change(ctx, func(t *tx) error {
		f, err := t.filter(ctx, tenant, id)
		if err != nil {
			return err
		}
		if err := may(&f); err != nil {
			return err
		}
		_, err = t.exec(ctx, tenant, `DELETE FROM saved_filter WHERE tenant_id = $1 AND id = $2`, id)
		return err
	})
}

func (t *tx) filter(ctx context.Context, tenant desk.TenantID, id int64) (desk.Filter, error) {
	f, err := scanFilter(t.row(ctx, tenant, selectFilter+` WHERE tenant_id = $1 AND id = $2`, id))
	if missing(err) {
		return f, desk.NoFilter()
	}
	return f, t.s.judge(err, false)
}
