// Package search decides what a search finds, and nothing about where it is
// stored. It promises two things. Matches is the whole truth: a message is found
// when it says so, on every engine, indexed or not. And tokens never lose
// anything: whatever matches a query has all tokens of that query, so an index
// of tokens gives every message that can match, and a few that do not, which
// Matches then drops. The store calls it; it knows neither SQL nor engines.
//
// A text is read as runs of three kinds. Characters of scripts that put no space
// between words (Chinese, Japanese, Korean, Thai …) and emoji are found wherever
// they stand, from one character on. Other words are found from their beginning,
// from two letters on. Digits are found anywhere in a number, however it is
// grouped, from four on; fewer count only beside something else. Case and width
// do not matter, nor what cannot be seen.
package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Version changes with every change of what Tokens gives for a text: an index of
// another version is made anew.
const Version = 1

// fold makes equal what a reader takes for the same: compatibility forms and
// width (NFKC), case, invisible characters.
func fold(s string) string {
	if plain(s) {
		return strings.ToLower(s)
	}
	return strings.ReplaceAll(strings.Map(foldRune, norm.NFKC.String(s)), "ß", "ss")
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// foldRune is the least of the characters that differ only in case; -1 drops
// what has no shape.
func foldRune(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		return unicode.ToLower(r)
	case r >= 0x3041 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3: // neither case nor without a shape
		return r
	}
	if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) {
		return -1
	}
	least := r
	for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
		least = min(least, c)
	}
	if least < utf8.RuneSelf { // ſ and the sign of the kelvin
		least = unicode.ToLower(least)
	}
	return least
}

// kind is how a character is found.
type kind int

const (
	nothing kind = iota // separates
	letter
	digit
	dense // a word of its own
)

func kindOf(r rune) kind {
	switch {
	case r >= '0' && r <= '9':
		return digit
	case r < utf8.RuneSelf:
		if r >= 'a' && r <= 'z' {
			return letter
		}
		return nothing
	case r >= 0x4e00 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3, r >= 0x3041 && r <= 0x30fa && r != 0x30a0: // nearly all of them
		return dense
	case isDense(r):
		return dense
	case unicode.In(r, unicode.L, unicode.N, unicode.M):
		return letter
	}
	return nothing
}

// isDense: scripts without spaces between words, marks of theirs included, and
// pictures.
func isDense(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Javanese, unicode.Balinese,
		unicode.So, unicode.Sk) || r == 'ー'
}

// run is a stretch of one text that is found in one way.
type run struct {
	kind kind // letter: a word, which may have digits in it; digit: digits alone
	text string
}

// runs cuts a folded text into its runs.
func runs(s string) []run {
	var (
		all   []run
		start = -1
		is    kind
	)
	end := func(at int) {
		if start >= 0 {
			all = append(all, run{is, s[start:at]})
		}
		start = -1
	}
	for i, r := range s {
		k := kindOf(r)
		if k == nothing || start >= 0 && (k == dense) != (is == dense) {
			end(i)
		}
		switch {
		case k == nothing:
		case start < 0:
			start, is = i, k
		case is == digit && k == letter:
			is = letter
		}
	}
	end(len(s))
	return all
}

// starts are the ends of a word from each of its beginnings: its own, and each
// letter after a digit, so that 100rmb is found as rmb.
func starts(word string) []string {
	all := []string{word}
	was := letter
	for i, r := range word {
		k := kindOf(r)
		if i > 0 && k == letter && was == digit {
			all = append(all, word[i:])
		}
		was = k
	}
	return all
}

// gap is how many separators may stand inside a number: +86 (138) 0000-1111.
const gap = 2

// numbers are the runs of digits of a folded text, across the separators with
// which people group them.
func numbers(s string) []string {
	var (
		all  []string
		now  []byte
		away int
	)
	end := func() {
		if len(now) > 0 {
			all = append(all, string(now))
		}
		now, away = nil, 0
	}
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			now, away = append(now, byte(r)), 0
		case len(now) > 0 && away < gap && strings.ContainsRune(" -.()", r):
			away++
		default:
			end()
		}
	}
	end()
	return all
}
