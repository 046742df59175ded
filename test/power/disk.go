// Package power is a disk that loses power. It is a file system, mounted by
// FUSE in the test's own process, that remembers what was flushed and what was
// only written. Cut takes the plug out: what was flushed stays, and of the rest
// a random part, torn at 512 bytes, as a disk with a volatile cache leaves it.
//
// It is stricter than most real ones: a new name, a rename or a removal is safe
// only after its folder was flushed, even if the file was. At run time it can
// also turn read-only, full or slow, and fail a flush; after a failed flush the
// data that it covered never reaches the disk, though reads still show it, as
// Linux does.
//
// Whoever writes to it must be another process: a page fault on a mapped file
// of ours, inside the process that has to answer it, would stop both.
package power

import (
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"
)

// Disk is the state of one file system.
type Disk struct {
	mu       sync.Mutex
	root     *node
	lastIno  uint64
	moves    []move // what folders were told and have not flushed yet, oldest first
	dead     bool   // the power is off
	readOnly bool
	full     bool
	delay    time.Duration
	failIn   int // flushes until one fails; 0 is never
	failOf   string
	syncs    int
	failed   int
}

// move is one change of a folder: a new name (from is nil), a removal (to is
// nil) or a rename.
type move struct {
	from, to      *node
	name, newName string
	node          *node
}

// apply makes the change in the folders that survive a cut.
func (m move) apply() {
	if m.from != nil && m.from.kept[m.name] == m.node {
		delete(m.from.kept, m.name)
	}
	if m.to != nil {
		m.to.kept[m.newName] = m.node
	}
}

// change is one write that is not flushed yet; a truncation when cut is set.
type change struct {
	at   int64 // the offset, or the new size
	data []byte
	cut  bool
}

// NewDisk is an empty one.
func NewDisk() *Disk {
	d := &Disk{}
	d.root = d.newNode("", 0o755, true)
	return d
}

func (d *Disk) newNode(name string, mode uint32, dir bool) *node {
	d.lastIno++
	n := &node{disk: d, name: name, ino: d.lastIno, mode: mode & 0o7777, changed: time.Now()}
	if dir {
		n.names, n.kept = map[string]*node{}, map[string]*node{}
	}
	return n
}

// Load fills a new disk with the content of a plain folder, as flushed.
func Load(dir string) (*Disk, error) {
	d := NewDisk()
	return d, d.load(d.root, dir)
}

func (d *Disk) load(into *node, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		n := d.newNode(e.Name(), uint32(info.Mode().Perm()), e.IsDir())
		if e.IsDir() {
			err = d.load(n, path)
		} else {
			n.live, err = os.ReadFile(path)
			n.durable = append([]byte(nil), n.live...)
		}
		if err != nil {
			return err
		}
		into.names[e.Name()], into.kept[e.Name()] = n, n
	}
	return nil
}

// ReadOnly makes every change fail with EROFS, or ends that.
func (d *Disk) ReadOnly(on bool) { d.set(func() { d.readOnly = on }) }

// Full makes every write that needs more space fail with ENOSPC, or ends that.
func (d *Disk) Full(on bool) { d.set(func() { d.full = on }) }

// SyncDelay makes every flush of a file take that much longer.
func (d *Disk) SyncDelay(delay time.Duration) { d.set(func() { d.delay = delay }) }

// SyncError makes the n-th flush from now on fail with EIO, once: of files whose
// name matches, as in path.Match.
func (d *Disk) SyncError(names string, n int) { d.set(func() { d.failOf, d.failIn = names, n }) }

// Off makes everything fail with EIO from now on, as if the disk had gone.
func (d *Disk) Off() { d.set(func() { d.dead = true }) }

func (d *Disk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// Syncs is how many flushes of files have succeeded and how many have failed.
func (d *Disk) Syncs() (succeeded, failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs, d.failed
}

// Unflushed is how many writes to files of that name are not flushed yet.
func (d *Disk) Unflushed(name string) (writes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.root.each(func(as string, n *node) {
		if as == name {
			writes += len(n.pending)
		}
	})
	return writes
}

// each calls do for everything below the folder; the caller holds the lock.
func (n *node) each(do func(name string, n *node)) {
	for name, child := range n.names {
		do(name, child)
		child.each(do)
	}
}

// move tells the folders a change; the caller holds the lock.
func (d *Disk) move(m move) {
	if m.from != nil {
		delete(m.from.names, m.name)
		m.from.changed = time.Now()
	}
	if m.to != nil {
		m.to.names[m.newName] = m.node
		m.to.changed = time.Now()
	}
	d.moves = append(d.moves, m)
}

// flushFolder makes durable what the folder was told; the caller holds the lock.
func (d *Disk) flushFolder(n *node) {
	rest := d.moves[:0]
	for _, m := range d.moves {
		if m.from == n || m.to == n {
			m.apply()
		} else {
			rest = append(rest, m)
		}
	}
	d.moves = rest
}

// flush makes the file's content durable, or dooms it; the caller holds the
// lock.
func (d *Disk) flush(n *node) bool {
	pending := n.pending
	n.pending = nil
	if hit, _ := path.Match(d.failOf, n.name); hit && d.failIn > 0 {
		if d.failIn--; d.failIn == 0 {
			d.failed++
			return false
		}
	}
	for _, c := range pending {
		n.durable = c.apply(n.durable)
	}
	d.syncs++
	return true
}

func (c change) apply(to []byte) []byte {
	if c.cut {
		return resize(to, int(c.at))
	}
	if end := int(c.at) + len(c.data); end > len(to) {
		to = resize(to, end)
	}
	copy(to[c.at:], c.data)
	return to
}

// resize cuts b or fills it up with zeros.
func resize(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size]
	}
	if size > cap(b) {
		bigger := make([]byte, len(b), max(size, 2*cap(b), 4096))
		copy(bigger, b)
		b = bigger
	}
	old := len(b)
	b = b[:size]
	clear(b[old:])
	return b
}

// used is how many bytes the files take; the caller holds the lock.
func (d *Disk) used() (total int) {
	d.root.each(func(_ string, n *node) { total += len(n.live) })
	return total
}
