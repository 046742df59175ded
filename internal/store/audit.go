package store

import (
	"context"
	"math"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const selectDeed = `SELECT tenant_id, seq, at, actor, name, address, action, object, data, prev_hash, hash FROM audit`

func scanDeed(sc scanner) (d desk.Deed, err error) {
	var at int64
	err = sc.Scan((*int64)(&d.Tenant), &d.Seq, &at, &d.Actor, &d.Name, &d.Address, &d.Action, &d.Object, &d.Data, &d.Prev, &d.Hash)
	d.At = moment(at)
	return d, err
}

// audit appends a row to the tenant's audit log. It locks the log's head until
// the transaction ends, and is the last lock that a transaction takes: who waits
// for it holds up nobody who has it.
func (t *tx) audit(ctx context.Context, d *desk.Deed) error {
	if err := t.auditHead(ctx, d); err != nil {
		return err
	}
	d.Hash = d.Sum()
	if _, err := t.exec(ctx, d.Tenant, `INSERT INTO audit (tenant_id, seq, at, actor, name, address, action, object, data, prev_hash, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, d.Seq, d.At.UnixMicro(), d.Actor, d.Name, d.Address,
		d.Action, d.Object, d.Data, d.Prev, d.Hash); err != nil {
		return err
	}
	_, err := t.exec(ctx, d.Tenant, `UPDATE audit_head SET seq = $2, hash = $3 WHERE tenant_id = $1`, d.Seq, d.Hash)
	return err
}

// auditHead locks the head, making it when the log is empty, and gives the row
// its number and what it follows.
func (t *tx) auditHead(ctx context.Context, d *desk.Deed) error {
	const head = `SELECT seq, hash FROM audit_head WHERE tenant_id = $1`
	err := t.row(ctx, d.Tenant, head+t.s.traits.ForUpdate).Scan(&d.Seq, &d.Prev)
	if missing(err) {
		if _, err := t.exec(ctx, d.Tenant, `INSERT INTO audit_head (tenant_id, seq, hash) VALUES ($1, 0, $2)
			ON CONFLICT (tenant_id) DO NOTHING`, desk.NoHash()); err != nil {
			return err
		}
		err = t.row(ctx, d.Tenant, head+t.s.traits.ForUpdate).Scan(&d.Seq, &d.Prev)
	}
	d.Seq++
	return t.s.judge(err, false)
}

// Audit appends one row by itself. Its number and hashes are filled in.
func (s *Store) Audit(ctx context.Context, d desk.Deed) (desk.Deed, error) {
	err := s.change(ctx, func(t *tx) error { return t.audit(ctx, &d) })
	return d, err
}

// Deeds is a page of the audit log, newest first.
func (s *Store) Deeds(ctx context.Context, tenant desk.TenantID, q desk.DeedQuery) ([]desk.Deed, error) {
	if q.Before <= 0 {
		q.Before = math.MaxInt64
	}
	w := where{args: []any{q.Before, micros(q.Since)}}
	w.text = ` WHERE tenant_id = $1 AND seq < $2 AND at >= $3`
	for _, only := range []struct{ column, value string }{{`action = `, q.Action}, {`actor = `, q.Actor}, {`object = `, q.Object}} {
		if only.value != "" {
			w.and(only.column, only.value)
		}
	}
	if !q.Until.IsZero() {
		w.and(`at < `, micros(q.Until))
	}
	rows, err := s.query(ctx, tenant, selectDeed+w.text+` ORDER BY seq DESC LIMIT `+w.arg(q.Limit), w.args...)
	return collect(rows, err, scanDeed)
}

// trailPage is how many rows are checked at a time.
const trailPage = 1000

// AuditTrail checks the tenant's whole audit log against its hashes and its
// head, and gives each row to see, which may be nil. Rows are read before the
// head, so what is appended meanwhile is only ever behind it, and is read too.
func (s *Store) AuditTrail(ctx context.Context, tenant desk.TenantID, see func(*desk.Deed)) (t desk.Trail, err error) {
	for after, news := int64(math.MinInt64), true; ; news = false {
		for more := true; more; {
			rows, err := s.query(ctx, tenant, selectDeed+` WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, after, trailPage)
			page, err := collect(rows, err, scanDeed)
			if err != nil {
				return t, err
			}
			for i := range page {
				t.Add(&page[i])
				if see != nil {
					see(&page[i])
				}
				after, news = page[i].Seq, true
			}
			more = len(page) == trailPage
		}
		seq, hash, err := s.AuditHead(ctx, tenant)
		if err != nil {
			return t, err
		}
		if !news || !t.Behind(seq) {
			t.End(seq, hash)
			return t, nil
		}
	}
}

// AuditHead is the number and the hash of the last row that was written; 0 and
// 32 zeros when there is none. Written down elsewhere, it proves later that the
// log up to there is still the same.
func (s *Store) AuditHead(ctx context.Context, tenant desk.TenantID) (seq int64, hash []byte, err error) {
	rows, err := s.query(ctx, tenant, `SELECT seq, hash FROM audit_head WHERE tenant_id = $1`)
	heads, err := collect(rows, err, func(sc scanner) (d desk.Deed, err error) {
		err = sc.Scan(&d.Seq, &d.Hash)
		return d, err
	})
	if err != nil || len(heads) == 0 {
		return 0, desk.NoHash(), err
	}
	return heads[0].Seq, heads[0].Hash, nil
}
