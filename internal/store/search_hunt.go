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
		if err != nil {
			return err
		}
		for some := range slices.Chunk(ids, loadMost) {
			if err := h.load(ctx, some); err != nil {
				return err
			}
		}
		w.Before = min(w.Before, floor)
		w.Round++
		w.Most = min(2*w.Most, loadMost) // it was not enough: the words are rarer together than alone
	}
	return nil
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
		if h.q.State != "" {
			w.and(`t.state = `, string(h.q.State))
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
		switch {
		case !intact(messageHash(&m.Message), m.hash):
			h.damaged = h.damaged.add("message", m.ID)
		case h.wants(m) && h.words.Matches(document(&m.Message, m.callerKey)):
			h.page = append(h.page, m.Listed)
		}
	}
}

// wants says whether the message is what is asked for besides words and time.
func (h *hunt) wants(m *foundMessage) bool {
	return m.State != "" && (h.q.State == "" || m.State == h.q.State) &&
		(h.q.Channel == 0 || m.Channel == h.q.Channel) &&
		(h.q.Caller == "" || slices.Contains(h.q.Keys, m.callerKey))
}
