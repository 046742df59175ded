package power

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// Mounted is a disk that a folder shows.
type Mounted struct {
	Dir     string
	server  *fuse.Server
	unmount sync.Once
}

const kind = "afterbeep-power"

// Mount shows the disk in an empty folder. It needs root and /dev/fuse.
func (d *Disk) Mount(dir string) (*Mounted, error) {
	// Nobody changes the disk but the kernel, so it may cache for good. Its
	// cache of writes stays off: each write reaches us at once.
	forever := time.Hour
	server, err := fs.Mount(dir, d.root, &fs.Options{
		AttrTimeout: &forever, EntryTimeout: &forever,
		MountOptions: fuse.MountOptions{
			FsName: kind, Name: kind, DirectMount: true, DisableXAttrs: true,
			MaxWrite: 1 << 20,
		},
	})
	if err != nil {
		return nil, err
	}
	return &Mounted{Dir: dir, server: server}, nil
}

// Unmount ends it, also while somebody still has files open there. It may be
// called again.
func (m *Mounted) Unmount() {
	m.unmount.Do(func() {
		if err := m.server.Unmount(); err != nil {
			_ = syscall.Unmount(m.Dir, syscall.MNT_DETACH)
		}
	})
}

// Sweep takes away the mounts of tests that died before they could: those
// which nobody answers any more.
func Sweep() {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[2] != "fuse."+kind {
			continue
		}
		if _, err := os.Stat(fields[1]); errors.Is(err, syscall.ENOTCONN) {
			if syscall.Unmount(fields[1], syscall.MNT_DETACH) != nil {
				_ = exec.Command("fusermount3", "-uz", fields[1]).Run()
			}
		}
	}
}
