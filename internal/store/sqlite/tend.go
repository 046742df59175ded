package sqlite

import (
	"context"
	"database/sql"
)

// Checkpoints are ours to run, because SQLite's own ignores what they come to:
// a flush of the database file that fails inside one would go unseen, and the
// next would report success for pages that the kernel had dropped.

// checkpointFrames is how many 4 KiB pages the WAL gathers before they are
// carried over: 16 MiB.
const checkpointFrames = 4096

// Tend carries the WAL into the database file when it has grown, or when
// nothing else is going on. The bulk is moved beside the writer; then the
// writer moves the rest itself, a few pages, so that nothing is left and the
// next commit starts the WAL anew. Without the second step a busy server's WAL
// would grow for as long as it is busy.
func (dialect) Tend(ctx context.Context, read, write *sql.DB, idle bool) error {
	left, err := checkpoint(ctx, read, "NOOP")
	if err != nil || left == 0 || left < checkpointFrames && !idle {
		return err
	}
	if _, err := checkpoint(ctx, read, "PASSIVE"); err != nil {
		return err
	}
	_, err = checkpoint(ctx, write, "PASSIVE")
	return err
}

// checkpoint says how many frames of the WAL are not in the database file.
func checkpoint(ctx context.Context, db *sql.DB, mode string) (left int, err error) {
	var busy, log, done int
	err = db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(`+mode+`)`).Scan(&busy, &log, &done)
	return log - done, dialect{}.Classify(err, true)
}
