package arch

import (
	"slices"
	"strings"
	"testing"
)

const anything = "…"

// doors lists, for each package, which packages of ours it may import. The
// features (intake, sorting, handling, readers, auth) know the domain and nothing
// sideways; what they need of the store they state as an interface of theirs.
// Only app sees everything, and only cmd sees app. A new package begins here.
var doors = map[string][]string{
	"internal/desk":   {},
	"internal/teeth":  {},
	"internal/term":   {},
	"internal/number": {"internal/desk"},
	"internal/search": {"internal/desk"},

	"internal/intake":   {"internal/desk", "internal/number", "internal/teeth"},
	"internal/sorting":  {"internal/desk", "internal/number", "internal/teeth"},
	"internal/handling": {"internal/desk", "internal/number", "internal/teeth"},
	"internal/auth":     {"internal/desk", "internal/number", "internal/teeth"},
	"internal/password": {"internal/desk"},
	"internal/people":   {"internal/desk", "internal/password", "internal/teeth"},
	"internal/readers":  {"internal/desk", "internal/teeth"},

	"internal/store":           {"internal/desk", "internal/number", "internal/search", "internal/teeth"},
	"internal/store/sqlite":    {"internal/desk", "internal/search", "internal/teeth", "internal/store"},
	"internal/store/postgres":  {"internal/desk", "internal/teeth", "internal/store"},
	"internal/store/storetest": {"internal/desk", "internal/number", "internal/intake", "internal/sorting", "internal/handling", "internal/password", "internal/people", "internal/search", "internal/store"},

	"internal/archive": {"internal/desk", "internal/store"},

	"internal/web":     {"internal/desk", "internal/teeth"},
	"internal/aicc":    {"internal/desk", "internal/web", "internal/auth", "internal/teeth"},
	"internal/ui":      {"internal/desk", "internal/number", "internal/web", "internal/auth", "internal/people", "internal/handling", "internal/teeth"},
	"internal/api":     {"internal/desk", "internal/number", "internal/web", "internal/auth", "internal/people", "internal/handling", "internal/openapi", "internal/sheet", "internal/teeth"},
	"internal/openapi": {"internal/desk", "internal/web", "internal/teeth"},
	"internal/sheet":   {"internal/desk", "internal/term"},
	"internal/chain":   {"internal/desk"},
	"internal/config":  {"internal/desk"},
	"internal/app":     {anything},
	"internal/arch":    {},

	"cmd/afterbeep": {"internal/app", "internal/config", "internal/desk", "internal/chain", "internal/sheet", "internal/term"},

	"bench": {anything}, // and what lies below it
	"test":  {anything}, // and what lies below it
}

// keys lists who may use a package that is not ours but decides a lot: whoever
// imports it takes part in a job that belongs in one room.
var keys = []struct {
	imported string // and what lies below it, when it ends in /...
	rooms    []string
	reason   string
}{
	{"net/http/...", []string{"internal/web", "internal/aicc", "internal/ui", "internal/api", "internal/openapi", "internal/chain", "internal/app", "cmd", "test", "bench"}, "features, the domain and the store know nothing of HTTP"},
	{"database/sql/...", []string{"internal/store", "test", "bench"}, "all SQL lives in internal/store"},
	{"modernc.org/sqlite/...", []string{"internal/store", "test", "bench"}, "only the store knows its engine"},
	{"github.com/jackc/pgx/...", []string{"internal/store", "test", "bench"}, "only the store knows its engine"},
	{"github.com/pressly/goose/...", []string{"internal/store"}, "the schema belongs to the store"},
	{"github.com/nyaruka/phonenumbers/...", []string{"internal/number"}, "numbers are read in one place"},
	{"golang.org/x/text/...", []string{"internal/search", "internal/password"}, "texts are made alike in one place, and kept as they were sent everywhere else"},
	{"github.com/spf13/cobra/...", []string{"cmd"}, "the command line is cmd's"},
	{"github.com/prometheus/...", []string{"internal/app", "internal/web", "internal/aicc"}, "packages count through small hooks; the registry is app's"},
	{"go.yaml.in/yaml/...", []string{"internal/config"}, "settings are read in one place"},
	{"github.com/caarlos0/env/...", []string{"internal/config"}, "settings are read in one place"},
	{"golang.org/x/crypto/argon2", []string{"internal/password"}, "passwords are checked in one place, a few at a time"},
	{"github.com/pquerna/otp/...", []string{"internal/people"}, "second factors are checked in one place"},
	{"github.com/coreos/go-oidc/...", []string{"internal/people"}, "identities are checked in one place"},
	{"github.com/danielgtaylor/huma/...", []string{"internal/openapi"}, "one room speaks OpenAPI"},
	{"golang.org/x/oauth2/...", []string{"internal/people"}, "identities are checked in one place"},
	{"C", nil, "one static binary, without cgo"},
	{"unsafe", nil, "nothing here needs it"},
	{"encoding/gob", nil, "what is stored is text that other programs can read"},
	{"log", nil, "logs are slog: one JSON line an event"},
}

