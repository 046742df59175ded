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
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Slice is what one transaction can do. Its methods are the store's.
type Slice interface {
	// Take removes rows from the journal and gives the first IDs of those that it
	// removed: other sorters may have the rest.
	Take(ctx context.Context, rows []desk.Row) (mine []desk.ID, err error)
	// Newest finds the callers' open threads, else their newest.
	Newest(ctx context.Context, tenant desk.TenantID, callers []desk.Caller) (map[desk.Caller]desk.Thread, error)
	// Put writes threads, those that are not new by compare-and-set.
	Put(ctx context.Context, tenant desk.TenantID, threads []*desk.Thread) error
	Insert(ctx context.Context, tenant desk.TenantID, messages []desk.Message) error
	// Append numbers the events without a gap.
	Append(ctx context.Context, tenant desk.TenantID, events []desk.Event) error
	// SetAside keeps a row that cannot be placed; tenant 0 when not even that is known.
	SetAside(ctx context.Context, tenant desk.TenantID, r desk.Row, reason string) error
	// Try undoes only what do did when it fails.
	Try(ctx context.Context, do func() error) error
}

// Store reads what is to be sorted, and runs a slice in one transaction.
type Store interface {
	// Buckets are the parts of the journal: those that this node writes to, and all.
	Buckets() (own, all []int)
	// UsedBuckets are those with something in them, in one cheap query.
	UsedBuckets(ctx context.Context) ([]int, error)
	// Oldest reads the oldest rows of a bucket, until they hold so many messages;
	// they stay there.
	Oldest(ctx context.Context, bucket, messages int) ([]desk.Row, error)
	// Slice runs do in one transaction about these tenants.
	Slice(ctx context.Context, tenants []desk.TenantID, do func(Slice) error) error
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
	// Target is how soon a channel promises the first call; 0 promises nothing.
	Target func(desk.TenantID, desk.ChannelID) time.Duration
	// Observe is told of every slice: messages and time. It may be nil.
	Observe func(messages int, took time.Duration)
	pace    pace
}

// New makes a sorter that gives way to nobody until Taken is set.
func New(s Store, regions Regions, log *slog.Logger) *Sorter {
	return &Sorter{
		store: s, regions: regions, log: log, wake: make(chan struct{}, 1),
		Taken:   func() int64 { return 0 },
		Target:  func(desk.TenantID, desk.ChannelID) time.Duration { return 0 },
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
	idleLook   = 3 * time.Second        // in case a wake was missed, or the node that wrote has died
	retryAfter = 500 * time.Millisecond // the disk is full, or somebody holds the database
)

// Run sorts until ctx ends. An error means that a flush failed and the process
// must leave.
func (s *Sorter) Run(ctx context.Context) error {
	look := time.NewTicker(idleLook)
	defer look.Stop()
	_, buckets := s.store.Buckets()
	for {
		for _, b := range buckets {
			if err := s.drain(ctx, b); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			buckets = s.used(ctx)
		case <-s.wake:
			buckets, _ = s.store.Buckets()
			pause(ctx, gather)
		}
	}
}

// used are the buckets with something in them, this node's first: an idle node
// is to ask one question, not one a bucket. When it is not answered, drain meets
// the same trouble, and says so.
func (s *Sorter) used(ctx context.Context) []int {
	own, all := s.store.Buckets()
	used, err := s.store.UsedBuckets(ctx)
	if err != nil {
		return own
	}
	return slices.DeleteFunc(all, func(b int) bool { return !slices.Contains(used, b) })
}

// drain sorts slice after slice until the bucket is empty.
func (s *Sorter) drain(ctx context.Context, bucket int) error {
	for ctx.Err() == nil {
		most, start := s.pace.slice(), time.Now()
		n, err := s.Once(ctx, bucket)
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

// Once sorts one slice of a bucket and says how many messages it took from the
// journal. A slice that fails because of one of its messages is done again
// message by message; first once more as a whole, since another node may have
// opened a caller's thread at the same moment.
func (s *Sorter) Once(ctx context.Context, bucket int) (int, error) {
	rows, err := s.store.Oldest(ctx, bucket, s.pace.slice())
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	all, err := s.ready(ctx, rows)
	if err != nil {
		return 0, err
	}
	n, err := s.slice(ctx, all, s.place)
	if desk.KindOf(err) == desk.Conflict {
		n, err = s.slice(ctx, all, s.place)
	}
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
	rows := make([]desk.Row, len(all))
	for i := range all {
		rows[i] = all[i].Row
		n += max(all[i].Count, 1) // also what another sorter takes: there may be more
	}
	err = s.store.Slice(ctx, tenants(all), func(sl Slice) error {
		mine, err := sl.Take(ctx, rows)
		if err != nil {
			return err
		}
		var letters []letter
		for i := range all {
			r := &all[i]
			switch {
			case !slices.Contains(mine, r.First):
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

// tenants are those whose messages are in the rows.
func tenants(all []row) (found []desk.TenantID) {
	for i := range all {
		for j := range all[i].letters {
			if t := all[i].letters[j].Tenant; !slices.Contains(found, t) {
				found = append(found, t)
			}
		}
	}
	return found
}

// setAside logs neither caller nor text: an administrator looks at the row.
func (s *Sorter) setAside(ctx context.Context, sl Slice, tenant desk.TenantID, r desk.Row, reason error) error {
	s.log.Error("set aside: could not be sorted", "id", r.First, "messages", r.Count, "error", reason.Error())
	return sl.SetAside(ctx, tenant, r, reason.Error())
}
