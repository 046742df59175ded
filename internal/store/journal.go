package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Settle says which node this process is: it decides in which bucket of the
// journal it writes. A batch goes into one bucket whole, so that one shard alone
// flushes it.
func (s *Store) Settle(node int) { s.home.Store(int64(node % s.traits.Buckets)) }

// insertJournal is the text that inserts so many rows.
func insertJournal(rows int) string {
	text := []byte(`INSERT INTO journal (bucket, id, last_id, messages, lines, hash) VALUES `)
	for i := range rows {
		if i > 0 {
			text = append(text, `, `...)
		}
		n := i * 6
		text = fmt.Appendf(text, `($%d, $%d, $%d, $%d, $%d, $%d)`, n+1, n+2, n+3, n+4, n+5, n+6)
	}
	return string(text)
}

// insertRows are these texts for as many rows as one statement takes.
var insertRows = [...]string{
	1: insertJournal(1), insertJournal(2), insertJournal(3), insertJournal(4),
	insertJournal(5), insertJournal(6), insertJournal(7), insertJournal(8),
}

// Append writes a batch and flushes once. It implements intake.Journal: nil
// means flushed; Unstored, that nothing of the batch is there; Unknown, that
// nobody knows.
//
// A bucket that refuses is not the end where there are others: they may be on
// another machine.
func (s *Store) Append(ctx context.Context, b *desk.Batch) error {
	ctx, cancel := s.patience(ctx)
	defer cancel()
	bucket := int(s.home.Load())
	err := insist(ctx, func() error { return s.appendTo(ctx, bucket, b) })
	if desk.KindOf(err) == desk.Unstored && s.traits.Buckets > 1 && !away(err) {
		other := (bucket + s.traits.Buckets/2) % s.traits.Buckets
		s.strayed.Or(1 << other)
		err = s.appendTo(ctx, other, b)
	}
	if desk.KindOf(err) == desk.Conflict { // the IDs are somebody else's: nothing of the batch is there
		err = desk.Wrap(desk.Unstored, "id_taken", "the message could not be given a number of its own; try again", err)
	}
	return err
}

// away says that there is nobody to ask again.
func away(err error) bool {
	var e *desk.Error
	return errors.As(err, &e) && Away(e.Code)
}

// AwayCode is the code of an error that says the database cannot be reached;
// LostCode, that it went away in the middle; SlowCode, that it did not answer in
// time.
const (
	AwayCode = "database_away"
	LostCode = "commit_lost"
	SlowCode = "database_slow"
)

// Away says whether an error's code means that the database is not there.
func Away(code string) bool { return code == AwayCode || code == LostCode || code == SlowCode }

func (s *Store) appendTo(ctx context.Context, bucket int, b *desk.Batch) error {
	if len(b.Keyed) == 0 && len(b.Rows) < len(insertRows) {
		return s.appendRows(ctx, bucket, b.Rows)
	}
	return s.change(ctx, func(t *tx) error {
		rows := slices.Clone(b.Rows)
		for _, k := range inOrder(b.Keyed) {
			fresh, err := t.admit(ctx, k, b.At)
			if err != nil {
				return err
			}
			if fresh {
				rows = append(rows, desk.Row{First: k.ID, Last: k.ID, Count: 1, Lines: k.Line})
			}
		}
		rows = joined(rows)
		for i := range rows {
			if _, err := t.run(ctx, insertRows[1], rowArgs(nil, bucket, &rows[i])...); err != nil {
				return err
			}
		}
		return nil
	})
}

// inOrder sorts by key, so that two nodes with the same keys wait for each other
// and do not end in a deadlock.
func inOrder(keyed []*desk.Keyed) []*desk.Keyed {
	return slices.SortedStableFunc(slices.Values(keyed), func(a, b *desk.Keyed) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.App, b.App), cmp.Compare(a.Key, b.Key))
	})
}

// joined puts rows in the order of their IDs and makes one of neighbours that
// fit together.
func joined(rows []desk.Row) []desk.Row {
	rows = slices.SortedFunc(slices.Values(rows), func(a, b desk.Row) int { return cmp.Compare(a.First, b.First) })
	var all []desk.Row
	for _, r := range rows {
		if n := len(all); n > 0 && all[n-1].Count+r.Count <= desk.RowLines {
			last := &all[n-1]
			last.Last, last.Count = r.Last, last.Count+r.Count
			last.Lines = slices.Concat(last.Lines, r.Lines)
			continue
		}
		all = append(all, r)
	}
	return all
}

