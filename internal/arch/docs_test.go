package arch

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	roomRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| [^|]+ \\| ([^|]+) \\|$")
	quoted  = regexp.MustCompile("`([a-z/]+)`")
)

// told is the table of rooms as a page has it: what each may import, in order.
func told(page string) map[string][]string {
	rooms := map[string][]string{}
	for _, row := range roomRow.FindAllStringSubmatch(page, -1) {
		doors := []string{}
		for _, name := range quoted.FindAllStringSubmatch(row[2], -1) {
			doors = append(doors, name[1])
		}
		if row[2] == "everything" {
			doors = []string{anything}
		}
		slices.Sort(doors)
		rooms[row[1]] = doors
	}
	return rooms
}

// differences between the table of doors and the page's.
func misled(page string) []string {
	var found []string
	rooms := told(page)
	for path, allowed := range doors {
		room := strings.TrimPrefix(path, "internal/")
		if room == "bench" || room == "test" {
			continue
		}
		want := []string{}
		for _, d := range allowed {
			if d = strings.TrimPrefix(d, "internal/"); d != "teeth" {
				want = append(want, d)
			}
		}
		slices.Sort(want)
		if got, there := rooms[room]; !there || !slices.Equal(got, want) {
			found = append(found, room+": the page says "+strings.Join(got, ", ")+"; the doors are "+strings.Join(want, ", "))
		}
		delete(rooms, room)
	}
	for room := range rooms {
		found = append(found, room+": there is no such room")
	}
	return found
}

func TestTheArchitectureOnPaperIsTheOneThatIsHeld(t *testing.T) {
	raw, err := os.ReadFile(root + "/docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, line := range misled(page) {
		t.Error("docs/architecture.md: ", line)
	}
	for what, changed := range map[string]string{
		"a room too few":  strings.Replace(page, "| `chain` |", "| chain |", 1),
		"a room too many": strings.Replace(page, "| `chain` |", "| `attic` | what is old | nothing |\n| `chain` |", 1),
		"a door too many": strings.Replace(page, "| the client's side of the contract | `desk` |", "| the client's side of the contract | `desk`, `web` |", 1),
	} {
		if changed == page || len(misled(changed)) == 0 {
			t.Errorf("%s goes unnoticed", what)
		}
	}
}

// Whoever wants to change a room finds what to run.
func TestEveryRoomIsInTheTableOfContributing(t *testing.T) {
	raw, err := os.ReadFile(root + "/CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for path := range doors {
		if path != "test" && path != "internal/store/storetest" && !strings.Contains(string(raw), "`"+path+"`") {
			t.Errorf("CONTRIBUTING.md does not name %s", path)
		}
	}
}

var requirement = regexp.MustCompile(`(?m)^\t(\S+) v(\S+)$`) // a direct one: the others have a remark behind them

// A dependency comes with its row, and an upgrade changes it.
func TestEveryLibraryIsInItsDecisionWithItsVersion(t *testing.T) {
	mod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(root + "/docs/decisions/0010-libraries.md")
	if err != nil {
		t.Fatal(err)
	}
	found := requirement.FindAllStringSubmatch(string(mod), -1)
	if len(found) < 20 {
		t.Fatalf("go.mod has %d direct requirements?", len(found))
	}
	for _, m := range found {
		name, version := strings.TrimPrefix(m[1], "github.com/"), m[2]
		row := regexp.MustCompile("(?m)^\\|[^|]*`" + regexp.QuoteMeta(name) + "`[^|]*\\|[^|]*\\b" + regexp.QuoteMeta(version) + "\\b")
		if !row.Match(page) {
			t.Errorf("docs/decisions/0010-libraries.md has no row for %s %s", name, version)
		}
	}
}
