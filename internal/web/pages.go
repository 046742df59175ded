package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Page is one route that people reach with a browser.
type Page struct {
	Method string // GET answers HEAD as well
	Path   string // as http.ServeMux writes it: /thread/{id}
	Handle func(*Visit) error
}

// PagesSettings of Pages.
type PagesSettings struct {
	Log *slog.Logger
	// Observe, when set, is told about every answer, as a Table's is.
	Observe func(route string, status int, code string, took time.Duration)
	// Fail makes a page of an error. It is also asked after a panic.
	Fail func(*Visit, error)
	// Origins are other addresses of this server, scheme and host, from which
	// forms may be sent: behind a proxy that changes Host there is one, staff.url.
	Origins []string
	// MaxForm is the most bytes of a form; 65,536 when 0.
	MaxForm int64
}

// Pages answers browsers: strict headers, no request that another site forged,
// one log line a request, and a panic is a page like any other.
type Pages struct {
	set   PagesSettings
	mux   *http.ServeMux
	cross *http.CrossOriginProtection
	zips  sync.Pool // of *gzip.Writer
}

// NewPages makes the surface of the pages. An origin that is none is an error.
func NewPages(set PagesSettings, pages []Page) (*Pages, error) {
	if set.Log == nil {
		set.Log = slog.New(slog.DiscardHandler)
	}
	if set.MaxForm <= 0 {
		set.MaxForm = 64 << 10
	}
	p := &Pages{set: set, mux: http.NewServeMux(), cross: http.NewCrossOriginProtection()}
	for _, origin := range set.Origins {
		if err := p.cross.AddTrustedOrigin(origin); err != nil {
			return nil, desk.Wrap(desk.Invalid, "origin", "an origin looks like https://desk.example.com", err)
		}
	}
	for _, page := range pages {
		p.mux.Handle(page.Method+" "+page.Path, p.handler(page))
	}
	return p, nil
}

// Owns implements Surface: there is a page at this path, by this method.
func (p *Pages) Owns(r *http.Request) bool {
	_, pattern := p.mux.Handler(r)
	return pattern != ""
}

// ServeHTTP implements http.Handler.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// forged refuses what another site sent. To the operator it also says what his
// proxy may have done: browsers without Sec-Fetch-Site, and all of them over
// plain HTTP, are judged by Host.
func forged(r *http.Request) error {
	return desk.Wrap(desk.Forbidden, "cross_site", "another site sent this form; open the page here and try again",
		fmt.Errorf("it comes from %s, and this is %s; when both are this server, set staff.url to what browsers call it",
			Clean(r.Header.Get("Origin"), 100), Clean(r.Host, 100)))
}

func (p *Pages) handler(page Page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &Visit{R: r, pages: p, page: page, begun: time.Now()}
		v.W = &recorder{ResponseWriter: w, visit: v}
		defer p.finish(v)
		guard(w.Header())
		r.Body = http.MaxBytesReader(w, r.Body, p.set.MaxForm)
		err := p.cross.Check(r)
		if err != nil && !teeth.On("any-site") {
			err = forged(r)
		} else {
			err = page.Handle(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

// guard sets what every page says: nothing runs, loads or frames that is not
// ours, and nothing is kept.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
		"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
	h.Set("Cache-Control", "no-store")
}

func (p *Pages) finish(v *Visit) {
	cause := recover()
	if cause == any(http.ErrAbortHandler) {
		p.record(v)
		panic(cause)
	}
	if cause != nil {
		p.set.Log.Error("a page panicked", "event", "panic", "route", v.page.Path,
			"cause", Clean(fmt.Sprint(cause), 256), "stack", string(debug.Stack()))
		v.fail(desk.Errorf(desk.Internal, "panic", "something broke here; it is in the log"))
	}
	p.record(v)
}

func (p *Pages) record(v *Visit) {
	took := time.Since(v.begun)
	if p.set.Observe != nil {
		p.set.Observe(v.page.Path, v.status, v.code, took)
	}
	level := slog.LevelInfo
	if v.status >= 500 || v.status == 0 {
		level = slog.LevelWarn
	}
	p.set.Log.LogAttrs(context.Background(), level, "request", v.attrs(took)...)
}

// Visit is one request of a page, and its answer.
type Visit struct {
	R *http.Request
	W http.ResponseWriter
	// Person is who asked, an identifier for the log.
	Person string

	pages  *Pages
	page   Page
	begun  time.Time
	status int
	code   string
	err    error
}

func (v *Visit) fail(err error) {
	v.err = err
	var e *desk.Error
	if errors.As(err, &e) {
		v.code = e.Code
	}
	if v.status == 0 && v.pages.set.Fail != nil {
		v.pages.set.Fail(v, err)
	}
}

func (v *Visit) attrs(took time.Duration) []slog.Attr {
	l := []slog.Attr{
		slog.String("event", "request"), slog.String("method", v.page.Method), slog.String("route", v.page.Path),
		slog.Int("status", v.status), slog.String("code", v.code),
		slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	if v.Person != "" {
		l = append(l, slog.String("person", v.Person))
	}
	var e *desk.Error
	if errors.As(v.err, &e) && e.Err == nil || v.err == nil {
		return l
	}
	return append(l, slog.String("cause", Clean(v.err.Error(), 512)))
}

var (
	errFormSize = desk.Errorf(desk.Invalid, "too_large", "the form is too large; shorten what you wrote")
	errForm     = desk.Errorf(desk.Invalid, "form", "the form could not be read; load the page again")
)

// Form reads the form that was sent; what is in the address does not count.
func (v *Visit) Form() error {
	err := v.R.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return errFormSize
	case err != nil:
		return errForm
	}
	return nil
}

// Go sends the browser to another page of ours, to be read with GET.
func (v *Visit) Go(path string) { http.Redirect(v.W, v.R, path, http.StatusSeeOther) }

// recorder remembers the status. Unwrap lets an http.ResponseController see
// what is beneath.
type recorder struct {
	http.ResponseWriter
	visit *Visit
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.visit.status == 0 {
		r.visit.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.visit.status == 0 {
		r.visit.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
