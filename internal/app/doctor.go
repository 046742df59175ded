package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
)

// database looks at everything that can be wrong with a PostgreSQL.
func (d *doctor) database(ctx context.Context) {
	o, err := shared(d.set)
	if err != nil {
		return // the settings were found wrong already
	}
	f, err := postgres.Inspect(ctx, o)
	if err != nil {
		d.wrong("database", "follow the sentence; the URL is in database, AFTERBEEP_DATABASE or --database", "%v", err)
		return
	}
	d.ok("database", "%s answers", config.Redact(d.set.Database))
	d.server(f)
	d.durable(f)
	d.followers(f)
	d.appRole(f.Role)
	d.ownerRole(ctx, o, f.Role)
	d.walls(f)
	d.encrypted(f)
	d.stored(ctx, o, f)
}

func (d *doctor) server(f postgres.Facts) {
	text := fmt.Sprintf("PostgreSQL %d.%d", f.Version/10000, f.Version%10000)
	switch {
	case f.Version < 150000:
		d.wrong("version", "upgrade it to 15 or newer", "%s is too old", text)
	case f.Standby:
		d.wrong("version", "name the primary, or all hosts with ?target_session_attrs=read-write", "%s is a standby and can only be read", text)
	case f.Encoding != "UTF8":
		d.wrong("version", "make the database anew with ENCODING 'UTF8'", "%s has the encoding %s", text, f.Encoding)
	default:
		d.ok("version", "%s", text)
	}
}

// durable: what a commit is worth.
func (d *doctor) durable(f postgres.Facts) {
	bad := []string{}
	for _, s := range []struct{ name, good, other string }{
		{"fsync", "on", ""}, {"full_page_writes", "on", ""}, {"synchronous_commit", "on", "remote_apply"},
	} {
		if got := f.Settings[s.name]; got != s.good && (s.other == "" || got != s.other) {
			bad = append(bad, s.name+"="+got)
		}
	}
	if len(bad) > 0 {
		d.wrong("flushing", "set them to on, in postgresql.conf or with ALTER SYSTEM and ALTER ROLE, and reload", "%s: what is acknowledged may be lost", strings.Join(bad, ", "))
	} else {
		d.ok("flushing", "fsync, full_page_writes and synchronous_commit are %s", f.Settings["synchronous_commit"])
	}
	if f.Settings["data_checksums"] != "on" {
		d.wrong("checksums", "stop it and run pg_checksums --enable; rows carry a hash of their own, indexes do not", "the database has no checksums of its pages")
	} else {
		d.ok("checksums", "every page has one")
	}
}

func (d *doctor) followers(f postgres.Facts) {
	least, n := d.set.Postgres.Standbys, f.Synchronous()
	names := f.Settings["synchronous_standby_names"]
	switch {
	case f.Blind && (least > 0 || names != ""):
		d.wrong("standbys", "GRANT pg_read_all_stats TO "+f.Role.Name, "this role may not see which standbys are synchronous")
	case n < least:
		d.wrong("standbys", "start standbys, name them in synchronous_standby_names, or lower postgres.standbys; until then no node starts",
			"%d synchronous and %d are asked for (synchronous_standby_names = %q)", n, least, names)
	case names != "" && n == 0:
		d.wrong("standbys", "start a standby: until then no commit is ever confirmed", "synchronous_standby_names is %q and none of them is there", names)
	case least == 0 && n > 0:
		d.wrong("standbys", "set postgres.standbys to 1 or more, so that no node ever starts without them", "%d synchronous, but the nodes do not insist on them", n)
	case n == 0:
		d.ok("standbys", "none is asked for: what is acknowledged is as safe as this server's disk")
	default:
		d.ok("standbys", "%d synchronous, %d asked for", n, least)
	}
}

func (d *doctor) appRole(r postgres.Role) {
	var may []string
	for _, m := range []struct {
		is   bool
		what string
	}{{r.Super, "is a superuser"}, {r.Bypass, "has BYPASSRLS"}, {r.Owns, "owns the tables or the database"}} {
		if m.is {
			may = append(may, m.what)
		}
	}
	if len(may) > 0 {
		d.wrong("application role", "make a role of its own for the servers, as docs/operations.md says, and name it in database", "%s %s", r.Name, strings.Join(may, " and "))
		return
	}
	d.ok("application role", "%s is no superuser, owns nothing and is held by row-level security", r.Name)
}

func (d *doctor) ownerRole(ctx context.Context, o postgres.Options, app postgres.Role) {
	if o.MigrateURL == "" {
		if !app.Owns {
			d.ok("owner role", "migrate_database is not set here: migrations are run elsewhere")
		}
		return // a finding of the application's role already
	}
	r, err := postgres.InspectRole(ctx, o)
	switch {
	case err != nil:
		d.wrong("owner role", "correct migrate_database", "%v", err)
	case r.Name == app.Name:
		d.wrong("owner role", "name the role that owns the tables in migrate_database", "migrate_database and database name the same role, %s", r.Name)
	case !r.Owns:
		d.wrong("owner role", "ALTER TABLE … OWNER TO "+r.Name+", or name the owner in migrate_database", "%s does not own the tables", r.Name)
	case r.Super:
		d.wrong("owner role", "take a role without SUPERUSER for migrations", "%s is a superuser", r.Name)
	default:
		d.ok("owner role", "%s owns the tables", r.Name)
	}
}

