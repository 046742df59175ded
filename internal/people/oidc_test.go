package people_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// idp is a small OpenID Connect provider: discovery, keys and tokens, over TLS,
// with PKCE checked.
type idp struct {
	*httptest.Server
	t      *testing.T
	signer jose.Signer
	key    *ecdsa.PrivateKey
	now    func() time.Time

	mu      sync.Mutex
	grants  map[string]grant // by code, used once
	twist   func(claims map[string]any)
	clients map[string]string
}

type grant struct {
	claims              map[string]any
	challenge, redirect string
}

func newIDP(t *testing.T, now func() time.Time) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, signer: signer, key: key, now: now, grants: map[string]grant{}, clients: map[string]string{"afterbeep": "client's secret"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, map[string]any{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// agree is what happens in the browser: somebody with these claims agrees, and is
// sent back with a code.
func (p *idp) agree(to string, claims map[string]any) people.Return {
	p.t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("response_type") != "code" || q.Get("nonce") == "" {
		p.t.Fatalf("asked with %v", q)
	}
	all := map[string]any{
		"iss": p.URL, "aud": q.Get("client_id"), "nonce": q.Get("nonce"),
		"iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(),
	}
	for k, v := range claims {
		all[k] = v
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.grants[code] = grant{all, q.Get("code_challenge"), q.Get("redirect_uri")}
	return people.Return{State: q.Get("state"), Code: code, Issue: p.URL}
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if unescaped, err := url.QueryUnescape(secret); err == nil {
		secret = unescaped
	}
	p.mu.Lock()
	g, ok := p.grants[r.FormValue("code")]
	delete(p.grants, r.FormValue("code"))
	twist := p.twist
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || p.clients[id] != secret || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || g.redirect != r.FormValue("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		p.write(w, map[string]string{"error": "invalid_grant"})
		return
	}
	if twist != nil {
		twist(g.claims)
	}
	signed, err := jwt.Signed(p.signer).Claims(g.claims).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	p.write(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": signed})
}

// office is a world with a provider.
type office struct {
	*world
	*idp
	*people.OIDC
	ctx context.Context
}

func newOffice(t *testing.T, w *world, change func(*people.Provider)) *office {
	t.Helper()
	p := newIDP(t, w.now)
	set := people.Provider{
		Tenant: 1, Issuer: p.URL, ClientID: "afterbeep", ClientSecret: "client's secret", Redirect: "https://desk.example/sign-in/return",
		RoleClaim: "realm_access.roles", Roles: map[string]desk.Role{"desk-admin": desk.RoleAdministrator, "desk": desk.RoleAgent},
		MatchEmail: true, Create: true,
	}
	if change != nil {
		change(&set)
	}
	o, err := people.NewOIDC(w.People, set)
	if err != nil {
		t.Fatal(err)
	}
	return &office{world: w, idp: p, OIDC: o, ctx: oidc.ClientContext(t.Context(), p.Client())}
}

func claims(sub string, roles ...any) map[string]any {
	return map[string]any{"sub": sub, "name": "Ann Miller", "preferred_username": "annm", "realm_access": map[string]any{"roles": roles}}
}

// enter signs somebody in by way of the provider.
func (o *office) enter(c map[string]any) (people.SignedIn, error) {
	o.world.t.Helper()
	to, cookie, err := o.Begin(o.ctx)
	if err != nil {
		o.world.t.Fatal(err)
	}
	r := o.agree(to, c)
	r.Flow = cookie
	return o.Finish(o.ctx, r, o.browser())
}

func TestAProvidersPeopleComeInWithTheRoleOfTheirClaim(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := newOffice(t, w, nil)
		in, err := o.enter(claims("s1", "other", "desk"))
		if err != nil || in.Person.Role != desk.RoleAgent || in.Person.Login != "annm" || in.Cookie == "" || in.Person.Name != "Ann Miller" {
			t.Fatalf("%+v, %v", in.Person, err)
		}
		if _, err := w.Session(w.ctx, in.Cookie); err != nil {
			t.Fatal(err)
		}
		again, err := o.enter(claims("s1", "desk", "desk-admin"))
		if err != nil || again.Person.ID != in.Person.ID || again.Person.Role != desk.RoleAdministrator {
			t.Fatalf("%+v, %v", again.Person, err)
		}
		_, err = w.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over") // she had it with another role
		_, err = o.enter(claims("s1", "none of ours"))
		w.wantCode(err, "oidc_role")
		if _, err := w.Disable(w.ctx, &w.boss, desk.Whom{ID: in.Person.ID}); err == nil {
			t.Fatal("she is the only administrator")
		}
		w.person("boss", desk.RoleAdministrator)
		if _, err := w.Disable(w.ctx, &w.boss, desk.Whom{ID: in.Person.ID}); err != nil {
			t.Fatal(err)
		}
		_, err = o.enter(claims("s1", "desk"))
		w.wantCode(err, "oidc_unknown")
	})
}

func TestAVerifiedAddressFindsItsPersonOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := newOffice(t, w, func(p *people.Provider) { p.Create = false })
		ann := w.person("ann@example.com", desk.RoleSupervisor)
		c := claims("s1", "desk")
		c["email"] = "Ann@Example.com"
		_, err := o.enter(c)
		w.wantCode(err, "oidc_unknown") // not verified
		c["email_verified"] = true
		in, err := o.enter(c)
		if err != nil || in.Person.ID != ann.ID || in.Person.Role != desk.RoleAgent {
			t.Fatalf("%+v, %v", in.Person, err)
		}
		c["sub"] = "s2" // the address was given to somebody else there
		_, err = o.enter(c)
		w.wantCode(err, "oidc_unknown")
		c = claims("s1", "desk") // without an address she is found by her subject
		if in, err := o.enter(c); err != nil || in.Person.ID != ann.ID {
			t.Fatal(err)
		}
		p := newOffice(t, w, func(p *people.Provider) { p.MatchEmail, p.Create = false, false })
		c = claims("s1", "desk")
		c["email"], c["email_verified"] = "ann@example.com", true
		_, err = p.enter(c) // another issuer's s1 is another person
		w.wantCode(err, "oidc_unknown")
	})
}

