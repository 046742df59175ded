package rig

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Letter is one message to leave. Its text carries a number that no other
// letter of the ledger has.
type Letter struct {
	CallID, Caller, Text, Key string
}

// Ledger keeps what was sent and how it was answered, to be compared with what
// is stored. It serves any number of goroutines.
type Ledger struct {
	Name string
	Seed int64

	mu      sync.Mutex
	next    int
	frozen  bool
	letters map[string]*entry // by text
	faults  map[string]int
	answers map[Kind]int
}

type entry struct {
	Letter
	kind      Kind
	reference string
	renamed   bool // acknowledged twice, with two references
}

// certain says whether the answer tells if the letter is stored.
func (k Kind) certain() bool {
	return k == Acked || k == Refused || k == Busy || k == Limited
}

// NewLedger is an empty one; the name stands in every text.
func NewLedger(name string, seed int64) *Ledger {
	return &Ledger{Name: name, Seed: seed, letters: map[string]*entry{}, faults: map[string]int{}, answers: map[Kind]int{}}
}

// Write makes a new letter; each second one has an Idempotency-Key. The texts
// differ in length and in script, and there are 500 callers.
func (l *Ledger) Write() Letter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write()
}

// WriteKeyed makes a new letter with an Idempotency-Key.
func (l *Ledger) WriteKeyed() Letter {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next |= 1
	return l.write()
}

func (l *Ledger) write() Letter {
	l.next++
	n := l.next
	letter := Letter{
		CallID: fmt.Sprintf("call%08d", n),
		Caller: fmt.Sprintf("138%08d", n*7919%500),
		Text:   fmt.Sprintf("%s %d/%d: please call back 请回电%s", l.Name, l.Seed, n, strings.Repeat(" 急😀", n%37)),
	}
	if n%2 == 0 {
		letter.Key = fmt.Sprintf("%s-%d-%d", l.Name, l.Seed, n)
	}
	l.letters[letter.Text] = &entry{Letter: letter}
	return letter
}

// Note keeps the answer to a letter. A letter that was once acknowledged stays
// so, and one of which nobody knows stays that until it is acknowledged; after
// Freeze an acknowledgement counts as unknown.
func (l *Ledger) Note(letter Letter, o Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.letters[letter.Text]
	kind := o.Kind
	if l.frozen && kind == Acked {
		kind = NetError
	}
	l.answers[kind]++
	switch {
	case kind == Acked && e.kind != Acked, e.kind == "" || e.kind.certain() && e.kind != Acked:
		e.kind, e.reference = kind, o.Reference
	case kind == Acked && e.reference != o.Reference:
		e.renamed = true
	}
}

// Freeze says that the fault is about to happen: what is acknowledged from now
// on promises nothing, because the answer may come from before or after it.
func (l *Ledger) Freeze() { l.freeze(true) }

// Thaw ends Freeze.
func (l *Ledger) Thaw() { l.freeze(false) }

func (l *Ledger) freeze(frozen bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = frozen
}

// Fault counts a fault that really fired.
func (l *Ledger) Fault(name string, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[name] += times
}

// Count is how many letters have such an answer now.
func (l *Ledger) Count(kind Kind) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.letters {
		if e.kind == kind {
			n++
		}
	}
	return n
}

// Doubtful are the letters with an Idempotency-Key of which nobody knows
// whether they are stored: sent again, they must come out as one.
func (l *Ledger) Doubtful() []Letter {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Letter
	for _, e := range l.letters {
		if e.Key != "" && !e.kind.certain() {
			all = append(all, e.Letter)
		}
	}
	return all
}

// Resend leaves the doubtful letters again, each with its key.
func (l *Ledger) Resend(ctx context.Context, c *Client) {
	for _, letter := range l.Doubtful() {
		l.Note(letter, c.Leave(ctx, letter))
	}
}

// Load lets writers leave letters, each as soon as its last one is answered,
// until stop is closed or the server is gone; it returns when all have ended.
func (l *Ledger) Load(c *Client, writers int, stop <-chan struct{}) {
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if !l.leave(c) {
					return
				}
			}
		})
	}
	all.Wait()
}