// appendRows is the common case: one statement is a transaction of its own, and
// the flush is part of it.
func (s *Store) appendRows(ctx context.Context, bucket int, rows []desk.Row) error {
	if err := s.whole(); err != nil || len(rows) == 0 {
		return err
	}
	defer s.writes.Add(1)
	args := make([]any, 0, 6*len(rows))
	for i := range rows {
		args = rowArgs(args, bucket, &rows[i])
	}
	if !s.traits.Prepares {
		_, err := s.write.ExecContext(ctx, insertRows[len(rows)], args...)
		return s.judge(err, true)
	}
	st, err := s.prepared(ctx, s.write, insertRows[len(rows)])
	if err == nil {
		_, err = st.ExecContext(ctx, args...)
	}
	return s.judge(err, true)
}

func rowArgs(args []any, bucket int, r *desk.Row) []any {
	return append(args, int64(bucket), int64(r.First), int64(r.Last), int64(r.Count), r.Lines, rowHash(r))
}

// admit decides whether a keyed message is new, and fills in its outcome.
//
// Another node may write the same key at the same moment. The insert then waits
// for it and does nothing, and the second look sees what was written.
func (t *tx) admit(ctx context.Context, k *desk.Keyed, now time.Time) (fresh bool, err error) {
	k.Receipt, k.Err = desk.Receipt{}, nil
	for range 2 {
		seen, id, err := t.receipt(ctx, k)
		switch {
		case missing(err) || teeth.On("no-idempotency"):
			n, err := t.exec(ctx, k.Tenant, `INSERT INTO receipt (tenant_id, app_key, idem_key, print, message_id, at)
				VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, app_key, idem_key) DO NOTHING`,
				string(k.App), k.Key, k.Print[:], int64(k.ID), micros(now))
			if err != nil {
				return false, err
			}
			if n == 1 || teeth.On("no-idempotency") {
				k.Receipt = desk.Receipt{ID: k.ID}
				return true, nil
			}
		case err != nil:
			return false, err
		case !bytes.Equal(seen, k.Print[:]):
			k.Err = desk.Errorf(desk.Conflict, "idempotency_key_reused", "this Idempotency-Key came with another message before")
			return false, nil
		default:
			k.Receipt = desk.Receipt{ID: id, Replayed: true}
			return false, t.confirm(ctx, k)
		}
	}
	return false, desk.Errorf(desk.Unstored, "idempotency_key_busy", "another request with this Idempotency-Key is under way; try again")
}

func (t *tx) receipt(ctx context.Context, k *desk.Keyed) (seen []byte, id desk.ID, err error) {
	err = t.row(ctx, k.Tenant, `SELECT print, message_id FROM receipt WHERE tenant_id = $1 AND app_key = $2 AND idem_key = $3`,
		string(k.App), k.Key).Scan(&seen, (*int64)(&id))
	return seen, id, err
}

// confirm writes the receipt again as it is. It may be one that a standby never
// confirmed: this transaction's commit comes after it, and waits for both.
func (t *tx) confirm(ctx context.Context, k *desk.Keyed) error {
	_, err := t.exec(ctx, k.Tenant, `UPDATE receipt SET at = at WHERE tenant_id = $1 AND app_key = $2 AND idem_key = $3`,
		string(k.App), k.Key)
	return err
}

// ForgetReceipts deletes a tenant's idempotency keys older than before, some at
// a time, and says how many went.
func (s *Store) ForgetReceipts(ctx context.Context, tenant desk.TenantID, before time.Time) (n int64, err error) {
	err = s.change(ctx, func(t *tx) error {
		n, err = t.exec(ctx, tenant, `DELETE FROM receipt WHERE tenant_id = $1 AND (app_key, idem_key) IN
			(SELECT app_key, idem_key FROM receipt WHERE tenant_id = $1 AND at < $2 ORDER BY at LIMIT 500)`, micros(before))
		return err
	})
	return n, err
}

// Backlog is what was acknowledged and is not sorted yet.
type Backlog struct {
	Messages int64
	Oldest   time.Time // zero when there is none
	Aside    int64     // messages that sorting set aside, of all tenants
}

