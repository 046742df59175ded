package store

import (
	"context"
	"fmt"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Migrate brings the schema up to this program's version and says from where to
// where. A schema of a newer program is refused: what it means is not known here.
func (s *Store) Migrate(ctx context.Context, dialect database.Dialect, o ...goose.ProviderOption) (from, to int64, err error) {
	p, err := s.provider(dialect, o...)
	if err != nil {
		return 0, 0, err
	}
	if from, to, err = p.GetVersions(ctx); err != nil {
		return 0, 0, s.judge(err, false)
	}
	if from > to {
		return from, to, newer(from, to)
	}
	if from < to {
		_, err = p.Up(ctx)
	}
	return from, to, s.judge(err, false)
}

func newer(current, target int64) error {
	return desk.Errorf(desk.Conflict, "newer_schema",
		"the store was written by a newer Afterbeep (schema %d, this program knows %d); use that version or restore a backup", current, target)
}

// Known says whether the schema is one that this program can read.
func (s *Store) Known(ctx context.Context, dialect database.Dialect) error {
	p, err := s.provider(dialect)
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return s.judge(err, false)
	case current > target:
		return newer(current, target)
	case current == 0:
		return desk.Errorf(desk.Invalid, "no_store", "the file is a database, but not one of Afterbeep's")
	}
	return nil
}

func (s *Store) provider(dialect database.Dialect, o ...goose.ProviderOption) (*goose.Provider, error) {
	folder, err := Migrations(s.dialect.Name())
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, s.write, folder, append(o, goose.WithLogger(goose.NopLogger()))...)
}

// Schema is the version that the database has, and the one that this program
// brings.
func (s *Store) Schema(ctx context.Context) (current, target int64, err error) {
	folder, err := Migrations(s.dialect.Name())
	if err != nil {
		return 0, 0, err
	}
	sources, err := goose.NewProvider(database.DialectPostgres, s.write, folder, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return 0, 0, err
	}
	for _, source := range sources.ListSources() {
		target = max(target, source.Version)
	}
	found, err := s.ask(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`)
	versions, err := collect(found, err, scanNumber)
	if err != nil {
		return 0, target, err
	}
	return versions[0].Int64, target, nil
}

// Compatible says whether this program can work with the schema of a database
// that several versions share. A newer schema will do when its migrations only
// added something: they say how old a program may be.
func (s *Store) Compatible(ctx context.Context) error {
	current, target, err := s.Schema(ctx)
	switch {
	case err != nil:
		return err
	case current < target:
		return desk.Errorf(desk.Conflict, "older_schema",
			"the database has schema %d and this program needs %d; run \"afterbeep migrate\" first", current, target)
	case current == target:
		return nil
	}
	found, err := s.ask(ctx, `SELECT max(least) FROM compat`)
	least, err := collect(found, err, scanNumber)
	if err == nil && target < least[0].Int64 {
		err = newer(current, target)
	}
	return err
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$-]{0,62}$`)

// Grant lets the application's role at the tables, to read and write rows and no
// more. Search has its own door: its functions.
func (s *Store) Grant(ctx context.Context, role string) error {
	if !plainName.MatchString(role) {
		return desk.Errorf(desk.Invalid, "role", "the role's name must be made of letters, digits, _ and -, so that it can be granted its rights; rename it")
	}
	tables, err := s.names(ctx, `SELECT table_name FROM information_schema.tables
		WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name NOT LIKE 'search%' ORDER BY table_name`)
	if err != nil {
		return err
	}
	doors, err := s.names(ctx, `SELECT CAST(CAST(oid AS regprocedure) AS TEXT) FROM pg_proc
		WHERE pronamespace = CAST(current_schema() AS regnamespace) AND proname LIKE 'search%' ORDER BY 1`)
	if err != nil {
		return err
	}
	return s.change(ctx, func(t *tx) error {
		// Two who grant the same at once would trip over each other.
		if _, err := t.run(ctx, `LOCK TABLE compat IN EXCLUSIVE MODE`); err != nil {
			return err
		}
		for _, name := range tables {
			rights := "SELECT, INSERT, UPDATE, DELETE"
			if name == "goose_db_version" || name == "goose_lock" || name == "compat" {
				rights = "SELECT"
			}
			if _, err := t.run(ctx, fmt.Sprintf(`GRANT %s ON TABLE "%s" TO "%s"`, rights, name, role)); err != nil {
				return err
			}
		}
		for _, door := range doors {
			if _, err := t.run(ctx, fmt.Sprintf(`GRANT EXECUTE ON FUNCTION %s TO "%s"`, door, role)); err != nil {
				return err
			}
		}
		return nil
	})
}

// names asks the catalogue for some.
func (s *Store) names(ctx context.Context, text string) ([]string, error) {
	found, err := s.ask(ctx, text)
	return collect(found, err, func(sc scanner) (name string, err error) {
		err = sc.Scan(&name)
		return name, err
	})
}

// Standbys counts those that confirm a commit before it is acknowledged.
func (s *Store) Standbys(ctx context.Context) (int, error) {
	found, err := s.ask(ctx, `SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')`)
	n, err := collect(found, err, scanNumber)
	if err != nil {
		return 0, err
	}
	return int(n[0].Int64), nil
}
