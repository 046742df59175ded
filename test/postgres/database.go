package postgres

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// DB is a database with two roles of its own, as URLs.
type DB struct {
	App   string // may connect, and use the schema public; migrations grant it the rest
	Owner string // owns the database, for migrations
	Super string // the superuser, for what neither may do
}

// Database makes a fresh, empty database with two fresh roles, neither of them
// a superuser nor one who bypasses row-level security. It goes with the server.
func (s *Server) Database(t testing.TB) DB {
	t.Helper()
	name, word := "t"+secret()[:10], secret()
	owner, app := name+"_owner", name+"_app"
	role := " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD '" + word + "'"
	err := s.as(s.URL(), func(ctx context.Context, c *pgx.Conn) error {
		for _, statement := range []string{
			"CREATE ROLE " + owner + role,
			"CREATE ROLE " + app + role,
			"CREATE DATABASE " + name + " OWNER " + owner,
			"REVOKE ALL ON DATABASE " + name + " FROM PUBLIC",
			"GRANT CONNECT ON DATABASE " + name + " TO " + app,
		} {
			if _, err := c.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return DB{App: s.url(app, word, name), Owner: s.url(owner, word, name), Super: s.url(super, s.password, name)}
}

// At is the same database on another server, as after a promotion.
func (d DB) At(s *Server) DB { return d.each(s.Addr(), "") }

// Among is the same database on whichever of these takes writes: URLs with
// several hosts and target_session_attrs=read-write. The addresses are
// host:port, those of servers or of proxies before them.
func (d DB) Among(addrs ...string) DB { return d.each(strings.Join(addrs, ","), "read-write") }

func (d DB) each(hosts, attrs string) DB {
	return DB{App: moved(d.App, hosts, attrs), Owner: moved(d.Owner, hosts, attrs), Super: moved(d.Super, hosts, attrs)}
}

func moved(text, hosts, attrs string) string {
	u, err := url.Parse(text)
	if err != nil { // With a list of hosts only the first may have a port, says net/url.
		panic(fmt.Sprintf("%q was made by this package, and is no URL: %v", text, err))
	}
	query := u.Query()
	query.Del("target_session_attrs")
	if attrs != "" {
		query.Set("target_session_attrs", attrs)
	}
	return "postgres://" + u.User.String() + "@" + hosts + u.Path + "?" + query.Encode()
}
