package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// stage lets the rig of the tests work for a benchmark: what ends a test there
// ends a suite here, and what a test would clear away at its end is cleared
// when the stage is.
type stage struct {
	testing.TB
	dir string

	mu       sync.Mutex
	cleanups []func()
	folders  int
}

// failure is what Fatal throws; guard catches it.
type failure string

func (f failure) Error() string { return string(f) }

// Helper is for the rig.
func (s *stage) Helper() {}

// Fatal is for the rig: it ends the suite.
func (s *stage) Fatal(args ...any) { panic(failure(fmt.Sprint(args...))) }

// Fatalf is for the rig: it ends the suite.
func (s *stage) Fatalf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

// Failed is for the rig: what fails here ends everything.
func (s *stage) Failed() bool { return false }

// Logf is for the rig.
func (s *stage) Logf(string, ...any) {}

// Cleanup is for the rig.
func (s *stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

func (s *stage) clear() {
	s.mu.Lock()
	cleanups := s.cleanups
	s.cleanups = nil
	s.mu.Unlock()
	for i := len(cleanups) - 1; i >= 0; i-- {
		cleanups[i]()
	}
}

// folder is the name of a fresh data folder, which the binary will make.
func (s *stage) folder() string {
	s.folders++
	return filepath.Join(s.dir, fmt.Sprintf("data-%d", s.folders))
}

// build makes both variants the way they are shipped, and tells the rig.
func (b *bench) build() error {
	for variable, tags := range map[string]string{"AFTERBEEP_BIN": "", "AFTERBEEP_TEETH_BIN": "teeth"} {
		path := filepath.Join(b.stage.dir, "afterbeep"+tags)
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", tags, "-o", path, "./cmd/afterbeep")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		if err := os.Setenv(variable, path); err != nil {
			return err
		}
	}
	return nil
}
