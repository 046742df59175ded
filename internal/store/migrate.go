package store

import (
	"context"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Migrate brings the schema up to this program's version. A schema of a newer
// program is refused: what it means is not known here.
func (s *Store) Migrate(ctx context.Context, dialect database.Dialect) error {
	p, current, target, err := s.schema(ctx, dialect)
	if err != nil {
		return err
	}
	if current == target {
		return nil
	}
	_, err = p.Up(ctx)
	return s.judge(err, false)
}

// Known says whether the schema is one that this program can read.
func (s *Store) Known(ctx context.Context, dialect database.Dialect) error {
	_, current, _, err := s.schema(ctx, dialect)
	if err == nil && current == 0 {
		return desk.Errorf(desk.Invalid, "no_store", "the file is a database, but not one of Afterbeep's")
	}
	return err
}

func (s *Store) schema(ctx context.Context, dialect database.Dialect) (p *goose.Provider, current, target int64, err error) {
	folder, err := Migrations(s.dialect.Name())
	if err != nil {
		return nil, 0, 0, err
	}
	if p, err = goose.NewProvider(dialect, s.write, folder, goose.WithLogger(goose.NopLogger())); err != nil {
		return nil, 0, 0, err
	}
	if current, target, err = p.GetVersions(ctx); err != nil {
		return nil, 0, 0, s.judge(err, false)
	}
	if current > target {
		return nil, 0, 0, desk.Errorf(desk.Conflict, "newer_schema",
			"the store was written by a newer Afterbeep (schema %d, this program knows %d); use that version or restore a backup", current, target)
	}
	return p, current, target, nil
}
