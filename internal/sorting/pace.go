package sorting

import "time"

// pace decides how much of the machine sorting takes. Those who are leaving a
// message wait for an answer; those who left one do not. As long as what arrives
// can be sorted in less than half of the time, sorting keeps up with it and
// rests as long as it worked. Beyond that it is a flood: sorting steps back to a
// fortieth and catches up when it is over.
type pace struct {
	taken  int64     // intake's count at the last look
	looked time.Time // the last look
	rate   float64   // arrivals a second, smoothed
	speed  float64   // messages a second that slices sort, smoothed
}

const (
	flood     = 0.5                    // of sorting's own speed
	steps     = 40                     // the share left in a flood is one in so many
	longest   = 500 * time.Millisecond // the longest rest
	full      = 128                    // messages of a slice: some six milliseconds
	lookAfter = 100 * time.Millisecond // over which arrivals are counted
)

// rest is how long to rest after a slice of n messages that took took.
func (p *pace) rest(taken int64, n int, took time.Duration, now time.Time) time.Duration {
	if n >= full/4 { // a small slice says more about the flush than about sorting
		p.speed += (float64(n)/took.Seconds() - p.speed) / 4
	}
	if since := now.Sub(p.looked); since >= lookAfter {
		rate := float64(taken-p.taken) / min(since.Seconds(), 10)
		if p.looked.IsZero() {
			rate = 0
		}
		p.rate += (rate - p.rate) / 2
		p.taken, p.looked = taken, now
	}
	switch {
	case p.rate < 1:
		return 0
	case !p.flooded():
		return min(took, longest)
	}
	return min(steps*took, longest)
}

func (p *pace) flooded() bool { return p.speed > 0 && p.rate > flood*p.speed }

// slice is how many messages the next slice takes: few while others wait for the
// writer, and no more than one journal row in a flood.
func (p *pace) slice() int {
	switch {
	case p.rate < 1:
		return 4 * full
	case !p.flooded():
		return full
	}
	return 1
}
