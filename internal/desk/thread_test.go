package desk_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func moments() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		us := rapid.Int64Range(0, 4e15).Draw(t, "us")
		if us == 0 {
			return time.Time{}
		}
		return time.UnixMicro(us).UTC()
	})
}

func handled(t *rapid.T) desk.Thread {
	at := moments()
	return desk.Thread{
		State:  rapid.SampledFrom([]desk.State{desk.New, desk.Assigned, desk.Working, desk.Waiting, desk.Closed}).Draw(t, "state"),
		Owner:  desk.PersonID(rapid.Int64Range(0, 3).Draw(t, "owner")),
		Given:  rapid.Bool().Draw(t, "given"),
		Reason: rapid.SampledFrom([]string{"", "done", "“quoted” <b>"}).Draw(t, "reason"), Attempts: rapid.IntRange(0, 3).Draw(t, "attempts"),
		ClaimUntil: at.Draw(t, "claim"), WakeAt: at.Draw(t, "wake"), DueAt: at.Draw(t, "due"), ClosedAt: at.Draw(t, "closed"),
		Outcome: rapid.SampledFrom(append(desk.Outcomes(), "")).Draw(t, "outcome"),
	}
}

func TestWhatAnEventSaysWasReplacedBringsItBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := handled(t), handled(t)
		data, err := json.Marshal(desk.Details{Was: desk.Replaced(&before, &after)})
		if err != nil {
			t.Fatal(err)
		}
		e := desk.Event{Data: data}
		details, err := e.Details()
		if err != nil {
			t.Fatal(err)
		}
		details.Was.Restore(&after)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatal(diff, string(data))
		}
	})
}

func TestAnExcerptIsOneShortLine(t *testing.T) {
	for text, want := range map[string]string{
		"Please call":                       "Please call",
		"  two\r\n\n lines\t ":              "two lines",
		"请回电\u3000谢谢":                       "请回电 谢谢",
		strings.Repeat("安", 141):            strings.Repeat("安", 140),
		strings.Repeat("x ", 100):           strings.TrimSpace(strings.Repeat("x ", 70)),
		strings.Repeat("y", 139) + " zebra": strings.Repeat("y", 139),
	} {
		if got := desk.Brief(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := desk.Brief(rapid.String().Draw(t, "text"))
		if utf8.RuneCountInString(got) > 140 || strings.ContainsAny(got, "\r\n\t") || strings.Contains(got, "  ") {
			t.Fatalf("%q", got)
		}
	})
}

func TestWhatIsPromisedComesBeforeWhatIsNotAndThenTheOldest(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	inOrder := []desk.Thread{
		{FirstAt: at, DueAt: at.Add(time.Hour), WakeAt: at.Add(5 * time.Hour)},
		{FirstAt: at, WakeAt: at.Add(2 * time.Hour), DueAt: at.Add(9 * time.Hour)},
		{FirstAt: at, DueAt: at.Add(3 * time.Hour)},
		{FirstAt: at, WakeAt: at.Add(10000 * time.Hour)},
		{FirstAt: at.Add(-time.Hour)},
		{FirstAt: at},
	}
	for i := 1; i < len(inOrder); i++ {
		if inOrder[i-1].Urgency() >= inOrder[i].Urgency() {
			t.Errorf("%d is not before %d", i-1, i)
		}
	}
}
