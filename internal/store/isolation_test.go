package store_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/store"
)

// crawl plays all scenes for both twins in each other's company. Nobody may be
// told anything of the other, and nothing of the other may change.
func crawl(t *testing.T, tr *trial) {
	t.Helper()
	start, before := time.Now(), tr.answers
	called := map[string]bool{}
	for _, sc := range tr.scenes {
		for _, me := range tr.w.twins {
			v, o := tr.judge(t, sc, me, nil)
			if v.caught() {
				t.Errorf("%s: %s learns of the other: canaries %q, the other changed: %v%s", sc.name, me.word, v.leaks, v.touched, v.why)
			}
			for _, h := range o.heard {
				for _, name := range h.asked {
					called[name] = true
				}
			}
		}
	}
	complete(t, tr.engine(), called)
	t.Logf("%s: %d scenes, %d answers to two twins; %v", tr.engine(), len(tr.scenes), tr.answers-before, time.Since(start).Round(time.Millisecond))
}

// complete holds what was called against the types themselves, so that a new
// method is in a scene, or is named with a reason.
func complete(t *testing.T, engine string, called map[string]bool) {
	t.Helper()
	elsewhere := elsewhere()
	for _, of := range []any{&store.Store{}, &store.Slice{}, &store.Still{}, &store.Finder{}, &store.Staff{}} {
		kind := reflect.TypeOf(of)
		for i := range kind.NumMethod() {
			method := kind.Method(i)
			name := kind.Elem().Name() + "." + method.Name
			switch {
			case !called[name] && elsewhere[name] == "":
				t.Errorf("%s: no scene calls %s; add it to one (isolation_*_test.go)", engine, name)
			case elsewhere[name] != "" && takesTenant(method.Type, map[reflect.Type]bool{}):
				t.Errorf("%s takes a tenant, so a scene must call it, whatever the reason (%s)", name, elsewhere[name])
			}
		}
	}
}

// takesTenant says whether there is a tenant in what a method is given.
func takesTenant(method reflect.Type, seen map[reflect.Type]bool) bool {
	for i := 1; i < method.NumIn(); i++ { // behind the receiver
		if hasTenant(method.In(i), seen) {
			return true
		}
	}
	return false
}

func hasTenant(of reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[of] {
		return false
	}
	seen[of] = true
	switch of.Kind() {
	case reflect.Int64:
		return of.Name() == "TenantID"
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return hasTenant(of.Elem(), seen)
	case reflect.Struct:
		for i := range of.NumField() {
			if hasTenant(of.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// On SQLite the conditions are all there is: each of them taken away, one at a
// time, must be seen.
func TestOnSQLiteNobodyIsToldOfAnotherTenantAndEveryConditionCounts(t *testing.T) {
	w := newWorld()
	tr := newTrial(t, newFiles(t, w), w)
	tr.learn(t)
	crawl(t, tr)
	start, before, fates := time.Now(), tr.answers, tally{}
	texts := tr.mutate(t, func(m mutant) bool { return m.what != other }, func(m mutant, of string, v verdict) {
		switch {
		case len(v.leaks) > 0:
			fates.add(m.what, "canary seen")
		case v.touched:
			fates.add(m.what, "other changed")
		case v.answers:
			fates.add(m.what, "answer differs")
		case v.rows:
			fates.add(m.what, "rows counted")
		case m.spared() != "":
			fates.add(m.what, "spared")
		default:
			fates.add(m.what, "SURVIVED")
			t.Errorf("%s: condition %d is %s, and nobody notices: %s", of, m.of, m.what, m.instead)
		}
	})
	t.Logf("sqlite: %d texts, %d answers, %v%v", texts, tr.answers-before, time.Since(start).Round(time.Millisecond), fates)
}

// On PostgreSQL there is a wall beneath them: whatever the application forgets,
// nothing of another tenant is seen or changed.
func TestOnPostgreSQLNobodyIsToldOfAnotherTenantWhateverConditionIsForgotten(t *testing.T) {
	w := newWorld()
	l := newClusters(t, w, both, alone(w.twins[0]), alone(w.twins[1]))
	tr := newTrial(t, l, w)
	tr.learn(t)
	crawl(t, tr)
	start, before, fates := time.Now(), tr.answers, tally{}
	tr.most = 2
	texts := tr.mutate(t, func(mutant) bool { return true }, func(m mutant, of string, v verdict) {
		switch {
		case v.touched:
			fates.add(m.what, "CHANGED")
			t.Errorf("%s: condition %d is %s, and something of the other changed: %s", of, m.of, m.what, m.instead)
		case len(v.leaks) > 0:
			fates.add(m.what, "LEAKED")
			t.Errorf("%s: condition %d is %s, and something leaks: %q\n%s", of, m.of, m.what, v.leaks[0], m.instead)
		case v.caught() && m.what == gone:
			fates.add(m.what, "DIFFERS")
			t.Errorf("%s: condition %d is %s, and it is not as if it were there: %s%s", of, m.of, m.what, m.instead, v.why)
		case v.caught():
			fates.add(m.what, "refused or empty")
		default:
			fates.add(m.what, "as if it were there")
		}
	})
	t.Logf("postgres: %d texts, %d answers, %v%v", texts, tr.answers-before, time.Since(start).Round(time.Millisecond), fates)
	control(t, tr, l)
}

// control: with a role that no policy holds, the same losses are seen.
func control(t *testing.T, tr *trial, l *clusters) {
	t.Helper()
	l.bypass(t, both)
	tr.scenes, tr.clean[both] = reading()[:3], false
	fates := tally{}
	tr.mutate(t, func(m mutant) bool { return m.what == gone }, func(m mutant, of string, v verdict) {
		fates.add(m.what, "seen")
		if !v.caught() {
			t.Errorf("%s: the policies are off, and nobody notices: %s", of, m.instead)
		}
	})
	if fates[gone]["all"] < 4 {
		t.Errorf("the control tried too little: %v", fates)
	}
}
