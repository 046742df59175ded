package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Facts are what a database says about itself, read as the application's role.
// Nothing is judged here, and nothing is changed.
type Facts struct {
	Version  int               // as the server gives it: 150012 is 15.12
	Settings map[string]string // of those that matter
	Standby  bool              // it can only be read
	Now      time.Time         // its clock,
	Seen     time.Time         // and ours when we read it
	Encoding string
	TLS      string // the version of TLS up to the database, or to the PgBouncer before it; "" for none

	Role     Role
	Tables   []Guard
	Standbys []Standby
	Blind    bool // this role may not see what the standbys do
	Sessions int  // connections that are open now, of everybody
}

// Role is what a role may do besides what it was granted.
type Role struct {
	Name   string
	Super  bool
	Bypass bool // row-level security does not hold it
	Owns   bool // it owns tables of ours, or the database
}

// Guard is a table that has a tenant, and whether the database keeps the tenants
// apart in it.
type Guard struct {
	Name            string
	Enabled, Forced bool
	Policies        int
	Reach           bool // the role may touch it at all
}

// Open says whether the role could see one tenant's rows as another.
func (g Guard) Open() bool { return g.Reach && !(g.Enabled && g.Forced && g.Policies > 0) }

// Standby is a server that follows.
type Standby struct{ Name, State, Sync string }

// wanted are the settings that are read.
var wanted = []string{
	"server_version_num", "server_encoding", "fsync", "full_page_writes", "synchronous_commit", "data_checksums",
	"synchronous_standby_names", "max_connections", "superuser_reserved_connections", "row_security", "default_transaction_isolation",
}

// Inspect asks the database about itself.
func Inspect(ctx context.Context, o Options) (f Facts, err error) {
	err = visit(ctx, o.URL, o, func(c *pgx.Conn) error {
		f.TLS = encryption(c)
		for _, look := range []func(context.Context, *pgx.Conn) error{
			f.settings, f.role, f.tables, f.standbys,
		} {
			if err := look(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

// InspectRole asks who the role of the migrations is.
func InspectRole(ctx context.Context, o Options) (r Role, err error) {
	var f Facts
	err = visit(ctx, o.MigrateURL, o, func(c *pgx.Conn) error { return f.role(ctx, c) })
	return f.Role, err
}

// visit opens a connection without looking whether it is safe, which is what is
// to be found out.
func visit(ctx context.Context, url string, o Options, do func(*pgx.Conn) error) error {
	cfg, err := settings(url, o.withDefaults())
	if err != nil {
		return err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return dialect{o}.Classify(err, false)
	}
	err = do(c)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(dialect{o}.Classify(err, false), c.Close(closing))
}

func encryption(c *pgx.Conn) string {
	if conn, ok := c.PgConn().Conn().(*tls.Conn); ok {
		return tls.VersionName(conn.ConnectionState().Version)
	}
	return ""
}

func (f *Facts) settings(ctx context.Context, c *pgx.Conn) error {
	f.Settings = map[string]string{}
	rows, err := c.Query(ctx, `SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY($1)`, wanted)
	if err != nil {
		return err
	}
	var name, value string
	if _, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error { f.Settings[name] = value; return nil }); err != nil {
		return err
	}
	f.Encoding = f.Settings["server_encoding"]
	if f.Version, err = strconv.Atoi(f.Settings["server_version_num"]); err != nil {
		return err
	}
	err = c.QueryRow(ctx, `SELECT pg_is_in_recovery(), clock_timestamp(),
		(SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend')`).Scan(&f.Standby, &f.Now, &f.Sessions)
	f.Seen = time.Now()
	return err
}

func (f *Facts) role(ctx context.Context, c *pgx.Conn) error {
	return c.QueryRow(ctx, `SELECT r.rolname, r.rolsuper, r.rolbypassrls,
		EXISTS (SELECT 1 FROM pg_catalog.pg_class t WHERE t.relowner = r.oid AND t.relname = 'message' AND t.relnamespace = current_schema()::regnamespace)
		OR EXISTS (SELECT 1 FROM pg_catalog.pg_database d WHERE d.datdba = r.oid AND d.datname = current_database())
		FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`).Scan(&f.Role.Name, &f.Role.Super, &f.Role.Bypass, &f.Role.Owns)
}

// tables finds every table with a tenant, whoever made it.
func (f *Facts) tables(ctx context.Context, c *pgx.Conn) error {
	rows, err := c.Query(ctx, `SELECT t.relname, t.relrowsecurity, t.relforcerowsecurity,
		(SELECT count(*) FROM pg_catalog.pg_policy p WHERE p.polrelid = t.oid),
		has_table_privilege(t.oid, 'SELECT') OR has_table_privilege(t.oid, 'INSERT') OR has_table_privilege(t.oid, 'UPDATE') OR has_table_privilege(t.oid, 'DELETE')
		FROM pg_catalog.pg_class t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
		WHERE t.relkind IN ('r', 'p') AND t.relnamespace = current_schema()::regnamespace ORDER BY t.relname`)
	if err != nil {
		return err
	}
	f.Tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Guard])
	return err
}

// standbys may be seen by roles with pg_read_all_stats only; others are told
// that there are some, and nothing of them.
func (f *Facts) standbys(ctx context.Context, c *pgx.Conn) error {
	rows, err := c.Query(ctx, `SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, '')
		FROM pg_catalog.pg_stat_replication`)
	if err != nil {
		return err
	}
	if f.Standbys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Standby]); err != nil {
		return err
	}
	return c.QueryRow(ctx, `SELECT NOT (r.rolsuper OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'))
		FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`).Scan(&f.Blind)
}

// Synchronous counts the standbys that confirm a commit.
func (f *Facts) Synchronous() (n int) {
	for _, s := range f.Standbys {
		if s.Sync == "sync" || s.Sync == "quorum" {
			n++
		}
	}
	return n
}
