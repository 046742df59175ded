package power_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/afterbeep/afterbeep/test/power"
	"github.com/afterbeep/afterbeep/test/rig"
)

// TestMain also plays the writers: they must not live in the process that
// answers the file system's calls.
func TestMain(m *testing.M) {
	if part := os.Getenv("POWER_WRITER"); part != "" {
		if err := write(part, os.Getenv("POWER_DIR")); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	power.Sweep()
	os.Exit(rig.Main(m, power.Sweep))
}

// write does one part in dir, and tells on standard output what it believes to
// be safe, a number a line, until it is killed.
func write(part, dir string) error {
	if mode, ok := strings.CutPrefix(part, "sqlite "); ok {
		return writeRows(mode, dir)
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if part == "o_sync" {
		flags |= os.O_SYNC
	}
	f, err := os.OpenFile(filepath.Join(dir, "lines"), flags, 0o600)
	if err != nil {
		return err
	}
	if err := flushFolder(dir); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if _, err := fmt.Fprintf(f, "%08d\n", n); err != nil {
			return err
		}
		if part == "fsync" {
			if err := f.Sync(); err != nil {
				return err
			}
		}
		fmt.Println(n)
	}
}

func flushFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func writeRows(mode, dir string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "rows.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous("+mode+")&_pragma=wal_autocheckpoint(50)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS n (n INTEGER PRIMARY KEY, pad TEXT)"); err != nil {
		return err
	}
	var first int
	if err := db.QueryRow("SELECT coalesce(max(n)+1, 0) FROM n").Scan(&first); err != nil {
		return err
	}
	for n := first; ; n++ {
		if _, err := db.Exec("INSERT INTO n VALUES (?, ?)", n, strings.Repeat("x", n%700)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// mounted shows the disk until the test ends.
func mounted(t *testing.T, d *power.Disk) string {
	t.Helper()
	rig.Need(t, "root", "fuse")
	m, err := d.Mount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Unmount)
	return m.Dir
}

// run lets a writer work on the disk for a while, cuts the power, and gives
// what the writer believed to be safe.
func run(t *testing.T, d *power.Disk, part, into string, seed int64) (safe []int) {
	t.Helper()
	rig.Need(t, "root", "fuse")
	m, err := d.Mount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmount()
	cmd := writer(part, m.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	goal := 20 + rig.Rand(seed).IntN(300)
	for len(safe) < goal && lines.Scan() {
		var n int
		if _, err := fmt.Sscan(lines.Text(), &n); err != nil {
			t.Fatalf("the writer says %q", lines.Text())
		}
		safe = append(safe, n)
	}
	damage, err := d.Cut(into, seed)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if len(safe) < goal {
		t.Fatalf("the writer %q ended early", part)
	}
	t.Logf("seed %d, %s: %d safe; %s", seed, part, len(safe), damage)
	return safe
}

func writer(part, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "POWER_WRITER="+part, "POWER_DIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// lostLines counts the lines that are not there.
func lostLines(t *testing.T, dir string, safe []int) (lost int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "lines"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, n := range safe {
		if line := fmt.Sprintf("%08d\n", n); len(text) < (n+1)*len(line) || string(text[n*len(line):(n+1)*len(line)]) != line {
			lost++
		}
	}
	return lost
}

func TestACutKeepsWhatWasFlushed(t *testing.T) {
	seed := rig.Seed(t)
	for _, part := range []string{"fsync", "o_sync"} {
		for i := range int64(10) {
			dir := t.TempDir()
			safe := run(t, power.NewDisk(), part, dir, seed+i)
			if lost := lostLines(t, dir, safe); lost > 0 {
				t.Errorf("%s: %d of %d lines are lost", part, lost, len(safe))
			}
		}
	}
}

func TestACutTakesWhatWasOnlyWritten(t *testing.T) {
	lost, all := 0, 0
	seed := rig.Seed(t)
	for i := range int64(10) {
		dir := t.TempDir()
		safe := run(t, power.NewDisk(), "no flush", dir, seed+i)
		lost, all = lost+lostLines(t, dir, safe), all+len(safe)
	}
	t.Logf("lost %d of %d lines that were never flushed", lost, all)
	if lost == 0 {
		t.Error("nothing is lost that was never flushed: the disk proves nothing")
	}
}

// cutRows cuts the power under SQLite again and again, each time on what the
// last cut has left, and counts the rows that are gone.
func cutRows(t *testing.T, mode string, cuts int64) (lost, all int) {
	t.Helper()
	seed := rig.Seed(t)
	base, safe := t.TempDir(), []int(nil)
	for i := range cuts {
		d, err := power.Load(base)
		if err != nil {
			t.Fatal(err)
		}
		base = t.TempDir()
		safe = append(safe, run(t, d, "sqlite "+mode, base, seed+i)...)
		have := rows(t, base)
		for _, n := range safe {
			if !have[n] {
				lost++
			}
		}
		all += len(safe)
		safe = safe[:0]
		for n := range have {
			safe = append(safe, n)
		}
	}
	return lost, all
}

func rows(t *testing.T, dir string) map[int]bool {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "rows.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatalf("the integrity check says %q, %v", verdict, err)
	}
	found, err := db.Query("SELECT n FROM n")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	have := map[int]bool{}
	for found.Next() {
		var n int
		if err := found.Scan(&n); err != nil {
			t.Fatal(err)
		}
		have[n] = true
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return have
}

func TestSQLiteWithFullFlushingKeepsEveryRowOverTwentyCuts(t *testing.T) {
	if lost, all := cutRows(t, "full", 20); lost > 0 {
		t.Errorf("%d of %d committed rows are lost", lost, all)
	}
}

func TestSQLiteWithNormalFlushingLosesRows(t *testing.T) {
	lost, all := cutRows(t, "normal", 20)
	t.Logf("lost %d of %d committed rows", lost, all)
	if lost == 0 {
		t.Error("synchronous=NORMAL loses nothing: the disk proves nothing")
	}
}

func TestTheSameSeedCutsTheSameWay(t *testing.T) {
	content := func() string {
		d := power.NewDisk()
		dir, into := mounted(t, d), t.TempDir()
		script(t, `cd "$1"; for i in 1 2 3 4 5 6; do head -c 3000 /dev/zero | tr '\0' $i > f$i; done; sync f2 f4; mv f1 f9; rm f3`, dir)
		if _, err := d.Cut(into, 42); err != nil {
			t.Fatal(err)
		}
		return script(t, `cd "$1"; sha256sum * 2>&1 || true`, into)
	}
	if one, other := content(), content(); one != other {
		t.Errorf("seed 42 left\n%s and then\n%s", one, other)
	}
}

func TestANameIsSafeOnlyAfterItsFolderIsFlushed(t *testing.T) {
	survived := map[bool]int{}
	for seed := range int64(40) {
		d := power.NewDisk()
		dir, into := mounted(t, d), t.TempDir()
		script(t, `cd "$1"; echo new > kept; sync kept .; echo lost > name; sync name; mv kept moved`, dir)
		if _, err := d.Cut(into, seed); err != nil {
			t.Fatal(err)
		}
		kept, moved := exists(into, "kept"), exists(into, "moved")
		if kept == moved {
			t.Errorf("seed %d: after a rename there is kept: %v, moved: %v; it must be exactly one", seed, kept, moved)
		}
		survived[exists(into, "name")]++
	}
	if survived[true] == 0 || survived[false] == 0 {
		t.Errorf("the name of a flushed file in a folder that was not survived %d of 40 cuts; some, not all, should", survived[true])
	}
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

func TestTheSwitchesOfTheDisk(t *testing.T) {
	d := power.NewDisk()
	dir := mounted(t, d)
	script(t, `echo a > "$1/a"`, dir)

	d.ReadOnly(true)
	script(t, `cat "$1/a"; no 'echo b > "$D/b"'; no 'echo b >> "$D/a"'; no 'rm "$D/a"'; no 'mv "$D/a" "$D/c"'; no 'mkdir "$D/d"'`, dir)
	d.ReadOnly(false)
	d.Full(true)
	script(t, `[ $(df --output=avail "$1" | tail -1) = 0 ]; no 'echo more >> "$D/a"'; no 'echo x > "$D/b"'; cat "$1/a"; echo x | dd of="$1/a" conv=notrunc status=none`, dir)
	d.Full(false)
	script(t, `echo more >> "$1/a"; [ $(df --output=avail "$1" | tail -1) != 0 ]`, dir)

	d.SyncError("*", 2)
	script(t, `sync "$1/a"; no 'sync "$D/a"'; sync "$1/a"`, dir)
	if succeeded, failed := d.Syncs(); succeeded != 2 || failed != 1 {
		t.Errorf("%d flushes succeeded and %d failed, want 2 and 1", succeeded, failed)
	}
	d.SyncDelay(300 * time.Millisecond)
	began := time.Now()
	script(t, `sync "$1/a"`, dir)
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("a slow disk flushed in %v", took)
	}
	d.Off()
	script(t, `no 'sync "$D/a"'; no 'echo b >> "$D/a"'`, dir)
}

func TestDataOfAFailedFlushNeverReachesTheDisk(t *testing.T) {
	d := power.NewDisk()
	dir, into := mounted(t, d), t.TempDir()
	script(t, `cd "$1"; echo one > f; sync f .`, dir)
	d.SyncError("o*", 1)
	script(t, `cd "$1"; echo one >> f; sync f; truncate -s 4 f; sync f`, dir)
	d.SyncError("f", 1)
	script(t, `cd "$1"; echo two >> f; no 'sync f'; echo three >> f; sync f; [ "$(tail -1 f)" = three ]`, dir)
	if _, err := d.Cut(into, 1); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(into, "f"))
	if err != nil || string(text) != "one\n\x00\x00\x00\x00three\n" {
		t.Errorf("the disk holds %q, %v", text, err)
	}
}

// script runs a line of shell in another process; $1 and $D are dir, and
// no 'command' fails when the command succeeds.
func script(t *testing.T, line, dir string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", "-ec", `D=$1; no() { if eval "$*" 2>/dev/null; then echo "this went through: $*"; exit 1; fi; }; `+line, "bash", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}
