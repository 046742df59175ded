package torture_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/power"
	"github.com/afterbeep/afterbeep/test/rig"
)

// latencies collects how long answers of each kind took.
type latencies struct {
	mu   sync.Mutex
	took map[rig.Kind][]time.Duration
}

func (l *latencies) add(kind rig.Kind, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.took == nil {
		l.took = map[rig.Kind][]time.Duration{}
	}
	l.took[kind] = append(l.took[kind], took)
}

func (l *latencies) p99(kind rig.Kind) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := slices.Sorted(slices.Values(l.took[kind]))
	if len(all) == 0 {
		return 0
	}
	return all[len(all)*99/100].Round(time.Millisecond)
}

func (l *latencies) counts() map[rig.Kind]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[rig.Kind]int{}
	for kind, took := range l.took {
		if kind != late {
			n[kind] = len(took)
		}
	}
	return n
}

func TestA1TenTimesTooMuchLoadIsRefusedAtOnceAndTheRestIsServed(t *testing.T) {
	rig.Need(t, "root", "fuse")
	rig.Prove(t, flood, rig.Times(20, 300), rig.Control{Variant: "unbounded-queue", Times: 6, Finds: "more than 1 s"})
}

// flood measures what a slow disk can take and then sends ten times as much,
// whether or not answers come back.
func flood(t *testing.T, teeth string, seconds int) (r rig.Findings) {
	disk := power.NewDisk()
	m, err := disk.Mount(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Unmount)
	h := newHouse(t, "A1", rig.Seed(t), rig.Options{
		Data: filepath.Join(m.Dir, "data"), Teeth: teeth,
		Env: []string{rig.AnyDisk, "AFTERBEEP_INTAKE_BATCH=8", "AFTERBEEP_LOG_LEVEL=error"},
	})
	s, c := h.open(t)
	defer s.Kill9()
	disk.SyncDelay(40 * time.Millisecond)
	h.Fault("slow disk", 1)

	began := time.Now()
	end := h.load(c, 64)
	time.Sleep(3 * time.Second)
	acked := h.Count(rig.Acked)
	end()
	capacity := int(float64(acked) / time.Since(began).Seconds())

	var seen latencies
	memory := watch(s)
	h.openLoop(c, 10*capacity, time.Duration(seconds)*time.Second, &seen)
	first, last := memory()
	calm := time.Now()
	streak := 0
	normal := teeth != "" || eventually(10*time.Second, func() bool {
		if o := h.leave(c); o.Kind != rig.Acked || o.Took > 500*time.Millisecond {
			streak = 0
			return false
		}
		streak++
		return streak == 10
	})
	back := time.Since(calm)

	// By as much as the generator itself was late, the machine was busy with
	// something else.
	counts, busy := seen.counts(), seen.p99(late)
	if p := seen.p99(rig.Acked); p > time.Second+busy || counts[rig.Acked] == 0 {
		r.Breaks("accepted: %d, p99 %v, more than 1 s", counts[rig.Acked], p)
	}
	if p := seen.p99(rig.Busy); p > 50*time.Millisecond+busy || counts[rig.Busy] == 0 {
		r.Breaks("refused: %d, p99 %v, more than 50 ms", counts[rig.Busy], p)
	}
	if odd := counts[rig.NetError] + counts[rig.Other] + counts[rig.Unknown] + counts[rig.Refused]; odd > 0 {
		r.Breaks("%d answers are neither 0 nor 503: %v", odd, counts)
	}
	if last > first+32<<20 {
		r.Breaks("resident memory grew from %d to %d MiB under the same load", first>>20, last>>20)
	}
	if !normal {
		r.Breaks("%v after the flood it is not back to normal", back)
	}
	r.Line = fmt.Sprintf("capacity %d/s, offered %d/s for %d s, answers %v, accepted p99 %v, refused p99 %v, memory %d to %d MiB, normal after %v, generator late p99 %v",
		capacity, 10*capacity, seconds, counts, seen.p99(rig.Acked), seen.p99(rig.Busy), first>>20, last>>20, back.Round(time.Millisecond), seen.p99(late))
	if teeth != "" {
		return r // what waits may take minutes: nothing to compare
	}
	return r.With(h.verdict(t))
}

// late is how much later than planned the load generator itself was: it shares
// the machine with what it measures.
const late rig.Kind = "late"

// openLoop sends so many letters a second, each at its time.
func (h *house) openLoop(c *rig.Client, rate int, length time.Duration, seen *latencies) {
	var all sync.WaitGroup
	began := time.Now()
	for n := 0; ; n++ {
		at := began.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if at.Sub(began) > length {
			break
		}
		time.Sleep(time.Until(at))
		seen.add(late, time.Since(at))
		letter := h.Write()
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			o := c.Leave(ctx, letter)
			seen.add(o.Kind, o.Took)
			h.Note(letter, o)
		})
	}
	all.Wait()
}

// watch samples the server's memory; the returned function gives the most in
// the first half and in the second.
func watch(s *rig.Server) (end func() (first, second int64)) {
	stop, done := make(chan struct{}), make(chan []int64)
	go func() {
		var all []int64
		for {
			select {
			case <-stop:
				done <- all
				return
			case <-time.After(100 * time.Millisecond):
				all = append(all, s.Resident())
			}
		}
	}()
	return func() (first, second int64) {
		close(stop)
		all := <-done
		return slices.Max(append(all[:len(all)/2:len(all)/2], 0)), slices.Max(append(all[len(all)/2:], 0))
	}
}

// descriptors is how many files and connections the server has open.
func descriptors(s *rig.Server) int {
	all, _ := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.PID), "fd"))
	return len(all)
}
