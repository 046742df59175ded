package store

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

var errChanged = desk.Errorf(desk.Conflict, "thread_changed", "somebody else changed this thread; look again")

// setText changes threads that are what they were when they were read, and says
// which. A claim that was renewed since is another claim to those who look at it
// (held; -1 looks at none).
func setText(rows int) string {
	return `WITH want (id, version, held, state, owner, given, claim_until, wake_at, due_at, next_at, closed_at, reason, attempts, outcome) AS (VALUES ` +
		values(2, rows, asNumber, asNumber, asNumber, asText, asNumber, asNumber, asNumber, asNumber, asNumber, asNumber, asNumber, asText, asNumber, asText) + `)
		UPDATE thread SET state = want.state, owner = want.owner, given = want.given, claim_until = want.claim_until,
		wake_at = want.wake_at, due_at = want.due_at, next_at = want.next_at, closed_at = want.closed_at, reason = want.reason,
		attempts = want.attempts, outcome = want.outcome, version = thread.version + 1
		FROM want WHERE thread.tenant_id = $1 AND thread.id = want.id AND thread.version = want.version
		AND (want.held < 0 OR thread.claim_until = want.held) RETURNING thread.id`
}

func setArgs(args []any, th *desk.Thread, held int64) []any {
	return append(args, int64(th.ID), th.Version, held, string(th.State), int64(th.Owner), flag(th.Given), micros(th.ClaimUntil),
		micros(th.WakeAt), micros(th.DueAt), th.Urgency(), micros(th.ClosedAt), th.Reason, th.Attempts, string(th.Outcome))
}

func scanID(sc scanner) (id desk.ID, err error) {
	err = sc.Scan((*int64)(&id))
	return id, err
}

// ChangeThread writes what staff can change of a thread by compare-and-set on its
// version, together with its events. Conflict "thread_changed" when somebody was
// first, Conflict "exists" when the caller has another open thread. The events
// come first, so that everybody takes the tenant's counter before a thread.
func (s *Store) ChangeThread(ctx context.Context, was desk.Thread, events ...desk.Event) (th desk.Thread, err error) {
	err = s.change(ctx, func(t *tx) error {
		th = was
		if err := t.appendEvents(ctx, th.Tenant, events); err != nil {
			return err
		}
		found, err := t.query(ctx, th.Tenant, setText(1), setArgs(nil, &th, -1)...)
		set, err := collect(found, err, scanID)
		if err != nil {
			return err
		}
		if len(set) == 0 {
			return errChanged
		}
		th.Version++
		return nil
	})
	return th, err
}

// ChangeEach changes threads of one tenant in one transaction, and leaves out
// those that are not any more what they were when they were read.
func (s *Store) ChangeEach(ctx context.Context, tenant desk.TenantID, all []desk.Change) (done []desk.ID, err error) {
	return s.each(ctx, tenant, all, func(t *tx, some []desk.Change) (*rows, error) {
		args := make([]any, 0, 14*len(some))
		for i := range some {
			args = setArgs(args, &some[i].Thread, micros(some[i].Held))
		}
		return t.query(ctx, tenant, setText(len(some)), args...)
	})
}

// Missed says in the log that threads were not called by the time that they were
// due; once for each such time. It is no change of the thread: its version stays.
func (s *Store) Missed(ctx context.Context, tenant desk.TenantID, all []desk.Change) (done []desk.ID, err error) {
	return s.each(ctx, tenant, all, func(t *tx, some []desk.Change) (*rows, error) {
		args := make([]any, 0, 2*len(some))
		for i := range some {
			args = append(args, int64(some[i].Thread.ID), micros(some[i].Thread.DueAt))
		}
		return t.query(ctx, tenant, `WITH want (id, due_at) AS (VALUES `+values(2, len(some), asNumber, asNumber)+`)
			UPDATE thread SET told_due = want.due_at FROM want WHERE thread.tenant_id = $1 AND thread.id = want.id
			AND thread.due_at = want.due_at AND thread.told_due <> want.due_at AND thread.state <> 'closed' RETURNING thread.id`, args...)
	})
}

