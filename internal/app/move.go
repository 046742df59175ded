package app

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Moved says what a move carried.
type Moved struct {
	From, To string // without passwords
	Again    bool   // it went on where an earlier one was interrupted
	Sections []Carried
	Damaged  []string // rows that were damaged before and are so still: never shown, there as here
}

// Carried is a table of a tenant that is the same in both stores.
type Carried struct {
	Tenant desk.TenantID // 0: nobody's
	Table  string
	Rows   int64
	Hash   string
	Twice  bool // what an earlier move had left was not the same, and was written again
}

// Rows is the number of all rows.
func (m Moved) Rows() (n int64) {
	for _, c := range m.Sections {
		n += c.Rows
	}
	return n
}

// Move carries a whole store from one place to another, which are sqlite:FOLDER
// or postgres://…, and compares both at the end. No server may run on either.
// What is read is never changed. Interrupted, however hard, the same call goes
// on where it was; until it has succeeded no server starts on the target.
func Move(ctx context.Context, s config.Settings, from, to string, progress func(done, total int64)) (m Moved, err error) {
	source, err := placeOf(s, "--from", from)
	if err != nil {
		return m, err
	}
	target, err := placeOf(s, "--to", to)
	if err != nil {
		return m, err
	}
	if source.name == target.name {
		return m, desk.Errorf(desk.Invalid, "place", "--from and --to are the same place")
	}
	m.From, m.To = source.name, target.name
	read, endRead, err := source.look(ctx)
	if err != nil {
		return m, closing(err, endRead)
	}
	defer func() { err = errors.Join(err, endRead()) }()
	if err := read.Complete(ctx); err != nil {
		return m, err
	}
	write, endWrite, err := target.fill(ctx)
	if err != nil {
		return m, closing(err, endWrite)
	}
	defer func() { err = errors.Join(err, endWrite()) }()
	if m.Again, err = write.Begin(ctx, "move from "+source.name); err != nil {
		return m, err
	}
	v := &mover{to: write, moved: &m, pace: pace{tell: progress}}
	err = tended(ctx, write, func(ctx context.Context) error {
		return read.Still(ctx, func(f *store.Still) error { return v.all(ctx, f) })
	})
	if err == nil {
		err = source.quiet(ctx, read) // what came in meanwhile was not moved
	}
	if err == nil {
		err = write.End(ctx)
	}
	return m, err
}

func closing(err error, end func() error) error {
	if end == nil {
		return err
	}
	return errors.Join(err, end())
}

// mover is a move under way.
type mover struct {
	to    *store.Store
	moved *Moved
	mu    sync.Mutex // guards pace
	pace  pace
}

func (v *mover) step(rows int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pace.add(rows)
}

func (v *mover) all(ctx context.Context, f *store.Still) error {
	sections, rows, err := counted(ctx, f)
	if err != nil {
		return err
	}
	v.pace.total = 2 * rows // each row is carried, and compared
	for _, at := range sections {
		if err := v.section(ctx, f, at); err != nil {
			return err
		}
	}
	return v.nothingElse(ctx, f)
}

// section carries one table of one tenant. What an earlier move left there may
// be of a source that has changed since: then it is written again, once.
func (v *mover) section(ctx context.Context, f *store.Still, at store.Section) error {
	reached, err := v.to.Reached(ctx, at)
	if err != nil {
		return err
	}
	same, sum, err := v.carry(ctx, f, at, reached)
	twice := err == nil && !same || desk.KindOf(err) == desk.Conflict
	if twice {
		if err := v.to.Clear(ctx, at); err != nil {
			return err
		}
		same, sum, err = v.carry(ctx, f, at, nil)
	}
	if err != nil {
		return err
	}
	if !same {
		return desk.Errorf(desk.Unstored, "differs",
			"table %s of tenant %d is not the same in both stores, although it was written twice; the target is not usable, so look at its disk and take another", at.Table.Name, at.Tenant)
	}
	v.moved.Sections = append(v.moved.Sections, Carried{at.Tenant, at.Table.Name, sum.Rows, sum.Hash(), twice})
	return nil
}

func (v *mover) carry(ctx context.Context, f *store.Still, at store.Section, reached store.Values) (same bool, sum store.Sum, err error) {
	err = f.Each(ctx, at, reached, func(page []store.Values) error {
		if err := v.to.Put(ctx, at, page); err != nil {
			return err
		}
		v.step(len(page))
		return nil
	})
	if err != nil {
		return false, sum, err
	}
	return v.compare(ctx, f, at)
}

// compare reads both sides at the same time.
func (v *mover) compare(ctx context.Context, f *store.Still, at store.Section) (same bool, sum store.Sum, err error) {
	var there store.Sum
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return f.Each(ctx, at, nil, func(page []store.Values) error {
			for _, row := range page {
				sum.Add(&at.Table, row)
				if name := at.Table.Describe(at.Tenant, row); !at.Table.Intact(at.Tenant, row) && !slices.Contains(v.moved.Damaged, name) {
					v.moved.Damaged = append(v.moved.Damaged, name)
				}
			}
			v.step(len(page))
			return nil
		})
	})
	group.Go(func() error {
		return v.to.Still(ctx, func(g *store.Still) (err error) {
			there, err = g.Sum(ctx, at, func(int) {})
			return err
		})
	})
	err = group.Wait()
	return sum == there, sum, err
}

// nothingElse looks for tenants that only the target has.
func (v *mover) nothingElse(ctx context.Context, f *store.Still) error {
	ours, err := f.Tenants(ctx)
	if err != nil {
		return err
	}
	return v.to.Still(ctx, func(g *store.Still) error {
		theirs, err := g.Tenants(ctx)
		if err == nil && !slices.Equal(ours, theirs) {
			err = desk.Errorf(desk.Conflict, "differs", "the target has other tenants than the source; take an empty target")
		}
		return err
	})
}
