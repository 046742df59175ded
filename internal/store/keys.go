package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// keyLife is how long a key opens tokens after its successor seals them: longer
// than any token lives.
const keyLife = 2 * time.Hour

// Revision is a number that grows whenever Snapshot would give something else.
func (s *Store) Revision(ctx context.Context) (n int64, err error) {
	found, err := s.ask(ctx, `SELECT CAST(sum(n) AS BIGINT) FROM revision`)
	sums, err := collect(found, err, scanNumber)
	if err != nil {
		return 0, err
	}
	return sums[0].Int64, nil
}

func scanNumber(sc scanner) (n sql.NullInt64, err error) {
	err = sc.Scan(&n)
	return n, err
}

// Snapshot reads the apps, channels and keys of all tenants. Its revision is
// read first: what changes in between is seen again at the next look.
func (s *Store) Snapshot(ctx context.Context) (snap desk.Snapshot, err error) {
	if snap.Revision, err = s.Revision(ctx); err != nil {
		return snap, err
	}
	if snap.Tenants, err = s.Tenants(ctx); err != nil {
		return snap, err
	}
	for _, t := range snap.Tenants {
		apps, err := s.Apps(ctx, t.ID)
		if err != nil {
			return snap, err
		}
		channels, err := s.Channels(ctx, t.ID)
		if err != nil {
			return snap, err
		}
		rows, err := s.query(ctx, t.ID, `SELECT tenant_id, key_id, secret, active_at, retire_at FROM seal_key
			WHERE tenant_id = $1 ORDER BY active_at, key_id`)
		keys, err := collect(rows, err, scanKey)
		if err != nil {
			return snap, err
		}
		snap.Apps = append(snap.Apps, apps...)
		snap.Channels = append(snap.Channels, channels...)
		snap.Keys = append(snap.Keys, keys...)
	}
	return snap, nil
}

func scanKey(sc scanner) (k desk.SealKey, err error) {
	var active, retire int64
	err = sc.Scan((*int64)(&k.Tenant), &k.ID, &k.Secret, &active, &retire)
	k.ActiveAt, k.RetireAt = moment(active), moment(retire)
	return k, err
}

// AddKey stores a key; the tenant's other keys retire two hours after it is
// active, unless they do already.
func (s *Store) AddKey(ctx context.Context, k desk.SealKey) error {
	return s.change(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, k.Tenant, `UPDATE seal_key SET retire_at = $2 WHERE tenant_id = $1 AND retire_at = 0`,
			micros(k.ActiveAt.Add(keyLife))); err != nil {
			return err
		}
		if _, err := t.exec(ctx, k.Tenant, `INSERT INTO seal_key (tenant_id, key_id, secret, active_at, retire_at)
			VALUES ($1, $2, $3, $4, 0)`, int64(k.ID), k.Secret, micros(k.ActiveAt)); err != nil {
			return err
		}
		return t.raise(ctx, k.Tenant)
	})
}

// RetireKeys deletes the tenant's keys whose time is over.
func (s *Store) RetireKeys(ctx context.Context, tenant desk.TenantID, now time.Time) error {
	return s.change(ctx, func(t *tx) error {
		n, err := t.exec(ctx, tenant, `DELETE FROM seal_key WHERE tenant_id = $1 AND retire_at > 0 AND retire_at < $2`, micros(now))
		if err != nil || n == 0 {
			return err
		}
		return t.raise(ctx, tenant)
	})
}
