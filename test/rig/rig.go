// Package rig holds the real binary for tests: it builds it, starts it on a
// data folder, talks to it over HTTP and the command line as a stranger would,
// kills it, and keeps a ledger of what was promised against what is there.
//
// It uses none of Afterbeep's own packages, so that a mistake in them cannot
// hide itself. Tests in the folders beside it call it; nothing else does.
package rig

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Main runs a package's tests and then clears away what the rig has built.
// Call it from TestMain.
func Main(m *testing.M, cleanups ...func()) int {
	// Where mkfs and its like are, which not every shell looks into.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	for _, cleanup := range cleanups {
		cleanup()
	}
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	return code
}

// Need skips a test where the machine lacks something, and fails it when
// AFTERBEEP_NO_SKIP=1 says that nothing may be skipped. What it knows: root,
// fuse, loop, and otherwise the name of a program.
func Need(t testing.TB, needs ...string) {
	t.Helper()
	for _, need := range needs {
		if has(need) {
			continue
		}
		if os.Getenv("AFTERBEEP_NO_SKIP") == "1" {
			t.Fatalf("this machine has no %s, and AFTERBEEP_NO_SKIP=1 allows no skip", need)
		}
		t.Skipf("this machine has no %s", need)
	}
}

func has(need string) bool {
	switch need {
	case "root":
		return os.Geteuid() == 0
	case "fuse":
		f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
		if err == nil {
			_ = f.Close()
		}
		return err == nil
	case "loop":
		_, err := os.Stat("/dev/loop-control")
		return err == nil && os.Geteuid() == 0 && has("mkfs.ext4") && has("mount")
	}
	_, err := exec.LookPath(need)
	return err == nil
}

// Long says whether AFTERBEEP_TORTURE asks for the long form of a test.
func Long() bool { return os.Getenv("AFTERBEEP_TORTURE") == "long" }

// Times is short or long, as AFTERBEEP_TORTURE says.
func Times(short, long int) int {
	if Long() {
		return long
	}
	return short
}

// Seed is AFTERBEEP_SEED, or a new one; a test that fails names it.
func Seed(t testing.TB) int64 {
	t.Helper()
	text := os.Getenv("AFTERBEEP_SEED")
	if text == "" {
		return time.Now().UnixNano() % 1e9
	}
	seed, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("AFTERBEEP_SEED is %q; it must be a whole number", text)
	}
	return seed
}

// Rand is a source of chance that starts at the seed.
func Rand(seed int64) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 1)) }

// Binary is the path of afterbeep as it is shipped: built once in a test
// process, or the one that AFTERBEEP_BIN names.
func Binary(t testing.TB) string { return built(t, sound) }

// TeethBinary is the path of the variant that breaks the promises that its
// AFTERBEEP_TEETH names; AFTERBEEP_TEETH_BIN may name a ready one.
func TeethBinary(t testing.TB) string { return built(t, toothed) }

func built(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	workshop = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "afterbeep-rig-") })
	sound    = sync.OnceValues(func() (string, error) { return build("AFTERBEEP_BIN", "afterbeep") })
	toothed  = sync.OnceValues(func() (string, error) { return build("AFTERBEEP_TEETH_BIN", "afterbeep-teeth", "-tags", "teeth") })
)

func build(variable, name string, flags ...string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return filepath.Abs(path)
	}
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "github.com/afterbeep/afterbeep/cmd/afterbeep")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of %s: %w\n%s", name, err, out)
	}
	return path, nil
}
