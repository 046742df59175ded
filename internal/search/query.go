package search

import (
	"strings"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Limits of a query.
const (
	MaxLength = 200 // characters
	MaxWords  = 20
	maxTokens = 12 // that an index is asked for; more would not make it rarer
)

// Query is what somebody looks for: words, numbers and characters that must all
// be in a message, in any order and any of its fields.
type Query struct {
	words  []run
	Tokens []string // what every message that matches has; never empty
}

// Parse reads what somebody typed. Invalid when it is too long, or so short
// that it would find nearly everything.
func Parse(typed string) (*Query, error) {
	if utf8.RuneCountInString(typed) > MaxLength || !utf8.ValidString(typed) {
		return nil, desk.Errorf(desk.Invalid, "search_long", "a search has at most %d characters; use the rarest words", MaxLength)
	}
	q := &Query{words: unique(runs(fold(typed)))}
	if len(q.words) > MaxWords {
		return nil, desk.Errorf(desk.Invalid, "search_long", "a search has at most %d words; use the rarest", MaxWords)
	}
	seen := map[string]bool{}
	for _, w := range q.words {
		for _, t := range w.tokens() {
			if !seen[t] && len(q.Tokens) < maxTokens {
				seen[t] = true
				q.Tokens = append(q.Tokens, t)
			}
		}
	}
	if len(q.Tokens) == 0 {
		return nil, desk.Errorf(desk.Invalid, "search_short",
			"search for a word of two letters or more, four digits of a number, or one Chinese, Japanese or Korean character")
	}
	return q, nil
}

func unique(all []run) []run {
	seen := map[run]bool{}
	var kept []run
	for _, r := range all {
		if !seen[r] {
			seen[r] = true
			kept = append(kept, r)
		}
	}
	return kept
}

// tail is how many of a number's last digits an index is asked for, in two tokens.
// They are rare; its beginning is a country's or an operator's, and what a tenth of
// all messages have costs more to go through than it rules out. A third token in
// the middle would rule out a message or two in a million, and cost half as much
// as the two.
const tail = 2 * digits

// tokens are some of those that every text has which the word matches, the rarest
// first.
func (w run) tokens() (all []string) {
	switch w.kind {
	case dense:
		if utf8.RuneCountInString(w.text) == 1 {
			return []string{"c" + w.text}
		}
		before := -1
		for i, r := range w.text {
			if before >= 0 {
				all = append(all, "c"+w.text[before:i+utf8.RuneLen(r)])
			}
			before = i
		}
	case digit:
		if n := len(w.text); n >= digits {
			all = append(all, "n"+w.text[n-digits:])
		}
		if n := len(w.text); n > digits {
			i := max(0, n-tail)
			all = append(all, "n"+w.text[i:i+digits])
		}
	case letter:
		if t := prefix(w.text); t != "" {
			all = append(all, t)
		}
	}
	return all
}

// Matches says whether the message has everything that is looked for.
func (q *Query) Matches(d *Document) bool {
	left := make([]run, len(q.words))
	copy(left, q.words)
	for _, f := range d.fields() {
		if f == "" {
			continue
		}
		t := text{folded: fold(f)}
		kept := left[:0]
		for _, w := range left {
			if !t.has(w) {
				kept = append(kept, w)
			}
		}
		if left = kept; len(left) == 0 {
			return true
		}
	}
	return false
}

// text is a folded text that is read no further than needed.
type text struct {
	folded  string
	read    bool
	words   []run
	numbers []string
}

func (t *text) has(w run) bool {
	if w.kind == dense {
		return strings.Contains(t.folded, w.text)
	}
	if !t.read {
		t.read, t.words, t.numbers = true, runs(t.folded), numbers(t.folded)
	}
	if w.kind == digit {
		for _, n := range t.numbers {
			if strings.Contains(n, w.text) {
				return true
			}
		}
		return false
	}
	if !strings.Contains(t.folded, w.text) {
		return false
	}
	for _, r := range t.words {
		if r.kind != letter {
			continue
		}
		for _, from := range starts(r.text) {
			if strings.HasPrefix(from, w.text) {
				return true
			}
		}
	}
	return false
}
