package sqlite

import (
	"context"
	"errors"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

type dialect struct{}

func (dialect) Name() string { return "sqlite" }

// Traits: one writer, so there is nobody to skip, to lock out or to tell.
func (dialect) Traits() store.Traits {
	return store.Traits{
		Clock:    `CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`,
		Prepares: true, Buckets: 1,
	}
}

// Classify reads SQLite's result codes. A write that failed before the commit
// frame was whole left nothing behind; a flush that failed left nobody knows what.
func (dialect) Classify(err error, committing bool) error {
	var (
		known  *desk.Error
		theirs *sqlite.Error
	)
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !errors.As(err, &theirs):
		return err
	}
	switch code := theirs.Code(); code {
	case lib.SQLITE_IOERR_FSYNC, lib.SQLITE_IOERR_DIR_FSYNC:
		return desk.Wrap(desk.Unknown, "flush_failed", "the disk could not flush", errors.Join(desk.ErrBroken, err))
	case lib.SQLITE_IOERR_WRITE:
		return desk.Wrap(desk.Unstored, "disk_error", "the disk refused to write", err)
	case lib.SQLITE_IOERR_SHMSIZE:
		// The commit frame may be on the disk although this process does not see it.
		return desk.Wrap(desk.Unknown, "disk_full", "the disk is full", err)
	default:
		return primary(code&0xff, err, committing)
	}
}

func primary(code int, err error, committing bool) error {
	switch code {
	case lib.SQLITE_FULL:
		return desk.Wrap(desk.Unstored, "disk_full", "the disk is full", err)
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return desk.Wrap(desk.Unstored, "database_busy", "another program holds the database", err)
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return desk.Wrap(desk.Unstored, "read_only", "the database can only be read", err)
	case lib.SQLITE_CANTOPEN:
		return desk.Wrap(desk.Unstored, "cannot_open", "the database file cannot be opened", err)
	case lib.SQLITE_NOTADB:
		return desk.Wrap(desk.Unstored, "not_a_database", "the database file is not one, or is damaged; restore a backup", err)
	case lib.SQLITE_CORRUPT:
		return desk.Wrap(desk.Unstored, "damaged", "the database is damaged; run \"afterbeep doctor\" and restore a backup", err)
	case lib.SQLITE_CONSTRAINT:
		return desk.Wrap(desk.Conflict, "exists", "it exists already", err)
	case lib.SQLITE_IOERR:
		if committing {
			return desk.Wrap(desk.Unknown, "disk_error", "the disk failed", err)
		}
		return desk.Wrap(desk.Unstored, "disk_error", "the disk failed", err)
	}
	return err
}
