package archive

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// Summary is what an archive says about itself.
type Summary struct {
	Head   Head
	Totals []Total
	SHA256 string // of its lines: two archives with the same one are the same
}

// Rows is the number of all rows.
func (s Summary) Rows() (n int64) {
	for _, t := range s.Totals {
		n += t.Rows
	}
	return n
}

// Do is told of a section's rows, page by page; of an empty section once, with
// none.
type Do func(at store.Section, page []store.Values) error

// Nothing is for those who only want to know whether an archive is whole.
func Nothing(store.Section, []store.Values) error { return nil }

// Read reads an archive to its end and says what is in it. Whoever calls it must
// believe nothing of what do was told before Read returns nil.
func Read(from io.Reader, do Do) (Summary, error) {
	packed := bufio.NewReaderSize(from, 64<<10)
	zip, err := gzip.NewReader(packed)
	if err != nil {
		return Summary{}, damaged("this is no archive: it is not packed with gzip")
	}
	zip.Multistream(false)
	r := &reader{in: bufio.NewReaderSize(zip, 64<<10), all: sha256.New(), do: do, tables: map[string]store.Table{}, seen: map[place]bool{}}
	for _, t := range store.Carried() {
		r.tables[t.Name] = t
	}
	if err := r.read(); err != nil {
		return Summary{}, err
	}
	if _, err := packed.ReadByte(); !errors.Is(err, io.EOF) {
		return Summary{}, damaged("something follows the archive's end")
	}
	return Summary{r.head, r.totals, r.sha}, nil
}

type place struct {
	table  string
	tenant desk.TenantID
}

type reader struct {
	in     *bufio.Reader
	all    hash.Hash
	do     Do
	tables map[string]store.Table
	seen   map[place]bool

	head    Head
	line    []byte
	number  int // of the line, from 1
	at      store.Section
	columns []int // for each value of a row, its column
	page    []store.Values
	told    bool
	sum     store.Sum
	begun   bool
	totals  []Total
	sha     string
}

func (r *reader) read() (err error) {
	if err := r.next(); err != nil {
		return err
	}
	if err := json.Unmarshal(r.line, &r.head, json.RejectUnknownMembers(true)); err != nil || r.head.Kind != "archive" {
		return damaged("this is no archive of Afterbeep: it does not begin with its head")
	}
	if r.head.Format < 1 || r.head.Format > Format {
		return damaged("the archive has format %d and this program reads up to %d; restore it with the version that wrote it", r.head.Format, Format)
	}
	r.all.Write(r.line)
	for {
		if err := r.next(); err != nil {
			return err
		}
		if r.line[0] == '[' {
			if err := r.row(); err != nil {
				return err
			}
			r.all.Write(r.line)
			continue
		}
		var o object
		if err := json.Unmarshal(r.line, &o, json.RejectUnknownMembers(true)); err != nil {
			return damaged("line %d of the archive cannot be read", r.number)
		}
		switch {
		case o.End:
			return r.end(&o)
		case o.Rows != nil:
			err = r.finish(&o)
		default:
			err = r.begin(&o)
		}
		if err != nil {
			return err
		}
		r.all.Write(r.line)
	}
}

// next reads a line, its newline included. An archive that ends without its
// trailer ends here.
func (r *reader) next() error {
	r.line = r.line[:0]
	r.number++
	for {
		part, err := r.in.ReadSlice('\n')
		r.line = append(r.line, part...)
		switch {
		case len(r.line) > maxLine:
			return damaged("line %d of the archive is longer than %d MiB", r.number, maxLine>>20)
		case err == nil:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return damaged("the archive is cut short: it ends in line %d without its trailer", r.number)
		default:
			return desk.Wrap(desk.Invalid, "archive", "the archive is damaged, or cannot be read", err)
		}
	}
}

// begin checks a section's table and columns.
func (r *reader) begin(s *object) error {
	if r.begun {
		return damaged("line %d of the archive begins a section in the midst of another", r.number)
	}
	t, known := r.tables[s.Table]
	if !known {
		return damaged("the archive has a table %q, which this program does not know; restore it with the version that wrote it", clip(s.Table))
	}
	tenant := desk.TenantID(s.Tenant)
	if tenant < 0 || tenant == 0 && !t.Shared && t.Name != "aside" || t.Shared && tenant != 0 {
		return damaged("the archive says that table %s belongs to tenant %d, which cannot be", t.Name, s.Tenant)
	}
	if r.seen[place{t.Name, tenant}] {
		return damaged("the archive has table %s of tenant %d twice", t.Name, s.Tenant)
	}
	r.seen[place{t.Name, tenant}] = true
	r.columns = r.columns[:0]
	for _, name := range s.Columns {
		i := slices.IndexFunc(t.Columns, func(c store.Column) bool { return c.Name == name })
		if i < 0 || slices.Contains(r.columns, i) {
			return damaged("table %s has a column %q, which this program does not know, or twice; restore it with the version that wrote it", t.Name, clip(name))
		}
		r.columns = append(r.columns, i)
	}
	if len(r.columns) != len(t.Columns) {
		return damaged("table %s lacks columns that this program needs; restore the archive with the version that wrote it, and upgrade then", t.Name)
	}
	r.at, r.sum, r.begun, r.told = store.Section{Table: t, Tenant: tenant}, store.Sum{}, true, false
	return nil
}

// flush hands the rows on that were gathered.
func (r *reader) flush() error {
	page := r.page
	r.page, r.told = nil, true
	return r.do(r.at, page)
}

// finish ends a section and compares it with what the archive says.
func (r *reader) finish(o *object) error {
	if !r.begun {
		return damaged("line %d of the archive ends a section that did not begin", r.number)
	}
	got := Total{r.at.Table.Name, r.at.Tenant, r.sum.Rows, r.sum.Hash()}
	if got.Rows != *o.Rows || got.Hash != o.Hash {
		return damaged("the archive was altered: table %s of tenant %d is not what was written", got.Table, got.Tenant)
	}
	r.totals, r.begun = append(r.totals, got), false
	if len(r.page) > 0 || !r.told {
		return r.flush()
	}
	return nil
}

// end compares what was read with the trailer, and makes sure that nothing
// follows it.
func (r *reader) end(o *object) error {
	switch {
	case r.begun:
		return damaged("the archive is cut short: table %s of tenant %d has no end", r.at.Table.Name, r.at.Tenant)
	case o.Sections != len(r.totals):
		return damaged("the archive was altered: it has %d sections and its trailer speaks of %d", len(r.totals), o.Sections)
	case o.SHA256 != hex.EncodeToString(r.all.Sum(nil)):
		return damaged("the archive was altered: its SHA-256 is not the one in its trailer")
	}
	r.sha = o.SHA256
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return damaged("something follows the archive's trailer, or its check sum is wrong")
	}
	return nil
}

// clip keeps what a stranger wrote short.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
