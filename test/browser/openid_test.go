package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/test/idp"
)

// cookies are those that the browser would send to the server, by name.
func (b *tab) cookies() map[string]*network.Cookie {
	b.t.Helper()
	all := map[string]*network.Cookie{}
	for _, c := range call(b, network.GetCookies, network.GetCookiesParams{URLs: []string{b.w.url}}).Cookies {
		all[c.Name] = c
	}
	return all
}

func TestAnOrganisationsSignInLeadsThereAndBack(t *testing.T) {
	provider := idp.New(t, time.Now)
	w := newWorldOn(t, engines[0], func(s *config.Settings) {
		s.OIDC = config.OIDC{
			Issuer: provider.URL, ClientID: idp.ClientID, ClientSecret: idp.ClientSecret, Name: "Yunhe ID", Tenant: "default",
			RoleClaim: "groups", Roles: "desk-leads=supervisor,desk=agent", Create: true,
		}
	})
	flow := people.CookieName(people.FlowCookie, true)
	b := w.tab("", desktop)
	button := `[...document.querySelectorAll("main a.button")].find(a => a.innerText.includes("Yunhe ID"))`
	press := func(answer string) {
		t.Helper()
		b.do(chromedp.Evaluate[chromedp.Void](button + `.click()`))
		b.until("the provider asks", `location.href.startsWith("`+provider.URL+`/auth?") && document.getElementById("`+answer+`")`)
		if c := b.cookies()[flow]; c == nil || !c.HTTPOnly || !c.Secure || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Session {
			t.Errorf("the cookie of the flow is %+v", c)
		}
		b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("` + answer + `").click()`))
	}
	b.open("/sign-in")
	for theme, l := range map[string]look{"light": desktop, "dark": night, "phone": phone} {
		b.as(l)
		b.accessible("the way to an organisation, " + theme)
		b.shoot("signin-openid-" + theme)
	}
	b.as(desktop)

	for _, no := range []struct {
		who          idp.Claims
		answer, says string
	}{
		{idp.Claims{"sub": "s1", "name": "Lin Yue", "groups": []string{"desk"}}, "no", "did not let you in"},
		{idp.Claims{"sub": "s1", "name": "Lin Yue", "groups": []string{"canteen"}}, "yes", "no role here"},
	} {
		provider.Sits(no.who)
		press(no.answer)
		b.until("she is told why not", `location.pathname === "/sign-in/back" && document.querySelector("main [role=alert]").innerText.includes("`+no.says+`") && `+scripted)
		b.accessible("a refused sign-in")
		if c := b.cookies(); c[flow] != nil || c[people.CookieName(people.SessionCookie, true)] != nil {
			t.Errorf("after a refusal there are the cookies %v", c)
		}
	}
	b.shoot("signin-openid-refused")

	provider.Sits(idp.Claims{"sub": "s1", "name": "Lin Yue", "preferred_username": "lin", "groups": []string{"desk", "desk-leads"}})
	press("yes")
	b.until("she is in", `location.pathname === "/" && document.querySelector(".who").innerText.includes("Lin Yue")`)
	if p, err := w.Store.Person(t.Context(), 1, desk.Whom{Login: "lin"}); err != nil || p.Role != desk.RoleSupervisor {
		t.Errorf("she came in as %q, %v", p.Role, err)
	}
	c := b.cookies()
	if c[flow] != nil {
		t.Error("the cookie of the flow is still there")
	}
	if s := c[people.CookieName(people.SessionCookie, true)]; s == nil {
		t.Errorf("there is no session: %v", c)
	}
	audited, err := w.Store.Deeds(t.Context(), 1, desk.DeedQuery{Limit: 20})
	w.must(err)
	if said := fmt.Sprintf("%+v", audited); strings.Count(said, desk.SignInFailed) != 2 || !strings.Contains(said, desk.PersonCreated) {
		t.Errorf("the audit log says %s", said)
	}
}
