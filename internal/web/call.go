package web

import (
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Note is what a handler adds to the log line of its request. Nothing in it is
// a secret or a text; Caller is masked when it is written.
type Note struct {
	App       string
	Caller    string
	Reference string
	Key       string // what became of the Idempotency-Key: "" none, "new", "replayed"
}

// Call is one request and its answer. It is used again for other requests, so
// nothing of it may be kept; strings made from its body may.
type Call struct {
	R    *http.Request
	Note Note

	w      http.ResponseWriter
	table  *Table
	route  *Route
	begun  time.Time
	status int // 0 until answered
	code   string
	err    error
	bytes  int // of the body, as read
	body   []byte
	line   []slog.Attr
}

// keepBody is the largest buffer that a Call keeps for its next request.
const keepBody = 16 << 10

func (c *Call) begin(w http.ResponseWriter, r *http.Request) {
	c.R, c.w, c.begun = r, w, time.Now()
	if len(r.TransferEncoding) > 0 {
		// net/http hides a Content-Length that came with Transfer-Encoding.
		// Whoever smuggles a second request behind the first one gets no
		// connection to do it on.
		w.Header()["Connection"] = closing
	}
}

func (c *Call) end() {
	body := c.body[:0]
	if cap(body) > keepBody {
		body = nil
	}
	clear(c.line)
	*c = Call{table: c.table, body: body, line: c.line[:0]}
}

func (c *Call) path() string {
	if c.route == nil {
		return ""
	}
	return c.route.Path
}

// Set adds a header to the answer.
func (c *Call) Set(name, value string) { c.w.Header().Set(name, value) }

// Answer writes the answer, once; a second one is ignored.
func (c *Call) Answer(a Answer) {
	if c.status != 0 {
		return
	}
	c.status, c.code = a.Status, a.Code
	a.write(c.w)
}

// Abort closes the connection without an answer and does not return. The code
// is for the log.
func (c *Call) Abort(code string) {
	c.code = code
	panic(http.ErrAbortHandler)
}

var (
	errTooLarge = Refuse(Problem(http.StatusRequestEntityTooLarge, "too_large", "the request body is too large").Closing())
	errEncoding = Refuse(Problem(http.StatusBadRequest, "content_encoding", "Content-Encoding is not accepted; send the body as it is"))
	errType     = Refuse(Problem(http.StatusBadRequest, "content_type", "the body must be application/json in UTF-8"))
	errFraming  = Refuse(Problem(http.StatusBadRequest, "bad_framing", "the request body is not framed as HTTP/1.1 asks for").Closing())
)

// JSON is the whole body of a request that says it is JSON in UTF-8, or says
// nothing. The bytes are valid until the handler returns. When the body does
// not arrive as announced, nothing is answered: the connection is closed.
func (c *Call) JSON() ([]byte, error) {
	if c.R.ContentLength > int64(c.table.set.MaxBody) {
		return nil, errTooLarge
	}
	for _, e := range c.R.Header["Content-Encoding"] {
		if !strings.EqualFold(e, "identity") {
			return nil, errEncoding
		}
	}
	if !jsonType(c.R.Header["Content-Type"]) {
		return nil, errType
	}
	return c.read(c.table.set.MaxBody)
}

// jsonType accepts application/json with the charset UTF-8 or none. No header
// at all is taken for JSON; two headers are not.
func jsonType(values []string) bool {
	if len(values) == 0 || len(values) == 1 && (values[0] == "application/json" || values[0] == "") {
		return true
	}
	media, params, err := mime.ParseMediaType(values[0])
	if err != nil || len(values) > 1 || media != "application/json" {
		return false
	}
	charset, some := params["charset"]
	return !some || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// read takes the body to its end. net/http decodes chunks.
func (c *Call) read(limit int) ([]byte, error) {
	b := c.body[:0]
	if n := int(c.R.ContentLength); n > 0 {
		b = slices.Grow(b, n+1) // one more, so that the end is seen without growing
	}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(max(512, len(b)), limit+1))
		}
		n, err := c.R.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		c.body, c.bytes = b, len(b)
		switch {
		case len(b) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return b, nil
		case err != nil && broken(err):
			c.Abort("body_incomplete")
		case err != nil:
			return nil, errFraming
		}
	}
}

// broken: the connection is gone, too slow or closed early. What remains are
// complaints about the form of chunks.
func broken(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrBodyReadAfterClose)
}

// attrs is the log line. Values of strangers are escaped here, callers masked.
func (c *Call) attrs(took time.Duration) []slog.Attr {
	l := append(c.line[:0],
		slog.String("event", "request"),
		slog.String("method", Clean(c.R.Method, 16)),
		slog.String("route", c.path()),
		slog.Int("status", c.status),
		slog.String("code", c.code),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.Int("bytes", c.bytes))
	for _, s := range [...]struct{ name, value string }{
		{"app", c.Note.App}, {"reference", c.Note.Reference}, {"key", c.Note.Key},
	} {
		if s.value != "" {
			l = append(l, slog.String(s.name, Clean(s.value, 64)))
		}
	}
	if c.Note.Caller != "" {
		l = append(l, slog.String("caller", Clean(Mask(c.Note.Caller), 64)))
	}
	if c.err != nil {
		l = append(l, c.reason()...)
	}
	c.line = l
	return l
}

// reason names the error; its cause is shown only when it is ours to mend.
func (c *Call) reason() []slog.Attr {
	var e *desk.Error
	if !errors.As(c.err, &e) {
		var refused *Refusal
		if errors.As(c.err, &refused) {
			return nil // its code is the answer's
		}
		return []slog.Attr{slog.String("cause", Clean(c.err.Error(), 512))}
	}
	l := []slog.Attr{slog.String("reason", e.Code)}
	if e.Err != nil {
		l = append(l, slog.String("cause", Clean(e.Error(), 512)))
	}
	return l
}
