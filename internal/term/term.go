// Package term shows what strangers wrote to a person at a terminal or in a
// spreadsheet. It promises that nothing in a text can move the cursor, change
// colours, reverse the reading direction, hide, or be taken for a formula: what
// would do so is shown as a visible mark. It never changes what is stored, and
// the marks of a spreadsheet can be taken off again. The command line calls it.
package term

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks in a row are drawn; a pile of more
// would be painted over the lines above and below. No living script needs more
// than four.
const maxMarks = 4

// Line makes s safe on one line: line ends are shown as marks too.
func Line(s string) string { return escape(s, false) }

// Text makes s safe on several lines: its line feeds stay, everything else is
// as in Line.
func Text(s string) string { return escape(s, true) }

func escape(s string, lines bool) string {
	var b strings.Builder
	marks := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.In(r, unicode.Mn, unicode.Me) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' && lines:
			b.WriteByte('\n')
		case Hidden(r) || marks > maxMarks:
			b.WriteString(mark(r))
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// Hidden says whether a terminal would obey r or show nothing for it: controls,
// bidirectional and zero-width characters, line and paragraph separators, tags,
// fillers, and what is no character.
func Hidden(r rune) bool {
	switch {
	case r < 0x20 || r >= 0x7f && r <= 0x9f:
		return true
	case r < 0x7f:
		return false
	case r == 0x034f || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800:
		return true // they look like nothing at all
	case r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe:
		return true
	case r >= 0xe0100 && r <= 0xe01ef: // variation selectors can carry a hidden text
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co) ||
		unicode.In(r, unicode.Zs) && r != 0x3000
}

func mark(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// JSON writes the hidden characters of a JSON text as escapes. They can stand
// only inside its strings, so the text means the same and is safe to look at.
func JSON(text []byte) []byte {
	clean := true
	for _, r := range string(text) {
		clean = clean && (!Hidden(r) || r == '\n')
	}
	if clean {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for _, r := range string(text) {
		switch {
		case !Hidden(r) || r == '\n':
			out = utf8.AppendRune(out, r)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}

// Cell makes s safe in a spreadsheet: a value that a spreadsheet could take for
// a formula gets an apostrophe in front, which it does not show. A value that
// begins with an apostrophe gets one more, so that taking one off always gives
// back what was stored.
func Cell(s string) string {
	if s == "" {
		return s
	}
	if strings.ContainsRune("'\t\r\n", rune(s[0])) || formula(s) {
		return "'" + s
	}
	return s
}

// formula looks past what a spreadsheet trims or does not see. The full-width
// forms are taken for the narrow ones by spreadsheets in East Asian locales.
func formula(s string) bool {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || Hidden(r) })
	r, _ := utf8.DecodeRuneInString(s)
	return strings.ContainsRune("=+-@＝＋－＠﹢﹣﹦﹫⁺₊−", r) && s != ""
}
