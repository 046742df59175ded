package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// wall is a database with both twins in it, seen by the application's role on one
// connection.
type wall struct {
	*testing.T
	l          *clusters
	app, super *pgx.Conn
	tables     []string // that belong to tenants, and that the application may touch
}

func newWall(t *testing.T) *wall {
	t.Helper()
	l := newClusters(t, newWorld(), both)
	c := connect(t, l.dbs[both].App)
	w := &wall{T: t, l: l, app: c, super: l.supers[both]}
	for _, name := range column(t, w.super, tenantTables) {
		if !strings.HasPrefix(name, "search") {
			w.tables = append(w.tables, name)
		}
	}
	if len(w.tables) < 20 {
		t.Fatalf("only %d tables have a tenant: %q", len(w.tables), w.tables)
	}
	return w
}

const tenantTables = `SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1`

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}

// as runs statements in a transaction of the application that is a tenant's, or
// nobody's when it is "", undoes them, and gives what the last one changed.
func (w *wall) as(tenant string, texts ...string) (n int64, err error) {
	w.Helper()
	x, err := w.app.Begin(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = x.Rollback(w.Context()) }()
	if tenant != "" {
		if _, err := x.Exec(w.Context(), `SELECT set_config('afterbeep.tenant', $1, true)`, tenant); err != nil {
			w.Fatal(err)
		}
	}
	for _, text := range texts {
		tag, err := x.Exec(w.Context(), text)
		if err != nil {
			return 0, err
		}
		n = tag.RowsAffected()
	}
	return n, nil
}

func state(err error) string {
	var theirs *pgconn.PgError
	if errors.As(err, &theirs) {
		return theirs.Code
	}
	return fmt.Sprint(err)
}

// sees says whether a transaction sees just so many rows.
func (w *wall) sees(tenant, text string, want int64) {
	w.Helper()
	if n, err := w.as(tenant, text); err != nil || n != want {
		w.Errorf("tenant %q: %d rows of %s, want %d (%v)", tenant, n, text, want, err)
	}
}

// counted are the tables whose rows every transaction may read, but not write.
func counted(table string) bool {
	return slices.Contains([]string{"tenant", "revision", "counter"}, table)
}

// columns are a table's, without the tenant.
func (w *wall) columns(table string) string {
	w.Helper()
	return strings.Join(column(w.T, w.super, `SELECT quote_ident(attname) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'tenant_id' ORDER BY attnum`, table), ", ")
}

