package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/search"
	"github.com/afterbeep/afterbeep/internal/store"
)

// The index of words lies in files of its own beside the database: slices,
// search-YYYYMM.db, and search.db, which knows the slices and how far they have
// come. It is derived from the messages: no backup has it, deleting it is safe at
// any time, and whatever is wrong with it is put right by making it anew.
//
// Nothing here is flushed with a message. So that a power cut cannot take
// entries that the cursor covers, the cursor is written only after the slices
// were flushed (settle); until then it is in memory. A process that dies in
// between takes the same events in again, which changes nothing: an entry is
// replaced by itself.

// ControlFile is the file that knows the slices of the index.
const ControlFile = "search.db"

// Index is the index of words of the store in a folder. One process, the one
// that has claimed the folder, may take entries in; any may look.
type Index struct {
	folder string
	most   int64       // entries of a slice
	lost   atomic.Bool // it is damaged, or files are missing: to be made anew

	adding sync.Mutex   // one batch at a time
	mu     sync.RWMutex // for reading while files are used, for writing while they go

	state   sync.Mutex // guards what is below
	opened  map[string]*indexFile
	cursors map[desk.TenantID]cursor // where they are not, the control file says
	rows    map[desk.ID]fill         // of slices, by their first ID, as far as this process changed them
	dirty   map[string]bool          // files with entries that are not flushed
	tidied  map[desk.ID]bool         // slices in one piece, by their first ID
	pending int                      // entries that are not covered by what is on the disk
	settled time.Time
}

type cursor struct {
	seq  int64
	mark []byte
}

// NewIndex is the index in a folder, which need not have one yet.
func NewIndex(folder string) *Index {
	x := &Index{folder: folder, most: sliceMost}
	x.empty()
	return x
}

func (x *Index) empty() {
	x.state.Lock()
	defer x.state.Unlock()
	x.opened = map[string]*indexFile{}
	x.cursors, x.rows, x.dirty = map[desk.TenantID]cursor{}, map[desk.ID]fill{}, map[string]bool{}
	x.tidied = map[desk.ID]bool{}
	x.pending, x.settled = 0, time.Time{}
	x.lost.Store(false)
}

// judge tells an index that must be made anew from a disk that is full or busy.
// It never says that the process must leave: nothing here was acknowledged.
func (x *Index) judge(err error) error {
	var (
		known  *desk.Error
		theirs *sqlite.Error
	)
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &theirs):
		switch theirs.Code() & 0xff {
		case lib.SQLITE_FULL, lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_INTERRUPT, lib.SQLITE_CANTOPEN, lib.SQLITE_NOMEM:
			return desk.Wrap(desk.Unstored, "search_waits", "the search index cannot be written now", err)
		}
	}
	x.lost.Store(true)
	return errLost(err)
}

func errLost(cause error) error {
	return desk.Wrap(desk.Unstored, store.IndexLost, "the search index is damaged and is made anew", cause)
}

// Lost says that the index cannot be used and is to be made anew: it is damaged,
// or somebody deleted its files.
func (x *Index) Lost() bool {
	if !x.lost.Load() && !x.here() {
		x.lost.Store(true)
	}
	return x.lost.Load()
}

// Covered is up to which event the index has come: nothing is covered by what
// cannot be read.
func (x *Index) Covered(ctx context.Context, tenant desk.TenantID) (int64, []byte, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if c, known := x.known(tenant); known {
		return c.seq, c.mark, nil
	}
	f, err := x.control(ctx)
	if f == nil || err != nil {
		return 0, nil, err
	}
	var c cursor
	err = f.read.QueryRowContext(ctx, `SELECT seq, mark FROM cursor WHERE tenant_id = $1`, int64(tenant)).Scan(&c.seq, &c.mark)
	if errors.Is(err, sql.ErrNoRows) || x.judge(err) != nil && x.lost.Load() {
		return 0, nil, nil
	}
	return c.seq, c.mark, x.judge(err)
}

func (x *Index) known(tenant desk.TenantID) (cursor, bool) {
	x.state.Lock()
	defer x.state.Unlock()
	if x.lost.Load() {
		return cursor{}, true
	}
	c, known := x.cursors[tenant]
	return c, known
}

// Find looks through the slices, from the newest to the oldest, until one has
// something.
func (x *Index) Find(ctx context.Context, tenant desk.TenantID, w store.Want) ([]desk.ID, desk.ID, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	f, err := x.control(ctx)
	if err != nil {
		return nil, 0, err
	}
	if f == nil || x.lost.Load() {
		return nil, 0, errLost(os.ErrNotExist)
	}
	ids, floor, err := x.find(ctx, f, tenant, w)
	if err == nil && !x.here() {
		err = os.ErrNotExist // what was read was of files that had gone, or were made anew meanwhile
	}
	return ids, floor, x.judge(err)
}

func (x *Index) find(ctx context.Context, f *indexFile, tenant desk.TenantID, w store.Want) ([]desk.ID, desk.ID, error) {
	all, err := f.slices(ctx)
	if err != nil {
		return nil, 0, err
	}
	match := matchText(tenant, w.Tokens)
	end := w.Before
	for _, first := range slices.Backward(all) {
		if first >= end {
			continue
		}
		if end <= w.Since {
			break
		}
		ids, err := x.findIn(ctx, first, match, store.Want{Since: max(first, w.Since), Before: end, Most: w.Most})
		if err != nil {
			return nil, 0, err
		}
		if len(ids) == w.Most {
			return ids, ids[len(ids)-1], nil
		}
		if end = first; len(ids) > 0 {
			return ids, max(first, w.Since), nil
		}
	}
	return nil, w.Since, nil
}

