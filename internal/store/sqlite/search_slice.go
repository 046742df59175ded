package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// A slice holds the messages from its first ID to that of the next one: a month,
// or less when a month has more than sliceMost messages. So the files that are
// written to, and what merging their segments costs, do not grow with the store.
const sliceMost = 1 << 20

// sliceName is the file of the slice that begins at an ID.
func sliceName(first desk.ID) string {
	name := "search-" + first.Time().Format("200601")
	if first != monthOf(first) {
		name += "-" + first.String()
	}
	return name + ".db"
}

// monthOf is the smallest ID of the month that the ID was made in.
func monthOf(id desk.ID) desk.ID {
	t := id.Time()
	return desk.FirstAt(time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC))
}

// indexFile is an open slice.
type indexFile struct {
	name        string
	made        os.FileInfo // of the file when it was opened
	read, write *sql.DB     // write is nil until something is written

	mu       sync.Mutex
	prepared map[string]*sql.Stmt // of read: parsing costs as much as a look
}

// ask runs a query on the file, prepared once.
func (f *indexFile) ask(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	f.mu.Lock()
	st := f.prepared[text]
	f.mu.Unlock()
	if st == nil {
		var err error
		if st, err = f.read.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
		f.mu.Lock()
		if known := f.prepared[text]; known != nil {
			_ = st.Close() // somebody was first
			st = known
		} else {
			f.prepared[text] = st
		}
		f.mu.Unlock()
	}
	return st.QueryContext(ctx, args...)
}

func (f *indexFile) close() error {
	err := f.read.Close()
	if f.write != nil {
		err = errors.Join(err, f.write.Close())
	}
	return err
}

const sliceSchema = `CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
	tokens, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii')`

const controlSchema = `
	CREATE TABLE IF NOT EXISTS about (version INTEGER NOT NULL PRIMARY KEY) STRICT;
	CREATE TABLE IF NOT EXISTS cursor (tenant_id INTEGER NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, mark BLOB NOT NULL) STRICT;
	CREATE TABLE IF NOT EXISTS slice (first_id INTEGER NOT NULL PRIMARY KEY, last_id INTEGER NOT NULL, entries INTEGER NOT NULL) STRICT;`

// indexPool opens connections to a file of the index, which must be there.
func indexPool(file string, n int, more ...string) (*sql.DB, error) {
	params := append([]string{
		"mode=rw", "_busy_timeout=5000", "_journal_mode=WAL", "_synchronous=NORMAL", "_txlock=immediate", "_dqs=0",
		"_pragma=temp_store(MEMORY)", "_pragma=cell_size_check(on)", "_pragma=trusted_schema(off)",
		"_pragma=journal_size_limit(16777216)",
	}, more...)
	c, err := sqlite.NewConnector("file:" + (&url.URL{Path: file}).EscapedPath() + "?" + strings.Join(params, "&"))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxIdleTime(time.Minute) // old slices are rarely looked at
	return db, nil
}

// put writes the entries into their slices, a transaction each.
func (x *Index) put(ctx context.Context, tenant desk.TenantID, all []store.Entry) error {
	f, err := x.making(ctx)
	if err != nil {
		return err
	}
	firsts, err := f.slices(ctx)
	if err != nil {
		return err
	}
	all = slices.SortedFunc(slices.Values(all), func(a, b store.Entry) int { return cmp.Compare(a.ID, b.ID) })
	for len(all) > 0 {
		first, next, err := x.sliceOf(ctx, f, firsts, all[0].ID)
		if err != nil {
			return err
		}
		n := 1
		for n < len(all) && all[n].ID < next && monthOf(all[n].ID) == monthOf(first) {
			n++
		}
		if err := x.write(ctx, first, tenant, all[:n]); err != nil {
			return err
		}
		if all = all[n:]; !slices.Contains(firsts, first) {
			firsts = slices.Sorted(slices.Values(append(firsts, first)))
		}
	}
	return nil
}

// sliceOf finds the slice that an ID belongs to, or makes one, and says where
// the next one begins.
func (x *Index) sliceOf(ctx context.Context, f *indexFile, firsts []desk.ID, id desk.ID) (first, next desk.ID, err error) {
	next = math.MaxInt64
	for _, one := range slices.Backward(firsts) {
		if one <= id {
			first = one
			break
		}
		next = one
	}
	month := monthOf(id)
	if first >= month {
		n, last, err := x.filled(ctx, f, first)
		if err != nil || n < x.most || next < math.MaxInt64 || id <= last {
			return first, next, err
		}
		month = id // the newest slice is full, and what is newer begins another
	}
	_, err = f.write.ExecContext(ctx, `INSERT INTO slice (first_id, last_id, entries) VALUES ($1, $1, 0) ON CONFLICT (first_id) DO NOTHING`, int64(month))
	return month, next, err
}

// filled is how many entries a slice has, and the largest ID among them.
func (x *Index) filled(ctx context.Context, f *indexFile, first desk.ID) (int64, desk.ID, error) {
	x.state.Lock()
	defer x.state.Unlock()
	e, known := x.rows[first]
	if !known {
		err := f.read.QueryRowContext(ctx, `SELECT entries, last_id FROM slice WHERE first_id = $1`, int64(first)).Scan(&e.entries, (*int64)(&e.last))
		if err != nil {
			return 0, 0, err
		}
		x.rows[first] = e
	}
	return e.entries, e.last, nil
}