// walls: tables in which the database keeps tenants apart.
func (d *doctor) walls(f postgres.Facts) {
	var open []string
	for _, t := range f.Tables {
		if t.Open() {
			open = append(open, t.Name)
		}
	}
	switch {
	case len(open) > 0:
		d.wrong("row-level security", "ALTER TABLE … ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, and restore the policy one_tenant",
			"off, not forced or without a policy: %s", strings.Join(open, ", "))
	case len(f.Tables) == 0:
		d.wrong("row-level security", "run \"afterbeep migrate\"", "there are no tables yet")
	default:
		d.ok("row-level security", "enabled and forced, or out of this role's reach: all %d tables with a tenant", len(f.Tables))
	}
}

func (d *doctor) encrypted(f postgres.Facts) {
	u, err := config.ParseDatabase(d.set.Database)
	switch {
	case err != nil:
	case u.Local:
		d.ok("encryption", "the database is on this machine")
	case f.TLS == "":
		d.wrong("encryption", "take sslmode=verify-full, with sslrootcert=FILE where the certificate is your own", "none, to a host that is not this machine: passwords and messages can be read on their way")
	case u.SSLMode != "verify-full":
		d.wrong("encryption", "take sslmode=verify-full", "%s, but sslmode=%s believes anybody who answers", f.TLS, u.SSLMode)
	default:
		d.ok("encryption", "%s, and the certificate is the host's", f.TLS)
	}
}

// stored opens the store as a server does, and reads all of it.
func (d *doctor) stored(ctx context.Context, o postgres.Options, f postgres.Facts) {
	o.NoMigrate = true
	st, err := postgres.Open(ctx, o)
	if err != nil {
		d.wrong("store", "follow the sentence", "%v", err)
		return
	}
	defer st.Close()
	if current, target, err := st.Schema(ctx); err != nil {
		d.wrong("schema", "follow the sentence", "%v", err)
	} else if current > target {
		d.wrong("schema", "upgrade this node soon: newer ones run already", "the database has schema %d, this program brings %d and can still work with it", current, target)
	} else {
		d.ok("schema", "%d, which is this program's", current)
	}
	if err := st.Complete(ctx); err != nil {
		d.wrong("whole", "run the move or the restore again", "%v", err)
	}
	a := &App{Store: st}
	live := d.nodes(ctx, a, f)
	d.pool(f, max(live, 1))
	d.writable(ctx, a)
	d.rows(ctx, a, live > 0)
	d.clock(ctx, a)
}

// apart is how far clocks may be from each other: order comes from them when
// messages come to several nodes.
const apart = 2 * time.Second

// nodes compares the clocks, and says how many nodes run.
func (d *doctor) nodes(ctx context.Context, a *App, f postgres.Facts) (live int) {
	all, now, err := a.Store.Nodes(ctx)
	if err != nil {
		d.wrong("nodes", "follow the sentence", "%v", err)
		return 0
	}
	var off []string
	if ahead := f.Seen.Sub(f.Now); ahead > apart || ahead < -apart {
		off = append(off, "this machine by "+ahead.Round(time.Second).String())
	}
	for _, n := range all {
		if !n.Live(now) {
			continue
		}
		live++
		if ahead := n.Clock.Sub(n.SeenAt); ahead > apart || ahead < -apart {
			off = append(off, fmt.Sprintf("node %d (%s) by %s", n.Number, n.Address, ahead.Round(time.Second)))
		}
	}
	if len(off) > 0 {
		d.wrong("clocks", "run NTP on all of them and on the database; tokens and the order of messages follow these clocks", "not the database's time: %s", strings.Join(off, ", "))
		return live
	}
	d.ok("clocks", "%d nodes run, none further than %s from the database's clock", live, apart)
	return live
}

// pool compares what all nodes may open with what the database lets in.
func (d *doctor) pool(f postgres.Facts, nodes int) {
	each := d.set.Postgres.Connections + 1 // the one that listens
	most, err := strconv.Atoi(f.Settings["max_connections"])
	kept, err2 := strconv.Atoi(f.Settings["superuser_reserved_connections"])
	if err != nil || err2 != nil || d.set.Postgres.PgBouncer {
		return // a PgBouncer shares its own out
	}
	if need := nodes * each; need > most-kept {
		d.wrong("connections", "lower postgres.connections, raise max_connections, or put a PgBouncer in between",
			"%d nodes with %d each would need %d and the database lets %d in", nodes, each, need, most-kept)
		return
	}
	d.ok("connections", "%d nodes with %d each, of %d that the database lets in; %d are open now", nodes, each, most-kept, f.Sessions)
}
