package handling

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// ViewQuery asks for a page of a view, narrowed by what is set.
type ViewQuery struct {
	View    desk.View
	Order   desk.Order     // "": the view's own
	Channel desk.ChannelID // 0: all that the actor sees
	Owner   desk.PersonID  // 0: anybody's and nobody's
	Outcome desk.Outcome   // of the last call; "": any
	Since   time.Time      // with a message since then; with ViewClosed, closed since then
	Text    string         // words, numbers and characters that are in one of its messages
	Before  string         // the Next of the page before; "": the first page
	Limit   int            // 1 to MaxLimit; 0: DefaultLimit
}

// Threads on a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Soon is how far the view "due" looks ahead.
const Soon = time.Hour

// Page is a page of a view. Next goes on behind it, and is "" when there is no
// more; a page that is short, or even empty, need not be the last.
type Page struct {
	Threads []desk.Thread
	Next    string
}

// View lists threads. Errors: Forbidden; Missing for a channel that the actor does
// not see; Invalid "view", "order", "limit", "cursor", "text".
func (d *Desk) View(ctx context.Context, a desk.Actor, q ViewQuery) (Page, error) {
	if err := may(&a, desk.ThreadsSee); err != nil {
		return Page{}, err
	}
	l, err := d.listing(&a, &q)
	if err != nil {
		return Page{}, err
	}
	mark := string(l.View) + "." + string(l.Order)
	if q.Text != "" {
		mark = string(l.View) + ".text"
	}
	if l.After, err = parseCursor(mark, q.Before); err != nil {
		return Page{}, err
	}
	list := d.Threads.List
	if q.Text != "" {
		list = func(ctx context.Context, tenant desk.TenantID, l desk.Listing) ([]desk.Thread, *desk.Place, error) {
			return d.search(ctx, tenant, q.Text, l)
		}
	}
	found, next, err := list(ctx, a.Tenant, l)
	if err != nil {
		return Page{}, err
	}
	return Page{Threads: found, Next: cursor(mark, next)}, nil
}

// listing turns a query into what the store is asked for.
func (d *Desk) listing(a *desk.Actor, q *ViewQuery) (desk.Listing, error) {
	view, err := desk.ParseView(string(q.View))
	if err != nil {
		return desk.Listing{}, err
	}
	now := d.moment()
	l := desk.Listing{
		View: view, Order: cmp.Or(q.Order, view.Orders()[0]), Owner: q.Owner, Channels: a.Channels, Outcome: q.Outcome,
		Since: q.Since, Now: now, Until: now.Add(Soon), Limit: cmp.Or(q.Limit, DefaultLimit),
	}
	switch {
	case !slices.Contains(view.Orders(), l.Order):
		return l, desk.Errorf(desk.Invalid, "order", "this view cannot be ordered so")
	case l.Limit < 1 || l.Limit > MaxLimit:
		return l, desk.Errorf(desk.Invalid, "limit", "a page has 1 to %d threads", MaxLimit)
	case q.Outcome != "" && !slices.Contains(desk.Outcomes(), q.Outcome):
		return l, desk.Errorf(desk.Invalid, "outcome", "there is no outcome %q", string(q.Outcome))
	case q.Channel != 0 && !a.Sees(q.Channel):
		return l, desk.Errorf(desk.Missing, "channel", "there is no channel %s", q.Channel)
	}
	if q.Channel != 0 {
		l.Channels = []desk.ChannelID{q.Channel}
	}
	if view == desk.ViewMine {
		l.Owner = a.Person
	}
	return l, nil
}

// A cursor names the list that it belongs to, so that it is not taken for a place
// in another one.
func cursor(mark string, p *desk.Place) string {
	if p == nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(mark + "." + strconv.FormatInt(p.Key, 36) + "." + strconv.FormatInt(int64(p.ID), 36)))
}

