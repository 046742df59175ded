package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

const prefix = "afterbeep-postgres-"

// folder is where one server lives. As long as its owner, a test binary, lives,
// the lock inside is held; a folder whose lock is free may be swept away.
type folder struct {
	path string
	lock *os.File
}

func (f folder) data() string { return filepath.Join(f.path, "data") }
func (f folder) log() string  { return filepath.Join(f.path, "log") }

// newFolder makes a folder that belongs to the user who runs the servers.
func newFolder(parent string, who *syscall.Credential) (f folder, err error) {
	if parent == "" {
		parent = os.TempDir()
		sweep(parent)
	}
	for range 3 { // another's sweep may come between the file and its lock
		if f.path, err = os.MkdirTemp(parent, prefix); err != nil {
			return f, err
		}
		if f.lock, err = os.OpenFile(filepath.Join(f.path, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
			continue
		}
		if err = syscall.Flock(int(f.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			return f, give(f.path, who)
		}
		_ = f.lock.Close()
	}
	return f, err
}

// give makes the user the owner of the folder and what is in it.
func give(path string, who *syscall.Credential) error {
	if who == nil {
		return nil
	}
	return filepath.WalkDir(path, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, int(who.Uid), int(who.Gid))
	})
}

// remove takes the folder away, and the System V segment that a killed server
// has left, which nothing else would free before the next boot.
func (f folder) remove() {
	if f.path == "" {
		return
	}
	freeSegment(filepath.Join(f.data(), "postmaster.pid"))
	_ = os.RemoveAll(f.path)
	if f.lock != nil {
		_ = f.lock.Close()
	}
}

// sweep removes the folders whose test binaries are gone.
func sweep(parent string) {
	old, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, path := range old {
		lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR, 0)
		if err != nil { // it is being made, or somebody else's
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			folder{path: path}.remove()
		}
		_ = lock.Close()
	}
}

// freeSegment reads the last words of a server that was killed. The kernel only
// marks a segment that somebody still uses.
func freeSegment(pidfile string) {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return
	}
	var lines [7]string
	for i := range lines {
		line, rest := cut(text)
		lines[i], text = line, rest
	}
	var key, id uintptr
	if n, _ := fmt.Sscan(lines[6], &key, &id); n == 2 {
		_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, id, 0 /* IPC_RMID */, 0)
	}
}

func cut(text []byte) (string, []byte) {
	for i, c := range text {
		if c == '\n' {
			return string(text[:i]), text[i+1:]
		}
	}
	return string(text), nil
}

// nobody is who runs the servers: PostgreSQL refuses root. nil is ourselves.
var nobody = sync.OnceValues(func() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")
})

// command is a program of PostgreSQL, run as the right user inside the folder.
// It is killed when we are.
func command(bin, dir string, who *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGKILL}
	return cmd
}
