package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	sqlitedriver "modernc.org/sqlite"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// sets are the sets of data of a lab, with who is in them.
func sets(w *world) map[string][]*twin {
	return map[string][]*twin{alone(w.twins[0]): w.twins[:1], alone(w.twins[1]): w.twins[1:], both: w.twins[:]}
}

// rename gives the twins' own rows their canaries, which the store has no method for.
func rename(twins []*twin) (texts []string) {
	for _, tw := range twins {
		texts = append(texts, fmt.Sprintf(`UPDATE tenant SET name = '%s', created_at = 1 WHERE tenant_id = %d`, tw.word, tw.id))
	}
	return texts
}

// tappedStore is the store of an engine on two tapped pools; the writer has one
// connection, as SQLite's has.
func tappedStore(engine *store.Store, p *tap, read, write driver.Connector) (s *store.Store, pools []*sql.DB) {
	r, w := sql.OpenDB(tapped{read, p}), sql.OpenDB(tapped{write, p})
	r.SetMaxOpenConns(2)
	r.SetMaxIdleConns(2)
	w.SetMaxOpenConns(1)
	return store.Over(engine, r, w), []*sql.DB{r, w}
}

// files is the lab of SQLite: a set is a file, and afresh it is a copy.
type files struct {
	*tap
	folder string
	lender *store.Store // lends its dialect
	opened map[string]*store.Store
	texts  string // of the dump
}

