package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	settled  = time.Second     // after the start, what it needed is not needed any more
	restTime = 2 * time.Minute // as often as the runtime collects by itself
	atRest   = 2               // collections in that time, at most, when little goes on
)

// spare gives memory back: what the start needed, which is several times what
// running does, and what a flood leaves behind. By itself the runtime keeps what
// the heap may grow to before the next collection, and tune makes that much. While
// there is work it is left alone.
func (h *house) spare(ctx context.Context) error {
	was := uint64(0)
	for wait := settled; ; wait = restTime {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if wait == settled || collections()-was <= atRest {
			debug.FreeOSMemory()
		}
		was = collections()
	}
}

// collections is how often the garbage collector has run.
func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