func TestOnlyTheBrowserThatBeganCanFinish(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := newOffice(t, w, nil)
		to, cookie, err := o.Begin(o.ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, other, err := o.Begin(o.ctx)
		if err != nil {
			t.Fatal(err)
		}
		good := o.agree(to, claims("s1", "desk"))
		good.Flow = cookie
		for name, change := range map[string]func(*people.Return){
			"no cookie": func(r *people.Return) { r.Flow = "" }, "another browser's cookie": func(r *people.Return) { r.Flow = other },
			"another state": func(r *people.Return) { r.State = "x" }, "no state": func(r *people.Return) { r.State = "" },
			"another provider": func(r *people.Return) { r.Issue = "https://evil.example" },
		} {
			r := good
			change(&r)
			if _, err := o.Finish(o.ctx, r, w.browser()); desk.KindOf(err) != desk.Unauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := o.Finish(o.ctx, good, w.browser()); err != nil {
			t.Fatal("the control: what was left unchanged is refused:", err)
		}
		_, err = o.Finish(o.ctx, good, w.browser())
		w.wantCode(err, "oidc_refused") // its code was used
		to, cookie, err = o.Begin(o.ctx)
		if err != nil {
			t.Fatal(err)
		}
		late := o.agree(to, claims("s1", "desk"))
		late.Flow = cookie
		w.pass(people.FlowTTL)
		_, err = o.Finish(o.ctx, late, w.browser())
		w.wantCode(err, "signin_over")
	})
}

func TestATokenThatIsNotForUsIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		o := newOffice(t, w, nil)
		evil, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for name, twist := range map[string]func(map[string]any){
			"another audience": func(c map[string]any) { c["aud"] = "somebody" }, "another issuer": func(c map[string]any) { c["iss"] = "https://evil.example" },
			"another nonce": func(c map[string]any) { c["nonce"] = "x" }, "no nonce": func(c map[string]any) { delete(c, "nonce") },
			"expired": func(c map[string]any) { c["exp"] = w.now().Add(-time.Minute).Unix() }, "nobody": func(c map[string]any) { c["sub"] = "" },
		} {
			o.twist = twist
			if _, err := o.enter(claims("s1", "desk")); desk.KindOf(err) != desk.Unauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		o.twist = nil
		honest := o.signer
		o.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: evil, KeyID: "k1"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = o.enter(claims("s1", "desk"))
		w.wantCode(err, "oidc_refused")
		o.signer = honest
		if _, err := o.enter(claims("s1", "desk")); err != nil {
			t.Fatal("the control: an honest token is refused:", err)
		}
	})
}

func TestSettingsOfAProviderThatCannotWorkAreRefused(t *testing.T) {
	for name, set := range map[string]people.Provider{
		"http":         {Issuer: "http://id.example", ClientID: "x", Redirect: "https://x"},
		"no client":    {Issuer: "https://id.example", Redirect: "https://x"},
		"no claim":     {Issuer: "https://id.example", ClientID: "x", Redirect: "https://x", Create: true},
		"unknown role": {Issuer: "https://id.example", ClientID: "x", Redirect: "https://x", RoleClaim: "r", Roles: map[string]desk.Role{"a": "owner"}},
	} {
		if _, err := people.NewOIDC(nil, set); desk.KindOf(err) != desk.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