func (x *Index) findIn(ctx context.Context, first desk.ID, match string, w store.Want) ([]desk.ID, error) {
	f, err := x.file(ctx, sliceName(first), "")
	if err != nil {
		return nil, err
	}
	found, err := f.ask(ctx, `SELECT rowid FROM words WHERE words MATCH $1 AND rowid >= $2 AND rowid < $3 ORDER BY rowid DESC LIMIT $4`,
		match, int64(w.Since), int64(w.Before), w.Most)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var ids []desk.ID
	for found.Next() {
		var id desk.ID
		if err := found.Scan((*int64)(&id)); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, found.Err()
}

// Add takes in entries. It implements store.Index.
func (x *Index) Add(ctx context.Context, l desk.Lease, all []store.Entry, to int64, mark []byte) error {
	x.adding.Lock()
	defer x.adding.Unlock()
	if x.Lost() {
		return errors.Join(x.wipe(), moved())
	}
	seq, _, err := x.Covered(ctx, l.Tenant)
	switch {
	case err != nil:
		return err
	case seq != l.Seq:
		return moved()
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if err := x.put(ctx, l.Tenant, all); err != nil {
		return x.judge(err)
	}
	if !x.stand(l.Tenant, cursor{to, mark}, len(all)) {
		return nil
	}
	if err := x.settle(ctx); err != nil {
		return x.judge(err)
	}
	f, err := x.control(ctx)
	if err == nil && f != nil {
		err = x.tidy(ctx, f)
	}
	return x.judge(err)
}

// stand notes how far a tenant has come, and says whether it is time to settle.
func (x *Index) stand(tenant desk.TenantID, c cursor, entries int) bool {
	x.state.Lock()
	defer x.state.Unlock()
	x.cursors[tenant] = c
	x.pending += entries
	return x.pending >= settleAfter || time.Since(x.settled) >= settleEvery
}

// moved makes whoever adds look where the index stands.
func moved() error {
	return desk.Errorf(desk.Conflict, "search_moved", "the search index is not where it was")
}

// When the cursor is written to the disk: after so many entries, or so long.
const (
	settleAfter = 4000
	settleEvery = 5 * time.Second
)

// settle flushes the slices, and then writes down how far they have come.
// Searches do not wait for it.
func (x *Index) settle(ctx context.Context) error {
	x.state.Lock()
	f, cursors, rows, dirty := x.opened[ControlFile], maps.Clone(x.cursors), maps.Clone(x.rows), slices.Collect(maps.Keys(x.dirty))
	x.state.Unlock()
	if f == nil || f.write == nil {
		return nil // nothing was ever put in
	}
	for _, name := range dirty {
		if err := absent(flush(filepath.Join(x.folder, name+"-wal"))); err != nil {
			return err
		}
	}
	err := f.change(ctx, func(t *sql.Tx) error { return writeDown(ctx, t, cursors, rows) })
	if err != nil {
		return err
	}
	x.state.Lock()
	defer x.state.Unlock()
	clear(x.dirty)
	x.pending, x.settled = 0, time.Now()
	return nil
}

func writeDown(ctx context.Context, t *sql.Tx, cursors map[desk.TenantID]cursor, rows map[desk.ID]fill) error {
	for tenant, c := range cursors {
		if _, err := t.ExecContext(ctx, `INSERT INTO cursor (tenant_id, seq, mark) VALUES ($1, $2, $3)
			ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, mark = excluded.mark`, int64(tenant), c.seq, c.mark); err != nil {
			return err
		}
	}
	for first, n := range rows {
		if _, err := t.ExecContext(ctx, `UPDATE slice SET last_id = $2, entries = $3 WHERE first_id = $1`, int64(first), int64(n.last), n.entries); err != nil {
			return err
		}
	}
	return nil
}

// Forget makes the index anew, for all tenants: files of another history are of
// no use to anybody.
func (x *Index) Forget(context.Context, desk.Lease) error {
	x.adding.Lock()
	defer x.adding.Unlock()
	return x.wipe()
}

// wipe closes and deletes all files.
func (x *Index) wipe() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	_ = x.close() // of files that are about to go
	// The control file goes first: who still sees it sees slices that are whole.
	err := absent(os.Remove(filepath.Join(x.folder, ControlFile)))
	names, err2 := filepath.Glob(filepath.Join(x.folder, "search*.db*"))
	for _, name := range names {
		err2 = errors.Join(err2, absent(os.Remove(name)))
	}
	err = errors.Join(err, err2)
	x.empty()
	return err
}

// Close writes down how far the index has come and closes its files.
func (x *Index) Close() error {
	x.adding.Lock()
	defer x.adding.Unlock()
	var err error
	if !x.Lost() {
		err = x.settle(context.Background())
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	err = errors.Join(err, x.close())
	x.empty()
	return err
}

func (x *Index) close() error {
	x.state.Lock()
	defer x.state.Unlock()
	var err error
	for _, f := range x.opened {
		err = errors.Join(err, f.close())
	}
	return err
}

// version tells an index that this program made from that of another.
const version = search.Version
