package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lastRow is the last number of the table.
const lastRow = 80

// elsewhere names the tests that prove the rows that cannot be played against
// a healthy binary: "folder TestName".
var elsewhere = map[int]string{
	10: "internal/aicc TestExpiryRevocationAndDeletionAre401",
	60: "test/torture TestD4AFullDiskIsRefusedStaysReadableAndHeals",
	61: "test/torture TestD3AFailedFlushIsNeverAcknowledgedAlthoughThePagesLookWritten",
	62: "internal/web TestAPanicIsAnsweredInTheRoutesWordsAndTheNextRequestIsServed",
}

// player runs rows and keeps their numbers, also of those that -run leaves out.
type player struct{ played map[int]bool }

func (p *player) row(t *testing.T, number int, title string, play func(*testing.T)) {
	t.Helper()
	p.played[number] = true
	t.Run(fmt.Sprintf("row %d: %s", number, title), play)
}

// TestEveryRowOfTheContract plays the table from its first row to its last.
func TestEveryRowOfTheContract(t *testing.T) {
	p := &player{played: map[int]bool{}}
	w := found(t)
	t.Run("patient", func(t *testing.T) { p.patient(t, w) }) // rows that wait, at the same time
	p.transport(t, w)
	p.tokens(t, w)
	p.syntax(t, w)
	p.values(t, w)
	p.state(t, w)
	p.applyToken(t, w)
	p.tokenByAkSk(t, w)
	t.Run("what was acknowledged is stored, byte for byte, and nothing else is", w.settle)
	t.Run("no row is forgotten", p.complete)
}

func (p *player) complete(t *testing.T) {
	for n := 1; n <= lastRow; n++ {
		switch test, named := elsewhere[n]; {
		case p.played[n] && named:
			t.Errorf("row %d is played here and said to be proven by %s", n, test)
		case named:
			folder, name, _ := strings.Cut(test, " ")
			if !exists(t, folder, name) {
				t.Errorf("row %d: %s has no test %s", n, folder, name)
			}
		case !p.played[n]:
			t.Errorf("row %d is neither played here nor proven elsewhere", n)
		}
	}
}

// exists says whether a folder has a test of that name.
func exists(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
