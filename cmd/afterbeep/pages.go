package main

import (
	"context"
	"errors"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// page is how many rows are asked for at once: few enough that the memory stays
// flat however much is stored.
const page = 500

// pages walks a list from the newest to the oldest. Rows whose hash does not
// match are not among those that do is given; their error comes at the end, when
// everything sound has been shown.
type pages[T any] struct {
	read  func(context.Context, desk.TenantID, desk.Query) ([]T, error)
	id    func(T) desk.ID
	limit int // rows in all; 0 is all there are
}

func (p pages[T]) each(ctx context.Context, tenant desk.TenantID, q desk.Query, do func([]T) error) error {
	broken := damage{ids: map[desk.ID]bool{}}
	for shown := 0; p.limit == 0 || shown < p.limit; {
		q.Limit = page
		if p.limit > 0 {
			q.Limit = min(page, p.limit-shown)
		}
		rows, err := p.read(ctx, tenant, q)
		fresh, err := broken.add(err)
		if err != nil {
			return err
		}
		switch {
		case len(rows) > 0:
			q.Before = p.id(rows[len(rows)-1])
		case fresh > 0: // a whole page of damaged rows: go on below them
			q.Before = fresh
		default:
			return broken.err()
		}
		shown += len(rows)
		if err := do(rows); err != nil {
			return err
		}
	}
	return broken.err()
}

// damage gathers what the store would not show.
type damage struct {
	ids  map[desk.ID]bool
	what app.Damaged
}

// add takes an error about damaged rows, of which it gives the lowest that is
// new; any other error it gives back.
func (d *damage) add(err error) (lowest desk.ID, _ error) {
	var found *app.Damaged
	if !errors.As(err, &found) {
		return 0, err
	}
	d.what.What = found.What
	for _, id := range found.IDs {
		if d.ids[id] {
			continue
		}
		d.ids[id] = true
		d.what.IDs = append(d.what.IDs, id)
		if lowest == 0 || id < lowest {
			lowest = id
		}
	}
	return lowest, nil
}

func (d *damage) err() error {
	if len(d.what.IDs) == 0 {
		return nil
	}
	return &d.what
}
