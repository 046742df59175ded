package handling

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Claim makes a thread the actor's for Lease, so that nobody else calls at the
// same time. Claiming one's own again renews the claim. Errors: Missing,
// Forbidden "by_hand", Invalid "no_person", Conflict "claimed_by" with the name of
// who has it, "closed", "thread_changed".
func (d *Desk) Claim(ctx context.Context, a desk.Actor, id desk.ID, version int64) (desk.Thread, error) {
	if a.Person == 0 {
		return desk.Thread{}, desk.Errorf(desk.Invalid, "no_person", "only a person can claim a thread; assign it to one")
	}
	keep := false
	th, err := d.change(ctx, a, id, version, func(now time.Time, th *desk.Thread) ([]draft, error) {
		keep = th.State == desk.Working && th.Owner == a.Person
		switch {
		case th.State == desk.Closed:
			return nil, errClosed
		case keep:
			return nil, nil
		case th.Owner == 0:
			if err := d.free(ctx, &a, th); err != nil {
				return nil, err
			}
		case th.Owner != a.Person:
			return nil, d.held(ctx, th)
		}
		if th.Owner != a.Person {
			th.Owner, th.Given = a.Person, false
		}
		d.work(th, now)
		return []draft{{kind: desk.ThreadClaimed, Details: desk.Details{Until: th.ClaimUntil}}}, nil
	})
	if err == nil && keep {
		return d.Keep(ctx, a, id)
	}
	return th, err
}

// work lets the owner be at the thread.
func (d *Desk) work(th *desk.Thread, now time.Time) {
	th.WakeAt, th.ClaimUntil = time.Time{}, now.Add(Lease)
	th.Settle()
}

// Keep renews the actor's claim for another Lease. It is no change: the version
// stays and no event is written. Conflict when the claim has ended or is not
// hers: "claim_ended", or "claimed_by" with the name of who has it now.
func (d *Desk) Keep(ctx context.Context, a desk.Actor, id desk.ID) (desk.Thread, error) {
	if err := may(&a, desk.ThreadsHandle); err != nil {
		return desk.Thread{}, err
	}
	th, err := d.thread(ctx, &a, id)
	if err != nil {
		return th, err
	}
	until := d.moment().Add(Lease)
	if a.Person != 0 && th.Owner == a.Person {
		err = d.Changes.KeepClaim(ctx, a.Tenant, id, a.Person, until)
		if err == nil {
			th.ClaimUntil = until
			return th, nil
		}
		if desk.KindOf(err) != desk.Conflict {
			return th, err
		}
		if th, err = d.thread(ctx, &a, id); err != nil {
			return th, err
		}
	}
	if th.Owner != 0 && th.Owner != a.Person {
		return th, d.held(ctx, &th)
	}
	return th, desk.Errorf(desk.Conflict, "claim_ended", "your claim of this thread has ended; claim it again")
}

// Release gives a thread back to the list, at once and for everybody. One that is
// nobody's stays as it is. Those who may assign can release another's.
func (d *Desk) Release(ctx context.Context, a desk.Actor, id desk.ID, version int64) (desk.Thread, error) {
	return d.change(ctx, a, id, version, func(_ time.Time, th *desk.Thread) ([]draft, error) {
		switch {
		case th.State == desk.New:
			return nil, nil
		case th.State == desk.Closed:
			return nil, errClosed
		case th.Owner != a.Person && !a.May(desk.ThreadsAssign):
			return nil, d.notHers(ctx, th)
		}
		drop(th)
		th.WakeAt = time.Time{}
		th.Settle()
		return []draft{{kind: desk.ThreadReleased}}, nil
	})
}

// notHers refuses to release what is another's, or what nobody has.
func (d *Desk) notHers(ctx context.Context, th *desk.Thread) error {
	if th.Owner != 0 {
		return d.held(ctx, th)
	}
	return desk.Errorf(desk.Conflict, "not_yours", "this thread waits and is nobody's; claim it first")
}

// drop makes an open thread nobody's. One that waits goes on waiting.
func drop(th *desk.Thread) {
	th.Owner, th.Given, th.ClaimUntil = 0, false, time.Time{}
	th.Settle()
}

// Assign gives a thread to a person, who keeps it until she gives it back; one
// that waits goes on waiting. It takes the right to assign. Nobody (0) releases.
// Errors as of Claim, and Invalid "assignee".
func (d *Desk) Assign(ctx context.Context, a desk.Actor, id desk.ID, version int64, to desk.PersonID) (desk.Thread, error) {
	if err := may(&a, desk.ThreadsAssign); err != nil {
		return desk.Thread{}, err
	}
	if to == 0 {
		return d.Release(ctx, a, id, version)
	}
	people, err := d.Staff.People(ctx, a.Tenant)
	if err != nil {
		return desk.Thread{}, err
	}
	return d.change(ctx, a, id, version, func(_ time.Time, th *desk.Thread) ([]draft, error) {
		p, err := assignee(people, to, th.Channel)
		switch {
		case err != nil:
			return nil, err
		case th.State == desk.Closed:
			return nil, errClosed
		case th.Owner == to && th.Given:
			return nil, nil
		}
		if th.Owner != to {
			th.ClaimUntil = time.Time{}
		}
		th.Owner, th.Given = to, true
		th.Settle()
		return []draft{{kind: desk.ThreadAssigned, Details: desk.Details{To: p.Name}}}, nil
	})
}

// assignee finds a person who can handle threads of a channel.
func assignee(people []desk.Person, id desk.PersonID, channel desk.ChannelID) (*desk.Person, error) {
	for i := range people {
		p := &people[i]
		if p.ID != id {
			continue
		}
		if !handles(p, channel) {
			return nil, desk.Errorf(desk.Invalid, "assignee", "%s cannot handle threads of this channel; choose somebody else", p.Name)
		}
		return p, nil
	}
	return nil, desk.Errorf(desk.Invalid, "assignee", "there is no such person; choose somebody else")
}

// handles says whether a person works in a channel.
func handles(p *desk.Person, channel desk.ChannelID) bool {
	a := p.Actor("")
	return !p.Disabled && a.May(desk.ThreadsHandle) && a.Sees(channel)
}
