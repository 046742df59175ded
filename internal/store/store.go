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
	// Traits are the small differences.
	Traits() Traits
	// Tend does the engine's housekeeping after writes. idle says that none came
	// since the last call.
	Tend(ctx context.Context, read, write *sql.DB, idle bool) error
}

// Traits are the small differences between engines.
type Traits struct {
	// SkipLocked ends the query that finds the journal rows to take, ForUpdate the
	// one that locks a counter. Empty where there is one writer anyway.
	SkipLocked, ForUpdate string
	// Tenant is what tells the database whose transaction this is. Nil where the
	// engine cannot hold a transaction to one tenant.
	Tenant func(desk.TenantID) string
	Nobody string // tells it that the transaction is nobody's again
	// Nudge tells the other nodes that there are new events. Empty where there
	// are none.
	Nudge string
	// Arrays is a table of arrays that are bound one a column, from a number on; see
	// inBulk for the columns. Nil where the engine has no arrays.
	Arrays func(first int, columns string) string
	// Clock is an expression: the database's time in microseconds since 1970.
	Clock string
	// Prepares says that statements are prepared here and not by the driver.
	Prepares bool
	// Buckets is over how many buckets the journals of the nodes are spread.
	Buckets int
	// Patience is how long a transaction may take; 0 for as long as it takes.
	Patience time.Duration
}

// Store is an open database.
type Store struct {
	dialect Dialect
	traits  Traits
	read    *sql.DB
	write   *sql.DB
	home    atomic.Int64 // the bucket where this process writes its journal rows
	strayed atomic.Int64 // a bit for each other bucket that it wrote to

	// Changed is called after events were appended; it must not block. It may be
	// nil, and is set before the store is used.
	Changed func()

	writes atomic.Int64  // transactions so far
	told   chan struct{} // has room for one: there are events of which no other node knows
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
	return &Store{
		dialect: d, traits: d.Traits(), read: read, write: write, Changed: func() {},
		stmts: map[stmtKey]*sql.Stmt{}, broken: make(chan struct{}), told: make(chan struct{}, 1),
	}
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
		case <-s.told:
			s.nudge(ctx)
			continue
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

// nudge tells the other nodes of new events, some at a time. It is not part of
// the transactions that append them: PostgreSQL lets only one transaction that
// notifies commit at a time, and nobody depends on being told.
func (s *Store) nudge(ctx context.Context) {
	if s.traits.Nudge == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, _ = s.write.ExecContext(ctx, s.traits.Nudge) // they look for themselves, a moment later
	pause := time.NewTimer(nudgeApart)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

// nudgeApart is the least time between two nudges.
const nudgeApart = 30 * time.Millisecond

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
