package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/search"
)

// hunt is one search: what is asked for, and what was found so far.
type hunt struct {
	*Finder
	tenant  desk.TenantID
	q       desk.Query
	words   *search.Query
	page    []desk.Listed
	damaged *Damaged

	threaded      bool    // only what is in a thread, an open one unless q says otherwise
	seen, dropped int     // messages, and those of them whose thread is in another state
	until         desk.ID // what is below it was not looked at any more
}

// Messages is a page of the tenant's messages that have all the words of
// q.Text, newest first, as Store.Messages. Invalid when q.Text cannot be searched
// for, Busy when the index is being made and looking without it took too long.
func (f *Finder) Messages(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, error) {
	words, err := search.Parse(q.Text)
	if err != nil {
		return nil, err
	}
	h := &hunt{Finder: f, tenant: tenant, q: q, words: words}
	// A message goes from the journal to its thread, and then into the index.
	// Looked at in this order, it may be found twice, and is never missed.
	if err := h.unsorted(ctx); err != nil {
		return nil, err
	}
	if q.State != desk.Stored && q.State != desk.Aside {
		if err := h.sorted(ctx); err != nil {
			return nil, err
		}
	}
	return newest(h.page, q.Limit), h.damaged.err()
}

// Threaded is Messages for those that are in a thread: an open one, unless q.State
// says otherwise. It also gives the ID below which the next page begins; 0 is the
// end. A page may be short, or empty, and not the last: among very many that are
// in other threads, it does not look for ever.
func (f *Finder) Threaded(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, desk.ID, error) {
	words, err := search.Parse(q.Text)
	if err != nil {
		return nil, 0, err
	}
	h := &hunt{Finder: f, tenant: tenant, q: q, words: words, threaded: true}
	if err := h.sorted(ctx); err != nil {
		return nil, 0, err
	}
	page, next := newest(h.page, q.Limit), h.until
	// What is not indexed yet is found at once, however old it is.
	if n := slices.IndexFunc(page, func(m desk.Listed) bool { return m.ID < next }); n >= 0 {
		page = page[:n]
	}
	if len(page) == q.Limit {
		next = page[q.Limit-1].ID
	}
	return page, next, h.damaged.err()
}

// tailMost is how many events are looked through one by one. A longer tail means
// that the index is being made: then the messages themselves are.
const tailMost = 5000

func (h *hunt) sorted(ctx context.Context) error {
	covered, head, err := h.covered(ctx, h.tenant)
	if err != nil {
		return err
	}
	if head-covered > tailMost {
		return h.walk(ctx, covered, head)
	}
	if covered < head {
		if err := h.tail(ctx, covered); err != nil {
			return err
		}
	}
	err = h.indexed(ctx)
	var known *desk.Error
	if errors.As(err, &known) && known.Code == IndexLost {
		return h.walk(ctx, 0, head)
	}
	return err
}

// full says whether the page has all it needs of what is not above id.
func (h *hunt) full(id desk.ID) bool {
	if len(h.page) < h.q.Limit {
		return false
	}
	h.page = newest(h.page, h.q.Limit)
	return len(h.page) == h.q.Limit && (h.q.Limit == 0 || h.page[h.q.Limit-1].ID > id)
}

// unsorted looks through the journal and what was set aside.
func (h *hunt) unsorted(ctx context.Context) error {
	if h.q.State == "" || h.q.State == desk.Stored {
		if err := h.Store.eachJournalRow(ctx, h.q, func(r *storedRow) bool {
			if h.full(r.Last) {
				return false
			}
			h.read(r, desk.Stored)
			return true
		}); err != nil {
			return err
		}
	}
	if h.q.State != "" && h.q.State != desk.Aside {
		return nil
	}
	const page = 200
	for at := below(h.q); !h.full(at); {
		found, err := h.Store.query(ctx, h.tenant, `SELECT 0, id, id, messages, lines, hash FROM aside
			WHERE tenant_id = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4`, int64(since(h.q)), int64(at), page)
		aside, err := collect(found, err, scanRow)
		if err != nil {
			return err
		}
		for i := range aside {
			h.read(&aside[i], desk.Aside)
			at = aside[i].First
		}
		if len(aside) < page {
			break
		}
	}
	return nil
}

func (h *hunt) read(r *storedRow, state desk.State) {
	all, err := parseLines(r.Lines)
	if err != nil || !r.intact() {
		h.damaged = h.damaged.add("journal row", r.First)
		return
	}
	for i := range all {
		m := &all[i]
		if matches(m, h.tenant, h.q) && h.words.Matches(document(m, number.Key(m.Caller, number.DefaultRegion))) {
			h.page = append(h.page, desk.Listed{Message: *m, State: state})
		}
	}
}

