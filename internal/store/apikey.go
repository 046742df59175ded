package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const selectAPIKey = `SELECT tenant_id, id, name, hash, scopes, created_at, used_at, disabled FROM api_key`

func scanAPIKey(sc scanner) (k desk.APIKey, err error) {
	var (
		scopes     string
		made, used int64
	)
	err = sc.Scan((*int64)(&k.Tenant), &k.ID, &k.Name, &k.Hash, &scopes, &made, &used, &k.Disabled)
	k.CreatedAt, k.UsedAt = moment(made), moment(used)
	if err == nil {
		err = json.Unmarshal([]byte(scopes), &k.Scopes)
	}
	return k, err
}

// APIKeys lists a tenant's API keys, by name.
func (s *Store) APIKeys(ctx context.Context, tenant desk.TenantID) ([]desk.APIKey, error) {
	rows, err := s.query(ctx, tenant, selectAPIKey+` WHERE tenant_id = $1 ORDER BY name`)
	return collect(rows, err, scanAPIKey)
}

// APIKey reads one API key; Missing when there is none.
func (s *Store) APIKey(ctx context.Context, tenant desk.TenantID, id int64) (desk.APIKey, error) {
	rows, err := s.query(ctx, tenant, selectAPIKey+` WHERE tenant_id = $1 AND id = $2`, id)
	all, err := collect(rows, err, scanAPIKey)
	if err == nil && len(all) == 0 {
		return desk.APIKey{}, noAPIKey()
	}
	if err != nil {
		return desk.APIKey{}, s.judge(err, false)
	}
	return all[0], nil
}

func noAPIKey() error { return desk.Errorf(desk.Missing, "api_key", "there is no such API key") }

// AddAPIKey stores a new API key, whose ID it makes, with its row in the audit
// log. Conflict when its name is taken.
func (s *Store) AddAPIKey(ctx context.Context, k desk.APIKey, d desk.Deed) (desk.APIKey, error) {
	if !desk.Name(k.Name) {
		return k, errName("key")
	}
	scopes, err := json.Marshal(append([]string{}, k.Scopes...))
	if err != nil {
		return k, err
	}
	err = s.change(ctx, func(t *tx) error {
		// The log's head is locked first, so two who add keys take turns.
		if err := t.auditHead(ctx, &desk.Deed{Tenant: k.Tenant}); err != nil {
			return err
		}
		var last int64
		if err := t.row(ctx, k.Tenant, `SELECT COALESCE(max(id), 0) FROM api_key WHERE tenant_id = $1`).Scan(&last); err != nil {
			return s.judge(err, false)
		}
		k.ID = last + 1
		if _, err := t.exec(ctx, k.Tenant, `INSERT INTO api_key (tenant_id, id, name, hash, scopes, created_at, used_at, disabled)
			VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`, k.ID, k.Name, k.Hash, string(scopes), micros(k.CreatedAt)); err != nil {
			return err
		}
		return t.audit(ctx, &d)
	})
	return k, taken(err, "key", k.Name)
}

// DisableAPIKey switches a key off or on again, with its row in the audit log.
func (s *Store) DisableAPIKey(ctx context.Context, k desk.APIKey, d desk.Deed) error {
	return s.change(ctx, func(t *tx) error {
		n, err := t.exec(ctx, k.Tenant, `UPDATE api_key SET disabled = $3 WHERE tenant_id = $1 AND id = $2`, k.ID, flag(k.Disabled))
		if err == nil && n == 0 {
			return noAPIKey()
		}
		if err != nil {
			return err
		}
		return t.audit(ctx, &d)
	})
}

// UseAPIKey notes when a key was last used.
func (s *Store) UseAPIKey(ctx context.Context, tenant desk.TenantID, id int64, at time.Time) error {
	return s.change(ctx, func(t *tx) error {
		_, err := t.exec(ctx, tenant, `UPDATE api_key SET used_at = $3 WHERE tenant_id = $1 AND id = $2 AND used_at < $3`, id, micros(at))
		return err
	})
}

// secretID is the one key of a tenant that seals other secrets. The column is
// there for the day when it is changed.
const secretID = 1

// Secret is what seals the tenant's other secrets. fresh is kept when there is
// none yet; several nodes that ask at once get the same. Missing when there is no
// such tenant.
func (s *Store) Secret(ctx context.Context, tenant desk.TenantID, fresh []byte, now time.Time) ([]byte, error) {
	const one = `SELECT secret FROM secret WHERE tenant_id = $1 AND key_id = $2`
	rows, err := s.query(ctx, tenant, one, secretID)
	found, err := collect(rows, err, scanBytes)
	if err != nil || len(found) > 0 {
		return append(found, nil)[0], err
	}
	var secret []byte
	err = s.change(ctx, func(t *tx) error {
		var there int64 // the number may come from a stranger
		err := t.row(ctx, tenant, `SELECT count(*) FROM tenant WHERE tenant_id = $1`).Scan(&there)
		if err == nil && there == 0 {
			return desk.Errorf(desk.Missing, "tenant", "there is no such tenant")
		}
		if err != nil {
			return s.judge(err, false)
		}
		if _, err := t.exec(ctx, tenant, `INSERT INTO secret (tenant_id, key_id, secret, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant_id, key_id) DO NOTHING`, secretID, fresh, micros(now)); err != nil {
			return err
		}
		return s.judge(t.row(ctx, tenant, one, secretID).Scan(&secret), false)
	})
	return secret, err
}

func scanBytes(sc scanner) (b []byte, err error) {
	err = sc.Scan(&b)
	return b, err
}
