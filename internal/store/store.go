// Package store is all the SQL of Afterbeep. One text serves every engine:
// numbered parameters, 64-bit integers and text, no engine functions, keyset
// pages. What differs between engines is behind Dialect, one small file each.
//
// Two rules hold in every method. A statement about what a tenant owns is
// asked through query, row or exec, which take the tenant and bind it as $1, so
// that a query without one cannot be written. And a row carries a hash of its
// values: what does not match is never returned as a message (see Damaged).
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Dialect is what differs between engines.
type Dialect interface {
	// Name is the engine's name in words for people, and its folder of migrations.
	Name() string
	// Classify turns a driver's error into a desk.Error: Unstored when nothing
	// was written, Unknown when nobody knows, Conflict for a key that exists;
	// desk.ErrBroken in the chain when the process must leave. committing says
	// that a commit had begun.
	Classify(err error, committing bool) error
	// SkipLocked is appended to the query that takes journal rows.
	SkipLocked() string
	// Tend does the engine's housekeeping after writes. idle says that none came
	// since the last call.
	Tend(ctx context.Context, read, write *sql.DB, idle bool) error
}

// Store is an open database.
type Store struct {
	dialect Dialect
	read    *sql.DB
	write   *sql.DB

	writes atomic.Int64  // transactions so far
	broken chan struct{} // closed when a flush failed
	breaks sync.Once

	mu    sync.Mutex
	stmts map[stmtKey]*sql.Stmt
}

type stmtKey struct {
	db   *sql.DB
	text string
}

// New makes a store of two pools, which may be the same: write is where
// transactions that change something run.
func New(d Dialect, read, write *sql.DB) *Store {
	return &Store{dialect: d, read: read, write: write, stmts: map[stmtKey]*sql.Stmt{}, broken: make(chan struct{})}
}

// Close closes the statements and the pools.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	errs = append(errs, s.read.Close())
	if s.write != s.read {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}

// judge classifies an error. A flush that failed, whoever ran into it, breaks
// the store for good: nothing is written any more, and Run ends.
func (s *Store) judge(err error, committing bool) error {
	err = s.dialect.Classify(err, committing)
	if errors.Is(err, desk.ErrBroken) {
		s.breaks.Do(func() { close(s.broken) })
	}
	return err
}

// whole says whether no flush has failed.
func (s *Store) whole() error {
	select {
	case <-s.broken:
		return desk.Wrap(desk.Unstored, "flush_failed", "the disk could not flush", desk.ErrBroken)
	default:
		return nil
	}
}

// Engine is the engine's name.
func (s *Store) Engine() string { return s.dialect.Name() }

//go:embed migrations
var migrations embed.FS

// Migrations is the folder of an engine's migrations.
func Migrations(engine string) (fs.FS, error) { return fs.Sub(migrations, "migrations/"+engine) }

// prepared keeps a statement for each text, since parsing costs more than
// running. It must not be called inside a transaction of the same pool, whose
// only connection may be taken; see tx.stmt.
func (s *Store) prepared(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	key := stmtKey{db, text}
	if st := s.known(key); st != nil {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, s.judge(err, false)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.stmts[key]; ok {
		return first, st.Close()
	}
	s.stmts[key] = st
	return st, nil
}

func (s *Store) known(key stmtKey) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stmts[key]
}

// tx is a transaction that writes.
type tx struct {
	*sql.Tx
	s     *Store
	fresh []string // texts seen for the first time: prepared for good afterwards
}

// stmt is a statement of this transaction.
func (t *tx) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if st := t.s.known(stmtKey{t.s.write, text}); st != nil {
		return t.StmtContext(ctx, st), nil
	}
	t.fresh = append(t.fresh, text)
	st, err := t.PrepareContext(ctx, text)
	return st, t.s.judge(err, false)
}

// change runs do in one transaction. Its commit is the moment of truth: when it
// returns nil, what do wrote is flushed.
func (s *Store) change(ctx context.Context, do func(*tx) error) error {
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
	for _, text := range x.fresh {
		if _, err := s.prepared(ctx, s.write, text); err != nil {
			return nil // the work is done; the text is prepared another time
		}
	}
	return nil
}

// withRollback keeps the first error; a rollback that failed is told too.
func withRollback(err, back error) error {
	if back == nil || errors.Is(back, sql.ErrTxDone) {
		return err
	}
	return errors.Join(err, back)
}

// tendEvery is how often the engine is tended while there are writes. Nothing
// is asked of the database while there are none.
const tendEvery = 250 * time.Millisecond

// Run tends the engine until ctx ends. An error means that the process must
// leave: a flush failed.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	var tended, seen int64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.broken:
			return s.whole()
		case <-tick.C:
		}
		now := s.writes.Load()
		if now == tended {
			continue
		}
		idle := now == seen
		seen = now
		err := s.judge(s.dialect.Tend(ctx, s.read, s.write, idle), false)
		if errors.Is(err, desk.ErrBroken) {
			return err
		}
		if idle && err == nil {
			tended = now
		}
	}
}

// scanner is a row under the cursor.
type scanner interface{ Scan(...any) error }

// bind puts the tenant first. A query without a tenant does not compile.
func bind(t desk.TenantID, args []any) []any {
	return append([]any{int64(t)}, args...)
}

// query asks about one tenant, whose ID is $1.
func (s *Store) query(ctx context.Context, t desk.TenantID, text string, args ...any) (*sql.Rows, error) {
	st, err := s.prepared(ctx, s.read, text)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, bind(t, args)...)
	return rows, s.judge(err, false)
}

// exec changes what one tenant, whose ID is $1, owns; it says how many rows.
func (t *tx) exec(ctx context.Context, id desk.TenantID, text string, args ...any) (int64, error) {
	return t.run(ctx, text, bind(id, args)...)
}

// row reads one row of one tenant inside the transaction.
func (t *tx) row(ctx context.Context, id desk.TenantID, text string, args ...any) scanner {
	st, err := t.stmt(ctx, text)
	if err != nil {
		return failed{err}
	}
	return st.QueryRowContext(ctx, bind(id, args)...)
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// run executes a text that is not about one tenant: the journal's, whose rows
// carry many.
func (t *tx) run(ctx context.Context, text string, args ...any) (int64, error) {
	st, err := t.stmt(ctx, text)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, t.s.judge(err, false)
	}
	return r.RowsAffected()
}

// collect reads all rows and closes them.
func collect[T any](rows *sql.Rows, err error, scan func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return all, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// missing says that there was no row.
func missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
