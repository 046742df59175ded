package store_test

import (
	"context"
	"database/sql"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// schema is a database's own list of its tables: for each, its columns as
// "kind name", the key first.
type schema map[string][]string

// compare holds the list of what is carried against what there is, so that a
// migration cannot add a table or a column that a move would leave behind.
func compare(t *testing.T, there schema) {
	t.Helper()
	known := map[string]bool{}
	for name, reason := range store.Left() {
		if len(reason) < 20 {
			t.Errorf("%s is left without a reason", name)
		}
		known[name] = true
	}
	for _, table := range store.Carried() {
		known[table.Name] = true
		var want []string
		if !table.Shared {
			want = append(want, "i tenant_id")
		}
		for _, c := range table.Columns {
			want = append(want, string(c.Kind)+" "+c.Name)
		}
		got := there[table.Name]
		key := len(want) - len(table.Columns) + table.Key
		if len(got) < key || !slices.Equal(want[:key], got[:key]) {
			t.Errorf("the key of %s is %q, and %q in the list", table.Name, got, want[:key])
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Errorf("%s has the columns %q, and in the list %q (internal/store/copy.go)", table.Name, got, want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		if !known[name] {
			t.Errorf("table %s is neither carried nor left (internal/store/copy.go): a move and a portable backup would lose it", name)
		}
	}
}

// read asks for the tables: name, column, type, and the place in the key, 0 for
// none.
func read(t *testing.T, driver, url, query string) schema {
	t.Helper()
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	kinds := map[string]string{
		"INTEGER": "i", "BIGINT": "i", "TEXT": "t", "BLOB": "b", "BYTEA": "b",
	}
	there, keys := schema{}, map[string][]string{}
	for rows.Next() {
		var table, column, kind string
		var key int
		if err := rows.Scan(&table, &column, &kind, &key); err != nil {
			t.Fatal(err)
		}
		c := kinds[strings.ToUpper(kind)] + " " + column
		if key == 0 {
			there[table] = append(there[table], c)
			continue
		}
		for len(keys[table]) < key {
			keys[table] = append(keys[table], "")
		}
		keys[table][key-1] = c
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for table, key := range keys {
		there[table] = append(key, there[table]...)
	}
	if len(there) < 12 {
		t.Fatalf("only %d tables were found", len(there))
	}
	return there
}

func TestEveryTableAndColumnOfSQLiteIsCarriedOrLeftForAReason(t *testing.T) {
	folder := t.TempDir()
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	compare(t, read(t, "sqlite", filepath.Join(folder, sqlite.File),
		`SELECT m.name, c.name, c.type, c.pk FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`))
}

func TestEveryTableAndColumnOfPostgreSQLIsCarriedOrLeftForAReason(t *testing.T) {
	db := cluster.Shared(t).Database(t)
	if _, _, err := postgres.Migrate(t.Context(), postgres.Options{URL: db.App, MigrateURL: db.Owner}); err != nil {
		t.Fatal(err)
	}
	compare(t, read(t, "pgx", db.Super, postgresTables))
}

const postgresTables = `SELECT r.relname, a.attname, format_type(a.atttypid, a.atttypmod),
		coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)
		FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace AND n.nspname = 'public'
		JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index i ON i.indrelid = r.oid AND i.indisprimary
		WHERE r.relkind IN ('r', 'p') AND NOT r.relispartition ORDER BY r.relname, a.attnum`

func TestTheCallsForShardsForgetNoTableAndKeepRowsTogether(t *testing.T) {
	db := cluster.Shared(t).Database(t)
	if _, _, err := postgres.Migrate(t.Context(), postgres.Options{URL: db.App, MigrateURL: db.Owner}); err != nil {
		t.Fatal(err)
	}
	there := read(t, "pgx", db.Super, postgresTables)
	before := map[string]store.Shard{}
	for _, s := range store.Shards() {
		columns := there[s.Table]
		switch {
		case columns == nil:
			t.Errorf("%s is to be distributed, and there is no such table", s.Table)
		case s.Column != "" && columns[0] != "i "+s.Column:
			t.Errorf("%s is spread by %s, with which its key does not begin: %q", s.Table, s.Column, columns)
		case s.With != "" && before[s.With].Column != s.Column:
			t.Errorf("%s lies with %s, which comes later or is spread otherwise", s.Table, s.With)
		case s.Column == "" && !s.Whole && columns[0] == "i tenant_id":
			t.Errorf("%s has a tenant and stays on the coordinator", s.Table)
		}
		if len(s.Why) < 20 || before[s.Table].Table != "" {
			t.Errorf("%s has no reason, or is there twice", s.Table)
		}
		before[s.Table] = s
		delete(there, s.Table)
	}
	for name := range there {
		t.Errorf("nobody says where table %s goes (internal/store/copy_shard.go)", name)
	}
}
