package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations, from a microsecond to half an hour, each to
// within 1/64 of its size. The zero value is empty. It serves one goroutine.
type Histogram struct {
	counts [buckets]int64
	n      int64
	max    time.Duration
	sum    time.Duration
}

const (
	fine    = 6 // bits: 64 steps for each doubling
	steps   = 1 << fine
	buckets = (32 - fine) * steps
)

// bucket of a number of microseconds: exact below 128, then by its highest bits.
func bucket(us uint64) int {
	shift := max(bits.Len64(us)-fine-1, 0)
	return min(shift*steps+int(us>>shift), buckets-1)
}

// upper is the largest number of microseconds in a bucket.
func upper(b int) uint64 {
	if b < 2*steps {
		return uint64(b)
	}
	shift := b/steps - 1
	return uint64(b-shift*steps+1)<<shift - 1
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0).Microseconds()))]++
	h.n++
	h.sum += d
	h.max = max(h.max, d)
}

// Merge counts everything that o has counted.
func (h *Histogram) Merge(o *Histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
	h.sum += o.sum
	h.max = max(h.max, o.max)
}

// Count is how many durations were counted.
func (h *Histogram) Count() int64 { return h.n }

// Max is the longest.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is the duration that the share q, between 0 and 1, does not exceed; 0 of none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q*float64(h.n) + 0.5)
	seen := int64(0)
	for i, n := range h.counts {
		seen += n
		if n > 0 && seen >= rank {
			return min(time.Duration(upper(i))*time.Microsecond, h.max)
		}
	}
	return h.max
}
