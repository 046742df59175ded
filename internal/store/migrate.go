package store

import (
	"context"
	"errors"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Migrate brings the schema up to this program's version. A schema of a newer
// program is refused: what it means is not known here.
func (s *Store) Migrate(ctx context.Context, dialect database.Dialect) error {
	folder, err := Migrations(s.dialect.Name())
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, s.write, folder, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s.dialect.Classify(err, false)
	}
	if current > target {
		return desk.Errorf(desk.Conflict, "newer_schema",
			"the store was written by a newer Afterbeep (schema %d, this program knows %d); use that version or restore a backup", current, target)
	}
	if current == target {
		return nil
	}
	_, err = p.Up(ctx)
	return s.dialect.Classify(err, false)
}
