package store

import (
	"context"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Lists of threads are walks along an index: the place where the last page ended
// is where the walk goes on. What a list is narrowed by stands in the index too,
// and a row is read only when it is on the page.

// listLook is how many closed threads one statement looks at, of which there are
// many, for a page that is narrowed; listLooks is how often it looks.
const (
	listLook  = 5000
	listLooks = 8
)

// order is the column that a list is ordered by, and whether downwards.
func order(o desk.Order) (key string, down bool) {
	switch o {
	case desk.OrderNewest:
		return "last_at", true
	case desk.OrderWaking:
		return "wake_at", false
	case desk.OrderClosed:
		return "closed_at", true
	}
	return "next_at", false
}

// List is a page of threads, and the place where the next one begins; none when
// the list ends here. A page may be short of l.Limit, or empty, and not the last.
func (s *Store) List(ctx context.Context, tenant desk.TenantID, l desk.Listing) (page []desk.Thread, next *desk.Place, err error) {
	if l.View != desk.ViewClosed || l.Owner == 0 && len(l.Channels) == 0 && l.Outcome == "" {
		return s.list(ctx, tenant, l, nil)
	}
	for range listLooks {
		floor, err := s.floor(ctx, tenant, l)
		if err != nil {
			return nil, nil, err
		}
		some, next, err := s.list(ctx, tenant, l, floor)
		page = append(page, some...)
		if err != nil || next != nil || floor == nil || len(page) == l.Limit {
			return page, firstOf(next, floor), err
		}
		l.After, l.Limit = *floor, l.Limit-len(some)
	}
	return page, &l.After, nil
}

func firstOf(a, b *desk.Place) *desk.Place {
	if a != nil {
		return a
	}
	return b
}

// floor is the place listLook threads further down the list, if it is so long.
func (s *Store) floor(ctx context.Context, tenant desk.TenantID, l desk.Listing) (*desk.Place, error) {
	wide := l
	wide.Owner, wide.Channels, wide.Outcome = 0, nil, ""
	w := listWhere(wide, nil)
	found, err := s.query(ctx, tenant, floorText(w), w.args...)
	all, err := collect(found, err, func(sc scanner) (p desk.Place, err error) {
		err = sc.Scan(&p.Key, (*int64)(&p.ID))
		return p, err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func floorText(w *where) string {
	return `SELECT closed_at, id FROM thread WHERE tenant_id = $1` + w.text + ` ORDER BY closed_at DESC, id DESC LIMIT 1 OFFSET ` + w.arg(listLook)
}

func (s *Store) list(ctx context.Context, tenant desk.TenantID, l desk.Listing, floor *desk.Place) ([]desk.Thread, *desk.Place, error) {
	text, args := listText(l, floor)
	found, err := s.query(ctx, tenant, text, args...)
	var nextAt []int64 // as it is stored: an older program leaves it at 0
	page, err := collect(found, err, func(sc scanner) (desk.Thread, error) {
		var at int64
		th, err := scanThread(further{sc, &at})
		nextAt = append(nextAt, at)
		return th, err
	})
	if err != nil || len(page) <= l.Limit {
		return page, nil, err
	}
	page = page[:l.Limit]
	last := l.Order.Place(&page[l.Limit-1])
	if l.Order == desk.OrderUrgent {
		last.Key = nextAt[l.Limit-1]
	}
	return page, &last, nil
}

// listText finds the threads of a page in an index, and one more, and then reads
// their rows.
func listText(l desk.Listing, floor *desk.Place) (text string, args []any) {
	w := listWhere(l, floor)
	key, down := order(l.Order)
	by := ` ORDER BY ` + key + `, id`
	if down {
		by = ` ORDER BY ` + key + ` DESC, id DESC`
	}
	return `SELECT ` + threadColumns + `, next_at FROM thread WHERE tenant_id = $1 AND id IN (SELECT id FROM thread WHERE tenant_id = $1` + w.text + by + ` LIMIT ` + w.arg(l.Limit+1) + `)` + by, w.args
}

// listWhere is the condition of a view, behind the tenant's. It repeats the conditions of the partial
// indexes word by word, since that is how they are recognised.
func listWhere(l desk.Listing, floor *desk.Place) *where {
	w := &where{text: ` AND state <> 'closed'`}
	switch l.View {
	case desk.ViewUnclaimed:
		w.text += ` AND owner = 0 AND state = 'new'`
	case desk.ViewAssigned:
		w.text += ` AND state = 'assigned'`
	case desk.ViewWorking:
		w.text += ` AND state = 'working'`
	case desk.ViewDue:
		w.and(`next_at <= `, micros(l.Until))
	case desk.ViewOverdue:
		w.and(`next_at <= `, micros(l.Now))
		w.text += ` AND due_at > 0`
		w.and(`due_at <= `, micros(l.Now))
	case desk.ViewWaiting:
		w.text += ` AND wake_at > 0`
	case desk.ViewClosed:
		w.text = ` AND state = 'closed'`
	}
	key, down := order(l.Order)
	switch {
	case l.Owner != 0:
		w.and(`owner = `, int64(l.Owner))
	case l.View == desk.ViewMine:
		w.text += ` AND owner = -1` // who is nobody has nothing
	}
	if l.Outcome != "" {
		w.and(`outcome = `, string(l.Outcome))
	}
	if !l.Since.IsZero() {
		since := "last_at"
		if l.View == desk.ViewClosed {
			since = "closed_at"
		}
		w.and(since+` >= `, micros(l.Since))
	}
	w.channels(l.Channels)
	sign, back := `>`, `<=`
	if down {
		sign, back = `<`, `>=`
	}
	if l.After != (desk.Place{}) {
		w.text += ` AND (` + key + `, id) ` + sign + ` (` + w.arg(l.After.Key) + `, ` + w.arg(int64(l.After.ID)) + `)`
	}
	if floor != nil {
		w.text += ` AND (` + key + `, id) ` + back + ` (` + w.arg(floor.Key) + `, ` + w.arg(int64(floor.ID)) + `)`
	}
	return w
}

// channels narrows to some; the list is filled up to a power of two, so that
// there are few texts of statements.
func (w *where) channels(only []desk.ChannelID) {
	if len(only) == 0 {
		return
	}
	size := 1
	for size < len(only) {
		size *= 2
	}
	ids := make([]desk.ID, size)
	for i := range ids {
		ids[i] = desk.ID(only[min(i, len(only)-1)])
	}
	w.ids(`channel_id`, ids)
}

// Tallies counts a tenant's open threads, a channel and owner at a time. The
// numbers are those of l.Now; due is what is so by l.Until.
func (s *Store) Tallies(ctx context.Context, tenant desk.TenantID, l desk.Listing) ([]desk.Tally, error) {
	found, err := s.query(ctx, tenant, tallyText, micros(l.Until), micros(l.Now))
	return collect(found, err, func(sc scanner) (t desk.Tally, err error) {
		err = sc.Scan((*int64)(&t.Channel), (*int64)(&t.Owner), &t.All, &t.Unclaimed, &t.Assigned, &t.Working, &t.Due, &t.Waiting, &t.Overdue)
		return t, err
	})
}

const tallyText = `SELECT channel_id, owner, count(*), sum(CASE WHEN state = 'new' THEN 1 ELSE 0 END),
	sum(CASE WHEN state = 'assigned' THEN 1 ELSE 0 END), sum(CASE WHEN state = 'working' THEN 1 ELSE 0 END),
	sum(CASE WHEN next_at <= $2 THEN 1 ELSE 0 END), sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END),
	sum(CASE WHEN due_at > 0 AND due_at <= $3 THEN 1 ELSE 0 END)
	FROM thread WHERE tenant_id = $1 AND state <> 'closed' GROUP BY channel_id, owner ORDER BY channel_id, owner`

// Loads says how much each person has to do; who has nothing is not in it.
func (s *Store) Loads(ctx context.Context, tenant desk.TenantID) ([]desk.Load, error) {
	found, err := s.query(ctx, tenant, loadText)
	return collect(found, err, func(sc scanner) (l desk.Load, err error) {
		err = sc.Scan((*int64)(&l.Person), &l.Open, (*int64)(&l.Newest))
		return l, err
	})
}

const loadText = `SELECT owner, count(*), max(id) FROM thread WHERE tenant_id = $1 AND owner > 0 AND state <> 'closed' GROUP BY owner ORDER BY owner`

// ThreadsByID reads threads in no order; who is not there is left out.
func (s *Store) ThreadsByID(ctx context.Context, tenant desk.TenantID, ids []desk.ID) (all []desk.Thread, err error) {
	for some := range chunks(ids) {
		w := where{text: ` WHERE tenant_id = $1`}
		w.ids(`id`, some)
		found, err := s.query(ctx, tenant, selectThread+w.text, w.args...)
		part, err := collect(found, err, scanThread)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

// CallersThreads are a caller's threads in all channels, newest first.
func (s *Store) CallersThreads(ctx context.Context, tenant desk.TenantID, callerKey string, limit int) ([]desk.Thread, error) {
	found, err := s.query(ctx, tenant, callersText, callerKey, limit)
	return collect(found, err, scanThread)
}

// Not in the order of the key, because without statistics SQLite would rather
// walk the tenant's threads backwards until it meets the caller.
const callersText = selectThread + ` WHERE tenant_id = $1 AND id IN (
	SELECT id FROM thread WHERE tenant_id = $1 AND caller_key = $2 ORDER BY id + 0 DESC LIMIT $3) ORDER BY id DESC`

// Found in an index first: without statistics SQLite would rather walk all that
// the tenant has, backwards.
var (
	newestMessages = selectMessage + ` WHERE m.tenant_id = $1 AND m.id IN (SELECT id FROM message WHERE tenant_id = $1 AND thread_id = $2
		ORDER BY id DESC LIMIT $3) ORDER BY m.id DESC`
	newestEvents = eventsText(` AND thread_id = $2 ORDER BY seq DESC LIMIT $3`) + ` ORDER BY seq DESC`
)

// Newest gives the newest messages of a thread, and of its events, in the order
// in which they came. With a *Damaged error both are valid all the same.
func (s *Store) Newest(ctx context.Context, tenant desk.TenantID, thread desk.ID, limit int) ([]desk.Listed, []desk.Event, error) {
	found, err := s.query(ctx, tenant, newestMessages, int64(thread), limit)
	messages, damaged := sound(collect(found, err, scanMessage))
	if damaged != nil && !isDamaged(damaged) {
		return nil, nil, damaged
	}
	found, err = s.query(ctx, tenant, newestEvents, int64(thread), limit)
	events, err := soundEvents(collect(found, err, scanEvent))
	if err == nil {
		err = damaged
	}
	slices.Reverse(messages)
	slices.Reverse(events)
	return messages, events, err
}
