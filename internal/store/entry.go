package store

import (
	"context"
	"encoding/json"
	"math"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// A list of calls that is narrowed is looked through: entryLook events by one
// statement, entryLooks times for a page.
const (
	entryLook  = 1000
	entryLooks = 5
)

// Entries is a page of calls or notes, the newest first.
func (s *Store) Entries(ctx context.Context, tenant desk.TenantID, q desk.EntryQuery) (page desk.Entries, err error) {
	look := q.Limit + 1
	if q.Narrow() {
		look = entryLook
	}
	more := true
	for n := 0; more && n < entryLooks && len(page.Entries) < q.Limit; n++ {
		text, args := entryText(q, look)
		found, err := s.query(ctx, tenant, text, args...)
		all, err := collect(found, err, scanEntry)
		if err != nil {
			return page, err
		}
		more = len(all) == look
		for i := range all {
			if len(page.Entries) == q.Limit {
				more = true
				break
			}
			q.After = desk.Place{Key: micros(all[i].At), ID: desk.ID(all[i].Seq)}
			all[i].into(&page, &q)
		}
	}
	if more {
		page.Next = &q.After
	}
	return page, s.undone(ctx, tenant, page.Entries)
}

type hashedEntry struct {
	desk.Entry
	hash []byte
}

func scanEntry(sc scanner) (e hashedEntry, err error) {
	event, err := scanEvent(further{further{sc, &e.Caller}, (*int64)(&e.Channel)})
	e.Event, e.hash = event.Event, event.hash
	return e, err
}

// into takes an entry onto a page, when the page asks for it.
func (e *hashedEntry) into(page *desk.Entries, q *desk.EntryQuery) {
	if !intact(eventHash(&e.Event), e.hash) {
		page.Damaged = append(page.Damaged, e.Seq)
		return
	}
	if json.Unmarshal(e.Data, &e.Said) == nil && q.Has(&e.Entry) {
		page.Entries = append(page.Entries, e.Entry)
	}
}

// entryText looks at some events, and then reads whose threads they are in. Those
// of one thread are looked through with all its other events: there is an index
// of calls over time, and one of threads.
func entryText(q desk.EntryQuery, look int) (text string, args []any) {
	w := &where{}
	by := ` ORDER BY at DESC, seq DESC`
	if q.Thread != 0 {
		after := q.After.ID
		if after == 0 {
			after = math.MaxInt64
		}
		w.and(`thread_id = `, int64(q.Thread))
		w.and(`seq < `, int64(after))
		by = ` ORDER BY seq DESC`
	} else {
		after := q.After
		if until := micros(q.Until); after == (desk.Place{}) || until > 0 && until < after.Key {
			after = desk.Place{Key: until}
		}
		if after.Key == 0 {
			after.Key = math.MaxInt64
		}
		w.text = ` AND kind = 'call.attempted'` // as the index says it
		if q.Kind == desk.NoteAdded {
			w.text = ` AND kind = 'note.added'`
		}
		w.and(`at >= `, micros(q.Since))
		w.text += ` AND (at, seq) < (` + w.arg(after.Key) + `, ` + w.arg(int64(after.ID)) + `)`
	}
	return `SELECT e.tenant_id, e.seq, e.thread_id, e.kind, e.actor, e.at, e.data, e.hash, coalesce(t.channel_id, 0), coalesce(t.caller, '')
		FROM (` + eventsText(w.text+by+` LIMIT `+w.arg(look)) + by + `) e LEFT JOIN thread t ON t.tenant_id = $1 AND t.id = e.thread_id` + by, w.args
}

// eventsText finds events in an index, and then reads their rows: without
// statistics SQLite would rather walk the tenant's whole log.
func eventsText(which string) string {
	return selectEvent + ` WHERE tenant_id = $1 AND seq IN (SELECT seq FROM event WHERE tenant_id = $1` + which + `)`
}

// undone marks the calls that were taken back.
func (s *Store) undone(ctx context.Context, tenant desk.TenantID, all []desk.Entry) error {
	at := map[int64]*desk.Entry{}
	var threads []desk.ID
	for i := range all {
		if all[i].Kind == desk.CallAttempted {
			at[all[i].Seq] = &all[i]
			threads = append(threads, all[i].Thread)
		}
	}
	for some := range chunks(threads) {
		text, args := undoneText(some)
		found, err := s.query(ctx, tenant, text, args...)
		events, err := soundEvents(collect(found, err, scanEvent))
		if err != nil && !isDamaged(err) {
			return err
		}
		for i := range events {
			said, err := events[i].Details()
			for _, seq := range said.Undone {
				if e := at[seq]; e != nil && err == nil {
					e.Undone = true
				}
			}
		}
	}
	return nil
}

func undoneText(threads []desk.ID) (string, []any) {
	w := &where{}
	w.ids(`thread_id`, threads)
	return eventsText(` AND kind = 'thread.undone'` + w.text), w.args
}
