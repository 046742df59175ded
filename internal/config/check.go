package config

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Check says in one sentence what is wrong with the settings, which value it
// is, and what to write instead; nil when a node may run with them.
func (s Settings) Check() error {
	for _, check := range []func(Settings) error{
		ranges, addresses, texts, databases, proxy, staff, together,
	} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

// ranges holds every number against the range in its tag.
func ranges(s Settings) error {
	for _, e := range Describe() {
		if e.Min == "" {
			continue
		}
		v := e.value(&s)
		if n := v.Int(); n < e.bound(e.Min) || n > e.bound(e.Max) {
			return invalid("%s is %s, which is outside %s to %s (%s); the default is %s",
				e.Key, format(v), e.Min, e.Max, e.Unit, e.Default)
		}
	}
	return nil
}

func (e Entry) bound(text string) int64 {
	if e.fieldType() == durationType {
		d, err := time.ParseDuration(text)
		must(err)
		return int64(d)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	must(err)
	return n
}

// must is for tags only: the tests of this package read them all.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func addresses(s Settings) error {
	if err := address("listen", s.Listen, "127.0.0.1:8080"); err != nil {
		return err
	}
	if err := address("ops_listen", s.OpsListen, "127.0.0.1:8081"); err != nil {
		return err
	}
	if !loopback(s.OpsListen) && !s.OpsPublic {
		return invalid("ops_listen is %q, which others can reach, and metrics are not for strangers; "+
			"take 127.0.0.1:8081, or set ops_public (--ops-public) when a firewall stands in front", s.OpsListen)
	}
	if s.Listen == s.OpsListen && !strings.HasSuffix(s.Listen, ":0") {
		return invalid("listen and ops_listen are both %q; give ops_listen another port", s.Listen)
	}
	return nil
}

func address(key, value, example string) error {
	host, port, err := net.SplitHostPort(value)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || strconv.FormatUint(n, 10) != port || strings.ContainsAny(host, " /") {
		return invalid("%s is %q, which is not a host and a port; write it like %s", key, value, example)
	}
	return nil
}

// loopback is for the exact name and for addresses: any other name could come
// to mean something else tomorrow.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func texts(s Settings) error {
	if strings.TrimSpace(s.Data) == "" {
		return invalid("data is empty, and messages need a folder; write it like ./afterbeep-data")
	}
	if strings.ContainsRune(s.Data, 0) || strings.ContainsRune(s.Data, '?') {
		return invalid("data is %q, which the store cannot open; name the folder without ? in it", s.Data)
	}
	if !plainPath(s.BasePath) {
		return invalid("base_path is %q; begin it with / and end it without, such as /aicc, or leave it empty", s.BasePath)
	}
	if levels := []string{"debug", "info", "warn", "error"}; !slices.Contains(levels, s.LogLevel) {
		return invalid("log_level is %q; take debug, info, warn or error", s.LogLevel)
	}
	return nil
}

// plainPath: "" or one that no client and no proxy rewrites on its way here.
func plainPath(p string) bool {
	if p == "" {
		return true
	}
	for _, c := range []byte(p) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/-._~", c) >= 0) {
			return false
		}
	}
	return p[0] == '/' && p != "/" && path.Clean(p) == p
}

// databases never repeats a URL: there may be a password in it.
func databases(s Settings) error {
	for _, u := range []struct{ key, raw string }{{"database", s.Database}, {"migrate_database", s.MigrateDatabase}} {
		if u.raw == "" {
			continue
		}
		if _, err := ParseDatabase(u.raw); err != nil {
			return invalid("%s %v", u.key, err)
		}
	}
	if s.MigrateDatabase != "" && s.Database == "" {
		return invalid("migrate_database is set and database is not; set both, or neither for SQLite")
	}
	if least := s.Postgres.Committers + 3; s.Database != "" && s.Postgres.Connections < least {
		return invalid("postgres.connections is %d, which postgres.committers of %d would use up; make it at least %d",
			s.Postgres.Connections, s.Postgres.Committers, least)
	}
	return nil
}

// proxy is for words that are to be believed.
func proxy(s Settings) error {
	if h := s.Proxy.Header; h != XForwardedFor && h != Forwarded {
		return invalid("proxy.header is %q; take %s or %s", h, XForwardedFor, Forwarded)
	}
	_, err := s.Proxy.Networks()
	return err
}

// staff is for the address that browsers use, and for secrets that are worth it.
func staff(s Settings) error {
	if u := s.Staff.URL; u != "" && !origin(u) {
		return invalid("staff.url is %q; write it like https://desk.example.com, without a path", u)
	}
	if _, err := desk.ParseDialler(s.Staff.CallURL); err != nil {
		return invalid("staff.call_url is %q; %v", s.Staff.CallURL, err)
	}
	if n := len(s.Staff.Secret); n > 0 && n < 32 {
		return invalid("staff.secret has %d characters; take 32 or more, such as the output of openssl rand -hex 32", n)
	}
	if s.OIDC.Issuer == "" {
		return nil
	}
	if !strings.HasPrefix(s.OIDC.Issuer, "https://") || s.OIDC.ClientID == "" || s.Staff.URL == "" {
		return invalid("oidc.issuer is %q; it needs https://, and oidc.client_id and staff.url beside it", s.OIDC.Issuer)
	}
	return nil
}

func origin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.Scheme+"://"+u.Host == text
}

// together is for values that are sound alone and unsafe in company.
func together(s Settings) error {
	if s.Intake.MaxWait <= s.Intake.Linger {
		return invalid("intake.max_wait is %s, not more than intake.linger, so everything would be refused; make it longer than %s",
			short(s.Intake.MaxWait), short(s.Intake.Linger))
	}
	if s.Intake.AckTimeout <= s.Intake.MaxWait {
		return invalid("intake.ack_timeout is %s, not more than intake.max_wait; make it longer than %s",
			short(s.Intake.AckTimeout), short(s.Intake.MaxWait))
	}
	// The clock of an answer starts at the headers: a message that took its
	// time to arrive and to be flushed must still get its acknowledgement.
	if least := s.Timeouts.Body + s.Intake.AckTimeout; s.Timeouts.Write < least {
		return invalid("timeouts.write is %s, shorter than timeouts.body and intake.ack_timeout together, "+
			"so that a stored message might get no answer; make it at least %s", short(s.Timeouts.Write), short(least))
	}
	return nil
}
