package store

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

const threadColumns = `tenant_id, id, channel_id, caller, caller_key, state, messages,
	first_at, last_at, closed_at, reason, previous_id, version,
	owner, given, claim_until, wake_at, due_at, attempts, outcome, excerpt`

const selectThread = `SELECT ` + threadColumns + ` FROM thread`

func scanThread(sc scanner) (th desk.Thread, err error) {
	var first, last, closed, claim, wake, due int64
	err = sc.Scan((*int64)(&th.Tenant), (*int64)(&th.ID), (*int64)(&th.Channel), &th.Caller, &th.CallerKey,
		(*string)(&th.State), &th.Messages, &first, &last, &closed, &th.Reason, (*int64)(&th.Previous), &th.Version,
		(*int64)(&th.Owner), &th.Given, &claim, &wake, &due, &th.Attempts, (*string)(&th.Outcome), &th.Excerpt)
	th.FirstAt, th.LastAt, th.ClosedAt = moment(first), moment(last), moment(closed)
	th.ClaimUntil, th.WakeAt, th.DueAt = moment(claim), moment(wake), moment(due)
	return th, err
}

// addThreads inserts new threads, which are nobody's yet.
func (t *tx) addThreads(ctx context.Context, tenant desk.TenantID, threads []*desk.Thread) error {
	vals := make([]any, 0, 15*len(threads))
	for _, th := range threads {
		th.Version = 1
		vals = append(vals, int64(th.ID), int64(th.Channel), th.Caller, th.CallerKey, string(th.State), int64(th.Messages),
			micros(th.FirstAt), micros(th.LastAt), micros(th.ClosedAt), th.Reason, int64(th.Previous), th.Version,
			micros(th.DueAt), th.Urgency(), th.Excerpt)
	}
	for some := range t.inBulk("nntttnnnntnnnnt", vals) {
		if _, err := t.exec(ctx, tenant, `INSERT INTO thread (tenant_id, id, channel_id, caller, caller_key, state, messages,
			first_at, last_at, closed_at, reason, previous_id, version, due_at, next_at, excerpt) `+some.mine(), some.args...); err != nil {
			return err
		}
	}
	return nil
}

const asNumber, asText = "CAST(# AS BIGINT)", "CAST(# AS TEXT)"

// joinThreads writes what messages change in threads that are what they were
// when they were read. A claim is left alone: it may have been renewed since.
func (t *tx) joinThreads(ctx context.Context, tenant desk.TenantID, threads []*desk.Thread) error {
	vals := make([]any, 0, 10*len(threads))
	for _, th := range threads {
		vals = append(vals, int64(th.ID), th.Version, th.Caller, string(th.State), int64(th.Messages),
			micros(th.LastAt), micros(th.WakeAt), micros(th.DueAt), th.Urgency(), th.Excerpt)
	}
	left := int64(len(threads))
	for some := range t.inBulk("nnttnnnnnt", vals) {
		n, err := t.exec(ctx, tenant, `WITH want (id, version, caller, state, messages, last_at, wake_at, due_at, next_at, excerpt) AS (`+some.table()+`)
			UPDATE thread SET caller = want.caller, state = want.state, messages = want.messages, last_at = want.last_at,
			wake_at = want.wake_at, due_at = want.due_at, next_at = want.next_at, excerpt = want.excerpt, version = thread.version + 1
			FROM want WHERE thread.tenant_id = $1 AND thread.id = want.id AND thread.version = want.version`, some.args...)
		if err != nil {
			return err
		}
		left -= n
	}
	if left != 0 {
		return errChanged
	}
	for _, th := range threads {
		th.Version++
	}
	return nil
}

// Thread reads one thread; Missing when the tenant has no such thread.
func (s *Store) Thread(ctx context.Context, tenant desk.TenantID, id desk.ID) (desk.Thread, error) {
	text := selectThread + ` WHERE tenant_id = $1 AND id = $2`
	if teeth.On("any-thread") {
		text = anybodys(text)
	}
	rows, err := s.query(ctx, tenant, text, int64(id))
	all, err := collect(rows, err, scanThread)
	if err == nil && len(all) == 0 {
		return desk.Thread{}, desk.Errorf(desk.Missing, "thread", "there is no thread %s", id)
	}
	if err != nil {
		return desk.Thread{}, s.judge(err, false)
	}
	return all[0], nil
}

// Threads is a page of threads, newest first.
func (s *Store) Threads(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Thread, error) {
	w := where{args: []any{int64(since(q)), int64(below(q))}}
	w.text = ` WHERE tenant_id = $1 AND id >= $2 AND id < $3`
	if q.Channel != 0 {
		w.and(`channel_id = `, int64(q.Channel))
	}
	if q.State != "" {
		w.and(`state = `, string(q.State))
	}
	if q.Caller != "" {
		w.in(`caller_key`, q.Keys)
	}
	rows, err := s.query(ctx, tenant, selectThread+w.text+` ORDER BY id DESC LIMIT `+w.arg(q.Limit), w.args...)
	return collect(rows, err, scanThread)
}

const selectEvent = `SELECT tenant_id, seq, thread_id, kind, actor, at, data, hash FROM event`

type hashedEvent struct {
	desk.Event
	hash []byte
}

func scanEvent(sc scanner) (e hashedEvent, err error) {
	var (
		at   int64
		data string
	)
	err = sc.Scan((*int64)(&e.Tenant), &e.Seq, (*int64)(&e.Thread), &e.Kind, &e.Actor, &at, &data, &e.hash)
	e.At, e.Data = time.UnixMicro(at).UTC(), json.RawMessage(data)
	return e, err
}

func soundEvents(all []hashedEvent, err error) ([]desk.Event, error) {
	var (
		events  []desk.Event
		damaged *Damaged
	)
	for i := range all {
		if !intact(eventHash(&all[i].Event), all[i].hash) {
			damaged = damaged.add("event", desk.ID(all[i].Seq))
			continue
		}
		events = append(events, all[i].Event)
	}
	if err != nil {
		return nil, err
	}
	return events, damaged.err()
}

func since(q desk.Query) desk.ID {
	if q.Since.IsZero() {
		return 0
	}
	return desk.FirstAt(q.Since)
}

func below(q desk.Query) desk.ID {
	if q.Before == 0 {
		return math.MaxInt64
	}
	return q.Before
}
