package arch

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// timeless are the rooms where time and randomness are parameters, so that a
// test decides what day it is. Handing time.Now on as a value is how a default
// is injected; calling it is not.
var timeless = []string{
	"internal/desk", "internal/number", "internal/intake", "internal/sorting",
	"internal/handling", "internal/auth", "internal/people", "internal/password", "internal/readers", "internal/search",
}

// chance lists the calls that may be made in a timeless room all the same.
var chance = map[string]string{
	"internal/desk rand.Int64N":   "where a millisecond's sequence numbers begin decides nothing; no test depends on it",
	"internal/sorting time.Now":   "a stopwatch: how long a slice took is measured, never stored",
	"internal/sorting time.Since": "a stopwatch: how long a slice took is measured, never stored",
	"internal/auth rand.Read":     "secrets and nonces are random for everybody, and no test may choose them",
	"internal/auth rand.Text":     "secrets and nonces are random for everybody, and no test may choose them",
	"internal/password rand.Read": "secrets and nonces are random for everybody, and no test may choose them",
	"internal/password rand.Text": "secrets and nonces are random for everybody, and no test may choose them",
	"internal/people rand.Read":   "secrets and nonces are random for everybody, and no test may choose them",
	"internal/people rand.Text":   "secrets and nonces are random for everybody, and no test may choose them",
}

func checkClocks(p *pkg) []string {
	if !p.in(timeless...) {
		return nil
	}
	var found []string
	for _, f := range p.code() {
		clocks := clockNames(f)
		ast.Inspect(f.AST, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok || x.Obj != nil || !calls(clocks[x.Name], sel.Sel.Name) || chance[p.Path+" "+x.Name+"."+sel.Sel.Name] != "" {
				return true
			}
			found = append(found, fmt.Sprintf("%s: calls %s.%s; time and randomness are parameters here", p.at(f, call), x.Name, sel.Sel.Name))
			return true
		})
	}
	return found
}

// clockNames maps the names under which a file knows time and the two kinds of
// randomness to their import paths.
func clockNames(f *file) map[string]string {
	names := map[string]string{}
	for _, imp := range f.AST.Imports {
		path := strings.Trim(imp.Path.Value, `"`)
		name := map[string]string{"time": "time", "math/rand": "rand", "math/rand/v2": "rand", "crypto/rand": "rand"}[path]
		if name == "" {
			continue
		}
		if imp.Name != nil {
			name = imp.Name.Name
		}
		names[name] = path
	}
	return names
}

func calls(path, function string) bool {
	if path == "time" {
		return slices.Contains([]string{"Now", "Since", "Until"}, function)
	}
	return path != "" && function != "New" && function != "NewPCG" && function != "NewSource" && function != "NewChaCha8"
}

// checkGlobals: what a package holds is decided where it is declared. No init
// functions, and no variable of a package that anything assigns, takes apart or
// takes the address of. A sync.Pool passes: it holds nothing that means
// anything.
func checkGlobals(p *pkg) []string {
	found := sharedState(p)
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Error: func(error) {}, Importer: blind{}}
	var files []*ast.File
	for _, f := range p.code() {
		files = append(files, f.AST)
	}
	// The errors are those of imports that are not read; they change no scope.
	scope, _ := conf.Check(p.Path, p.Fset, files, info)
	for _, f := range p.code() {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			for _, e := range written(n) {
				if name := global(e, info, scope); name != "" {
					found = append(found, fmt.Sprintf("%s: changes the package variable %s; pass what changes as a parameter or keep it in a struct", p.at(f, n), name))
				}
			}
			return true
		})
	}
	return found
}

// blind knows no package, which is enough to tell local names from a package's.
type blind struct{}

func (blind) Import(path string) (*types.Package, error) {
	return nil, fmt.Errorf("%s is not read", path)
}

// sharedState finds init functions and package variables made to be changed.
func sharedState(p *pkg) []string {
	var found []string
	for _, f := range p.code() {
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					found = append(found, p.at(f, d)+": init runs before anybody decided to; call it from main")
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR && madeToChange(v.Type) {
						found = append(found, fmt.Sprintf("%s: the package variable %s is made to be changed; keep it in a struct", p.at(f, v), v.Names[0].Name))
					}
				}
			}
		}
	}
	return found
}

// madeToChange: a lock, an atomic value or a channel beside nothing guards or
// carries state of the whole process.
func madeToChange(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.ChanType:
		return true
	case *ast.IndexExpr: // atomic.Pointer[T]
		return madeToChange(t.X)
	case *ast.SelectorExpr:
		x, ok := t.X.(*ast.Ident)
		return ok && (x.Name == "atomic" || x.Name == "sync" && t.Sel.Name != "Pool")
	}
	return false
}

// written lists the expressions that n assigns, or whose address it hands out.
func written(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// global is the name of the package variable that e is, or is part of; "" if
// it is none, or the blank one.
func global(e ast.Expr, info *types.Info, scope *types.Package) string {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return global(e.X, info, scope)
	case *ast.StarExpr:
		return global(e.X, info, scope)
	case *ast.IndexExpr:
		return global(e.X, info, scope)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			if _, other := info.Uses[x].(*types.PkgName); other {
				return x.Name + "." + e.Sel.Name // a variable of another package
			}
		}
		return global(e.X, info, scope)
	case *ast.Ident:
		if v, ok := info.Uses[e].(*types.Var); ok && scope != nil && v.Parent() == scope.Scope() {
			return v.Name()
		}
	}
	return ""
}

