package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

const selectMessage = `SELECT m.tenant_id, m.id, m.thread_id, m.channel_id, m.app_key, m.received_at,
	m.call_id, m.caller, m.body, m.user_id, m.user_name, m.locale, m.hash, t.state
	FROM message m JOIN thread t ON t.tenant_id = m.tenant_id AND t.id = m.thread_id`

type hashedMessage struct {
	desk.Listed
	hash []byte
}

func scanMessage(sc scanner) (m hashedMessage, err error) {
	var at int64
	err = sc.Scan((*int64)(&m.Tenant), (*int64)(&m.ID), (*int64)(&m.Thread), (*int64)(&m.Channel), (*string)(&m.App), &at,
		&m.CallID, &m.Caller, &m.Text, &m.UserID, &m.UserName, &m.Locale, &m.hash, (*string)(&m.State))
	m.ReceivedAt = time.UnixMicro(at).UTC()
	return m, err
}

// sound drops the rows whose hash does not match and names them.
func sound(all []hashedMessage, err error) ([]desk.Listed, error) {
	if err != nil {
		return nil, err
	}
	var damaged *Damaged
	kept := make([]desk.Listed, 0, len(all))
	for i := range all {
		if !intact(messageHash(&all[i].Message), all[i].hash) {
			damaged = damaged.add("message", all[i].ID)
			continue
		}
		kept = append(kept, all[i].Listed)
	}
	return kept, damaged.err()
}

// Messages is a page of a tenant's messages, newest first, whatever sorting has
// done with them so far: what is in the journal is listed as stored, what could
// not be placed as aside. With a *Damaged error the page is valid all the same.
func (s *Store) Messages(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, error) {
	// The journal is read first: a message that is sorted in between is then
	// found twice, never missed.
	page, err := s.unsorted(ctx, tenant, q)
	if err != nil && !isDamaged(err) {
		return nil, err
	}
	sorted, err2 := s.sorted(ctx, tenant, q)
	if err2 != nil && !isDamaged(err2) {
		return nil, err2
	}
	return newest(append(page, sorted...), q.Limit), cmp.Or(err, err2)
}

// newest sorts, drops what is there twice (in its thread first) and cuts.
func newest(page []desk.Listed, limit int) []desk.Listed {
	slices.SortStableFunc(page, func(a, b desk.Listed) int {
		return cmp.Or(cmp.Compare(b.ID, a.ID), cmp.Compare(b.Thread, a.Thread))
	})
	page = slices.CompactFunc(page, func(a, b desk.Listed) bool { return a.ID == b.ID })
	return page[:min(len(page), limit)]
}

func (s *Store) sorted(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, error) {
	if q.State == desk.Stored || q.State == desk.Aside {
		return nil, nil
	}
	w := where{args: []any{int64(since(q)), int64(below(q))}}
	w.text = ` WHERE m.tenant_id = $1 AND m.id >= $2 AND m.id < $3`
	if q.Channel != 0 {
		w.and(`m.channel_id = `, int64(q.Channel))
	}
	if q.State != "" {
		w.and(`t.state = `, string(q.State))
	}
	if q.Caller != "" {
		w.in(`t.caller_key`, q.Keys)
	}
	text := selectMessage + w.text + ` ORDER BY m.id DESC LIMIT ` + w.arg(q.Limit)
	if teeth.On("any-message") {
		text = anybodys(text)
	}
	rows, err := s.query(ctx, tenant, text, w.args...)
	return sound(collect(rows, err, scanMessage))
}

// unsorted looks through the journal and what was set aside.
func (s *Store) unsorted(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, error) {
	l := &look{tenant: tenant, q: q}
	if q.State == "" || q.State == desk.Stored {
		bucket, found := -1, 0
		if err := s.eachJournalRow(ctx, q, func(r *storedRow) bool {
			if r.Bucket != bucket { // another bucket begins with what is newest in it
				bucket, found = r.Bucket, 0
			}
			found += l.keep(r, desk.Stored)
			return found < q.Limit
		}); err != nil {
			return nil, err
		}
	}
	if q.State == "" || q.State == desk.Aside {
		if err := s.eachAside(ctx, tenant, q, func(r *storedRow) int { return l.keep(r, desk.Aside) }); err != nil {
			return nil, err
		}
	}
	return l.page, l.damaged.err()
}

// look gathers what matches.
type look struct {
	tenant  desk.TenantID
	q       desk.Query
	page    []desk.Listed
	damaged *Damaged
}

func (l *look) keep(r *storedRow, state desk.State) (found int) {
	all, err := parseLines(r.Lines)
	if err != nil || !r.intact() {
		l.damaged = l.damaged.add("journal row", r.First)
		return 0
	}
	for i := range slices.Backward(all) {
		if matches(&all[i], l.tenant, l.q) {
			l.page = append(l.page, desk.Listed{Message: all[i], State: state})
			found++
		}
	}
	if l.q.Limit > 0 && len(l.page) > 8*l.q.Limit { // rows may overlap, so more are read than are needed
		l.page = newest(l.page, l.q.Limit)
	}
	return found
}

