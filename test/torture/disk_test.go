package torture_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/power"
	"github.com/afterbeep/afterbeep/test/rig"
)

// loopDisk makes a small ext4 in a file and mounts it until the test ends.
func loopDisk(t *testing.T, mib int) (dir string) {
	t.Helper()
	rig.Need(t, "root", "loop")
	image := filepath.Join(t.TempDir(), "image")
	dir = t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(mib)<<20); err != nil {
		t.Fatal(err)
	}
	sh(t, "mkfs.ext4", "-q", "-m", "0", image)
	sh(t, "mount", "-o", "loop", image, dir)
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Logf("umount: %v %s", err, out)
			_ = syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
	return dir
}

func sh(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func TestD4AFullDiskIsRefusedStaysReadableAndHeals(t *testing.T) {
	dir := loopDisk(t, 32)
	rig.Prove(t, func(t *testing.T, _ string, times int) rig.Findings { return fullDisk(t, dir, times) }, rig.Times(4, 20))
}

// fullDisk fills the disk under load and frees it again, under the same server.
func fullDisk(t *testing.T, dir string, times int) (r rig.Findings) {
	h := newHouse(t, "D4", rig.Seed(t), rig.Options{Data: filepath.Join(dir, "data")})
	s, c := h.open(t)
	defer s.Kill9()
	var slowest time.Duration
	for round := range times {
		h.leave(c)
		filler := filepath.Join(dir, "filler")
		end := h.load(c, writers)
		fill(t, filler)
		h.Fault("disk full", 1)
		before := h.Count(rig.Refused)
		if !eventually(20*time.Second, func() bool { return h.Count(rig.Refused) > before+20 }) {
			r.Breaks("round %d: nothing was answered with 13F on a full disk; the answers are %v", round, h.Compare(nil).Answers)
		}
		time.Sleep(time.Second) // sorting meets the full disk, too
		list := rig.Exec(t, rig.Options{Data: h.o.Data}, "messages", "list", "--json", "--limit", "10")
		if n := strings.Count(list.Stdout, "\n"); list.Code != 0 || n != 10 {
			r.Breaks("round %d: on a full disk messages list shows %d messages, code %d: %s", round, n, list.Code, list.Stderr)
		}
		end()
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		freed := time.Now()
		healed := eventually(8*time.Second, func() bool { return h.leave(c).Kind == rig.Acked && s.Readyz() == http.StatusOK })
		took := time.Since(freed)
		slowest = max(slowest, took)
		if !healed || took > 5*time.Second {
			r.Breaks("round %d: %v after space was freed it is healed: %v", round, took, healed)
		}
	}
	if !alive(s) {
		r.Breaks("the process did not live through it:\n%s", tail(s.Log()))
	}
	h.sorted(t, &r)
	r.Line = fmt.Sprintf("answers %v, slowest healing %v", h.Compare(nil).Answers, slowest.Round(time.Millisecond))
	return r.With(h.verdict(t))
}

// fill writes until there is no space left.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4096, 512} { // the last crumbs, too
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if pathErr := err.Error(); !strings.Contains(pathErr, syscall.ENOSPC.Error()) {
			t.Fatal(err)
		}
	}
}

func tail(log string) string { return log[max(0, len(log)-2000):] }

func TestD5AReadOnlyDiskIsSeenFirst(t *testing.T) {
	rig.Need(t, "root", "fuse")
	rig.Prove(t, readOnly, rig.Times(2, 10), rig.Control{Variant: "ready-select", Times: 1, Finds: "/readyz says 200"})
}

// readOnly lets the disk turn read-only under the server and back.
func readOnly(t *testing.T, teeth string, times int) (r rig.Findings) {
	disk := power.NewDisk()
	m, err := disk.Mount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Unmount)
	h := newHouse(t, "D5", rig.Seed(t), rig.Options{Data: filepath.Join(m.Dir, "data"), Env: []string{rig.AnyDisk}, Teeth: teeth})
	s, c := h.open(t)
	defer s.Kill9()
	var seen, back time.Duration
	for round := range times {
		end := h.load(c, writers)
		time.Sleep(200 * time.Millisecond)
		disk.ReadOnly(true)
		h.Fault("disk read-only", 1)
		began := time.Now()
		if !eventually(5*time.Second, func() bool { return s.Readyz() == http.StatusServiceUnavailable }) {
			r.Breaks("round %d: /readyz says %d 5 s after the disk turned read-only", round, s.Readyz())
		}
		seen = max(seen, time.Since(began))
		for range 20 {
			if o := h.leave(c); o.Kind != rig.Refused && o.Kind != rig.Unknown && o.Kind != rig.Busy {
				r.Breaks("round %d: a message on a read-only disk is answered %v", round, o)
			}
		}
		end()
		disk.ReadOnly(false)
		began = time.Now()
		if !eventually(10*time.Second, func() bool { return s.Readyz() == http.StatusOK && h.leave(c).Kind == rig.Acked }) {
			r.Breaks("round %d: 10 s after the disk can be written again /readyz says %d and a message is answered %v\n%s", round, s.Readyz(), h.leave(c), tail(s.Log()))
		}
		back = max(back, time.Since(began))
	}
	h.sorted(t, &r)
	r.Line = fmt.Sprintf("seen after %v, back after %v", seen.Round(time.Millisecond), back.Round(time.Millisecond))
	return r.With(h.verdict(t))
}

