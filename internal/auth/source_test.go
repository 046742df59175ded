package auth

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// memory is a Source that keeps its word in memory.
type memory struct {
	mu   sync.Mutex
	snap desk.Snapshot
	down bool
	full bool // keys cannot be written
}

var errDown = errors.New("the source is down")

func (m *memory) change(f func(*desk.Snapshot)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.snap)
	m.snap.Revision++
}

func (m *memory) set(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) Revision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return 0, errDown
	}
	return m.snap.Revision, nil
}

func (m *memory) Snapshot(context.Context) (desk.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return desk.Snapshot{}, errDown
	}
	s := m.snap
	s.Tenants, s.Apps = slices.Clone(s.Tenants), slices.Clone(s.Apps)
	s.Channels, s.Keys = slices.Clone(s.Channels), slices.Clone(s.Keys)
	return s, nil
}

func (m *memory) AddKey(_ context.Context, key desk.SealKey) error {
	if m.full {
		return errDown
	}
	m.change(func(s *desk.Snapshot) {
		for i := range s.Keys {
			if k := &s.Keys[i]; k.Tenant == key.Tenant && k.RetireAt.IsZero() {
				k.RetireAt = key.ActiveAt.Add(KeyGrace)
			}
		}
		s.Keys = append(s.Keys, key)
	})
	return nil
}

func (m *memory) RetireKeys(_ context.Context, tenant desk.TenantID, now time.Time) error {
	m.change(func(s *desk.Snapshot) {
		s.Keys = slices.DeleteFunc(s.Keys, func(k desk.SealKey) bool {
			return k.Tenant == tenant && !k.RetireAt.IsZero() && k.RetireAt.Before(now)
		})
	})
	return nil
}

// hands are the two clocks of a test.
type hands struct {
	wall time.Time
	mono time.Duration
}

func (h *hands) pass(d time.Duration) { h.wall, h.mono = h.wall.Add(d), h.mono+d }

var noon = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

// house is a Keeper with one tenant, app and channel.
type house struct {
	*Keeper
	src    *memory
	hands  *hands
	app    desk.App
	secret string
}

const channelID = desk.ChannelID(202608211234567890)

func open(t testing.TB) *house {
	t.Helper()
	h := &house{src: &memory{}, hands: &hands{wall: noon}}
	h.app, h.secret = NewApp(desk.DefaultTenant, "shop", noon)
	h.src.change(func(s *desk.Snapshot) {
		s.Tenants = []desk.Tenant{{ID: desk.DefaultTenant, Name: "default"}, {ID: 2, Name: "other"}}
		s.Apps = []desk.App{h.app}
		s.Channels = []desk.Channel{{Tenant: desk.DefaultTenant, ID: channelID, TextLimit: desk.DefaultTextLimit}}
	})
	h.start(t)
	return h
}

// start makes a new Keeper on the same source: a process that starts again.
func (h *house) start(t testing.TB) {
	t.Helper()
	h.Keeper = New(h.src, Settings{Mono: func() time.Duration { return h.hands.mono }}, func() time.Time { return h.hands.wall })
	h.refresh(t)
}

func (h *house) refresh(t testing.TB) {
	t.Helper()
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (h *house) issue(t testing.TB) string {
	t.Helper()
	got, err := h.Issue(string(h.app.Key), h.secret, "192.0.2.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	return got.Token
}

func (h *house) apply(t testing.TB) string {
	t.Helper()
	ch, err := h.Channel(&h.app, channelID.String())
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.CustomerToken(&h.app, ch, User{"u-1", "李雷", "zh_CN"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *desk.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want the code %s", err, code)
	}
}
