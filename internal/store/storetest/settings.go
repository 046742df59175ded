package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func app(tenant desk.TenantID, key desk.AppKey, name string) desk.App {
	return desk.App{
		Tenant: tenant, Key: key, Name: name, SecretHash: []byte{1}, Epoch: 1,
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func line(tenant desk.TenantID, id desk.ChannelID, name string) desk.Channel {
	return desk.Channel{
		Tenant: tenant, ID: id, Name: name, Locale: "zh_CN", Region: "CN", TextLimit: 4000,
		Origins: []string{"https://www.example.com"}, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func settings(t *testing.T, open Open) {
	b := newBed(t, open)
	a, c := app(desk.DefaultTenant, "k1", "web"), line(desk.DefaultTenant, channel, "site")
	if err := b.AddApp(b.ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := b.AddChannel(b.ctx, c); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"app":     b.AddApp(b.ctx, app(desk.DefaultTenant, "k2", "web")),
		"channel": b.AddChannel(b.ctx, line(desk.DefaultTenant, channel+1, "site")),
	} {
		if desk.KindOf(err) != desk.Conflict {
			t.Errorf("a second %s of that name: %v", what, err)
		}
	}
	bad := c
	bad.Region = "XX"
	if err := b.AddChannel(b.ctx, bad); desk.KindOf(err) != desk.Invalid {
		t.Errorf("a region that is none: %v", err)
	}
	for _, name := range []string{"web", "k1"} {
		if _, err := b.ChangeApp(b.ctx, desk.DefaultTenant, name, func(x *desk.App) error { x.PerMinute++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.ChangeChannel(b.ctx, desk.DefaultTenant, channel.String(), func(x *desk.Channel) error { x.Disabled = true; return nil }); err != nil {
		t.Fatal(err)
	}
	snap, err := b.Snapshot(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	a.PerMinute, c.Disabled = 2, true
	if diff := cmp.Diff([]desk.App{a}, snap.Apps); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]desk.Channel{c}, snap.Channels); diff != "" {
		t.Error(diff)
	}
	if _, err := b.ChangeApp(b.ctx, desk.DefaultTenant, "none", func(*desk.App) error { return nil }); desk.KindOf(err) != desk.Missing {
		t.Errorf("an unknown app: %v", err)
	}
}

func revision(t *testing.T, open Open) {
	b := newBed(t, open)
	last, err := b.Revision(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	steps := []func() error{
		func() error { _, err := b.AddTenant(b.ctx, "other"); return err },
		func() error { return b.AddApp(b.ctx, app(desk.DefaultTenant, "k1", "web")) },
		func() error { return b.AddChannel(b.ctx, line(desk.DefaultTenant, channel, "site")) },
		func() error {
			_, err := b.ChangeApp(b.ctx, desk.DefaultTenant, "web", func(a *desk.App) error { a.Epoch++; return nil })
			return err
		},
		func() error { return b.AddKey(b.ctx, desk.SealKey{Tenant: 1, ID: 1, Secret: []byte{1}, ActiveAt: now}) },
		func() error { return b.AddKey(b.ctx, desk.SealKey{Tenant: 1, ID: 2, Secret: []byte{2}, ActiveAt: now}) },
		func() error { return b.RetireKeys(b.ctx, 1, now.Add(3*time.Hour)) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatal(i, err)
		}
		n, err := b.Revision(b.ctx)
		if err != nil || n <= last {
			t.Fatalf("step %d: revision %d after %d, %v", i, n, last, err)
		}
		last = n
	}
	snap, err := b.Snapshot(b.ctx)
	if err != nil || len(snap.Keys) != 1 || snap.Keys[0].ID != 2 || !snap.Keys[0].RetireAt.IsZero() {
		t.Fatalf("keys %+v, %v", snap.Keys, err)
	}
}

// tenants puts a canary of each tenant everywhere and looks at everything as
// the other.
func tenants(t *testing.T, open Open) {
	b := newBed(t, open)
	other := b.tenant("other")
	var left []desk.Message
	for range 3 {
		mine, theirs := b.message("13800001111", "mine"), b.message("13800001111", "theirs")
		theirs.Tenant = other
		left = append(left, mine, theirs)
		b.leave(mine, theirs)
		if len(left) < 6 {
			b.sort()
		}
	}
	for tenant, canary := range map[desk.TenantID]string{desk.DefaultTenant: "theirs", other: "mine"} {
		page, err := b.Messages(b.ctx, tenant, desk.Query{Limit: 100})
		if err != nil || len(page) != 3 {
			t.Fatalf("tenant %d: %d messages, %v", tenant, len(page), err)
		}
		for _, th := range b.threads(tenant) {
			inThread, _, err := b.Newest(b.ctx, tenant, th.ID, 1000)
			if err != nil {
				t.Fatal(err)
			}
			page = append(page, inThread...)
		}
		for _, m := range page {
			if m.Text == canary || m.Tenant != tenant {
				t.Errorf("tenant %d sees %q", tenant, m.Text)
			}
		}
	}
	for _, m := range left {
		if m.Tenant == other {
			if found, err := b.Message(b.ctx, desk.DefaultTenant, m.ID.String()); desk.KindOf(err) != desk.Missing {
				t.Errorf("another tenant's message by its ID: %d found, %v", len(found), err)
			}
			if _, err := b.Thread(b.ctx, desk.DefaultTenant, m.ID); desk.KindOf(err) != desk.Missing {
				t.Errorf("another tenant's thread: %v", err)
			}
		}
	}
}
