package cluster_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/afterbeep/afterbeep/test/rig"
)

// history is what clients did and saw, in time. It serves any number of
// goroutines; a nil one keeps nothing.
type history struct {
	mu       sync.Mutex
	began    time.Time
	leaves   map[string][]porcupine.Operation // by the letter's text, of which each letter has its own
	listings []listing
}

// listing is everything that was stored at some moment between two others.
type listing struct {
	from, to   int64
	references map[string]string // by text
}

// deed is the input of an operation on one letter: it is left, or looked for.
type deed int

const (
	leave deed = iota
	look
)

// seen is the output: how it was answered, or whether it was there.
type seen struct {
	kind      rig.Kind
	reference string // "" for a letter that was not there
}

func newHistory() *history {
	return &history{began: time.Now(), leaves: map[string][]porcupine.Operation{}}
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// leave notes that a letter is being left; the returned function, the answer.
func (h *history) leave(letter rig.Letter) func(rig.Outcome) {
	if h == nil {
		return func(rig.Outcome) {}
	}
	op := porcupine.Operation{Input: leave, Call: h.now()}
	return func(o rig.Outcome) {
		op.Output, op.Return = seen{o.Kind, o.Reference}, h.now()
		if !certain(o.Kind) {
			op.Return = math.MaxInt64 // it may still happen, at any time
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.leaves[letter.Text] = append(h.leaves[letter.Text], op)
	}
}

func certain(k rig.Kind) bool {
	return k == rig.Acked || k == rig.Refused || k == rig.Busy || k == rig.Limited
}

// list asks for everything that is stored. A listing that fails is none.
func (h *history) list(ask func() ([]rig.Message, error)) error {
	l := listing{from: h.now(), references: map[string]string{}}
	all, err := ask()
	l.to = h.now()
	if err != nil {
		return err
	}
	for _, m := range all {
		l.references[m.Text] = m.Reference
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listings = append(h.listings, l)
	return nil
}

// watch lists again and again until the returned function is called, which
// lists a last time.
func (h *history) watch(t *testing.T, every time.Duration, ask func() ([]rig.Message, error)) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(every):
				if err := h.list(ask); err != nil {
					t.Log(err)
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-done
		if err := h.list(ask); err != nil {
			t.Error(err)
		}
	}
}

// register is what one letter may be: the states are "" for not stored, "?" for
// stored under a reference that nobody has seen yet, and the reference.
var register = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{""} },
	Step: func(state, input, output any) []any {
		is, did, got := state.(string), input.(deed), output.(seen)
		switch {
		case did == look && got.reference == "":
			return only(is == "", is)
		case did == look:
			return only(is == got.reference || is == "?", got.reference)
		case got.kind == rig.Acked: // new, or the same answer again
			return only(is == got.reference || is == "?" || is == "", got.reference)
		case certain(got.kind): // this attempt stored nothing
			return []any{is}
		case is == "": // nobody knows
			return []any{"", "?"}
		}
		return []any{is}
	},
	DescribeOperation: func(input, output any) string {
		got := output.(seen)
		if input.(deed) == leave {
			return fmt.Sprintf("leave → %s %s", got.kind, got.reference)
		}
		return "list → " + got.reference
	},
}).ToModel()

func only(so bool, state string) []any {
	if so {
		return []any{state}
	}
	return nil
}

// check gives the letters whose history no order of single steps explains, and
// the number of operations that were checked.
func (h *history) check() (impossible []string, operations int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for text, leaves := range h.leaves {
		ops := append([]porcupine.Operation{}, leaves...)
		for _, l := range h.listings {
			ops = append(ops, porcupine.Operation{Input: look, Output: seen{reference: l.references[text]}, Call: l.from, Return: l.to})
		}
		operations += len(ops)
		if !porcupine.CheckOperations(register, ops) {
			impossible = append(impossible, text)
		}
	}
	for _, l := range h.listings {
		for text := range l.references {
			if h.leaves[text] == nil {
				impossible = append(impossible, text)
			}
		}
	}
	return impossible, operations
}

// drop takes one acknowledged letter out of the last listing, as a lost row
// would, and says whether there was one.
func (h *history) drop() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.listings) == 0 {
		return false
	}
	last := h.listings[len(h.listings)-1]
	for text, leaves := range h.leaves {
		for _, op := range leaves {
			if op.Output.(seen).kind == rig.Acked && op.Return < last.from {
				delete(last.references, text)
				return true
			}
		}
	}
	return false
}

// A history is told as: what was done, from when to when, with which answer.
func TestTheModelKnowsAHonestHistoryFromADishonestOne(t *testing.T) {
	type step struct {
		did      deed
		from, to int64
		got      seen
	}
	acked := func(reference string) seen { return seen{rig.Acked, reference} }
	there := func(reference string) seen { return seen{reference: reference} }
	unknown, refused := seen{kind: rig.Unknown}, seen{kind: rig.Refused}
	const never = math.MaxInt64
	for name, story := range map[string]struct {
		honest bool
		steps  []step
	}{
		"acknowledged and there":                {true, []step{{leave, 0, 1, acked("A")}, {look, 2, 3, there("A")}}},
		"acknowledged and gone":                 {false, []step{{leave, 0, 1, acked("A")}, {look, 2, 3, there("")}}},
		"there, and gone later":                 {false, []step{{leave, 0, never, unknown}, {look, 2, 3, there("A")}, {look, 4, 5, there("")}}},
		"not yet there while it is being left":  {true, []step{{leave, 0, 9, acked("A")}, {look, 2, 3, there("")}, {look, 4, 5, there("A")}}},
		"refused and there":                     {false, []step{{leave, 0, 1, refused}, {look, 2, 3, there("A")}}},
		"refused, then acknowledged":            {true, []step{{leave, 0, 1, refused}, {leave, 2, 3, acked("A")}, {look, 4, 5, there("A")}}},
		"unknown and there":                     {true, []step{{leave, 0, never, unknown}, {look, 2, 3, there("A")}}},
		"unknown and not there":                 {true, []step{{leave, 0, never, unknown}, {look, 2, 3, there("")}}},
		"unknown and there much later":          {true, []step{{leave, 0, never, unknown}, {look, 2, 3, there("")}, {look, 4, 5, there("A")}}},
		"unknown, then acknowledged as it was":  {true, []step{{leave, 0, never, unknown}, {look, 2, 3, there("A")}, {leave, 4, 5, acked("A")}}},
		"unknown, then acknowledged as another": {false, []step{{leave, 0, never, unknown}, {look, 2, 3, there("A")}, {leave, 4, 5, acked("B")}}},
		"one key, two references":               {false, []step{{leave, 0, 1, acked("A")}, {leave, 2, 3, acked("B")}}},
	} {
		var ops []porcupine.Operation
		for _, s := range story.steps {
			ops = append(ops, porcupine.Operation{Input: s.did, Output: s.got, Call: s.from, Return: s.to})
		}
		if porcupine.CheckOperations(register, ops) != story.honest {
			t.Errorf("%s: honest should be %v", name, story.honest)
		}
	}
}
