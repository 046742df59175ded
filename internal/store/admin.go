package store

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
)

// raise tells every node that what it holds in memory is out of date.
func (t *tx) raise(ctx context.Context, tenant desk.TenantID) error {
	_, err := t.exec(ctx, tenant, `UPDATE revision SET n = n + 1 WHERE tenant_id = $1`)
	return err
}

// Tenants lists all tenants, oldest first.
func (s *Store) Tenants(ctx context.Context) ([]desk.Tenant, error) {
	rows, err := s.ask(ctx, `SELECT tenant_id, name, created_at FROM tenant ORDER BY tenant_id`)
	return collect(rows, err, func(sc scanner) (t desk.Tenant, err error) {
		var at int64
		err = sc.Scan((*int64)(&t.ID), &t.Name, &at)
		t.CreatedAt = moment(at)
		return t, err
	})
}

// Tenant finds a tenant by its name.
func (s *Store) Tenant(ctx context.Context, name string) (desk.Tenant, error) {
	all, err := s.Tenants(ctx)
	if err != nil {
		return desk.Tenant{}, err
	}
	for _, t := range all {
		if t.Name == name {
			return t, nil
		}
	}
	return desk.Tenant{}, desk.Errorf(desk.Missing, "tenant", "there is no tenant %q; \"afterbeep tenant create --name …\" makes one", name)
}

