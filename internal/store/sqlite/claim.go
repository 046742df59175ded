//go:build unix

package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Claim makes this process the only server of the folder until unlock. Commands
// need no claim.
func Claim(folder string, o Options) (unlock func(), err error) {
	if err := prepare(folder, o); err != nil {
		return nil, err
	}
	name := filepath.Join(folder, "serve.lock")
	f, err := lockFile(name)
	if err != nil {
		return nil, err
	}
	if !exclusive(f) {
		return nil, errors.Join(desk.Errorf(desk.Conflict, "served",
			"another afterbeep%s serves %s already; stop it first, or use another data folder", holder(name), folder), f.Close())
	}
	// Who holds it is for people to read; the lock is what counts.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	}
	return func() { _ = f.Close() }, nil
}

// exclusive tries for a moment: Served may hold the lock for as long as it looks.
func exclusive(f *os.File) bool {
	for range 5 {
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// Served says whether a server has claimed the folder.
func Served(folder string) bool {
	f, err := os.Open(filepath.Join(folder, "serve.lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

func holder(name string) string {
	b, err := os.ReadFile(name)
	if err != nil || len(b) == 0 || len(b) > 16 {
		return ""
	}
	return " (process " + strings.TrimSpace(string(b)) + ")"
}

func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, desk.Wrap(desk.Unstored, "data_folder", "the data folder cannot be written", err)
	}
	return f, nil
}

// lock waits for an advisory lock; the file stays.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := lockFile(name)
	if err != nil {
		return nil, err
	}
	for {
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return func() { _ = f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
