package web

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// trusted are two proxies' networks: 10.0.0.0/8 and one of IPv6.
func trusted(rfc bool) Proxies {
	return Proxies{RFC7239: rfc, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:aa::/48")}}
}

// asked is who asked, where and how, as surfaces see it. Each header is one line.
func asked(p Proxies, peer string, headers ...string) string {
	r := httptest.NewRequest(http.MethodPost, "http://inside:8080/", nil)
	r.RemoteAddr = peer
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	var got string
	Behind(p, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = fmt.Sprintf("%s %t %s", Address(r), HTTPS(r), r.Host)
	})).ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func TestAStrangerCannotChooseHisAddress(t *testing.T) {
	lies := []string{
		"X-Forwarded-For: 198.51.100.66", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example",
		"Forwarded: for=198.51.100.66;proto=https;host=evil.example", "X-Real-Ip: 198.51.100.66",
	}
	for _, rfc := range []bool{false, true} {
		for _, peer := range []string{"192.0.2.7:4711", "11.0.0.1:1", "[2001:db8:ab::1]:1", "9.255.255.255:1"} {
			host, _, _ := net.SplitHostPort(peer)
			if got := asked(trusted(rfc), peer, lies...); got != host+" false inside:8080" {
				t.Errorf("from %s: %s", peer, got)
			}
			if got := asked(Proxies{RFC7239: rfc}, peer, lies...); got != host+" false inside:8080" {
				t.Errorf("nobody is trusted, from %s: %s", peer, got)
			}
		}
	}
}

func TestThroughTrustedProxiesTheClientIsSeen(t *testing.T) {
	const peer = "10.0.0.1:4711"
	for _, c := range []struct {
		rfc     bool
		headers string // divided by |
		want    string
	}{
		{false, "", "10.0.0.1 false inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7:4711|X-Forwarded-Proto: https|X-Forwarded-Host: desk.example.com:8443", "192.0.2.7 true desk.example.com:8443"},
		{false, "X-Forwarded-For: [2001:db8::7]:99|X-Forwarded-Proto: HTTPS", "2001:db8::7 true inside:8080"},
		{false, "X-Forwarded-For: 2001:db8::7", "2001:db8::7 false inside:8080"},
		{false, "X-Forwarded-For: ::ffff:192.0.2.7", "192.0.2.7 false inside:8080"},
		// What he says himself lies left of what was added.
		{false, "X-Forwarded-For: 198.51.100.66, 192.0.2.7", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: 198.51.100.66|X-Forwarded-For: 192.0.2.7", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: 10.0.0.9, 192.0.2.7, 10.0.0.2, 2001:db8:aa::1", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: , ,,\t192.0.2.7 ,", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3 false inside:8080"},
		// What is no address ends the walk.
		{false, "X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.2", "10.0.0.2 false inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7, <script>", "10.0.0.1 false inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7:http", "10.0.0.1 false inside:8080"},
		// Of lists, the entry that belongs to that step; of one value, that.
		{false, "X-Forwarded-For: 192.0.2.7, 10.0.0.2|X-Forwarded-Proto: https, http|X-Forwarded-Host: out.example, in.example", "192.0.2.7 true out.example"},
		{false, "X-Forwarded-For: 198.51.100.66, 192.0.2.7|X-Forwarded-Proto: https, http", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7, 10.0.0.2|X-Forwarded-Proto: https", "192.0.2.7 true inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7|X-Forwarded-Host: a/b", "192.0.2.7 false inside:8080"},
		{false, "X-Forwarded-For: 192.0.2.7|X-Forwarded-Host: a\"><b>", "192.0.2.7 false inside:8080"},
		// The other kind is a stranger's: the proxy let it through.
		{false, "Forwarded: for=198.51.100.66;proto=https;host=evil.example", "10.0.0.1 false inside:8080"},
		{true, "X-Forwarded-For: 198.51.100.66|X-Forwarded-Proto: https|X-Forwarded-Host: evil.example", "10.0.0.1 false inside:8080"},

		{true, "Forwarded: for=192.0.2.7;proto=https;host=desk.example.com", "192.0.2.7 true desk.example.com"},
		{true, `Forwarded: For="[2001:db8::7]:4711" ; Proto=http; by=10.0.0.1`, "2001:db8::7 false inside:8080"},
		{true, `Forwarded: For="[2001:db8::7]:4711";Proto=http;by=10.0.0.1`, "2001:db8::7 false inside:8080"},
		{true, `Forwarded: for="192.0.2.7:4711";host="desk.example.com:8443"`, "192.0.2.7 false desk.example.com:8443"},
		{true, `Forwarded: for=198.51.100.66;proto=https, for=192.0.2.7;proto=http`, "192.0.2.7 false inside:8080"},
		{true, `Forwarded: for=198.51.100.66, for=192.0.2.7;proto=https, for=10.0.0.2;proto=http`, "192.0.2.7 true inside:8080"},
		{true, `Forwarded: for=198.51.100.66|Forwarded: for=192.0.2.7`, "192.0.2.7 false inside:8080"},
		// A quote that he never closed swallows nothing of what was added.
		{true, `Forwarded: for=198.51.100.66;by=", for=192.0.2.7`, "192.0.2.7 false inside:8080"},
		{true, `Forwarded: for="198.51.100.66\, for="192.0.2.7"`, "192.0.2.7 false inside:8080"},
		{true, `Forwarded: for=192.0.2.7;secret="a, \"b\", c"`, "192.0.2.7 false inside:8080"},
		{true, `Forwarded: for=unknown;proto=https`, "10.0.0.1 true inside:8080"},
		{true, `Forwarded: for=_hidden`, "10.0.0.1 false inside:8080"},
		{true, `Forwarded: for=192.0.2.7;for=192.0.2.8`, "10.0.0.1 false inside:8080"},
		{true, `Forwarded: 192.0.2.7`, "10.0.0.1 false inside:8080"},
	} {
		var headers []string
		if c.headers != "" {
			headers = strings.Split(c.headers, "|")
		}
		if got := asked(trusted(c.rfc), peer, headers...); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.headers, got, c.want)
		}
	}
	if got := asked(trusted(false), "[::ffff:10.0.0.1]:1", "X-Forwarded-For: 192.0.2.7"); got != "192.0.2.7 false inside:8080" {
		t.Errorf("a proxy over IPv4 on a socket of IPv6: %s", got)
	}
}

