package ui

import (
	"fmt"
	"strings"
	"unicode"
)

// piece is a stretch of what a stranger wrote: text as it is, or a mark in place
// of something that an eye would not see.
type piece struct {
	Text string
	Mark bool
}

// mostMarks bounds how many combining marks stand on one character. Vietnamese
// needs two, Hebrew and Thai three or four; more is a tower.
const mostMarks = 5

// seen splits a text so that nothing in it hides. The text itself is not
// changed: the mark says what stands there.
func seen(s string) []piece {
	var (
		out    []piece
		plain  strings.Builder
		towers int
	)
	r := []rune(s)
	mark := func(text string) {
		if plain.Len() > 0 {
			out = append(out, piece{Text: plain.String()})
			plain.Reset()
		}
		if n := len(out); n > 0 && out[n-1].Mark && out[n-1].Text == text {
			return // a run of one kind is one mark
		}
		out = append(out, piece{Text: text, Mark: true})
	}
	for i, c := range r {
		if unicode.In(c, unicode.Mn, unicode.Me) && !unicode.Is(unicode.Variation_Selector, c) {
			towers++
		} else {
			towers = 0
		}
		switch {
		case towers > mostMarks:
			mark("U+0300…")
		case hides(c) && !joins(r, i):
			mark(fmt.Sprintf("U+%04X", c))
		default:
			plain.WriteRune(c)
		}
	}
	if plain.Len() > 0 {
		out = append(out, piece{Text: plain.String()})
	}
	return out
}

// shown is seen for where only text can stand: an option, a title.
func shown(s string) string {
	var b strings.Builder
	for _, p := range seen(s) {
		if p.Mark {
			b.WriteString("⟨" + p.Text + "⟩")
			continue
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

// hides: controls, formats (zero width, bidirectional, tags), fillers and
// separators that are no spaces.
func hides(c rune) bool {
	switch c {
	case '\n', '\t':
		return false
	case 0x034f, 0x115f, 0x1160, 0x3164, 0xffa0, 0x2028, 0x2029:
		return true
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs)
}

// joins: the joiners belong where they build one emoji of several, and inside
// words of scripts that need them.
func joins(r []rune, i int) bool {
	if r[i] == 0x00ad { // a soft hyphen shows where a line ends
		return true
	}
	if r[i] == '\r' {
		return i+1 < len(r) && r[i+1] == '\n'
	}
	if r[i] != 0x200c && r[i] != 0x200d || i == 0 || i+1 == len(r) {
		return false
	}
	before, after := r[i-1], r[i+1]
	if unicode.IsLetter(after) && (unicode.IsLetter(before) || unicode.Is(unicode.Mn, before) || unicode.Is(unicode.Mc, before)) {
		return needsJoiners(after)
	}
	return r[i] == 0x200d && pictured(before) && pictured(after)
}

func needsJoiners(c rune) bool {
	return unicode.In(c, unicode.Arabic, unicode.Syriac, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati,
		unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Mongolian)
}

func pictured(c rune) bool {
	return unicode.Is(unicode.So, c) || c == 0xfe0f || c >= 0x1f3fb && c <= 0x1f3ff || c == '♀' || c == '♂'
}