func parseCursor(mark, s string) (p desk.Place, err error) {
	if s == "" {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	rest, ok := strings.CutPrefix(string(b), mark+".")
	key, id, both := strings.Cut(rest, ".")
	if err == nil && ok && both {
		var n, m int64
		if n, err = strconv.ParseInt(key, 36, 64); err == nil {
			m, err = strconv.ParseInt(id, 36, 64)
		}
		p = desk.Place{Key: n, ID: desk.ID(m)}
	}
	if err != nil || !ok || !both {
		return p, desk.Errorf(desk.Invalid, "cursor", "this cursor is not of this list; begin again with the first page")
	}
	return p, nil
}

// Counts is how many threads are in each view but the closed ones, for the
// channels that the actor sees. It is a second old at most.
func (d *Desk) Counts(ctx context.Context, a desk.Actor) (map[desk.View]int, error) {
	all, err := d.tallies(ctx, &a)
	if err != nil {
		return nil, err
	}
	counts := map[desk.View]int{}
	for i := range all {
		if t := &all[i]; a.Sees(t.Channel) {
			for _, v := range desk.Views() {
				if n := inTally(t, v, a.Person); n != 0 {
					counts[v] += n
				}
			}
		}
	}
	return counts, nil
}

// tallies counts open threads, at most once a second for everybody.
func (d *Desk) tallies(ctx context.Context, a *desk.Actor) ([]desk.Tally, error) {
	if err := may(a, desk.ThreadsSee); err != nil {
		return nil, err
	}
	return d.counts.get(ctx, a.Tenant, d.now, func(ctx context.Context, tenant desk.TenantID) ([]desk.Tally, error) {
		now := d.moment()
		return d.Threads.Tallies(ctx, tenant, desk.Listing{Now: now, Until: now.Add(Soon)})
	})
}

// inTally is how many of the tally's threads are in a view of that person's.
func inTally(t *desk.Tally, v desk.View, who desk.PersonID) int {
	switch v {
	case desk.ViewMine:
		if t.Owner != 0 && t.Owner == who {
			return t.All
		}
	case desk.ViewUnclaimed:
		return t.Unclaimed
	case desk.ViewAssigned:
		return t.Assigned
	case desk.ViewWorking:
		return t.Working
	case desk.ViewDue:
		return t.Due
	case desk.ViewWaiting:
		return t.Waiting
	case desk.ViewOverdue:
		return t.Overdue
	case desk.ViewAll:
		return t.All
	}
	return 0
}

// recount takes a thread out of the counts as it was and puts it in as it is: to
// count ten thousand again for each claim would cost more than the claim.
func (d *Desk) recount(now time.Time, was, is *desk.Thread) {
	d.counts.amend(is.Tenant, func(all []desk.Tally) []desk.Tally {
		all = slices.Clone(all) // somebody may be reading it
		all = tallied(all, was, now, -1)
		return tallied(all, is, now, 1)
	})
}

// tallied counts one thread as the store does, n times.
func tallied(all []desk.Tally, th *desk.Thread, now time.Time, n int) []desk.Tally {
	if th.State == desk.Closed {
		return all
	}
	i := slices.IndexFunc(all, func(t desk.Tally) bool { return t.Channel == th.Channel && t.Owner == th.Owner })
	if i < 0 {
		i, all = len(all), append(all, desk.Tally{Channel: th.Channel, Owner: th.Owner})
	}
	t := &all[i]
	for count, is := range map[*int]bool{
		&t.All: true, &t.Unclaimed: th.State == desk.New, &t.Assigned: th.State == desk.Assigned,
		&t.Working: th.State == desk.Working, &t.Waiting: th.State == desk.Waiting,
		&t.Due:     th.Urgency() <= now.Add(Soon).UnixMicro(),
		&t.Overdue: !th.DueAt.IsZero() && !th.DueAt.After(now),
	} {
		if is {
			*count += n
		}
	}
	return all
}
