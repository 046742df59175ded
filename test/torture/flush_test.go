package torture_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/power"
	"github.com/afterbeep/afterbeep/test/rig"
)

// plug is a house on a disk that loses power.
type plug struct {
	*house
	disk *power.Disk
}

// plugIn mounts what the folder holds, or an empty disk for "".
func (p *plug) plugIn(t *testing.T, from string) *power.Mounted {
	t.Helper()
	var err error
	if p.disk = power.NewDisk(); from != "" {
		if p.disk, err = power.Load(from); err != nil {
			t.Fatal(err)
		}
	}
	m, err := p.disk.Mount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Unmount)
	return m
}

func TestD2PowerLossLosesNothingAcknowledged(t *testing.T) {
	rig.Need(t, "root", "fuse")
	rig.Prove(t, cuts, rig.Times(20, 500), rig.Control{Variant: "synchronous-normal", Times: 5, Finds: "acknowledged and lost"})
}

// cutsADisk is after how many cuts a new disk takes its turn.
const cutsADisk = 5

// cuts takes the power away under load, looks at what is left with the doctor
// and the server, and goes on with it.
func cuts(t *testing.T, teeth string, times int) (r rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var (
		p     plug
		total rig.Verdict
		base  string
	)
	for cut := range times {
		if cut%cutsADisk == 0 {
			base = ""
		}
		m := p.plugIn(t, base)
		if base == "" {
			p.house = newHouse(t, "D2", seed+int64(cut), rig.Options{Data: filepath.Join(m.Dir, "data"), Env: []string{rig.AnyDisk}, Teeth: teeth})
		}
		p.o.Data = filepath.Join(m.Dir, "data")
		s, c := p.open(t)
		end := p.load(c, writers)
		p.work(chance, cut, end)
		p.Freeze()
		base = filepath.Join(t.TempDir(), "left")
		damage, err := p.disk.Cut(base, seed+int64(cut))
		if err != nil {
			t.Fatal(err)
		}
		s.Kill9()
		end()
		p.Thaw()
		m.Unmount()
		p.note(damage)
		p.o.Data = filepath.Join(base, "data")
		p.examine(t, &r, cut)
		if cut%cutsADisk == cutsADisk-1 || cut == times-1 {
			total = total.Add(p.verdict(t))
		}
	}
	if total.Faults["cut that destroyed something"] == 0 {
		r.Breaks("no cut destroyed anything: the trial proves nothing")
	}
	if times >= 20 && total.Faults["cut inside a checkpoint"] == 0 {
		r.Breaks("no cut hit a checkpoint: the trial proves less than it says")
	}
	return r.With(total)
}

