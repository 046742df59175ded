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
		for size := range chunkSizes(len(all)) {
			if !yield(all[:size:size]) {
				return
			}
			all = all[size:]
		}
	}
}

func chunkSizes(rows int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for size := chunkRows; rows > 0; rows -= size {
			for size > rows {
				size /= 2
			}
			if !yield(size) {
				return
			}
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

// some are rows of one statement, and how they stand in it.
type some struct {
	args    []any // behind the tenant
	rows    int
	columns string
	arrays  string // all rows as a table; "" where the engine has no arrays
}

// inBulk cuts rows into statements: one, whose text is always the same, where the
// engine takes an array for each column; else as chunks does. What a column holds
// is n for int64, t for string and b for []byte; the values are row after row.
func (t *tx) inBulk(columns string, vals []any) iter.Seq[some] {
	width := len(columns)
	if t.s.traits.Arrays == nil {
		return func(yield func(some) bool) {
			for n := range chunkSizes(len(vals) / width) {
				if !yield(some{args: vals[: n*width : n*width], rows: n, columns: columns}) {
					return
				}
				vals = vals[n*width:]
			}
		}
	}
	text := t.s.traits.Arrays(2, columns)
	return func(yield func(some) bool) {
		for part := range slices.Chunk(vals, arrayRows*width) {
			if !yield(some{args: arrays(columns, part), arrays: text}) {
				return
			}
		}
	}
}

// arrayRows is the largest number of rows that come as arrays: a slice of sorting
// is one statement.
const arrayRows = 1024

// table is for WITH … AS.
func (s *some) table() string {
	if s.arrays != "" {
		return "SELECT * FROM " + s.arrays
	}
	return "VALUES " + values(2, s.rows, casts(s.columns)...)
}

// mine is for INSERT: each row with the tenant before it.
func (s *some) mine() string {
	if s.arrays != "" {
		return "SELECT $1, * FROM " + s.arrays
	}
	return "VALUES " + mine(len(s.columns), s.rows)
}

func casts(columns string) (all []string) {
	for _, c := range columns {
		all = append(all, map[rune]string{'n': asNumber, 't': asText, 'b': "#"}[c])
	}
	return all
}

// arrays are the columns of what is there row after row.
func arrays(columns string, vals []any) []any {
	all := make([]any, len(columns))
	for i, c := range columns {
		switch c {
		case 'n':
			all[i] = column[int64](vals[i:], len(columns))
		case 't':
			all[i] = column[string](vals[i:], len(columns))
		case 'b':
			all[i] = column[[]byte](vals[i:], len(columns))
		}
	}
	return all
}

func column[T any](vals []any, width int) []T {
	all := make([]T, 0, len(vals)/width+1)
	for i := 0; i < len(vals); i += width {
		all = append(all, vals[i].(T))
	}
	return all
}
