package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shared lists the tables whose rows belong to nobody in particular.
var shared = map[string]string{
	"journal":          "a row is a batch of messages of several tenants; each message in it names its own",
	"probe":            "the row that readiness writes to",
	"node":             "the numbers of the servers themselves",
	"mark":             "what the store says about itself: that it is half-filled",
	"goose_db_version": "the schema's own version",
	"words":            "SQLite's index of words: each word in it begins with its tenant",
	"slice":            "the files of SQLite's index of words",
	"about":            "the version of SQLite's index of words",
	"compat":           "how old a program may be that works with this schema",
	"sqlite_master":    "SQLite's list of tables",
	"sqlite_schema":    "SQLite's list of tables",
}

// system lists the statements that look at all tenants at once, by the name of
// the constant or function that holds them, and the one table that they may
// look at so. Nothing on the road of a request may be in here.
var system = map[string]struct{ table, reason string }{
	"Tenants":   {"tenant", "the list of tenants itself"},
	"addTenant": {"tenant", "the number of the next tenant"},
	"Revision":  {"revision", "one number for all of them: has anything changed that the hot path holds?"},
	"Heads":     {"counter", "how far each tenant's events go: readers and live screens wait for more"},
	"Backlog":   {"aside", "a metric of the whole installation: how much was set aside"},
}

var (
	isSQL      = regexp.MustCompile(`(?is)^\s*(select|insert|update|delete|replace|with)\s`)
	isWholeSQL = regexp.MustCompile(`(?s)^\s*(SELECT\s.*\sFROM\s|INSERT\s+INTO\s|UPDATE\s.*\sSET\s|DELETE\s+FROM\s|CREATE\s+(TABLE|INDEX)\s)`)
	tableAfter = regexp.MustCompile(`(?i)\b(?:from|join|into|update)\s+([a-z_][a-z0-9_]*)`)
	named      = regexp.MustCompile(`(?i)\bwith\s+(?:recursive\s+)?([a-z_][a-z0-9_]*)(?:\s*\([^)]*\))?\s+as\b|,\s*([a-z_][a-z0-9_]*)\s+as\s*(?:materialized\s*)?\(\s*select`)
	insertsRow = regexp.MustCompile(`(?is)\binto\s+[a-z_]+\s*\(([^)]*)\)`)
	// A tenant that is asked for: tenant_id = …, tenant_id IN …, (tenant_id, id) = …, USING (tenant_id …
	asked = regexp.MustCompile(`(?i)\btenant_id\s*(=|in\b)|\(\s*([a-z_]+\.)?tenant_id\s*,[^()]*\)\s*(=|<|>|in\b)|\busing\s*\(\s*tenant_id\b`)
)

// A statement is one SQL text, with where it stands and the name that holds it.
type statement struct{ where, name, text string }

// tables lists the tables that the statement touches, each as often as it does,
// without the names that it gives to its own parts.
func (s statement) tables() []string {
	own := map[string]bool{"set": true, "select": true, "json_each": true}
	for _, m := range named.FindAllStringSubmatch(s.text, -1) {
		own[m[1]], own[m[2]] = true, true
	}
	var found []string
	for _, m := range tableAfter.FindAllStringSubmatch(s.text, -1) {
		if !own[m[1]] && !own[strings.ToLower(m[1])] && !catalogue(m[1]) {
			found = append(found, m[1])
		}
	}
	return found
}

// catalogue: what an engine says of itself, which is nobody's data.
func catalogue(table string) bool {
	return strings.HasPrefix(table, "pragma_") || strings.HasPrefix(table, "pg_") || table == "information_schema"
}

// statements reads the SQL texts of a package: string literals, and sums of
// strings. A constant in a sum counts with its text, and not by itself. A part
// that is built while the program runs counts as the WHERE literals of its
// function, since that is what it is built from.
func statements(p *pkg, like *regexp.Regexp) []statement {
	r := &reader{p: p, like: like, consts: map[string]string{}, parts: map[string]bool{}}
	r.learn()
	for _, f := range p.code() {
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				r.read(f, d, d.Name.Name, conditions(d))
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && !r.parts[v.Names[0].Name] {
						r.read(f, v, v.Names[0].Name, "")
					}
				}
			}
		}
	}
	return r.all
}

type reader struct {
	p      *pkg
	like   *regexp.Regexp
	consts map[string]string // texts of the package's constants
	parts  map[string]bool   // constants that are used in sums
	all    []statement
}