// Backlog measures what waits to be sorted. It reads one row a batch.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	first, n := sql.NullInt64{}, sql.NullInt64{}
	found, err := s.ask(ctx, `SELECT CAST(sum(messages) AS BIGINT), min(id) FROM journal`)
	if _, err = collect(found, err, func(sc scanner) (struct{}, error) { return struct{}{}, sc.Scan(&n, &first) }); err != nil {
		return b, err
	}
	b.Messages = n.Int64
	if first.Valid {
		b.Oldest = desk.ID(first.Int64).Time()
	}
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return b, err
	}
	for _, t := range append(tenants, desk.Tenant{}) { // tenant 0 owns what nobody could read
		found, err := s.query(ctx, t.ID, `SELECT CAST(sum(messages) AS BIGINT) FROM aside WHERE tenant_id = $1`)
		sums, err := collect(found, err, scanNumber)
		if err != nil {
			return b, err
		}
		b.Aside += sums[0].Int64
	}
	return b, nil
}

// bucketRows reads rows of a bucket below an ID, newest first.
func (s *Store) bucketRows(ctx context.Context, bucket int, below desk.ID, limit int) ([]storedRow, error) {
	rows, err := s.ask(ctx, `SELECT bucket, id, last_id, messages, lines, hash FROM journal
		WHERE bucket = $1 AND id < $2 ORDER BY bucket DESC, id DESC LIMIT $3`, int64(bucket), int64(below), limit)
	return collect(rows, err, scanRow)
}

// overlap is how far the IDs of two rows of one bucket can overlap when several
// committers and nodes write there: longer than any batch gathers.
const overlap = 15 * time.Second

// eachJournalRow goes through the rows that may hold what is asked for, bucket
// by bucket, newest first, until do has enough of a bucket.
func (s *Store) eachJournalRow(ctx context.Context, q desk.Query, do func(*storedRow) (more bool)) error {
	slack := desk.ID(0)
	if s.traits.Buckets > 1 {
		slack = desk.Span(overlap)
	}
	used, err := s.UsedBuckets(ctx)
	for i := 0; i < len(used) && err == nil; i++ {
		err = s.eachRowOf(ctx, used[i], q, slack, do)
	}
	return err
}

// UsedBuckets are those with something in them: none, as a rule. They are found
// one after the other along the key, in one statement. Where there is but one,
// nothing is asked.
func (s *Store) UsedBuckets(ctx context.Context) ([]int, error) {
	if s.traits.Buckets == 1 {
		return []int{0}, nil
	}
	found, err := s.ask(ctx, `WITH RECURSIVE used (bucket) AS (
			SELECT min(bucket) FROM journal
			UNION ALL SELECT (SELECT min(j.bucket) FROM journal j WHERE j.bucket > used.bucket) FROM used WHERE used.bucket IS NOT NULL)
		SELECT bucket FROM used WHERE bucket IS NOT NULL`)
	return collect(found, err, func(sc scanner) (b int, err error) {
		err = sc.Scan(&b)
		return b, err
	})
}

func (s *Store) eachRowOf(ctx context.Context, bucket int, q desk.Query, slack desk.ID, do func(*storedRow) bool) error {
	at, oldest, enough := below(q), since(q), desk.ID(0)
	for {
		rows, err := s.bucketRows(ctx, bucket, at, 64)
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			if r.First < enough-slack || r.Last < oldest && r.First < oldest-slack {
				return nil
			}
			if !do(r) && enough == 0 {
				enough = r.First
			}
		}
		if len(rows) < 64 {
			return nil
		}
		at = rows[len(rows)-1].First
	}
}

// storedRow is a journal row as read, with the hash it was written with.
type storedRow struct {
	desk.Row
	hash []byte
}

func (r *storedRow) intact() bool { return intact(rowHash(&r.Row), r.hash) }

func scanRow(sc scanner) (r storedRow, err error) {
	err = sc.Scan(&r.Bucket, (*int64)(&r.First), (*int64)(&r.Last), &r.Count, &r.Lines, &r.hash)
	return r, err
}

// Parse reads the lines of a row; a line that cannot be read ends it.
func parseLines(b []byte) (all []desk.Message, err error) {
	for line := range bytes.Lines(b) {
		m, err := desk.ParseLine(line)
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
	return all, nil
}