func TestD2TheFirstMessageSurvivesInAFolderThatWasJustMade(t *testing.T) {
	rig.Need(t, "root", "fuse")
	var p plug
	m := p.plugIn(t, "")
	p.house = newHouse(t, "D2", rig.Seed(t), rig.Options{Data: filepath.Join(m.Dir, "new", "data"), Env: []string{rig.AnyDisk}})
	s, c := p.open(t)
	if o := p.leave(c); o.Kind != rig.Acked {
		t.Fatalf("the message was answered %v", o)
	}
	base := filepath.Join(t.TempDir(), "left")
	damage, err := p.disk.CutAll(base)
	if err != nil {
		t.Fatal(err)
	}
	s.Kill9()
	m.Unmount()
	p.note(damage)
	if p.o.Data = filepath.Join(base, "new", "data"); !exists(p.o.Data) {
		t.Fatalf("with the power the data folder is gone, and in it %d acknowledged messages: the name of a new folder must be flushed, too; %s", p.Count(rig.Acked), damage)
	}
	if v := p.verdict(t); v.Violations() > 0 {
		t.Error(v)
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// work lets the writers go on for a while. In every third cut it ends them and
// waits until the server carries the WAL over, on a disk that turns slow at that
// moment: it is when the database file itself can be torn.
func (p *plug) work(chance *rand.Rand, cut int, end func()) {
	most := 400
	if cut%25 == 24 {
		most = 8000 // until the WAL is carried over under load
	}
	time.Sleep(between(chance, 20, most))
	if cut%3 == 2 {
		end()
		began := time.Now()
		for p.disk.Unflushed("afterbeep.db") == 0 && time.Since(began) < 3*time.Second {
			time.Sleep(100 * time.Microsecond)
		}
		p.disk.SyncDelay(100 * time.Millisecond)
		time.Sleep(between(chance, 0, 40))
	}
}

func (p *plug) note(d power.Damage) {
	p.Fault("power cut", 1)
	p.Fault("write torn", d.Torn)
	p.Fault("write dropped", d.Dropped)
	p.Fault("name dropped", d.NamesDropped)
	if slices.Contains(d.Files, "afterbeep.db") {
		p.Fault("cut inside a checkpoint", 1)
	}
	if d.Fired() {
		p.Fault("cut that destroyed something", 1)
	}
}

// examine looks at what a cut has left: the doctor must find it sound, and the
// server must start on it and find out what was doubtful.
func (p *plug) examine(t *testing.T, r *rig.Findings, cut int) {
	t.Helper()
	for _, finding := range p.sick(t) {
		r.Breaks("cut %d: the doctor says %s", cut, finding)
	}
	s, err := rig.TryStart(t, p.o)
	if err != nil {
		r.Breaks("cut %d: %v", cut, err)
		return
	}
	c := rig.NewClient(s.URL, p.creds)
	p.Resend(t.Context(), c)
	if o := p.leave(c); o.Kind != rig.Acked {
		r.Breaks("cut %d: the server that started again answers %v", cut, o)
	}
	c.Close()
	s.Kill9()
}

func TestD3AFailedFlushIsNeverAcknowledgedAlthoughThePagesLookWritten(t *testing.T) {
	rig.Need(t, "strace")
	rig.Prove(t, failingCalls, 0)
}

// counts lists which flush fails, one after the other.
func counts() []int {
	if !rig.Long() {
		return []int{1, 2, 3, 5, 8, 13, 21, 34}
	}
	all := make([]int, 200)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// failingCalls lets the n-th fsync or fdatasync of a thread of the real process
// fail.
func failingCalls(t *testing.T, teeth string, _ int) (r rig.Findings) {
	seed := rig.Seed(t)
	var (
		total      rig.Verdict
		slowest    time.Duration
		quiet      int
		atStart    int
		underLoads int
	)
	for _, n := range counts() {
		h := newHouse(t, "D3", seed+int64(n), rig.Options{Teeth: teeth})
		trace := filepath.Join(t.TempDir(), "trace")
		h.o.Wrap = []string{
			"strace", "-f", "-qq", "-y", "-ttt", "--seccomp-bpf", "-o", trace, "-e", "trace=fsync,fdatasync",
			"-e", "inject=fsync,fdatasync:error=EIO:when=" + strconv.Itoa(n),
		}
		s, err := rig.TryStart(t, h.o)
		if err == nil {
			before := len(r.Broken)
			took, fired := h.untilBroken(t, s, &r, func() bool { return injected(trace) })
			if len(r.Broken) > before {
				t.Logf("when=%d; the flushes that failed:\n%s\nthe log begins\n%.1000s\nand ends\n%s", n, failures(trace), s.Log(), tail(s.Log()))
			}
			slowest = max(slowest, took)
			if !fired {
				quiet++
				s.Kill9()
			}
			underLoads++
		} else {
			atStart++
		}
		if injected(trace) {
			h.Fault("EIO", 1)
		}
		h.o.Wrap = nil
		s, c := h.open(t) // it must come back, and nothing that was acknowledged may be gone
		h.Resend(t.Context(), c)
		c.Close()
		total = total.Add(h.verdict(t))
		s.Kill9()
	}
	if total.Faults["EIO"] == 0 {
		r.Breaks("no flush failed: the trial proves nothing")
	}
	r.Line = fmt.Sprintf("%d at the start, %d under load, %d not reached; slowest exit %v after the fault", atStart, underLoads-quiet, quiet, slowest.Round(time.Millisecond))
	return r.With(total)
}

// injected says whether the flush of a file has failed. That of a folder does
// not count: SQLite does not want to know how it ended, since some systems
// cannot flush folders at all.
func injected(trace string) bool {
	return strings.Contains(failures(trace), "afterbeep.db")
}

// failures are the lines of the trace that tell of a failed flush.
func failures(trace string) string {
	text, _ := os.ReadFile(trace)
	lines := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(line string) bool { return !strings.Contains(line, "(INJECTED)") })
	return strings.Join(lines, "")
}

// untilBroken loads the server until a flush has failed, which it must answer
// by turning not-ready and leaving within a second. False when no flush failed
// within some seconds.
func (h *house) untilBroken(t *testing.T, s *rig.Server, r *rig.Findings, failed func() bool) (took time.Duration, fired bool) {
	t.Helper()
	c := rig.NewClient(s.URL, h.creds)
	end := h.load(c, writers)
	defer end()
	if !eventually(4*time.Second, failed) {
		return 0, false
	}
	return leaves(s, r), true
}

// leaves sees a server off whose flush has just failed.
func leaves(s *rig.Server, r *rig.Findings) (took time.Duration) {
	began := time.Now()
	var ready atomic.Int64
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		for time.Since(began) < 3*time.Second {
			select {
			case <-s.Exited():
				return
			case <-time.After(20 * time.Millisecond):
			}
			if s.Readyz() == http.StatusOK && time.Since(began) > 100*time.Millisecond {
				ready.Add(1)
			}
		}
	}()
	code, left := s.Wait(3 * time.Second)
	took = time.Since(began)
	<-asked
	switch {
	case !left:
		r.Breaks("%v after a failed flush the server still runs", took)
	case took > time.Second, code == 0:
		r.Breaks("after a failed flush the server left after %v with code %d", took, code)
	}
	if n := ready.Load(); n > 0 {
		r.Breaks("/readyz said 200 %d times after a failed flush", n)
	}
	if !left {
		s.Kill9()
	}
	return took
}

func TestD3AFailedFlushIsNeverAcknowledgedAlsoWhenThePagesAreGone(t *testing.T) {
	rig.Need(t, "root", "fuse")
	rig.Prove(t, failingDisk, 0, rig.Control{Variant: "ack-on-error", Times: 0, Finds: "acknowledged and lost"})
}

func TestD3AFailedFlushOfTheReadinessProbeIsAFailedFlush(t *testing.T) {
	rig.Need(t, "root", "fuse")
	var (
		p plug
		r rig.Findings
	)
	m := p.plugIn(t, "")
	p.house = newHouse(t, "D3", rig.Seed(t), rig.Options{Data: filepath.Join(m.Dir, "data"), Env: []string{rig.AnyDisk}})
	s, c := p.open(t)
	if o := p.leave(c); o.Kind != rig.Acked {
		t.Fatalf("the message was answered %v", o)
	}
	c.Close()
	failed := func() bool { _, failed := p.disk.Syncs(); return failed > 0 }
	time.Sleep(time.Second) // the message is sorted, the WAL carried over: nothing else writes
	p.disk.SyncError(messages, 1)
	if !eventually(3*time.Second, func() bool { return s.Readyz() != http.StatusOK || failed() }) || !failed() {
		t.Fatal("the probe flushed nothing")
	}
	t.Logf("the server left after %v", leaves(s, &r).Round(time.Millisecond))
	for _, broken := range r.Broken {
		t.Error(broken)
	}
}

// messages are the files in which messages are. The index of words has others
// (search*): it is made anew when one of them cannot be flushed, and nobody has
// to leave for that.
const messages = "afterbeep.db*"

func TestD3AFailedFlushInsideACheckpointIsNotForgotten(t *testing.T) {
	rig.Need(t, "root", "fuse")
	rig.Prove(t, failingCheckpoint, rig.Times(3, 30))
}

// failingCheckpoint lets the flush of the database file itself fail while the
// WAL is carried over, when nobody waits for an answer. Were it forgotten, the
// WAL would be written over, and what it carried would be nowhere.
func failingCheckpoint(t *testing.T, _ string, times int) (r rig.Findings) {
	seed := rig.Seed(t)
	var (
		total   rig.Verdict
		slowest time.Duration
	)
	for n := range times {
		var p plug
		m := p.plugIn(t, "")
		p.house = newHouse(t, "D3", seed+int64(n), rig.Options{Data: filepath.Join(m.Dir, "data"), Env: []string{rig.AnyDisk}})
		s, c := p.open(t)
		end := p.load(c, writers)
		time.Sleep(200 * time.Millisecond)
		end()
		p.disk.SyncError("afterbeep.db", 1)
		if eventually(5*time.Second, func() bool { _, failed := p.disk.Syncs(); return failed > 0 }) {
			p.Fault("EIO in a checkpoint", 1)
			slowest = max(slowest, leaves(s, &r))
		}
		base := filepath.Join(t.TempDir(), "left")
		damage, err := p.disk.Cut(base, seed+int64(n))
		if err != nil {
			t.Fatal(err)
		}
		s.Kill9()
		m.Unmount()
		p.note(damage)
		p.o.Data = filepath.Join(base, "data")
		p.examine(t, &r, n)
		total = total.Add(p.verdict(t))
	}
	if total.Faults["EIO in a checkpoint"] == 0 {
		r.Breaks("no checkpoint failed: the trial proves nothing")
	}
	r.Line = fmt.Sprintf("slowest exit %v after the fault", slowest.Round(time.Millisecond))
	return r.With(total)
}

// failingDisk lets the n-th flush of the disk fail, which loses what it
// covered, and takes the power away afterwards: a lie is then seen.
func failingDisk(t *testing.T, teeth string, _ int) (r rig.Findings) {
	seed := rig.Seed(t)
	var (
		total   rig.Verdict
		slowest time.Duration
	)
	for _, n := range counts() {
		var p plug
		m := p.plugIn(t, "")
		p.house = newHouse(t, "D3", seed+int64(n), rig.Options{Data: filepath.Join(m.Dir, "data"), Env: []string{rig.AnyDisk}, Teeth: teeth})
		s, err := rig.TryStart(t, p.o)
		if err != nil {
			t.Fatal(err)
		}
		p.disk.SyncError(messages, n)
		took, fired := p.untilBroken(t, s, &r, func() bool { _, failed := p.disk.Syncs(); return failed > 0 })
		if !fired {
			r.Breaks("flush %d was never reached", n)
		}
		slowest = max(slowest, took)
		p.Fault("EIO", 1)
		base := filepath.Join(t.TempDir(), "left")
		damage, err := p.disk.Cut(base, seed+int64(n))
		if err != nil {
			t.Fatal(err)
		}
		s.Kill9()
		m.Unmount()
		p.note(damage)
		p.o.Data = filepath.Join(base, "data")
		p.examine(t, &r, n)
		total = total.Add(p.verdict(t))
		if teeth != "" && total.Violations() > 0 {
			break
		}
	}
	r.Line = fmt.Sprintf("slowest exit %v after the fault", slowest.Round(time.Millisecond))
	return r.With(total)
}