func (w *wall) count(table string, id int) (n int64) {
	w.Helper()
	if err := w.super.QueryRow(w.Context(), `SELECT count(*) FROM `+table+fmt.Sprintf(` WHERE tenant_id = %d OR %d = 0`, id, id)).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

func TestTheWallBetweenTenantsInPostgreSQL(t *testing.T) {
	w := newWall(t)
	for name, test := range map[string]func(*wall){
		"of two tenants a transaction sees and writes one":     oneTenant,
		"every table is behind the policies, or is named here": allBehind,
		"the application cannot take it down":                  standsFirm,
		"nothing leaks round it":                               noWayRound,
		"a tenant does not stick to a connection":              noneSticks,
	} {
		t.Run(name, func(t *testing.T) {
			of := *w
			of.T = t
			test(&of)
		})
	}
}

func oneTenant(w *wall) {
	t := w.T
	for _, table := range w.tables {
		mine, theirs, all := w.count(table, 1), w.count(table, 2), w.count(table, 0)
		if mine == 0 || theirs == 0 {
			t.Errorf("%s is empty: this proves nothing", table)
		}
		nobodys := int64(0)
		if counted(table) {
			nobodys = all
		}
		rest := w.columns(table)
		w.sees("", `SELECT * FROM `+table, nobodys)
		w.sees("1", `SELECT * FROM `+table, mine)
		w.sees("99", `SELECT * FROM `+table, 0)
		first := strings.Split(rest, ", ")[0]
		for _, tenant := range []string{"", "1", "99"} {
			w.sees(tenant, `UPDATE `+table+` SET `+first+` = `+first+` WHERE tenant_id = 2`, 0)
			w.sees(tenant, `DELETE FROM `+table+` WHERE tenant_id = 2`, 0)
			w.sees(tenant, `SELECT * FROM `+table+` WHERE tenant_id = 2 FOR UPDATE`, 0)
			if tenant != "1" {
				w.sees(tenant, `UPDATE `+table+` SET `+first+` = `+first, 0)
				w.sees(tenant, `DELETE FROM `+table, 0)
			}
		}
		given := `UPDATE ` + table + ` SET tenant_id = 98 WHERE tenant_id = 1`
		if appended()[table] != "" {
			w.sees("1", given, 0)
			w.sees("1", `UPDATE `+table+` SET `+first+` = `+first, 0)
			w.sees("1", `DELETE FROM `+table, 0)
			w.sees("1", `SELECT * FROM `+table+` FOR UPDATE`, 0)
		} else {
			w.sees("1", `DELETE FROM `+table, mine)
			if _, err := w.as("1", given); state(err) != "42501" {
				t.Errorf("%s: a row given away: %v", table, err)
			}
		}
		if _, err := w.as("1", `INSERT INTO `+table+` (tenant_id, `+rest+`) SELECT 98, `+rest+` FROM `+table+` WHERE tenant_id = 1`); state(err) != "42501" {
			t.Errorf("%s: a row for another: %v", table, err)
		}
		if _, err := w.as("1", `INSERT INTO `+table+` (tenant_id, `+rest+`) SELECT 2, `+rest+` FROM `+table+` WHERE tenant_id = 1
			ON CONFLICT DO NOTHING`); state(err) != "42501" {
			t.Errorf("%s: a row of another, if there is none: %v", table, err)
		}
	}
	if after := w.l.dump(t, both, 2); len(after) < 40 || !slices.Equal(after, w.fresh()) {
		t.Error("the other's rows are not what they were")
	}
}

func (w *wall) fresh() []string {
	w.l.fresh(w.T, both)
	return w.l.dump(w.T, both, 2)
}

// unguarded lists the tables without forced policies, and why.
func unguarded() map[string]string {
	return map[string]string{
		"journal":          "a row is a batch of messages of several tenants; each message in it names its own",
		"probe":            "readiness writes to it; it says nothing",
		"node":             "the servers themselves",
		"compat":           "how old a program may be",
		"mark":             "whether the store is whole",
		"goose_db_version": "the schema's version",
		"goose_lock":       "keeps migrations apart",
		"search":           "the application may not touch it; its functions look at the tenant",
		"search_slice":     "the application may not touch it; its functions look at the tenant",
		"search_part":      "the application may not touch it; its functions look at the tenant",
	}
}

// appended lists the tables that are read and appended to, and why: there is a
// policy for each of both, and none to change or remove a row.
func appended() map[string]string {
	return map[string]string{
		"audit": "who did what must stay, also when a mistake of ours would change it; SQLite has triggers for it",
	}
}

// behind lists the tables with forced policies, one of which holds a transaction
// to its tenant, and nothing else: for all commands, or for one alone.
func (w *wall) behind(policy, command string) []string {
	const own = `(tenant_id = (NULLIF(current_setting('afterbeep.tenant'::text, true), ''::text))::bigint)`
	return column(w.T, w.super, `SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
		AND c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = $1
			AND p.polcmd::text = $2 AND p.polpermissive AND p.polroles = '{0}'
			AND CASE WHEN $2 = 'a' THEN p.polqual IS NULL AND pg_get_expr(p.polwithcheck, p.polrelid) = $3
				ELSE p.polwithcheck IS NULL AND pg_get_expr(p.polqual, p.polrelid) = $3 END)
		ORDER BY 1`, policy, command, own)
}

func allBehind(w *wall) {
	t := w.T
	guarded, read, added := w.behind("one_tenant", "*"), w.behind("one_tenant", "r"), w.behind("only_appended", "a")
	if names := slices.Sorted(maps.Keys(appended())); !slices.Equal(read, names) || !slices.Equal(added, names) {
		t.Errorf("%q are read, and %q appended to, under policies of their own; named with a reason are %q", read, added, names)
	}
	guarded = append(guarded, read...)
	for _, name := range column(t, w.super, `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'I', 't', 'S', 'c')`) {
		if slices.Contains(guarded, name) == (unguarded()[name] != "") {
			t.Errorf("%s is neither behind the policy one_tenant nor named with a reason, or both", name)
		}
	}
	more := column(t, w.super, `SELECT c.relname || ' ' || p.polname || ' ' || p.polcmd::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE p.polname <> 'one_tenant' ORDER BY 1`)
	want := []string{"audit only_appended a", "counter all_may_count r", "revision all_may_count r", "tenant all_may_count r"}
	if !slices.Equal(more, want) {
		t.Errorf("the policies besides one_tenant are %q, and should be %q", more, want)
	}
	own := column(t, w.super, `SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1`)
	for _, name := range own {
		if !slices.Contains([]string{"search_add", "search_put", "search_find", "search_seek", "search_forget"}, name) {
			t.Errorf("the function %s runs with its owner's rights, whom policies may not hold; look at it, and name it here", name)
		}
	}
	fixed := column(t, w.super, `SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
		AND EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=pg_catalog,%pg_temp') ORDER BY 1`)
	if !slices.Equal(own, fixed) {
		t.Errorf("%q run with their owner's rights, and only %q with a search_path of their own", own, fixed)
	}
}

func standsFirm(w *wall) {
	t := w.T
	owner := strings.TrimSuffix(w.app.Config().User, "_app") + "_owner"
	for _, text := range []string{
		`ALTER TABLE message DISABLE ROW LEVEL SECURITY`, `ALTER TABLE message NO FORCE ROW LEVEL SECURITY`,
		`DROP POLICY one_tenant ON message`, `CREATE POLICY mine ON message USING (true)`, `ALTER POLICY one_tenant ON message USING (true)`,
		`CREATE TABLE public.own (n int)`, `CREATE TABLE own (n int)`, `CREATE SCHEMA own`, `CREATE TEMP TABLE own (n int)`,
		`CREATE VIEW own AS SELECT * FROM message`, `CREATE FUNCTION public.own() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
		`CREATE TRIGGER own AFTER INSERT ON message EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
		`SET ROLE ` + owner, `SET ROLE postgres`, `SET SESSION AUTHORIZATION ` + owner, `GRANT ` + owner + ` TO CURRENT_USER`,
		`ALTER ROLE CURRENT_USER BYPASSRLS`, `ALTER ROLE CURRENT_USER SUPERUSER`, `CREATE ROLE own`, `ALTER TABLE message OWNER TO CURRENT_USER`,
		`SELECT * FROM pg_authid`, `SELECT * FROM pg_statistic`, `SELECT pg_read_file('PG_VERSION')`, `COPY message TO PROGRAM 'cat'`,
		`TRUNCATE message`, `LOCK TABLE message IN ACCESS EXCLUSIVE MODE NOWAIT; TRUNCATE message`, `REINDEX TABLE message`, `CLUSTER message USING message_pkey`,
		`SET session_replication_role = replica`, `SET LOCAL row_security = off; SELECT * FROM message`, `SET row_security = off; DELETE FROM message`,
		`SELECT * FROM search`, `SELECT * FROM search_slice`, `SELECT * FROM search_part`, `DELETE FROM search`, `INSERT INTO compat VALUES (9)`, `DELETE FROM goose_db_version`,
		`SELECT search_find(2, '{1}', 0, 1, 1, 1)`, `SELECT search_add(2, 1, '{1}', '{1}')`, `SELECT search_forget(2)`,
		`SELECT search_seek(2, '{1}', 0, 1, 1)`, `SELECT search_put(2, 1, 1, '{1}', '{1}')`,
		`SELECT set_config('afterbeep.tenant', '1', true), search_forget(2)`,
	} {
		if _, err := w.as("1", text); state(err) != "42501" {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{`SELECT search_find(2, '{1}', 0, 1, 1, 1)`, `SELECT search_seek(2, '{1}', 0, 1, 1)`} {
		if n, err := w.as("", text); state(err) != "42501" {
			t.Errorf("nobody searches: %d, %v", n, err)
		}
	}
}

// What the server knows of the rows besides the rows must not tell, either.
func noWayRound(w *wall) {
	t := w.T
	if _, err := w.super.Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	w.sees("1", `SELECT * FROM pg_stats WHERE schemaname = 'public' AND tablename IN ('message', 'thread', 'app', 'event')`, 0)
	// An error that shows a value would be a way to read it.
	for _, text := range []string{
		`SELECT * FROM message WHERE tenant_id = 2 AND body::int = 1`, `SELECT * FROM message WHERE body::int = 1 AND tenant_id = 2`,
		`SELECT 1 / (length(body) - length(body)) FROM message WHERE tenant_id = 2`,
		`SELECT * FROM thread t JOIN message m ON m.body::int = t.messages WHERE m.tenant_id = 2`,
		`SELECT * FROM event WHERE tenant_id = 2 AND (data::jsonb ->> 'note')::int = 1`,
	} {
		w.sees("1", text, 0)
		w.sees("", text, 0)
	}
	w.sees("1", `SELECT * FROM message WHERE body::int = 1 AND tenant_id = 98`, 0)
	for _, tenant := range []string{"2 OR true", "1,2", "*", "-1", " "} {
		if n, err := w.as(tenant, `SELECT * FROM message`); n > 0 {
			t.Errorf("tenant %q sees %d messages, %v", tenant, n, err)
		}
	}
}

// A connection goes back to the pool without a tenant, whatever became of the
// transaction.
func noneSticks(w *wall) {
	t := w.T
	ctx := t.Context()
	const all = `SELECT count(*) FROM message`
	empty := func(when string) {
		t.Helper()
		var n int64
		if err := w.app.QueryRow(ctx, all).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d messages, %v", when, n, err)
		}
	}
	empty("a new connection")
	for _, tenant := range []string{"1", "2", "1"} {
		for _, end := range []string{"COMMIT", "ROLLBACK"} {
			var n int64
			for _, text := range []string{"BEGIN", `SELECT set_config('afterbeep.tenant', '` + tenant + `', true)`} {
				if _, err := w.app.Exec(ctx, text); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.app.QueryRow(ctx, all).Scan(&n); err != nil || n == 0 {
				t.Errorf("%d messages of one's own, %v", n, err)
			}
			if _, err := w.app.Exec(ctx, end); err != nil {
				t.Fatal(err)
			}
			empty("after " + end)
		}
	}
	if _, err := w.app.Exec(ctx, `SELECT set_config('afterbeep.tenant', '1', true)`); err != nil {
		t.Fatal(err)
	}
	empty("set without a transaction")

	// The same through the store, whose pool has one connection that writes and two
	// that read: everything that sets a tenant is undone with its transaction.
	s := w.l.stores[both]
	for _, id := range []desk.TenantID{1, 2, 1} {
		if _, err := s.Apps(ctx, id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ForgetReceipts(ctx, id, time.Time{}); err != nil {
			t.Fatal(err)
		}
		for _, pool := range w.l.pools[both] {
			var n int64
			var left string
			err := pool.QueryRowContext(ctx, `SELECT count(*), coalesce(current_setting('afterbeep.tenant', true), '') FROM message`).Scan(&n, &left)
			if err != nil || n != 0 || left != "" {
				t.Errorf("after tenant %d a pool's connection is that of %q, and sees %d messages, %v", id, left, n, err)
			}
		}
	}
	for _, h := range w.l.tap.all() {
		if strings.Contains(h.text, "set_config") && !strings.Contains(h.text, "'afterbeep.tenant', $1, true)") && !strings.Contains(h.text, "timeout") {
			t.Errorf("a setting that may outlive its transaction: %s", h.text)
		}
	}
}
