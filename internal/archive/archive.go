// Package archive is the portable form of a store: one text file that every
// engine can be restored from, and that a person with gzip and an editor can
// read. It promises that what is read is what was written: lengths are bounded,
// every table, column and kind is one that this program knows, and the trailer's
// counts and sums must agree with every row before anything is believed. It
// refuses an archive that is cut short, edited, or of a newer program. The
// command line's backup and restore use it, by way of app.
//
// An archive is gzip over lines of JSON: a head; for each section, which is a
// table of a tenant, one object that names both and the columns, one array a row,
// and one object with their number and sum; a trailer. Whole numbers beyond 2^53 are texts, so that no reader rounds
// them; bytes are base64; text is what was stored.
package archive

import (
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Format is the version of the form that this program writes, and the newest
// that it reads.
const Format = 1

// maxLine is the longest line that is read, in bytes: a journal row of 128
// messages of 10,000 characters has less.
const maxLine = 16 << 20

// exact is the largest whole number that every reader of JSON keeps.
const exact = 1 << 53

// Head is the first line.
type Head struct {
	Kind   string    `json:"afterbeep"` // "archive"
	Format int       `json:"format"`
	Schema int64     `json:"schema"` // of the store that was read; for people
	Engine string    `json:"engine"`
	At     time.Time `json:"at"`
}

// object is any other line that is not a row: what begins a section, what ends
// it, or the trailer.
type object struct {
	Table   string   `json:"table,omitzero"` // begins a section
	Tenant  int64    `json:"tenant,omitzero"`
	Columns []string `json:"columns,omitzero"`

	Rows *int64 `json:"rows,omitzero"` // ends it
	Hash string `json:"hash,omitzero"`

	End      bool   `json:"end,omitzero"` // the trailer
	Sections int    `json:"sections,omitzero"`
	SHA256   string `json:"sha256,omitzero"` // of every byte before this line
}

// Total is what the archive says about a section; the hash is store.Sum's.
type Total struct {
	Table  string        `json:"table"`
	Tenant desk.TenantID `json:"tenant"` // 0: nobody's
	Rows   int64         `json:"rows"`
	Hash   string        `json:"hash"`
}

func damaged(text string, args ...any) error {
	return desk.Errorf(desk.Invalid, "archive", text, args...)
}
