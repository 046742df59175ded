package ui

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

	"github.com/afterbeep/afterbeep/internal/desk"
)

// refusal is one way in which something is refused, as the source makes it.
type refusal struct {
	kind desk.Kind
	code string
}

// makers are the rooms whose errors can come to a page. Of auth, pages only have
// identifiers and secrets made.
func makers() []string {
	return []string{"desk", "handling", "people", "password", "search", "web", "ui", "store", "store/sqlite", "store/postgres"}
}

// spelled are the codes that are put together while the program runs: by the
// function that does so, and the expression in it.
func spelled() map[string][]string {
	return map[string][]string{
		"errName what":         {"tenant", "app", "key"},
		`taken what+"_exists"`: {"tenant_exists", "app_exists", "channel_exists", "key_exists", "filter_exists"},
		"text what":            {"note", "reason"},
		"later what":           {"again", "until"},
		"once desk.SeenCode":   {desk.SeenCode},
	}
}

// unseen are refusals that no page can show, and why.
func unseen() map[string]string {
	const (
		command = "the command line alone does what it refuses"
		start   = "it is said at the start, and nobody is served then"
		intake  = "it refuses what customers send; pages leave no messages"
		api     = "it refuses what a program asks of /v1; the pages' forms cannot ask for it"
		inside  = "the room that makes it also answers it"
	)
	return map[string]string{
		"missing.backup": command, "conflict.file_exists": command, "conflict.folder_not_empty": command, "conflict.not_empty": command,
		"conflict.half_filled": command, "invalid.row": command, "conflict.schema": command, "missing.data_folder": command,
		"conflict." + desk.SeenCode: api, "missing.idempotency_key": api, "missing.event": api, "invalid.kind": api, "conflict.version": api,
		"invalid.role":   "the form offers the roles that there are; it also refuses a role's name in PostgreSQL, at a migration",
		"missing.tenant": "whoever signs in at a desk that is none is told that the login or the password is not right",
		"invalid.tenant": command, "conflict.tenant_exists": command,
		"conflict.newer_schema": start, "conflict.older_schema": start, "invalid.no_store": start, "conflict.served": start,
		"invalid.database": start, "conflict.number_taken": start, "invalid.oidc": start, "invalid.dialler": start,
		"invalid.call_id": intake, "invalid.caller": intake, "invalid.user_id": intake, "invalid.user_name": intake, "invalid.line": intake,
		"conflict.idempotency_key_reused": intake,
		"invalid.reference":               api, "missing.message": api, "invalid.limit": api, "invalid.id": api, "unauthenticated.api_key_wrong": api,
		"invalid.person":     "the address of the page names who is meant",
		"invalid.permission": "the form offers the permissions that there are",
		"conflict.leased":    inside, "conflict.search_moved": inside,
	}
}

// refusals reads the source of a room for the errors that it makes.
func refusals(t *testing.T, room string) (found []refusal) {
	t.Helper()
	files, err := filepath.Glob("../" + room + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(room, err)
	}
	fset := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(fset, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			found = append(found, refusalsIn(t, d, func(e ast.Expr) string { return string(src[e.Pos()-f.FileStart : e.End()-f.FileStart]) })...)
		}
	}
	return found
}

func refusalsIn(t *testing.T, d ast.Decl, text func(ast.Expr) string) (found []refusal) {
	t.Helper()
	in := ""
	if fn, ok := d.(*ast.FuncDecl); ok {
		in = fn.Name.Name
	}
	if in == "Errorf" || in == "Wrap" { // where all are made
		return nil
	}
	ast.Inspect(d, func(n ast.Node) bool {
		var kind, code ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			if name := text(n.Fun); slices.Contains([]string{"desk.Errorf", "desk.Wrap", "Errorf", "Wrap"}, name) && len(n.Args) > 2 {
				kind, code = n.Args[0], n.Args[1]
			}
		case *ast.CompositeLit:
			if n.Type != nil && strings.HasSuffix(text(n.Type), "Error") {
				kind, code = field(n, "Kind"), field(n, "Code")
			}
		}
		if kind == nil || code == nil {
			return true
		}
		k, ok := kindNamed(text(kind))
		codes := codesOf(in, text(code))
		if !ok || codes == nil {
			t.Errorf("%s makes an error of kind %s and code %s, which this test cannot read; name its codes in spelled", in, text(kind), text(code))
		}
		for _, c := range codes {
			found = append(found, refusal{k, c})
		}
		return true
	})
	return found
}

