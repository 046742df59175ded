package config

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Database is what a PostgreSQL URL says.
type Database struct {
	// URL is the text for the driver: as it was given, with sslmode=verify-full
	// added when it names a host that is not local and no sslmode.
	URL     string
	Hosts   []string // with their ports, as they were written; a path is a socket's folder
	Name    string   // of the database
	User    string
	SSLMode string // as in URL; "" for local hosts that say nothing
	Local   bool   // every host is this machine
}

// sslModes are those of PostgreSQL, from none to all.
var sslModes = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// Example is a URL as one would write it.
const Example = "postgres://afterbeep@db.example.com/afterbeep"

// ParseDatabase reads a URL such as postgres://user:password@host:5432/name, or
// with several hosts, postgres://user@one,two/name. Its error is the rest of a
// sentence that begins with the setting's name, and never holds the URL.
func ParseDatabase(raw string) (d Database, err error) {
	scheme, user, hosts, rest, ok := cut(raw)
	if !ok {
		return d, errors.New("is not the URL of a PostgreSQL; write it like " + Example + ", or leave it empty for SQLite in the data folder")
	}
	// The host is taken out: the library knows only one.
	u, err := url.Parse(scheme + "://" + user + "host" + rest)
	if err != nil {
		return d, errors.New("cannot be read; in a user's name or password write / as %2F, @ as %40, : as %3A, % as %25")
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return d, errors.New("has parameters that cannot be read; write them like ?sslmode=verify-full&sslrootcert=/etc/ca.pem")
	}
	d = Database{URL: raw, Name: strings.TrimPrefix(u.Path, "/"), User: u.User.Username(), SSLMode: values.Get("sslmode")}
	if values.Get("host") != "" {
		hosts = values.Get("host")
	}
	switch {
	case hosts == "":
		return d, errors.New("names no host; write it like " + Example + ", or with ?host=/var/run/postgresql for a socket")
	case d.Name == "" || strings.ContainsAny(raw, "\x00\n"):
		return d, errors.New("names no database; write it like " + Example)
	case d.SSLMode != "" && !slices.Contains(sslModes, d.SSLMode):
		return d, errors.New("has an unknown sslmode; take " + strings.Join(sslModes, ", "))
	}
	d.Hosts = strings.Split(hosts, ",")
	d.Local = !slices.ContainsFunc(d.Hosts, func(h string) bool { return !local(h) })
	if d.SSLMode == "" && !d.Local {
		d.SSLMode = "verify-full"
		d.URL = withParameter(raw, "sslmode=verify-full")
	}
	return d, nil
}

func withParameter(raw, parameter string) string {
	if strings.Contains(raw, "?") {
		return strings.TrimRight(raw, "&") + "&" + parameter
	}
	return raw + "?" + parameter
}

// cut takes a PostgreSQL URL apart without reading its parts: user ends with @
// or is empty.
func cut(raw string) (scheme, user, hosts, rest string, ok bool) {
	scheme, after, found := strings.Cut(raw, "://")
	if !found || scheme != "postgres" && scheme != "postgresql" {
		return "", "", "", "", false
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	authority := after[:end]
	at := strings.LastIndex(authority, "@")
	return scheme, authority[:at+1], authority[at+1:], after[end:], true
}

// local: what never leaves this machine needs no encryption.
func local(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	if i := strings.LastIndex(host, ":"); i >= 0 && !strings.HasSuffix(host, "]") {
		if _, err := netip.ParseAddr(host); err != nil { // not an IPv6 address without a port
			host = host[:i]
		}
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Redact is a URL for people and logs: without its password. What is no URL is
// not shown at all, because nobody knows what it is.
func Redact(raw string) string {
	if raw == "" {
		return ""
	}
	scheme, user, hosts, rest, ok := cut(raw)
	if !ok || strings.Contains(rest, "@") { // an unescaped / or ? in a password moves it into the rest
		return "(not shown)"
	}
	if name, _, has := strings.Cut(user, ":"); has {
		user = name + ":***@"
	}
	path, query, has := strings.Cut(rest, "?")
	if !has {
		return scheme + "://" + user + hosts + path
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if key, _, _ := strings.Cut(pair, "="); !slices.Contains(harmless, key) {
			pairs[i] = key + "=***"
		}
	}
	return scheme + "://" + user + hosts + path + "?" + strings.Join(pairs, "&")
}

// harmless are the parameters whose values may be seen.
var harmless = []string{
	"application_name", "connect_timeout", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey",
	"target_session_attrs", "search_path", "channel_binding",
}
