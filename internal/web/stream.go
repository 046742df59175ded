package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// streamWrite is how long one piece of a stream may take to be written.
const streamWrite = 10 * time.Second

// Stream is an answer of Server-Sent Events. It outlives the server's timeouts;
// each piece of it has one of its own. It is for one goroutine.
type Stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
	b  bytes.Buffer
}

// NewStream begins a stream.
func NewStream(w http.ResponseWriter) (*Stream, error) {
	s := &Stream{w: w, rc: http.NewResponseController(w)}
	if err := s.rc.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies that gather would hold back what is live
	w.WriteHeader(http.StatusOK)
	return s, nil
}

// Add puts an event in line: id, when not "", is what the browser resumes from.
// Neither id nor event has a line break.
func (s *Stream) Add(id, event, data string) {
	if id != "" {
		fmt.Fprintf(&s.b, "id: %s\n", id)
	}
	fmt.Fprintf(&s.b, "event: %s\n", event)
	for line := range strings.SplitSeq(strings.ReplaceAll(data, "\r", "\n"), "\n") {
		fmt.Fprintf(&s.b, "data: %s\n", line)
	}
	s.b.WriteByte('\n')
}

// Retry tells the browser how long to wait before it comes again.
func (s *Stream) Retry(wait time.Duration) { fmt.Fprintf(&s.b, "retry: %d\n\n", wait.Milliseconds()) }

// Flush sends what is in line. An error means that the browser has gone.
func (s *Stream) Flush() error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := s.w.Write(s.b.Bytes()); err != nil {
		return err
	}
	s.b.Reset()
	return s.rc.Flush()
}