func field(n *ast.CompositeLit, name string) ast.Expr {
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}

func kindNamed(s string) (desk.Kind, bool) {
	for k := desk.Internal; k <= desk.Unknown; k++ {
		if strings.EqualFold(strings.TrimPrefix(s, "desk."), k.String()) {
			return k, true
		}
	}
	return 0, false
}

// codesOf is the value of a code: a text, or one of the constants that have one.
func codesOf(in, code string) []string {
	if s, err := strconv.Unquote(code); err == nil {
		return []string{s}
	}
	constants := map[string]string{
		"AgainCode": "again", "store.AgainCode": "again", "store.AwayCode": "database_away", "store.SlowCode": "database_slow",
		"store.LostCode": "commit_lost", "store.IndexLost": "search_index_lost",
	}
	if s, ok := constants[code]; ok {
		return []string{s}
	}
	return spelled()[in+" "+code]
}

// passing: the reader can do nothing about it but wait, and why is in the log. One
// sentence a kind says so, where a code has none of its own.
func passing(k desk.Kind) bool {
	return slices.Contains([]desk.Kind{desk.Internal, desk.Busy, desk.Unstored, desk.Unknown}, k)
}

func TestWhateverAPageRefusesItSaysInTheReadersLanguage(t *testing.T) {
	made := map[refusal]bool{}
	kinds := map[string]map[desk.Kind]bool{}
	hidden := unseen()
	for _, room := range makers() {
		for _, r := range refusals(t, room) {
			if made[r] = true; hidden[r.kind.String()+"."+r.code] == "" && !passing(r.kind) {
				if kinds[r.code] == nil {
					kinds[r.code] = map[desk.Kind]bool{}
				}
				kinds[r.code][r.kind] = true
			}
		}
	}
	if len(made) < 150 {
		t.Fatalf("only %d refusals were found", len(made))
	}
	for code, l := range spoken(t) {
		for r := range made {
			if passing(r.kind) || hidden[r.kind.String()+"."+r.code] != "" {
				continue
			}
			_, own := l.texts["error."+r.kind.String()+"."+r.code]
			_, plain := l.texts["error."+r.code]
			switch {
			case !own && !plain:
				t.Errorf("%s has no text for %v %q", code, r.kind, r.code)
			case !own && len(kinds[r.code]) > 1:
				t.Errorf("%q means several things, and %s has no text for %v of its own (error.%v.%s)", r.code, code, r.kind, r.kind, r.code)
			}
		}
		for k := desk.Internal; k <= desk.Unknown; k++ {
			if _, ok := l.texts["error.kind."+k.String()]; passing(k) != ok {
				t.Errorf("%s has a sentence for all %v errors: %v", code, k, ok)
			}
		}
	}
	for name, why := range hidden {
		kind, code, _ := strings.Cut(name, ".")
		if k, ok := kindNamed(kind); !ok || !made[refusal{k, code}] || len(why) < 20 {
			t.Errorf("%s is in the list of what no page shows, and nothing makes it, or there is no reason", name)
		}
	}
}

func TestACodeWithTwoMeaningsHasTwoTexts(t *testing.T) {
	zh := spoken(t)["zh_CN"]
	for _, c := range []struct {
		e    *desk.Error
		want string
	}{
		{desk.Errorf(desk.Missing, "channel", "x"), "没有这个渠道。"},
		{desk.Errorf(desk.Invalid, "channel", "x"), "渠道名称为 1 到 64 个可见字符，首尾不能有空格。"},
		{desk.Errorf(desk.Conflict, "again", "x"), "他人刚刚修改过，请再看一次。"},
		{desk.Errorf(desk.Invalid, "again", "x"), "请选择未来 90 天内的时间。"},
		{desk.Errorf(desk.Unstored, "disk_full", "the disk is full"), zh.texts["error.kind.unstored"]},
		{desk.Errorf(desk.Busy, "index_in_the_making", "x"), zh.texts["error.index_in_the_making"]},
		{desk.Errorf(desk.Invalid, "nobody_knows", "a sentence in English"), "A sentence in English."},
	} {
		if got := zh.problem(c.e); got != c.want {
			t.Errorf("%v %s is %q, want %q", c.e.Kind, c.e.Code, got, c.want)
		}
	}
}
