package ui

import (
	"context"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// namesKept is how long the names of people and channels are given out again:
// a list of fifty rows names a hundred, and they hardly ever change.
const namesKept = 2 * time.Second

// directory knows the names of a tenant's people and channels.
type directory struct {
	rooms Rooms
	now   func() time.Time

	mu    sync.Mutex
	known map[desk.TenantID]*roll
}

// roll is one tenant's names.
type roll struct {
	read     time.Time
	people   []desk.Person
	channels []desk.Channel
	person   map[desk.PersonID]*desk.Person
	channel  map[desk.ChannelID]*desk.Channel
}

func newDirectory(r Rooms, now func() time.Time) *directory {
	return &directory{rooms: r, now: now, known: map[desk.TenantID]*roll{}}
}

func (d *directory) roll(ctx context.Context, tenant desk.TenantID) (*roll, error) {
	d.mu.Lock()
	r := d.known[tenant]
	d.mu.Unlock()
	if r != nil && d.now().Sub(r.read).Abs() < namesKept {
		return r, nil
	}
	r = &roll{read: d.now(), person: map[desk.PersonID]*desk.Person{}, channel: map[desk.ChannelID]*desk.Channel{}}
	var err error
	if r.people, err = d.rooms.People(ctx, tenant); err != nil {
		return nil, err
	}
	if r.channels, err = d.rooms.Channels(ctx, tenant); err != nil {
		return nil, err
	}
	for i := range r.people {
		r.person[r.people[i].ID] = &r.people[i]
	}
	for i := range r.channels {
		r.channel[r.channels[i].ID] = &r.channels[i]
	}
	d.mu.Lock()
	d.known[tenant] = r
	d.mu.Unlock()
	return r, nil
}

// changed forgets a tenant's names, after one of them was changed here.
func (d *directory) changed(tenant desk.TenantID) {
	d.mu.Lock()
	delete(d.known, tenant)
	d.mu.Unlock()
}

func (r *roll) personName(id desk.PersonID) string {
	if p := r.person[id]; p != nil {
		return p.Name
	}
	return ""
}

func (r *roll) channelName(id desk.ChannelID) string {
	if c := r.channel[id]; c != nil {
		return c.Name
	}
	return id.String()
}
