// Package load asks an HTTP server for the same few things as often as it can,
// and measures. It shares the machine with the server that it measures, so it
// is cheap: requests are prepared bytes, answers are read just far enough to
// know what they say, and nothing is allocated on the way.
//
// It promises that every request is counted once, under what came of it, and
// that in open loop a latency begins when the request was due, not when a slow
// server let it be sent. It refuses to guess: an answer that it cannot read is
// counted as broken. Benchmarks call it, and nothing else.
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Plan is what to do to a server.
type Plan struct {
	Addr        string        // host:port
	Also        []string      // other nodes of the same service: connections go to one after the other
	Requests    [][]byte      // whole HTTP/1.1 requests, sent in turn
	Connections int           // each sends its next request when it has its answer
	Warm        time.Duration // before counting begins
	Duration    time.Duration // of what is counted
	Rate        float64       // requests a second of all connections; 0: as fast as answers come
}

// addr is where a connection goes.
func (p *Plan) addr(index int) string {
	if i := index % (1 + len(p.Also)); i > 0 {
		return p.Also[i-1]
	}
	return p.Addr
}

// Result is what came of it, of the answers that arrived while it was counted.
type Result struct {
	Acked   int64 // resultCode 0: stored and flushed
	Failed  int64 // resultCode 13
	Busy    int64 // 503
	Limited int64 // 429
	Other   int64 // any other answer
	Broken  int64 // no whole answer
	Took    time.Duration
	Latency *Histogram // of what was acknowledged
	Refusal *Histogram // of 503 and 429
	Sample  string     // the first answer that counts as other
}

// Rate is acknowledged messages a second.
func (r *Result) Rate() float64 { return float64(r.Acked) / r.Took.Seconds() }

// Unacked is how many were not acknowledged.
func (r *Result) Unacked() int64 { return r.Failed + r.Busy + r.Limited + r.Other + r.Broken }

// Run performs the plan.
func Run(ctx context.Context, p Plan) (*Result, error) {
	if p.Connections < 1 || len(p.Requests) == 0 || p.Duration <= 0 {
		return nil, errors.New("a plan has connections, requests and a duration")
	}
	workers := make([]*worker, 0, p.Connections)
	defer func() {
		for _, w := range workers {
			w.conn.Close()
		}
	}()
	for i := range p.Connections {
		conn, err := net.DialTimeout("tcp", p.addr(i), 5*time.Second)
		if err != nil {
			return nil, fmt.Errorf("connection %d: %w", i, err)
		}
		workers = append(workers, newWorker(conn, &p, i))
	}
	start := time.Now()
	clock := window{start: start, from: start.Add(p.Warm), to: start.Add(p.Warm + p.Duration)}
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() { w.run(ctx, clock) })
	}
	all.Wait()
	sum := &Result{Took: p.Duration, Latency: &Histogram{}, Refusal: &Histogram{}}
	for _, w := range workers {
		sum.add(w.result)
	}
	return sum, ctx.Err()
}

func (r *Result) add(o *Result) {
	r.Acked += o.Acked
	r.Failed += o.Failed
	r.Busy += o.Busy
	r.Limited += o.Limited
	r.Other += o.Other
	r.Broken += o.Broken
	r.Latency.Merge(o.Latency)
	r.Refusal.Merge(o.Refusal)
	if r.Sample == "" {
		r.Sample = o.Sample
	}
}

// window is the time that is counted.
type window struct{ start, from, to time.Time }

type worker struct {
	conn   net.Conn
	plan   *Plan
	index  int
	next   int
	buf    []byte
	result *Result
}

func newWorker(conn net.Conn, p *Plan, index int) *worker {
	return &worker{
		conn: conn, plan: p, index: index, next: index * len(p.Requests) / p.Connections,
		buf: make([]byte, 16<<10), result: &Result{Latency: &Histogram{}, Refusal: &Histogram{}},
	}
}

