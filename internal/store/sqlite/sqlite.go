// Package sqlite opens a store in one file on a local disk. It refuses to run
// where a flushed commit would not be one: an old SQLite, another journal mode,
// less than full flushing, a network file system.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// File is the name of the database in the data folder.
const File = "afterbeep.db"

// leastVersion is the first SQLite without the WAL-reset bug, as the number
// that sqlite3_libversion_number gives.
const leastVersion = 3051003

// Options say how to open.
type Options struct {
	AllowNetworkDisk bool // the operator vouches that the disk flushes and locks as a local one does
}

// Open opens the database in folder, makes it when it is not there, and brings
// its schema up to date.
func Open(ctx context.Context, folder string, o Options) (*store.Store, error) {
	if err := prepare(folder, o); err != nil {
		return nil, err
	}
	file := filepath.Join(folder, File)
	if err := private(file); err != nil {
		return nil, err
	}
	// The writer's cache holds the indexes that sorting touches at random places;
	// readers mostly read what is new.
	write, err := pool(file, 1, "_pragma=cache_size(-49152)")
	if err != nil {
		return nil, err
	}
	read, err := pool(file, 4, "_query_only=on", "_pragma=cache_size(-8192)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	s := store.New(dialect{}, read, write)
	unlock, err := lock(ctx, filepath.Join(folder, "schema.lock"))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	defer unlock()
	_, _, err = s.Migrate(ctx, database.DialectSQLite3)
	if err == nil {
		err = flush(folder) // SQLite tries to flush the names of its files, and does not look whether it could
	}
	if err != nil {
		return nil, errors.Join(dialect{}.Classify(err, false), s.Close())
	}
	return s, nil
}

func prepare(folder string, o Options) error {
	if _, err := sqlite.OFDLocking(true); err != nil && !errors.Is(err, sqlite.ErrOFDLockingUnavailable) {
		return err
	}
	if lib.SQLITE_VERSION_NUMBER < leastVersion {
		return desk.Errorf(desk.Unstored, "sqlite_version", "SQLite %s can lose a WAL; build with 3.51.3 or newer", lib.SQLITE_VERSION)
	}
	if err := makeFolder(folder); err != nil {
		return desk.Wrap(desk.Unstored, "data_folder", "the data folder "+folder+" cannot be made", err)
	}
	if st, err := os.Stat(folder); err == nil && st.Mode().Perm()&0o002 != 0 {
		return desk.Errorf(desk.Unstored, "open_folder",
			"everybody on this machine may write into the data folder %s (mode %04o); chmod 700 it, or name another", folder, st.Mode().Perm())
	}
	if name := networkDisk(folder); name != "" && !o.AllowNetworkDisk {
		return desk.Errorf(desk.Unstored, "network_disk",
			"the data folder %s is on %s, where locks and flushes cannot be trusted; use a local disk, or set allow_network_disk if you know better", folder, name)
	}
	return nil
}

// makeFolder makes the folder and flushes the names above it that are new: a
// power cut must not take the folder with everything acknowledged in it.
func makeFolder(folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	above := filepath.Dir(folder)
	if _, err := os.Stat(folder); err != nil {
		if err := makeFolder(above); err != nil {
			return err
		}
		if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return flush(above)
	}
	// Whoever made it may have died before he flushed it. Where we may not look,
	// it was not ours to make.
	if err := flush(above); err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return nil
}

// private makes the database file before SQLite does, so that only its owner can
// read it; the files beside it take their permissions from it.
func private(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case err != nil:
		return desk.Wrap(desk.Unstored, "data_folder", "the database file "+file+" cannot be made", err)
	}
	return f.Close()
}

// pool opens up to n connections to file.
func pool(file string, n int, more ...string) (*sql.DB, error) {
	sync := "FULL"
	switch {
	case teeth.On("synchronous-normal"):
		sync = "NORMAL"
	case teeth.On("synchronous-off"):
		sync = "OFF"
	}
	params := append([]string{
		"_busy_timeout=5000", "_journal_mode=WAL", "_synchronous=" + sync, "_foreign_keys=on", "_txlock=immediate",
		"_dqs=0", "_defensive=1",
		"_pragma=wal_autocheckpoint(0)",        // Run does it, and looks at the outcome
		"_pragma=journal_size_limit(67108864)", // the WAL shrinks again after a flood
		"_pragma=temp_store(MEMORY)",           // nothing of a message in /tmp
		"_pragma=cell_size_check(on)",          // sees damage before it is read as data
		"_pragma=trusted_schema(off)",
	}, more...)
	base, err := sqlite.NewConnector("file:" + (&url.URL{Path: file}).EscapedPath() + "?" + strings.Join(params, "&"))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(checked{base})
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// checked reads back on every connection what the flush depends on.
type checked struct{ driver.Connector }

func (c checked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, dialect{}.Classify(err, false)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "wal_autocheckpoint": "0"} {
		got, err := readPragma(ctx, conn, pragma)
		if err == nil && got != want && !teeth.On("synchronous-normal") && !teeth.On("synchronous-off") {
			err = desk.Errorf(desk.Unstored, "unsafe_setting",
				"SQLite runs with %s=%s where %s is needed to keep what is acknowledged; is another program using the file?", pragma, got, want)
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func readPragma(ctx context.Context, conn driver.Conn, pragma string) (string, error) {
	q, ok := conn.(driver.QueryerContext)
	if !ok {
		return "", fmt.Errorf("the SQLite driver cannot be asked for its settings")
	}
	rows, err := q.QueryContext(ctx, "PRAGMA "+pragma, nil)
	if err != nil {
		return "", dialect{}.Classify(err, false)
	}
	defer rows.Close()
	v := make([]driver.Value, 1)
	if err := rows.Next(v); err != nil {
		return "", err
	}
	return fmt.Sprint(v[0]), nil
}