func (l *Ledger) leave(c *Client) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	letter := l.Write()
	o := c.Leave(ctx, letter)
	l.Note(letter, o)
	if o.Kind == Busy || o.Kind == Refused {
		time.Sleep(5 * time.Millisecond)
	}
	return o.Kind != NetError
}

// Verdict is what a comparison found.
type Verdict struct {
	Name                    string
	Seed                    int64
	Acked, Unknown, Refused int
	Stored                  int
	Lost                    []string // acknowledged, not stored
	Doubled                 []string // stored more than once
	Ghosts                  []string // refused as not stored, and stored
	Strange                 []string // stored, never sent: somebody changed a text
	Renamed                 []string // another reference than the acknowledged one
	Faults                  map[string]int
	Answers                 map[Kind]int
}

// Compare sets what was promised against what is stored.
func (l *Ledger) Compare(stored []Message) Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := Verdict{Name: l.Name, Seed: l.Seed, Stored: len(stored), Faults: maps.Clone(l.faults), Answers: maps.Clone(l.answers)}
	seen := map[string]int{}
	for _, m := range stored {
		e := l.letters[m.Text]
		switch seen[m.Text]++; {
		case e == nil || e.Caller != m.Caller || e.CallID != m.CallID:
			v.Strange = append(v.Strange, m.Text)
		case seen[m.Text] == 2:
			v.Doubled = append(v.Doubled, m.Text)
		case seen[m.Text] == 1 && e.kind == Acked && (e.renamed || e.reference != m.Reference):
			v.Renamed = append(v.Renamed, m.Text)
		}
	}
	for text, e := range l.letters {
		switch there := seen[text] > 0; e.kind {
		case Acked:
			v.Acked++
			if !there {
				v.Lost = append(v.Lost, text)
			}
		default:
			if !e.kind.certain() {
				v.Unknown++
				continue
			}
			v.Refused++
			if there {
				v.Ghosts = append(v.Ghosts, text)
			}
		}
	}
	return v
}

// Add sums two verdicts of the same trial.
func (v Verdict) Add(w Verdict) Verdict {
	if v.Name == "" {
		return w
	}
	v.Acked, v.Unknown, v.Refused, v.Stored = v.Acked+w.Acked, v.Unknown+w.Unknown, v.Refused+w.Refused, v.Stored+w.Stored
	v.Lost, v.Doubled, v.Ghosts = append(v.Lost, w.Lost...), append(v.Doubled, w.Doubled...), append(v.Ghosts, w.Ghosts...)
	v.Strange, v.Renamed = append(v.Strange, w.Strange...), append(v.Renamed, w.Renamed...)
	v.Faults, v.Answers = sum(v.Faults, w.Faults), sum(v.Answers, w.Answers)
	return v
}

func sum[K comparable](a, b map[K]int) map[K]int {
	all := maps.Clone(a)
	for k, n := range b {
		all[k] += n
	}
	return all
}

// Violations is how many promises were broken.
func (v Verdict) Violations() int {
	return len(v.Lost) + len(v.Doubled) + len(v.Ghosts) + len(v.Strange) + len(v.Renamed)
}

// String is the line that a test prints.
func (v Verdict) String() string {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(v.Faults)) {
		faults = append(faults, fmt.Sprintf("%s × %d", name, v.Faults[name]))
	}
	line := fmt.Sprintf("%s: seed %d, faults fired: %s; acked %d, refused %d, unknown %d, stored %d, lost %d, duplicates %d, refused but stored %d, altered %d, other reference %d",
		v.Name, v.Seed, strings.Join(faults, ", "), v.Acked, v.Refused, v.Unknown, v.Stored,
		len(v.Lost), len(v.Doubled), len(v.Ghosts), len(v.Strange), len(v.Renamed))
	for what, texts := range map[string][]string{"lost": v.Lost, "duplicate": v.Doubled, "refused but stored": v.Ghosts, "altered": v.Strange, "other reference": v.Renamed} {
		if len(texts) > 0 {
			line += fmt.Sprintf("; %s, for example: %.80q", what, slices.Min(texts))
		}
	}
	return line
}
