package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

// Row is one row of a table. As JSON it is itself; Cells are its values in the
// order of the columns, each a string or an int.
type Row interface{ Cells() []any }

// Table is a file of rows in one format, written as they are added: none is kept.
type Table interface {
	Add(Row) error
	Flush() error // hands on what was added so far
	End() error
}

// The formats of a table.
const (
	CSV  = "csv"
	XLSX = "xlsx"
	JSON = "jsonl"
)

// Formats lists them with their media types.
func Formats() map[string]string {
	return map[string]string{
		CSV: "text/csv; charset=utf-8", JSON: "application/jsonl",
		XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	}
}

// NewTable begins a table with those columns; title is what a workbook calls its
// sheet.
func NewTable(w io.Writer, format, title string, columns []string) (Table, error) {
	switch format {
	case CSV:
		t := cells{csv.NewWriter(w)}
		return t, t.w.Write(columns)
	case JSON:
		return lines{w}, nil
	case XLSX:
		return newBook(w, title, columns)
	}
	return nil, desk.Errorf(desk.Invalid, "format", "a table is written as csv, xlsx or jsonl")
}

type lines struct{ w io.Writer }

func (l lines) Add(r Row) error { return line(l.w, r) }
func (lines) Flush() error      { return nil }
func (lines) End() error        { return nil }

func line(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(term.JSON(raw), '\n'))
	return err
}

type cells struct{ w *csv.Writer }

func (c cells) Add(r Row) error {
	all := r.Cells()
	texts := make([]string, len(all))
	for i, v := range all {
		switch v := v.(type) {
		case int:
			texts[i] = strconv.Itoa(v)
		case string:
			texts[i] = term.Cell(v)
		default:
			return errCell(v)
		}
	}
	return c.w.Write(texts)
}

func errCell(v any) error { return fmt.Errorf("a cell cannot hold a %T", v) }

func (c cells) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

func (c cells) End() error { return c.Flush() }