func (w *worker) run(ctx context.Context, clock window) {
	if err := w.conn.SetDeadline(clock.to.Add(30 * time.Second)); err != nil {
		return
	}
	for turn := 0; ctx.Err() == nil; turn++ {
		due := w.due(turn, clock)
		if !due.Before(clock.to) {
			return
		}
		kind, err := w.ask()
		done := time.Now()
		if counts := !done.Before(clock.from) && done.Before(clock.to); counts || err != nil {
			w.count(kind, done.Sub(due))
		}
		if err != nil && !w.redial() {
			return
		}
	}
}

// due waits for the moment of the next request and returns it. In open loop the
// connections take turns at the rate of the plan; one that is late sends at
// once, and its latency counts from when it was due.
func (w *worker) due(turn int, clock window) time.Time {
	if w.plan.Rate <= 0 {
		return time.Now()
	}
	n := float64(turn*w.plan.Connections + w.index)
	due := clock.start.Add(time.Duration(n / w.plan.Rate * float64(time.Second)))
	if wait := time.Until(due); wait > 0 {
		time.Sleep(wait)
	}
	return due
}

func (w *worker) redial() bool {
	w.conn.Close()
	conn, err := net.DialTimeout("tcp", w.plan.addr(w.index), time.Second)
	if err != nil {
		return false
	}
	w.conn = conn
	return conn.SetDeadline(time.Now().Add(w.plan.Warm+w.plan.Duration+30*time.Second)) == nil
}

func (w *worker) count(k kind, took time.Duration) {
	r := w.result
	switch k {
	case acked:
		r.Acked++
		r.Latency.Add(took)
	case failed:
		r.Failed++
	case busy:
		r.Busy++
		r.Refusal.Add(took)
	case limited:
		r.Limited++
		r.Refusal.Add(took)
	case other:
		r.Other++
	default:
		r.Broken++
	}
}

type kind int

const (
	broken kind = iota
	acked
	failed
	busy
	limited
	other
)

// ask sends one request and reads its answer; an error means that the
// connection is of no more use.
func (w *worker) ask() (kind, error) {
	request := w.plan.Requests[w.next%len(w.plan.Requests)]
	w.next++
	if _, err := w.conn.Write(request); err != nil {
		return broken, err
	}
	have := 0
	for {
		n, err := w.conn.Read(w.buf[have:])
		have += n
		whole, size, bad := measure(w.buf[:have])
		switch {
		case bad != nil:
			return broken, bad
		case whole:
			k := judge(w.buf[:size])
			if k == other && w.result.Sample == "" {
				w.result.Sample = string(w.buf[:size])
			}
			if bytes.Contains(w.buf[:size], []byte("Connection: close")) {
				return k, errors.Join(errClosing, err)
			}
			return k, nil
		case err != nil:
			return broken, err
		case have == len(w.buf):
			return broken, errors.New("an answer of more than 16 KiB")
		}
	}
}

var (
	errClosing = errors.New("the server closes the connection")
	headerEnd  = []byte("\r\n\r\n")
	length     = []byte("\r\nContent-Length: ")
	codeZero   = []byte(`"resultCode":"0"`)
	code13     = []byte(`"resultCode":"13"`)
)

// measure says whether b holds a whole answer, and how long that is.
func measure(b []byte) (whole bool, size int, err error) {
	end := bytes.Index(b, headerEnd)
	if end < 0 {
		return false, 0, nil
	}
	at := bytes.Index(b[:end], length)
	if at < 0 {
		return false, 0, errors.New("an answer without Content-Length")
	}
	digits := b[at+len(length) : end]
	if i := bytes.IndexByte(digits, '\r'); i >= 0 {
		digits = digits[:i]
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		return false, 0, err
	}
	size = end + len(headerEnd) + n
	return len(b) >= size, size, nil
}

// judge reads "HTTP/1.1 200 …" and the resultCode.
func judge(b []byte) kind {
	if len(b) < 12 {
		return other
	}
	switch string(b[9:12]) {
	case "200":
		if bytes.Contains(b, codeZero) {
			return acked
		}
		if bytes.Contains(b, code13) {
			return failed
		}
	case "503":
		return busy
	case "429":
		return limited
	}
	return other
}
