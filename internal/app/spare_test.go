package app

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestMemoryIsGivenBackAfterTheStartAndInQuietTimesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- (&house{}).spare(ctx) }()
		after := func(wait time.Duration, during func()) uint64 {
			during()
			was := collections()
			time.Sleep(wait)
			synctest.Wait()
			return collections() - was
		}
		fill := func() { runtime.KeepAlive(make([]byte, 64<<20)) }
		if after(settled, fill) == 0 {
			t.Error("nothing is given back after the start")
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapIdle-m.HeapReleased > 16<<20 {
			t.Errorf("%d bytes are kept after the start", m.HeapIdle-m.HeapReleased)
		}
		if after(restTime, func() {}) == 0 {
			t.Error("nothing is given back in a quiet time")
		}
		if after(restTime, func() {
			for range atRest + 1 {
				runtime.GC()
			}
		}) != 0 {
			t.Error("a busy server is disturbed")
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