// eachAside goes through what was set aside, newest first, until there is enough.
func (s *Store) eachAside(ctx context.Context, tenant desk.TenantID, q desk.Query, do func(*storedRow) (found int)) error {
	const rows = 100
	for at, found := below(q), 0; found < q.Limit; {
		answer, err := s.query(ctx, tenant, `SELECT 0, id, id, messages, lines, hash FROM aside
			WHERE tenant_id = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4`, int64(since(q)), int64(at), rows)
		aside, err := collect(answer, err, scanRow)
		if err != nil {
			return err
		}
		for i := range aside {
			found += do(&aside[i])
		}
		if len(aside) < rows {
			return nil
		}
		at = aside[len(aside)-1].First
	}
	return nil
}

func matches(m *desk.Message, tenant desk.TenantID, q desk.Query) bool {
	return m.Tenant == tenant && m.ID < below(q) && m.ID >= since(q) &&
		(q.Channel == 0 || m.Channel == q.Channel) &&
		(q.Caller == "" || m.Caller == q.Caller || sameCaller(m.Caller, q.Keys))
}

// sameCaller reads the caller in the default region: the journal does not know
// the channel's. A local number from elsewhere is found by its other spellings
// only once it is sorted, a moment later.
func sameCaller(caller string, keys []string) bool {
	return slices.Contains(keys, number.Key(caller, number.DefaultRegion))
}

// Message finds a message by its ID or its reference. A reference may belong to
// more than one message, months apart; all are given, newest first.
func (s *Store) Message(ctx context.Context, tenant desk.TenantID, name string) ([]desk.Listed, error) {
	ids, err := named(name)
	if err != nil {
		return nil, err
	}
	// As in Messages: the journal first, or a message that is sorted in between
	// would be in neither.
	found, damaged := s.waiting(ctx, tenant, ids)
	if damaged != nil && !isDamaged(damaged) {
		return nil, damaged
	}
	for ids := range slices.Chunk(ids, 500) {
		w := where{text: ` WHERE m.tenant_id = $1`}
		w.ids(`m.id`, ids)
		rows, err := s.query(ctx, tenant, selectMessage+w.text+` ORDER BY m.id DESC`, w.args...)
		some, err := sound(collect(rows, err, scanMessage))
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	found = newest(found, len(found))
	if damaged == nil && len(found) == 0 {
		return nil, desk.Errorf(desk.Missing, "message", "there is no message %q", name)
	}
	return found, damaged
}

// named turns an ID or a reference into the IDs it may mean.
func named(name string) ([]desk.ID, error) {
	if n, err := strconv.ParseInt(name, 10, 64); err == nil && len(name) > 9 {
		return []desk.ID{desk.ID(n)}, nil
	}
	// An installation whose clock once ran ahead holds IDs of the future.
	return desk.Candidates(name, time.Unix(0, 0), time.Now().AddDate(1, 0, 0), 1)
}

// waiting finds messages by ID among those that are not sorted. Only few of the
// IDs that a reference may mean are as young as what is there.
func (s *Store) waiting(ctx context.Context, tenant desk.TenantID, ids []desk.ID) (all []desk.Listed, damaged error) {
	oldest, err := s.oldestWaiting(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if id < oldest || id.Time().After(time.Now().Add(time.Hour)) && len(ids) > 1 {
			continue
		}
		page, err := s.unsorted(ctx, tenant, desk.Query{Before: id + 1, Since: id.Time(), Limit: 1})
		if err != nil && !isDamaged(err) {
			return nil, err
		}
		damaged = cmp.Or(damaged, err)
		if i := slices.IndexFunc(page, func(l desk.Listed) bool { return l.ID == id }); i >= 0 {
			all = append(all, page[i])
		}
	}
	return all, damaged
}

// oldestWaiting is the smallest ID that is in the journal, or was set aside.
func (s *Store) oldestWaiting(ctx context.Context, tenant desk.TenantID) (desk.ID, error) {
	found, err := s.ask(ctx, `SELECT min(id) FROM journal`)
	oldest, err := collect(found, err, scanNumber)
	if err != nil {
		return 0, err
	}
	found, err = s.query(ctx, tenant, `SELECT min(id) FROM aside WHERE tenant_id = $1`)
	aside, err := collect(found, err, scanNumber)
	if err != nil {
		return 0, err
	}
	least := desk.ID(math.MaxInt64)
	for _, n := range append(oldest, aside...) {
		if n.Valid {
			least = min(least, desk.ID(n.Int64))
		}
	}
	return least, nil
}
