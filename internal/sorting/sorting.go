// Package sorting turns what intake took down into what staff can work with:
// it finds or opens each caller's thread, stores the messages in it, and tells
// the event log.
//
// It works in slices, each one transaction: the journal rows that it takes are
// gone when their messages are in their threads, and neither happens without
// the other. So every message is sorted exactly once, whatever dies. What
// cannot be placed is set aside with the reason; it never blocks the rest and
// is never dropped.
package sorting

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Slice is what one transaction can do. Its methods are the store's.
type Slice interface {
	// Take removes a row from the journal; false when another sorter was first.
	Take(ctx context.Context, r *desk.Row) (mine bool, err error)
	// Newest is a caller's newest thread in a channel, or Missing.
	Newest(ctx context.Context, tenant desk.TenantID, channel desk.ChannelID, callerKey string) (desk.Thread, error)
	// Put writes a thread, by compare-and-set when it is not new.
	Put(ctx context.Context, th *desk.Thread) error
	Insert(ctx context.Context, messages []desk.Message) error
	// Append numbers the events without a gap.
	Append(ctx context.Context, tenant desk.TenantID, events []desk.Event) error
	// SetAside keeps a row that cannot be placed; tenant 0 when not even that is known.
	SetAside(ctx context.Context, tenant desk.TenantID, r desk.Row, reason string) error
	// Try undoes only what do did when it fails.
	Try(ctx context.Context, do func() error) error
}

// Store reads what is to be sorted, and runs a slice in one transaction.
type Store interface {
	// Oldest reads the oldest rows of the journal, until they hold so many
	// messages; they stay there.
	Oldest(ctx context.Context, messages int) ([]desk.Row, error)
	Slice(ctx context.Context, do func(Slice) error) error
}

// Regions knows how local numbers of a channel are read. Missing when there is
// no such channel.
type Regions func(ctx context.Context, tenant desk.TenantID, channel desk.ChannelID) (string, error)

// Sorter drains the journal.
type Sorter struct {
	store   Store
	regions Regions
	log     *slog.Logger
	wake    chan struct{}

	// Taken counts the messages that intake took so far; sorting gives way to
	// them. It may be nil.
	Taken func() int64
	// Observe is told of every slice: messages and time. It may be nil.
	Observe func(messages int, took time.Duration)
	pace    pace
}

// New makes a sorter that gives way to nobody until Taken is set.
func New(s Store, regions Regions, log *slog.Logger) *Sorter {
	return &Sorter{
		store: s, regions: regions, log: log, wake: make(chan struct{}, 1),
		Taken:   func() int64 { return 0 },
		Observe: func(int, time.Duration) {},
	}
}

// Wake says that there is something to sort. It never blocks.
func (s *Sorter) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

const (
	gather     = 50 * time.Millisecond  // lets messages that come one by one share a slice and its flush
	idleLook   = 5 * time.Second        // in case a wake was missed, or another process wrote
	retryAfter = 500 * time.Millisecond // the disk is full, or somebody holds the database
)

// Run sorts until ctx ends. An error means that a flush failed and the process
// must leave.
func (s *Sorter) Run(ctx context.Context) error {
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-s.wake:
			pause(ctx, gather)
		}
		look.Reset(idleLook)
		if err := s.drain(ctx); err != nil {
			return err
		}
	}
}

// drain sorts slice after slice until the journal is empty.
func (s *Sorter) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		most, start := s.pace.slice(), time.Now()
		n, err := s.Once(ctx)
		switch {
		case errors.Is(err, desk.ErrBroken):
			return err
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.log.Warn("sorting waits", "error", err.Error())
			pause(ctx, retryAfter)
			continue
		case n == 0:
			return nil
		}
		took := time.Since(start)
		s.Observe(n, took)
		rest := s.pace.rest(s.Taken(), n, took, time.Now())
		if n < most {
			return nil // what came meanwhile has woken us, and gathers
		}
		pause(ctx, rest)
	}
	return nil
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// Once sorts one slice and says how many messages it took from the journal. A
// slice that fails because of one of its messages is done again message by
// message.
func (s *Sorter) Once(ctx context.Context) (int, error) {
	rows, err := s.store.Oldest(ctx, s.pace.slice())
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	all, err := s.ready(ctx, rows)
	if err != nil {
		return 0, err
	}
	n, err := s.slice(ctx, all, s.place)
	if err == nil || transient(err) || ctx.Err() != nil {
		return n, err
	}
	s.log.Warn("a slice is sorted message by message", "error", err.Error())
	return s.slice(ctx, all, s.placeEach)
}

// transient errors are the store's, not a message's.
func transient(err error) bool {
	switch desk.KindOf(err) {
	case desk.Unstored, desk.Unknown, desk.Busy:
		return true
	}
	return errors.Is(err, desk.ErrBroken)
}

// slice takes the rows and places what is in them, in one transaction.
func (s *Sorter) slice(ctx context.Context, all []row, place func(context.Context, Slice, []letter) error) (n int, err error) {
	// A slice is short and is not cut off; a context that cannot end also spares
	// the driver a goroutine a statement.
	ctx = context.WithoutCancel(ctx)
	err = s.store.Slice(ctx, func(sl Slice) error {
		n = 0
		var letters []letter
		for i := range all {
			r := &all[i]
			mine, err := sl.Take(ctx, &r.Row)
			if err != nil {
				return err
			}
			n += max(r.Count, 1) // also what another sorter took: there may be more
			switch {
			case !mine:
			case r.unreadable != nil:
				if err := s.setAside(ctx, sl, 0, r.Row, r.unreadable); err != nil {
					return err
				}
			default:
				letters = append(letters, r.letters...)
			}
		}
		return place(ctx, sl, letters)
	})
	return n, err
}

// setAside logs neither caller nor text: an administrator looks at the row.
func (s *Sorter) setAside(ctx context.Context, sl Slice, tenant desk.TenantID, r desk.Row, reason error) error {
	s.log.Error("set aside: could not be sorted", "id", r.First, "messages", r.Count, "error", reason.Error())
	return sl.SetAside(ctx, tenant, r, reason.Error())
}
