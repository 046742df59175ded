package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/afterbeep/afterbeep/bench/load"
)

// flushes appends 4 KiB and flushes, again and again: what a durable answer
// costs on this disk at the least.
func flushes(dir string, during time.Duration) (h *load.Histogram, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "append"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	h = &load.Histogram{}
	block := make([]byte, 4096)
	for end := time.Now().Add(during); time.Now().Before(end); {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		h.Add(time.Since(start))
	}
	return h, nil
}
