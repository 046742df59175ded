package arch

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
)

// Budgets: beauty is lost in the tail, so the tail is bounded.
const (
	maxFile      = 400  // lines
	maxTestFile  = 600  // lines; tests read as lists
	maxFunction  = 60   // lines, from func to the closing brace
	maxHandler   = 40   // lines of a function that takes an *http.Request
	maxPackage   = 2500 // lines without tests
	maxInterface = 7    // methods, those of embedded interfaces of the same package included
	maxParams    = 5    // without the receiver
)

// raised lists what may exceed a budget, up to which size, and why. A line
// that is no longer needed fails.
var raised = []struct {
	what   string // as a finding begins: "internal/store", "internal/store/rows.go", "internal/store.Store.Rows"
	limit  int
	reason string
}{
	{"internal/store", 5750, "all SQL of both engines is one text in one room: rows, transactions and the tenant's scope are shared and stay unexported"},
	{"internal/store/storetest", 5000, "these are tests, which have no budget elsewhere; they are a package because each engine runs them"},
	{"internal/ui", 3800, "a page is a small file of its own; they share who is asking, her language and her time"},
	{"cmd/afterbeep", 3900, "a main package cannot be split; each command is a small file of its own"},
	{"bench", 3100, "a main package cannot be split; each suite is a small file of its own, and what it loads a server with is in packages below"},
}

// measure is one size of one thing.
type measure struct {
	what, where, unit string
	size, limit       int
}

func (m measure) over() bool { return m.size > m.limit }

func measures(p *pkg) []measure {
	var all []measure
	lines := 0
	for _, f := range p.Files {
		limit := maxFile
		if f.Test {
			limit = maxTestFile
		} else {
			lines += f.Lines
		}
		name := p.Path + "/" + f.Name
		all = append(all, measure{what: name, where: name, unit: "lines", size: f.Lines, limit: limit})
	}
	all = append(all, measure{what: p.Path, where: p.Path, unit: "lines without tests", size: lines, limit: maxPackage})
	for _, f := range p.code() {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				all = append(all, functionSizes(p, f, fn)...)
			}
		}
	}
	return append(all, interfaceSizes(p)...)
}

func functionSizes(p *pkg, f *file, fn *ast.FuncDecl) []measure {
	name := p.Path + "." + fn.Name.Name
	if fn.Recv != nil {
		name = p.Path + "." + receiver(fn) + "." + fn.Name.Name
	}
	limit, unit := maxFunction, "lines"
	if takesRequest(fn.Type) {
		limit, unit = maxHandler, "lines, for a handler"
	}
	lines := p.Fset.Position(fn.End()).Line - p.Fset.Position(fn.Pos()).Line + 1
	return []measure{
		{what: name, where: p.at(f, fn), unit: unit, size: lines, limit: limit},
		{what: name, where: p.at(f, fn), unit: "parameters", size: fn.Type.Params.NumFields(), limit: maxParams},
	}
}

func receiver(fn *ast.FuncDecl) string {
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return "?"
}

func takesRequest(fn *ast.FuncType) bool {
	for _, param := range fn.Params.List {
		if star, ok := param.Type.(*ast.StarExpr); ok {
			if sel, ok := star.X.(*ast.SelectorExpr); ok && sel.Sel.Name == "Request" {
				return true
			}
		}
	}
	return false
}

func interfaceSizes(p *pkg) []measure {
	local := map[string]*ast.InterfaceType{}
	var all []measure
	for _, f := range p.code() {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if i, ok := spec.Type.(*ast.InterfaceType); ok {
					local[spec.Name.Name] = i
				}
			}
			return true
		})
	}
	for _, f := range p.code() {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if ok && local[spec.Name.Name] != nil && local[spec.Name.Name] == spec.Type {
				all = append(all, measure{
					what: p.Path + "." + spec.Name.Name, where: p.at(f, spec), unit: "methods",
					size: methods(local[spec.Name.Name], local), limit: maxInterface,
				})
			}
			return true
		})
	}
	return all
}

func methods(i *ast.InterfaceType, local map[string]*ast.InterfaceType) int {
	n := 0
	for _, m := range i.Methods.List {
		if id, ok := m.Type.(*ast.Ident); ok && len(m.Names) == 0 && local[id.Name] != nil && local[id.Name] != i {
			n += methods(local[id.Name], local)
			continue
		}
		n += max(1, len(m.Names))
	}
	return n
}

func checkBudgets(p *pkg) []string {
	var found []string
	for _, m := range measures(p) {
		for _, r := range raised {
			if r.what == m.what && m.over() {
				m.limit = r.limit
			}
		}
		if m.over() {
			found = append(found, fmt.Sprintf("%s: %s has %d %s; the budget is %d", m.where, m.what, m.size, m.unit, m.limit))
		}
	}
	return found
}

func TestFilesFunctionsPackagesAndInterfacesStaySmall(t *testing.T) { hold(t, checkBudgets) }

func TestEveryRaisedBudgetIsStillNeededAndSaysWhy(t *testing.T) {
	needed := map[string]bool{}
	for _, p := range house(t) {
		for _, m := range measures(p) {
			needed[m.what] = needed[m.what] || m.over()
		}
	}
	for _, r := range raised {
		if !needed[r.what] || len(r.reason) < 20 {
			t.Errorf("%s has a raised budget that it does not need, or no reason", r.what)
		}
	}
}

func TestTheBudgetRulesBite(t *testing.T) {
	fill := func(lines int) string { return strings.Repeat("\t_ = 1\n", lines) }
	catches(t, checkBudgets, "internal/store", "package store\n"+strings.Repeat("// x\n", maxFile), "package store\n"+strings.Repeat("// x\n", maxFile-1))
	catches(t, checkBudgets, "internal/store", "package store\nfunc f() {\n"+fill(maxFunction-1)+"}\n", "package store\nfunc f() {\n"+fill(maxFunction-2)+"}\n")
	catches(t, checkBudgets, "internal/web", "package web\nfunc f(r *http.Request) {\n"+fill(maxHandler-1)+"}\n", "package web\nfunc f(r *http.Request) {\n"+fill(maxHandler-2)+"}\n")
	catches(t, checkBudgets, "internal/store", "package store\nfunc f(a, b, c int, d string, e, f bool) {}\n", "package store\nfunc (s *S) f(a, b, c int, d string, e bool) {}\n")
	catches(t, checkBudgets, "internal/store",
		"package store\ntype a interface {\n\tb\n\tH()\n}\ntype b interface {\n\tA(); B(); C(); D(); E(); F(); G()\n}\n",
		"package store\ntype a interface {\n\tb\n\tH()\n}\ntype b interface {\n\tA(); B(); C(); D(); E(); F()\n}\n")

	big := sample(t, "internal/web", "one.go", "package web\n"+strings.Repeat("// x\n", maxFile-1))
	for range maxPackage / maxFile {
		if err := big.add("more.go", "package web\n"+strings.Repeat("// x\n", maxFile-1)); err != nil {
			t.Fatal(err)
		}
	}
	if len(checkBudgets(big)) == 0 {
		t.Error("a package over its budget passes")
	}
	long := sample(t, "internal/store", "long_test.go", "package store\n"+strings.Repeat("// x\n", maxTestFile))
	if len(checkBudgets(long)) == 0 {
		t.Error("a test file over its budget passes")
	}
	wide := sample(t, "internal/store", "wide_test.go", "package store\nfunc f(a, b, c, d, e, f int) {\n"+fill(maxFunction)+"}\n")
	if found := checkBudgets(wide); len(found) > 0 {
		t.Errorf("tests have no budget for functions, yet: %q", found)
	}
}
