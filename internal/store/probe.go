package store

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Probe is what readiness asks: a real, flushed write. A disk that can only be
// read fails it.
func (s *Store) Probe(ctx context.Context, now time.Time) error {
	if teeth.On("ready-select") {
		return s.read.QueryRowContext(ctx, `SELECT 1`).Scan(new(int))
	}
	return s.change(ctx, func(t *tx) error {
		_, err := t.run(ctx, `UPDATE probe SET at = $2 WHERE bucket = $1`, s.home.Load(), micros(now))
		return err
	})
}

// LastID is the largest message ID that the store holds, so that a process can
// go on above it.
func (s *Store) LastID(ctx context.Context) (last desk.ID, err error) {
	if last, err = s.lastWaiting(ctx); err != nil {
		return 0, err
	}
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return 0, err
	}
	// Tenant 0 owns what could not be read. How far its rows reach is not known,
	// so a minute is left for them.
	unread, err := s.lastOf(ctx, 0)
	if err != nil {
		return 0, err
	}
	if unread > 0 {
		last = max(last, desk.FirstAt(unread.Time().Add(time.Minute)))
	}
	for _, t := range tenants {
		of, err := s.lastOf(ctx, t.ID)
		if err != nil {
			return 0, err
		}
		last = max(last, of)
	}
	return last, nil
}

// lastWaiting is the largest ID in the journal: in the last rows of the buckets.
func (s *Store) lastWaiting(ctx context.Context) (last desk.ID, err error) {
	for b := range s.traits.Buckets {
		rows, err := s.bucketRows(ctx, b, below(desk.Query{}), 1)
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			last = max(last, r.Last)
		}
	}
	return last, nil
}

func (s *Store) lastOf(ctx context.Context, tenant desk.TenantID) (last desk.ID, err error) {
	for _, text := range []string{
		`SELECT id FROM message WHERE tenant_id = $1 ORDER BY tenant_id DESC, id DESC LIMIT 1`,
		`SELECT id FROM thread WHERE tenant_id = $1 ORDER BY tenant_id DESC, id DESC LIMIT 1`,
		`SELECT id FROM aside WHERE tenant_id = $1 ORDER BY tenant_id DESC, id DESC LIMIT 1`,
	} {
		rows, err := s.query(ctx, tenant, text)
		ids, err := collect(rows, err, func(sc scanner) (id desk.ID, err error) {
			err = sc.Scan((*int64)(&id))
			return id, err
		})
		if err != nil {
			return 0, err
		}
		for _, id := range ids {
			last = max(last, id)
		}
	}
	return last, nil
}
