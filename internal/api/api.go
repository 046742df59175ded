// Package api is /v1: for programs, what the pages are for people. It reads
// messages and threads, handles them, manages people, channels and apps, follows
// the event log and takes messages down, with an OpenAPI document that is made
// from the same types as the answers.
//
// It promises that every operation has its permission beside it and is reached by
// an API key alone, never by a browser's session; that errors are problem+json
// with a stable code and repeat nothing of what was sent; that numbers are masked
// for keys without numbers.see, and that showing and exporting is audited before
// it is done; and that a message that was answered with 201 is on the disk. app
// makes it and serves it behind the compatible surface.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Messages is where messages are read.
type Messages interface {
	// Messages is a page, searched when q.Text is not empty.
	Messages(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, error)
	Message(ctx context.Context, tenant desk.TenantID, name string) ([]desk.Listed, error)
	// CallerKeys are the normalised forms of a number as somebody typed it.
	CallerKeys(ctx context.Context, tenant desk.TenantID, channel desk.ChannelID, caller string) ([]string, error)
}

// Rooms is where tenants, channels and apps are kept: the store.
type Rooms interface {
	Tenants(ctx context.Context) ([]desk.Tenant, error)
	Channels(ctx context.Context, tenant desk.TenantID) ([]desk.Channel, error)
	AddChannel(ctx context.Context, c desk.Channel) error
	ChangeChannel(ctx context.Context, tenant desk.TenantID, idOrName string, change func(*desk.Channel) error) (desk.Channel, error)
	Apps(ctx context.Context, tenant desk.TenantID) ([]desk.App, error)
	AddApp(ctx context.Context, a desk.App) error
	ChangeApp(ctx context.Context, tenant desk.TenantID, keyOrName string, change func(*desk.App) error) (desk.App, error)
}

// Log is the event log: the store.
type Log interface {
	Events(ctx context.Context, tenant desk.TenantID, after int64, limit int) (desk.Excerpt, error)
}

// Feed tells of new events.
type Feed interface {
	Subscribe(tenant desk.TenantID) (wake <-chan struct{}, cancel func())
	Head(tenant desk.TenantID) int64
}

// Intake takes messages down; see package intake for what its errors mean.
type Intake interface {
	Take(ctx context.Context, m *desk.Message, textLimit int, key string) (desk.Receipt, error)
}

// Snapshot knows the channels without asking the store.
type Snapshot interface {
	Channel(app *desk.App, configurationID string) (*desk.Channel, error)
}

// Parts is what /v1 is made of.
type Parts struct {
	Desk     *handling.Desk
	People   *people.People
	Keys     *people.Keys
	Messages Messages
	Rooms    Rooms
	Book     people.Book // the audit log
	Log      Log
	Feed     Feed
	Intake   Intake
	Snapshot Snapshot
	Draining <-chan struct{} // closed when the server stops: streams end
	Now      func() time.Time
	Logger   *slog.Logger
	Observe  func(route string, status int, code string, took time.Duration)
	// Address is how people reach the server, for one-time links; "" is what the
	// program asked for.
	Address string
	// Body is the most bytes of a request's body; PerKey the messages a minute
	// that one key may leave, 0 is no limit.
	Body, PerKey int
	// Beat is how often a stream says something; 15 seconds when 0.
	Beat time.Duration
}

// Route is one operation, and what it takes to reach it.
type Route struct {
	Method, Path string
	May          desk.Permission
}

// Surface is /v1 as it is served.
type Surface struct {
	Parts
	pages  *web.Pages
	paths  *http.ServeMux // knows each path, whatever the method
	takes  map[string][]string
	routes []Route
	rate   *auth.Limiter
	shown  shown
	spec   []byte
	guide  []byte
}

// New makes the surface.
func New(p Parts) (*Surface, error) {
	if p.Beat == 0 {
		p.Beat = 15 * time.Second
	}
	began := p.Now()
	s := &Surface{
		Parts: p, paths: http.NewServeMux(), takes: map[string][]string{},
		rate: auth.NewLimiter(time.Minute, func() time.Duration { return p.Now().Sub(began) }),
	}
	d := newDoor(s)
	for _, register := range []func(*door){
		(*door).messages, (*door).leaving, (*door).exports, (*door).threads, (*door).handling,
		(*door).events, (*door).people, (*door).channels, (*door).apps,
	} {
		register(d)
	}
	if err := s.document(d); err != nil {
		return nil, err
	}
	open := []web.Page{
		{Method: http.MethodGet, Path: base + "/openapi.json", Handle: s.openapi},
		{Method: http.MethodGet, Path: base + "/docs", Handle: s.docs},
		{Method: http.MethodGet, Path: base + "/docs.css", Handle: s.style},
	}
	for _, page := range open {
		s.know(page.Method, page.Path)
	}
	lost := web.Page{Path: base + "/{rest...}", Handle: s.lost}
	var err error
	s.pages, err = web.NewPages(web.PagesSettings{
		Log: p.Logger, Observe: p.Observe, Fail: s.failed, MaxForm: int64(p.Body) + 1,
	}, append(append(d.pages, open...), lost))
	return s, err
}

const base = "/v1"

// know remembers which methods a path takes.
func (s *Surface) know(method, path string) {
	if s.takes[path] == nil {
		s.paths.Handle(path, http.NotFoundHandler())
	}
	s.takes[path] = append(s.takes[path], method)
}

// Routes lists every operation, for whoever checks who may reach what.
func (s *Surface) Routes() []Route { return s.routes }

// Owns implements web.Surface: everything below /v1 is answered here.
func (s *Surface) Owns(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, base+"/") }

// ServeHTTP implements http.Handler.
func (s *Surface) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.pages.ServeHTTP(w, r) }

// lost answers what no operation does.
func (s *Surface) lost(v *web.Visit) error {
	_, path := s.paths.Handler(v.R)
	if path == "" {
		return desk.Errorf(desk.Missing, "not_found", "there is nothing at this path; %s/docs lists what there is", base)
	}
	v.W.Header().Set("Allow", strings.Join(s.takes[path], ", "))
	return errMethod
}

// failed answers an error that came up before an operation, or in place of it.
func (s *Surface) failed(v *web.Visit, err error) { s.refusal(v.R.Context(), err).write(v.W) }

var _ huma.Adapter = (*door)(nil)
