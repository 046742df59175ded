// Package ui is the staff's web application: signing in, the inbox, threads,
// search, settings, audit. Every page works as plain links and forms; with
// scripts, parts of it are exchanged, keys work, and what others do shows within
// a moment.
//
// It promises that what strangers wrote is shown as text, with nothing hidden in
// it; that a number is masked for whoever may not see it, and that showing one
// is audited; and that every route has its permission beside it (routes.go). It
// refuses inline scripts and styles and anything from another host. app makes it
// and serves it behind the compatible surface.
package ui

import (
	"context"
	"crypto/rand"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/web"
)

//go:embed texts templates static
var assets embed.FS

// Rooms are the tenant's channels and people, by whom a thread is told.
type Rooms interface {
	Channels(ctx context.Context, tenant desk.TenantID) ([]desk.Channel, error)
	People(ctx context.Context, tenant desk.TenantID) ([]desk.Person, error)
	Tenant(ctx context.Context, name string) (desk.Tenant, error)
}

// Audit is the audit log.
type Audit interface {
	Audit(ctx context.Context, d desk.Deed) (desk.Deed, error)
	Deeds(ctx context.Context, tenant desk.TenantID, q desk.DeedQuery) ([]desk.Deed, error)
}

// Parts is what the pages are made of.
type Parts struct {
	Desk     *handling.Desk
	People   *people.People
	Keys     *people.Keys
	OIDC     *people.OIDC // nil: nobody else signs people in
	Rooms    Rooms        // the store
	Audit    Audit        // the store
	Log      Log          // the store
	Feed     Feed
	Channels Channels        // the store
	Apps     Apps            // the store
	Draining <-chan struct{} // closed when the server stops: streams end
	Now      func() time.Time
	Logger   *slog.Logger
	Observe  func(route string, status int, code string, took time.Duration)
	// Origins are other addresses of this server; see web.PagesSettings.
	Origins []string
	// Address is how people reach the server, such as https://desk.example.com;
	// "" is what the browser asked for.
	Address string
	// Dialler is what calls a number; the zero one leaves it to the browser.
	Dialler desk.Dialler
	// Elsewhere is what people call the OpenID Connect provider.
	Elsewhere string
}

// ui is the pages' common state.
type ui struct {
	Parts
	files     *web.Files
	languages map[string]*language
	names     *directory
	hub       *hub
	secret    []byte // seals what a page hands itself; see shown.go
}

// New makes the surface. A template or a text that is broken is an error.
func New(p Parts) (*web.Pages, error) {
	u := &ui{Parts: p, languages: map[string]*language{}, secret: make([]byte, 32)}
	_, _ = rand.Read(u.secret) // never fails, see crypto/rand
	tree, err := fs.Sub(assets, "static")
	if err != nil {
		return nil, err
	}
	if u.files, err = web.NewFiles(tree); err != nil {
		return nil, err
	}
	for _, code := range languages() {
		if u.languages[code], err = learn(code, u.files.Path); err != nil {
			return nil, err
		}
	}
	u.names = newDirectory(p.Rooms, p.Now)
	u.hub = newHub(p.Log, p.Feed)
	pages := []web.Page{u.files.Page()}
	for _, r := range routes() {
		pages = append(pages, web.Page{Method: r.Method, Path: r.Path, Handle: u.enter(r)})
	}
	return web.NewPages(web.PagesSettings{
		Log: p.Logger, Observe: p.Observe, Origins: p.Origins, Fail: u.failed,
	}, pages)
}

// failed makes a page of an error that came up before or beneath a handler.
func (u *ui) failed(w *web.Visit, err error) { u.visit(w).problem(err) }

// statuses are the kinds of errors in HTTP's words.
func status(k desk.Kind) int {
	switch k {
	case desk.Invalid:
		return http.StatusUnprocessableEntity
	case desk.Unauthenticated:
		return http.StatusUnauthorized
	case desk.Forbidden:
		return http.StatusForbidden
	case desk.Missing:
		return http.StatusNotFound
	case desk.Conflict:
		return http.StatusConflict
	case desk.Limited:
		return http.StatusTooManyRequests
	case desk.Busy, desk.Unstored:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
