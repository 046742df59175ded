package intake_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/intake"
)

// disk is a journal whose flushes take as long, and end as, the test says. What
// a real one does is shown by the torture tests; here it is the time that counts.
type disk struct {
	mu      sync.Mutex
	flushes [][]desk.Row
	keyed   int
	took    time.Duration
	err     error
	busy    int // flushes under way
	busiest int
}

func (d *disk) Append(_ context.Context, b *desk.Batch) error {
	d.mu.Lock()
	took := d.took
	d.busy++
	d.busiest = max(d.busiest, d.busy)
	d.mu.Unlock()
	time.Sleep(took)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	if d.err != nil {
		return d.err
	}
	d.flushes = append(d.flushes, b.Rows)
	for _, k := range b.Keyed {
		d.keyed++
		k.Receipt = desk.Receipt{ID: k.ID}
	}
	return nil
}

func (d *disk) stored() (messages int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, rows := range d.flushes {
		for _, r := range rows {
			messages += r.Count
		}
	}
	return messages + d.keyed
}

func start(t *testing.T, d *disk, s intake.Settings) (in *intake.Intake, stop func() error) {
	in = intake.New(d, desk.NewSequence(0, 0, time.Now), time.Now, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	return in, func() error { cancel(); return <-ended }
}

func take(in *intake.Intake, text, key string) error {
	m := desk.Message{Tenant: 1, CallID: "c", Caller: "1", Text: text}
	_, err := in.Take(context.Background(), &m, 4000, key)
	return err
}

func TestNobodyIsAnsweredBeforeTheFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: 100 * time.Millisecond}
		in, stop := start(t, d, intake.Settings{})
		began := time.Now()
		if err := take(in, "hello", ""); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 100*time.Millisecond {
			t.Fatalf("answered after %v, the flush takes 100 ms, and a lone customer waits for nothing else", waited)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestManyShareAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: 5 * time.Millisecond}
		in, stop := start(t, d, intake.Settings{})
		var all sync.WaitGroup
		for range 256 {
			all.Go(func() {
				for i := range 20 {
					if err := take(in, fmt.Sprint("hello ", i), ""); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if d.stored() != 256*20 || len(d.flushes) > 50 {
			t.Fatalf("%d messages in %d flushes", d.stored(), len(d.flushes))
		}
		last := desk.ID(0)
		for _, rows := range d.flushes {
			for _, r := range rows {
				if r.First <= last || r.Last < r.First || r.Count > desk.RowLines {
					t.Fatalf("row %v–%v of %d after %v", r.First, r.Last, r.Count, last)
				}
				last = r.Last
			}
		}
	})
}

func TestAFailedFlushIsAnsweredAsWhatItWas(t *testing.T) {
	for kind, broken := range map[desk.Kind]error{desk.Unstored: nil, desk.Unknown: desk.ErrBroken} {
		synctest.Test(t, func(t *testing.T) {
			d := &disk{err: desk.Wrap(kind, "test", "the disk fails", broken)}
			in, stop := start(t, d, intake.Settings{})
			if err := take(in, "hello", ""); desk.KindOf(err) != kind {
				t.Fatalf("%v, want %v", err, kind)
			}
			if err := stop(); !errors.Is(err, broken) {
				t.Fatalf("the writer ended with %v; a flush that nobody can vouch for must end the process", err)
			}
			if err := take(in, "hello", ""); desk.KindOf(err) != desk.Busy {
				t.Fatalf("after the end: %v", err)
			}
		})
	}
}

func TestWhatWouldWaitTooLongIsRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: 600 * time.Millisecond}
		in, stop := start(t, d, intake.Settings{Batch: 10, MaxWait: time.Second})
		var (
			all           sync.WaitGroup
			mu            sync.Mutex
			stored, busy  int
			slowest, gone time.Duration
		)
		for i := range 400 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				began := time.Now()
				err := take(in, "hello", "")
				took := time.Since(began)
				mu.Lock()
				defer mu.Unlock()
				switch desk.KindOf(err) {
				case desk.Busy:
					busy++
					gone = max(gone, took)
				default:
					stored++
					slowest = max(slowest, took)
				}
			})
		}
		all.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		// The pace of the disk is known only after its first flush: two flushes more
		// than was promised, and no more.
		if busy == 0 || stored != d.stored() || slowest > time.Second+2*d.took || gone > 0 {
			t.Fatalf("%d stored (slowest %v), %d refused (slowest %v)", stored, slowest, busy, gone)
		}
	})
}

func TestNodesOfOneDatabaseShareItsFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: 10 * time.Millisecond}
		in, stop := start(t, d, intake.Settings{Batch: 1, Writers: 3})
		stored := 0
		for _, c := range []struct{ nodes, flushes int }{{0, 3}, {1, 3}, {2, 1}, {7, 1}, {1, 3}} {
			if c.nodes > 0 {
				in.Share(c.nodes)
			}
			d.busiest = 0
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if err := take(in, "hello", ""); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if stored += 20; d.busiest != c.flushes || d.stored() != stored {
				t.Errorf("%d nodes: %d flushes at a time, want %d; %d messages, want %d", c.nodes, d.busiest, c.flushes, d.stored(), stored)
			}
		}
		// Fewer may be under way while more are: whoever waits is let in as they end.
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				in.Share(1 + i%3)
				if err := take(in, "hello", ""); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := stop(); err != nil || d.stored() != stored+20 {
			t.Fatal(err, d.stored())
		}
	})
}

func TestADiskThatDoesNotAnswerIsUnknownToThoseWhoWaitAndNothingToTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: time.Minute}
		in, stop := start(t, d, intake.Settings{AckTimeout: 10 * time.Second, MaxWait: time.Hour})
		first := make(chan error, 1)
		go func() { first <- take(in, "one", "") }()
		time.Sleep(time.Second)
		second := make(chan error, 1)
		go func() { second <- take(in, "two", "") }()
		if err := <-first; desk.KindOf(err) != desk.Unknown {
			t.Errorf("the one in the flush: %v", err)
		}
		if err := <-second; desk.KindOf(err) != desk.Unstored {
			t.Errorf("the one behind it: %v", err)
		}
		if err := take(in, "three", ""); desk.KindOf(err) != desk.Busy {
			t.Errorf("the next one: %v", err)
		}
		time.Sleep(time.Minute)
		d.mu.Lock()
		d.took = time.Millisecond
		d.mu.Unlock()
		if err := take(in, "four", ""); err != nil {
			t.Errorf("once it answers again: %v", err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatWaitsWhenTheServerStopsIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: 100 * time.Millisecond}
		in, stop := start(t, d, intake.Settings{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := take(in, "hello", ""); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(150 * time.Millisecond) // a flush is under way, and some wait behind it
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if d.stored() != 50 {
			t.Fatalf("%d of 50", d.stored())
		}
	})
}

func TestRowsNeverEncloseAKeyedMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{took: 50 * time.Millisecond}
		in, stop := start(t, d, intake.Settings{})
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Microsecond)
				key := ""
				if i%3 == 0 {
					key = fmt.Sprint("key ", i)
				}
				if err := take(in, "hello", key); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if d.keyed != 10 || d.stored() != 30 {
			t.Fatalf("%d keyed, %d stored", d.keyed, d.stored())
		}
		for _, rows := range d.flushes {
			for _, r := range rows {
				if int(r.Last-r.First)+1 != r.Count {
					t.Fatalf("row %v–%v holds %d: another message's ID lies within", r.First, r.Last, r.Count)
				}
			}
		}
	})
}

func TestAValueThatCannotBeStoredNeverReachesTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		in, stop := start(t, d, intake.Settings{})
		if err := take(in, " ", ""); desk.KindOf(err) != desk.Invalid || d.stored() != 0 {
			t.Fatal(err)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAFlushWaitsForACrowdOnlyWhenItIsComing(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration // between two messages
		most  time.Duration // that one of them may wait, the flush included
	}{
		"a trickle from many who are connected": {500 * time.Microsecond, 4 * time.Millisecond},
		"a crowd":                               {20 * time.Microsecond, 8 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &disk{took: time.Millisecond}
			in, stop := start(t, d, intake.Settings{Linger: 4 * time.Millisecond, Crowd: func() int { return 200 }})
			var (
				all     sync.WaitGroup
				mu      sync.Mutex
				slowest time.Duration
			)
			for i := range 2000 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * c.every)
					began := time.Now()
					if err := take(in, "hello", ""); err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					slowest = max(slowest, time.Since(began))
				})
			}
			all.Wait()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if slowest > c.most {
				t.Errorf("%s: somebody waited %v", name, slowest)
			}
			if len(d.flushes) > 2000/10 && c.every < 100*time.Microsecond {
				t.Errorf("%s: %d flushes for 2,000 messages", name, len(d.flushes))
			}
		})
	}
}
