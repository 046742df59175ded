package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Provider is an OpenID Connect provider that staff of one tenant sign in with.
type Provider struct {
	Tenant       desk.TenantID
	Issuer       string // https://…, as in its tokens
	ClientID     string
	ClientSecret string // "" for a public client: PKCE is used either way
	Redirect     string // our own page that the provider sends people back to
	Scopes       []string
	RoleClaim    string               // the claim that decides about the role, such as groups; a.b looks into objects. "" leaves roles to administrators
	Roles        map[string]desk.Role // its values; of several the first of Roles' order counts: administrator, supervisor, agent, auditor
	MatchEmail   bool                 // a verified e-mail address finds the person who has it as a login
	Create       bool                 // people who are not known are created, with the role of their claim
}

// OIDC signs people in with a provider. It writes no page: a surface sends the
// browser to Begin's URL and hands what comes back to Finish.
type OIDC struct {
	people *People
	set    Provider

	mu       sync.Mutex
	provider *oidc.Provider
}

// NewOIDC makes it. The provider is asked at the first sign-in, so that we start
// without it. Invalid when the settings cannot work.
func NewOIDC(p *People, set Provider) (*OIDC, error) {
	switch {
	case !strings.HasPrefix(set.Issuer, "https://"):
		return nil, desk.Errorf(desk.Invalid, "oidc", "the issuer must begin with https://")
	case set.ClientID == "" || set.Redirect == "":
		return nil, desk.Errorf(desk.Invalid, "oidc", "OpenID Connect needs a client_id and our own address")
	case set.Create && (set.RoleClaim == "" || len(set.Roles) == 0):
		return nil, desk.Errorf(desk.Invalid, "oidc", "to create people, name the claim that decides about their role, and what its values mean")
	}
	for value, role := range set.Roles {
		if _, err := desk.ParseRole(string(role)); err != nil {
			return nil, desk.Wrap(desk.Invalid, "oidc", "the value "+value+" stands for no role", err)
		}
	}
	return &OIDC{people: p, set: set}, nil
}

const (
	flowTicket = "openid"
	// FlowTTL is how long a sign-in at the provider may take.
	FlowTTL = 10 * time.Minute
	// oidcPatience bounds each conversation with the provider.
	oidcPatience = 10 * time.Second
)

// flow is what we must know again when the browser comes back. It is sealed in a
// cookie, so that only the browser that began can finish.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

// Begin gives the address to send the browser to, and what it must keep in
// FlowCookie until it comes back.
func (o *OIDC) Begin(ctx context.Context) (url, cookie string, err error) {
	_, conf, err := o.conf(ctx)
	if err != nil {
		return "", "", err
	}
	f := flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	cookie, err = seal(ctx, o.people.vault, o.set.Tenant, flowTicket, ticket[flow]{
		Until: o.people.now().Add(FlowTTL).UnixMicro(), Value: f,
	})
	return conf.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), cookie, err
}

// Return is what the browser brings back.
type Return struct {
	Flow  string // FlowCookie
	State string // of the query
	Code  string
	Error string // of the query: the provider refused
	Issue string // of the query: iss, "" when the provider does not say (RFC 9207)
}

// Finish trades the code for an identity and signs its person in. Unauthenticated
// when it is not the browser that began, or the provider says no; Forbidden when
// the person may not work here. A second factor is the provider's to ask for.
func (o *OIDC) Finish(ctx context.Context, r Return, b Browser) (SignedIn, error) {
	f, tenant, err := open[flow](ctx, o.people.vault, flowTicket, r.Flow)
	if err != nil {
		return SignedIn{}, err
	}
	if tenant != o.set.Tenant || subtle.ConstantTimeCompare([]byte(f.State), []byte(r.State)) != 1 || r.Issue != "" && r.Issue != o.set.Issuer {
		return SignedIn{}, errTicket
	}
	if r.Error != "" || r.Code == "" {
		return SignedIn{}, o.refused(ctx, b, "provider", errProvider(nil))
	}
	who, err := o.identity(ctx, f, r.Code)
	if desk.KindOf(err) == desk.Unauthenticated {
		return SignedIn{}, o.refused(ctx, b, "token", err)
	}
	if err != nil {
		return SignedIn{}, err
	}
	person, err := o.person(ctx, who, b)
	if desk.KindOf(err) == desk.Forbidden {
		return SignedIn{}, o.refused(ctx, b, "not invited", err)
	}
	if err != nil {
		return SignedIn{}, err
	}
	return o.people.begin(ctx, &person, b, entry{how: "openid"})
}

