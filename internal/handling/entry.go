package handling

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// EntryQuery asks for a page of calls or notes, narrowed by what is set.
type EntryQuery struct {
	Kind    string         // desk.CallAttempted or desk.NoteAdded
	Thread  desk.ID        // 0: of all threads
	Channel desk.ChannelID // 0: all that the actor sees
	Person  desk.PersonID  // who called or wrote; 0: anybody
	Outcome desk.Outcome   // of the call; "": any
	Since   time.Time
	Until   time.Time
	Before  string // the Next of the page before; "": the first page
	Limit   int    // 1 to MaxLimit; 0: DefaultLimit
}

// EntryPage is a page of calls or notes, the newest first. Next is "" on the last;
// a page that is short, or even empty, need not be the last.
type EntryPage struct {
	Entries []desk.Entry
	Next    string
	Damaged []int64 // the numbers of events that are not shown
}

// Entries lists calls or notes, of one thread or of all that the actor sees. What
// was taken back stays in the list, and says so. Errors: Forbidden; Missing for a
// thread or channel that the actor does not see; Invalid "kind", "outcome",
// "limit", "cursor".
func (d *Desk) Entries(ctx context.Context, a desk.Actor, q EntryQuery) (EntryPage, error) {
	if err := may(&a, desk.ThreadsSee); err != nil {
		return EntryPage{}, err
	}
	e, err := entries(&a, &q)
	if err != nil {
		return EntryPage{}, err
	}
	mark := q.Kind
	if q.Thread != 0 {
		mark += "." + q.Thread.String()
		if _, err := d.thread(ctx, &a, q.Thread); err != nil {
			return EntryPage{}, err
		}
	}
	if e.After, err = parseCursor(mark, q.Before); err != nil {
		return EntryPage{}, err
	}
	found, err := d.Threads.Entries(ctx, a.Tenant, e)
	return EntryPage{Entries: found.Entries, Next: cursor(mark, found.Next), Damaged: found.Damaged}, err
}

// entries turns a query into what the store is asked for.
func entries(a *desk.Actor, q *EntryQuery) (desk.EntryQuery, error) {
	e := desk.EntryQuery{
		Kind: q.Kind, Thread: q.Thread, Channels: a.Channels, Outcome: q.Outcome,
		Since: q.Since, Until: q.Until, Limit: cmp.Or(q.Limit, DefaultLimit),
	}
	switch {
	case q.Kind != desk.CallAttempted && q.Kind != desk.NoteAdded:
		return e, desk.Errorf(desk.Invalid, "kind", "there are lists of calls and of notes")
	case e.Limit < 1 || e.Limit > MaxLimit:
		return e, desk.Errorf(desk.Invalid, "limit", "a page has 1 to %d rows", MaxLimit)
	case q.Outcome != "" && !slices.Contains(desk.Outcomes(), q.Outcome):
		return e, desk.Errorf(desk.Invalid, "outcome", "there is no such outcome")
	case q.Channel != 0 && !a.Sees(q.Channel):
		return e, desk.Errorf(desk.Missing, "channel", "there is no channel %s", q.Channel)
	}
	if q.Channel != 0 {
		e.Channels = []desk.ChannelID{q.Channel}
	}
	if q.Person != 0 {
		by := desk.Actor{Person: q.Person}
		e.By = by.Who()
	}
	return e, nil
}
