package handling

import (
	"context"
	"errors"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func code(err error) string {
	var e *desk.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Names are those of a tenant's people, a second old at most.
func (d *Desk) Names(ctx context.Context, tenant desk.TenantID) (map[desk.PersonID]string, error) {
	people, err := d.people.get(ctx, tenant, d.now, d.Staff.People)
	names := make(map[desk.PersonID]string, len(people))
	for i := range people {
		names[people[i].ID] = people[i].Name
	}
	return names, err
}

// name is what colleagues call a person.
func (d *Desk) name(ctx context.Context, tenant desk.TenantID, id desk.PersonID) string {
	names, err := d.Names(ctx, tenant)
	if err != nil || names[id] == "" {
		return "somebody else" // the refusal stands, with or without a name
	}
	return names[id]
}

// held says who has the thread that somebody else wanted.
func (d *Desk) held(ctx context.Context, th *desk.Thread) error {
	name := d.name(ctx, th.Tenant, th.Owner)
	if th.State == desk.Working {
		return desk.Errorf(desk.Conflict, "claimed_by", "%s is at this thread; take another one, or ask for it", name)
	}
	return desk.Errorf(desk.Conflict, "claimed_by", "%s has this thread; take another one, or ask for it", name)
}

// lost tells the one who came second what became of the thread.
func (d *Desk) lost(ctx context.Context, a *desk.Actor, th *desk.Thread) error {
	if th.State != desk.Closed && th.Owner != 0 && th.Owner != a.Person {
		return d.held(ctx, th)
	}
	return desk.Errorf(desk.Conflict, "thread_changed", "this thread has changed since you saw it; look again")
}

var errClosed = desk.Errorf(desk.Conflict, "closed", "this thread is closed; reopen it first")

// another says that the caller has an open thread already, and there can be one.
func (d *Desk) another(ctx context.Context, th *desk.Thread) error {
	all, err := d.Threads.CallersThreads(ctx, th.Tenant, th.CallerKey, earlierMost)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Channel == th.Channel && all[i].State != desk.Closed {
			return desk.Errorf(desk.Conflict, "other_open", "the caller has left another message since; go on in thread %s", all[i].ID)
		}
	}
	return desk.Errorf(desk.Conflict, "thread_changed", "this thread has changed since you saw it; look again")
}

// take makes sure that somebody may act on an open thread. One that is nobody's
// becomes his; one that is another's takes the right to assign, and stays hers.
func (d *Desk) take(ctx context.Context, a *desk.Actor, th *desk.Thread) error {
	switch {
	case th.State == desk.Closed:
		return errClosed
	case th.Owner == 0:
		if err := d.free(ctx, a, th); err != nil {
			return err
		}
		th.Owner = a.Person
		return nil
	case th.Owner != a.Person && !a.May(desk.ThreadsAssign):
		return d.held(ctx, th)
	}
	return nil
}

// free says whether somebody may help himself to a thread that is nobody's.
func (d *Desk) free(ctx context.Context, a *desk.Actor, th *desk.Thread) error {
	if a.May(desk.ThreadsAssign) {
		return nil
	}
	channels, err := d.channels.get(ctx, a.Tenant, d.now, d.Staff.Channels)
	if err != nil {
		return err
	}
	for i := range channels {
		if channels[i].ID == th.Channel && channels[i].Allocation == desk.AllocHand {
			return desk.Errorf(desk.Forbidden, "by_hand", "threads of %s are given out by a supervisor; take one that is yours", channels[i].Name)
		}
	}
	return nil
}
