package contract

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/test/rig"
)

// tokens plays the rows about the three headers of doLeaveMessage.
func (p *player) tokens(t *testing.T, w *world) {
	refused := func(t *testing.T, what string, c call) {
		t.Helper()
		if gate(t, w.leave(t, c), http.StatusUnauthorized) == "" {
			t.Errorf("that was: %s", what)
		}
	}
	p.row(t, 3, "no Authorization, Basic, or nothing behind Bearer", func(t *testing.T) {
		for _, value := range []string{"", "Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "Bearer" + w.access, w.access} {
			a := w.leave(t, w.leaving().with("Authorization", value))
			gate(t, a, http.StatusUnauthorized)
			if got := a.Header.Get("WWW-Authenticate"); got != "Bearer" {
				t.Errorf("Authorization %.12q: WWW-Authenticate is %q, want %q", value, got, "Bearer")
			}
		}
	})
	p.row(t, 4, "bearer in small letters, two spaces", func(t *testing.T) {
		for _, scheme := range []string{"bearer ", "BEARER ", "Bearer  ", "beareR   "} {
			is(t, w.leave(t, w.leaving().with("Authorization", scheme+w.access)), 200, stored)
		}
	})
	p.row(t, 6, "a header twice", func(t *testing.T) {
		refused(t, "two Authorization", w.leaving().and("Authorization", "Bearer "+w.access))
		refused(t, "two x-app-key", w.leaving().and("X-App-Key", w.creds.AppKey))
	})
	p.row(t, 7, "no x-app-key, or not the token's", func(t *testing.T) {
		other := w.app(t, "", "Key of another")
		soon(t, "a new app is known", func() bool { return send(t, w.host, w.asking(other)).Status == http.StatusOK })
		refused(t, "none", w.leaving().with("x-app-key", ""))
		refused(t, "another app's", w.leaving().with("x-app-key", other.AppKey))
		refused(t, "nobody's", w.leaving().with("x-app-key", strings.Repeat("0", 32)))
	})
	p.row(t, 8, "no ccmessaging-token, or an empty one", func(t *testing.T) {
		refused(t, "none", w.leaving().with("ccmessaging-token", ""))
		refused(t, "empty", w.leaving().with("ccmessaging-token", "").and("ccmessaging-token", ""))
	})
	p.row(t, 9, "ccmessaging-token edited, cut, or of others", func(t *testing.T) { forged(t, w, refused) })
	p.row(t, 11, "token percent-encoded", func(t *testing.T) {
		encoded := fmt.Sprintf("%%%02X%s", w.chat[0], w.chat[1:])
		is(t, w.leave(t, w.leaving().with("ccmessaging-token", encoded)), 200, stored)
		refused(t, "encoded twice", w.leaving().with("ccmessaging-token", strings.Replace(encoded, "%", "%25", 1)))
	})
	p.row(t, 12, "a token of 16 KiB; headers of more", func(t *testing.T) {
		refused(t, "16 KiB", w.leaving().with("ccmessaging-token", strings.Repeat("x", 16<<10)))
		a := w.leave(t, w.leaving().with("ccmessaging-token", strings.Repeat("x", 24<<10)))
		if a.Status != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("24 KiB of headers: answered %d", a.Status)
		}
	})
	p.row(t, 13, "channel of the token is gone", func(t *testing.T) {
		made := rig.Lines[rig.Credentials](t, rig.Must(t, w.options, "channel", "create", "--name", "Short-lived", "--json"))[0]
		c := w.creds
		c.ChannelID = made.ChannelID
		soon(t, "a new channel is known", func() bool {
			return strings.Contains(send(t, w.host, w.applying(c, w.access)).Body, `"resultCode":"0"`)
		})
		chat := w.apply(t, c, w.access)
		is(t, w.leave(t, w.leaving().with("ccmessaging-token", chat)), 200, stored)
		rig.Must(t, w.options, "channel", "disable", "Short-lived")
		soon(t, "a token of a channel that is gone is refused", func() bool {
			return w.leave(t, w.leaving().with("ccmessaging-token", chat)).Status == http.StatusUnauthorized
		})
		refused(t, "a channel that is gone", w.leaving().with("ccmessaging-token", chat))
	})
}

func forged(t *testing.T, w *world, refused func(*testing.T, string, call)) {
	rig.Must(t, w.options, "tenant", "create", "--name", "Neighbour")
	colleague := w.app(t, "", "Colleague")
	neighbour := w.app(t, "Neighbour", "Neighbour")
	channel := rig.Lines[rig.Credentials](t, rig.Must(t, w.options, "channel", "create", "--name", "Theirs", "--tenant", "Neighbour", "--json"))[0]
	neighbour.ChannelID = channel.ChannelID
	for _, c := range []rig.Credentials{colleague, neighbour} {
		soon(t, "a new app is known", func() bool { return send(t, w.host, w.asking(c)).Status == http.StatusOK })
	}
	access := w.token(t, neighbour, "")
	soon(t, "a new channel is known", func() bool {
		return strings.Contains(send(t, w.host, w.applying(neighbour, access)).Body, `"resultCode":"0"`)
	})
	before := strings.Count(w.server.Log(), `"event":"security"`)
	swap := func(s string, at int) string {
		other := byte('A')
		if s[at] == other {
			other = 'B'
		}
		return s[:at] + string(other) + s[at+1:]
	}
	bad := map[string]string{
		"edited at its key":   swap(w.chat, 2),
		"edited in middle":    swap(w.chat, len(w.chat)/2),
		"edited at its end":   swap(w.chat, len(w.chat)-2),
		"cut":                 w.chat[:len(w.chat)-4],
		"longer":              w.chat + "AAAA",
		"an access token":     w.access,
		"of another app":      w.apply(t, colleague, w.token(t, colleague, "")),
		"of another tenant":   w.apply(t, neighbour, access),
		"the unsigned sample": "eyJjcmVhdGVUaW1lIjoxNjE0MDAwMDAwMDAwLCJjaGFubmVsSWQiOiIyMDIxMDIxOTMxOTY4Njk3MDgifQ%3D%3D",
	}
	for what, token := range bad {
		refused(t, what, w.leaving().with("ccmessaging-token", token))
	}
	soon(t, "each forged token is a security event in the log", func() bool {
		return strings.Count(w.server.Log(), `"event":"security"`)-before >= len(bad)
	})
	for _, token := range bad {
		if len(token) > 40 && strings.Contains(w.server.Log(), token) {
			t.Error("a token is in the log")
		}
	}
}
