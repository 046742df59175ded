package walls_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/ui"
	"github.com/afterbeep/afterbeep/test/rig"
)

func TestC5NoOtherSitesFormDoesAnything(t *testing.T) {
	rig.Prove(t, forge, 1, rig.Control{Variant: "any-site", Times: 1, Finds: "was taken"})
}

func TestC5CookiesBelongToThisHostAlone(t *testing.T) {
	rig.Prove(t, bake, 1, rig.Control{Variant: "plain-cookies", Times: 1, Finds: "another host"})
}

var ends = regexp.MustCompile(`/(sign-out|reset|disable)$`)

// forge sends every form there is with an administrator's cookies, as browsers
// send it for another site.
func forge(t *testing.T, teeth string, _ int) (f rig.Findings) {
	h := newHouse(t, onSQLite, teeth)
	tn := h.settle("default", rig.Rand(1))
	v, before := tn.staff["admin"], tn.state()
	sent, taken := 0, []string{}
	forms := slices.DeleteFunc(ui.Routes(), func(r ui.Route) bool { return r.Method != http.MethodPost })
	// What ends a session comes last: after it, nothing would be taken anyhow.
	slices.SortStableFunc(forms, func(a, b ui.Route) int {
		return cmp.Compare(len(ends.FindString(a.Path)), len(ends.FindString(b.Path)))
	})
	for _, r := range forms {
		form := url.Values{"name": {"Forged"}, "login": {"forged"}, "role": {"administrator"}, "locale": {"zh_CN"}, "text": {"forged"}, "outcome": {"reached"}, "id": {"1"}, "scope": {"threads.see"}}
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Origin", strings.Replace(h.server.URL, "127.0.0.1", "localhost", 1)},
		} {
			sent++
			if a := v.post(tn.own(r.Path), form, header...); a.status != http.StatusForbidden {
				taken = append(taken, fmt.Sprintf("%s with %s (%d)", r.Path, strings.Join(header, ": "), a.status))
			}
		}
	}
	if len(taken) > 0 {
		f.Breaks("%d of %d forms were looked at, such as %s", len(taken), sent, strings.Join(taken[:min(len(taken), 5)], ", "))
	}
	// Nor does a browser's session count where programs come in.
	if a, err := v.send(http.MethodPost, "/v1/apps", `{"name":"Forged"}`, "Content-Type", someJSON); err != nil || a.status != http.StatusUnauthorized {
		f.Breaks("/v1 takes a browser's cookie: %d %v", a.status, err)
	}
	if after := tn.state(); after != before {
		f.Breaks("a forged form was taken: %s is the newest, and %s was", after, before)
	}
	if a := v.post("/settings/language", url.Values{"locale": {"en"}}, "Sec-Fetch-Site", "same-origin", "Origin", h.server.URL); a.status != http.StatusSeeOther {
		f.Breaks("our own form is refused: %d", a.status)
	}
	f.Line = fmt.Sprintf("%d forms of other sites", sent)
	return f
}

// own is a path about the tenant's own things.
func (tn *tenant) own(path string) string {
	return aName.ReplaceAllStringFunc(path, func(name string) string {
		for _, kind := range kinds[strings.Trim(name, "{}")] {
			if len(tn.ids[kind]) > 0 {
				return tn.ids[kind][0]
			}
		}
		return "1"
	})
}

// state is how much has happened in a tenant, to threads and otherwise.
func (tn *tenant) state() string {
	tn.h.t.Helper()
	events := call[struct{ Last string }](tn.keys["all"], "GET", "/v1/events?limit=200", nil)
	audit := tn.h.command(tn.name, "audit", "list", "--limit", "1", "--json")
	return "event " + events.Last + ", deed " + strings.TrimSpace(audit)
}

// bake signs in over https and looks at the cookies.
func bake(t *testing.T, teeth string, _ int) (f rig.Findings) {
	h := newHouse(t, onSQLite, teeth)
	link := made[struct{ Link string }](h, "default", "user", "create", "--login", "admin", "--name", "Ada", "--role", "administrator").Link
	h.visitor("admin").accept(link)
	signIn := func(header ...string) (cookies []*http.Cookie) {
		v := h.visitor("admin")
		a := v.post("/sign-in", url.Values{"login": {"admin"}, "password": {password}}, append(header, "X-Forwarded-Proto", "https")...)
		if a.status != http.StatusSeeOther {
			t.Fatalf("no sign-in: %d %s", a.status, a.body)
		}
		return (&http.Response{Header: a.header}).Cookies()
	}
	cookies := signIn()
	for _, c := range cookies {
		if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			f.Breaks("the cookie %s could be set or read by another host, or a script: %+v", c.Name, c)
		}
	}
	in := func(header ...string) bool {
		return h.visitor("somebody").get("/settings", header...).status == http.StatusOK
	}
	session := cookies[0]
	pair := session.Name + "=" + session.Value
	if !in("Cookie", pair, "X-Forwarded-Proto", "https") {
		f.Breaks("the cookie does not sign in")
	}
	for what, header := range map[string][]string{
		"a cookie that another host of the domain may have set": {"Cookie", strings.TrimPrefix(pair, "__Host-"), "X-Forwarded-Proto", "https"},
		"two cookies of one name":                               {"Cookie", pair + "; " + session.Name + "=x", "X-Forwarded-Proto", "https"},
		"the cookie where it can be read on its way":            {"Cookie", pair},
	} {
		if in(header...) {
			f.Breaks("%s signs in", what)
		}
	}
	fresh := signIn("Cookie", pair)
	if fresh[0].Value == session.Value || in("Cookie", pair, "X-Forwarded-Proto", "https") {
		f.Breaks("a session that was there before the sign-in goes on")
	}
	f.Line = fmt.Sprintf("%d cookies", len(cookies))
	return f
}
