package desk

import "time"

// Entry is a call or a note, as an event tells of it, with whose thread it is in.
type Entry struct {
	Event
	Said    Details // the event's data
	Channel ChannelID
	Caller  string
	Undone  bool // the call was taken back since
}

// EntryQuery selects calls or notes, the newest first.
type EntryQuery struct {
	Kind     string // CallAttempted or NoteAdded
	Thread   ID     // 0: of all threads
	Channels []ChannelID
	By       string // Actor.Who of who did it; "": anybody
	Outcome  Outcome
	Since    time.Time // from then on
	Until    time.Time // before then; zero: without end
	After    Place     // goes on behind it; zero: from the newest
	Limit    int
}

// Narrow says whether entries that are of the time may be none of the query.
func (q *EntryQuery) Narrow() bool {
	return q.Thread != 0 || len(q.Channels) > 0 || q.By != "" || q.Outcome != ""
}

// Has says whether an entry is one that the query asks for.
func (q *EntryQuery) Has(e *Entry) bool {
	in := len(q.Channels) == 0
	for _, c := range q.Channels {
		in = in || c == e.Channel
	}
	return in && e.Kind == q.Kind && (q.By == "" || e.Said.By == q.By) && (q.Outcome == "" || e.Said.Outcome == q.Outcome) &&
		!e.At.Before(q.Since) && (q.Until.IsZero() || e.At.Before(q.Until))
}

// Entries is a page of them. A page may be short, or empty, and not the last.
type Entries struct {
	Entries []Entry
	Next    *Place  // where the next page begins; nil: this is the last
	Damaged []int64 // the numbers of events that are not what was written, and are left out
}
