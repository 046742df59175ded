//go:build unix

package app

import "syscall"

// diskFree is what an ordinary user may still write, in bytes, and the whole.
func diskFree(folder string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	err = syscall.Statfs(folder, &st)
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), err
}
