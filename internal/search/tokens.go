package search

import (
	"slices"
	"unicode/utf8"
)

// Document is what a search looks at of one message.
type Document struct {
	Text, Caller, UserName string
	CallerKey              string // the caller in its normalised form; "" when it is not known
}

func (d *Document) fields() [4]string { return [...]string{d.Text, d.Caller, d.UserName, d.CallerKey} }

// Tokens are small texts that an index can hold: w and the beginning of a word,
// n and four digits, c and one or two characters. All are lower-case letters,
// digits and characters beyond ASCII; sorted, each once.
func (d *Document) Tokens() []string {
	all := make([]string, 0, 128)
	for _, f := range d.fields() {
		all = tokens(all, fold(f))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// tokens adds those of a folded text.
func tokens(all []string, s string) []string {
	for _, r := range runs(s) {
		switch r.kind {
		case dense:
			all = pairs(all, r.text)
		case letter:
			for _, from := range starts(r.text) {
				all = prefixes(all, from)
			}
		}
	}
	for _, n := range numbers(s) {
		for i := 0; i+digits <= len(n); i++ {
			all = append(all, "n"+n[i:i+digits])
		}
	}
	return all
}

// digits is how many of a number make a token: few enough for the last four of
// a telephone number, enough to be rare.
const digits = 4

// pairs adds each character and each two that stand together.
func pairs(all []string, s string) []string {
	before := 0
	for i, r := range s {
		end := i + utf8.RuneLen(r)
		all = append(all, "c"+s[i:end])
		if i > 0 {
			all = append(all, "c"+s[before:end])
		}
		before = i
	}
	return all
}

// lengths are those of the beginnings of words that are tokens. A query of
// another length asks for the next shorter one.
var lengths = [...]int{2, 3, 4, 6, 9}

func prefixes(all []string, word string) []string {
	n := 0
	for i := range word {
		if slices.Contains(lengths[:], n) {
			all = append(all, "w"+word[:i])
		}
		if n++; n > lengths[len(lengths)-1] {
			return all
		}
	}
	if slices.Contains(lengths[:], n) {
		all = append(all, "w"+word)
	}
	return all
}

// prefix is the token that all words have that begin with word; "" when word is
// too short for one.
func prefix(word string) string {
	end, n := 0, 0
	for i, r := range word {
		n++
		if slices.Contains(lengths[:], n) {
			end = i + utf8.RuneLen(r)
		}
	}
	if end == 0 {
		return ""
	}
	return "w" + word[:end]
}
