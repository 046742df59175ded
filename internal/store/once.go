package store

import (
	"bytes"
	"context"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// once keeps an Idempotency-Key with the event that it led to. Whoever does the
// same at the same moment has to wait for the tenant's counter, and comes second.
func (t *tx) once(ctx context.Context, e *desk.Event) error {
	if e.Once == nil {
		return nil
	}
	n, err := t.exec(ctx, e.Tenant, `INSERT INTO receipt (tenant_id, app_key, idem_key, print, message_id, at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, app_key, idem_key) DO NOTHING`,
		string(e.Once.App), e.Once.Key, e.Once.Print[:], e.Seq, micros(e.At))
	if err == nil && n == 0 {
		err = desk.Errorf(desk.Conflict, desk.SeenCode, "this Idempotency-Key was used meanwhile")
	}
	return err
}

// Done is the event that an Idempotency-Key led to: Missing when there is none,
// Conflict when the key came with something else. What it answers with is as
// safe as what was answered first: see confirm.
func (s *Store) Done(ctx context.Context, tenant desk.TenantID, o desk.Once) (e desk.Event, err error) {
	k := &desk.Keyed{Tenant: tenant, App: o.App, Key: o.Key}
	err = s.change(ctx, func(t *tx) error {
		seen, seq, err := t.receipt(ctx, k)
		if missing(err) {
			return desk.Errorf(desk.Missing, "idempotency_key", "this Idempotency-Key is new")
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(seen, o.Print[:]) {
			return desk.Errorf(desk.Conflict, "idempotency_key_reused", "this Idempotency-Key came with something else before")
		}
		if err := t.confirm(ctx, k); err != nil {
			return err
		}
		found, err := t.query(ctx, tenant, selectEvent+` WHERE tenant_id = $1 AND seq = $2`, int64(seq))
		all, err := soundEvents(collect(found, err, scanEvent))
		if err == nil && len(all) == 0 {
			err = desk.Errorf(desk.Missing, "event", "there is no such event")
		}
		if err == nil {
			e = all[0]
		}
		return err
	})
	return e, err
}
