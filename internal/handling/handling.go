// Package handling is what staff do with threads: see, claim, call, put off,
// give away, close, and take back what was a mistake.
//
// It promises that every change is a compare-and-set on the thread's version,
// with its event in the same transaction, so that two people who act at once do
// not overwrite each other and the second is told who was first; that an event
// says what it replaced; that nobody acts on, or learns of, a thread of a channel
// that he is limited away from; and that what has a time is found by one query,
// whichever node asks. The pages, /v1 and the command line call it; app gives it
// a store and runs its timers.
package handling

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Threads is where threads are read.
type Threads interface {
	// Thread is Missing when the tenant has no such thread.
	Thread(ctx context.Context, tenant desk.TenantID, id desk.ID) (desk.Thread, error)
	// List is a page, and where the next one begins; none when the list ends.
	List(ctx context.Context, tenant desk.TenantID, l desk.Listing) ([]desk.Thread, *desk.Place, error)
	Tallies(ctx context.Context, tenant desk.TenantID, l desk.Listing) ([]desk.Tally, error)
	ThreadsByID(ctx context.Context, tenant desk.TenantID, ids []desk.ID) ([]desk.Thread, error)
	CallersThreads(ctx context.Context, tenant desk.TenantID, callerKey string, limit int) ([]desk.Thread, error)
	// Entries is a page of calls or notes.
	Entries(ctx context.Context, tenant desk.TenantID, q desk.EntryQuery) (desk.Entries, error)
	// Newest gives a thread's newest messages and events, as they came.
	Newest(ctx context.Context, tenant desk.TenantID, thread desk.ID, limit int) ([]desk.Listed, []desk.Event, error)
}

// Changes is where threads are changed.
type Changes interface {
	// ChangeThread compares and sets the version: Conflict when it is another one,
	// or (with the code "exists") when the caller has another open thread.
	ChangeThread(ctx context.Context, th desk.Thread, events ...desk.Event) (desk.Thread, error)
	// ChangeEach changes those that are as they were read, and says which.
	ChangeEach(ctx context.Context, tenant desk.TenantID, all []desk.Change) ([]desk.ID, error)
	AppendEvents(ctx context.Context, tenant desk.TenantID, events ...desk.Event) error
	// Done is the event that an Idempotency-Key led to; Missing when there is none.
	Done(ctx context.Context, tenant desk.TenantID, o desk.Once) (desk.Event, error)
	// KeepClaim is Conflict when the claim is not that person's.
	KeepClaim(ctx context.Context, tenant desk.TenantID, id desk.ID, by desk.PersonID, until time.Time) error
}

// Timers is what has its time.
type Timers interface {
	Tenants(ctx context.Context) ([]desk.Tenant, error)
	// Timers is when each timer of the tenant fires next; zero when none has it.
	Timers(ctx context.Context, tenant desk.TenantID) (map[desk.Timer]time.Time, error)
	Fired(ctx context.Context, tenant desk.TenantID, timer desk.Timer, now time.Time, limit int) ([]desk.Thread, error)
	// Missed tells the log, once for each time that was missed.
	Missed(ctx context.Context, tenant desk.TenantID, all []desk.Change) ([]desk.ID, error)
	Loads(ctx context.Context, tenant desk.TenantID) ([]desk.Load, error)
}

// Staff is who works in which channels, and the filters that they keep.
type Staff interface {
	People(ctx context.Context, tenant desk.TenantID) ([]desk.Person, error)
	Channels(ctx context.Context, tenant desk.TenantID) ([]desk.Channel, error)
	FilterKeeper
}

// Finder finds messages by words.
type Finder interface {
	// Threaded gives messages of open threads, unless q.State says otherwise, newest
	// first, and the ID below which the next page begins; 0 is the end.
	Threaded(ctx context.Context, tenant desk.TenantID, q desk.Query) ([]desk.Listed, desk.ID, error)
}

// Parts are what a desk is made of. A store is the first four of them.
type Parts struct {
	Threads Threads
	Changes Changes
	Timers  Timers
	Staff   Staff
	Finder  Finder       // nil: threads cannot be searched by words
	Log     *slog.Logger // nil: nothing is logged
}

// Desk is where threads are handled. All its methods may be called at once.
type Desk struct {
	Parts
	now func() time.Time

	counts   memo[[]desk.Tally]
	people   memo[[]desk.Person]
	channels memo[[]desk.Channel]
	filters  memo[[]desk.Filter]

	mu   sync.Mutex
	last map[seat]desk.ID // the newest thread that each was given by this node
}

type seat struct {
	tenant desk.TenantID
	person desk.PersonID
}

// New makes a desk.
func New(p Parts, now func() time.Time) *Desk {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{Parts: p, now: now, last: map[seat]desk.ID{}}
}

