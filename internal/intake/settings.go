package intake

import "time"

// Settings bound what waits. The zero value of a field means its default.
type Settings struct {
	Batch      int           // messages of a flush; 1,024
	Bytes      int           // bytes of a flush, above which the next batch begins; 1 MiB
	Queue      int           // messages that wait or are being written; 4,096
	Linger     time.Duration // how long a batch gathers under load, at most; 0 not at all
	MaxWait    time.Duration // expected wait above which a message is refused; 700 ms
	AckTimeout time.Duration // a flush that takes longer is answered as unknown; 10 s
	Writers    int           // flushes under way at the same time; 1

	// Crowd is how many clients are connected. Under load a flush waits until
	// three quarters of them have left a message: those are then served by one
	// flush, and the others keep the processors busy meanwhile. May be nil.
	Crowd func() int
	// Allowed says why nothing may be taken at the moment: this process must not
	// make IDs when it may not be the only one that makes them. May be nil.
	Allowed func() error
	// Observe is told of every flush: messages, time, outcome. May be nil.
	Observe func(messages int, took time.Duration, err error)
}

func (s Settings) withDefaults() Settings {
	def := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&s.Batch, 1024)
	def(&s.Bytes, 1<<20)
	def(&s.Queue, 4096)
	def(&s.Writers, 1)
	if s.MaxWait <= 0 {
		s.MaxWait = 700 * time.Millisecond
	}
	if s.AckTimeout <= 0 {
		s.AckTimeout = 10 * time.Second
	}
	if s.Crowd == nil {
		s.Crowd = func() int { return 0 }
	}
	if s.Allowed == nil {
		s.Allowed = func() error { return nil }
	}
	if s.Observe == nil {
		s.Observe = func(int, time.Duration, error) {}
	}
	return s
}