// AddTenant makes a tenant; Conflict when the name is taken.
func (s *Store) AddTenant(ctx context.Context, name string) (desk.Tenant, error) {
	if !desk.Name(name) {
		return desk.Tenant{}, errName("tenant")
	}
	t := desk.Tenant{Name: name, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	for range 10 { // two who take the same number: the second takes the next
		if _, err := s.Tenant(ctx, name); desk.KindOf(err) != desk.Missing {
			return t, cmp.Or(err, taken(desk.Errorf(desk.Conflict, "exists", "it exists already"), "tenant", name))
		}
		err := s.change(ctx, func(x *tx) error { return x.addTenant(ctx, &t) })
		if desk.KindOf(err) != desk.Conflict {
			return t, err
		}
	}
	return t, desk.Errorf(desk.Busy, "tenant", "others make tenants at the same time; try again")
}

func (t *tx) addTenant(ctx context.Context, n *desk.Tenant) error {
	found, err := t.ask(ctx, `SELECT max(tenant_id) + 1 FROM tenant`)
	ids, err := collect(found, err, func(sc scanner) (id desk.TenantID, err error) {
		err = sc.Scan((*int64)(&id))
		return id, err
	})
	if err != nil {
		return err
	}
	n.ID = ids[0]
	for _, text := range []string{
		`INSERT INTO counter (tenant_id, seq) VALUES ($1, 0)`,
		`INSERT INTO revision (tenant_id, n) VALUES ($1, 1)`,
	} {
		if _, err := t.exec(ctx, n.ID, text); err != nil {
			return err
		}
	}
	_, err = t.exec(ctx, n.ID, `INSERT INTO tenant (tenant_id, name, created_at) VALUES ($1, $2, $3)`, n.Name, micros(n.CreatedAt))
	return err
}

func errName(what string) error {
	return desk.Errorf(desk.Invalid, what, "a %s's name has 1 to 64 visible characters, without spaces at its ends", what)
}

// taken turns a broken unique key into words.
func taken(err error, what, name string) error {
	if desk.KindOf(err) == desk.Conflict {
		return desk.Wrap(desk.Conflict, what+"_exists", "the name \""+name+"\" belongs to another "+what+" already; choose another one", err)
	}
	return err
}

const selectApp = `SELECT tenant_id, app_key, name, secret_hash, old_hash, old_until, epoch, disabled, per_minute, created_at FROM app`

func scanApp(sc scanner) (a desk.App, err error) {
	var until, at int64
	err = sc.Scan((*int64)(&a.Tenant), (*string)(&a.Key), &a.Name, &a.SecretHash, &a.OldHash, &until,
		&a.Epoch, &a.Disabled, &a.PerMinute, &at)
	a.OldUntil, a.CreatedAt = moment(until), moment(at)
	if len(a.OldHash) == 0 {
		a.OldHash = nil
	}
	return a, err
}

func appArgs(a *desk.App) []any {
	return []any{
		string(a.Key), a.Name, a.SecretHash, append([]byte{}, a.OldHash...), micros(a.OldUntil),
		a.Epoch, flag(a.Disabled), a.PerMinute, micros(a.CreatedAt),
	}
}

// Apps lists a tenant's apps, by name.
func (s *Store) Apps(ctx context.Context, tenant desk.TenantID) ([]desk.App, error) {
	rows, err := s.query(ctx, tenant, selectApp+` WHERE tenant_id = $1 ORDER BY name`)
	return collect(rows, err, scanApp)
}

// AddApp stores a new app; Conflict when its name is taken.
func (s *Store) AddApp(ctx context.Context, a desk.App) error {
	if !desk.Name(a.Name) {
		return errName("app")
	}
	return taken(s.change(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, a.Tenant, `INSERT INTO app (tenant_id, app_key, name, secret_hash, old_hash, old_until,
			epoch, disabled, per_minute, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, appArgs(&a)...); err != nil {
			return err
		}
		return t.raise(ctx, a.Tenant)
	}), "app", a.Name)
}

// ChangeApp reads an app by its key or name, lets change alter it, and writes
// it back in the same transaction.
func (s *Store) ChangeApp(ctx context.Context, tenant desk.TenantID, keyOrName string, change func(*desk.App) error) (a desk.App, err error) {
	err = s.change(ctx, func(t *tx) error {
		a, err = scanApp(t.row(ctx, tenant, selectApp+` WHERE tenant_id = $1 AND (app_key = $2 OR name = $2)`, keyOrName))
		if missing(err) {
			return desk.Errorf(desk.Missing, "app", "there is no app %q; \"afterbeep app list\" shows them", keyOrName)
		}
		if err != nil {
			return err
		}
		if err := change(&a); err != nil {
			return err
		}
		if !desk.Name(a.Name) {
			return errName("app")
		}
		if _, err := t.exec(ctx, tenant, `UPDATE app SET name = $3, secret_hash = $4, old_hash = $5, old_until = $6,
			epoch = $7, disabled = $8, per_minute = $9, created_at = $10 WHERE tenant_id = $1 AND app_key = $2`, appArgs(&a)...); err != nil {
			return err
		}
		return t.raise(ctx, tenant)
	})
	return a, taken(err, "app", a.Name)
}

const selectChannel = `SELECT tenant_id, channel_id, name, locale, region, text_limit, origins, disabled, created_at, allocation, target FROM channel`

func scanChannel(sc scanner) (c desk.Channel, err error) {
	var (
		origins string
		at, us  int64
	)
	err = sc.Scan((*int64)(&c.Tenant), (*int64)(&c.ID), &c.Name, &c.Locale, &c.Region, &c.TextLimit, &origins, &c.Disabled, &at,
		&c.Allocation, &us)
	c.CreatedAt, c.Target = moment(at), time.Duration(us)*time.Microsecond
	if err == nil {
		err = json.Unmarshal([]byte(origins), &c.Origins)
	}
	return c, err
}

func channelArgs(c *desk.Channel) ([]any, error) {
	origins, err := json.Marshal(append([]string{}, c.Origins...))
	return []any{
		int64(c.ID), c.Name, c.Locale, c.Region, c.TextLimit, string(origins), flag(c.Disabled), micros(c.CreatedAt),
		c.Allocation, c.Target.Microseconds(),
	}, err
}

// checkChannel checks what the domain can and that the region is one that numbers
// are read in.
func checkChannel(c *desk.Channel) error {
	if err := desk.CheckChannel(c); err != nil {
		return err
	}
	if c.Region != "" && !number.ValidRegion(c.Region) {
		return desk.Errorf(desk.Invalid, "region", "region %q is no country's two-letter code, such as CN or GB", c.Region)
	}
	return nil
}

// Channels lists a tenant's channels, by name.
func (s *Store) Channels(ctx context.Context, tenant desk.TenantID) ([]desk.Channel, error) {
	rows, err := s.query(ctx, tenant, selectChannel+` WHERE tenant_id = $1 ORDER BY name`)
	return collect(rows, err, scanChannel)
}

// AddChannel stores a new channel; Conflict when its name or number is taken.
func (s *Store) AddChannel(ctx context.Context, c desk.Channel) error {
	if err := checkChannel(&c); err != nil {
		return err
	}
	args, err := channelArgs(&c)
	if err != nil {
		return err
	}
	return taken(s.change(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, c.Tenant, `INSERT INTO channel (tenant_id, channel_id, name, locale, region, text_limit,
			origins, disabled, created_at, allocation, target) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, args...); err != nil {
			return err
		}
		return t.raise(ctx, c.Tenant)
	}), "channel", c.Name)
}

// ChangeChannel is ChangeApp for channels; idOrName is the Configuration ID or
// the name.
func (s *Store) ChangeChannel(ctx context.Context, tenant desk.TenantID, idOrName string, change func(*desk.Channel) error) (c desk.Channel, err error) {
	id, _ := desk.ParseChannelID(idOrName) // 0, which no channel has, when it is a name
	err = s.change(ctx, func(t *tx) error {
		c, err = scanChannel(t.row(ctx, tenant, selectChannel+` WHERE tenant_id = $1 AND (channel_id = $2 OR name = $3)`, int64(id), idOrName))
		if missing(err) {
			return desk.Errorf(desk.Missing, "channel", "there is no channel %q; \"afterbeep channel list\" shows them", idOrName)
		}
		if err != nil {
			return err
		}
		if err := change(&c); err != nil {
			return err
		}
		if err := checkChannel(&c); err != nil {
			return err
		}
		args, err := channelArgs(&c)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, tenant, `UPDATE channel SET name = $3, locale = $4, region = $5, text_limit = $6,
			origins = $7, disabled = $8, created_at = $9, allocation = $10, target = $11 WHERE tenant_id = $1 AND channel_id = $2`, args...); err != nil {
			return err
		}
		return t.raise(ctx, tenant)
	})
	return c, taken(err, "channel", c.Name)
}
