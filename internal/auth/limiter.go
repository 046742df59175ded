package auth

import (
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// maxKeys bounds each of a Limiter's two generations: some 4 MB each when full.
const maxKeys = 1 << 17

// Limiter counts events of many keys in a sliding window, from two generations:
// the count of the current window plus that part of the previous one which
// still lies in the window. It may be wrong by the unevenness of the previous
// window, and never lets through more than twice the limit in any window.
//
// It remembers at most 131,072 keys a window. Beyond that, keys it does not
// know pass uncounted: a limiter that ran out of memory must not become the
// reason why a message was refused. What is refused is not counted, so a
// client that keeps knocking is let in at its rate.
//
// One mutex guards it: an operation takes about a tenth of a microsecond, far
// below what two cores could contend for.
type Limiter struct {
	window  time.Duration
	elapsed func() time.Duration

	mu        sync.Mutex
	at        int64 // number of the current window
	cur, prev map[uint64]uint32
}

// NewLimiter counts in windows of the given length, by a clock that never steps.
func NewLimiter(window time.Duration, elapsed func() time.Duration) *Limiter {
	return &Limiter{window: window, elapsed: elapsed, cur: map[uint64]uint32{}}
}

// Allow counts one event of key if at most limit happened in the window, and
// says otherwise how long until one will pass. A limit of 0 or less is none.
func (l *Limiter) Allow(key uint64, limit int) (bool, time.Duration) {
	if limit <= 0 {
		return true, 0
	}
	now := l.elapsed()
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := l.turn(now)
	cur, known := l.cur[key]
	prev := l.prev[key]
	weight := float64(prev)*(1-float64(gone)/float64(l.window)) + float64(cur)
	if weight+1 > float64(limit) {
		return false, l.wait(gone, cur, prev, limit)
	}
	if known || len(l.cur) < maxKeys {
		l.cur[key] = cur + 1
	}
	return true, 0
}

// turn makes the window of now the current one and says how much of it is gone.
func (l *Limiter) turn(now time.Duration) time.Duration {
	switch at := int64(now / l.window); {
	case at == l.at+1:
		l.at, l.prev, l.cur = at, l.cur, map[uint64]uint32{}
	case at > l.at:
		l.at, l.prev, l.cur = at, nil, map[uint64]uint32{}
	}
	return min(max(now-time.Duration(l.at)*l.window, 0), l.window)
}

// wait is the time until the weighted count has room for one more.
func (l *Limiter) wait(gone time.Duration, cur, prev uint32, limit int) time.Duration {
	room := float64(limit) - 1 - float64(cur)
	if room >= 0 { // within this window, as the previous one fades
		return l.share(1-room/float64(prev)) - gone
	}
	return l.window - gone + l.share(1-(float64(limit)-1)/float64(cur))
}

func (l *Limiter) share(f float64) time.Duration {
	return time.Duration(math.Ceil(f * float64(l.window)))
}

var seed = maphash.MakeSeed()

// Key makes a Limiter's key of the parts; where one ends and the next begins
// matters.
func Key(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, p := range parts {
		n := len(p)
		_, _ = h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16)})
		_, _ = h.WriteString(p)
	}
	return h.Sum64()
}
