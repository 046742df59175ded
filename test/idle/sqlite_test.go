package idle_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

// lookouts are what an idle node looks for, each at most once a second: news,
// changed credentials, tenants, their timers, and their channels. The test over
// PostgreSQL lists them by name.
const lookouts = 5

// reading is a read transaction's lock on SQLite's shared memory (the bytes
// WAL_READ_LOCK, see the file format), as strace shows it.
var reading = regexp.MustCompile(`fcntl\(\d+<[^>]*-shm>, F_(?:OFD_)?SETLK, \{l_type=F_RDLCK, .*l_start=12[3-7],`)

// SQLite has no log of statements, and a page that is cached is read without a
// system call; but every transaction takes a lock, and those can be counted.
func TestAnIdleNodeLooksIntoSQLiteAsSeldom(t *testing.T) {
	rig.Need(t, "strace")
	o := rig.Options{Data: filepath.Join(t.TempDir(), "data")}
	creds := rig.Provision(t, o)
	link := invited(t, o)
	trace := filepath.Join(t.TempDir(), "trace")
	o.Wrap = []string{"strace", "-f", "-qq", "-y", "--seccomp-bpf", "-o", trace, "-e", "trace=fcntl"}
	node := rig.Start(t, o)
	showing := screen(t, node.URL, link)
	leave(t, node.URL, creds)
	showing("thread")

	time.Sleep(settles)
	began, before := time.Now(), readings(t, trace)
	time.Sleep(idle)
	n, took := readings(t, trace)-before, time.Since(began)
	t.Logf("%d transactions in %v: %.1f a second", n, took.Round(time.Second), float64(n)/took.Seconds())
	if most := lookouts * (took.Seconds() + 1); float64(n) > most {
		t.Errorf("%d transactions; %d look-outs once a second are %.0f", n, lookouts, most)
	}
	if n < 10 {
		t.Error("an idle node looks for news and for what is due; these locks do not show it")
	}
}

func readings(t *testing.T, trace string) int {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return len(reading.FindAllIndex(text, -1))
}