func TestAForgottenProxyIsNamedOnceInTheLog(t *testing.T) {
	for peer, want := range map[string]int{"127.0.0.1:1": 1, "[::1]:1": 1, "10.1.2.3:1": 1, "192.0.2.7:1": 0} {
		var log lines
		h := Behind(Proxies{Log: slog.New(slog.NewJSONHandler(&log, nil))}, http.NotFoundHandler())
		for range 3 {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = peer
			h.ServeHTTP(httptest.NewRecorder(), r)
			r.Header.Set("X-Forwarded-For", "198.51.100.66")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		if got := strings.Count(log.String(), "proxy.trusted"); got != want {
			t.Errorf("from %s: %d lines, want %d", peer, got, want)
		}
		if strings.Contains(log.String(), "198.51") {
			t.Error("an address is in the log")
		}
	}
}

// Behind a proxy that changes Host, a form is ours when it comes from staff.url, and
// the log says so to whoever forgot it.
func TestAFormBehindAProxyThatChangesHostIsOursWhereTheSettingsSaySo(t *testing.T) {
	var log lines
	h := front(t, &log, echo("POST", "/act")) // staff.url is https://desk.example
	for origin, want := range map[string]int{"https://desk.example": 200, "http://desk.example": 403, "https://other.example": 403} {
		r := httptest.NewRequest("POST", "http://inside:8080/act", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d, want %d", origin, w.Code, want)
		}
	}
	if !strings.Contains(log.String(), "it comes from https://other.example, and this is inside:8080; when both are this server, set staff.url") {
		t.Errorf("the log leaves the operator alone: %s", log.String())
	}
	// Or the proxy says which Host it was.
	r := httptest.NewRequest("POST", "http://inside:8080/act", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("Origin", "https://other.example")
	r.Header.Set("X-Forwarded-Host", "other.example")
	w := httptest.NewRecorder()
	Behind(trusted(false), front(t, io.Discard, echo("POST", "/act"))).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("with X-Forwarded-Host: %d", w.Code)
	}
}

// Whatever a stranger writes before it, what the trusted proxy appends is what holds.
func FuzzWhatTheNearestProxySaysHolds(f *testing.F) {
	for _, s := range []string{"", "198.51.100.66", "10.0.0.2", `for="`, `for="\`, `a"b,\"`, "for=10.0.0.2;for=", "[", "::1%", ",,,", `for="[::1]:1", for="`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, lie string, line bool) {
		lie = strings.NewReplacer("\r", "", "\n", "", "|", "").Replace(lie)
		for _, rfc := range []bool{false, true} {
			name, truth := "X-Forwarded-For: ", "192.0.2.7"
			if rfc {
				name, truth = "Forwarded: ", "for=192.0.2.7;proto=https"
			}
			headers := []string{name + lie + ", " + truth}
			if line {
				headers = []string{name + lie, name + truth}
			}
			if got, want := asked(trusted(rfc), "10.0.0.1:1", headers...), fmt.Sprintf("192.0.2.7 %t inside:8080", rfc); got != want {
				t.Fatalf("%q: %s", headers, got)
			}
			// Alone it may be nonsense, but what comes of it is an address and a host.
			address, rest, _ := strings.Cut(asked(trusted(rfc), "10.0.0.1:1", name+lie, "X-Forwarded-Host: "+lie), " ")
			if _, err := netip.ParseAddr(address); err != nil {
				t.Fatalf("%q is the address %q", lie, address)
			}
			if _, host, _ := strings.Cut(rest, " "); !plainHost(host) {
				t.Fatalf("%q is the host %q", lie, host)
			}
		}
	})
}