func errProvider(cause error) error {
	return desk.Wrap(desk.Unauthenticated, "oidc_refused", "your organisation's sign-in did not let you in; try again", cause)
}

func (o *OIDC) refused(ctx context.Context, b Browser, reason string, answer error) error {
	listed, _, err := o.people.guard.floods(ctx, o.set.Tenant)
	if err != nil || !listed {
		return cmpErr(err, answer)
	}
	a := desk.Actor{Tenant: o.set.Tenant, Address: b.Address}
	d := a.Deed(desk.SignInFailed, "login:unknown")
	d.Actor, d.At, d.Data = "stranger", o.people.now(), object(map[string]any{"reason": reason, "how": "openid"})
	return cmpErr(o.people.store.Staff(ctx, o.set.Tenant, func(s Staff) error { return s.Audit(ctx, d) }), answer)
}

// conf asks the provider what it can do, once.
func (o *OIDC) conf(ctx context.Context) (*oidc.Provider, *oauth2.Config, error) {
	ctx, cancel := context.WithTimeout(ctx, oidcPatience)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider == nil {
		found, err := oidc.NewProvider(ctx, o.set.Issuer)
		if err != nil {
			return nil, nil, desk.Wrap(desk.Busy, "oidc_away", "your organisation's sign-in does not answer; try again in a moment", err)
		}
		o.provider = found
	}
	scopes := o.set.Scopes
	if len(scopes) == 0 {
		scopes = []string{oidc.ScopeOpenID, "profile", "email"}
	}
	return o.provider, &oauth2.Config{
		ClientID: o.set.ClientID, ClientSecret: o.set.ClientSecret, Endpoint: o.provider.Endpoint(),
		RedirectURL: o.set.Redirect, Scopes: scopes,
	}, nil
}

// identity is whom the provider vouches for.
type identity struct {
	subject, email, name, login, locale string
	verified                            bool
	role                                desk.Role // "" when no claim says one
}

