package sheet

import (
	"strconv"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Record is a message as scripts and spreadsheets see it.
type Record struct {
	ID         string `json:"id"`
	Reference  string `json:"reference"`
	ReceivedAt string `json:"received_at"`
	Tenant     string `json:"tenant"`
	Channel    string `json:"channel"`
	CallID     string `json:"call_id"`
	Caller     string `json:"caller"`
	UserID     string `json:"user_id"`
	UserName   string `json:"user_name"`
	Locale     string `json:"locale"`
	Text       string `json:"text"`
	Thread     string `json:"thread"` // "" until sorted
	State      string `json:"state"`
}

// RecordOf is the record of a message of the tenant with that name.
func RecordOf(m *desk.Listed, tenant string) Record {
	r := Record{
		ID: m.ID.String(), Reference: m.Reference(), ReceivedAt: Stamp(m.ReceivedAt), Tenant: tenant,
		Channel: m.Channel.String(), CallID: m.CallID, Caller: m.Caller, UserID: m.UserID,
		UserName: m.UserName, Locale: m.Locale, Text: m.Text, State: string(m.State),
	}
	if m.Thread != 0 {
		r.Thread = m.Thread.String()
	}
	return r
}

// Columns of a table of messages.
func Columns() []string {
	return []string{
		"id", "reference", "received_at", "tenant", "channel", "call_id", "caller",
		"user_id", "user_name", "locale", "text", "thread", "state",
	}
}

// Cells implements Row.
func (r Record) Cells() []any {
	return []any{
		r.ID, r.Reference, r.ReceivedAt, r.Tenant, r.Channel, r.CallID, r.Caller,
		r.UserID, r.UserName, r.Locale, r.Text, r.Thread, r.State,
	}
}

// Thread is a thread as scripts and spreadsheets see it: what pages know of it, in
// the words of /v1. Every name is always there; "" is none.
type Thread struct {
	ID         string `json:"id"`
	Version    int64  `json:"version"`
	Tenant     string `json:"tenant"`
	Channel    string `json:"channel"`
	Caller     string `json:"caller"`
	State      string `json:"state"`
	Messages   int    `json:"messages"`
	Excerpt    string `json:"excerpt"`
	Owner      string `json:"owner"`      // whose it is
	OwnerName  string `json:"owner_name"` // what colleagues call her
	FirstAt    string `json:"first_at"`
	LastAt     string `json:"last_at"`
	ClaimUntil string `json:"claim_until"`
	WakeAt     string `json:"wake_at"`
	DueAt      string `json:"due_at"`
	ClosedAt   string `json:"closed_at"`
	Reason     string `json:"reason"`
	Attempts   int    `json:"attempts"`
	Outcome    string `json:"outcome"`
	Previous   string `json:"previous"`
}

// ThreadOf is the row of a thread of the tenant with that name; owner is what the
// one whose it is is called.
func ThreadOf(th *desk.Thread, tenant, owner string) Thread {
	r := Thread{
		ID: th.ID.String(), Version: th.Version, Tenant: tenant, Channel: th.Channel.String(), Caller: th.Caller, State: string(th.State),
		Messages: th.Messages, Excerpt: th.Excerpt, FirstAt: Stamp(th.FirstAt), LastAt: Stamp(th.LastAt),
		ClaimUntil: Stamp(th.ClaimUntil), WakeAt: Stamp(th.WakeAt), DueAt: Stamp(th.DueAt), ClosedAt: Stamp(th.ClosedAt),
		Reason: th.Reason, Attempts: th.Attempts, Outcome: string(th.Outcome),
	}
	if th.Owner != 0 {
		r.Owner, r.OwnerName = th.Owner.String(), owner
	}
	if th.Previous != 0 {
		r.Previous = th.Previous.String()
	}
	return r
}

// ThreadColumns are those of a table of threads.
func ThreadColumns() []string {
	return []string{
		"id", "version", "tenant", "channel", "caller", "state", "messages", "excerpt", "owner", "owner_name",
		"first_at", "last_at", "claim_until", "wake_at", "due_at", "closed_at", "reason", "attempts", "outcome", "previous",
	}
}

// Cells implements Row.
func (r Thread) Cells() []any {
	return []any{
		r.ID, int(r.Version), r.Tenant, r.Channel, r.Caller, r.State, r.Messages, r.Excerpt, r.Owner, r.OwnerName,
		r.FirstAt, r.LastAt, r.ClaimUntil, r.WakeAt, r.DueAt, r.ClosedAt, r.Reason, r.Attempts, r.Outcome, r.Previous,
	}
}

// Entry is a call or a note as scripts and spreadsheets see it. Of a note there is
// no outcome.
type Entry struct {
	ID      string `json:"id"`
	Tenant  string `json:"tenant"`
	Thread  string `json:"thread"`
	Channel string `json:"channel"`
	Caller  string `json:"caller"`
	At      string `json:"at"`
	By      string `json:"by"`    // person:2 or key:3
	Actor   string `json:"actor"` // the name
	Outcome string `json:"outcome,omitempty"`
	Again   string `json:"again,omitempty"`
	Undone  string `json:"undone,omitempty"` // "yes": it was taken back
	Note    string `json:"note"`
}

// EntryOf is the row of a call or a note.
func EntryOf(e *desk.Entry, tenant string) Entry {
	r := Entry{
		ID: strconv.FormatInt(e.Seq, 10), Tenant: tenant, Thread: e.Thread.String(), Channel: e.Channel.String(), Caller: e.Caller,
		At: Stamp(e.At), By: e.Said.By, Actor: e.Actor, Outcome: string(e.Said.Outcome), Again: Stamp(e.Said.Until), Note: e.Said.Note,
	}
	if e.Undone {
		r.Undone = "yes"
	}
	return r
}

// EntryColumns are those of a table of calls or notes.
func EntryColumns() []string {
	return []string{"id", "tenant", "thread", "channel", "caller", "at", "by", "actor", "outcome", "again", "undone", "note"}
}

// Cells implements Row.
func (r Entry) Cells() []any {
	return []any{r.ID, r.Tenant, r.Thread, r.Channel, r.Caller, r.At, r.By, r.Actor, r.Outcome, r.Again, r.Undone, r.Note}
}
