package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Version is the SQLite that is compiled in.
const Version = lib.SQLITE_VERSION

// Progress is told how far a long work is, in bytes or messages.
type Progress func(done, total int64)

// Backup writes a consistent copy of the folder's database to file, which must
// not be there, while a server may run on it; reads the copy back, every page
// and every row's hash; and only then gives it its name.
func Backup(ctx context.Context, folder, file string, o Options, progress Progress) (r store.Report, err error) {
	if _, err := os.Lstat(file); err == nil {
		return r, desk.Errorf(desk.Conflict, "file_exists", "%s is there already; a backup never overwrites one", file)
	}
	s, err := Open(ctx, folder, o) // brings the schema up to date first
	if err != nil {
		return r, err
	}
	if err := s.Close(); err != nil {
		return r, err
	}
	partial := file + ".partial"
	if err := private(partial); err != nil {
		return r, err
	}
	if err := vacuumInto(ctx, filepath.Join(folder, File), partial, progress); err != nil {
		return r, errors.Join(err, absent(os.Remove(partial)))
	}
	if err := flush(partial); err != nil {
		return r, errors.Join(err, os.Remove(partial))
	}
	if r, err = Inspect(ctx, partial, func(int64) {}); err != nil {
		return r, errors.Join(err, os.Remove(partial))
	}
	if err := os.Rename(partial, file); err != nil {
		return r, err
	}
	return r, flush(filepath.Dir(file))
}

// vacuumInto copies in one read transaction: the server's writes go on beside it.
func vacuumInto(ctx context.Context, from, to string, progress Progress) error {
	db, err := pool(from, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	var pages, size int64
	if err := db.QueryRowContext(ctx, `SELECT page_count, page_size FROM pragma_page_count, pragma_page_size`).Scan(&pages, &size); err != nil {
		return dialect{}.Classify(err, false)
	}
	done := make(chan error, 1)
	go func() {
		_, err := db.ExecContext(ctx, `VACUUM INTO $1`, to)
		done <- err
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return dialect{}.Classify(err, false)
		case <-tick.C:
			if st, err := os.Stat(to); err == nil {
				progress(min(st.Size(), pages*size), pages*size)
			}
		}
	}
}

// Restore puts a backup into a folder that is empty or not there, after reading
// all of it.
func Restore(ctx context.Context, file, folder string, o Options) (r store.Report, err error) {
	if r, err = Inspect(ctx, file, func(int64) {}); err != nil {
		return r, err
	}
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return r, desk.Errorf(desk.Conflict, "folder_not_empty", "%s is not empty; a restore never overwrites data, so name a new folder", folder)
	}
	if err := prepare(folder, o); err != nil {
		return r, err
	}
	to := filepath.Join(folder, File)
	if err := copyFile(file, to+".partial"); err != nil {
		return r, errors.Join(err, absent(os.Remove(to+".partial")))
	}
	if err := os.Rename(to+".partial", to); err != nil {
		return r, err
	}
	if err := flush(folder); err != nil {
		return r, err
	}
	s, err := Open(ctx, folder, o)
	if err != nil {
		return r, err
	}
	return r, s.Close()
}

// Inspect reads a whole database file that nobody writes to: its pages, its
// schema and every row's hash.
func Inspect(ctx context.Context, file string, progress func(int64)) (r store.Report, err error) {
	if _, err := os.Stat(file); err != nil {
		return r, desk.Wrap(desk.Missing, "backup", "there is no backup "+file, err)
	}
	c, err := sqlite.NewConnector("file:" + (&url.URL{Path: file}).EscapedPath() + "?mode=ro&immutable=1&_defensive=1&_pragma=trusted_schema(off)")
	if err != nil {
		return r, err
	}
	db := sql.OpenDB(c)
	s := store.New(dialect{}, db, db)
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := integrity(ctx, db); err != nil {
		return r, err
	}
	if err := s.Known(ctx, database.DialectSQLite3); err != nil {
		return r, err
	}
	if r, err = s.Check(ctx, progress); err != nil {
		return r, err
	}
	if len(r.Damaged) > 0 {
		return r, desk.Errorf(desk.Unstored, "damaged", "%s holds %d damaged rows, the first: %s", file, len(r.Damaged), r.Damaged[0])
	}
	return r, nil
}

// Integrity lets SQLite check every page and index of the folder's database.
func Integrity(ctx context.Context, folder string) error {
	db, err := pool(filepath.Join(folder, File), 1)
	if err != nil {
		return err
	}
	return errors.Join(integrity(ctx, db), db.Close())
}

func integrity(ctx context.Context, db *sql.DB) error {
	var first string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&first); err != nil {
		return dialect{}.Classify(err, false)
	}
	if first != "ok" {
		return desk.Errorf(desk.Unstored, "damaged", "SQLite's own check found: %s", first)
	}
	return nil
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// flush makes a file, or a folder's names, outlive a power cut.
func flush(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s could not be flushed: %w", name, err)
	}
	return nil
}

// absent: what is not there need not be removed.
func absent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
