package term

import (
	"io"
	"strings"
	"unicode"
)

// Table writes rows under a heading, aligned also where characters are twice as
// wide. Every cell is escaped; what is longer than its column may be is cut
// with an ellipsis. Limits holds the most columns on the screen for each cell;
// 0 is no limit.
func Table(w io.Writer, head []string, limits []int, rows [][]string) error {
	cells := make([][]string, 0, len(rows)+1)
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		line := make([]string, len(head))
		for i := range head {
			line[i] = Cut(Line(row[i]), limits[i])
			widths[i] = max(widths[i], Width(line[i]))
		}
		cells = append(cells, line)
	}
	var b strings.Builder
	for _, line := range cells {
		for i, cell := range line {
			b.WriteString(cell)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-Width(cell)+2))
			}
		}
		text := strings.TrimRight(b.String(), " ") + "\n"
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}

// Cut shortens s to so many columns, the last of them an ellipsis.
func Cut(s string, columns int) string {
	if columns <= 0 || Width(s) <= columns {
		return s
	}
	used := 0
	for i, r := range s {
		if used += width(r); used > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// Width is how many columns s takes on a terminal.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += width(r)
	}
	return n
}

// wide are the blocks whose characters take two columns.
var wide = [][2]rune{
	{0x1100, 0x115f},
	{0x2e80, 0x303e},
	{0x3041, 0xa4cf},
	{0xa960, 0xa97f},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe6f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f900, 0x1faff},
	{0x20000, 0x3fffd},
}

func width(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	for _, block := range wide {
		if r >= block[0] && r <= block[1] {
			return 2
		}
	}
	return 1
}
