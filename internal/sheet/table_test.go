package sheet_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sheet"
)

// row is a row of a test.
type row []any

func (r row) Cells() []any { return r }

// book reads a workbook's first sheet: the texts of its cells, row by row.
func book(t *testing.T, b []byte) (cells [][]string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		part, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		var all struct {
			Rows []struct {
				Cells []struct {
					Kind string `xml:"t,attr"`
					Text string `xml:"is>t"`
					N    string `xml:"v"`
					F    *int   `xml:"f"`
				} `xml:"c"`
			} `xml:"sheetData>row"`
		}
		if err := xml.Unmarshal(raw, &all); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if f.Name != "xl/worksheets/sheet1.xml" {
			continue
		}
		for _, r := range all.Rows {
			var texts []string
			for _, c := range r.Cells {
				if c.F != nil || c.N != "" && c.Kind != "" || c.N == "" && c.Kind != "inlineStr" {
					t.Errorf("%+v is no text and no number", c)
				}
				texts = append(texts, c.Text+c.N)
			}
			cells = append(cells, texts)
		}
	}
	return cells
}

func TestACellOfAWorkbookIsTextWhateverItBeginsWith(t *testing.T) {
	var b bytes.Buffer
	out, err := sheet.NewTable(&b, sheet.XLSX, "rows & more", []string{"text", "n"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"=1+1": "=1+1", "@SUM(A1)": "@SUM(A1)", "<b>&\"'</b>": "<b>&\"'</b>", "two\nlines\tand 请回电 😀 \u202e": "two\nlines\tand 请回电 😀 \u202e",
		"\x01\r": "_x0001__x000D_", "_x000D_": "_x005F_x000D_", "_x00": "_x00", "\xff": "\ufffd", " spaces ": " spaces ",
	} {
		b.Reset()
		if out, err = sheet.NewTable(&b, sheet.XLSX, "rows & more", []string{"text", "n"}); err != nil {
			t.Fatal(err)
		}
		if err := out.Add(row{text, 7}); err != nil {
			t.Fatal(err)
		}
		if err := out.End(); err != nil {
			t.Fatal(err)
		}
		if got := book(t, b.Bytes()); len(got) != 2 || got[1][0] != want || got[1][1] != "7" || got[0][0] != "text" {
			t.Errorf("%q: %q", text, got)
		}
	}
	if err := out.Add(row{strings.Repeat("x", 40_000)}); err == nil {
		t.Error("a cell that is too long is cut in silence")
	}
	if err := out.Add(row{7.5}); err == nil {
		t.Error("what is no text and no number is written")
	}
	if _, err := sheet.NewTable(&b, "pdf", "x", nil); desk.KindOf(err) != desk.Invalid {
		t.Error(err)
	}
}

// A column of a spreadsheet is called as the value is in a line of JSON, and holds
// the same.
func TestEveryRecordHasACellForEachColumnUnderItsNameInJSON(t *testing.T) {
	for name, c := range map[string]struct {
		columns []string
		row     sheet.Row
	}{
		"messages": {sheet.Columns(), sheet.Record{}},
		"threads":  {sheet.ThreadColumns(), sheet.Thread{}},
		"entries":  {sheet.EntryColumns(), sheet.Entry{}},
	} {
		v := reflect.New(reflect.TypeOf(c.row)).Elem()
		names := map[string]string{}
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.String {
				f.SetString(fmt.Sprint(100 + i))
			} else {
				f.SetInt(int64(100 + i))
			}
			field, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names[field] = fmt.Sprint(100 + i)
		}
		cells := v.Interface().(sheet.Row).Cells()
		if len(c.columns) != len(cells) || len(c.columns) != len(names) {
			t.Fatalf("%s: %d columns, %d cells, %d names", name, len(c.columns), len(cells), len(names))
		}
		for i, column := range c.columns {
			if fmt.Sprint(cells[i]) != names[column] {
				t.Errorf("%s: the column %s holds another value than the name", name, column)
			}
		}
	}
}

// drain counts what it is given and keeps nothing.
type drain struct{ n int64 }

func (d *drain) Write(b []byte) (int, error) {
	d.n += int64(len(b))
	return len(b), nil
}

func TestATableOfAHundredThousandRowsIsNotKept(t *testing.T) {
	for format := range sheet.Formats() {
		var d drain
		out, err := sheet.NewTable(&d, format, "threads", sheet.ThreadColumns())
		if err != nil {
			t.Fatal(err)
		}
		r := sheet.ThreadOf(&desk.Thread{ID: 1 << 40, Owner: 3, Caller: "+8613800001111", Excerpt: strings.Repeat("请回电", 40)}, "default", "Ann")
		heap := func() int64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		var early int64
		for n := range 100_000 {
			if err := out.Add(r); err != nil {
				t.Fatal(err)
			}
			if n == 1000 {
				early = heap()
			}
			if n%500 == 0 {
				if err := out.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if late := heap(); late-early > 1<<20 {
			t.Errorf("%s: the heap grew by %d KB", format, (late-early)>>10)
		}
		if err := out.End(); err != nil || d.n < 100_000 {
			t.Errorf("%s: %v, %d bytes", format, err, d.n)
		}
	}
}
