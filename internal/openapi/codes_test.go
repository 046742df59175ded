package openapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/openapi"
)

// rooms are those whose errors can reach a program through /v1.
var rooms = []string{"api", "auth", "desk", "handling", "intake", "openapi", "password", "people", "search", "sheet", "store", "web"}

// made are codes whose word is put together while the program runs.
var made = []string{
	"again", "until", "since", "note", "reason", // handling and api: the name of what was wrong
	"app", "channel", "key", "app_exists", "channel_exists", "key_exists", // store: what was named
	"body", "timeout", "content_type", "values", "not_acceptable", // the library's, by their status
	"idempotency_key_seen",
}

// elsewhere are codes that no operation of /v1 can answer with, and why.
var elsewhere = map[string][]string{
	"signing in, and what people do to their own account": {
		"signin_wrong", "code_wrong", "signin_over", "session_over", "password_wrong", "too_many_guesses", "factor_exists",
		"invite", "session", "oidc", "oidc_away", "oidc_role", "oidc_unknown", "oidc_refused", "password_common", "password_long",
		"password_short", "password_text", "signin_busy",
	},
	"keeping a claim, which is for people":            {"claim_ended"},
	"the pages' own forms and origins":                {"cross_site", "form"},
	"opening, moving and sharing a store":             {"exists", "half_filled", "leased", "newer_schema", "older_schema", "not_empty", "no_store", "nodes", "number_taken", "row"},
	"filters that people keep, on the pages alone":    {"filter", "filter_name", "filter_query", "filter_shared", "filters_full", "filters_shared"},
	"a setting, at the start":                         {"dialler"},
	"tenants, which the command line makes":           {"tenant"},
	"caught where they come up: another code is said": {"api_key", "event", "id"},
	"what a line of the journal or a cursor is not":   {"line"},
}

// spoken lists the codes that a package's errors have, but for those of kinds that
// are answered with one code each.
func spoken(t *testing.T, room string) (codes []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", room, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(room, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, spokenIn(t, src)...)
	}
	return codes
}

// spokenIn reads one file: calls of Errorf and Wrap, and errors that are written
// out.
func spokenIn(t *testing.T, src []byte) (codes []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(kind, code ast.Expr) {
		text, ok := code.(*ast.BasicLit)
		if !ok || text.Kind != token.STRING || last(kind) == "" || slices.Contains([]string{"Internal", "Unknown", "Unstored"}, last(kind)) {
			return
		}
		word, err := strconv.Unquote(text.Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, word)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if name := last(n.Fun); (name == "Errorf" || name == "Wrap") && len(n.Args) > 2 {
				add(n.Args[0], n.Args[1])
			}
		case *ast.CompositeLit:
			if last(n.Type) != "Error" {
				return true
			}
			part := map[string]ast.Expr{}
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					part[last(kv.Key)] = kv.Value
				}
			}
			if part["Code"] != nil {
				add(part["Kind"], part["Code"])
			}
		}
		return true
	})
	return codes
}

func last(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

func TestEveryCodeOfAnErrorIsInTheTableAndTheOtherWayRound(t *testing.T) {
	known := map[string]bool{}
	for _, c := range openapi.Codes() {
		if known[c.Code] || c.Text == "" || c.Status() < 400 {
			t.Errorf("%+v is there twice, or says nothing", c)
		}
		known[c.Code] = true
	}
	said := map[string]bool{"internal": true, "unknown": true, "not_stored": true} // for whatever else goes wrong
	for _, code := range made {
		said[code] = true
	}
	for _, room := range rooms {
		for _, code := range spoken(t, room) {
			said[code] = true
		}
	}
	for _, codes := range elsewhere {
		for _, code := range codes {
			if known[code] {
				t.Errorf("%s is in the table, and is said to be elsewhere", code)
			}
			known[code] = true
		}
	}
	for code := range said {
		if !known[code] {
			t.Errorf("%s is an error's code; put it into the table (codes.go), or say why no operation answers with it", code)
		}
	}
	for _, c := range openapi.Codes() {
		if !said[c.Code] {
			t.Errorf("%s is in the table, and nothing says it", c.Code)
		}
	}
}

func TestCodesAreFoundHoweverTheyAreWritten(t *testing.T) {
	got := spokenIn(t, []byte(`package x
		var a = desk.Errorf(desk.Conflict, "one", "text")
		var b = desk.Wrap(desk.Missing, "two", "text", err)
		var c = &desk.Error{Kind: desk.Limited, Code: "three"}
		var d = desk.Errorf(desk.Internal, "never", "text")
		var e = fmt.Errorf("%s", "a", 2)`))
	if !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("%q", got)
	}
}
