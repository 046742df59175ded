package intake

import (
	"context"
	"time"
)

// lonely is the batch size up to which nobody else is taken to be coming: a lone
// customer is not made to wait.
const lonely = 4

// linger gathers under load, which makes flushes fewer and fuller. When those
// who are wanted cannot be here in time, judged by how many came since the last
// flush began, a quarter of the time is enough.
func (in *Intake) linger(ctx context.Context) {
	wanted := min((in.set.Crowd()-in.away())*3/4, in.set.Batch)
	if in.set.Linger <= 0 || !in.want(wanted) {
		return
	}
	patience := in.set.Linger
	if in.arrivals(patience) < wanted/4 {
		patience /= 4
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-in.ripe:
	case <-late.C:
	case <-ctx.Done():
	}
}

// away is how many wait for flushes under way, and cannot come now.
func (in *Intake) away() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.flying
}

// arrivals is how many messages may come within d, by the pace since the last
// flush began.
func (in *Intake) arrivals(d time.Duration) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	since := max(in.now().Sub(in.began), 100*time.Microsecond)
	return int(float64(in.taken-in.counted) * d.Seconds() / since.Seconds())
}

// want asks to be told when so many wait; false when they do already.
func (in *Intake) want(messages int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.waiting-in.flying >= messages {
		in.wanted = 0
		return false
	}
	select {
	case <-in.ripe: // of a batch that is gone
	default:
	}
	in.wanted = messages
	return true
}