// learn finds the package's string constants, and which of them are only parts.
func (r *reader) learn() {
	alone := map[string]bool{}
	for _, f := range r.p.code() {
		for _, d := range f.AST.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for i, value := range v.Values {
						if text, whole := r.literal(value, ""); whole {
							r.consts[v.Names[i].Name] = text
						}
					}
				}
			}
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BinaryExpr:
				for _, e := range []ast.Expr{n.X, n.Y} {
					if id, ok := e.(*ast.Ident); ok && n.Op == token.ADD {
						r.parts[id.Name] = true
					}
				}
			case *ast.CallExpr:
				for _, e := range n.Args {
					if id, ok := e.(*ast.Ident); ok {
						alone[id.Name] = true
					}
				}
			}
			return true
		})
	}
	for name := range alone {
		delete(r.parts, name)
	}
}

// conditions are the literals of a function that begin with WHERE.
func conditions(fn ast.Node) string {
	text := ""
	ast.Inspect(fn, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(strings.TrimSpace(s), "WHERE ") {
				text += s
			}
		}
		return true
	})
	return text
}

func (r *reader) read(f *file, in ast.Node, name, built string) {
	ast.Inspect(in, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		text, whole := r.literal(e, built)
		if _, constant := e.(*ast.Ident); constant {
			return false
		}
		if whole && r.like.MatchString(text) {
			r.all = append(r.all, statement{r.p.at(f, e), name, text})
		}
		return !whole
	})
}

// literal is the text of a string literal, of a constant, or of a sum with one
// in it; built stands for what a sum is added to besides.
func (r *reader) literal(e ast.Expr, built string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			text, err := strconv.Unquote(e.Value)
			return text, err == nil
		}
	case *ast.Ident:
		text, known := r.consts[e.Name]
		return text, known
	case *ast.ParenExpr:
		return r.literal(e.X, built)
	case *ast.BinaryExpr:
		left, l := r.literal(e.X, built)
		right, k := r.literal(e.Y, built)
		if e.Op != token.ADD || !l && !k {
			return "", false
		}
		if !l {
			left = " ? " + built
		}
		if !k {
			right = " ? " + built
		}
		return left + right, true
	}
	return "", false
}

// checkTenants: no statement touches a tenant's table without saying whose rows
// it means, once for every time that it names one. An insert names the column;
// everything else compares it.
func checkTenants(p *pkg) []string {
	if !p.in("internal/store") {
		return nil
	}
	var found []string
	for _, s := range statements(p, isSQL) {
		tables := slices.DeleteFunc(s.tables(), func(name string) bool { return shared[name] != "" || name == system[s.name].table })
		asks := len(asked.FindAllString(s.text, -1))
		if m := insertsRow.FindStringSubmatch(s.text); m != nil && strings.Contains(m[1], "tenant_id") {
			asks++
		}
		if asks < len(tables) {
			found = append(found, fmt.Sprintf("%s: the statement in %s touches %s, and asks %d times for a tenant_id", s.where, s.name, strings.Join(tables, ", "), asks))
		}
	}
	return found
}

// checkSQLAtHome: SQL is written in internal/store, and in tests and benchmarks
// that look at a store from outside.
func checkSQLAtHome(p *pkg) []string {
	if p.in("internal/store", "internal/arch", "test", "bench") {
		return nil
	}
	var found []string
	for _, s := range statements(p, isWholeSQL) {
		found = append(found, fmt.Sprintf("%s: SQL in %s; all SQL lives in internal/store", s.where, s.name))
	}
	return found
}

var (
	createTable = regexp.MustCompile(`(?is)create\s+table\s+(?:if\s+not\s+exists\s+)?([a-z_]+)\s*\((.*?)\)\s*(?:without\s+rowid|strict|,|\s)*;`)
	primaryKey  = regexp.MustCompile(`(?is)primary\s+key\s*\(\s*tenant_id\b|\btenant_id\b[^,]*\bprimary\s+key`)
)

// checkSchema: every table's key begins with the tenant.
func checkSchema(where, ddl string) []string {
	var found []string
	for _, m := range createTable.FindAllStringSubmatch(ddl, -1) {
		if shared[m[1]] == "" && !primaryKey.MatchString(m[2]) {
			found = append(found, fmt.Sprintf("%s: the key of table %s does not begin with tenant_id", where, m[1]))
		}
	}
	return found
}

func TestNoStatementTouchesATenantsTableWithoutNamingTheTenant(t *testing.T) { hold(t, checkTenants) }

