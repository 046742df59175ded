package desk

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
)

// Outcome is how a call ended.
type Outcome string

// The outcomes of a call.
const (
	Reached     Outcome = "reached"
	NoAnswer    Outcome = "no_answer"
	LineBusy    Outcome = "busy"
	WrongNumber Outcome = "wrong_number"
	Voicemail   Outcome = "voicemail"
	CallAgain   Outcome = "again" // they talked, and agreed on another time
)

// Outcomes lists them, in the order of their keys on the keyboard.
func Outcomes() []Outcome {
	return []Outcome{Reached, NoAnswer, LineBusy, WrongNumber, Voicemail, CallAgain}
}

// Kinds of events.
const (
	MessageLeft    = "message.left"
	ThreadClaimed  = "thread.claimed"
	ThreadReleased = "thread.released"
	ThreadAssigned = "thread.assigned"
	ThreadSnoozed  = "thread.snoozed"
	ThreadWoken    = "thread.woken"
	ThreadClosed   = "thread.closed"
	ThreadReopened = "thread.reopened"
	ThreadOverdue  = "thread.overdue"
	ThreadUndone   = "thread.undone"
	CallAttempted  = "call.attempted"
	NoteAdded      = "note.added"
)

// Details is what an event's data says, whatever its kind; what does not belong
// to the kind is absent.
type Details struct {
	Message ID        `json:"message,omitzero"` // that was left
	By      string    `json:"by,omitempty"`     // Actor.Who; absent when Afterbeep itself did it
	Version int64     `json:"version,omitzero"` // the thread's, afterwards; the events of one step share it
	State   State     `json:"state,omitempty"`  // the thread's, afterwards
	Owner   PersonID  `json:"owner,omitzero"`   // the thread's, afterwards
	To      string    `json:"to,omitempty"`     // the name of whom it was given to
	Until   time.Time `json:"until,omitzero"`   // until when it is claimed, or waits
	Due     time.Time `json:"due,omitzero"`     // what was missed
	Outcome Outcome   `json:"outcome,omitempty"`
	Note    string    `json:"note,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Undone  []int64   `json:"undone,omitempty"` // the numbers of the events that were undone
	Was     *Was      `json:"was,omitempty"`    // what the change replaced
}

// Details reads an event's data.
func (e *Event) Details() (d Details, err error) {
	return d, json.Unmarshal(e.Data, &d)
}

// Was is what a change of a thread replaced. Times are microseconds since 1970,
// 0 for none.
type Was struct {
	State      *State    `json:"state,omitempty"`
	Owner      *PersonID `json:"owner,omitempty"`
	Given      *bool     `json:"given,omitempty"`
	ClaimUntil *int64    `json:"claim_until,omitempty"`
	WakeAt     *int64    `json:"wake_at,omitempty"`
	DueAt      *int64    `json:"due_at,omitempty"`
	ClosedAt   *int64    `json:"closed_at,omitempty"`
	Attempts   *int      `json:"attempts,omitempty"`
	Outcome    *Outcome  `json:"outcome,omitempty"`
	Reason     *string   `json:"reason,omitempty"`
}

// Replaced is what is lost when before becomes after.
func Replaced(before, after *Thread) *Was {
	return &Was{
		State: lost(before.State, after.State), Owner: lost(before.Owner, after.Owner), Given: lost(before.Given, after.Given),
		ClaimUntil: lost(stamp(before.ClaimUntil), stamp(after.ClaimUntil)), WakeAt: lost(stamp(before.WakeAt), stamp(after.WakeAt)),
		DueAt: lost(stamp(before.DueAt), stamp(after.DueAt)), ClosedAt: lost(stamp(before.ClosedAt), stamp(after.ClosedAt)),
		Attempts: lost(before.Attempts, after.Attempts), Outcome: lost(before.Outcome, after.Outcome), Reason: lost(before.Reason, after.Reason),
	}
}

func lost[T comparable](before, after T) *T {
	if before == after {
		return nil
	}
	return &before
}

// Restore puts back what was replaced.
func (w *Was) Restore(th *Thread) {
	restore(&th.State, w.State)
	restore(&th.Owner, w.Owner)
	restore(&th.Given, w.Given)
	restoreTime(&th.ClaimUntil, w.ClaimUntil)
	restoreTime(&th.WakeAt, w.WakeAt)
	restoreTime(&th.DueAt, w.DueAt)
	restoreTime(&th.ClosedAt, w.ClosedAt)
	restore(&th.Attempts, w.Attempts)
	restore(&th.Outcome, w.Outcome)
	restore(&th.Reason, w.Reason)
}

func restore[T any](to *T, was *T) {
	if was != nil {
		*to = *was
	}
}

func restoreTime(to *time.Time, was *int64) {
	switch {
	case was == nil:
	case *was == 0:
		*to = time.Time{}
	default:
		*to = time.UnixMicro(*was).UTC()
	}
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Settle gives an open thread the state that its owner and its times mean.
func (th *Thread) Settle() {
	switch {
	case !th.WakeAt.IsZero():
		th.State = Waiting
	case !th.ClaimUntil.IsZero():
		th.State = Working
	case th.Owner != 0:
		th.State = Assigned
	default:
		th.State = New
	}
}

// Grace is how long after a thread is back from waiting somebody should have
// called, when nothing else was promised.
const Grace = 15 * time.Minute

// Wake ends a thread's waiting. Whose it is stays as it was.
func (th *Thread) Wake(now time.Time) {
	if th.DueAt.IsZero() {
		th.DueAt = now.Add(Grace)
	}
	th.WakeAt = time.Time{}
	th.Settle()
}

// unpromised is added to when a thread began that nothing is promised for: such
// threads come after all others, the oldest first.
const unpromised = 1 << 53

// Urgency orders open threads: the smaller, the sooner somebody must act.
func (th *Thread) Urgency() int64 {
	wake, due := stamp(th.WakeAt), stamp(th.DueAt)
	switch {
	case wake == 0 && due == 0:
		return unpromised + stamp(th.FirstAt)
	case wake == 0:
		return due
	case due == 0:
		return wake
	}
	return min(wake, due)
}

// briefest is the length of an excerpt, in characters.
const briefest = 140

// Brief is how a text begins: at most 140 characters in one line.
func Brief(text string) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) {
			space = n > 0
			continue
		}
		if space {
			b.WriteByte(' ')
			n++
		}
		if n >= briefest {
			break
		}
		b.WriteRune(r)
		n, space = n+1, false
	}
	return strings.TrimRight(b.String(), " \u200d")
}
