package store

import (
	"context"
	"fmt"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Slice is one transaction of sorting: what it takes from the journal is gone
// when it commits, and was never touched when it does not.
type Slice struct{ t *tx }

// Slice runs do in one transaction.
func (s *Store) Slice(ctx context.Context, do func(*Slice) error) error {
	return s.change(ctx, func(t *tx) error { return do(&Slice{t}) })
}

// Oldest reads the oldest journal rows, until they hold so many messages; they
// stay there. It is done outside any transaction, so that they can be made ready
// without holding up those who write.
func (s *Store) Oldest(ctx context.Context, messages int) (all []desk.Row, err error) {
	st, err := s.prepared(ctx, s.read, `SELECT id, last_id, messages, lines, hash FROM journal
		WHERE bucket = $1 ORDER BY bucket, id LIMIT $2`)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, int64(bucket), messages)
	if err != nil {
		return nil, s.judge(err, false)
	}
	defer rows.Close()
	for messages > 0 && rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, s.judge(err, false)
		}
		r.Damaged = !r.intact()
		all = append(all, r.Row)
		messages -= max(r.Count, 1)
	}
	return all, s.judge(rows.Err(), false)
}

// Take removes a row from the journal; false when another sorter was first.
func (s *Slice) Take(ctx context.Context, r *desk.Row) (mine bool, err error) {
	n, err := s.t.run(ctx, `DELETE FROM journal WHERE bucket = $1 AND id IN
		(SELECT id FROM journal WHERE bucket = $1 AND id = $2`+s.t.s.dialect.SkipLocked()+`)`, int64(bucket), int64(r.First))
	if err != nil || n == 0 {
		return false, err
	}
	return true, s.deleteFirst(ctx)
}

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
	s.t.Tx = again
	return err
}

// Newest is the newest thread of a caller in a channel; Missing when he never
// left a message there.
func (s *Slice) Newest(ctx context.Context, tenant desk.TenantID, channel desk.ChannelID, callerKey string) (desk.Thread, error) {
	// By way of max, because without statistics SQLite would rather walk the
	// tenant's threads backwards until it meets the caller.
	th, err := scanThread(s.t.row(ctx, tenant, selectThread+` WHERE tenant_id = $1 AND id =
		(SELECT max(id) FROM thread WHERE tenant_id = $1 AND caller_key = $2 AND channel_id = $3)`, callerKey, int64(channel)))
	if missing(err) {
		return th, desk.Errorf(desk.Missing, "thread", "this caller has no thread")
	}
	return th, s.t.s.judge(err, false)
}

// Put writes a thread: a new one when its Version is 0, else by compare-and-set
// on the version it was read with.
func (s *Slice) Put(ctx context.Context, th *desk.Thread) error { return s.t.putThread(ctx, th) }

const insertMessage = `INSERT INTO message (tenant_id, id, thread_id, channel_id, app_key, received_at,
	call_id, caller, body, user_id, user_name, locale, hash)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

// Insert stores messages that have their threads.
func (s *Slice) Insert(ctx context.Context, messages []desk.Message) error {
	for i := range messages {
		m := &messages[i]
		if _, err := s.t.exec(ctx, m.Tenant, insertMessage, int64(m.ID), int64(m.Thread), int64(m.Channel), string(m.App),
			m.ReceivedAt.UnixMicro(), m.CallID, m.Caller, m.Text, m.UserID, m.UserName, m.Locale, messageHash(m)); err != nil {
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
	var last int64
	err := t.row(ctx, tenant, `UPDATE counter SET seq = seq + $2 WHERE tenant_id = $1 RETURNING seq`, len(events)).Scan(&last)
	if err != nil {
		return t.s.judge(err, false)
	}
	for i := range events {
		e := &events[i]
		e.Tenant, e.Seq = tenant, last-int64(len(events)-1-i)
		if _, err := t.exec(ctx, tenant, `INSERT INTO event (tenant_id, seq, thread_id, kind, actor, at, data, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			e.Seq, int64(e.Thread), e.Kind, e.Actor, e.At.UnixMicro(), string(e.Data), eventHash(e)); err != nil {
			return err
		}
	}
	return nil
}
