package store_test

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What can be wrong with a statement's condition.
const (
	gone      = "gone"      // always true
	other     = "other"     // asks for the twin
	misplaced = "misplaced" // what is written is the twin's
)

// A mutant is one statement of the store with one thing wrong.
type mutant struct {
	text, instead string
	what          string
	of            int // which of the text's conditions
}

var (
	predicate = regexp.MustCompile(`(?i)((?:\b[a-z]+\.)?tenant_id)\s*=\s*(\$1\b|(?:\b[a-z]+\.)?tenant_id\b)`)
	inserts   = regexp.MustCompile(`^INSERT INTO [a-z_]+ \(tenant_id\b`)
	inserted  = regexp.MustCompile(`(\(|\bSELECT )\$1, `)
	handed    = regexp.MustCompile(`\b(search_[a-z]+)\(\$1\b`)
	// asks is what speaks of a tenant; what is left of it must be one of the above.
	asks = regexp.MustCompile(`(?i)\btenant_id\s*(=|<|>|in\b)|\(\s*([a-z_]+\.)?tenant_id\s*,[^()]*\)\s*(=|<|>|in\b)|\busing\s*\(\s*tenant_id\b`)
	// within is a delete whose rows are looked for by a query in brackets.
	within = regexp.MustCompile(`(?s)^DELETE FROM [a-z_]+ WHERE tenant_id = \$1 AND \([a-z_, ]+\) IN\s+\(SELECT`)
)

// twinOf is the other twin's number, made of a number of the statement's own.
func twinOf(number string) string { return "3 - CAST(" + number + " AS BIGINT)" }

// mutants are all that can be made of a text.
func mutants(text string) (all []mutant) {
	for i, at := range predicate.FindAllStringSubmatchIndex(text, -1) {
		column, value := text[at[2]:at[3]], text[at[4]:at[5]]
		put := func(condition string) string { return text[:at[0]] + condition + text[at[1]:] }
		all = append(all, mutant{text, put("CAST(" + value + " AS BIGINT) = CAST(" + value + " AS BIGINT)"), gone, i},
			mutant{text, put(column + " = " + twinOf(value)), other, i})
	}
	theirs := strings.ReplaceAll(twinOf("$1"), "$", "$$")
	if inserts.MatchString(text) {
		all = append(all, mutant{text, inserted.ReplaceAllString(text, "${1}"+theirs+", "), misplaced, 0})
	}
	if handed.MatchString(text) {
		all = append(all, mutant{text, handed.ReplaceAllString(text, "${1}("+theirs), misplaced, 0})
	}
	return all
}

// looksAhead is part of a statement that finds something only where there are
// thousands of threads.
const looksAhead = "LIMIT 1 OFFSET"

// spared is why nobody need notice a mutant on an engine without policies.
func (m mutant) spared() string {
	if strings.Contains(m.text, looksAhead) {
		return "TestLookingAheadAmongClosedThreadsCountsOnesOwn has so many"
	}
	if m.of == 1 && within.MatchString(m.text) {
		return "the outer condition decides what goes; the inner one says where to look for it: rows of another could fill its limit, and then less of one's own goes at a time"
	}
	return ""
}

// mutate plays, for each mutant that is wanted, the scenes that run its text.
func (tr *trial) mutate(t *testing.T, want func(mutant) bool, each func(m mutant, of string, v verdict)) (texts int) {
	t.Helper()
	played := map[string][]scene{}
	for _, sc := range tr.scenes {
		for _, me := range tr.w.twins {
			for _, h := range tr.want[key(sc, me)].heard {
				if known := played[h.text]; len(known) == 0 || known[len(known)-1].name != sc.name {
					played[h.text] = append(known, sc)
				}
			}
		}
	}
	for _, text := range slices.Sorted(maps.Keys(played)) {
		if asks.MatchString(predicate.ReplaceAllString(text, "")) {
			t.Errorf("the mutations know nothing of how this asks for a tenant: %s", text)
		}
		all := slices.DeleteFunc(mutants(text), func(m mutant) bool { return !want(m) })
		if len(all) > 0 {
			texts++
		}
		scenes := played[text]
		slices.SortStableFunc(scenes, func(a, b scene) int { return cmp.Compare(tr.length(a), tr.length(b)) })
		if tr.most > 0 {
			scenes = scenes[:min(len(scenes), tr.most)]
		}
		for _, m := range all {
			if m.instead == m.text {
				t.Errorf("the mutations know nothing of how this writes its tenant: %s", text)
			}
			each(m, scenes[0].name, tr.try(t, m, scenes))
		}
	}
	return texts
}

// length is how many statements a scene runs.
func (tr *trial) length(sc scene) int { return len(tr.want[key(sc, tr.w.twins[0])].heard) }

// try plays scenes until one of them notices. The second twin goes first: what
// comes in the order of keys is not his.
func (tr *trial) try(t *testing.T, m mutant, scenes []scene) (sum verdict) {
	t.Helper()
	for _, sc := range scenes {
		for _, me := range slices.Backward(tr.w.twins[:]) {
			v, _ := tr.judge(t, sc, me, map[string]string{m.text: m.instead})
			sum.leaks = append(sum.leaks, v.leaks...)
			sum.touched, sum.answers, sum.rows = sum.touched || v.touched, sum.answers || v.answers, sum.rows || v.rows
			if v.caught() {
				sum.why = sc.name + v.why
				return sum
			}
		}
	}
	return sum
}

// tally counts what became of mutants, by kind.
type tally map[string]map[string]int

func (c tally) add(kind, fate string) {
	if c[kind] == nil {
		c[kind] = map[string]int{}
	}
	c[kind]["all"]++
	c[kind][fate]++
}

func (c tally) String() string {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "\n  %s:", kind)
		for _, fate := range slices.Sorted(maps.Keys(c[kind])) {
			fmt.Fprintf(&b, " %d %s;", c[kind][fate], fate)
		}
	}
	return b.String()
}
