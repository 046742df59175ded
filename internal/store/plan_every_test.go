package store_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// grown are the tables that grow with what is left and done, and how one of a
// tenant's rows becomes many.
var grown = map[string]string{
	"thread": `'id', 5000000000000 + n, 'caller', 'p' || n, 'caller_key', 'p' || n, 'state', CASE WHEN n % 20 = 0 THEN 'new' ELSE 'closed' END,
		'last_at', n, 'next_at', CASE WHEN n % 20 = 0 THEN n ELSE 0 END, 'closed_at', CASE WHEN n % 20 = 0 THEN 0 ELSE n END`,
	"message": `'id', 5000000000000 + n, 'thread_id', 5000000000000 + n, 'received_at', n`,
	"event":   `'seq', 1000000 + n, 'thread_id', 5000000000000 + n`,
	"audit":   `'seq', 1000000 + n`,
	"receipt": `'idem_key', 'p' || n`,
	"session": `'id', '\x' || lpad(to_hex(n), 64, '0'), 'until', 4000000000000000 + n`,
	"guess":   `'hash', '\x' || lpad(to_hex(n), 64, '0'), 'at', 4000000000000000 + n, 'full_at', 4000000000000000 + n`,
}

const grownRows = 100_000

// thorough are the methods that are there to read a table from end to end, and
// those that an operator calls once in a while; an auditor who looks for a rare
// deed goes through the whole log.
var thorough = regexp.MustCompile(`^(Still|Store\.(Shards|Carried|Left|Clear|Deeds)|hunt\.walk)\b`)

// Row-level security keeps PostgreSQL from using an index for a condition that it
// does not trust, and a statement that is quick at a few hundred rows then reads
// the whole table. So every statement that the store has is explained on tables
// that are large.
func TestNoStatementReadsALargeTableWhole(t *testing.T) {
	w := newWorld()
	l := newClusters(t, w, both)
	l.stacks = true
	tr := newTrial(t, l, w)
	all := map[string]*heard{}
	for _, sc := range tr.scenes {
		for _, h := range tr.play(t, sc, w.twins[0], both, nil).heard {
			if all[h.text] == nil {
				all[h.text] = h
			}
		}
	}
	tr.open(t, both)
	for table, changed := range grown {
		if _, err := l.supers[both].Exec(t.Context(), fmt.Sprintf(`INSERT INTO %[1]s SELECT r.* FROM generate_series(1, %[2]d) n,
			LATERAL jsonb_populate_record((SELECT x FROM %[1]s x WHERE tenant_id = 1 LIMIT 1), jsonb_build_object(%[3]s)) r`, table, grownRows, changed)); err != nil {
			t.Fatal(table, err)
		}
	}
	if _, err := l.supers[both].Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", l.dbs[both].App)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	scans := regexp.MustCompile(`Seq Scan on (` + strings.Join(slices.Sorted(maps.Keys(grown)), "|") + `)\b`)
	explained := 0
	for text, h := range all {
		if !regexp.MustCompile(`^\s*(WITH|SELECT|UPDATE|DELETE)\b`).MatchString(text) || slices.ContainsFunc(h.asked, thorough.MatchString) {
			continue
		}
		explained++
		if plan := every(t, db, text, h.args); scans.MatchString(plan) {
			t.Errorf("%v reads %s whole:\n%s\n%s", h.asked, scans.FindStringSubmatch(plan)[1], text, plan)
		}
	}
	if explained < 100 {
		t.Errorf("only %d statements were explained", explained)
	}
	control := `SELECT id FROM thread WHERE tenant_id = 1 AND id = (SELECT count(*) FROM message o WHERE o.tenant_id = 1 AND o.body = 'x')`
	if plan := every(t, db, control, nil); !scans.MatchString(plan) {
		t.Errorf("a statement that reads a table whole is not noticed:\n%s", plan)
	}
	t.Logf("%d statements", explained)
}

// every explains a statement as the application's role.
func every(t *testing.T, db *sql.DB, text string, named []driver.NamedValue) string {
	t.Helper()
	args := make([]any, len(named))
	for i := range named {
		args[i] = named[i].Value
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), `SELECT set_config('afterbeep.tenant', '1', true)`); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.QueryContext(t.Context(), `EXPLAIN `+text, args...)
	if err != nil {
		t.Fatal(text, err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil { // half a plan proves nothing
		t.Fatal(text, err)
	}
	return plan.String()
}
