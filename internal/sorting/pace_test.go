package sorting

import (
	"testing"
	"time"
)

func TestSortingKeepsUpUntilItIsAFlood(t *testing.T) {
	const slice = 10 * time.Millisecond // of 100 messages: 10,000 a second
	for name, c := range map[string]struct {
		arrivals int64 // a second
		want     time.Duration
	}{
		"nobody is there":            {0, 0},
		"an ordinary day":            {2000, slice},
		"more than can be sorted":    {20_000, steps * slice},
		"more than half of the time": {6000, steps * slice},
	} {
		var (
			p    pace
			now  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			rest time.Duration
		)
		for i := range int64(100) {
			now = now.Add(lookAfter)
			rest = p.rest(i*c.arrivals/10, 100, slice, now)
		}
		if rest != c.want {
			t.Errorf("%s: rests %v, want %v", name, rest, c.want)
		}
	}
}

func TestSmallSlicesAreNoSignOfAFlood(t *testing.T) {
	var (
		p   pace
		now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	)
	for i := range int64(100) {
		now = now.Add(lookAfter)
		// One message a slice, each as slow as its flush: 500 a second if that
		// were the speed, and 500 a second arrive.
		if rest := p.rest(i*50, 1, 2*time.Millisecond, now); rest > 2*time.Millisecond {
			t.Fatalf("rests %v in step %d", rest, i)
		}
	}
}
