package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/config"
)

// served runs a server for the test and gives its address.
func served(t *testing.T, s config.Settings) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	at, ended := make(chan Addresses, 1), make(chan error, 1)
	go func() { ended <- Serve(ctx, s, "test", slog.New(slog.DiscardHandler), func(a Addresses) { at <- a }) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-at:
		return "http://" + a.HTTP
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return ""
}

// guesses are wrong credentials, one way for staff and one for programs.
var guesses = map[string]func(at, app string) (*http.Request, error){
	"sign-in": func(at, _ string) (*http.Request, error) {
		return http.NewRequest(http.MethodPost, at+"/sign-in", strings.NewReader(url.Values{"login": {"ann@example.com"}, "password": {"wrong"}}.Encode()))
	},
	"tokenByAkSk": func(at, app string) (*http.Request, error) {
		return http.NewRequest(http.MethodPost, at+"/apigovernance/api/oauth/tokenByAkSk", strings.NewReader(`{"app_key":"`+app+`","app_secret":"wrong"}`))
	},
}

// limited says whether a wrong guess is held up instead of being looked at.
func limited(t *testing.T, way, at, app, header, value string) bool {
	t.Helper()
	r, err := guesses[way](at, app)
	must(t, err)
	r.Header.Set(header, value)
	r.Header.Set("Content-Type", map[string]string{"sign-in": "application/x-www-form-urlencoded", "tokenByAkSk": "application/json"}[way])
	res, err := http.DefaultClient.Do(r)
	must(t, err)
	must(t, res.Body.Close())
	if res.StatusCode != http.StatusUnauthorized && res.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("%s: %s", way, res.Status)
	}
	return res.StatusCode == http.StatusTooManyRequests
}

// Guesses of one client behind the proxy hold up that client alone; and where nobody
// is trusted, another name in a header is no other client.
func TestEachClientBehindATrustedProxyHasHisOwnBudgetAndAStrangerHasOne(t *testing.T) {
	for header, form := range map[string]string{"X-Forwarded-For": "%", "Forwarded": "for=%;proto=https"} {
		for _, trusted := range []string{"127.0.0.1", ""} {
			s := settings(t)
			s.Proxy.Trusted, s.Proxy.Header, s.Limits.WrongSecrets = trusted, strings.ToLower(header), 3
			a, err := Open(t.Context(), s)
			must(t, err)
			app, _ := NewApp(1, "shop", time.Now())
			must(t, a.Store.AddApp(t.Context(), app))
			must(t, a.Close())
			at := served(t, s)
			for way := range guesses {
				says := func(ip string) string { return strings.ReplaceAll(form, "%", ip) }
				guess := func(value string) bool { return limited(t, way, at, string(app.Key), header, value) }
				n := 0
				for n < 10 && !guess(says("192.0.2.7")) {
					n++
				}
				if n == 0 || n == 10 {
					t.Fatalf("%s: %d guesses of one client were looked at", way, n)
				}
				if guess(says("192.0.2.8")) != (trusted == "") {
					t.Errorf("%s, %s, proxy.trusted %q: another client behind it is limited: %t", way, header, trusted, trusted != "")
				}
				if !guess(says("198.51.100.66") + ", " + says("192.0.2.7")) {
					t.Errorf("%s, %s, proxy.trusted %q: who writes an address into the header himself gets another budget", way, header, trusted)
				}
			}
		}
	}
}
