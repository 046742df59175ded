package sheet

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A workbook is a zip of XML. Only what a spreadsheet needs to show a table is
// written, row by row; the parts that say how many sheets there are come last.
// Texts are inline strings in a column format that is text: no program takes them
// for a formula, not even after somebody edited the cell.

// Limits of the format.
const (
	bookRows = 1_048_576 // of a sheet; what follows goes on to the next one
	bookCell = 32_767    // UTF-16 units
)

type book struct {
	zip     *zip.Writer
	title   string
	columns []string
	sheets  int
	rows    int // of the sheet that is being written
	most    int // bookRows, unless a test says otherwise
	out     *bufio.Writer
}

func newBook(w io.Writer, title string, columns []string) (*book, error) {
	b := &book{zip: zip.NewWriter(w), title: title, columns: columns, most: bookRows}
	return b, b.turn()
}

const (
	xmlHead   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainSpace = `http://schemas.openxmlformats.org/spreadsheetml/2006/main`
	relations = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	packaged  = `http://schemas.openxmlformats.org/package/2006`
)

// turn begins a sheet.
func (b *book) turn() error {
	if err := b.close(); err != nil {
		return err
	}
	b.sheets++
	b.rows = 0
	part, err := b.zip.Create("xl/worksheets/sheet" + strconv.Itoa(b.sheets) + ".xml")
	if err != nil {
		return err
	}
	b.out = bufio.NewWriter(part)
	_, _ = b.out.WriteString(xmlHead + `<worksheet xmlns="` + mainSpace + `"><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`)
	names := make([]any, len(b.columns))
	for i, name := range b.columns {
		names[i] = name
	}
	return b.row(names, headStyle)
}

// close ends a sheet.
func (b *book) close() error {
	if b.out == nil {
		return nil
	}
	_, _ = b.out.WriteString(`</sheetData></worksheet>`) // the buffer keeps its error for Flush
	return b.out.Flush()
}

// Add writes a row.
func (b *book) Add(r Row) error {
	if b.rows == b.most {
		if err := b.turn(); err != nil {
			return err
		}
	}
	return b.row(r.Cells(), textStyle)
}

// The styles of cells, by their place in the part of styles.
const (
	textStyle = 1
	headStyle = 2
)

func (b *book) row(all []any, style int) error {
	b.rows++
	_, _ = fmt.Fprintf(b.out, `<row r="%d">`, b.rows)
	for i, v := range all {
		at := column(i) + strconv.Itoa(b.rows)
		switch v := v.(type) {
		case int:
			_, _ = fmt.Fprintf(b.out, `<c r="%s"><v>%d</v></c>`, at, v)
		case string:
			if v == "" {
				continue
			}
			if len(v) > bookCell && len(utf16.Encode([]rune(v))) > bookCell {
				return fmt.Errorf("a cell of a workbook holds at most %d characters", bookCell)
			}
			_, _ = fmt.Fprintf(b.out, `<c r="%s" s="%d" t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, at, style, escaped(v))
		default:
			return errCell(v)
		}
	}
	_, err := b.out.WriteString(`</row>`)
	return err
}

// column is a column's letters.
func column(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return column(i/26-1) + string(rune('A'+i%26))
}

// escaped is a text as XML, and what XML cannot say as workbooks write it.
func escaped(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '_' && looksEscaped(s[i:]):
			b.WriteString("_x005F_")
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			fmt.Fprintf(&b, "_x%04X_", r)
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError) // a broken byte, or the character itself
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// looksEscaped says that a text begins as an escaped character would.
func looksEscaped(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(s[2:6], 16, 16)
	return err == nil
}

// Flush hands on what was added; the compressor keeps some of it.
func (b *book) Flush() error {
	if err := b.out.Flush(); err != nil {
		return err
	}
	return b.zip.Flush()
}

// End writes the parts that hold the sheets together.
func (b *book) End() error {
	if err := b.close(); err != nil {
		return err
	}
	var list, rels, types strings.Builder
	for i := 1; i <= b.sheets; i++ {
		name := b.title
		if i > 1 {
			name += " " + strconv.Itoa(i)
		}
		fmt.Fprintf(&list, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, escaped(name), i, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i, relations, i)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, i)
	}
	for _, part := range []struct{ name, text string }{
		{"xl/styles.xml", styles},
		{"xl/workbook.xml", `<workbook xmlns="` + mainSpace + `" xmlns:r="` + relations + `"><sheets>` + list.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packaged + `/relationships">` + rels.String() +
			`<Relationship Id="rIdStyles" Type="` + relations + `/styles" Target="styles.xml"/></Relationships>`},
		{"_rels/.rels", `<Relationships xmlns="` + packaged + `/relationships"><Relationship Id="rId1" Type="` + relations + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", `<Types xmlns="` + packaged + `/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>` + types.String() + `</Types>`},
	} {
		w, err := b.zip.Create(part.name)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, xmlHead+part.text); err != nil {
			return err
		}
	}
	return b.zip.Close()
}

// styles: number format 49 is text. The first format is for whatever has none.
const styles = `<styleSheet xmlns="` + mainSpace + `"><fonts count="2"><font/><font><b/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
	`<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf/>` +
	`<xf numFmtId="49" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/></cellXfs></styleSheet>`
