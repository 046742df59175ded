package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Look opens the database of a folder to be read and nothing else: not a row is
// written, and the schema stays as it is, which must be this program's.
func Look(ctx context.Context, folder string, o Options) (*store.Store, error) {
	file := filepath.Join(folder, File)
	if _, err := os.Stat(file); err != nil {
		return nil, desk.Wrap(desk.Missing, "data_folder", "there is no store in "+folder, err)
	}
	if err := prepare(folder, o); err != nil {
		return nil, err
	}
	db, err := pool(file, 4, "_query_only=on")
	if err != nil {
		return nil, err
	}
	s := store.New(dialect{}, db, db)
	current, target, err := s.Schema(ctx)
	if err == nil && current != target {
		err = desk.Errorf(desk.Conflict, "schema",
			"the store in %s has schema %d and this program works with %d; run \"afterbeep migrate\" on it first, or take the program that wrote it", folder, current, target)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}
