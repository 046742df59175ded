package people

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

func TestAFloodOfFailuresIsNotAFloodOfRows(t *testing.T) {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	g := NewGuard(s, NewVault(s, nil, now), now)
	rows := func(failures int) (listed, flood int) {
		t.Helper()
		for range failures {
			one, first, err := g.floods(t.Context(), 1)
			if err != nil || one && first {
				t.Fatal(one, first, err)
			}
			if one {
				listed++
			}
			if first {
				flood++
			}
		}
		return listed, flood
	}
	if listed, flood := rows(1000); listed != 300 || flood != 1 {
		t.Fatalf("1,000 failures are %d rows and %d about the flood", listed, flood)
	}
	at = at.Add(time.Minute) // it goes on
	if listed, flood := rows(100); listed != 30 || flood != 0 {
		t.Fatalf("a minute later %d rows and %d about the flood", listed, flood)
	}
	at = at.Add(time.Hour) // another one, an hour later
	if listed, flood := rows(400); listed != 300 || flood != 1 {
		t.Fatalf("an hour later %d rows and %d about the flood", listed, flood)
	}
}
