package app

import (
	"context"
	"errors"
	"log/slog"
	"syscall"
	"time"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// keysKept is how long an Idempotency-Key is remembered: twice what is promised.
const keysKept = 48 * time.Hour

// keepHouse forgets old idempotency keys, an hour apart.
func (h *house) keepHouse(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := h.forget(ctx, time.Now().Add(-keysKept)); errors.Is(err, desk.ErrBroken) {
			return err
		} else if err != nil && ctx.Err() == nil {
			h.log.Warn("old idempotency keys stay for now", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// forget deletes in small transactions, so that no message waits behind one.
func (h *house) forget(ctx context.Context, before time.Time) error {
	tenants, err := h.store.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		for n := int64(1); n > 0 && err == nil; {
			n, err = h.store.ForgetReceipts(ctx, t.ID, before)
		}
	}
	return err
}

// connections is how many clients may be connected: what is configured, less
// when the process may not open that many files. The reserve is the store's.
func connections(s config.Settings, log *slog.Logger) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return s.Limits.Connections
	}
	most := max(1, int(min(limit.Cur, 1<<30))-s.Limits.DescriptorReserve)
	if most < s.Limits.Connections {
		log.Warn("fewer connections than configured: the limit of open files is low", "connections", most, "files", limit.Cur)
	}
	return min(most, s.Limits.Connections)
}
