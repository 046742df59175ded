package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Put writes rows of a section in one transaction. A row that is there already
// is replaced, so that what nobody knows of can be done again; where rows are
// only appended it stays, and the comparison tells whether it is another one.
func (s *Store) Put(ctx context.Context, at Section, page []Values) error {
	t := &at.Table
	return s.change(ctx, func(x *tx) error {
		for chunk := range chunks(page) {
			var args []any
			for _, row := range chunk {
				args = append(args, s.placed(t, row)...)
			}
			var err error
			if t.Shared {
				_, err = x.run(ctx, t.upsert(len(chunk)), args...)
			} else {
				_, err = x.exec(ctx, at.Tenant, t.upsert(len(chunk)), args...)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// placed is the row as this store has it: in one of its own buckets.
func (s *Store) placed(t *Table, row Values) Values {
	if !t.Shared {
		return row
	}
	row = slices.Clone(row)
	row[0] = number64(row[0]) % int64(s.traits.Buckets)
	return row
}

func (t *Table) upsert(rows int) string {
	columns, marked := append([]string{"tenant_id"}, t.names(0)...), mine(len(t.Columns), rows)
	if t.Shared {
		columns, marked = t.names(0), values(1, rows, slices.Repeat([]string{"#"}, len(t.Columns))...)
	}
	text := `INSERT INTO ` + t.Name + ` (` + strings.Join(columns, ", ") + `) VALUES ` + marked + ` ON CONFLICT (` + t.wholeKey() + `) DO `
	if t.Appended {
		return text + `NOTHING`
	}
	var sets []string
	for _, name := range t.names(t.Key) {
		sets = append(sets, name+` = excluded.`+name)
	}
	return text + `UPDATE SET ` + strings.Join(sets, ", ")
}

func (t *Table) wholeKey() string {
	switch {
	case t.Shared:
		return t.keys()
	case t.Key == 0:
		return `tenant_id`
	}
	return `tenant_id, ` + t.keys()
}

// Reached is the key of the last row of a section, nil when it has none, or when
// the order of its keys is not the same in every store.
func (s *Store) Reached(ctx context.Context, at Section) (Values, error) {
	t := at.Table
	if t.Shared || t.Key == 0 {
		return nil, nil
	}
	t.Columns = t.Columns[:t.Key]
	down := strings.ReplaceAll(t.keys(), ",", " DESC,") + ` DESC`
	found, err := s.query(ctx, at.Tenant, `SELECT `+t.keys()+` FROM `+t.Name+` WHERE tenant_id = $1 ORDER BY `+down+` LIMIT 1`)
	last, err := collect(found, err, func(sc scanner) (Values, error) { return t.scan(at.Tenant, sc) })
	if err != nil || len(last) == 0 {
		return nil, err
	}
	return last[0], nil
}

// clearRows is how many rows go in one transaction.
const clearRows = 1000

// Clear empties a section of a store that is being filled, some rows at a time.
// What is one row a tenant stays: it is overwritten. What is only appended to
// stays, too.
func (s *Store) Clear(ctx context.Context, at Section) error {
	t := &at.Table
	if t.Key == 0 || t.Appended {
		return nil
	}
	for n := int64(1); n > 0; {
		err := s.change(ctx, func(x *tx) (err error) {
			if t.Shared {
				n, err = x.run(ctx, `DELETE FROM `+t.Name+` WHERE (`+t.keys()+`) IN
					(SELECT `+t.keys()+` FROM `+t.Name+` ORDER BY `+t.keys()+` LIMIT `+strconv.Itoa(clearRows)+`)`)
				return err
			}
			n, err = x.exec(ctx, at.Tenant, `DELETE FROM `+t.Name+` WHERE tenant_id = $1 AND (`+t.keys()+`) IN
				(SELECT `+t.keys()+` FROM `+t.Name+` WHERE tenant_id = $1 ORDER BY `+t.keys()+` LIMIT `+strconv.Itoa(clearRows)+`)`)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Fresh says whether nothing was ever put into the store: it has its first
// tenant and nothing else.
func (f *Still) Fresh(ctx context.Context) (bool, error) {
	tenants, err := f.Tenants(ctx)
	if err != nil || len(tenants) != 1 || tenants[0] != 1 {
		return false, err
	}
	sections, err := f.Sections(ctx)
	if err != nil {
		return false, err
	}
	for _, at := range sections {
		if at.Table.Key == 0 {
			continue
		}
		if n, err := f.Count(ctx, at); err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

// Begin marks the store as half-filled; what says by whom. The same may go on
// where he was; nobody else may begin, and nobody at all where there is content.
func (s *Store) Begin(ctx context.Context, what string) (again bool, err error) {
	by, err := s.filling(ctx)
	if err != nil {
		return false, err
	}
	if by != "" {
		if by != what {
			return false, desk.Errorf(desk.Conflict, "half_filled",
				"the target is half-filled by another work (%s); finish that with the same command, or take an empty target", by)
		}
		return true, nil
	}
	fresh := false
	err = s.Still(ctx, func(f *Still) (err error) {
		fresh, err = f.Fresh(ctx)
		return err
	})
	if err != nil {
		return false, err
	}
	if !fresh {
		return false, desk.Errorf(desk.Conflict, "not_empty", "the target has content already, and nothing is ever overwritten; take an empty one")
	}
	return false, s.change(ctx, func(x *tx) error {
		_, err := x.run(ctx, `INSERT INTO mark (name, value) VALUES ('filling', $1)`, what)
		return err
	})
}

// End says that the store is whole.
func (s *Store) End(ctx context.Context) error {
	return s.change(ctx, func(x *tx) error {
		_, err := x.run(ctx, `DELETE FROM mark WHERE name = 'filling'`)
		return err
	})
}

// Complete refuses a store that a move or a restore left half-filled.
func (s *Store) Complete(ctx context.Context) error {
	by, err := s.filling(ctx)
	if err != nil || by == "" {
		return err
	}
	return desk.Errorf(desk.Conflict, "half_filled",
		"the store is half-filled (%s) and must not be used; run the same command again, which goes on where it was", by)
}

func (s *Store) filling(ctx context.Context) (string, error) {
	found, err := s.ask(ctx, `SELECT value FROM mark WHERE name = 'filling'`)
	all, err := collect(found, err, func(sc scanner) (by string, err error) {
		err = sc.Scan(&by)
		return by, err
	})
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[0], nil
}
