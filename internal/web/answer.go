package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Answer is a response whose bytes are known. It is a value: With and its like
// give another one.
type Answer struct {
	Status int
	Code   string // a stable word for logs and metrics
	body   []byte
	length []string
	more   []header
}

type header struct {
	name   string // canonical
	values []string
}

var (
	jsonUTF8 = []string{"application/json;charset=UTF-8"}
	noStore  = []string{"no-store"}
	closing  = []string{"close"}
)

// JSON makes an answer of a body that is JSON already.
func JSON(status int, code, body string) Answer {
	return Answer{Status: status, Code: code, body: []byte(body), length: []string{strconv.Itoa(len(body))}}
}

// Empty makes an answer without a body.
func Empty(status int, code string) Answer { return Answer{Status: status, Code: code} }

// Problem is the answer of whoever cannot speak a call's own language:
// {"errorCode":"…","exceptionInfo":"…"}, the form of AICC's gateway. The code
// is a stable word, the text a sentence without internals.
func Problem(status int, code, text string) Answer {
	return JSON(status, code, `{"errorCode":`+Quote(code)+`,"exceptionInfo":`+Quote(text)+`}`)
}

// Quote is s as a JSON string.
func Quote(s string) string {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil { // invalid UTF-8, which AppendQuote has replaced
		return strconv.QuoteToASCII(s)
	}
	return string(b)
}

// With adds a header to the answer.
func (a Answer) With(name, value string) Answer {
	a.more = append(a.more[:len(a.more):len(a.more)], header{http.CanonicalHeaderKey(name), []string{value}})
	return a
}

// Closing ends the connection after the answer.
func (a Answer) Closing() Answer { return a.With("Connection", "close") }

// RetryAfter says when to ask again, in whole seconds and at least one.
func (a Answer) RetryAfter(wait time.Duration) Answer {
	seconds := max(1, int64((wait+time.Second-1)/time.Second))
	return a.With("Retry-After", strconv.FormatInt(seconds, 10))
}

// Body is the answer's body, for tests and for the listener.
func (a Answer) Body() string { return string(a.body) }

func (a Answer) write(w http.ResponseWriter) {
	h := w.Header()
	for _, m := range a.more {
		h[m.name] = m.values
	}
	h["Cache-Control"] = noStore
	if a.body != nil {
		h["Content-Type"], h["Content-Length"] = jsonUTF8, a.length
	}
	w.WriteHeader(a.Status)
	if a.body != nil {
		_, _ = w.Write(a.body) // a client that has gone away is told nothing
	}
}

// Refusal is an error of HTTP itself: it carries its answer.
type Refusal struct{ Answer Answer }

// Refuse makes a Refusal of an answer.
func Refuse(a Answer) *Refusal { return &Refusal{a} }

// Error is the answer's code.
func (r *Refusal) Error() string { return r.Answer.Code }