// each runs a change of many threads, and appends the events of those that it
// changed. The counter is locked before the threads, as everywhere.
func (s *Store) each(ctx context.Context, tenant desk.TenantID, all []desk.Change,
	do func(*tx, []desk.Change) (*rows, error),
) (done []desk.ID, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	err = s.change(ctx, func(t *tx) error {
		done = nil
		if err := t.lock(ctx, tenant); err != nil {
			return err
		}
		for some := range chunks(all) {
			found, err := do(t, some)
			set, err := collect(found, err, scanID)
			if err != nil {
				return err
			}
			done = append(done, set...)
		}
		changed := make(map[desk.ID]bool, len(done))
		for _, id := range done {
			changed[id] = true
		}
		var events []desk.Event
		for i := range all {
			if changed[all[i].Thread.ID] {
				events = append(events, all[i].Event)
			}
		}
		return t.appendEvents(ctx, tenant, events)
	})
	return done, err
}

// AppendEvents adds events that change no thread.
func (s *Store) AppendEvents(ctx context.Context, tenant desk.TenantID, events ...desk.Event) error {
	return s.change(ctx, func(t *tx) error { return t.appendEvents(ctx, tenant, events) })
}

// KeepClaim lets a person's claim end later. It is no change of the thread: its
// version stays and no event tells of it. Conflict when the claim is not hers.
func (s *Store) KeepClaim(ctx context.Context, tenant desk.TenantID, id desk.ID, by desk.PersonID, until time.Time) error {
	return s.change(ctx, func(t *tx) error {
		n, err := t.exec(ctx, tenant, `UPDATE thread SET claim_until = $4 WHERE tenant_id = $1 AND id = $2 AND owner = $3
			AND claim_until > 0 AND state = 'working'`, int64(id), int64(by), micros(until))
		if err == nil && n == 0 {
			err = errChanged
		}
		return err
	})
}

// Timers is when each timer of a tenant's open threads fires next; those that
// none has are zero.
func (s *Store) Timers(ctx context.Context, tenant desk.TenantID) (next map[desk.Timer]time.Time, err error) {
	found, err := s.query(ctx, tenant, `SELECT
		coalesce((SELECT claim_until FROM thread WHERE tenant_id = $1 AND claim_until > 0 AND state <> 'closed' ORDER BY claim_until LIMIT 1), 0),
		coalesce((SELECT wake_at FROM thread WHERE tenant_id = $1 AND wake_at > 0 AND state <> 'closed' ORDER BY wake_at LIMIT 1), 0),
		coalesce((SELECT due_at FROM thread WHERE tenant_id = $1 AND due_at > 0 AND told_due <> due_at AND state <> 'closed' ORDER BY due_at LIMIT 1), 0)`)
	all, err := collect(found, err, func(sc scanner) (map[desk.Timer]time.Time, error) {
		var claim, wake, due int64
		err := sc.Scan(&claim, &wake, &due)
		return map[desk.Timer]time.Time{desk.TimerClaim: moment(claim), desk.TimerWake: moment(wake), desk.TimerDue: moment(due)}, err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// Fired lists open threads whose timer is over by now, the first to fire first.
func (s *Store) Fired(ctx context.Context, tenant desk.TenantID, timer desk.Timer, now time.Time, limit int) ([]desk.Thread, error) {
	found, err := s.query(ctx, tenant, selectThread+` WHERE tenant_id = $1`+firedWhere(timer), micros(now), limit)
	return collect(found, err, scanThread)
}

func firedWhere(timer desk.Timer) string {
	switch timer {
	case desk.TimerClaim:
		return ` AND claim_until > 0 AND claim_until <= $2 AND state <> 'closed' ORDER BY claim_until, id LIMIT $3`
	case desk.TimerWake:
		return ` AND wake_at > 0 AND wake_at <= $2 AND state <> 'closed' ORDER BY wake_at, id LIMIT $3`
	}
	return ` AND due_at > 0 AND due_at <= $2 AND told_due <> due_at AND state <> 'closed' ORDER BY due_at, id LIMIT $3`
}
