package chain

import (
	"bufio"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"sync"
)

// Backlog is many messages to leave, one JSON object a line.
type Backlog struct {
	Lines       io.Reader
	User        User // for lines that name no user, and the channel of all
	Concurrency int  // messages under way at the same time; 0 is 8

	// Report is told of every line, one at a time, in the order in which they
	// end. It may be nil.
	Report func(LineResult)
}

// LineResult is what became of one line.
type LineResult struct {
	Line    int // from 1
	Invalid error
	Key     string
	Result
}

// Summary counts the lines of a backlog.
type Summary struct {
	Acked    int            `json:"acked"`    // stored now
	Replayed int            `json:"replayed"` // had been stored by an earlier run
	Refused  map[string]int `json:"refused"`  // by reason
	Unknown  int            `json:"unknown"`
	Invalid  int            `json:"invalid"` // lines that are no message; they were not sent
}

// maxReasons bounds the memory that a server with inventive words can take.
const maxReasons = 100

// Failed counts what is not stored for certain.
func (s Summary) Failed() int {
	n := s.Unknown + s.Invalid
	for _, refused := range s.Refused {
		n += refused
	}
	return n
}

func (s *Summary) add(r LineResult) {
	switch {
	case r.Invalid != nil:
		s.Invalid++
	case r.Outcome == Acked && r.Replayed:
		s.Replayed++
	case r.Outcome == Acked:
		s.Acked++
	case r.Outcome == Unknown:
		s.Unknown++
	default:
		reason := r.Code + " " + r.Text
		if s.Refused[reason] == 0 && len(s.Refused) >= maxReasons {
			reason = "other"
		}
		s.Refused[reason]++
	}
}

// What ends a run before its last line, because no other line would pass.
var (
	ErrRefused = errors.New("the server refuses this app")
	ErrGone    = errors.New("the server cannot be reached any more")
)

// gone is how many messages in a row, for each that is under way at once, must
// fail to reach the server before the run gives up.
const gone = 3

// job is a line on its way to a worker.
type job struct {
	number int
	m      Message
}

// Run leaves every message of the backlog. Messages of one caller are left in
// the order of their lines; those of several callers overtake each other. When
// ctx ends, what is under way is awaited and nothing new is begun; the same
// backlog can then be run again. The error is of the stream or of the whole
// run; what became of single lines is in the summary.
func (c *Client) Run(ctx context.Context, b Backlog) (Summary, error) {
	if b.Concurrency <= 0 {
		b.Concurrency = 8
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan LineResult)
	queues := make([]chan job, b.Concurrency)
	var workers sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan job, 4)
		workers.Go(func() { c.work(ctx, queues[i], results) })
	}
	var failure error
	go func() {
		failure = c.feed(ctx, b, queues, results)
		for _, q := range queues {
			close(q)
		}
		workers.Wait()
		close(results)
	}()
	s, missed := Summary{Refused: map[string]int{}}, 0
	for r := range results {
		s.add(r)
		if b.Report != nil {
			b.Report(r)
		}
		if r.Fatal {
			cancel(ErrRefused)
		}
		if missed++; r.Code != unreachableCode {
			missed = 0
		}
		if missed >= gone*b.Concurrency {
			cancel(ErrGone)
		}
	}
	if failure == nil && ctx.Err() != nil {
		failure = context.Cause(ctx)
	}
	return s, failure
}

// work leaves the messages of its queue. After ctx has ended it empties the
// queue without sending; what was not sent is not reported either.
func (c *Client) work(ctx context.Context, queue <-chan job, results chan<- LineResult) {
	for j := range queue {
		if ctx.Err() != nil {
			continue
		}
		if r := c.Leave(ctx, j.m); r.Code != stoppedCode || r.Outcome == Unknown {
			results <- LineResult{Line: j.number, Key: j.m.Key, Result: r}
		}
	}
}

// feed reads the lines and gives each to the worker of its caller.
func (c *Client) feed(ctx context.Context, b Backlog, queues []chan job, results chan<- LineResult) error {
	seed := maphash.MakeSeed()
	for l := range readAhead(ctx, b.Lines) {
		if l.err != nil && !errors.Is(l.err, errLong) {
			return l.err
		}
		m, err := Message{}, l.err
		if err == nil {
			m, err = parse(l.raw, l.number, c.o.AppKey, b.User)
		}
		if err != nil {
			results <- LineResult{Line: l.number, Invalid: err}
			continue
		}
		select {
		case queues[maphash.String(seed, m.Caller)%uint64(len(queues))] <- job{l.number, m}:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// text is one line, or the error that came instead.
type text struct {
	raw    []byte
	number int
	err    error
}

// readAhead reads ahead by one line in a goroutine of its own, because a read from
// a terminal cannot be called off: when ctx ends, that goroutine alone waits on.
func readAhead(ctx context.Context, r io.Reader) func(func(text) bool) {
	return func(yield func(text) bool) {
		ch := make(chan text)
		go func() {
			defer close(ch)
			l := lines{r: bufio.NewReaderSize(r, 64<<10)}
			for {
				raw, number, err := l.next()
				if errors.Is(err, io.EOF) {
					return
				}
				select {
				case ch <- text{raw, number, err}:
				case <-ctx.Done():
					return
				}
				if err != nil && !errors.Is(err, errLong) {
					return
				}
			}
		}()
		for {
			select {
			case t, open := <-ch:
				if !open || !yield(t) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}
