package handling

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// allocate gives new threads of channels with automatic allocation to those who
// are present. Where nobody is, they stay in the list, and anybody may claim them.
func (d *Desk) allocate(ctx context.Context, tenant desk.TenantID, now time.Time) (int, error) {
	channels, err := d.channels.get(ctx, tenant, d.now, d.Staff.Channels)
	if err != nil {
		return 0, err
	}
	var auto []desk.ChannelID
	for i := range channels {
		if channels[i].Allocation == desk.AllocAuto {
			auto = append(auto, channels[i].ID)
		}
	}
	if len(auto) == 0 {
		return 0, nil
	}
	threads, _, err := d.Threads.List(ctx, tenant, desk.Listing{
		View: desk.ViewUnclaimed, Order: desk.OrderUrgent, Channels: auto, Now: now, Until: now, Limit: dueMost,
	})
	if err != nil || len(threads) == 0 {
		return 0, err
	}
	team, err := d.team(ctx, tenant, now)
	if err != nil || len(team.present) == 0 {
		return 0, err
	}
	var changes []desk.Change
	for _, was := range threads {
		p := team.next(was.Channel)
		if p == nil {
			continue
		}
		th := was
		th.Owner, th.Given = p.ID, true
		th.Settle()
		c, err := change(&was, &th, now, draft{kind: desk.ThreadAssigned, Details: desk.Details{To: p.Name}})
		if err != nil {
			return 0, err
		}
		changes = append(changes, c)
		team.give(p, th.ID)
	}
	d.remember(tenant, team)
	return d.each(ctx, tenant, changes)
}

// team is who is present, with what each has to do.
type team struct {
	present []desk.Person
	load    map[desk.PersonID]desk.Load
}

func (d *Desk) team(ctx context.Context, tenant desk.TenantID, now time.Time) (*team, error) {
	people, err := d.Staff.People(ctx, tenant)
	if err != nil {
		return nil, err
	}
	t := &team{load: map[desk.PersonID]desk.Load{}}
	for i := range people {
		if people[i].PresentUntil.After(now) {
			t.present = append(t.present, people[i])
		}
	}
	if len(t.present) == 0 {
		return t, nil
	}
	loads, err := d.Timers.Loads(ctx, tenant)
	for _, l := range loads {
		t.load[l.Person] = l
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range t.present {
		p := t.present[i].ID
		l := t.load[p]
		l.Newest = max(l.Newest, d.last[seat{tenant, p}])
		t.load[p] = l
	}
	return t, err
}

// next is who has the fewest open threads of those who work in a channel. Of
// several, it is the one whose newest thread is the oldest: they take turns, also
// when they close faster than messages come, and whichever node does it.
func (t *team) next(channel desk.ChannelID) (best *desk.Person) {
	for i := range t.present {
		p := &t.present[i]
		if !handles(p, channel) {
			continue
		}
		if best == nil {
			best = p
			continue
		}
		a, b := t.load[p.ID], t.load[best.ID]
		if a.Open < b.Open || a.Open == b.Open && (a.Newest < b.Newest || a.Newest == b.Newest && p.ID < best.ID) {
			best = p
		}
	}
	return best
}

func (t *team) give(p *desk.Person, thread desk.ID) {
	l := t.load[p.ID]
	l.Open++
	l.Newest = max(l.Newest, thread)
	t.load[p.ID] = l
}

// remember keeps who was given what: a thread that is closed already does not
// tell any more whose turn it was.
func (d *Desk) remember(tenant desk.TenantID, t *team) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, l := range t.load {
		d.last[seat{tenant, p}] = l.Newest
	}
}

// GiveBack makes all open threads of a person nobody's: she is not here any more.
// What waits goes on waiting. It says how many there were, and can be repeated.
func (d *Desk) GiveBack(ctx context.Context, a desk.Actor, person desk.PersonID) (n int, err error) {
	if !a.May(desk.PeopleManage) {
		if err := may(&a, desk.ThreadsAssign); err != nil {
			return 0, err
		}
	}
	for range maxRounds {
		threads, _, err := d.Threads.List(ctx, a.Tenant, desk.Listing{
			View: desk.ViewAll, Order: desk.OrderUrgent, Owner: person, Limit: dueMost,
		})
		if err != nil || len(threads) == 0 || person == 0 {
			return n, err
		}
		now := d.moment()
		changes := make([]desk.Change, len(threads))
		for i := range threads {
			th := threads[i]
			drop(&th)
			events, err := record(&a, now, &threads[i], &th, draft{kind: desk.ThreadReleased})
			if err != nil {
				return n, err
			}
			changes[i] = desk.Change{Thread: th, Held: threads[i].ClaimUntil, Event: events[0]}
		}
		done, err := d.each(ctx, a.Tenant, changes)
		n += done
		if err != nil {
			return n, err
		}
	}
	return n, desk.Errorf(desk.Busy, "give_back", "some threads change all the time; give back the rest in a moment")
}

// maxRounds is how many hundreds of threads one GiveBack handles.
const maxRounds = 1000
