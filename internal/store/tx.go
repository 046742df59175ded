package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// tx is a transaction that writes.
type tx struct {
	*sql.Tx
	s      *Store
	tenant desk.TenantID // whose transaction it is at the moment, where the engine cares
	scoped bool
	told   bool     // events were appended
	fresh  []string // texts seen for the first time: prepared for good afterwards
}

// as makes the transaction that of one tenant: the database shows it no row of
// any other, whatever a statement asks for.
func (t *tx) as(ctx context.Context, id desk.TenantID) error {
	if t.s.traits.Tenant == nil || t.scoped && t.tenant == id {
		return nil
	}
	_, err := t.ExecContext(ctx, t.s.traits.Tenant(id))
	t.tenant, t.scoped = id, err == nil
	return t.s.judge(err, false)
}

// nobodys makes the transaction that of no tenant again: it may see who there
// is, and nothing of what they own.
func (t *tx) nobodys(ctx context.Context) error {
	if !t.scoped {
		return nil
	}
	_, err := t.ExecContext(ctx, t.s.traits.Nobody)
	t.scoped = false
	return t.s.judge(err, false)
}

// stmt is a prepared statement of this transaction.
func (t *tx) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if st := t.s.known(stmtKey{t.s.write, text}); st != nil {
		return t.StmtContext(ctx, st), nil
	}
	t.fresh = append(t.fresh, text)
	st, err := t.PrepareContext(ctx, text)
	return st, t.s.judge(err, false)
}

// attempts is how often a transaction is tried that the engine gave up for
// reasons of its own.
const attempts = 10

// change runs do in one transaction. Its commit is the moment of truth: when it
// returns nil, what do wrote is flushed. A transaction that the engine rolled
// back to let another one pass is done again, so do must start from the
// beginning each time.
func (s *Store) change(ctx context.Context, do func(*tx) error) error {
	ctx, cancel := s.patience(ctx)
	defer cancel()
	return insist(ctx, func() error { return s.once(ctx, do) })
}

// insist tries until the engine lets it pass. Those who were in each other's way
// do not come back at the same moment: the first pause is a millisecond at most,
// and each may be twice as long as the one before.
func insist(ctx context.Context, try func() error) (err error) {
	for i := range attempts {
		if i > 0 {
			select {
			case <-time.After(rand.N(time.Millisecond << (i - 1))):
			case <-ctx.Done():
				return err
			}
		}
		if err = try(); !Again(err) {
			break
		}
	}
	return err
}

// Again says that the engine rolled a transaction back to let another one pass;
// the same again will do.
func Again(err error) bool {
	var e *desk.Error
	return errors.As(err, &e) && e.Code == AgainCode
}

// AgainCode is the code of such an error.
const AgainCode = "again"

func (s *Store) once(ctx context.Context, do func(*tx) error) error {
	if err := s.whole(); err != nil {
		return err
	}
	defer s.writes.Add(1)
	t, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.judge(err, false)
	}
	x := &tx{Tx: t, s: s}
	if err := do(x); err != nil {
		return withRollback(s.judge(err, false), x.Rollback())
	}
	if err := x.Commit(); err != nil {
		return s.judge(err, true)
	}
	if x.told {
		s.Changed()
		select {
		case s.told <- struct{}{}:
		default: // the next nudge is theirs, too
		}
	}
	for _, text := range x.fresh {
		if _, err := s.prepared(ctx, s.write, text); err != nil {
			return nil // the work is done; the text is prepared another time
		}
	}
	return nil
}

// patience bounds a transaction, so that a database that went silent holds
// nobody up for good.
func (s *Store) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.traits.Patience == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.traits.Patience)
}

// withRollback keeps the first error; a rollback that failed is told too.
func withRollback(err, back error) error {
	if back == nil || errors.Is(back, sql.ErrTxDone) {
		return err
	}
	return errors.Join(err, back)
}

// scanner is a row under the cursor.
type scanner interface{ Scan(...any) error }

// bind puts the tenant first. A query without a tenant does not compile.
func bind(t desk.TenantID, args []any) []any {
	return append([]any{int64(t)}, args...)
}

