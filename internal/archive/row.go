package archive

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/afterbeep/afterbeep/internal/store"
)

// row reads a line as a row of the section.
func (r *reader) row() error {
	if !r.begun {
		return damaged("line %d of the archive is a row of no table", r.number)
	}
	row, err := r.values()
	if err != nil {
		return damaged("line %d of the archive is no row of table %s", r.number, r.at.Table.Name)
	}
	if err := r.at.Table.Check(r.at.Tenant, row); err != nil {
		return err
	}
	if !r.at.Table.Intact(r.at.Tenant, row) {
		return damaged("the archive was altered: %s is not what was written", r.at.Table.Describe(r.at.Tenant, row))
	}
	r.sum.Add(&r.at.Table, row)
	r.page = append(r.page, row)
	if len(r.page) >= r.at.Table.Page {
		return r.flush()
	}
	return nil
}

var errRow = errors.New("no row")

// values reads exactly as many values as the section has columns, so that a
// line of millions costs nothing.
func (r *reader) values() (store.Values, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(r.line))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return nil, errRow
	}
	row := make(store.Values, len(r.columns))
	for _, i := range r.columns {
		raw, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if row[i], err = value(r.at.Table.Columns[i].Kind, raw); err != nil {
			return nil, err
		}
	}
	if t, err := d.ReadToken(); err != nil || t.Kind() != ']' {
		return nil, errRow
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errRow
	}
	return row, nil
}

func value(k store.Kind, raw jsontext.Value) (any, error) {
	if k == store.Int && raw.Kind() == '0' {
		return strconv.ParseInt(string(raw), 10, 64)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, err
	}
	switch k {
	case store.Int:
		return strconv.ParseInt(text, 10, 64)
	case store.Bytes:
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if b == nil {
			b = []byte{}
		}
		return b, err
	default:
		return text, nil
	}
}
