package handling

import (
	"context"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Again says whether what the actor asks for under a.Once was done before, and
// gives the thread as it is now. Conflict "idempotency_key_reused" when that key
// came with something else; Forbidden, Missing as everywhere.
func (d *Desk) Again(ctx context.Context, a desk.Actor) (th desk.Thread, done bool, err error) {
	if err := may(&a, desk.ThreadsHandle); err != nil {
		return th, false, err
	}
	e, err := d.Changes.Done(ctx, a.Tenant, *a.Once)
	if desk.KindOf(err) == desk.Missing {
		return th, false, nil
	}
	if err != nil {
		return th, false, err
	}
	th, err = d.thread(ctx, &a, e.Thread)
	return th, true, err
}
