package readers_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/readers"
)

func follow(t *testing.T, l *ledger, set func(*readers.Feed)) *readers.Feed {
	t.Helper()
	f := readers.NewFeed(l.Heads, slog.New(slog.DiscardHandler))
	set(f)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	time.Sleep(50 * time.Millisecond)
	return f
}

// woken says how long it took until the subscriber was woken; at most limit.
func woken(wake <-chan struct{}, limit time.Duration) time.Duration {
	begun := time.Now()
	select {
	case <-wake:
	case <-time.After(limit):
	}
	return time.Since(begun)
}

func TestASubscriberIsWokenByItsOwnTenantAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(map[desk.TenantID]int64{1: 1, 2: 1})
		f := follow(t, l, func(*readers.Feed) {})
		one, cancel := f.Subscribe(1)
		two, cancel2 := f.Subscribe(2)
		defer cancel2()
		l.add(1, 1)
		f.Poke()
		if d := woken(one, time.Minute); d > 50*time.Millisecond {
			t.Errorf("woken after %s", d)
		}
		if d := woken(two, 5*time.Second); d < 5*time.Second {
			t.Error("another tenant's event woke him")
		}
		if f.Head(1) != 2 || f.Head(2) != 1 || f.Head(3) != 0 {
			t.Error(f.Heads())
		}
		cancel()
		l.add(1, 1)
		if d := woken(one, 5*time.Second); d < 5*time.Second {
			t.Error("woken after he had left")
		}
	})
}

func TestEventsOfOtherNodesAreSeenWithinHalfASecondWhoeverTells(t *testing.T) {
	deaf := errors.New("no LISTEN here")
	for name, c := range map[string]struct {
		set   func(*readers.Feed)
		limit time.Duration
		looks int // in ten seconds, at most
	}{
		"alone":              {func(*readers.Feed) {}, time.Second, 11},
		"shared":             {func(f *readers.Feed) { f.Shared = true }, 400 * time.Millisecond, 26},
		"shared, LISTEN off": {func(f *readers.Feed) { f.Shared = true; f.Listen = func(context.Context, func()) error { return deaf } }, 420 * time.Millisecond, 40},
		"shared, LISTEN on, and what it says is lost": {func(f *readers.Feed) {
			f.Shared = true
			f.Listen = func(ctx context.Context, wake func()) error { wake(); <-ctx.Done(); return nil }
		}, time.Second, 12},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger(map[desk.TenantID]int64{1: 1})
				f := follow(t, l, c.set)
				wake, cancel := f.Subscribe(1)
				defer cancel()
				looks := l.looked()
				for range 10 {
					l.add(1, 1)
					if d := woken(wake, time.Minute); d > c.limit+30*time.Millisecond {
						t.Errorf("seen after %s", d)
					}
				}
				begun := l.looked()
				time.Sleep(10 * time.Second)
				if n := l.looked() - begun; n > c.looks || looks == 0 {
					t.Errorf("%d looks in ten seconds", n)
				}
			})
		})
	}
}

func TestWhereNoScreenIsOpenASecondIsSoonEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(map[desk.TenantID]int64{1: 1})
		f := follow(t, l, func(f *readers.Feed) { f.Shared = true })
		_, done := f.SubscribeAll() // as readers do
		defer done()
		// looks says whether so many, or one more or less, are made in ten seconds.
		looks := func(want int, when string) {
			t.Helper()
			begun := l.looked()
			time.Sleep(10 * time.Second)
			if n := l.looked() - begun; n < want-1 || n > want+1 {
				t.Errorf("%d looks in ten seconds %s", n, when)
			}
		}
		looks(10, "for nobody")
		wake, cancel := f.Subscribe(1)
		l.add(1, 1)
		if d := woken(wake, time.Minute); d > 430*time.Millisecond {
			t.Errorf("the first who came was woken after %s", d)
		}
		looks(25, "for a screen")
		cancel()
		cancel() // twice is once
		looks(10, "after the last screen was closed")
	})
}

func TestTheDatabaseTellsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, told := newLedger(map[desk.TenantID]int64{1: 1}), make(chan struct{})
		f := follow(t, l, func(f *readers.Feed) {
			f.Shared = true
			f.Listen = func(ctx context.Context, wake func()) error {
				wake()
				for {
					select {
					case <-told:
						wake()
					case <-ctx.Done():
						return nil
					}
				}
			}
		})
		wake, cancel := f.Subscribe(1)
		defer cancel()
		for range 5 {
			l.add(1, 1)
			told <- struct{}{}
			if d := woken(wake, time.Minute); d > 40*time.Millisecond {
				t.Errorf("woken after %s", d)
			}
		}
	})
}

func TestADatabaseThatIsAwayIsLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(map[desk.TenantID]int64{1: 1})
		f := follow(t, l, func(f *readers.Feed) { f.Shared = true })
		wake, cancel := f.Subscribe(1)
		defer cancel()
		l.mu.Lock()
		l.away = errors.New("away")
		l.mu.Unlock()
		time.Sleep(5 * time.Second)
		if f.Head(1) != 1 {
			t.Error("it forgot what it knew")
		}
		l.mu.Lock()
		l.away = nil
		l.mu.Unlock()
		l.add(1, 1)
		if d := woken(wake, time.Minute); d > 430*time.Millisecond {
			t.Errorf("woken after %s", d)
		}
	})
}
