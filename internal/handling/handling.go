// Package handling is what staff do with threads. Every change is a
// compare-and-set on the thread's version, with its event in the same
// transaction: two people who act at once do not overwrite each other.
package handling

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Store is what handling needs of the store.
type Store interface {
	Thread(ctx context.Context, tenant desk.TenantID, id desk.ID) (desk.Thread, error)
	ChangeThread(ctx context.Context, th desk.Thread, e desk.Event) (desk.Thread, error)
}

// Desk is where threads are handled.
type Desk struct {
	store Store
	now   func() time.Time
}

// New makes a desk.
func New(s Store, now func() time.Time) *Desk { return &Desk{store: s, now: now} }

// MaxReason is the longest reason for closing, in characters.
const MaxReason = 500

// Close closes a thread. Closing a closed one again is no error and changes
// nothing. Errors: Missing, Invalid, Conflict.
func (d *Desk) Close(ctx context.Context, tenant desk.TenantID, id desk.ID, actor, reason string) (desk.Thread, error) {
	reason = strings.TrimSpace(reason)
	if utf8.RuneCountInString(reason) > MaxReason || !utf8.ValidString(reason) {
		return desk.Thread{}, desk.Errorf(desk.Invalid, "reason", "a reason has at most %d characters", MaxReason)
	}
	th, err := d.store.Thread(ctx, tenant, id)
	if err != nil || th.State == desk.Closed {
		return th, err
	}
	data, err := json.Marshal(map[string]string{"reason": reason})
	if err != nil {
		return th, err
	}
	now := d.now().UTC().Truncate(time.Microsecond)
	th.State, th.ClosedAt, th.Reason = desk.Closed, now, reason
	return d.store.ChangeThread(ctx, th, desk.Event{
		Tenant: tenant, Thread: th.ID, Kind: desk.ThreadClosed, Actor: actor, At: now, Data: data,
	})
}
