package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Still is the store as it was at one moment, however much is written meanwhile.
type Still struct{ t *tx }

// Still runs do on the store as it is now. It may take hours, and wait for
// others meanwhile, so the time limits of a server's transactions do not hold.
func (s *Store) Still(ctx context.Context, do func(*Still) error) error {
	t, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return s.judge(err, false)
	}
	if s.traits.Tenant != nil {
		_, err = t.ExecContext(ctx, `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true)`)
	}
	if err == nil {
		err = do(&Still{&tx{Tx: t, s: s}})
	}
	return withRollback(s.judge(err, false), t.Rollback())
}

// Section is what one table holds of one tenant; Tenant is 0 for what belongs to
// nobody.
type Section struct {
	Table  Table
	Tenant desk.TenantID
}

// Tenants lists the tenants' numbers.
func (f *Still) Tenants(ctx context.Context) ([]desk.TenantID, error) {
	if err := f.t.nobodys(ctx); err != nil {
		return nil, err
	}
	found, err := f.ask(ctx, `SELECT tenant_id FROM tenant ORDER BY tenant_id`)
	return collect(found, err, func(sc scanner) (id desk.TenantID, err error) {
		err = sc.Scan((*int64)(&id))
		return id, err
	})
}

// Sections lists everything that there is to carry, tenant by tenant; what could
// not even be attributed to a tenant, and what is not sorted yet, comes last.
func (f *Still) Sections(ctx context.Context) ([]Section, error) {
	tenants, err := f.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	var all []Section
	for _, id := range append(tenants, 0) {
		for _, t := range Carried() {
			if t.holds(id) {
				all = append(all, Section{t, id})
			}
		}
	}
	return all, nil
}

// holds says whether the table has rows of the tenant, or of nobody when it is 0.
func (t *Table) holds(tenant desk.TenantID) bool {
	return (tenant == 0) == t.Shared || tenant == 0 && t.Name == "aside"
}

// Count is the number of rows of a section.
func (f *Still) Count(ctx context.Context, s Section) (n int64, err error) {
	if err := f.t.as(ctx, s.Tenant); err != nil {
		return 0, err
	}
	if s.Table.Shared {
		err = f.t.QueryRowContext(ctx, `SELECT count(*) FROM `+s.Table.Name).Scan(&n)
	} else {
		err = f.t.QueryRowContext(ctx, `SELECT count(*) FROM `+s.Table.Name+` WHERE tenant_id = $1`, int64(s.Tenant)).Scan(&n)
	}
	return n, f.t.s.judge(err, false)
}

// Each reads a section in the order of its keys, page by page; after is the key
// of the last row that is known already, nil to begin at the beginning.
func (f *Still) Each(ctx context.Context, s Section, after Values, do func([]Values) error) error {
	for {
		page, err := f.page(ctx, s, after)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := do(page); err != nil {
				return err
			}
			after = page[len(page)-1][:s.Table.Key]
		}
		if len(page) < s.Table.Page || s.Table.Key == 0 {
			return nil
		}
	}
}

// ask prepares nothing for good: a transaction that lives for hours would gather
// statements.
func (f *Still) ask(ctx context.Context, text string, args ...any) (*rows, error) {
	found, err := f.t.QueryContext(ctx, text, args...) //nolint:rowserrcheck // rows.Close does
	return &rows{Rows: found, s: f.t.s}, f.t.s.judge(err, false)
}

// page reads the rows behind a key.
func (f *Still) page(ctx context.Context, s Section, after Values) ([]Values, error) {
	if err := f.t.as(ctx, s.Tenant); err != nil {
		return nil, err
	}
	text, args := s.Table.pageText(s.Tenant, after)
	found, err := f.ask(ctx, text, args...)
	return collect(found, err, func(sc scanner) (Values, error) {
		return s.Table.scan(s.Tenant, sc)
	})
}

func (t *Table) pageText(tenant desk.TenantID, after Values) (text string, args []any) {
	text = `SELECT ` + strings.Join(t.names(0), ", ") + ` FROM ` + t.Name
	joint := ` WHERE `
	if !t.Shared {
		text, args, joint = text+` WHERE tenant_id = $1`, []any{int64(tenant)}, ` AND `
	}
	if t.Key == 0 {
		return text, args
	}
	if after != nil {
		text += joint + `(` + t.keys() + `) > (` + marks(len(args)+1, t.Key) + `)`
		args = append(args, after...)
	}
	return text + ` ORDER BY ` + t.keys() + ` LIMIT $` + strconv.Itoa(len(args)+1), append(args, t.Page)
}

// scan reads a row and refuses what another engine could not take.
func (t *Table) scan(tenant desk.TenantID, sc scanner) (Values, error) {
	into := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		switch c.Kind {
		case Int:
			into[i] = new(int64)
		case Text:
			into[i] = new(string)
		default:
			into[i] = new([]byte)
		}
	}
	if err := sc.Scan(into...); err != nil {
		return nil, err
	}
	row := make(Values, len(into))
	for i, v := range into {
		switch v := v.(type) {
		case *int64:
			row[i] = *v
		case *string:
			row[i] = *v
		case *[]byte:
			row[i] = append([]byte{}, *v...)
		}
	}
	return row, t.Check(tenant, row)
}

// Check says whether the values of a row are of the kinds of the columns and can
// be stored on every engine: text is valid UTF-8 without NUL. Nothing that was
// accepted breaks this (desk.CheckMessage); what does is damaged.
func (t *Table) Check(tenant desk.TenantID, row Values) error {
	if len(row) != len(t.Columns) {
		return desk.Errorf(desk.Invalid, "row", "a row of %s has %d values where %d are needed", t.Name, len(row), len(t.Columns))
	}
	for i, c := range t.Columns {
		ok := false
		switch v := row[i].(type) {
		case int64:
			ok = c.Kind == Int
		case []byte:
			ok = c.Kind == Bytes
		case string:
			ok = c.Kind == Text
			if ok && (!utf8.ValidString(v) || strings.ContainsRune(v, 0)) {
				return desk.Errorf(desk.Unstored, "damaged", "%s is damaged: %s is no text that can be carried; restore the row from a backup first",
					t.Describe(tenant, row), c.Name)
			}
		}
		if !ok {
			return desk.Errorf(desk.Invalid, "row", "%s: %s holds another kind of value", t.Describe(tenant, row), c.Name)
		}
	}
	return nil
}
