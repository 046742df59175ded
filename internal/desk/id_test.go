package desk_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestIDsGrowWhateverTheClockDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		now := base
		seq := desk.NewSequence(0, 0, func() time.Time { return now })
		last := desk.ID(0)
		for range 200 {
			now = base.Add(time.Duration(rapid.Int64Range(-10*365*24, 10*365*24).Draw(t, "hours")) * time.Hour)
			for range rapid.IntRange(1, 50).Draw(t, "ids") {
				id := seq.Next()
				if id <= last {
					t.Fatalf("%d after %d", id, last)
				}
				last = id
			}
		}
	})
}

func TestAProcessGoesOnAboveWhatIsStored(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	before := desk.NewSequence(0, 0, func() time.Time { return now }).Next()
	tenYearsBack := func() time.Time { return now.AddDate(-10, 0, 0) }
	if after := desk.NewSequence(0, before, tenYearsBack).Next(); after <= before {
		t.Fatalf("%d after %d", after, before)
	}
}

func TestAMillisecondThatIsUsedUpBorrowsTheNext(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	seq := desk.NewSequence(0, 0, func() time.Time { return now })
	seen := map[desk.ID]bool{}
	for range 20_000 {
		id := seq.Next()
		if seen[id] {
			t.Fatalf("%d twice", id)
		}
		seen[id] = true
	}
}

func TestAReferenceLeadsBackToItsMessage(t *testing.T) {
	first := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2034, 6, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		at := first.Add(time.Duration(rapid.Int64Range(0, int64(last.Sub(first))).Draw(t, "at")))
		id := desk.NewSequence(0, 0, func() time.Time { return at }).Next()
		for _, written := range []string{id.Reference(), lower(id.Reference())} {
			found, err := desk.Candidates(written, first, last, 1)
			if err != nil || !slices.Contains(found, id) || len(found) > 10*366/3 {
				t.Fatalf("%s of %d: %d candidates, %v", written, id, len(found), err)
			}
		}
	})
	for _, bad := range []string{"", "7K3Q", "7K3Q-9F2U", "7K3Q-9F2M-1"} {
		if _, err := desk.Candidates(bad, first, last, 1); desk.KindOf(err) != desk.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// lower writes a reference as somebody might who heard it on the telephone.
func lower(s string) string {
	out := []byte{}
	for _, c := range []byte(s) {
		switch {
		case c == '-':
			c = ' '
		case c == '0':
			c = 'o'
		case c == '1':
			c = 'l'
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		}
		out = append(out, c)
	}
	return string(out)
}
