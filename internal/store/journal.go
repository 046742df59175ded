package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// bucket is where this process writes its journal rows. One engine on one
// machine needs only one.
const bucket = 0

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
func (s *Store) Append(ctx context.Context, b *desk.Batch) error {
	if len(b.Keyed) == 0 && len(b.Rows) < len(insertRows) {
		return s.appendRows(ctx, b.Rows)
	}
	return s.change(ctx, func(t *tx) error {
		rows := slices.Clone(b.Rows)
		for _, k := range b.Keyed {
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
			if _, err := t.run(ctx, insertRows[1], rowArgs(nil, &rows[i])...); err != nil {
				return err
			}
		}
		return nil
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
func (s *Store) appendRows(ctx context.Context, rows []desk.Row) error {
	if err := s.whole(); err != nil || len(rows) == 0 {
		return err
	}
	defer s.writes.Add(1)
	st, err := s.prepared(ctx, s.write, insertRows[len(rows)])
	if err != nil {
		return err
	}
	args := make([]any, 0, 6*len(rows))
	for i := range rows {
		args = rowArgs(args, &rows[i])
	}
	if _, err := st.ExecContext(ctx, args...); err != nil {
		return s.judge(err, true)
	}
	return nil
}

func rowArgs(args []any, r *desk.Row) []any {
	return append(args, int64(bucket), int64(r.First), int64(r.Last), int64(r.Count), r.Lines, rowHash(r))
}

// admit decides whether a keyed message is new, and fills in its outcome.
func (t *tx) admit(ctx context.Context, k *desk.Keyed, now time.Time) (fresh bool, err error) {
	var (
		seen []byte
		id   int64
	)
	err = t.row(ctx, k.Tenant, `SELECT print, message_id FROM receipt WHERE tenant_id = $1 AND app_key = $2 AND idem_key = $3`,
		string(k.App), k.Key).Scan(&seen, &id)
	switch {
	case missing(err) || teeth.On("no-idempotency"):
		_, err = t.exec(ctx, k.Tenant, `INSERT INTO receipt (tenant_id, app_key, idem_key, print, message_id, at)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, app_key, idem_key) DO NOTHING`,
			string(k.App), k.Key, k.Print[:], int64(k.ID), micros(now))
		k.Receipt = desk.Receipt{ID: k.ID}
		return true, err
	case err != nil:
		return false, err
	case !bytes.Equal(seen, k.Print[:]):
		k.Err = desk.Errorf(desk.Conflict, "idempotency_key_reused", "this Idempotency-Key came with another message before")
	default:
		k.Receipt = desk.Receipt{ID: desk.ID(id), Replayed: true}
	}
	return false, nil
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
	var (
		b     Backlog
		first sql.NullInt64
		n     sql.NullInt64
		aside sql.NullInt64
	)
	err := s.read.QueryRowContext(ctx, `SELECT sum(messages), min(id) FROM journal`).Scan(&n, &first)
	if err == nil {
		err = s.read.QueryRowContext(ctx, `SELECT sum(messages) FROM aside`).Scan(&aside)
	}
	if first.Valid {
		b.Oldest = desk.ID(first.Int64).Time()
	}
	b.Messages, b.Aside = n.Int64, aside.Int64
	return b, s.judge(err, false)
}

// journalRows reads rows below an ID, newest first.
func (s *Store) journalRows(ctx context.Context, below desk.ID, limit int) ([]storedRow, error) {
	st, err := s.prepared(ctx, s.read, `SELECT id, last_id, messages, lines, hash FROM journal
		WHERE bucket = $1 AND id < $2 ORDER BY bucket DESC, id DESC LIMIT $3`)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, int64(bucket), int64(below), limit)
	return collect(rows, s.judge(err, false), scanRow)
}

// storedRow is a journal row as read, with the hash it was written with.
type storedRow struct {
	desk.Row
	hash []byte
}

func (r *storedRow) intact() bool { return intact(rowHash(&r.Row), r.hash) }

func scanRow(sc scanner) (r storedRow, err error) {
	err = sc.Scan((*int64)(&r.First), (*int64)(&r.Last), &r.Count, &r.Lines, &r.hash)
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
