package store

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Statements about many rows come in a few sizes only, since every size is a text
// of its own that is parsed and kept.

// chunkRows is the largest number of rows of one statement.
const chunkRows = 64

// chunks cuts all into runs of 64, 32, 16, … rows.
func chunks[T any](all []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for size := chunkRows; len(all) > 0; {
			for size > len(all) {
				size /= 2
			}
			if !yield(all[:size:size]) {
				return
			}
			all = all[size:]
		}
	}
}

// values are the marks of so many rows, numbered from first on; each column is a
// pattern in which # stands for the number.
func values(first, rows int, columns ...string) string {
	var b strings.Builder
	for i := range rows {
		for j, column := range columns {
			switch {
			case j > 0:
				b.WriteString(", ")
			case i > 0:
				b.WriteString("), (")
			default:
				b.WriteByte('(')
			}
			b.WriteString(strings.ReplaceAll(column, "#", "$"+strconv.Itoa(first)))
			first++
		}
	}
	b.WriteByte(')')
	return b.String()
}

// marks are so many numbered marks without brackets.
func marks(first, n int) string {
	return strings.Trim(values(first, 1, slices.Repeat([]string{"#"}, n)...), "()")
}

// mine are the marks of so many rows whose first column is the tenant, $1, which
// is not among the given columns.
func mine(columns, rows int) string {
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("($1, " + marks(2+i*columns, columns) + ")")
	}
	return b.String()
}
