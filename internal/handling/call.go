package handling

import (
	"context"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Call is an attempt to reach the caller.
type Call struct {
	Outcome desk.Outcome
	Note    string    // what was said, at most MaxNote characters
	Again   time.Time // when to call again; zero: Later says, where the outcome asks for it
	Close   bool      // the caller has been answered: close the thread in the same step
	Reason  string    // why it is closed
}

// Later is when to try again after a call that reached nobody, unless the agent
// says otherwise; 0 when there is nothing to try.
func Later(o desk.Outcome) time.Duration {
	switch o {
	case desk.LineBusy:
		return 15 * time.Minute
	case desk.NoAnswer:
		return time.Hour
	case desk.Voicemail:
		return 4 * time.Hour
	}
	return 0
}

// Call notes an attempt and does what follows from it, in one step that one Undo
// takes back. Whoever calls has the thread from then on, unless it is another's.
// Reached and wrong_number leave it with the one who called, until she closes it
// or c.Close does; busy, no_answer and voicemail let it wait until c.Again, or as
// long as Later says; again needs c.Again. The promise of a first call is kept by
// any of them. Errors as of Claim, and Invalid "outcome", "again", "note", "reason".
func (d *Desk) Call(ctx context.Context, a desk.Actor, id desk.ID, version int64, c Call) (desk.Thread, error) {
	if err := c.check(d.moment()); err != nil {
		return desk.Thread{}, err
	}
	return d.change(ctx, a, id, version, func(now time.Time, th *desk.Thread) ([]draft, error) {
		if err := d.take(ctx, &a, th); err != nil {
			return nil, err
		}
		th.Attempts++
		th.Outcome, th.DueAt = c.Outcome, time.Time{}
		attempt := draft{kind: desk.CallAttempted, Details: desk.Details{Outcome: c.Outcome, Note: c.Note}}
		again := c.Again
		if wait := Later(c.Outcome); again.IsZero() && wait > 0 {
			again = now.Add(wait)
		}
		switch {
		case c.Close:
			shut(th, now, c.Reason)
			return []draft{attempt, {kind: desk.ThreadClosed, Details: desk.Details{Outcome: c.Outcome, Reason: c.Reason}}}, nil
		case !again.IsZero():
			wait(th, again)
			attempt.Until = again
		case th.Owner != 0 && th.Owner == a.Person:
			d.work(th, now)
		default:
			th.WakeAt = time.Time{}
			th.Settle()
		}
		return []draft{attempt}, nil
	})
}

func (c *Call) check(now time.Time) (err error) {
	if c.Note, err = text(c.Note, "note", MaxNote); err != nil {
		return err
	}
	if c.Reason, err = text(c.Reason, "reason", MaxReason); err != nil {
		return err
	}
	c.Again = c.Again.UTC().Truncate(time.Microsecond)
	switch {
	case !slices.Contains(desk.Outcomes(), c.Outcome):
		return desk.Errorf(desk.Invalid, "outcome", "an outcome is one of reached, no_answer, busy, wrong_number, voicemail, again")
	case c.Reason != "" && !c.Close:
		return desk.Errorf(desk.Invalid, "reason", "a reason goes with closing the thread")
	case c.Close && (c.Outcome == desk.CallAgain || !c.Again.IsZero()):
		return desk.Errorf(desk.Invalid, "again", "a thread is closed or called again, not both")
	case c.Again.IsZero() && c.Outcome == desk.CallAgain:
		return desk.Errorf(desk.Invalid, "again", "say when to call again")
	case c.Again.IsZero():
		return nil
	case c.Outcome == desk.Reached || c.Outcome == desk.WrongNumber:
		return desk.Errorf(desk.Invalid, "again", "after %s nobody calls again; the outcome \"again\" says that you agreed on a time", c.Outcome)
	}
	return later(now, c.Again, "again")
}

// later checks a time to come.
func later(now, at time.Time, what string) error {
	if !at.After(now) || at.After(now.Add(MaxWait)) {
		return desk.Errorf(desk.Invalid, what, "choose a time within the next %d days", int(MaxWait/(24*time.Hour)))
	}
	return nil
}

// wait puts a thread off.
func wait(th *desk.Thread, until time.Time) {
	th.ClaimUntil, th.WakeAt = time.Time{}, until
	th.Settle()
}

// Snooze puts a thread off until a time within MaxWait. It stays with whoever has
// it, and a promise that was made stays due. Putting it off until the same time
// again changes nothing, so that an undo takes back what did. Errors as of Claim,
// and Invalid "until".
func (d *Desk) Snooze(ctx context.Context, a desk.Actor, id desk.ID, version int64, until time.Time) (desk.Thread, error) {
	until = until.UTC().Truncate(time.Microsecond)
	if err := later(d.moment(), until, "until"); err != nil {
		return desk.Thread{}, err
	}
	return d.change(ctx, a, id, version, func(_ time.Time, th *desk.Thread) ([]draft, error) {
		was := *th
		if err := d.take(ctx, &a, th); err != nil {
			return nil, err
		}
		if wait(th, until); *th == was {
			return nil, nil
		}
		return []draft{{kind: desk.ThreadSnoozed, Details: desk.Details{Until: until}}}, nil
	})
}

// shut closes a thread.
func shut(th *desk.Thread, now time.Time, reason string) {
	th.State, th.ClosedAt, th.Reason = desk.Closed, now, reason
	th.ClaimUntil, th.WakeAt, th.DueAt = time.Time{}, time.Time{}, time.Time{}
}

// Close closes a thread: the caller has been answered. Closing a closed one again
// is no error and changes nothing. Errors as of Claim, and Invalid "reason".
func (d *Desk) Close(ctx context.Context, a desk.Actor, id desk.ID, version int64, reason string) (desk.Thread, error) {
	reason, err := text(reason, "reason", MaxReason)
	if err != nil {
		return desk.Thread{}, err
	}
	return d.change(ctx, a, id, version, func(now time.Time, th *desk.Thread) ([]draft, error) {
		if th.State == desk.Closed {
			return nil, nil
		}
		if err := d.take(ctx, &a, th); err != nil {
			return nil, err
		}
		shut(th, now, reason)
		return []draft{{kind: desk.ThreadClosed, Details: desk.Details{Reason: reason}}}, nil
	})
}

// Reopen opens a closed thread again, claimed by the one who does. Reopening an
// open one changes nothing. Conflict "other_open" when the caller has left another
// message since, which opened a thread of its own.
func (d *Desk) Reopen(ctx context.Context, a desk.Actor, id desk.ID, version int64) (desk.Thread, error) {
	return d.change(ctx, a, id, version, func(now time.Time, th *desk.Thread) ([]draft, error) {
		if th.State != desk.Closed {
			return nil, nil
		}
		th.ClosedAt, th.Reason, th.Owner, th.Given = time.Time{}, "", 0, false
		th.ClaimUntil, th.WakeAt = time.Time{}, time.Time{} // an older program leaves them when it closes
		if err := d.free(ctx, &a, th); err != nil {
			return nil, err
		}
		if a.Person == 0 {
			th.Settle()
			return []draft{{kind: desk.ThreadReopened}}, nil
		}
		th.Owner = a.Person
		d.work(th, now)
		return []draft{{kind: desk.ThreadReopened, Details: desk.Details{Until: th.ClaimUntil}}}, nil
	})
}

// Note adds a note to a thread, open or closed, whoever has it. It changes nothing
// else, so nobody comes too late with one.
func (d *Desk) Note(ctx context.Context, a desk.Actor, id desk.ID, note string) error {
	if err := may(&a, desk.ThreadsHandle); err != nil {
		return err
	}
	note, err := text(note, "note", MaxNote)
	if err == nil && note == "" {
		err = desk.Errorf(desk.Invalid, "note", "write something first")
	}
	if err != nil {
		return err
	}
	th, err := d.thread(ctx, &a, id)
	if err != nil {
		return err
	}
	e, err := draft{kind: desk.NoteAdded, Details: desk.Details{Note: note}}.event(&a, d.moment(), &th)
	if err != nil {
		return err
	}
	e.Once = a.Once
	return d.Changes.AppendEvents(ctx, a.Tenant, e)
}