func newFiles(t *testing.T, w *world) *files {
	t.Helper()
	l := &files{tap: &tap{}, folder: t.TempDir(), opened: map[string]*store.Store{}}
	for set, twins := range sets(w) {
		s, err := sqlite.Open(t.Context(), filepath.Join(l.folder, set), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		maker{t, s, w}.make(twins...)
		if err := s.Close(); err != nil { // and nothing is left in the WAL
			t.Fatal(err)
		}
		l.lender = s
		db := l.direct(t, filepath.Join(l.folder, set, sqlite.File))
		for _, text := range rename(twins) {
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l.texts = l.dumping(t)
	t.Cleanup(func() {
		for _, s := range l.opened {
			_ = s.Close()
		}
	})
	return l
}

func (l *files) engine() string { return "sqlite" }
func (l *files) keeps() bool    { return true }
func (l *files) listener() *tap { return l.tap }

func (l *files) file(set string) string { return filepath.Join(l.folder, set+".db") }

func (l *files) fresh(t *testing.T, set string) *store.Store {
	t.Helper()
	if s := l.opened[set]; s != nil {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, end := range []string{"-wal", "-shm"} {
		_ = os.Remove(l.file(set) + end)
	}
	b, err := os.ReadFile(filepath.Join(l.folder, set, sqlite.File))
	if err == nil {
		err = os.WriteFile(l.file(set), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := sqlitedriver.NewConnector("file:" + l.file(set) + "?_txlock=immediate&_busy_timeout=5000&_journal_mode=WAL&_synchronous=OFF&_dqs=0")
	if err != nil {
		t.Fatal(err)
	}
	l.opened[set], _ = tappedStore(l.lender, l.tap, c, c)
	return l.opened[set]
}

// dumping is the query for all rows of a tenant, in all tables that have one.
func (l *files) dumping(t *testing.T) string {
	t.Helper()
	db := l.direct(t, filepath.Join(l.folder, both, sqlite.File))
	defer db.Close()
	columns := map[string][]string{}
	lines := list(t, db, `SELECT m.name || ' ' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name IN (SELECT m2.name FROM sqlite_schema m2, pragma_table_info(m2.name) c2 WHERE c2.name = 'tenant_id')`)
	for _, line := range lines {
		table, column, _ := strings.Cut(line, " ")
		columns[table] = append(columns[table], `quote(`+column+`)`)
	}
	var texts []string
	for table, all := range columns {
		texts = append(texts, `SELECT '`+table+`: ' || `+strings.Join(all, ` || ', ' || `)+` FROM `+table+` WHERE tenant_id = $1`)
	}
	if len(texts) < 20 {
		t.Fatalf("only %d tables have a tenant", len(texts))
	}
	return strings.Join(texts, " UNION ALL ")
}

func (l *files) direct(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_busy_timeout=5000")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (l *files) dump(t *testing.T, set string, id desk.TenantID) []string {
	t.Helper()
	db := l.direct(t, l.file(set))
	defer db.Close()
	return sorted(list(t, db, l.texts, int64(id)), list(t, db, `SELECT CAST(lines AS TEXT) FROM journal`), id)
}

// sorted is a dump of rows, and of the tenant's lines in the journal.
func sorted(rows, journal []string, id desk.TenantID) []string {
	for _, lines := range journal {
		for line := range strings.Lines(lines) {
			if strings.Contains(line, fmt.Sprintf(`"t":%d,`, id)) {
				rows = append(rows, "journal: "+line)
			}
		}
	}
	slices.Sort(rows)
	return rows
}

func list(t *testing.T, db *sql.DB, text string, args ...any) (all []string) {
	t.Helper()
	found, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatal(text, err)
	}
	defer found.Close()
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// clusters is the lab of PostgreSQL: a set is a database, and afresh all its rows
// are put back by a superuser, who keeps them in a schema of his own.
type clusters struct {
	*tap
	dbs    map[string]cluster.DB
	supers map[string]*pgx.Conn
	stores map[string]*store.Store
	pools  map[string][]*sql.DB
	again  string // puts all rows back
	texts  string // of the dump
}

func newClusters(t *testing.T, w *world, wanted ...string) *clusters {
	t.Helper()
	l := &clusters{tap: &tap{}, dbs: map[string]cluster.DB{}, supers: map[string]*pgx.Conn{}, stores: map[string]*store.Store{}, pools: map[string][]*sql.DB{}}
	for set, twins := range sets(w) {
		if !slices.Contains(wanted, set) {
			continue
		}
		db := cluster.Shared(t).Database(t)
		s := open(t, db)
		read, write := l.connector(t, db.App), l.connector(t, db.App)
		l.dbs[set] = db
		l.stores[set], l.pools[set] = tappedStore(s, l.tap, read, write)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		maker{t, l.stores[set], w}.make(twins...)
		l.supers[set] = super(t, db)
		for _, text := range rename(twins) {
			if _, err := l.supers[set].Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		l.keep(t, set)
	}
	t.Cleanup(func() {
		for _, s := range l.stores {
			_ = s.Close()
		}
	})
	return l
}

// bypass opens a set as a superuser.
func (l *clusters) bypass(t *testing.T, set string) {
	t.Helper()
	old := l.stores[set]
	l.stores[set], l.pools[set] = tappedStore(old, l.tap, l.connector(t, l.dbs[set].Super), l.connector(t, l.dbs[set].Super))
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
}

// open migrates a database, and opens it as the application does.
func open(t *testing.T, db cluster.DB) *store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// connector is a plain one; nothing here has to survive a power cut.
func (l *clusters) connector(t *testing.T, url string) driver.Connector {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["synchronous_commit"] = "off"
	return stdlib.GetConnector(*cfg)
}

// super is a connection that no policy holds.
func super(t *testing.T, db cluster.DB) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), db.Super)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	if _, err := c.Exec(t.Context(), `SET synchronous_commit = off`); err != nil {
		t.Fatal(err)
	}
	return c
}

// keep copies all rows into a schema of which the application knows nothing.
func (l *clusters) keep(t *testing.T, set string) {
	t.Helper()
	c := l.supers[set]
	tables := column(t, c, `SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind = 'r' AND (c.relname IN ('journal', 'mark') OR EXISTS (
			SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')) ORDER BY 1`)
	if len(tables) < 24 {
		t.Fatalf("only %d tables have a tenant: %q", len(tables), tables)
	}
	again, texts := []string{"BEGIN"}, []string{}
	made := "CREATE SCHEMA kept;"
	for _, name := range tables {
		made += "CREATE TABLE kept." + name + " AS TABLE public." + name + ";"
		again = append(again, "DELETE FROM public."+name, "INSERT INTO public."+name+" TABLE kept."+name)
		if name != "journal" && name != "mark" {
			texts = append(texts, "SELECT '"+name+": ' || x::text FROM public."+name+" x WHERE tenant_id = $1")
		}
	}
	l.again, l.texts = strings.Join(append(again, "COMMIT"), ";"), strings.Join(texts, " UNION ALL ")
	if _, err := c.Exec(t.Context(), made); err != nil {
		t.Fatal(err)
	}
}

func (l *clusters) engine() string { return "postgres" }
func (l *clusters) keeps() bool    { return false }
func (l *clusters) listener() *tap { return l.tap }

func (l *clusters) fresh(t *testing.T, set string) *store.Store {
	t.Helper()
	if _, err := l.supers[set].Exec(t.Context(), l.again, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	return l.stores[set]
}

func (l *clusters) dump(t *testing.T, set string, id desk.TenantID) []string {
	t.Helper()
	return sorted(column(t, l.supers[set], l.texts, int64(id)), column(t, l.supers[set], `SELECT convert_from(lines, 'UTF8') FROM journal`), id)
}

// column asks for one column of text.
func column(t *testing.T, c *pgx.Conn, text string, args ...any) []string {
	t.Helper()
	found, err := c.Query(t.Context(), text, args...)
	if err != nil {
		t.Fatal(text, err)
	}
	all, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(text, err)
	}
	return all
}
