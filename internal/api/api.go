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
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/people"
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
	Book     Book
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

// Surface is /v1 as it is served.
type Surface struct {
	Parts
	*openapi.Door
	rate  *auth.Limiter
	shown shown
}

const about = "For programs, what the pages are for people. Send an API key of the tenant: `Authorization: Bearer abk_…` " +
	"(`afterbeep key create` makes one, and so do the settings). IDs are strings, times RFC 3339 in UTC with microseconds. " +
	"Errors are problem+json (RFC 9457) with a stable `code`. Lists have a `next` address."

// New makes the surface.
func New(p Parts) (*Surface, error) {
	if p.Beat == 0 {
		p.Beat = 15 * time.Second
	}
	began := p.Now()
	s := &Surface{
		Parts: p, rate: auth.NewLimiter(time.Minute, func() time.Duration { return p.Now().Sub(began) }),
		Door: openapi.New(openapi.Settings{About: about, Keys: p.Keys, Logger: p.Logger, Observe: p.Observe, Body: p.Body}),
	}
	for _, register := range []func(){
		s.messages, s.leaving, s.threads, s.handling, s.entries, s.exports, s.events, s.people, s.channels, s.apps, s.keys, s.audit,
	} {
		register()
	}
	return s, s.Open()
}

const base = openapi.Base
