package sheet

import (
	"strconv"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Columns of a table of messages.
func Columns() []string {
	return []string{
		"id", "reference", "received_at", "tenant", "channel_id", "call_id", "caller",
		"user_id", "user_name", "locale", "text", "thread_id", "state",
	}
}

// Cells implements Row.
func (r Record) Cells() []any {
	return []any{
		r.ID, r.Reference, r.ReceivedAt, r.Tenant, r.ChannelID, r.CallID, r.Caller,
		r.UserID, r.UserName, r.Locale, r.Text, r.ThreadID, r.State,
	}
}

// Thread is a thread as scripts and spreadsheets see it.
type Thread struct {
	ID        string `json:"id"`
	Tenant    string `json:"tenant"`
	ChannelID string `json:"channel_id"`
	Caller    string `json:"caller"`
	State     string `json:"state"`
	Messages  int    `json:"messages"`
	Excerpt   string `json:"excerpt"`
	OwnerID   string `json:"owner_id"`
	Owner     string `json:"owner"`
	FirstAt   string `json:"first_at"`
	LastAt    string `json:"last_at"`
	WakeAt    string `json:"wake_at"`
	DueAt     string `json:"due_at"`
	ClosedAt  string `json:"closed_at"`
	Reason    string `json:"reason"`
	Attempts  int    `json:"attempts"`
	Outcome   string `json:"outcome"`
}

// ThreadOf is the row of a thread; owner is whose it is.
func ThreadOf(th *desk.Thread, tenant, owner string) Thread {
	r := Thread{
		ID: th.ID.String(), Tenant: tenant, ChannelID: th.Channel.String(), Caller: th.Caller, State: string(th.State),
		Messages: th.Messages, Excerpt: th.Excerpt, FirstAt: Stamp(th.FirstAt), LastAt: Stamp(th.LastAt), WakeAt: Stamp(th.WakeAt),
		DueAt: Stamp(th.DueAt), ClosedAt: Stamp(th.ClosedAt), Reason: th.Reason, Attempts: th.Attempts, Outcome: string(th.Outcome),
	}
	if th.Owner != 0 {
		r.OwnerID, r.Owner = th.Owner.String(), owner
	}
	return r
}

// ThreadColumns are those of a table of threads.
func ThreadColumns() []string {
	return []string{
		"id", "tenant", "channel_id", "caller", "state", "messages", "excerpt", "owner_id", "owner",
		"first_at", "last_at", "wake_at", "due_at", "closed_at", "reason", "attempts", "outcome",
	}
}

// Cells implements Row.
func (r Thread) Cells() []any {
	return []any{
		r.ID, r.Tenant, r.ChannelID, r.Caller, r.State, r.Messages, r.Excerpt, r.OwnerID, r.Owner,
		r.FirstAt, r.LastAt, r.WakeAt, r.DueAt, r.ClosedAt, r.Reason, r.Attempts, r.Outcome,
	}
}

// Entry is a call or a note as scripts and spreadsheets see it. Of a note there is
// no outcome.
type Entry struct {
	ID        string `json:"id"`
	Tenant    string `json:"tenant"`
	ThreadID  string `json:"thread_id"`
	ChannelID string `json:"channel_id"`
	Caller    string `json:"caller"`
	At        string `json:"at"`
	By        string `json:"by"`    // person:2 or key:3
	Actor     string `json:"actor"` // the name
	Outcome   string `json:"outcome,omitempty"`
	Again     string `json:"again,omitempty"`
	Undone    string `json:"undone,omitempty"` // "yes": it was taken back
	Note      string `json:"note"`
}

// EntryOf is the row of a call or a note.
func EntryOf(e *desk.Entry, tenant string) Entry {
	r := Entry{
		ID: strconv.FormatInt(e.Seq, 10), Tenant: tenant, ThreadID: e.Thread.String(), ChannelID: e.Channel.String(), Caller: e.Caller,
		At: Stamp(e.At), By: e.Said.By, Actor: e.Actor, Outcome: string(e.Said.Outcome), Again: Stamp(e.Said.Until), Note: e.Said.Note,
	}
	if e.Undone {
		r.Undone = "yes"
	}
	return r
}

// EntryColumns are those of a table of calls or notes.
func EntryColumns() []string {
	return []string{"id", "tenant", "thread_id", "channel_id", "caller", "at", "by", "actor", "outcome", "again", "undone", "note"}
}

// Cells implements Row.
func (r Entry) Cells() []any {
	return []any{r.ID, r.Tenant, r.ThreadID, r.ChannelID, r.Caller, r.At, r.By, r.Actor, r.Outcome, r.Again, r.Undone, r.Note}
}
