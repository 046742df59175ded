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

// Current refuses a folder whose schema is not this program's; one without a
// store is current.
func Current(ctx context.Context, folder string, o Options) error {
	if _, err := os.Stat(filepath.Join(folder, File)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	s, err := Look(ctx, folder, o)
	if err != nil {
		return err
	}
	return s.Close()
}

// Migrate brings the schema of a folder up to date, which makes it when it is
// not there, and says from where to where. No server may run on it: it would
// find another schema under its feet.
func Migrate(ctx context.Context, folder string, o Options) (from, to int64, err error) {
	unlock, err := Claim(folder, o)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	file := filepath.Join(folder, File)
	if _, err := os.Stat(file); err == nil {
		db, err := pool(file, 1, "_query_only=on")
		if err != nil {
			return 0, 0, err
		}
		old := store.New(dialect{}, db, db)
		from, _, err = old.Schema(ctx)
		if err := errors.Join(err, old.Close()); err != nil {
			return 0, 0, err
		}
	}
	s, err := Open(ctx, folder, o)
	if err != nil {
		return from, 0, err
	}
	to, _, err = s.Schema(ctx)
	return from, to, errors.Join(err, s.Close())
}
