package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// lab is an engine with three sets of data, each of which can be had afresh: one
// twin alone, the other alone, and both.
type lab interface {
	engine() string
	// keeps says that a statement is kept as it was first prepared.
	keeps() bool
	listener() *tap
	// fresh opens a set as it was made; whoever had it before is done.
	fresh(t *testing.T, set string) *store.Store
	// dump is every row of a tenant, read past the store and any policy.
	dump(t *testing.T, set string, id desk.TenantID) []string
}

const both = "both"

func alone(w *twin) string { return fmt.Sprintf("alone-%d", w.id) }

// outcome is what came of a scene.
type outcome struct {
	told    string
	wrong   []string
	rows    []string // of every statement about a tenant
	mine    []string
	answers int
	heard   []*heard
	wrote   bool
}

// trial plays scenes in a lab, and knows what ought to come of them.
type trial struct {
	lab
	w      *world
	scenes []scene
	dumps  map[desk.TenantID][]string // of both twins, as they were made
	want   map[string]*outcome        // by scene and twin
	clean  map[string]bool            // sets that are as they were made
	stores map[string]*store.Store
	most   int // scenes for a mutant, the shortest; 0: until one notices

	answers int
}

func newTrial(t *testing.T, l lab, w *world) *trial {
	tr := &trial{
		lab: l, w: w, dumps: map[desk.TenantID][]string{}, want: map[string]*outcome{},
		clean: map[string]bool{}, stores: map[string]*store.Store{},
	}
	tr.scenes = slices.Concat(reading(), pages(w), deskReading(w), staffReading(), settling(), sortingScenes(), deskWriting(), doneOnce(),
		staffWriting(), carrying(), searching(l.engine()), systemScenes())
	for _, tw := range w.twins {
		tr.open(t, both)
		tr.dumps[tw.id] = tr.dump(t, both, tw.id)
	}
	return tr
}

func (tr *trial) open(t *testing.T, set string) *store.Store {
	if !tr.clean[set] {
		tr.stores[set] = tr.fresh(t, set)
		tr.clean[set] = true
	}
	return tr.stores[set]
}

// play plays a scene for a twin in a set of data.
func (tr *trial) play(t *testing.T, sc scene, me *twin, set string, instead map[string]string) *outcome {
	t.Helper()
	if instead != nil && tr.keeps() {
		tr.clean[set] = false
		defer func() { tr.clean[set] = false }()
	}
	s := tr.open(t, set)
	tr.listener().listen(instead)
	a := &act{ctx: t.Context(), s: s, w: tr.w, me: me, other: tr.w.twins[2-me.id]}
	func() {
		defer func() {
			if r := recover(); r != nil { // what it was given made no sense
				a.must(false, "panic: %v", r)
			}
		}()
		sc.play(a)
	}()
	o := &outcome{told: a.told.String(), wrong: a.wrong, answers: a.answers, heard: tr.listener().all()}
	tr.answers += a.answers
	for _, h := range o.heard {
		if writes.MatchString(h.text) {
			tr.clean[set], o.wrote = false, true
		}
		if strings.Contains(h.text, "tenant_id") {
			o.rows = append(o.rows, fmt.Sprintf("%d of %s", h.rows, h.text))
		}
	}
	if o.wrote && !sc.system {
		o.mine = tr.dump(t, set, me.id)
	}
	return o
}

var writes = regexp.MustCompile(`INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM|search_put|search_forget`)

// verdict is what is wrong with an outcome.
type verdict struct {
	leaks   []string // canaries of the other in an answer
	touched bool     // something of the other changed
	answers bool     // an answer is another than if the other did not exist
	rows    bool     // only a statement looked at, or changed, another number of rows
	why     string
}

func (v verdict) caught() bool { return len(v.leaks) > 0 || v.touched || v.answers || v.rows }

// judge plays a scene where both twins are, and compares.
func (tr *trial) judge(t *testing.T, sc scene, me *twin, instead map[string]string) (v verdict, o *outcome) {
	t.Helper()
	o = tr.play(t, sc, me, both, instead)
	want, other := tr.want[key(sc, me)], tr.w.twins[2-me.id]
	if !sc.system {
		for _, c := range append(other.canaries(), fmt.Sprintf("tenant:%d", other.id)) {
			if i := strings.Index(o.told, c); i >= 0 {
				v.leaks = append(v.leaks, around(o.told, i))
			}
		}
	}
	if o.wrote {
		v.touched = !slices.Equal(tr.dump(t, both, other.id), tr.dumps[other.id])
	}
	v.answers = o.told != want.told || len(o.wrong) > 0 || !slices.Equal(o.mine, want.mine)
	v.rows = !slices.Equal(o.rows, want.rows)
	v.why = strings.Join(o.wrong, "; ") + first(o.told, want.told) + first(strings.Join(o.mine, "\n"), strings.Join(want.mine, "\n")) +
		first(strings.Join(o.rows, "\n"), strings.Join(want.rows, "\n"))
	return v, o
}

func key(sc scene, me *twin) string { return fmt.Sprintf("%s/%d", sc.name, me.id) }

func around(s string, i int) string { return s[max(0, i-80):min(len(s), i+60)] }

// first is where two texts part.
func first(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(w):
			return "\n  got  " + g[i]
		case i >= len(g):
			return "\n  want " + w[i]
		case g[i] != w[i]:
			return "\n  got  " + g[i] + "\n  want " + w[i]
		}
	}
	return ""
}

// learn plays every scene for each twin alone: that is what he is to be told, in
// whatever company he is.
func (tr *trial) learn(t *testing.T) {
	t.Helper()
	tr.listener().stacks = true
	for _, sc := range tr.scenes {
		for _, me := range tr.w.twins {
			set := alone(me)
			if sc.system {
				set = both
			}
			o := tr.play(t, sc, me, set, nil)
			for _, wrong := range o.wrong {
				t.Errorf("%s: %s", key(sc, me), wrong)
			}
			tr.want[key(sc, me)] = o
		}
	}
}
