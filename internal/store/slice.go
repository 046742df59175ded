package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Slice is one transaction of sorting: what it takes from the journal is gone
// when it commits, and was never touched when it does not.
type Slice struct{ t *tx }

// Slice runs do in one transaction. The event counters of the tenants are locked
// first, in their order: sorters on several nodes take turns at a tenant, and
// never wait for each other in a circle.
func (s *Store) Slice(ctx context.Context, tenants []desk.TenantID, do func(*Slice) error) error {
	return s.change(ctx, func(t *tx) error {
		for _, tenant := range slices.Sorted(slices.Values(tenants)) {
			if err := t.lock(ctx, tenant); err != nil {
				return err
			}
		}
		return do(&Slice{t})
	})
}

// lock takes the tenant's event counter, so that whoever changes his threads
// waits for the others, in one line.
func (t *tx) lock(ctx context.Context, tenant desk.TenantID) error {
	if t.s.traits.ForUpdate == "" {
		return nil
	}
	var seq int64
	err := t.row(ctx, tenant, `SELECT seq FROM counter WHERE tenant_id = $1`+t.s.traits.ForUpdate).Scan(&seq)
	if missing(err) {
		return nil
	}
	return err
}

// Buckets are the parts of the journal: those that this process writes to, and
// all of them.
func (s *Store) Buckets() (own, all []int) {
	home, strayed := int(s.home.Load()), s.strayed.Load()
	for i := range s.traits.Buckets {
		b := (home + i) % s.traits.Buckets
		all = append(all, b)
		if i == 0 || strayed&(1<<b) != 0 {
			own = append(own, b)
		}
	}
	return own, all
}

// Oldest reads the oldest journal rows of a bucket, until they hold so many
// messages; they stay there. It is done outside any transaction, so that they
// can be made ready without holding up those who write.
//
// PostgreSQL sends all rows that it is asked for, whoever reads on, and a row may
// be tens of kilobytes. So it is asked for as many as full rows would be, and
// when they are not full, for as many more as the rest will need if it is alike.
func (s *Store) Oldest(ctx context.Context, bucket, messages int) (all []desk.Row, err error) {
	for got, limit, after := 0, rowsOf(messages, desk.RowLines), desk.ID(0); ; {
		found, err := s.ask(ctx, `SELECT bucket, id, last_id, messages, lines, hash FROM journal
			WHERE bucket = $1 AND id > $2 ORDER BY bucket, id LIMIT $3`, int64(bucket), int64(after), limit)
		some, err := collect(found, err, scanRow)
		if err != nil {
			return nil, s.judge(err, false)
		}
		for i := range some {
			r := &some[i]
			r.Damaged = !r.intact()
			all, after = append(all, r.Row), r.First
			if got += max(r.Count, 1); got >= messages {
				return all, nil
			}
		}
		if len(some) < limit {
			return all, nil
		}
		limit = rowsOf(messages-got, got/len(all))
	}
}

// rowsOf is how many rows hold so many messages.
func rowsOf(messages, each int) int { return (messages + each - 1) / each }

// Take removes rows of one bucket from the journal and gives the first IDs of
// those that it removed: another sorter may be at some, or was first.
func (s *Slice) Take(ctx context.Context, rows []desk.Row) (mine []desk.ID, err error) {
	for some := range slices.Chunk(rows, takeRows) {
		marks := []any{int64(some[0].Bucket)}
		for _, r := range some {
			marks = append(marks, int64(r.First))
		}
		for len(marks) <= takeRows {
			marks = append(marks, int64(0)) // no row has this ID
		}
		found, err := s.t.ask(ctx, takeText+s.t.s.traits.SkipLocked+`) RETURNING id`, marks...)
		got, err := collect(found, err, func(sc scanner) (id desk.ID, err error) {
			err = sc.Scan((*int64)(&id))
			return id, err
		})
		if err != nil {
			return nil, err
		}
		mine = append(mine, got...)
	}
	return mine, s.deleteFirst(ctx)
}

// takeRows is how many rows one statement takes.
const takeRows = 32

var takeText = `DELETE FROM journal WHERE bucket = $1 AND id IN
	(SELECT id FROM journal WHERE bucket = $1 AND id IN (` + marks(2, takeRows) + `)`

// deleteFirst is a broken promise: the journal row is gone before its messages
// are placed.
func (s *Slice) deleteFirst(ctx context.Context) error {
	if !teeth.On("delete-first") {
		return nil
	}
	if err := s.t.Commit(); err != nil {
		return err
	}
	again, err := s.t.s.write.BeginTx(ctx, nil)
	s.t.Tx, s.t.scoped = again, false
	return err
}

// Newest finds, for each of the callers, the thread that is open, else the
// newest; a caller who never left a message in the channel has none.
func (s *Slice) Newest(ctx context.Context, tenant desk.TenantID, callers []desk.Caller) (map[desk.Caller]desk.Thread, error) {
	ids, err := s.newest(ctx, tenant, callers)
	if err != nil {
		return nil, err
	}
	all := make(map[desk.Caller]desk.Thread, len(ids))
	for some := range s.t.inBulk("n", ids) {
		found, err := s.t.query(ctx, tenant, `WITH theirs (thread_id) AS (`+some.table()+`) `+
			selectThread+` JOIN theirs ON id = thread_id WHERE tenant_id = $1`, some.args...)
		threads, err := collect(found, err, scanThread)
		if err != nil {
			return nil, err
		}
		for _, th := range threads {
			all[desk.Caller{Channel: th.Channel, Key: th.CallerKey}] = th
		}
	}
	return all, nil
}

