package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// Proxies are what stands in front of the server: the networks they call from,
// and how they say whom they call for. Nobody else is believed: a header is
// typed as easily by a stranger as by a proxy.
type Proxies struct {
	Trusted []netip.Prefix
	// RFC7239 takes their word from Forwarded; otherwise it is X-Forwarded-For,
	// X-Forwarded-Proto and X-Forwarded-Host. Never from both: a proxy writes
	// one kind and lets the other through as the stranger sent it.
	RFC7239 bool
	Log     *slog.Logger
}

// client is who asked, as far as trusted proxies tell.
type client struct {
	address string
	https   bool
}

type clientKey struct{}

// Address is the client's address, without a port.
func Address(r *http.Request) string {
	if c, ok := r.Context().Value(clientKey{}).(client); ok {
		return c.address
	}
	return peer(r)
}

// HTTPS says whether the client's connection is encrypted, here or at a trusted
// proxy.
func HTTPS(r *http.Request) bool {
	c, ok := r.Context().Value(clientKey{}).(client)
	return r.TLS != nil || ok && c.https
}

// peer is the other end of the connection.
func peer(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// Behind lets Address, HTTPS and the request's Host tell of the client instead of
// the proxy, for every surface at once.
func Behind(p Proxies, next http.Handler) http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ip, err := netip.ParseAddr(peer(r))
		switch {
		case err == nil && p.trusts(ip):
			r = p.told(r, ip)
		case err == nil && near(ip) && r.Header[forwardedFor] != nil:
			once.Do(p.warn)
		}
		next.ServeHTTP(w, r)
	})
}

// warn is for the one who forgot the setting: nothing fails, and everybody behind
// his proxy is one client to us.
func (p *Proxies) warn() {
	if p.Log != nil {
		p.Log.Warn("a proxy is not trusted: all its clients count as one; name its address in proxy.trusted", "event", "proxy")
	}
}

// near: no stranger calls from here unless somebody passes him on.
func near(ip netip.Addr) bool { return ip.Unmap().IsLoopback() || ip.Unmap().IsPrivate() }

func (p *Proxies) trusts(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(p.Trusted, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// told is the request as the client sent it to the first trusted proxy.
func (p *Proxies) told(r *http.Request, from netip.Addr) *http.Request {
	say := p.legacy
	if p.RFC7239 {
		say = p.standard
	}
	ip, proto, host := say(r.Header, from)
	c := client{address: ip.Unmap().WithZone("").String(), https: strings.EqualFold(proto, "https")}
	r = r.WithContext(context.WithValue(r.Context(), clientKey{}, c))
	if plainHost(host) {
		r.Host = host
	}
	return r
}

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
	forwardedHost  = "X-Forwarded-Host"
)

// legacy walks X-Forwarded-For from its end, where the nearest proxy wrote, to the
// first address that is no trusted proxy's. What a stranger wrote lies beyond it.
// An entry that is no address ends the walk at the proxy that wrote it.
func (p *Proxies) legacy(h http.Header, from netip.Addr) (ip netip.Addr, proto, host string) {
	ip = from
	steps := -1
	for entry := range backwards(h[forwardedFor], comma) {
		next, ok := node(entry)
		if !ok {
			break
		}
		ip = next
		steps++
		if !p.trusts(ip) {
			break
		}
	}
	return ip, nth(h[forwardedProto], steps), nth(h[forwardedHost], steps)
}

// standard is legacy for RFC 7239, where an element holds everything that one
// proxy says.
func (p *Proxies) standard(h http.Header, from netip.Addr) (ip netip.Addr, proto, host string) {
	ip = from
	for entry := range backwards(h["Forwarded"], commaUnquoted) {
		said, ok := pairs(entry)
		if !ok {
			break
		}
		proto, host = said["proto"], said["host"]
		next, ok := node(said["for"])
		if !ok {
			break
		}
		if ip = next; !p.trusts(ip) {
			break
		}
	}
	return ip, proto, host
}

// nth is the n-th entry from the end, the first one when there are fewer: some
// proxies add to the list, and some replace it.
func nth(lines []string, n int) (entry string) {
	for entry = range backwards(lines, comma) {
		if n <= 0 {
			break
		}
		n--
	}
	return entry
}

// backwards lists the entries of a header from its end; empty ones are none.
// Nothing left of what is asked for is looked at.
func backwards(lines []string, lastComma func(string) int) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range slices.Backward(lines) {
			for at := len(line); at >= 0; {
				at = lastComma(line)
				if entry := strings.Trim(line[at+1:], " \t"); entry != "" && !yield(entry) {
					return
				}
				line = line[:max(at, 0)]
			}
		}
	}
}

func comma(s string) int { return strings.LastIndexByte(s, ',') }

// commaUnquoted is the last comma outside of quotes, read from the end: a quote
// that a stranger opened and never closed swallows nothing of what was added.
func commaUnquoted(s string) int {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"' && !(quoted && escaped(s, i)):
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return i
		}
	}
	return -1
}

// escaped: an odd number of backslashes stands before i.
func escaped(s string, i int) bool {
	return (i-len(strings.TrimRight(s[:i], `\`)))%2 == 1
}

// pairs reads one element: for=192.0.2.1;proto=https;host="desk.example.com:8443".
// One that says a thing twice says nothing.
func pairs(element string) (map[string]string, bool) {
	said := map[string]string{}
	for element != "" {
		name, rest, ok := strings.Cut(element, "=")
		name = strings.ToLower(strings.Trim(name, " \t"))
		if _, twice := said[name]; !ok || twice || name == "" || strings.ContainsAny(name, `"; `) {
			return nil, false
		}
		if said[name], element, ok = value(rest); !ok {
			return nil, false
		}
	}
	return said, true
}

// value is what stands before the next semicolon, without its quotes.
func value(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		text, rest, _ = strings.Cut(s, ";")
		text = strings.TrimRight(text, " \t")
		return text, rest, !strings.ContainsAny(text, "\" \t")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			rest = strings.TrimLeft(s[i+1:], " \t")
			return b.String(), strings.TrimPrefix(rest, ";"), rest == "" || rest[0] == ';'
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// node is an address as proxies write it: with or without a port, IPv6 with or
// without brackets.
func node(s string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Unmap().WithZone(""), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, port, _ := strings.Cut(inner, "]")
		ip, err := netip.ParseAddr(inner)
		return ip.WithZone("").Unmap(), err == nil && ip.Is6() && (port == "" || digits(port, ":"))
	}
	host, port, ok := strings.Cut(s, ":")
	ip, err := netip.ParseAddr(host)
	return ip, ok && err == nil && digits(port, "")
}

func digits(s, after string) bool {
	s, ok := strings.CutPrefix(s, after)
	return ok && s != "" && len(s) <= 5 && strings.Trim(s, "0123456789") == ""
}

// plainHost is a name or an address with or without a port, and nothing else.
func plainHost(s string) bool {
	return s != "" && len(s) <= 260 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._:[]", c))
	})
}