func (o *OIDC) identity(ctx context.Context, f flow, code string) (identity, error) {
	provider, conf, err := o.conf(ctx)
	if err != nil {
		return identity{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, oidcPatience)
	defer cancel()
	token, err := conf.Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return identity{}, errProvider(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: o.set.ClientID, Now: o.people.set.Now}).Verify(ctx, raw)
	if err != nil {
		return identity{}, errProvider(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 || id.Subject == "" {
		return identity{}, errProvider(nil)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return identity{}, errProvider(err)
	}
	return o.read(id.Subject, claims), nil
}

func (o *OIDC) read(subject string, claims map[string]any) identity {
	text := func(name string) string {
		s, _ := claims[name].(string)
		return s
	}
	who := identity{subject: o.set.Issuer + " " + subject, email: text("email"), name: text("name"), login: text("preferred_username"), locale: "en"}
	who.verified = claims["email_verified"] == true || claims["email_verified"] == "true"
	if strings.HasPrefix(text("locale"), "zh") {
		who.locale = "zh_CN"
	}
	values := claimValues(claims, o.set.RoleClaim)
	for _, role := range []desk.Role{desk.RoleAdministrator, desk.RoleSupervisor, desk.RoleAgent, desk.RoleAuditor} {
		if who.role == "" && slices.ContainsFunc(values, func(v string) bool { return o.set.Roles[v] == role }) {
			who.role = role
		}
	}
	return who
}

// claimValues are the texts of a claim: one, or a list. A name such as
// realm_access.roles looks into objects, unless there is a claim of just that name.
func claimValues(claims map[string]any, name string) []string {
	value, ok := claims[name]
	if first, rest, dotted := strings.Cut(name, "."); !ok && dotted {
		inner, _ := claims[first].(map[string]any)
		return claimValues(inner, rest)
	}
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, one := range v {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// person finds or makes the identity's person, and lets her role follow the claim.
func (o *OIDC) person(ctx context.Context, who identity, b Browser) (person desk.Person, err error) {
	if o.set.RoleClaim != "" && who.role == "" {
		return person, desk.Errorf(desk.Forbidden, "oidc_role", "your account has no role here; ask an administrator")
	}
	p := o.people
	err = p.store.Staff(ctx, o.set.Tenant, func(s Staff) error {
		person, err = o.find(ctx, s, who)
		if err != nil {
			return err
		}
		if person.Disabled {
			return desk.Errorf(desk.Forbidden, "oidc_unknown", "your account has no access here; ask an administrator")
		}
		fresh, was := person.ID == 0, person
		if o.set.RoleClaim != "" {
			person.Role = who.role
		}
		person.Subject = who.subject
		data := differences(&was, &person)
		if !fresh && len(data) > 0 {
			person.Epoch++
			if _, err := s.End(ctx, person.ID, nil); err != nil {
				return err
			}
		}
		if was.Subject == "" {
			data["subject"] = who.subject
		}
		if len(data) == 0 {
			return nil
		}
		if err := s.Save(ctx, &person); err != nil {
			return err
		}
		action := desk.PersonChanged
		if fresh {
			action = desk.PersonCreated
		}
		a := desk.Actor{Tenant: o.set.Tenant, Name: o.set.Issuer, Address: b.Address}
		d := p.deed(&a, action, &person, data)
		d.Actor = "provider"
		return s.Audit(ctx, d)
	})
	p.forgetPerson(o.set.Tenant, person.ID)
	return person, err
}

// find is the person by subject, else by verified e-mail, else a new one. It
// matches an e-mail only to somebody whom no provider has vouched for yet.
func (o *OIDC) find(ctx context.Context, s Staff, who identity) (desk.Person, error) {
	person, err := s.Person(ctx, desk.Whom{Subject: who.subject})
	if desk.KindOf(err) != desk.Missing {
		return person, err
	}
	email, err := desk.Login(who.email)
	if err == nil && o.set.MatchEmail && who.verified {
		person, err := s.Person(ctx, desk.Whom{Login: email})
		if desk.KindOf(err) != desk.Missing {
			if err == nil && person.Subject != "" {
				return person, desk.Errorf(desk.Forbidden, "oidc_unknown", "your account has no access here; ask an administrator")
			}
			return person, err
		}
	}
	if !o.set.Create {
		return desk.Person{}, desk.Errorf(desk.Forbidden, "oidc_unknown", "your account has no access here; ask an administrator")
	}
	return o.fresh(who)
}

func (o *OIDC) fresh(who identity) (person desk.Person, err error) {
	_, sub, _ := strings.Cut(who.subject, " ")
	person = desk.Person{Tenant: o.set.Tenant, Role: who.role, Locale: who.locale, Epoch: 1, CreatedAt: o.people.now()}
	for _, login := range []string{who.email, who.login, sub} {
		if login == who.email && !who.verified {
			continue // somebody else's, perhaps
		}
		if person.Login, err = desk.Login(login); err == nil {
			break
		}
	}
	for _, name := range []string{who.name, who.login, person.Login} {
		if desk.Name(name) {
			person.Name = name
			break
		}
	}
	if person.Name == "" {
		person.Name = "?"
	}
	return person, err
}
