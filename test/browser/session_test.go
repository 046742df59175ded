package browser

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pquerna/otp/totp"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/people"
)

// alter changes what is stored, as time would.
func (w *world) alter(statement string, args ...any) {
	w.t.Helper()
	db, err := sql.Open(w.driver, w.source)
	w.must(err)
	defer func() { w.must(db.Close()) }()
	r, err := db.Exec(statement, args...)
	w.must(err)
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		w.t.Fatalf("%s changed %d rows, %v", statement, n, err)
	}
}

// The rules themselves are tested with a clock of their own in internal/people.
func TestPagesHoldToTheRulesOfSessions(t *testing.T) { each(t, rulesOfSessions) }

func rulesOfSessions(t *testing.T, w *world) {
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).UnixMicro() }
	const only = ` WHERE person_id = $2`
	for _, c := range []struct {
		name, statement string
		value           int64
		in              bool
	}{
		{"29 minutes without use", `UPDATE session SET seen_at = $1` + only, ago(29 * time.Minute), true},
		{"30 minutes without use", `UPDATE session SET seen_at = $1` + only, ago(30 * time.Minute), false},
		{"almost 12 hours", `UPDATE session SET until = until - $1` + only, (12*time.Hour - time.Minute).Microseconds(), true},
		{"12 hours", `UPDATE session SET until = until - $1` + only, (12 * time.Hour).Microseconds(), false},
	} {
		v := w.visitor("anna") // whose session the server has not seen yet
		w.alter(c.statement, c.value, int64(w.people["anna"].ID))
		for _, path := range []string{"/events", "/thread/1", "/settings"} {
			r, err := v.c.Get(w.url + path)
			w.must(err)
			_ = r.Body.Close()
			door := r.Request.URL.Path == "/sign-in" || r.StatusCode == 401
			if door == c.in {
				t.Errorf("%s: %s is answered %d from %s", c.name, path, r.StatusCode, r.Request.URL.Path)
			}
		}
		operator := people.Operator(1)
		w.must(w.staff.EndSessions(t.Context(), &operator, w.people["anna"].ID))
	}
}

func TestCookiesSecondFactorsAndSessionsInABrowserOverHTTPS(t *testing.T) {
	w := newWorldOn(t, engines[0], func(*config.Settings) {})
	b := w.tab("", desktop)
	b.signIn("anna", "/")
	for name, days := range map[string]float64{people.SessionCookie: 0, people.DeviceCookie: 365} {
		c := b.cookies()[people.CookieName(name, true)]
		if c == nil || !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/" || c.Domain != "localhost" {
			t.Fatalf("the cookie %s is %+v", name, c)
		}
		if left := (c.Expires - float64(time.Now().Unix())) / 86400; c.Session != (days == 0) || days > 0 && (left < days-0.1 || left > days+0.1) {
			t.Errorf("the cookie %s ends with the browser: %v, or in %.0f days", name, c.Session, left)
		}
	}
	if c := b.cookies()[people.SessionCookie]; c != nil {
		t.Errorf("there is a second session without __Host-: %+v", c)
	}

	b.open("/settings")
	b.press(`form[action="/settings/second"] button`)
	b.until("there is a secret to scan", `document.querySelector("img.qr").naturalWidth > 0 && document.querySelector("code.secret")`)
	b.accessible("a second factor begins")
	b.shoot("second-begin")
	code, err := totp.GenerateCode(ask[string](b, `document.querySelector("code.secret").innerText`), time.Now())
	w.must(err)
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("code").focus()`))
	b.key(code + "\r")
	b.until("there are recovery codes", `document.querySelectorAll(".recovery li").length === 10`)
	b.accessible("recovery codes")
	b.shoot("second-recovery")
	recovery := ask[string](b, `document.querySelector(".recovery li").innerText`)

	other := w.tab("", desktop)
	other.signIn("anna", "/sign-in")
	other.until("her second factor is asked for", `document.activeElement.id === "code"`)
	other.accessible("the second factor")
	other.shoot("second-asked")
	other.key(recovery + "\r")
	other.until("she is in", `location.pathname === "/" && `+scripted)

	b.open("/settings")
	b.until("both sessions are listed", `document.querySelectorAll("tbody tr").length === 2 && document.querySelectorAll("tbody .tag.mine").length === 1`)
	b.press(`form[action="/settings/sessions/end"] button`)
	b.until("one is left", `document.querySelectorAll("tbody tr").length === 1`)
	other.do(chromedp.Navigate(w.url + "/settings"))
	other.until("the other is asked to sign in", `location.pathname === "/sign-in" && new URLSearchParams(location.search).get("next") === "/settings"`)
	b.press(`form[action="/sign-out"] button`)
	b.until("she is out", `location.pathname === "/sign-in"`)
	if c := b.cookies()[people.CookieName(people.SessionCookie, true)]; c != nil {
		t.Errorf("the cookie is still there: %+v", c)
	}

	other.signIn("anna", "/sign-in")
	other.until("her second factor is asked for again", `document.activeElement.id === "code"`)
	other.key(recovery + "\r")
	other.until("the recovery code serves once", `document.querySelector("main [role=alert]").innerText.includes("This code is not right")`)
}

// signIn types a login and a password, and waits for a page.
func (b *tab) signIn(login, path string) {
	b.t.Helper()
	b.open("/sign-in")
	b.until("the door is there", `document.activeElement.id === "login"`)
	b.key(login + "\t" + secretOf(login) + "\r")
	b.until("she has signed in", `location.pathname.startsWith("`+path+`") && !document.getElementById("password") && `+scripted)
}

// press clicks the first of those elements.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(` + "`" + selector + "`" + `).click()`))
}