// Limits of what staff write, in characters.
const (
	MaxReason = 500
	MaxNote   = 2000
)

const (
	// Lease is how long a claim lasts unless it is kept.
	Lease = 5 * time.Minute
	// UndoWithin is how long a change can be taken back.
	UndoWithin = 5 * time.Minute
	// MaxWait is how long a thread can be put off.
	MaxWait = 90 * 24 * time.Hour

	tries = 8 // a change of whatever version there is, when others change it too
)

// moment is now, as precise as it is stored.
func (d *Desk) moment() time.Time { return d.now().UTC().Truncate(time.Microsecond) }

// draft is an event that is not written yet.
type draft struct {
	kind string
	desk.Details
}

// step is one change of one thread by somebody. It gets the thread as it is,
// changes it and says what happened; nothing happened when it says nothing.
type step func(now time.Time, th *desk.Thread) ([]draft, error)

// change reads a thread, takes the step and writes both thread and events.
// Version 0 is whatever the thread's version is at the moment.
func (d *Desk) change(ctx context.Context, a desk.Actor, id desk.ID, version int64, do step) (desk.Thread, error) {
	if err := may(&a, desk.ThreadsHandle); err != nil {
		return desk.Thread{}, err
	}
	for range tries {
		was, err := d.thread(ctx, &a, id)
		if err != nil {
			return was, err
		}
		if version != 0 && was.Version != version {
			return was, d.lost(ctx, &a, &was)
		}
		now, th := d.moment(), was
		lapse(&th, now)
		drafts, err := do(now, &th)
		if err != nil || len(drafts) == 0 {
			return was, err
		}
		events, err := record(&a, now, &was, &th, drafts...)
		if err != nil {
			return was, err
		}
		done, err := d.Changes.ChangeThread(ctx, th, events...)
		switch {
		case err == nil:
			d.recount(now, &was, &done)
			return done, nil
		case code(err) == desk.SeenCode:
			return was, err
		case code(err) == "exists":
			return was, d.another(ctx, &was)
		case desk.KindOf(err) != desk.Conflict:
			return was, err
		case version != 0:
			is, again := d.thread(ctx, &a, id)
			if again != nil {
				return was, again
			}
			return is, d.lost(ctx, &a, &is)
		}
	}
	return desk.Thread{}, desk.Errorf(desk.Conflict, "thread_changed", "others change this thread all the time; look again")
}

// record turns what happened in one step into events. Nobody (nil) is Afterbeep
// itself.
func record(a *desk.Actor, now time.Time, was, th *desk.Thread, drafts ...draft) ([]desk.Event, error) {
	all := make([]desk.Event, len(drafts))
	for i, f := range drafts {
		f.Version, f.State, f.Owner, f.Was = was.Version+1, th.State, th.Owner, desk.Replaced(was, th)
		var err error
		if all[i], err = f.event(a, now, th); err != nil {
			return nil, err
		}
	}
	if a != nil && len(all) > 0 {
		all[0].Once = a.Once
	}
	return all, nil
}

func (f draft) event(a *desk.Actor, now time.Time, th *desk.Thread) (desk.Event, error) {
	e := desk.Event{Tenant: th.Tenant, Thread: th.ID, Kind: f.kind, At: now}
	if a != nil {
		e.Actor, f.By = a.Name, a.Who()
	}
	data, err := json.Marshal(f.Details)
	e.Data = data
	return e, err
}

// thread reads a thread for somebody; one of a channel that he does not see is
// Missing, as if it were not there.
func (d *Desk) thread(ctx context.Context, a *desk.Actor, id desk.ID) (desk.Thread, error) {
	th, err := d.Threads.Thread(ctx, a.Tenant, id)
	if err == nil && !a.Sees(th.Channel) {
		return desk.Thread{}, desk.Errorf(desk.Missing, "thread", "there is no thread %s", id)
	}
	return th, err
}

// lapse ends a claim whose time is over. The timer does the same, a moment later.
func lapse(th *desk.Thread, now time.Time) {
	if th.State == desk.Closed || th.ClaimUntil.IsZero() || th.ClaimUntil.After(now) {
		return
	}
	th.ClaimUntil = time.Time{}
	if !th.Given {
		th.Owner = 0
	}
	th.Settle()
}

func may(a *desk.Actor, p desk.Permission) error {
	if a.Tenant != 0 && a.May(p) {
		return nil
	}
	return desk.Errorf(desk.Forbidden, "not_allowed", "your role may not do that (%s); ask an administrator", p)
}

// text is what somebody wrote, without spaces around it.
func text(s, what string, most int) (string, error) {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "", desk.Errorf(desk.Invalid, what, "a %s has at most %d characters", what, most)
	}
	return s, nil
}
