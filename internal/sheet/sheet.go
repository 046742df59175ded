// Package sheet writes tables for other programs: JSON lines with every text
// exactly as it was left, and CSV and workbooks in which no cell is a formula. The
// command line and /v1 export through it, so that a file is the same wherever it
// comes from. It promises the rows in the order given, and keeps none of them.
package sheet

import (
	"io"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Record is a message as scripts and spreadsheets see it.
type Record struct {
	ID         string `json:"id"`
	Reference  string `json:"reference"`
	ReceivedAt string `json:"received_at"`
	Tenant     string `json:"tenant"`
	ChannelID  string `json:"channel_id"`
	CallID     string `json:"call_id"`
	Caller     string `json:"caller"`
	UserID     string `json:"user_id"`
	UserName   string `json:"user_name"`
	Locale     string `json:"locale"`
	Text       string `json:"text"`
	ThreadID   string `json:"thread_id"` // "" until sorted
	State      string `json:"state"`
}

// RecordOf is the record of a message of the tenant with that name.
func RecordOf(m *desk.Listed, tenant string) Record {
	r := Record{
		ID: m.ID.String(), Reference: m.Reference(), ReceivedAt: Stamp(m.ReceivedAt), Tenant: tenant,
		ChannelID: m.Channel.String(), CallID: m.CallID, Caller: m.Caller, UserID: m.UserID,
		UserName: m.UserName, Locale: m.Locale, Text: m.Text, State: string(m.State),
	}
	if m.Thread != 0 {
		r.ThreadID = m.Thread.String()
	}
	return r
}

// Stamp is a time for machines: RFC 3339, UTC, always with microseconds; "" when
// there is none.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// Lines is one JSON object a line. Hidden characters are escaped, so that a line
// can also be looked at.
type Lines struct{ w io.Writer }

// NewLines writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{w} }

// Add writes a message.
func (l *Lines) Add(r Record) error { return line(l.w, r) }

// End writes what is left.
func (l *Lines) End() error { return nil }

// Spread is CSV for spreadsheets: no cell is a formula (see term.Cell).
type Spread struct{ t Table }

// NewSpread writes to w, the names of the columns first.
func NewSpread(w io.Writer) (*Spread, error) {
	t, err := NewTable(w, CSV, "", Columns())
	return &Spread{t}, err
}

// Add writes a message.
func (s *Spread) Add(r Record) error { return s.t.Add(r) }

// End writes what is left.
func (s *Spread) End() error { return s.t.End() }
