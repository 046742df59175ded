package browser

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Heard is what the stream said. Its slices hold until the next one.
type Heard struct {
	Event  string // hello, thread, counts, seen, beat, reset
	Thread []byte // of thread: its ID
	Kinds  []byte // of thread: what happened, as a JSON array
	Own    bool   // of thread: this person did it
}

// Listen opens the stream and tells what it hears until ctx ends, which is no
// error; that the stream ended before is one.
func (b *Browser) Listen(ctx context.Context, tell func(Heard)) error {
	req, err := b.request(ctx, "/events", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := b.http.Do(req)
	if err != nil {
		return quiet(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the stream was refused: status %d", res.StatusCode)
	}
	lines := bufio.NewReaderSize(res.Body, 64<<10)
	var now Heard
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the stream ended")
			}
			return quiet(ctx, err)
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if event, is := bytes.CutPrefix(line, []byte("event: ")); is {
			now = Heard{Event: string(event)}
			continue
		}
		data, is := bytes.CutPrefix(line, []byte("data: "))
		if !is {
			continue
		}
		if now.Event == "thread" && !now.read(data) {
			return fmt.Errorf("the stream told of a thread in other words: %.80s", data)
		}
		tell(now)
	}
}

// quiet: a stream that we let go of has not failed.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// read takes what is needed from the beginning of the data, which has a fixed
// order; parsing all of it for hundreds of screens would cost the benchmark more
// than the server.
func (h *Heard) read(data []byte) bool {
	rest, ok := bytes.CutPrefix(data, []byte(`{"id":"`))
	if !ok {
		return false
	}
	if h.Thread, rest, ok = bytes.Cut(rest, []byte(`","kinds":`)); !ok {
		return false
	}
	if h.Kinds, rest, ok = bytes.Cut(rest, []byte(`,"views":`)); !ok {
		return false
	}
	_, rest, ok = bytes.Cut(rest, []byte(`,"own":`))
	h.Own = bytes.HasPrefix(rest, []byte("true"))
	return ok
}
