package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/search"
)

// SearchReader is the name of the reader of the event log that keeps the index
// of words. It ends in the version of the tokens: another version begins anew.
const SearchReader = "search.1"

// Index is a derived index of the words of messages. Losing it costs time and
// nothing else. It may give messages that do not match, or are not there any
// more; it must never leave one out that it says it covers.
type Index interface {
	// Covered is the number of a tenant's last event that the index has taken in,
	// and that event's hash, by which one history is told from another; no hash
	// where the index cannot outlive the events.
	Covered(ctx context.Context, tenant desk.TenantID) (seq int64, mark []byte, err error)
	// Find gives the messages that have all tokens, newest first. Nothing is
	// missing at or above floor; what is below must be asked for again, until
	// floor is w.Since.
	Find(ctx context.Context, tenant desk.TenantID, w Want) (ids []desk.ID, floor desk.ID, err error)
	// Add takes in entries and moves the cursor from l.Seq to the event to, whose
	// hash is mark. Conflict when l is not the lease any more.
	Add(ctx context.Context, l desk.Lease, all []Entry, to int64, mark []byte) error
	// Lost says that the index is of no use any more and must be made anew.
	Lost() bool
	// Forget empties the index of the tenant, or of all: it is of another history.
	Forget(ctx context.Context, l desk.Lease) error
	Close() error
}

// Want is what the index is asked for: messages from Since to below Before.
type Want struct {
	Tokens        []string
	Since, Before desk.ID
	Most          int // as many are enough for now
}

// IndexLost is the code of the error of an index that is of no use at the moment:
// what is searched for is then looked for in the messages themselves.
const IndexLost = "search_index_lost"

// Entry is a message as the index takes it in.
type Entry struct {
	ID     desk.ID
	Seq    int64 // of its event
	Tokens []string
}

// Finder finds messages by words and keeps the index that this needs. What the
// index does not have yet is looked through, so that nothing acknowledged is
// missed, and what it gives is compared with the message itself.
type Finder struct {
	Store *Store
	Index Index
	// Patience is how long a search may look through messages that are not in the
	// index, while it is being made; 0 is 10 s.
	Patience time.Duration
}

const selectFound = `SELECT m.tenant_id, m.id, m.thread_id, m.channel_id, m.app_key, m.received_at,
	m.call_id, m.caller, m.body, m.user_id, m.user_name, m.locale, m.hash, t.state, t.caller_key
	FROM message m JOIN thread t ON t.tenant_id = m.tenant_id AND t.id = m.thread_id`

// selectNamed is selectFound for messages that are named one by one. It leaves a
// planner no choice: one without statistics would read all threads for a join.
const selectNamed = `SELECT m.tenant_id, m.id, m.thread_id, m.channel_id, m.app_key, m.received_at,
	m.call_id, m.caller, m.body, m.user_id, m.user_name, m.locale, m.hash,
	coalesce((` + stateOf + `), ''),
	coalesce((SELECT t.caller_key FROM thread t WHERE t.tenant_id = $1 AND t.id = m.thread_id), '')
	FROM message m WHERE m.tenant_id = $1`

// stateOf is the state of a message's thread.
const stateOf = `SELECT t.state FROM thread t WHERE t.tenant_id = $1 AND t.id = m.thread_id`

// named reads up to loadMost messages.
func (f *Finder) named(ctx context.Context, tenant desk.TenantID, ids []desk.ID) ([]foundMessage, error) {
	w := where{}
	w.ids(`m.id`, padded(ids))
	found, err := f.Store.query(ctx, tenant, selectNamed+w.text, w.args...)
	return collect(found, err, scanFound)
}

type foundMessage struct {
	hashedMessage
	callerKey string
}

func scanFound(sc scanner) (m foundMessage, err error) {
	m.hashedMessage, err = scanMessage(further{sc, &m.callerKey})
	return m, err
}

// further scans one more column than is asked for.
type further struct {
	sc  scanner
	one any
}

func (f further) Scan(to ...any) error { return f.sc.Scan(append(to, f.one)...) }

func document(m *desk.Message, callerKey string) *search.Document {
	return &search.Document{Text: m.Text, Caller: m.Caller, UserName: m.UserName, CallerKey: callerKey}
}

// covered is up to which event the index can be relied on, and the last event:
// the first is 0 when the index is of another history.
func (f *Finder) covered(ctx context.Context, tenant desk.TenantID) (seq, head int64, err error) {
	seq, mark, err := f.Index.Covered(ctx, tenant)
	if err != nil {
		return 0, 0, err
	}
	if head, err = f.Store.head(ctx, tenant); err != nil || seq > head {
		return 0, head, err
	}
	if seq > 0 && mark != nil {
		theirs, err := f.Store.eventHashAt(ctx, tenant, seq)
		if err != nil || !slices.Equal(mark, theirs) {
			return 0, head, err
		}
	}
	return seq, head, nil
}

// leftIn are the messages that the events tell of.
func leftIn(events []desk.Event) (all []Entry) {
	for i := range events {
		if events[i].Kind != desk.MessageLeft {
			continue
		}
		var data struct {
			Message desk.ID `json:"message"`
		}
		if err := json.Unmarshal(events[i].Data, &data); err == nil && data.Message > 0 {
			all = append(all, Entry{ID: data.Message, Seq: events[i].Seq})
		}
	}
	return all
}

// Stand says up to which event the index has really come, whatever the lease
// says. An index that is lost, or of another history because a database was
// restored beside it, is emptied.
func (f *Finder) Stand(ctx context.Context, l desk.Lease) (int64, error) {
	if f.Index.Lost() {
		return 0, f.Index.Forget(ctx, l)
	}
	seq, _, err := f.covered(ctx, l.Tenant)
	if err != nil || seq > 0 {
		return seq, err
	}
	claimed, _, err := f.Index.Covered(ctx, l.Tenant)
	if err == nil && claimed > 0 {
		err = f.Index.Forget(ctx, l)
	}
	return 0, err
}

// Take takes the messages of some events into the index. It moves the cursor,
// too: in the same transaction, where both are in one place. Conflict when the
// lease was lost.
func (f *Finder) Take(ctx context.Context, l desk.Lease, e desk.Excerpt) error {
	left := leftIn(e.Events)
	tokens := make(map[desk.ID][]string, len(left))
	for some := range slices.Chunk(left, loadMost) {
		ids := make([]desk.ID, len(some))
		for i := range some {
			ids[i] = some[i].ID
		}
		all, err := f.named(ctx, l.Tenant, ids)
		if err != nil {
			return err
		}
		for i := range all {
			// A damaged message is never shown, so it need not be found.
			if m := &all[i]; intact(messageHash(&m.Message), m.hash) {
				tokens[m.ID] = document(&m.Message, m.callerKey).Tokens()
			}
		}
	}
	entries := left[:0]
	for _, one := range left {
		if one.Tokens = tokens[one.ID]; len(one.Tokens) > 0 {
			entries = append(entries, one)
		}
	}
	mark, err := f.Store.eventHashAt(ctx, l.Tenant, e.Last)
	if err != nil {
		return err
	}
	return f.Index.Add(ctx, l, entries, e.Last, mark)
}
