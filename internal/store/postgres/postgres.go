// Package postgres opens a store in a PostgreSQL that several nodes may share.
// It refuses to run where a commit would not be flushed, where fewer standbys
// confirm it than were asked for, and as a role that row-level security does not
// hold.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Options say how to open.
type Options struct {
	URL        string // of the application's role
	MigrateURL string // of the role that owns the tables; "" when it is the same
	NoMigrate  bool   // the schema is somebody else's business

	Connections      int           // at most, for everything; 16
	Standbys         int           // synchronous ones that there must be at least
	PgBouncer        bool          // no prepared statements, no settings of a session
	Listen           bool          // whether the database tells of new events
	ConnectTimeout   time.Duration // for one host; 5 s
	StatementTimeout time.Duration // 30 s
	Patience         time.Duration // for a whole transaction, its commit included; 10 s

	owner bool                      // it is the role that owns the tables, which row-level security need not hold
	fault func(query string) string // for tests: the SQLSTATE with which the server is to fail this statement
}

func (o Options) withDefaults() Options {
	if o.Connections <= 0 {
		o.Connections = 16
	}
	for v, d := range map[*time.Duration]time.Duration{
		&o.ConnectTimeout: 5 * time.Second, &o.StatementTimeout: 30 * time.Second, &o.Patience: 10 * time.Second,
	} {
		if *v <= 0 {
			*v = d
		}
	}
	return o
}

// Open opens the database, and brings its schema up to date unless that is
// somebody else's business.
func Open(ctx context.Context, o Options) (*store.Store, error) {
	o = o.withDefaults()
	if !o.NoMigrate {
		// A newer schema is no error yet: during an upgrade it may be one that this
		// program can work with.
		if from, to, err := Migrate(ctx, o); err != nil && from <= to {
			return nil, err
		}
	}
	s, err := connect(o.URL, o)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Compatible(ctx), standbys(ctx, s, o)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connect makes the pools: half of the connections writes, the rest reads. Every
// statement is planned anew. A plan made once for all values alike walks whole
// tables for a search; and one made while the tables were empty goes on walking
// the wrong index when they no longer are.
func connect(url string, o Options) (*store.Store, error) {
	writers := max(o.Connections/2, 2)
	write, err := pool(url, o, writers)
	if err != nil {
		return nil, err
	}
	read, err := pool(url, o, max(o.Connections-writers, 2))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return store.New(dialect{o}, read, write), nil
}

func pool(url string, o Options, n int) (*sql.DB, error) {
	cfg, err := settings(url, o)
	if err != nil {
		return nil, err
	}
	if !o.PgBouncer {
		cfg.RuntimeParams["plan_cache_mode"] = "force_custom_plan"
	}
	db := sql.OpenDB(connector{cfg, o, new(atomic.Int64)})
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxLifetime(time.Hour) // a load balancer may want them back
	return db, nil
}

// Migrate brings the schema up to this program's version as the role that owns
// the tables, and lets the application's role at them. It says from where to
// where.
func Migrate(ctx context.Context, o Options) (from, to int64, err error) {
	o = o.withDefaults()
	url, app := o.URL, ""
	if o.MigrateURL != "" && o.MigrateURL != o.URL {
		cfg, err := pgx.ParseConfig(o.URL)
		if err != nil {
			return 0, 0, badURL()
		}
		url, app = o.MigrateURL, cfg.User
	}
	o.Standbys = 0 // a migration may wait; what is acknowledged is not its business
	o.StatementTimeout, o.Patience, o.owner = 24*time.Hour, 24*time.Hour, true
	s, err := connect(url, o)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	locker, err := lock.NewPostgresTableLocker()
	if err != nil {
		return 0, 0, err
	}
	from, to, err = s.Migrate(ctx, database.DialectPostgres, goose.WithLocker(locker))
	if err == nil && app != "" {
		err = s.Grant(ctx, app)
	}
	return from, to, err
}

func badURL() error {
	return desk.Errorf(desk.Invalid, "database", "the database's URL cannot be read; write it like postgres://afterbeep@db.example.com/afterbeep")
}

// standbys refuses a database where fewer standbys confirm a commit than were
// asked for.
func standbys(ctx context.Context, s *store.Store, o Options) error {
	if o.Standbys == 0 {
		return nil
	}
	n, err := s.Standbys(ctx)
	if err == nil && n < o.Standbys {
		err = desk.Errorf(desk.Unstored, "too_few_standbys",
			"%d synchronous standbys confirm what this database commits and %d are asked for; start them, or lower postgres.standbys. They are seen only with GRANT pg_read_all_stats TO the application's role", n, o.Standbys)
	}
	return err
}
