package auth

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const (
	readTimeout = 5 * time.Second // of one call of the source
	turnEvery   = time.Minute     // how often the ages of keys are looked at
	turnRetry   = 10 * time.Second
)

// never is after every RetireAt.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// keyRing is what following remembers from one look to the next.
type keyRing struct {
	mu      sync.Mutex // held by Refresh, which app and Run may call at once
	started bool
	failing bool          // touched by Run only
	turnAt  time.Duration // by the monotonic clock
}

// Refresh reads the source once and makes the keys that are missing. Call it
// before the first request; afterwards Run does it. It fails when the source
// cannot be read, when a tenant is left without a key, and when the keys of a
// clock that was set back could not be put away.
func (k *Keeper) Refresh(ctx context.Context) error {
	k.keys.mu.Lock()
	defer k.keys.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	read := k.clock.elapsed()
	snap, err := k.src.Snapshot(ctx)
	if err != nil {
		return err
	}
	changed, err := k.turn(ctx, snap)
	if err != nil {
		return err
	}
	if changed {
		read = k.clock.elapsed()
		if snap, err = k.src.Snapshot(ctx); err != nil {
			return err
		}
	}
	v, err := newView(snap)
	if err != nil {
		return err
	}
	k.view.Store(v)
	k.read.Store(int64(read))
	return nil
}

// Run follows the source until ctx ends: a change is in force within a
// second, and keys are turned when they are a day old. It returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := k.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		k.report(err)
	}
}

// report logs when following begins to fail and when it heals, not every time.
func (k *Keeper) report(err error) {
	switch {
	case err != nil && !k.keys.failing:
		k.set.Log.Error("credentials do not follow the store", "event", "credentials", "error", err.Error())
	case err == nil && k.keys.failing:
		k.set.Log.Info("credentials follow the store again", "event", "credentials")
	}
	k.keys.failing = err != nil
}

func (k *Keeper) follow(ctx context.Context) error {
	ask, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	read := k.clock.elapsed()
	revision, err := k.src.Revision(ask)
	if err != nil {
		return err
	}
	if revision != k.view.Load().revision || k.turnDue(read) {
		return k.Refresh(ctx)
	}
	k.read.Store(int64(read))
	return nil
}

func (k *Keeper) turnDue(now time.Duration) bool {
	k.keys.mu.Lock()
	defer k.keys.mu.Unlock()
	return now >= k.keys.turnAt
}

// turn makes and retires keys as their ages demand and says whether it changed
// anything. What can wait and fails is tried again soon: on a full disk the keys
// there are go on serving.
func (k *Keeper) turn(ctx context.Context, snap desk.Snapshot) (changed bool, err error) {
	now := k.clock.time()
	k.keys.turnAt = k.clock.elapsed() + turnEvery
	newest := make(map[desk.TenantID]desk.SealKey, len(snap.Tenants))
	used := make(map[uint32]bool, len(snap.Keys))
	for _, key := range snap.Keys {
		used[key.ID] = true
		if n, ok := newest[key.Tenant]; !ok || key.ActiveAt.After(n.ActiveAt) {
			newest[key.Tenant] = key
		}
		if !key.RetireAt.IsZero() && key.RetireAt.Before(now) {
			changed = k.laterIf(k.src.RetireKeys(ctx, key.Tenant, now)) || changed
		}
	}
	for _, t := range snap.Tenants {
		last, some := newest[t.ID]
		switch back := k.setBack(last, now); {
		case !some || back:
			if err := k.begin(ctx, newKey(t.ID, now, used), last); err != nil {
				return changed, err
			}
			changed = true
		case now.Sub(last.ActiveAt) >= KeyLife:
			changed = k.laterIf(k.src.AddKey(ctx, newKey(t.ID, now.Add(KeyLead), used))) || changed
		}
	}
	k.keys.started = true
	return changed, nil
}

// laterIf notes that something has to be tried again and says whether it went well.
func (k *Keeper) laterIf(err error) bool {
	if err == nil {
		return true
	}
	k.keys.turnAt = k.clock.elapsed() + turnRetry
	k.set.Log.Warn("keys could not be turned", "event", "credentials", "error", err.Error())
	return false
}

// setBack says, at start, whether the clock was set back while nobody watched:
// it is behind the newest key or behind Floor. While the process runs, its own
// clock sees to it.
func (k *Keeper) setBack(newest desk.SealKey, now time.Time) bool {
	latest := now.Add(MaxSkew)
	return !k.keys.started && (newest.ActiveAt.After(latest) || k.set.Floor.After(latest))
}

// begin adds a key that seals at once. Keys there are already belong to a clock
// that was set back: what they sealed would live too long, so they go now and
// every client asks for new tokens.
func (k *Keeper) begin(ctx context.Context, key, last desk.SealKey) error {
	if err := k.src.AddKey(ctx, key); err != nil || last.Tenant == 0 {
		return err
	}
	k.set.Log.Warn("the clock was set back: tokens made before are void", "event", "security",
		"reason", "clock_set_back", "tenant", int64(key.Tenant), slog.Time("newest_key", last.ActiveAt))
	return k.src.RetireKeys(ctx, key.Tenant, never)
}

// newKey makes a key with an id that no other has.
func newKey(tenant desk.TenantID, active time.Time, used map[uint32]bool) desk.SealKey {
	key := desk.SealKey{Tenant: tenant, Secret: make([]byte, 32), ActiveAt: active}
	rand.Read(key.Secret)
	for key.ID == 0 || used[key.ID] {
		var b [4]byte
		rand.Read(b[:])
		key.ID = binary.BigEndian.Uint32(b[:])
	}
	used[key.ID] = true
	return key
}
