package app

import (
	"context"
	"errors"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// openStore opens what the settings name: a PostgreSQL, or SQLite in the data
// folder.
func openStore(ctx context.Context, s config.Settings) (*store.Store, error) {
	st, err := openEngine(ctx, s)
	if err != nil {
		return nil, err
	}
	// One that a move or a restore has not finished is nobody's yet.
	if err := st.Complete(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

func openEngine(ctx context.Context, s config.Settings) (*store.Store, error) {
	if s.Database != "" {
		o, err := shared(s)
		if err != nil {
			return nil, err
		}
		return postgres.Open(ctx, o)
	}
	if s.NoMigrate {
		if err := sqlite.Current(ctx, s.Data, options(s)); err != nil {
			return nil, err
		}
	}
	return sqlite.Open(ctx, s.Data, options(s))
}

// shared is how the settings open a PostgreSQL.
func shared(s config.Settings) (o postgres.Options, err error) {
	o = postgres.Options{
		NoMigrate: s.NoMigrate, Connections: s.Postgres.Connections, Standbys: s.Postgres.Standbys,
		PgBouncer: s.Postgres.PgBouncer, Listen: s.Postgres.Listens(),
		ConnectTimeout: s.Postgres.ConnectTimeout, StatementTimeout: s.Postgres.StatementTimeout,
		// Answered before intake gives up on it, so that a database which is away
		// is refused and not doubted.
		Patience: s.Intake.AckTimeout * 4 / 5,
	}
	for _, url := range []struct {
		key, raw string
		to       *string
	}{{"database", s.Database, &o.URL}, {"migrate_database", s.MigrateDatabase, &o.MigrateURL}} {
		if url.raw == "" {
			continue
		}
		d, err := config.ParseDatabase(url.raw)
		if err != nil {
			return o, desk.Errorf(desk.Invalid, "config", "%s %v", url.key, err)
		}
		*url.to = d.URL
	}
	return o, nil
}

// claim keeps a second server out of a data folder. On PostgreSQL there may be
// many.
func claim(s config.Settings) (release func(), err error) {
	if s.Database != "" {
		return func() {}, nil
	}
	return sqlite.Claim(s.Data, options(s))
}

// committers is how many flushes are under way at the same time: SQLite has one
// writer.
func committers(s config.Settings) int {
	if s.Database == "" {
		return 1
	}
	return s.Postgres.Committers
}
