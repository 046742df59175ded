package openapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Problem is an error as RFC 9457 writes it, with a stable code. It repeats
// nothing of what was sent.
type Problem struct {
	Title  string `json:"title" doc:"What went wrong, in general" example:"Conflict"`
	Status int    `json:"status" doc:"The HTTP status" example:"409"`
	Code   string `json:"code" doc:"A stable word for programs" example:"claimed_by"`
	Detail string `json:"detail" doc:"A sentence for people" example:"Ann is at this thread; take another one, or ask for it"`
	Errors []Flaw `json:"errors,omitempty" nullable:"false" doc:"What is wrong with the values, one by one"`

	header http.Header
}

// Flaw is one value that is wrong.
type Flaw struct {
	Location string `json:"location" doc:"Where it stands" example:"body.outcome"`
	Message  string `json:"message" doc:"What is wrong with it" example:"expected string"`
}

const problemJSON = "application/problem+json"

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemJSON }

func (p *Problem) write(w http.ResponseWriter) {
	b, err := json.Marshal(p)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", problemJSON)
	w.WriteHeader(p.Status)
	_, _ = w.Write(b) // a program that has gone away is told nothing
}

// kinds is the one table from what went wrong to what is answered. A code, where
// there is one, stands for whatever the error's own says: of a disk's troubles it
// matters only whether the message is there.
var kinds = map[desk.Kind]struct {
	status int
	code   string
}{
	desk.Internal:        {http.StatusInternalServerError, "internal"},
	desk.Invalid:         {http.StatusUnprocessableEntity, ""},
	desk.Unauthenticated: {http.StatusUnauthorized, ""},
	desk.Forbidden:       {http.StatusForbidden, ""},
	desk.Missing:         {http.StatusNotFound, ""},
	desk.Conflict:        {http.StatusConflict, ""},
	desk.Limited:         {http.StatusTooManyRequests, ""},
	desk.Busy:            {http.StatusServiceUnavailable, ""},
	desk.Unstored:        {http.StatusServiceUnavailable, "not_stored"},
	desk.Unknown:         {http.StatusInternalServerError, "unknown"},
}

var (
	errInternal  = desk.Errorf(desk.Internal, "internal", "something broke here; it is in the log")
	errUnknown   = desk.Errorf(desk.Unknown, "unknown", "nobody knows whether it was stored; send it again with the same Idempotency-Key")
	errNotStored = &desk.Error{Kind: desk.Unstored, Code: "not_stored", Text: "it was not stored; send it again in a moment", RetryAfter: time.Second}
)

// refusal is the answer to an error, which is noted for the log.
func refusal(ctx context.Context, err error) *Problem {
	c := Of(ctx)
	c.Err = err
	var large *http.MaxBytesError
	var e *desk.Error
	switch ok := errors.As(err, &e); {
	case errors.As(err, &large):
		e = desk.Errorf(desk.Invalid, "too_large", "the body is too large")
	case !ok:
		e = errInternal
	}
	switch e.Kind {
	case desk.Internal:
		e = errInternal
	case desk.Unknown:
		e = errUnknown
	case desk.Unstored:
		e = errNotStored
	}
	return problemOf(e)
}

func problemOf(e *desk.Error) *Problem {
	k := kinds[e.Kind]
	p := &Problem{Status: k.status, Code: e.Code, Detail: e.Text, header: http.Header{}}
	if k.code != "" {
		p.Code = k.code
	}
	if status := special[p.Code]; status != 0 {
		p.Status = status
	}
	if text := quiet(p.Code); text != "" {
		p.Detail = text
	}
	p.Title = http.StatusText(p.Status)
	switch {
	case e.Kind == desk.Unauthenticated:
		p.header.Set("WWW-Authenticate", `Bearer realm="afterbeep"`)
	case e.Kind == desk.Limited, e.Kind == desk.Busy, e.Kind == desk.Unstored:
		p.header.Set("Retry-After", strconv.FormatInt(max(1, int64((e.RetryAfter+time.Second-1)/time.Second)), 10))
	}
	return p
}

// codes are those of errors that the library finds.
var codes = map[int]string{
	http.StatusBadRequest: "body", http.StatusRequestEntityTooLarge: "too_large", http.StatusRequestTimeout: "timeout",
	http.StatusUnsupportedMediaType: "content_type", http.StatusUnprocessableEntity: "values",
	http.StatusNotAcceptable: "not_acceptable", http.StatusInternalServerError: "internal",
}

// reworded says the library's errors in our words: its own repeat the values, and
// the names of fields that do not exist.
func reworded(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &Problem{Status: m.Status, Title: http.StatusText(m.Status), Code: codes[m.Status], Detail: "some values are not right; the document at " + Base + "/docs says how they look"}
	switch m.Status {
	case http.StatusBadRequest:
		p.Detail = "the body is missing, or is not JSON with each name once"
		return p, nil
	case http.StatusUnprocessableEntity:
	default:
		p.Detail = "the request cannot be answered like this"
	}
	for _, e := range m.Errors {
		if e != nil {
			p.Errors = append(p.Errors, flaw(e))
		}
	}
	return p, nil
}

// sayable are the beginnings of the library's sentences that hold nothing of what
// was sent: only of what was expected.
var sayable = []string{"expected ", "required ", "invalid ", "unexpected property", "unknown query parameter"}

func flaw(e *huma.ErrorDetail) Flaw {
	f := Flaw{Location: e.Location, Message: "this is not what is expected here"}
	for _, s := range sayable {
		if strings.HasPrefix(e.Message, s) {
			f.Message, _, _ = strings.Cut(e.Message, ": ")
		}
	}
	if strings.HasPrefix(e.Message, "unexpected") || strings.HasPrefix(e.Message, "unknown") {
		f.Location, _, _ = strings.Cut(e.Location, ".") // the rest is a name that they made up
	}
	return f
}