func checkDoors(p *pkg) []string {
	allowed, known := doors[row(p.Path)]
	if !known {
		return []string{p.Path + ": the package has no row in the table of doors (internal/arch/doors_test.go); say there what it may import"}
	}
	var found []string
	for _, imp := range p.Imports {
		ours, inside := strings.CutPrefix(imp, module)
		if inside && !slices.Contains(allowed, anything) && !slices.Contains(allowed, ours) {
			found = append(found, p.Path+" must not import "+ours+": it may import "+strings.Join(allowed, ", ")+" (internal/arch/doors_test.go)")
		}
	}
	return found
}

// row is the line of the table that speaks about the package.
func row(path string) string {
	for _, tree := range []string{"bench", "test"} {
		if strings.HasPrefix(path, tree+"/") {
			return tree
		}
	}
	return path
}

func checkKeys(p *pkg) []string {
	var found []string
	for _, imp := range p.Imports {
		for _, k := range keys {
			tree, whole := strings.CutSuffix(k.imported, "/...")
			if (imp == tree || whole && strings.HasPrefix(imp, tree+"/")) && !p.in(k.rooms...) {
				found = append(found, p.Path+" must not import "+imp+": "+k.reason)
			}
		}
	}
	return found
}

func TestEveryRoomUsesOnlyTheDoorsOfThePlan(t *testing.T) { hold(t, checkDoors) }

func TestHTTPAndSQLAndLibrariesStayInTheirRooms(t *testing.T) { hold(t, checkKeys) }

func TestTheTableOfDoorsNamesNoPackageThatIsGone(t *testing.T) {
	gone := map[string]bool{}
	for path := range doors {
		gone[path] = true
	}
	for _, p := range house(t) {
		delete(gone, row(p.Path))
	}
	for path := range gone {
		t.Errorf("%s is in the table of doors, but there is no such package", path)
	}
}

func TestTheDoorRulesBite(t *testing.T) {
	fair := "package sorting\nimport (\n\t\"context\"\n\t\"github.com/afterbeep/afterbeep/internal/desk\"\n)\n"
	catches(t, checkDoors, "internal/sorting", "package sorting\nimport \"github.com/afterbeep/afterbeep/internal/store\"\n", fair)
	catches(t, checkDoors, "internal/sorting", "package sorting\nimport \"github.com/afterbeep/afterbeep/internal/intake\"\n", fair)
	catches(t, checkDoors, "internal/desk", "package desk\nimport \"github.com/afterbeep/afterbeep/internal/number\"\n", "package desk\nimport \"time\"\n")
	catches(t, checkKeys, "internal/intake", "package intake\nimport \"net/http\"\n", fair)
	catches(t, checkKeys, "internal/intake", "package intake\nimport \"database/sql/driver\"\n", fair)
	catches(t, checkKeys, "internal/store", "package store\nimport \"net/http/httptest\"\n", "package store\nimport \"database/sql\"\n")
	catches(t, checkKeys, "internal/web", "package web\nimport \"C\"\n", "package web\nimport \"net/http\"\n")
	if len(checkDoors(sample(t, "internal/attic", "attic.go", "package attic\n"))) == 0 {
		t.Error("a package without a row in the table passes")
	}
}