// rows are the answer to a query; Close also ends the transaction that it was
// asked in.
type rows struct {
	*sql.Rows
	s   *Store
	end func() error // may be nil
}

// Close ends the answer and says what went wrong with it.
func (r *rows) Close() error {
	err := cmp.Or(r.Err(), r.Rows.Close())
	if r.end != nil {
		err = cmp.Or(err, r.end())
	}
	return r.s.judge(err, false)
}

// query asks about one tenant, whose ID is $1.
func (s *Store) query(ctx context.Context, t desk.TenantID, text string, args ...any) (*rows, error) {
	if s.traits.Tenant == nil {
		return s.ask(ctx, text, bind(t, args)...)
	}
	x, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, s.judge(err, false)
	}
	_, err = x.ExecContext(ctx, s.traits.Tenant(t))
	var found *sql.Rows
	if err == nil {
		found, err = x.QueryContext(ctx, text, bind(t, args)...)
	}
	if err != nil {
		return nil, withRollback(s.judge(err, false), x.Rollback())
	}
	return &rows{found, s, func() error {
		_ = x.Commit() // what was read is read, however a transaction ends that changed nothing
		return nil
	}}, nil
}

// ask is for what belongs to no tenant: the journal, the list of tenants.
func (s *Store) ask(ctx context.Context, text string, args ...any) (*rows, error) {
	if !s.traits.Prepares {
		found, err := s.read.QueryContext(ctx, text, args...)
		return &rows{Rows: found, s: s}, s.judge(err, false)
	}
	st, err := s.prepared(ctx, s.read, text)
	if err != nil {
		return nil, err
	}
	found, err := st.QueryContext(ctx, args...)
	return &rows{Rows: found, s: s}, s.judge(err, false)
}

// exec changes what one tenant, whose ID is $1, owns; it says how many rows.
func (t *tx) exec(ctx context.Context, id desk.TenantID, text string, args ...any) (int64, error) {
	if err := t.as(ctx, id); err != nil {
		return 0, err
	}
	return t.run(ctx, text, bind(id, args)...)
}

// row reads one row of one tenant inside the transaction.
func (t *tx) row(ctx context.Context, id desk.TenantID, text string, args ...any) scanner {
	if err := t.as(ctx, id); err != nil {
		return failed{err}
	}
	if !t.s.traits.Prepares {
		return t.QueryRowContext(ctx, text, bind(id, args)...)
	}
	st, err := t.stmt(ctx, text)
	if err != nil {
		return failed{err}
	}
	return st.QueryRowContext(ctx, bind(id, args)...)
}

// query asks about one tenant inside the transaction.
func (t *tx) query(ctx context.Context, id desk.TenantID, text string, args ...any) (*rows, error) {
	if err := t.as(ctx, id); err != nil {
		return nil, err
	}
	return t.ask(ctx, text, bind(id, args)...)
}

// ask is query for what belongs to no tenant.
func (t *tx) ask(ctx context.Context, text string, args ...any) (*rows, error) {
	if !t.s.traits.Prepares {
		found, err := t.QueryContext(ctx, text, args...)
		return &rows{Rows: found, s: t.s}, t.s.judge(err, false)
	}
	st, err := t.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	found, err := st.QueryContext(ctx, args...)
	return &rows{Rows: found, s: t.s}, t.s.judge(err, false)
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// run executes a text that is not about one tenant: the journal's, whose rows
// carry many.
func (t *tx) run(ctx context.Context, text string, args ...any) (int64, error) {
	var (
		r   sql.Result
		err error
	)
	if t.s.traits.Prepares {
		var st *sql.Stmt
		if st, err = t.stmt(ctx, text); err != nil {
			return 0, err
		}
		r, err = st.ExecContext(ctx, args...)
	} else {
		r, err = t.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return 0, t.s.judge(err, false)
	}
	return r.RowsAffected()
}

// collect reads all rows and closes them.
func collect[T any](found *rows, err error, scan func(scanner) (T, error)) (all []T, _ error) {
	if err != nil {
		return nil, err
	}
	for found.Next() {
		v, err := scan(found)
		if err != nil {
			return all, cmp.Or(err, found.Close())
		}
		all = append(all, v)
	}
	return all, found.Close()
}
