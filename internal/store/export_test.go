package store

import (
	"database/sql"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// ListText is the statement of a page, for those who ask the engine how it is
// carried out.
func ListText(l desk.Listing) (string, []any) { return listText(l, nil) }

// FloorText is the statement that looks ahead among closed threads.
func FloorText(l desk.Listing) (string, []any) {
	w := listWhere(l, nil)
	return floorText(w), w.args
}

// FiredText is the statement of a timer.
func FiredText(t desk.Timer) string { return selectThread + ` WHERE tenant_id = $1` + firedWhere(t) }

// The statements that have one text.
const (
	TallyText   = tallyText
	LoadText    = loadText
	CallersText = callersText
)

// EntryText looks at calls or notes.
func EntryText(q desk.EntryQuery, look int) (string, []any) { return entryText(q, look) }

// UndoneText finds what was taken back in threads.
func UndoneText(threads []desk.ID) (string, []any) { return undoneText(threads) }

// NewestTexts read what is shown of a thread.
func NewestTexts() (messages, events string) { return newestMessages, newestEvents }

// Over is a store of the same engine on other pools, which a test may have
// tapped: then it sees every statement, however it is run.
func Over(s *Store, read, write *sql.DB) *Store { return New(s.dialect, read, write) }

// Insist tries what the engine sends back.
var Insist = insist
