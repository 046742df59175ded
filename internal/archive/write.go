package archive

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Writer writes an archive. Nothing is whole before Close.
type Writer struct {
	zip      *gzip.Writer
	out      *bufio.Writer // into zip and into all
	all      hash.Hash
	line     []byte
	at       store.Section
	sum      store.Sum
	sections int
	begun    bool
}

// NewWriter writes the head.
func NewWriter(to io.Writer, h Head) (*Writer, error) {
	zip, err := gzip.NewWriterLevel(to, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := &Writer{zip: zip, all: sha256.New()}
	w.out = bufio.NewWriterSize(io.MultiWriter(zip, w.all), 64<<10)
	h.Kind, h.Format, h.At = "archive", Format, h.At.UTC()
	return w, w.object(h)
}

// Section begins a section; every section is written once.
func (w *Writer) Section(at store.Section) error {
	if err := w.finish(); err != nil {
		return err
	}
	w.at, w.sum, w.begun = at, store.Sum{}, true
	o := object{Table: at.Table.Name, Tenant: int64(at.Tenant)}
	for _, c := range at.Table.Columns {
		o.Columns = append(o.Columns, c.Name)
	}
	return w.object(o)
}

// Rows writes rows of the section. A row that is not what was written is
// refused: a backup with damage in it would hide that it is one.
func (w *Writer) Rows(page []store.Values) error {
	for _, row := range page {
		if !w.at.Table.Intact(w.at.Tenant, row) {
			return desk.Errorf(desk.Unstored, "damaged", "%s is damaged: it is not what was written", w.at.Table.Describe(w.at.Tenant, row))
		}
		if err := w.row(row); err != nil {
			return err
		}
		w.sum.Add(&w.at.Table, row)
	}
	return nil
}

func (w *Writer) row(row store.Values) (err error) {
	b := append(w.line[:0], '[')
	for i, v := range row {
		if i > 0 {
			b = append(b, ',')
		}
		switch v := v.(type) {
		case int64:
			b = appendInt(b, v)
		case string:
			if b, err = jsontext.AppendQuote(b, v); err != nil {
				return err
			}
		case []byte:
			b = append(base64.StdEncoding.AppendEncode(append(b, '"'), v), '"')
		}
	}
	w.line = append(b, ']', '\n')
	if len(w.line) > maxLine {
		return damaged("%s is longer than %d MiB", w.at.Table.Describe(w.at.Tenant, row), maxLine>>20)
	}
	_, err = w.out.Write(w.line)
	return err
}

func appendInt(b []byte, n int64) []byte {
	if n > -exact && n < exact {
		return strconv.AppendInt(b, n, 10)
	}
	return append(strconv.AppendInt(append(b, '"'), n, 10), '"')
}

func (w *Writer) object(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(raw, '\n'))
	return err
}

// finish ends the section that was begun last.
func (w *Writer) finish() error {
	if !w.begun {
		return nil
	}
	w.sections++
	return w.object(object{Rows: &w.sum.Rows, Hash: w.sum.Hash()})
}

// Close writes the trailer. It does not close what the archive is written to.
func (w *Writer) Close() error {
	if err := w.finish(); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	t := object{End: true, Sections: w.sections, SHA256: hex.EncodeToString(w.all.Sum(nil))}
	if err := w.object(t); err != nil {
		return err
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	return w.zip.Close()
}
