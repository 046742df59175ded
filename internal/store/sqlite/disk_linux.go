package sqlite

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// networkDisk names the file system of folder when it is one over a network or
// in user space, whose locks and flushes are its server's affair; else "".
func networkDisk(folder string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(folder, &st) != nil {
		return ""
	}
	switch uint32(st.Type) {
	case 0x6969:
		return "NFS"
	case 0xff534d42, 0xfe534d42, 0x517b:
		return "SMB"
	case 0x65735546:
		return "a FUSE file system"
	case 0x01021997:
		return "9P"
	case 0x00c36400:
		return "Ceph"
	case 0x47504653:
		return "GPFS"
	case 0x0bd00bd0:
		return "Lustre"
	}
	return ""
}

// lock takes an advisory lock for this process; the file stays.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, desk.Wrap(desk.Unstored, "data_folder", "the data folder cannot be written", err)
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
