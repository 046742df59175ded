package handling

import (
	"context"
	"errors"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Detail is a thread with everything in it.
type Detail struct {
	Thread   desk.Thread
	Holder   string        // the name of whom it belongs to; "" is nobody's
	Messages []desk.Listed // the newest MaxDetail, in the order in which they came
	Events   []desk.Event  // likewise
	Earlier  []desk.Thread // other threads of the same caller, in all channels that the actor sees, newest first
	Damaged  error         // not nil: some rows are not what was written, and are not shown
}

// How much of a thread is shown.
const (
	MaxDetail   = 500
	earlierMost = 50
)

// Open reads a thread with what is in it. Errors: Forbidden, Missing.
func (d *Desk) Open(ctx context.Context, a desk.Actor, id desk.ID) (t Detail, err error) {
	if err := may(&a, desk.ThreadsSee); err != nil {
		return t, err
	}
	if t.Thread, err = d.thread(ctx, &a, id); err != nil {
		return t, err
	}
	t.Messages, t.Events, err = d.Threads.Newest(ctx, a.Tenant, id, MaxDetail)
	var damaged interface{ Damage() []desk.ID }
	if errors.As(err, &damaged) {
		t.Damaged = err
	} else if err != nil {
		return t, err
	}
	all, err := d.Threads.CallersThreads(ctx, a.Tenant, t.Thread.CallerKey, earlierMost)
	if err != nil {
		return t, err
	}
	for i := range all {
		if all[i].ID != id && a.Sees(all[i].Channel) {
			t.Earlier = append(t.Earlier, all[i])
		}
	}
	if t.Thread.Owner != 0 {
		t.Holder = d.name(ctx, a.Tenant, t.Thread.Owner)
	}
	return t, nil
}

// Repeated is a message, and those that followed it with the same text.
type Repeated struct {
	desk.Listed
	Times int // how often it was sent in a row
	Last  desk.Listed
}

// Folded is the messages with identical repeats in a row folded into one.
func (t *Detail) Folded() (all []Repeated) {
	for _, m := range t.Messages {
		if n := len(all); n > 0 && all[n-1].Text == m.Text {
			all[n-1].Times++
			all[n-1].Last = m
			continue
		}
		all = append(all, Repeated{Listed: m, Times: 1, Last: m})
	}
	return all
}
