package auth

import (
	"sync/atomic"
	"time"

	"github.com/afterbeep/afterbeep/internal/teeth"
)

// clock is the time by which tokens live. Within a process it never goes
// backwards and advances at least as fast as the monotonic clock, so setting
// the wall clock back cannot lengthen a token's life; setting it forward ends
// tokens early, which is safe.
//
// It is the largest (wall - monotonic) seen so far, plus the monotonic clock:
// the same as max(wall, last + elapsed), in one number and without a lock.
type clock struct {
	wall  func() time.Time
	mono  func() time.Duration
	start time.Time
	ahead atomic.Int64 // the largest wall - monotonic, in nanoseconds since 1970
}

func newClock(wall func() time.Time, mono func() time.Duration) *clock {
	c := &clock{wall: wall, mono: mono, start: wall()}
	c.ahead.Store(c.start.UnixNano() - int64(c.elapsedAt(c.start)))
	return c
}

// elapsed is the monotonic clock.
func (c *clock) elapsed() time.Duration {
	if c.mono != nil {
		return c.mono()
	}
	return c.wall().Sub(c.start)
}

func (c *clock) elapsedAt(now time.Time) time.Duration {
	if c.mono != nil {
		return c.mono()
	}
	return now.Sub(c.start)
}

// now is the token clock's time in milliseconds since 1970.
func (c *clock) now() int64 {
	wall := c.wall()
	if teeth.On("wall-clock") {
		return wall.UnixMilli()
	}
	mono := int64(c.elapsedAt(wall))
	offset := wall.UnixNano() - mono
	for {
		ahead := c.ahead.Load()
		if offset <= ahead {
			return (ahead + mono) / int64(time.Millisecond)
		}
		if c.ahead.CompareAndSwap(ahead, offset) {
			return wall.UnixMilli()
		}
	}
}

// time is now as a time.Time.
func (c *clock) time() time.Time { return time.UnixMilli(c.now()).UTC() }