// checkSleeps: a test that sleeps guesses. One that waits for time to pass runs
// in a bubble of testing/synctest, where time passes at once.
func checkSleeps(p *pkg) []string {
	if !p.in("internal", "cmd") {
		return nil
	}
	var found []string
	for _, f := range p.Files {
		if !f.Test || slices.ContainsFunc(f.AST.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` }) {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				found = append(found, p.at(f, sel)+": a test sleeps; wait for what it waits for, or use testing/synctest")
			}
			return true
		})
	}
	return found
}

func checkNames(p *pkg) []string {
	var found []string
	if slices.Contains([]string{"util", "utils", "common", "base", "helper", "helpers", "model", "models", "types", "misc", "shared", "lib"}, strings.TrimSuffix(p.Name, "_test")) {
		found = append(found, p.Path+": the name "+p.Name+" says nothing; name the package after what it is about")
	}
	if strings.ToLower(p.Name) != p.Name || strings.Contains(strings.TrimSuffix(p.Name, "_test"), "_") || len(p.Name) > 12 {
		found = append(found, p.Path+": a package is one short noun, in small letters")
	}
	return found
}

// checkDocs: every package says what it promises, in one place of the code.
func checkDocs(p *pkg) []string {
	for _, f := range p.Files {
		doc := f.AST.Doc.Text()
		if (strings.HasPrefix(doc, "Package "+f.AST.Name.Name) || f.AST.Name.Name == "main") && len(doc) >= 60 {
			return nil
		}
	}
	return []string{p.Path + ": no package comment says what it promises, what it refuses and who calls it"}
}

// checkLeftovers: a note to do something later is an issue, not a comment.
func checkLeftovers(p *pkg) []string {
	var found []string
	for _, f := range p.Files {
		for _, group := range f.AST.Comments {
			for _, word := range []string{"TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"} {
				if strings.Contains(group.Text(), word) {
					found = append(found, p.at(f, group)+": "+word+" in a comment; finish it or file it")
				}
			}
		}
	}
	return found
}

func TestTimeAndRandomnessAreParametersOfTheDomain(t *testing.T) { hold(t, checkClocks) }

func TestNoPackageHoldsStateOfItsOwn(t *testing.T) { hold(t, checkGlobals) }

func TestPackagesAreNamedAfterWhatTheyAreAbout(t *testing.T) { hold(t, checkNames) }

func TestEveryPackageSaysWhatItPromises(t *testing.T) { hold(t, checkDocs) }

func TestNoTestOfAPackageSleeps(t *testing.T) { hold(t, checkSleeps) }

func TestNothingIsLeftForLater(t *testing.T) { hold(t, checkLeftovers) }

func TestTheClockRuleBites(t *testing.T) {
	fair := "package auth\nimport \"time\"\nfunc New(now func() time.Time) { if now == nil { now = time.Now }; _ = now() }\n"
	catches(t, checkClocks, "internal/auth", "package auth\nimport \"time\"\nfunc f() { _ = time.Now() }\n", fair)
	catches(t, checkClocks, "internal/auth", "package auth\nimport clock \"time\"\nfunc f(t clock.Time) { _ = clock.Since(t) }\n", fair)
	catches(t, checkClocks, "internal/sorting", "package sorting\nimport \"math/rand/v2\"\nfunc f() { _ = rand.N(3) }\n",
		"package sorting\nimport \"math/rand/v2\"\nfunc f(rand *rand.Rand) { _ = rand.IntN(3) }\n")
	catches(t, checkClocks, "internal/sorting", "package sorting\nimport \"crypto/rand\"\nfunc f() { _ = rand.Text() }\n", fair)
}

func TestTheRuleAgainstGlobalsBites(t *testing.T) {
	const path = "internal/web"
	fair := `package web
import "errors"
var ErrGone = errors.New("gone")
var table = map[string]int{"a": 1}
func f() int { table := map[string]int{}; table["b"] = 2; return table["b"] }
`
	for _, bad := range []string{
		"var n int\nfunc f() { n = 1 }",
		"var n int\nfunc f() { n++ }",
		"var m = map[string]int{}\nfunc f() { m[\"a\"] = 1 }",
		"var m = map[string]int{}\nfunc f() { delete(m, \"a\") }",
		"type s struct{ n int }\nvar g s\nfunc f() { g.n = 1 }",
		"var n int\nfunc f() *int { return &n }",
		"var n int\nfunc f() { for n = range 3 {} }",
		"import \"net/http\"\nfunc f() { http.DefaultClient = nil }",
		"import \"sync\"\nvar mu sync.Mutex",
		"import \"sync/atomic\"\nvar p atomic.Pointer[int]",
		"var c chan int",
		"func init() {}",
	} {
		catches(t, checkGlobals, path, "package web\n"+bad+"\n", fair)
	}
}

func TestTheRulesAboutNamesDocsAndLeftoversBite(t *testing.T) {
	for _, name := range []string{"util", "helpers", "messageStore", "message_list", "acknowledgement"} {
		if len(checkNames(sample(t, "internal/"+name, "a.go", "package "+name+"\n"))) == 0 {
			t.Errorf("a package may be named %s", name)
		}
	}
	if found := checkNames(sample(t, "internal/intake", "a_test.go", "package intake_test\n")); len(found) > 0 {
		t.Errorf("tests from outside a package are refused: %q", found)
	}
	sleepy := sample(t, "internal/web", "a_test.go", "package web\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n")
	if len(checkSleeps(sleepy)) == 0 {
		t.Error("a test may sleep")
	}
	catches(t, checkDocs, "internal/web", "// Package web is.\npackage web\n", "// Package web holds what every surface needs of HTTP: limits, answers, routes.\npackage web\n")
	catches(t, checkDocs, "internal/web", "package web\n", "// Package web holds what every surface needs of HTTP: limits, answers, routes.\npackage web\n")
	catches(t, checkLeftovers, "internal/web", "package web\n\n// TO"+"DO: finish\nvar a = 1\n", "package web\n\n// Method is why.\nvar a = 1\n")
}
