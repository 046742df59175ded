package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The client that the provider knows.
const (
	ClientID     = "afterbeep"
	ClientSecret = "client's secret"
)

// Claims are what a token says.
type Claims map[string]any

// Provider signs people in. It ends with its test.
type Provider struct {
	*httptest.Server

	// Twist, when set, changes the claims of every token. Signer signs them.
	Twist  func(Claims)
	Signer jose.Signer

	t   testing.TB
	key *ecdsa.PrivateKey
	now func() time.Time

	mu     sync.Mutex
	here   Claims           // who sits in front of the page of consent
	grants map[string]grant // by code, used once
}

type grant struct {
	claims              Claims
	challenge, redirect string
}

// New starts a provider whose tokens are of that time.
func New(t testing.TB, now func() time.Time) *Provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{t: t, key: key, now: now, grants: map[string]grant{}}
	p.Signer = NewSigner(t, key)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /auth", p.consent)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewTLSServer(mux)
	t.Cleanup(p.Close)
	return p
}

// NewSigner signs as the provider does, with that key.
func NewSigner(t testing.TB, key *ecdsa.PrivateKey) jose.Signer {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.write(w, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	p.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
}

func (p *Provider) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

// Sits says who is in front of the page of consent from now on.
func (p *Provider) Sits(who Claims) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.here = who
}

// Agree is what becomes of an authorization request when somebody with these
// claims agrees: the parameters with which the browser is sent back.
func (p *Provider) Agree(to string, who Claims) (back url.Values, err error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	q := u.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("response_type") != "code" || q.Get("nonce") == "" {
		return nil, fmt.Errorf("asked with %v", q)
	}
	all := Claims{
		"iss": p.URL, "aud": q.Get("client_id"), "nonce": q.Get("nonce"),
		"iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix(),
	}
	maps.Copy(all, who)
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	p.grants[code] = grant{all, q.Get("code_challenge"), q.Get("redirect_uri")}
	return url.Values{"state": {q.Get("state")}, "code": {code}, "iss": {p.URL}}, nil
}

// consent is the page on which somebody agrees, or does not.
func (p *Provider) consent(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	who := p.here
	p.mu.Unlock()
	back, err := p.Agree(r.URL.String(), who)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	to := r.FormValue("redirect_uri")
	no := url.Values{"state": {r.FormValue("state")}, "error": {"access_denied"}, "iss": {p.URL}}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = fmt.Fprintf(w, `<!doctype html><title>Provider</title><a id="yes" href="%s">Agree</a> <a id="no" href="%s">Refuse</a>`,
		html.EscapeString(to+"?"+back.Encode()), html.EscapeString(to+"?"+no.Encode()))
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
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
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || id != ClientID || secret != ClientSecret || g.redirect != r.FormValue("redirect_uri") ||
		g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		p.write(w, map[string]string{"error": "invalid_grant"})
		return
	}
	if p.Twist != nil {
		p.Twist(g.claims)
	}
	signed, err := jwt.Signed(p.Signer).Claims(map[string]any(g.claims)).Serialize()
	if err != nil {
		p.t.Error(err)
	}
	p.write(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": signed})
}
