package handling

import (
	"context"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// memo keeps what was read of each tenant for a moment. Who asks while another
// reads waits for him, and does not read again.
type memo[T any] struct {
	mu  sync.Mutex
	all map[desk.TenantID]*leaf[T]
}

type leaf[T any] struct {
	mu    sync.Mutex
	value T
	until time.Time
}

// fresh is how long a value is good for; one that took long to read lasts
// longer, so that reading never takes more than a twentieth of the time.
const fresh = time.Second

func (m *memo[T]) get(ctx context.Context, tenant desk.TenantID, now func() time.Time,
	read func(context.Context, desk.TenantID) (T, error),
) (T, error) {
	m.mu.Lock()
	if m.all == nil {
		m.all = map[desk.TenantID]*leaf[T]{}
	}
	l := m.all[tenant]
	if l == nil {
		l = &leaf[T]{}
		m.all[tenant] = l
	}
	m.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	began := now()
	if began.Before(l.until) {
		return l.value, nil
	}
	v, err := read(ctx, tenant)
	if err == nil {
		end := now()
		l.value, l.until = v, end.Add(max(fresh, 20*end.Sub(began)))
	}
	return v, err
}

// forget lets the next one who asks read again.
func (m *memo[T]) forget(tenant desk.TenantID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, tenant)
}

// amend changes what is remembered of a tenant, as what it was read from has just
// been changed. While somebody reads, nobody knows whether he has read that
// already: then it is read again.
func (m *memo[T]) amend(tenant desk.TenantID, change func(T) T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.all[tenant]
	if l == nil {
		return
	}
	if !l.mu.TryLock() {
		delete(m.all, tenant)
		return
	}
	defer l.mu.Unlock()
	l.value = change(l.value)
}
