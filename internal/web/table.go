// Package web is the mechanism of HTTP that the surfaces share: an exact table
// of paths, answers whose bytes are decided beforehand, bodies that are read to
// their end before anything else happens, limits on what a connection may cost,
// and one log line a request.
//
// It promises that a request reaches a handler only by the exact path and
// method, that a panic is answered in the route's own words and takes nobody
// else down, and that neither a query string nor a token nor a text is ever
// logged. It refuses to redirect, to inflate and to guess a charset. The
// surfaces (aicc) bring the routes; app starts the server.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Route is one call of a surface.
type Route struct {
	Method string
	Path   string // exact, as it is escaped on the wire
	// Handle decodes, makes one domain call and answers; an error is answered
	// by Refuse.
	Handle func(*Call) error
	// Refuse is the surface's table from errors to answers.
	Refuse func(error) Answer
	// Panicked is the answer when Handle panics.
	Panicked Answer
	// Preflight answers an OPTIONS request, or says false: then it is as
	// unknown as any other method. It may be nil.
	Preflight func(*Call) bool
}

// Settings of a Table.
type Settings struct {
	Base    string // in front of every path, such as /aicc; "" is none
	MaxBody int    // bytes of a request's body
	Log     *slog.Logger
	// Observe, when set, is told about every answer: the route's path ("" when
	// there is none), its status and code, and how long it took.
	Observe func(route string, status int, code string, took time.Duration)
	// Lost, when set, may answer a path that is not in the table in its own
	// way. The answer of false is a 404.
	Lost func(*http.Request) (Answer, bool)
}

// Table answers exact paths. There is no pattern, no cleaning and no redirect:
// //, /./, %2e, another case and a trailing slash are other paths, and 404.
type Table struct {
	set    Settings
	routes map[string][]*Route
	calls  sync.Pool
}

// NewTable makes the handler of the routes.
func NewTable(set Settings, routes []Route) *Table {
	if set.Log == nil {
		set.Log = slog.New(slog.DiscardHandler)
	}
	t := &Table{set: set, routes: make(map[string][]*Route, len(routes))}
	for _, r := range routes {
		path := set.Base + r.Path
		t.routes[path] = append(t.routes[path], &r)
	}
	t.calls.New = func() any { return &Call{table: t} }
	return t
}

var notFound = Problem(http.StatusNotFound, "not_found", "there is nothing at this path")

// ServeHTTP implements http.Handler.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := t.calls.Get().(*Call)
	c.begin(w, r)
	defer t.finish(c)
	routes := t.routes[r.URL.EscapedPath()]
	if len(routes) == 0 {
		c.Answer(t.lost(r))
		return
	}
	for _, route := range routes {
		if route.Method == r.Method {
			c.route = route
			if err := route.Handle(c); err != nil {
				c.err = err
				c.Answer(route.Refuse(err))
			}
			return
		}
	}
	c.route = routes[0]
	if r.Method == http.MethodOptions && c.route.Preflight != nil && c.route.Preflight(c) {
		return
	}
	c.Answer(methodNotAllowed(routes))
}

func (t *Table) lost(r *http.Request) Answer {
	if t.set.Lost != nil {
		if a, ok := t.set.Lost(r); ok {
			return a
		}
	}
	return notFound
}

func methodNotAllowed(routes []*Route) Answer {
	allow := make([]string, len(routes))
	for i, r := range routes {
		allow[i] = r.Method
	}
	return Problem(http.StatusMethodNotAllowed, "method_not_allowed", "this path takes another method").
		With("Allow", strings.Join(allow, ", "))
}

// finish ends every request: it guards against panics, writes the log line and
// keeps the Call for another request, unless a panic may have left it odd.
func (t *Table) finish(c *Call) {
	cause := recover()
	switch {
	case cause == nil:
	case cause == any(http.ErrAbortHandler): // net/http panics with, and looks for, exactly this value
		t.record(c)
		panic(cause)
	default:
		t.set.Log.Error("a handler panicked", "event", "panic", "route", c.path(),
			"cause", Clean(fmt.Sprint(cause), 256), "stack", string(debug.Stack()))
		if c.status == 0 && c.route != nil {
			c.Answer(c.route.Panicked)
		}
	}
	t.record(c)
	if cause == nil {
		c.end()
		t.calls.Put(c)
	}
}

// record tells the log and the metrics what became of the request.
func (t *Table) record(c *Call) {
	took := time.Since(c.begun)
	if t.set.Observe != nil {
		t.set.Observe(c.path(), c.status, c.code, took)
	}
	level := slog.LevelInfo
	if c.status >= 500 || c.status == 0 {
		level = slog.LevelWarn
	}
	if t.set.Log.Enabled(context.Background(), level) {
		t.set.Log.LogAttrs(context.Background(), level, "request", c.attrs(took)...)
	}
}
