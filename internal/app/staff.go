package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/ui"
	"github.com/afterbeep/afterbeep/internal/web"
)

// desks is what staff work at: the pages, and the people who may see them.
type desks struct {
	people *people.People
	pages  *web.Pages
}

// staff makes the pages, and /v1. They stand behind the compatible surface, which answers
// as if it were alone.
func (h *house) staff(ctx context.Context, surface *web.Table) (http.Handler, error) {
	p := newPeople(h.store, h.desk, []byte(h.set.Staff.Secret), h.log)
	provider, err := provider(ctx, h, p)
	if err != nil {
		return nil, err
	}
	keys := people.NewKeys(h.store, time.Now)
	dialler, err := desk.ParseDialler(h.set.Staff.CallURL)
	if err != nil {
		return nil, err
	}
	pages, err := ui.New(ui.Parts{
		Desk: h.desk, People: p, Keys: keys, OIDC: provider,
		Rooms: h.store, Audit: h.store, Log: h.store, Feed: h.feed, Channels: h.store, Apps: h.store,
		Draining: h.draining, Now: time.Now, Logger: h.log, Observe: h.meters.answered,
		Address: h.set.Staff.URL, Origins: origins(h.set), Dialler: dialler, Elsewhere: h.set.OIDC.Name,
	})
	if err != nil {
		return nil, err
	}
	programs, err := h.programs(p, keys)
	if err != nil {
		return nil, err
	}
	h.desks = desks{p, pages}
	return web.Front(surface, pages, programs), nil
}

// origins are what browsers call the server when a proxy keeps that to itself.
func origins(s config.Settings) []string {
	if s.Staff.URL == "" {
		return nil
	}
	return []string{s.Staff.URL}
}

// provider is who else signs people in; nil when nobody does.
func provider(ctx context.Context, h *house, p *people.People) (*people.OIDC, error) {
	o := h.set.OIDC
	if o.Issuer == "" {
		return nil, nil //nolint:nilnil // no provider is the common case, and no error
	}
	tenant, err := h.store.Tenant(ctx, o.Tenant)
	if err != nil {
		return nil, err
	}
	roles, err := rolesOf(o.Roles)
	if err != nil {
		return nil, err
	}
	return people.NewOIDC(p, people.Provider{
		Tenant: tenant.ID, Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret,
		Redirect: h.set.Staff.URL + "/sign-in/back", RoleClaim: o.RoleClaim, Roles: roles,
		MatchEmail: o.MatchEmail, Create: o.Create,
	})
}

// rolesOf reads "value=role,value=role".
func rolesOf(text string) (map[string]desk.Role, error) {
	roles := map[string]desk.Role{}
	for pair := range strings.SplitSeq(text, ",") {
		value, role, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if text == "" {
			break
		}
		r, err := desk.ParseRole(role)
		if !ok || err != nil {
			return nil, desk.Errorf(desk.Invalid, "config", "oidc.roles is %q; write it like desk-admins=administrator,desk=agent", text)
		}
		roles[value] = r
	}
	return roles, nil
}

// setUp is the address where the first account is made; "" when there is one.
func (h *house) setUp(ctx context.Context, listen string) string {
	token, err := h.people.SetUp(ctx, desk.DefaultTenant)
	if err != nil {
		h.log.Warn("there is no link to make the first account with", "error", err.Error())
		return ""
	}
	if token == "" {
		return ""
	}
	return Address(h.set, listen) + "/set-up/" + token
}

// Address is how people's browsers reach the server.
func Address(s config.Settings, listen string) string {
	if s.Staff.URL != "" {
		return s.Staff.URL
	}
	return "http://" + listen
}

// runPeople writes down who was here, and forgets what is over.
func (h *house) runPeople(ctx context.Context) error { return h.people.Run(ctx, h.store) }