// newest are the IDs of these threads. They are found by themselves, because
// without statistics SQLite would rather walk the tenant's threads backwards
// until it meets the caller, and because PostgreSQL would rather read a whole
// table to join it with so many threads, also when most callers have none.
func (s *Slice) newest(ctx context.Context, tenant desk.TenantID, callers []desk.Caller) (ids []any, _ error) {
	vals := make([]any, 0, 2*len(callers))
	for _, c := range callers {
		vals = append(vals, int64(c.Channel), c.Key)
	}
	for some := range s.t.inBulk("nt", vals) {
		found, err := s.t.query(ctx, tenant, `WITH want (channel_id, caller_key) AS (`+some.table()+`) SELECT coalesce(
				(SELECT id FROM thread o WHERE o.tenant_id = $1 AND o.caller_key = want.caller_key AND o.channel_id = want.channel_id AND o.state <> 'closed'),
				(SELECT max(id) FROM thread c WHERE c.tenant_id = $1 AND c.caller_key = want.caller_key AND c.channel_id = want.channel_id), 0)
			FROM want`, some.args...)
		theirs, err := collect(found, err, func(sc scanner) (id int64, err error) { return id, sc.Scan(&id) })
		if err != nil {
			return nil, err
		}
		for _, id := range theirs {
			if id != 0 {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// Put writes a tenant's threads: new ones when their Version is 0, the others by
// compare-and-set on the version that they were read with. Of those it writes
// what messages change.
func (s *Slice) Put(ctx context.Context, tenant desk.TenantID, threads []*desk.Thread) error {
	var fresh, known []*desk.Thread
	for _, th := range threads {
		if th.Version == 0 {
			fresh = append(fresh, th)
		} else {
			known = append(known, th)
		}
	}
	if err := s.t.addThreads(ctx, tenant, fresh); err != nil {
		return err
	}
	return s.t.joinThreads(ctx, tenant, known)
}

// Insert stores a tenant's messages, which have their threads.
func (s *Slice) Insert(ctx context.Context, tenant desk.TenantID, messages []desk.Message) error {
	vals := make([]any, 0, 12*len(messages))
	for i := range messages {
		m := &messages[i]
		vals = append(vals, int64(m.ID), int64(m.Thread), int64(m.Channel), string(m.App), m.ReceivedAt.UnixMicro(),
			m.CallID, m.Caller, m.Text, m.UserID, m.UserName, m.Locale, messageHash(m))
	}
	for some := range s.t.inBulk("nnntnttttttb", vals) {
		if _, err := s.t.exec(ctx, tenant, `INSERT INTO message (tenant_id, id, thread_id, channel_id, app_key, received_at,
			call_id, caller, body, user_id, user_name, locale, hash) `+some.mine(), some.args...); err != nil {
			return err
		}
	}
	return nil
}

// Append adds events of one tenant to its log and numbers them without a gap.
func (s *Slice) Append(ctx context.Context, tenant desk.TenantID, events []desk.Event) error {
	return s.t.appendEvents(ctx, tenant, events)
}

// SetAside keeps a row that cannot be placed, with the reason; tenant 0 when not
// even that is known.
func (s *Slice) SetAside(ctx context.Context, tenant desk.TenantID, r desk.Row, reason string) error {
	_, err := s.t.exec(ctx, tenant, `INSERT INTO aside (tenant_id, id, messages, error, lines, hash)
		VALUES ($1, $2, $3, $4, $5, $6)`, int64(r.First), int64(r.Count), reason, r.Lines, rowHash(&r))
	return err
}

// Try runs do so that its failure undoes only what it did.
func (s *Slice) Try(ctx context.Context, do func() error) error {
	if _, err := s.t.ExecContext(ctx, `SAVEPOINT try`); err != nil {
		return s.t.s.judge(err, false)
	}
	if err := do(); err != nil {
		s.t.scoped = false // whose transaction it is was undone, too
		_, back := s.t.ExecContext(ctx, `ROLLBACK TO SAVEPOINT try`)
		if back != nil {
			return fmt.Errorf("%w (and it could not be undone: %w)", err, s.t.s.judge(back, false))
		}
		return err
	}
	_, err := s.t.ExecContext(ctx, `RELEASE SAVEPOINT try`)
	return s.t.s.judge(err, false)
}

// appendEvents raises the tenant's counter, which locks it, and then writes.
func (t *tx) appendEvents(ctx context.Context, tenant desk.TenantID, events []desk.Event) error {
	if len(events) == 0 {
		return nil
	}
	t.told = true
	var last int64
	err := t.row(ctx, tenant, `UPDATE counter SET seq = seq + $2 WHERE tenant_id = $1 RETURNING seq`, len(events)).Scan(&last)
	if err != nil {
		return t.s.judge(err, false)
	}
	for i := range events {
		events[i].Tenant, events[i].Seq = tenant, last-int64(len(events)-1-i)
		if err := t.once(ctx, &events[i]); err != nil {
			return err
		}
	}
	vals := make([]any, 0, 7*len(events))
	for i := range events {
		e := &events[i]
		vals = append(vals, e.Seq, int64(e.Thread), e.Kind, e.Actor, e.At.UnixMicro(), string(e.Data), eventHash(e))
	}
	for some := range t.inBulk("nnttntb", vals) {
		if _, err := t.exec(ctx, tenant, `INSERT INTO event (tenant_id, seq, thread_id, kind, actor, at, data, hash) `+some.mine(), some.args...); err != nil {
			return err
		}
	}
	return nil
}