func TestAllSQLLivesInTheStore(t *testing.T) { hold(t, checkSQLAtHome) }

func TestEveryTablesKeyBeginsWithTheTenant(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "internal/store/migrations/*/*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, name := range files {
		ddl, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tables += len(createTable.FindAllString(string(ddl), -1))
		for _, finding := range checkSchema(strings.TrimPrefix(name, root+"/"), string(ddl)) {
			t.Error(finding)
		}
	}
	if tables < 5 {
		t.Errorf("found %d tables in %d migrations: this test no longer reads the schema", tables, len(files))
	}
}

func TestTheRulesAboutSQLBite(t *testing.T) {
	const path = "internal/store"
	say := func(sql string) string { return "package store\n\nconst q = `" + sql + "`\n" }
	for bad, fair := range map[string]string{
		"SELECT text FROM message WHERE id = $1":                                               "SELECT text FROM message WHERE tenant_id = $1 AND id = $2",
		"SELECT tenant_id, text FROM message WHERE id = $1":                                    "SELECT tenant_id, text FROM message WHERE (tenant_id, id) = ($1, $2)",
		"UPDATE thread SET state = $1 WHERE id = $2":                                           "UPDATE thread SET state = $1 WHERE id = $2 AND tenant_id = $3",
		"DELETE FROM event WHERE seq < $1":                                                     "DELETE FROM journal WHERE id = $1",
		"INSERT INTO app (key, name) VALUES ($1, $2)":                                          "INSERT INTO app (tenant_id, key, name) VALUES ($1, $2, $3)",
		"SELECT m.text FROM message m JOIN thread t ON t.id = m.thread WHERE m.tenant_id = $1": "SELECT m.text FROM message m JOIN thread t ON t.tenant_id = m.tenant_id AND t.id = m.thread WHERE m.tenant_id = $1",
		"DELETE FROM receipt WHERE tenant_id = $1 AND key IN (SELECT key FROM receipt)":        "DELETE FROM receipt WHERE tenant_id = $1 AND key IN (SELECT key FROM receipt WHERE tenant_id = $1)",
		"INSERT INTO event (tenant_id, seq) SELECT tenant_id, seq FROM counter":                "INSERT INTO event (tenant_id, seq) SELECT tenant_id, seq FROM counter WHERE tenant_id = $1",
		"WITH page AS (SELECT id FROM message WHERE id < $1) SELECT * FROM page":               "WITH page AS (SELECT id FROM message WHERE tenant_id = $1) SELECT * FROM page",
	} {
		catches(t, checkTenants, path, say(bad), say(fair))
		catches(t, checkTenants, path, "package store\n\nfunc f() { run(\""+bad+"\") }\n", "package store\n\nfunc f() { run(\""+fair+"\") }\n")
	}
	catches(t, checkTenants, path, "package store\n\nconst q = `SELECT a FROM ` + table + ` JOIN thread ON x`\n", say("SELECT 1"))
	catches(t, checkTenants, path, "package store\n\nfunc Revision() { run(`SELECT n FROM thread`) }\n", "package store\n\nfunc Revision() { run(`SELECT sum(n) FROM revision`) }\n")
	const part = "package store\n\nconst q = `SELECT a FROM message m`\n\n"
	catches(t, checkTenants, path, part+"func f() { run(q + ` WHERE m.id = $2`) }\n", part+"func f() { run(q + ` WHERE m.tenant_id = $1`) }\n")
	catches(t, checkTenants, path, part+"func f() { w := ` WHERE m.id = $2`; run(q + w) }\n", part+"func f() { w := ` WHERE m.tenant_id = $1`; run(q + w) }\n")
	catches(t, checkTenants, path, part+"func f() { run(q) }\n", part+"func f() { run(q + ` WHERE m.tenant_id = $1`) }\n")
	catches(t, checkSQLAtHome, "internal/sorting", "package sorting\n\nconst q = `SELECT id FROM message WHERE tenant_id = 1`\n", "package sorting\n\nconst q = `Select an app from the list`\n")
	if len(checkSchema("x.sql", "CREATE TABLE note (id INTEGER PRIMARY KEY, tenant_id INTEGER) STRICT;\n")) == 0 {
		t.Error("a table whose key does not begin with the tenant passes")
	}
	if found := checkSchema("x.sql", "CREATE TABLE note (tenant_id INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT, WITHOUT ROWID;\n"); len(found) > 0 {
		t.Error(found)
	}
}