// tail looks through what was sorted and is not in the index yet.
func (h *hunt) tail(ctx context.Context, covered int64) error {
	var ids []desk.ID
	for {
		e, err := h.Store.Events(ctx, h.tenant, covered, 1000)
		if err != nil {
			return err
		}
		for _, left := range leftIn(e.Events) {
			if left.ID < below(h.q) && left.ID >= since(h.q) {
				ids = append(ids, left.ID)
			}
		}
		if e.Last == 0 {
			break
		}
		covered = e.Last
	}
	slices.SortFunc(ids, func(a, b desk.ID) int { return cmp.Compare(b, a) })
	for some := range slices.Chunk(ids, loadMost) {
		if h.full(some[0]) {
			break
		}
		if err := h.load(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// indexed asks the index, as often as it takes.
func (h *hunt) indexed(ctx context.Context) error {
	w := Want{Tokens: h.words.Tokens, Since: since(h.q), Before: below(h.q), Most: min(h.q.Limit+14, loadMost)}
	for w.Before > w.Since && !h.full(w.Before-1) {
		ids, floor, err := h.Index.Find(ctx, h.tenant, w)
		if err == nil {
			ids, err = h.sieve(ctx, ids)
		}
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, loadMost) {
			if err := h.load(ctx, some); err != nil {
				return err
			}
		}
		w.Before = min(w.Before, floor)
		if h.threaded && h.dropped >= dropMost && w.Before > w.Since {
			h.until = w.Before
			break
		}
		w.Most = min(2*w.Most, loadMost) // it was not enough: the words are rarer together than alone
	}
	return nil
}

// dropMost is how many messages of threads in another state a page looks at.
const dropMost = 2000

// sieve drops messages whose thread is in another state, without reading what they
// say; it begins when most of them are.
func (h *hunt) sieve(ctx context.Context, ids []desk.ID) (kept []desk.ID, err error) {
	if !h.threaded || h.dropped == 0 || 2*h.dropped < h.seen {
		return ids, nil
	}
	for some := range slices.Chunk(ids, loadMost) {
		w := where{}
		if h.q.State != "" {
			w.and(`(`+stateOf+`) = `, string(h.q.State))
		} else {
			w.text += ` AND (` + stateOf + `) <> 'closed'`
		}
		w.ids(`m.id`, padded(some))
		found, err := h.Store.query(ctx, h.tenant, `SELECT m.id FROM message m WHERE m.tenant_id = $1`+w.text+` ORDER BY m.id DESC`, w.args...)
		left, err := collect(found, err, scanID)
		if err != nil {
			return nil, err
		}
		kept = append(kept, left...)
		h.dropped += len(some) - len(left)
		h.seen += len(some) - len(left)
	}
	return kept, nil
}

// walk looks through the messages themselves, newest first.
func (h *hunt) walk(ctx context.Context, covered, head int64) error {
	end := time.Now().Add(cmp.Or(h.Patience, 10*time.Second))
	for at := below(h.q); !h.full(at - 1); {
		if time.Now().After(end) {
			return desk.Errorf(desk.Busy, "index_in_the_making",
				"the search index is being made (%d of %d events are in it); name a caller or a date to search now, or try again in some minutes", covered, head)
		}
		w := where{}
		w.and(`m.id >= `, int64(since(h.q)))
		w.and(`m.id < `, int64(at))
		if h.q.Channel != 0 {
			w.and(`m.channel_id = `, int64(h.q.Channel))
		}
		switch {
		case h.q.State != "":
			w.and(`t.state = `, string(h.q.State))
		case h.threaded:
			w.text += ` AND t.state <> 'closed'`
		}
		if h.q.Caller != "" {
			w.in(`t.caller_key`, h.q.Keys)
		}
		found, err := h.Store.query(ctx, h.tenant, selectFound+` WHERE m.tenant_id = $1`+w.text+` ORDER BY m.id DESC LIMIT `+w.arg(loadMost), w.args...)
		all, err := collect(found, err, scanFound)
		if err != nil {
			return err
		}
		for i := range all {
			at = all[i].ID
		}
		h.keep(all)
		if len(all) < loadMost {
			break
		}
	}
	return nil
}

// loadMost is how many messages are read at once.
const loadMost = 512

// load reads candidates, which are of the right time, and keeps those that match.
func (h *hunt) load(ctx context.Context, ids []desk.ID) error {
	all, err := h.named(ctx, h.tenant, ids)
	if err == nil {
		h.keep(all)
	}
	return err
}

// padded repeats the last ID until there are 8, 16, 32 … 512, so that there are few
// texts of statements.
func padded(ids []desk.ID) []desk.ID {
	size := 8
	for size < len(ids) {
		size *= 2
	}
	return append(slices.Clone(ids), slices.Repeat(ids[len(ids)-1:], size-len(ids))...)
}

func (h *hunt) keep(all []foundMessage) {
	for i := range all {
		m := &all[i]
		h.seen++
		switch {
		case !intact(messageHash(&m.Message), m.hash):
			h.damaged = h.damaged.add("message", m.ID)
		case !h.inState(m.State):
			h.dropped++
		case h.wants(m) && h.words.Matches(document(&m.Message, m.callerKey)):
			h.page = append(h.page, m.Listed)
		}
	}
}

// inState says whether the message's thread is in the state that is asked for.
func (h *hunt) inState(is desk.State) bool {
	switch {
	case h.q.State != "":
		return is == h.q.State
	case h.threaded:
		return is != desk.Closed
	}
	return true
}

// wants says whether the message is what is asked for besides words, time and
// state.
func (h *hunt) wants(m *foundMessage) bool {
	return m.State != "" && (h.q.Channel == 0 || m.Channel == h.q.Channel) &&
		(h.q.Caller == "" || slices.Contains(h.q.Keys, m.callerKey))
}
