package handling

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const (
	dueMost  = 100         // threads of one kind and tenant at a time
	dueEvery = time.Second // between two looks
)

// Run looks what is due, once a second, until ctx ends. Every node may: whoever
// is second finds that it is done. An error means that a flush failed and the
// process must leave.
func (d *Desk) Run(ctx context.Context) error {
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		_, err := d.Due(ctx, d.moment())
		switch {
		case errors.Is(err, desk.ErrBroken):
			return err
		case err != nil && ctx.Err() == nil:
			d.Log.Warn("timers wait", "error", err.Error())
		}
	}
}

// Due does what time has come for: claims that nobody kept fall back to the list,
// what waited comes back, what was missed is told, and new threads of channels
// with automatic allocation go to somebody. It does up to a hundred of each kind
// and tenant and says how many there were. One tenant's trouble is not another's.
func (d *Desk) Due(ctx context.Context, now time.Time) (done int, err error) {
	tenants, err := d.Timers.Tenants(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, t := range tenants {
		next, err := d.Timers.Timers(ctx, t.ID)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, timer := range desk.Timers() {
			if at := next[timer]; at.IsZero() || at.After(now) {
				continue
			}
			n, err := d.fire(ctx, t.ID, timer, now)
			done, errs = done+n, append(errs, err)
		}
		n, err := d.allocate(ctx, t.ID, now)
		done, errs = done+n, append(errs, err)
	}
	return done, errors.Join(errs...)
}

// fire does what the timer of some threads means.
func (d *Desk) fire(ctx context.Context, tenant desk.TenantID, timer desk.Timer, now time.Time) (int, error) {
	threads, err := d.Timers.Fired(ctx, tenant, timer, now, dueMost)
	if err != nil {
		return 0, err
	}
	changes := make([]desk.Change, 0, len(threads))
	for i := range threads {
		c, err := fired(timer, threads[i], now)
		if err != nil {
			return 0, fmt.Errorf("thread %s: %w", threads[i].ID, err)
		}
		changes = append(changes, c)
	}
	if timer == desk.TimerDue {
		told, err := d.Timers.Missed(ctx, tenant, changes)
		return len(told), err
	}
	return d.each(ctx, tenant, changes)
}

func fired(timer desk.Timer, was desk.Thread, now time.Time) (c desk.Change, err error) {
	th := was
	switch timer {
	case desk.TimerClaim:
		lapse(&th, now)
		return change(&was, &th, now, draft{kind: desk.ThreadReleased})
	case desk.TimerWake:
		th.Wake(th.WakeAt)
		return change(&was, &th, now, draft{kind: desk.ThreadWoken})
	}
	c.Thread = th
	c.Event, err = draft{kind: desk.ThreadOverdue, Details: desk.Details{Due: th.DueAt, Owner: th.Owner, State: th.State}}.event(nil, now, &th)
	return c, err
}

// change is one that Afterbeep makes itself.
func change(was, th *desk.Thread, now time.Time, f draft) (desk.Change, error) {
	events, err := record(nil, now, was, th, f)
	if err != nil {
		return desk.Change{}, err
	}
	return desk.Change{Thread: *th, Held: was.ClaimUntil, Event: events[0]}, nil
}

// each changes threads that are as they were read; the others had their reason.
func (d *Desk) each(ctx context.Context, tenant desk.TenantID, changes []desk.Change) (int, error) {
	done, err := d.Changes.ChangeEach(ctx, tenant, changes)
	if len(done) > 0 {
		d.counts.forget(tenant)
	}
	return len(done), err
}
