package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/sheet"
	"github.com/afterbeep/afterbeep/internal/term"
)

// column is one column of a table on the screen.
type column[T any] struct {
	head  string
	limit int // columns of the screen; 0 is no limit
	cell  func(T) string
}

// list prints items, as a table or as JSON, one object a line.
func list[T any](c *cli, items []T, columns []column[T], object func(T) any) error {
	if c.json {
		w := bufio.NewWriter(c.out)
		for _, item := range items {
			if err := printJSON(w, object(item)); err != nil {
				return err
			}
		}
		return w.Flush()
	}
	return table(c.out, items, columns)
}

func table[T any](w io.Writer, items []T, columns []column[T]) error {
	var head []string
	var limits []int
	for _, col := range columns {
		head, limits = append(head, col.head), append(limits, col.limit)
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		for _, col := range columns {
			rows[i] = append(rows[i], col.cell(item))
		}
	}
	return term.Table(w, head, limits, rows)
}

// printJSON writes v on one line. Hidden characters are escaped, so that the
// line can also be looked at.
func printJSON(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(term.JSON(raw), '\n'))
	return err
}

// say prints a line for people; what strangers wrote must have been escaped.
func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// note prints a line for people beside the output proper.
func (c *cli) note(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }

// stamp is a time for machines: RFC 3339, UTC, always with microseconds.
func stamp(t time.Time) string { return sheet.Stamp(t) }

// local is a time for people, where they are.
func local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// quote makes s one word for a shell.
func quote(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._/:@%+,", r))
	}) < 0
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// indent sets off a stranger's lines, so that none can pass for one of ours.
func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
