package handling

import (
	"cmp"
	"context"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
)

// How much is looked through for one page of a search.
const (
	searchMost   = 200 // messages at once
	searchRounds = 5
)

// search lists threads by the words of their messages, those with the newest such
// message first. It goes from message to message, so a thread in which an older
// one matches too may come again on a later page.
func (d *Desk) search(ctx context.Context, tenant desk.TenantID, words string, l desk.Listing) (page []desk.Thread, next *desk.Place, err error) {
	if d.Finder == nil {
		return nil, nil, desk.Errorf(desk.Invalid, "text", "there is no search here; list without words")
	}
	words, err = d.sought(ctx, tenant, words, l.Channels)
	if err != nil {
		return nil, nil, err
	}
	// A thread has a message or two with the same words.
	q := desk.Query{Text: words, Before: l.After.ID, Limit: min(2*l.Limit, searchMost)}
	if len(l.Channels) == 1 {
		q.Channel = l.Channels[0]
	}
	if l.View == desk.ViewClosed {
		q.State = desk.Closed
	}
	seen := map[desk.ID]bool{}
	for range searchRounds {
		found, below, err := d.Finder.Threaded(ctx, tenant, q)
		if err != nil {
			return nil, nil, err
		}
		threads, err := d.threadsOf(ctx, tenant, found, seen)
		if err != nil {
			return nil, nil, err
		}
		for i := range found {
			m := &found[i]
			th, ok := threads[m.Thread]
			if !ok || seen[m.Thread] {
				continue
			}
			seen[m.Thread] = true
			if inView(&th, &l) {
				page = append(page, th)
			}
			if len(page) == l.Limit {
				return page, &desk.Place{ID: m.ID}, nil
			}
		}
		if below == 0 {
			return page, nil, nil
		}
		short := len(found) < q.Limit // it looked through very many others
		q.Before, q.Limit = below, searchMost
		if short {
			break
		}
	}
	return page, &desk.Place{ID: q.Before}, nil
}

// sought is what to look for. Of a whole number, however somebody wrote it, that is
// what all ways of writing it end with: 020 7946 0958 is left as +44 20 7946 0958,
// which has no nought. How a local number is read depends on the channel.
func (d *Desk) sought(ctx context.Context, tenant desk.TenantID, words string, only []desk.ChannelID) (string, error) {
	channels, err := d.channels.get(ctx, tenant, d.now, d.Staff.Channels)
	if err != nil {
		return "", err
	}
	var regions []string
	for i := range channels {
		if len(only) == 0 || slices.Contains(only, channels[i].ID) {
			regions = append(regions, cmp.Or(channels[i].Region, number.DefaultRegion))
		}
	}
	for _, region := range append(regions, number.DefaultRegion) {
		if end := number.Sought(words, region); end != "" {
			return end, nil
		}
	}
	return words, nil
}

// threadsOf reads the threads of messages, but for those that were seen.
func (d *Desk) threadsOf(ctx context.Context, tenant desk.TenantID, messages []desk.Listed, seen map[desk.ID]bool) (map[desk.ID]desk.Thread, error) {
	var ids []desk.ID
	for i := range messages {
		if id := messages[i].Thread; id != 0 && !seen[id] { // 0 is not sorted yet
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	all, err := d.Threads.ThreadsByID(ctx, tenant, slices.Compact(ids))
	of := make(map[desk.ID]desk.Thread, len(all))
	for i := range all {
		of[all[i].ID] = all[i]
	}
	return of, err
}

// inView says whether a thread is in a view; it is what the store's condition is.
func inView(th *desk.Thread, l *desk.Listing) bool {
	open := th.State != desk.Closed
	since := th.LastAt
	in := open
	switch l.View {
	case desk.ViewClosed:
		in, since = !open, th.ClosedAt
	case desk.ViewMine:
		in = open && l.Owner != 0
	case desk.ViewUnclaimed:
		in = th.State == desk.New
	case desk.ViewAssigned:
		in = th.State == desk.Assigned
	case desk.ViewWorking:
		in = th.State == desk.Working
	case desk.ViewWaiting:
		in = th.State == desk.Waiting
	case desk.ViewDue:
		in = open && th.Urgency() <= l.Until.UnixMicro()
	case desk.ViewOverdue:
		in = open && !th.DueAt.IsZero() && !th.DueAt.After(l.Now)
	}
	return in && (l.Owner == 0 || th.Owner == l.Owner) && (l.Outcome == "" || th.Outcome == l.Outcome) &&
		(len(l.Channels) == 0 || slices.Contains(l.Channels, th.Channel)) && !since.Before(l.Since)
}
