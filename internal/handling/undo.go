package handling

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// undoLook is how many of a thread's events are looked through for the last
// change: notes and messages may follow it.
const undoLook = 200

// Undo takes back the last change of a thread, if it was the actor's own, is not
// older than UndoWithin, and was not taken back already. New messages and notes
// stay. What was claimed then is claimed again for a Lease. Conflict
// "nothing_to_undo", "undo_late", "changed_since" with the name of who changed it,
// "other_open".
func (d *Desk) Undo(ctx context.Context, a desk.Actor, id desk.ID) (desk.Thread, error) {
	people, err := d.Staff.People(ctx, a.Tenant)
	if err != nil {
		return desk.Thread{}, err
	}
	return d.change(ctx, a, id, 0, func(now time.Time, th *desk.Thread) ([]draft, error) {
		// The thread was read before its events: what happens in between changes its
		// version, and then this is done again.
		_, events, err := d.Threads.Newest(ctx, a.Tenant, id, undoLook)
		if err != nil {
			return nil, err
		}
		last, undone := lastChange(events)
		if err := undoable(&a, now, last); err != nil {
			return nil, err
		}
		details, err := last.Details()
		if err != nil {
			return nil, err
		}
		details.Was.Restore(th)
		if gone(people, th.Owner) {
			return nil, desk.Errorf(desk.Conflict, "owner_gone", "whom it belonged to is not here any more; assign it to somebody else")
		}
		if !th.ClaimUntil.IsZero() && th.ClaimUntil.Before(now.Add(Lease)) {
			th.ClaimUntil = now.Add(Lease)
		}
		return []draft{{kind: desk.ThreadUndone, Details: desk.Details{Undone: undone, Until: th.ClaimUntil}}}, nil
	})
}

// lastChange is the last event that replaced something, and the numbers of all
// events of the same step.
func lastChange(events []desk.Event) (last *desk.Event, step []int64) {
	var version int64
	for i := len(events) - 1; i >= 0; i-- {
		details, err := events[i].Details()
		if err != nil || details.Was == nil {
			continue
		}
		if last == nil {
			last, version = &events[i], details.Version
		}
		if details.Version != version {
			break
		}
		step = append([]int64{events[i].Seq}, step...)
	}
	return last, step
}

// undoable says whether the actor may take that change back.
func undoable(a *desk.Actor, now time.Time, last *desk.Event) error {
	if last == nil {
		return desk.Errorf(desk.Conflict, "nothing_to_undo", "nobody has changed this thread")
	}
	details, err := last.Details()
	switch {
	case err != nil:
		return err
	case last.Actor == "" && details.By == "":
		return desk.Errorf(desk.Conflict, "changed_since", "this thread has changed by itself since; look again")
	case details.By != a.Who() || a.Person == 0 && last.Actor != a.Name:
		return desk.Errorf(desk.Conflict, "changed_since", "%s has changed this thread since; look again", last.Actor)
	case last.Kind == desk.ThreadUndone:
		return desk.Errorf(desk.Conflict, "nothing_to_undo", "it is undone already")
	case now.Sub(last.At) > UndoWithin:
		return desk.Errorf(desk.Conflict, "undo_late", "that was more than %d minutes ago; change it by hand", int(UndoWithin.Minutes()))
	}
	return nil
}

// gone says whether a thread must not go back to a person.
func gone(people []desk.Person, id desk.PersonID) bool {
	for i := range people {
		if people[i].ID == id {
			return people[i].Disabled
		}
	}
	return false
}
