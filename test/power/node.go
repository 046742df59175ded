package power

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or, when kept is not nil, a folder. The disk's lock guards it.
type node struct {
	fs.Inode
	disk    *Disk
	name    string // when it was made
	ino     uint64
	mode    uint32
	changed time.Time

	live    []byte   // what reads see
	durable []byte   // what was flushed
	pending []change // what was written since

	names map[string]*node // what a look-up sees
	kept  map[string]*node // what was flushed
}

var _ interface {
	fs.NodeLookuper
	fs.NodeCreater
	fs.NodeMkdirer
	fs.NodeUnlinker
	fs.NodeRmdirer
	fs.NodeRenamer
	fs.NodeReaddirer
	fs.NodeOpener
	fs.NodeReader
	fs.NodeWriter
	fs.NodeFsyncer
	fs.NodeGetattrer
	fs.NodeSetattrer
	fs.NodeStatfser
	fs.NodeAccesser
} = (*node)(nil)

func (n *node) kind() uint32 {
	if n.kept != nil {
		return syscall.S_IFDIR
	}
	return syscall.S_IFREG
}

func (n *node) child(ctx context.Context, c *node, out *fuse.EntryOut) *fs.Inode {
	c.attr(&out.Attr)
	return n.NewInode(ctx, c, fs.StableAttr{Mode: c.kind(), Ino: c.ino})
}

func (n *node) attr(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink, out.Blksize = n.ino, n.kind()|n.mode, 1, 4096
	out.Size = uint64(len(n.live))
	out.Blocks = (out.Size + 511) / 512
	out.SetTimes(&n.changed, &n.changed, &n.changed)
}

// refuses is the error of a disk that cannot be changed now; the caller holds
// the lock.
func (d *Disk) refuses() syscall.Errno {
	switch {
	case d.dead:
		return syscall.EIO
	case d.readOnly:
		return syscall.EROFS
	}
	return 0
}

// Lookup finds a name in a folder.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	c := n.names[name]
	if c == nil {
		return nil, syscall.ENOENT
	}
	return n.child(ctx, c, out), 0
}

// Create makes a file; its name is safe once the folder is flushed.
func (n *node) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, errno := n.make(ctx, name, mode, out)
	return inode, nil, fuse.FOPEN_KEEP_CACHE, errno
}

// Mkdir makes a folder.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.make(ctx, name, mode|syscall.S_IFDIR, out)
}

func (n *node) make(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if errno := n.disk.refuses(); errno != 0 {
		return nil, errno
	}
	if n.names[name] != nil {
		return nil, syscall.EEXIST
	}
	if n.disk.full {
		return nil, syscall.ENOSPC
	}
	c := n.disk.newNode(name, mode, mode&syscall.S_IFMT == syscall.S_IFDIR)
	n.disk.move(move{to: n, newName: name, node: c})
	return n.child(ctx, c, out), 0
}

// Unlink removes a file's name.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno { return n.remove(name) }

// Rmdir removes an empty folder.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno { return n.remove(name) }

func (n *node) remove(name string) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	c := n.names[name]
	if errno := n.disk.refuses(); errno != 0 {
		return errno
	}
	if c == nil {
		return syscall.ENOENT
	}
	if len(c.names) > 0 {
		return syscall.ENOTEMPTY
	}
	n.disk.move(move{from: n, name: name, node: c})
	return 0
}

// noReplace is RENAME_NOREPLACE of renameat2(2).
const noReplace = 1

// Rename moves a name, whole or not at all.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	to := newParent.(*node)
	c := n.names[name]
	if errno := n.disk.refuses(); errno != 0 {
		return errno
	}
	switch {
	case c == nil:
		return syscall.ENOENT
	case flags&^noReplace != 0:
		return syscall.EINVAL
	case flags != 0 && to.names[newName] != nil:
		return syscall.EEXIST
	}
	n.disk.move(move{from: n, name: name, to: to, newName: newName, node: c})
	return 0
}

// Readdir lists a folder.
func (n *node) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	var all []fuse.DirEntry
	for name, c := range n.names {
		all = append(all, fuse.DirEntry{Name: name, Ino: c.ino, Mode: c.kind()})
	}
	return fs.NewListDirStream(all), 0
}

// Open keeps what the kernel has cached, so that a file which one process has
// mapped is not thrown out of memory when another opens it.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.dead {
		return nil, 0, syscall.EIO
	}
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY && n.disk.readOnly {
		return nil, 0, syscall.EROFS
	}
	if flags&syscall.O_TRUNC != 0 {
		n.change(change{cut: true})
	}
	return nil, fuse.FOPEN_KEEP_CACHE, 0
}

// Read reads what was written, flushed or not.
func (n *node) Read(_ context.Context, _ fs.FileHandle, into []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.dead {
		return nil, syscall.EIO
	}
	if at >= int64(len(n.live)) {
		return fuse.ReadResultData(nil), 0
	}
	return fuse.ReadResultData(into[:copy(into, n.live[at:])]), 0
}

// Write keeps the data in the cache.
func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, at int64) (uint32, syscall.Errno) {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if errno := n.disk.refuses(); errno != 0 {
		return 0, errno
	}
	if n.disk.full && at+int64(len(data)) > int64(len(n.live)) {
		return 0, syscall.ENOSPC
	}
	n.change(change{at: at, data: append([]byte(nil), data...)})
	return uint32(len(data)), 0
}

func (n *node) change(c change) {
	n.live = c.apply(n.live)
	n.pending = append(n.pending, c)
	n.changed = time.Now()
}

// Fsync makes a file's content durable, or what a folder was told; with
// fdatasync it does the same.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	if n.kept == nil {
		n.disk.mu.Lock()
		delay := n.disk.delay
		n.disk.mu.Unlock()
		time.Sleep(delay)
	}
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if n.disk.dead {
		return syscall.EIO
	}
	if n.kept != nil {
		n.disk.flushFolder(n)
		return 0
	}
	if !n.disk.flush(n) {
		return syscall.EIO
	}
	return 0
}

// Getattr tells size, mode and time.
func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	n.attr(&out.Attr)
	return 0
}

// Setattr changes size and mode; owners and times are not kept.
func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if errno := n.disk.refuses(); errno != 0 {
		return errno
	}
	if size, ok := in.GetSize(); ok && n.kept == nil {
		if n.disk.full && int(size) > len(n.live) {
			return syscall.ENOSPC
		}
		n.change(change{at: int64(size), cut: true})
	}
	if mode, ok := in.GetMode(); ok {
		n.mode = mode & 0o7777
	}
	n.attr(&out.Attr)
	return 0
}

// size of the disk, as statfs tells it.
const size = 4 << 30

// Statfs tells how much space is free.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Files, out.Ffree = size/4096, 1<<20, 1<<20
	if !n.disk.full {
		out.Bfree = uint64(max(size-n.disk.used(), 0)) / 4096
		out.Bavail = out.Bfree
	}
	return 0
}

// Access lets root do everything that the disk allows now.
func (n *node) Access(_ context.Context, mask uint32) syscall.Errno {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	if mask&2 != 0 {
		return n.disk.refuses()
	}
	return 0
}
