package storetest

import (
	"cmp"
	"context"
	"errors"
	lists "slices"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/store"
)

// newDesk is a desk on a store, as app makes it.
func newDesk(s *store.Store, now func() time.Time) *handling.Desk {
	return handling.New(handling.Parts{Threads: s, Changes: s, Timers: s, Staff: s}, now)
}

// boss is the command line.
var boss = desk.Actor{Tenant: desk.DefaultTenant, Name: "boss", Role: desk.RoleAdministrator}

// office is a bed with staff, channels and a clock that the test moves.
type office struct {
	*bed
	d     *handling.Desk
	clock time.Time
}

func newOffice(t *testing.T, open Open) *office {
	o := &office{bed: newBed(t, open), clock: time.Now().UTC().Truncate(time.Microsecond)}
	o.d = newDesk(o.Store, o.now)
	return o
}

func (o *office) now() time.Time { return o.clock }

// person hires somebody; only channels limit her when there are any.
func (b *bed) person(name string, role desk.Role, only ...desk.ChannelID) desk.Actor {
	b.t.Helper()
	p := desk.Person{Login: login(name), Name: name, Role: role, Channels: only, Locale: "en", CreatedAt: time.Now()}
	if err := b.Staff(b.ctx, desk.DefaultTenant, func(s *store.Staff) error {
		p.ID = 0
		return s.Save(b.ctx, &p)
	}); err != nil {
		b.t.Fatal(err)
	}
	return p.Actor("")
}

func login(name string) string {
	l, err := desk.Login(strings.ReplaceAll(name, " ", "."))
	if err != nil {
		panic(err)
	}
	return l
}

// disable ends somebody's work here.
func (b *bed) disable(a desk.Actor) {
	b.t.Helper()
	if err := b.Staff(b.ctx, a.Tenant, func(s *store.Staff) error {
		p, err := s.Person(b.ctx, desk.Whom{ID: a.Person})
		if err != nil {
			return err
		}
		p.Disabled = true
		return s.Save(b.ctx, &p)
	}); err != nil {
		b.t.Fatal(err)
	}
}

// bySeq puts events in the order of the log.
func bySeq(all []desk.Event) {
	lists.SortFunc(all, func(x, y desk.Event) int { return cmp.Compare(x.Seq, y.Seq) })
}

// present says until when people are at their desks.
func (b *bed) present(until time.Time, all ...desk.Actor) {
	b.t.Helper()
	for _, a := range all {
		if err := b.Touch(b.ctx, a.Tenant, []desk.Seen{{Person: a.Person, PresentUntil: until}}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// ring leaves a message of a caller and gives the thread that it is in.
func (b *bed) ring(caller, text string) desk.Thread {
	b.t.Helper()
	return b.ringIn(channel, caller, text)
}

func (b *bed) ringIn(c desk.ChannelID, caller, text string) desk.Thread {
	b.t.Helper()
	m := b.message(caller, text)
	m.Channel = c
	b.leave(m)
	b.sort()
	all, err := b.Store.Message(b.ctx, desk.DefaultTenant, m.ID.String())
	if err != nil || all[0].Thread == 0 {
		b.t.Fatal(all, err)
	}
	return b.thread(all[0].Thread)
}

func (b *bed) thread(id desk.ID) desk.Thread {
	b.t.Helper()
	th, err := b.Store.Thread(b.ctx, desk.DefaultTenant, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return th
}

// timeline is what happened to a thread, in order.
func (b *bed) timeline(tenant desk.TenantID, id desk.ID) ([]desk.Event, error) {
	_, events, err := b.Newest(b.ctx, tenant, id, 1000)
	return events, err
}

// kinds are what happened to a thread, in order.
func (b *bed) kinds(id desk.ID) (all []string) {
	b.t.Helper()
	events, err := b.timeline(desk.DefaultTenant, id)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range events {
		all = append(all, e.Kind)
	}
	return all
}

// sound makes sure that the log has no gap and every row is what was written.
func (b *bed) sound() {
	b.t.Helper()
	r, err := b.Check(b.ctx, func(int64) {})
	if err != nil || len(r.Damaged) > 0 {
		b.t.Fatalf("%+v, %v", r, err)
	}
}

// due lets the timers look.
func (o *office) due() int {
	o.t.Helper()
	n, err := o.d.Due(o.ctx, o.clock)
	if store.Again(err) {
		return n + 1 // the next look does it
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

func (o *office) view(a desk.Actor, v desk.View) []desk.ID {
	o.t.Helper()
	p, err := o.d.View(o.ctx, a, handling.ViewQuery{View: v})
	if err != nil {
		o.t.Fatal(err)
	}
	ids := []desk.ID{}
	for _, th := range p.Threads {
		ids = append(ids, th.ID)
	}
	return ids
}

// done is a thread after a change that must succeed.
func (b *bed) done(th desk.Thread, err error) desk.Thread {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	return th
}

// refused makes sure that something failed for that reason, and gives the words.
func (b *bed) refused(code string, err error) string {
	b.t.Helper()
	var e *desk.Error
	if !errors.As(err, &e) || e.Code != code {
		b.t.Fatalf("%v, want %s", err, code)
	}
	return e.Text
}

func second[T any](_ T, err error) error { return err }

// refusedSoftly is refused for goroutines.
func (b *bed) refusedSoftly(code string, err error) string {
	var e *desk.Error
	if !errors.As(err, &e) || e.Code != code {
		b.t.Errorf("%v, want %s", err, code)
		return ""
	}
	return e.Text
}

// late is a store in which something happens just before timers change threads.
type late struct {
	*store.Store
	before func()
}

func (l late) ChangeEach(ctx context.Context, tenant desk.TenantID, all []desk.Change) ([]desk.ID, error) {
	l.before()
	return l.Store.ChangeEach(ctx, tenant, all)
}

// handled is what staff can rely on.
func handled() map[string]func(*testing.T, Open) {
	return map[string]func(*testing.T, Open){
		"fifty people claim one thread: one has it, the others are told who": claimRace,
		"without compare-and-set several people have one thread":             carelessRace,
		"a claim that nobody keeps falls back to the list":                   claimsEnd,
		"a claim that is kept at the last moment does not end":               keptWhileItEnds,
		"what waits comes back by its time or with a message":                waits,
		"what is undone is as it was":                                        undone,
		"what follows from a call is decided by its outcome":                 calls,
		"every view shows what it says, and its pages have no gap":           viewed,
		"of many closed threads those of one person are found":               longClosed,
		"several nodes look what is due, and each thing happens once":        twoNodesDue,
		"what was missed is told once":                                       overdue,
		"two nodes that saw the same missed moment tell of it once":          toldTwice,
		"automatic allocation is fair":                                       allocated,
		"whoever leaves gives everything back":                               givesBack,
		"who may not, cannot":                                                limits,
		"whatever happens to a thread, it is what the model says":            life,
		"calls and notes are in the lists that they belong to":               callsAndNotes,
	}
}
