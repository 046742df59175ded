package rig

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Findings are what a trial found.
type Findings struct {
	Line   string   // seed, faults, counts
	Broken []string // what was promised and not kept
}

// Breaks notes a broken promise.
func (f *Findings) Breaks(format string, args ...any) {
	f.Broken = append(f.Broken, fmt.Sprintf(format, args...))
}

// With adds what a ledger found.
func (f Findings) With(v Verdict) Findings {
	for _, all := range []struct {
		what  string
		texts []string
	}{
		{"acknowledged and lost", v.Lost},
		{"stored twice", v.Doubled},
		{"refused and stored", v.Ghosts},
		{"stored and never sent", v.Strange},
		{"given another reference", v.Renamed},
	} {
		if len(all.texts) > 0 {
			f.Breaks("%d messages were %s", len(all.texts), all.what)
		}
	}
	f.Line = strings.TrimSuffix(v.String()+"; "+f.Line, "; ")
	return f
}

// Trial tries a variant so many times over at most; "" is what is shipped.
type Trial func(t *testing.T, variant string, times int) Findings

// Control is the broken variant that a trial must see through.
type Control struct {
	Variant string
	Times   int    // of one attempt
	Finds   string // what must be among the findings, so that no other one hides that this is not seen
}

// attempts is how often a control is tried before it counts as blind: a fault
// fires at a random moment and may, a few times in a row, miss the harm.
const attempts = 10

// Prove runs the trial on what is shipped, where nothing may be broken, and on
// each control, where the trial must find it broken.
func Prove(t *testing.T, run Trial, times int, controls ...Control) {
	t.Helper()
	t.Run("as shipped", func(t *testing.T) {
		f := run(t, "", times)
		t.Log(f.Line)
		for _, broken := range f.Broken {
			t.Error(broken)
		}
	})
	for _, with := range controls {
		t.Run("control "+with.Variant, func(t *testing.T) {
			for range attempts {
				f := run(t, with.Variant, with.Times)
				t.Log(f.Line)
				t.Logf("found: %s", strings.Join(f.Broken, "; "))
				if slices.ContainsFunc(f.Broken, func(broken string) bool { return strings.Contains(broken, with.Finds) }) {
					return
				}
			}
			t.Errorf("%s breaks its promise, and the trial did not notice in %d attempts that anything was %q: it proves nothing", with.Variant, attempts, with.Finds)
		})
	}
}
