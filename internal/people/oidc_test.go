package people_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/test/idp"
)

// office is a world with a provider.
type office struct {
	*world
	*idp.Provider
	*people.OIDC
	ctx context.Context
}

func newOffice(t *testing.T, w *world, change func(*people.Provider)) *office {
	t.Helper()
	p := idp.New(t, w.now)
	set := people.Provider{
		Tenant: 1, Issuer: p.URL, ClientID: idp.ClientID, ClientSecret: idp.ClientSecret, Redirect: "https://desk.example/sign-in/return",
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
	return &office{world: w, Provider: p, OIDC: o, ctx: oidc.ClientContext(t.Context(), p.Client())}
}

// agree is what happens in the browser: somebody with these claims agrees, and is
// sent back with a code.
func (o *office) agree(to string, who idp.Claims) people.Return {
	o.world.t.Helper()
	back, err := o.Agree(to, who)
	if err != nil {
		o.world.t.Fatal(err)
	}
	return people.Return{State: back.Get("state"), Code: back.Get("code"), Issue: back.Get("iss")}
}

func claims(sub string, roles ...any) idp.Claims {
	return idp.Claims{"sub": sub, "name": "Ann Miller", "preferred_username": "annm", "realm_access": map[string]any{"roles": roles}}
}

// enter signs somebody in by way of the provider.
func (o *office) enter(c idp.Claims) (people.SignedIn, error) {
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
		for name, twist := range map[string]func(idp.Claims){
			"another audience": func(c idp.Claims) { c["aud"] = "somebody" }, "another issuer": func(c idp.Claims) { c["iss"] = "https://evil.example" },
			"another nonce": func(c idp.Claims) { c["nonce"] = "x" }, "no nonce": func(c idp.Claims) { delete(c, "nonce") },
			"expired": func(c idp.Claims) { c["exp"] = w.now().Add(-time.Minute).Unix() }, "nobody": func(c idp.Claims) { c["sub"] = "" },
		} {
			o.Twist = twist
			if _, err := o.enter(claims("s1", "desk")); desk.KindOf(err) != desk.Unauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		o.Twist = nil
		honest := o.Signer
		o.Signer = idp.NewSigner(t, evil)
		_, err = o.enter(claims("s1", "desk"))
		w.wantCode(err, "oidc_refused")
		o.Signer = honest
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
