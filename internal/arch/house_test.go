package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/afterbeep/afterbeep/"

// pkg is one package as it is written, whatever the build tags say.
type pkg struct {
	Path    string // below the module: "internal/desk"
	Name    string
	Imports []string // of the code, not of its tests
	Files   []*file
	Fset    *token.FileSet
}

type file struct {
	Name  string
	Test  bool
	Lines int
	AST   *ast.File
}

// at says where n stands, in a form that editors open.
func (p *pkg) at(f *file, n ast.Node) string {
	return fmt.Sprintf("%s/%s:%d", p.Path, f.Name, p.Fset.Position(n.Pos()).Line)
}

// code is the package without its tests.
func (p *pkg) code() []*file {
	var files []*file
	for _, f := range p.Files {
		if !f.Test {
			files = append(files, f)
		}
	}
	return files
}

// in says whether the package lies in one of the folders, or below it.
func (p *pkg) in(folders ...string) bool {
	for _, folder := range folders {
		if p.Path == folder || strings.HasPrefix(p.Path, folder+"/") {
			return true
		}
	}
	return false
}

// A rule lists what is wrong with a package: one line each, with the place.
type rule func(*pkg) []string

// hold runs a rule over the whole house.
func hold(t *testing.T, r rule) {
	t.Helper()
	for _, p := range house(t) {
		for _, finding := range r(p) {
			t.Error(finding)
		}
	}
}

func house(t *testing.T) []*pkg {
	t.Helper()
	pkgs, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

var load = sync.OnceValues(func() ([]*pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=Dir,ImportPath,Name,Imports,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var pkgs []*pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l struct {
			Dir, ImportPath, Name                                        string
			Imports                                                      []string
			GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, err
		}
		p := &pkg{Path: strings.TrimPrefix(l.ImportPath, module), Name: l.Name, Imports: l.Imports, Fset: token.NewFileSet()}
		for _, names := range [][]string{l.GoFiles, l.CgoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles} {
			for _, name := range names {
				text, err := os.ReadFile(filepath.Join(l.Dir, name))
				if err != nil {
					return nil, err
				}
				if err := p.add(name, string(text)); err != nil {
					return nil, err
				}
			}
		}
		pkgs = append(pkgs, p)
	}
})

// root is the folder of the module, seen from this package's folder, where go
// test runs its tests.
const root = "../.."

func (p *pkg) add(name, text string) error {
	f := &file{Name: name, Test: strings.HasSuffix(name, "_test.go"), Lines: strings.Count(text, "\n")}
	tree, err := parser.ParseFile(p.Fset, name, text, parser.ParseComments)
	if err != nil {
		return err
	}
	f.AST = tree
	p.Files = append(p.Files, f)
	return nil
}

// sample is a package made up to break a rule.
func sample(t *testing.T, path, name, text string) *pkg {
	t.Helper()
	p := &pkg{Path: path, Name: path[strings.LastIndex(path, "/")+1:], Fset: token.NewFileSet()}
	if err := p.add(name, text); err != nil {
		t.Fatal(err)
	}
	for _, imp := range p.Files[0].AST.Imports {
		p.Imports = append(p.Imports, strings.Trim(imp.Path.Value, `"`))
	}
	return p
}

// catches fails unless the rule finds fault with the sample and names the
// place, and leaves the fair one alone.
func catches(t *testing.T, r rule, path, bad, fair string) {
	t.Helper()
	found := r(sample(t, path, "sample.go", bad))
	if len(found) == 0 {
		t.Errorf("the rule lets this pass:\n%s", bad)
	}
	for _, line := range found {
		if !strings.HasPrefix(line, path) {
			t.Errorf("%q does not begin with the place", line)
		}
	}
	if found := r(sample(t, path, "sample.go", fair)); len(found) > 0 {
		t.Errorf("the rule refuses what is allowed: %q\n%s", found, fair)
	}
}