func (x *Index) write(ctx context.Context, first desk.ID, tenant desk.TenantID, all []store.Entry) error {
	name := sliceName(first)
	f, err := x.file(ctx, name, sliceSchema)
	if err != nil {
		return err
	}
	if err := f.change(ctx, func(t *sql.Tx) error {
		// What was taken in before is replaced by itself.
		st, err := t.PrepareContext(ctx, `INSERT OR REPLACE INTO words (rowid, tokens) VALUES ($1, $2)`)
		if err != nil {
			return err
		}
		defer st.Close()
		for i := range all {
			if _, err := st.ExecContext(ctx, int64(all[i].ID), tokenText(tenant, all[i].Tokens)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	x.state.Lock()
	defer x.state.Unlock()
	e := x.rows[first]
	x.rows[first] = fill{e.entries + int64(len(all)), max(e.last, all[len(all)-1].ID)}
	x.dirty[name] = true
	delete(x.tidied, first)
	return nil
}

// fill is how full a slice is.
type fill struct {
	entries int64
	last    desk.ID
}

// tokenText makes tokens the tenant's own, so that no other's can be met. A token
// begins with a letter.
func tokenText(tenant desk.TenantID, tokens []string) string {
	owner := strconv.FormatInt(int64(tenant), 10)
	return owner + strings.Join(tokens, " "+owner)
}

// matchText asks for messages with all tokens.
func matchText(tenant desk.TenantID, tokens []string) string {
	owner := `"` + strconv.FormatInt(int64(tenant), 10)
	return owner + strings.Join(tokens, `" AND `+owner) + `"`
}

// here says whether the files are still those that were opened.
func (x *Index) here() bool {
	x.state.Lock()
	defer x.state.Unlock()
	for _, f := range x.opened {
		now, err := os.Stat(filepath.Join(x.folder, f.name))
		if err != nil || !os.SameFile(now, f.made) {
			return false
		}
	}
	return true
}

// file opens a file of the index. With a schema it is made when it is not there,
// and can be written to.
func (x *Index) file(ctx context.Context, name, schema string) (*indexFile, error) {
	x.state.Lock()
	defer x.state.Unlock()
	f, path := x.opened[name], filepath.Join(x.folder, name)
	if schema != "" && f == nil {
		if err := private(path); err != nil {
			return nil, err
		}
	}
	if f == nil {
		made, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		read, err := indexPool(path, 4, "_query_only=on", "_pragma=cache_size(-2048)")
		if err != nil {
			return nil, err
		}
		f = &indexFile{name: name, made: made, read: read, prepared: map[string]*sql.Stmt{}}
		x.opened[name] = f
	}
	if schema != "" && f.write == nil {
		write, err := indexPool(path, 1, "_pragma=cache_size(-8192)")
		if err != nil {
			return nil, err
		}
		if _, err := write.ExecContext(ctx, schema); err != nil {
			return nil, errors.Join(err, write.Close())
		}
		f.write = write
	}
	return f, nil
}

// control is the control file; nil when there is none, or none that can be used.
func (x *Index) control(ctx context.Context) (*indexFile, error) {
	x.state.Lock()
	f := x.opened[ControlFile]
	x.state.Unlock()
	if f != nil || x.lost.Load() {
		return f, nil
	}
	f, err := x.file(ctx, ControlFile, "")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = x.usable(ctx, f)
	}
	if err = x.judge(err); x.lost.Load() {
		return nil, nil
	}
	return f, err
}

// usable: made by this version, and all slices are there.
func (x *Index) usable(ctx context.Context, f *indexFile) error {
	var made int
	if err := f.read.QueryRowContext(ctx, `SELECT version FROM about`).Scan(&made); err != nil {
		return err
	}
	if made != version {
		return fmt.Errorf("the search index has version %d and this program makes %d", made, version)
	}
	firsts, err := f.slices(ctx)
	for _, first := range firsts {
		_, gone := os.Stat(filepath.Join(x.folder, sliceName(first)))
		err = errors.Join(err, gone)
	}
	return err
}

// making is the control file, made when it is not there.
func (x *Index) making(ctx context.Context) (*indexFile, error) {
	f, err := x.file(ctx, ControlFile, controlSchema)
	if err == nil {
		_, err = f.write.ExecContext(ctx, `INSERT INTO about (version) VALUES ($1) ON CONFLICT (version) DO NOTHING`, version)
	}
	return f, err
}

// slices lists where the slices begin, in order.
func (f *indexFile) slices(ctx context.Context) ([]desk.ID, error) {
	found, err := f.ask(ctx, `SELECT first_id FROM slice ORDER BY first_id`)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []desk.ID
	for found.Next() {
		var first desk.ID
		if err := found.Scan((*int64)(&first)); err != nil {
			return nil, err
		}
		all = append(all, first)
	}
	return all, found.Err()
}

// change runs do in one transaction.
func (f *indexFile) change(ctx context.Context, do func(*sql.Tx) error) error {
	t, err := f.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(t); err != nil {
		return errors.Join(err, t.Rollback())
	}
	return t.Commit()
}