func TestD9WhatIsUnsafeDoesNotStartAndSaysWhyInOneSentence(t *testing.T) {
	cases := map[string]func(*testing.T, *rig.Options){
		"a newer schema": func(t *testing.T, o *rig.Options) {
			newHouse(t, "D9", 1, *o)
			if _, err := database(t, o.Data).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`); err != nil {
				t.Fatal(err)
			}
		},
		"a database that is none": func(t *testing.T, o *rig.Options) {
			newHouse(t, "D9", 1, *o)
			overwrite(t, filepath.Join(o.Data, "afterbeep.db"), bytes.Repeat([]byte{'?'}, 16))
		},
		"a damaged first page": func(t *testing.T, o *rig.Options) {
			newHouse(t, "D9", 1, *o)
			overwrite(t, filepath.Join(o.Data, "afterbeep.db"), append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte{0xff}, 200)...))
		},
		"a file where the data folder should be": func(t *testing.T, o *rig.Options) {
			if err := os.WriteFile(o.Data, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a disk that can only be read": func(t *testing.T, o *rig.Options) {
			dir := loopDisk(t, 16)
			o.Data = filepath.Join(dir, "data")
			newHouse(t, "D9", 1, *o)
			sh(t, "mount", "-o", "remount,ro", dir)
		},
		"a new folder on a disk that can only be read": func(t *testing.T, o *rig.Options) {
			dir := loopDisk(t, 16)
			sh(t, "mount", "-o", "remount,ro", dir)
			o.Data = filepath.Join(dir, "data")
		},
		"a disk over a network": func(t *testing.T, o *rig.Options) {
			rig.Need(t, "root", "fuse")
			m, err := power.NewDisk().Mount(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(m.Unmount)
			o.Data = filepath.Join(m.Dir, "data")
		},
		"metrics for everybody":    func(_ *testing.T, o *rig.Options) { o.Args = []string{"--ops-listen", "0.0.0.0:0"} },
		"a setting nobody knows":   func(_ *testing.T, o *rig.Options) { o.Env = []string{"AFTERBEEP_LISTNE=127.0.0.1:0"} },
		"no time limit for bodies": func(_ *testing.T, o *rig.Options) { o.Env = []string{"AFTERBEEP_TIMEOUTS_BODY=0s"} },
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			o := rig.Options{Data: filepath.Join(t.TempDir(), "data"), Limit: 10 * time.Second}
			cases[name](t, &o)
			refused := rig.Exec(t, o, "serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
			sentence := strings.TrimSpace(refused.Stderr)
			t.Logf("code %d: %s", refused.Code, sentence)
			if refused.Code <= 0 {
				t.Errorf("serve left with code %d", refused.Code)
			}
			if lines := strings.Count(sentence, "\n") + 1; lines != 1 || len(sentence) < 20 || len(sentence) > 500 || strings.Contains(sentence, "goroutine") {
				t.Errorf("serve said %d lines, not one sentence:\n%s", lines, sentence)
			}
		})
	}
}

func overwrite(t *testing.T, name string, with []byte) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(with, 0); err != nil {
		t.Fatal(err)
	}
}

func TestD9ADataFolderThatEverybodyMayWriteIsPutRightOrRefused(t *testing.T) {
	h := newHouse(t, "D9", 1, rig.Options{})
	if err := os.Chmod(h.o.Data, 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := rig.TryStart(t, h.o)
	if err != nil {
		t.Logf("refused: %v", err)
		return
	}
	defer s.Kill9()
	info, err := os.Stat(h.o.Data)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		t.Errorf("the server runs on a folder of mode %o, where others can read and replace what customers left", mode)
	}
}

func TestD9ADatabaseThatWasTakenOutOfItsJournalModeIsPutRightOrRefused(t *testing.T) {
	for _, mode := range []string{"delete", "truncate", "persist"} {
		h := newHouse(t, "D9", 1, rig.Options{})
		db := database(t, h.o.Data)
		var now string
		if err := db.QueryRow(`PRAGMA journal_mode=` + mode).Scan(&now); err != nil || now != mode {
			t.Fatalf("journal mode %q, %v", now, err)
		}
		_ = db.Close()
		s, err := rig.TryStart(t, h.o)
		if err != nil {
			t.Logf("%s is refused: %v", mode, err)
			continue
		}
		header := make([]byte, 20)
		f, err := os.Open(filepath.Join(h.o.Data, "afterbeep.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(header, 0); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		// Bytes 18 and 19 of the file are 2 in WAL mode; the change may still
		// be in the WAL itself, which is as good.
		wal, err := os.Stat(filepath.Join(h.o.Data, "afterbeep.db-wal"))
		if header[18] != 2 && (err != nil || wal.Size() == 0) {
			t.Errorf("the server runs on journal mode %s: header says %s", mode, strconv.Itoa(int(header[18])))
		}
		s.Kill9()
	}
}
