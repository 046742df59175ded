package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/store"
)

// model is a thread as its users understand it.
type model struct {
	State    desk.State
	Owner    desk.PersonID
	Given    bool
	Claim    time.Time
	Wake     time.Time
	Due      time.Time
	Closed   time.Time
	Reason   string
	Attempts int
	Outcome  desk.Outcome
	Messages int
}

// mistake is what an undo would take back.
type mistake struct {
	by     desk.PersonID // 0: nobody; the thread changed by itself
	at     time.Time
	before model
	undone bool
}

// machine lets people do at random what they can do with one caller's threads.
type machine struct {
	*office
	t      *rapid.T
	people []desk.Actor // two agents and a supervisor
	caller string
	id     desk.ID
	model  model
	last   *mistake
}

// life plays the life of a thread at random and compares it with the model after
// every step.
func life(t *testing.T, open Open) {
	o := newOffice(t, open)
	o.target = func(desk.TenantID, desk.ChannelID) time.Duration { return time.Hour }
	people := []desk.Actor{o.person("Ann", desk.RoleAgent), o.person("Ben", desk.RoleAgent), o.person("Sue", desk.RoleSupervisor)}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		m := &machine{office: o, t: rt, people: people, caller: number11(n)}
		m.message()
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.compare,
			"claim":   m.by(m.claim),
			"keep":    m.by(m.keep),
			"release": m.by(m.release),
			"assign":  m.by(m.assign),
			"call":    m.by(m.call),
			"snooze":  m.by(m.snooze),
			"close":   m.by(m.close),
			"reopen":  m.by(m.reopen),
			"undo":    m.by(m.undo),
			"note":    m.by(m.note),
			"stale":   m.by(m.stale),
			"message": func(*rapid.T) { m.message() },
			"time":    m.time,
		})
	})
	o.sound()
}

func (m *machine) by(do func(a desk.Actor)) func(*rapid.T) {
	return func(t *rapid.T) {
		m.t = t
		do(rapid.SampledFrom(m.people).Draw(t, "who"))
	}
}

// compare looks at the thread, and at what its last event says of it.
func (m *machine) compare(t *rapid.T) {
	th, err := m.Store.Thread(m.ctx, desk.DefaultTenant, m.id)
	if err != nil {
		t.Fatal(err)
	}
	got := model{
		th.State, th.Owner, th.Given, th.ClaimUntil, th.WakeAt, th.DueAt, th.ClosedAt, th.Reason, th.Attempts, th.Outcome, th.Messages,
	}
	if diff := cmp.Diff(m.model, got); diff != "" {
		t.Fatal(diff)
	}
	events, err := m.timeline(desk.DefaultTenant, m.id)
	if err != nil {
		t.Fatal(err)
	}
	state := desk.New
	for i := range events {
		d, err := events[i].Details()
		if err != nil {
			t.Fatal(err)
		}
		if d.Was != nil {
			state = d.State
		}
	}
	if state != th.State {
		t.Fatalf("the log ends in %s, the thread is %s", state, th.State)
	}
}

// expect compares how a step ended; a step that changed something can be undone.
func (m *machine) expect(a desk.Actor, do func() error, want string, next model) {
	got, err := "", again(do)
	var e *desk.Error
	if errors.As(err, &e) {
		got = e.Code
	} else if err != nil {
		m.t.Fatal(err)
	}
	if got != want {
		m.t.Fatalf("%s: %q (%v), want %q", a.Name, got, err, want)
	}
	if want != "" || next == m.model {
		return
	}
	m.last = &mistake{by: a.Person, at: m.clock, before: m.model}
	m.model = next
}

// again does what the engine rolled back so often that the store gave up. That is
// rare, but there are thousands of steps here.
func again(do func() error) error {
	err := do()
	for store.Again(err) {
		err = do()
	}
	return err
}

// taken is why somebody may not act on the thread.
func (m *machine) taken(a desk.Actor) string {
	switch {
	case m.model.State == desk.Closed:
		return "closed"
	case m.model.Owner != 0 && m.model.Owner != a.Person && a.Role != desk.RoleSupervisor:
		return "claimed_by"
	}
	return ""
}

func (m *machine) claim(a desk.Actor) {
	next, want := m.model, ""
	switch {
	case next.State == desk.Closed:
		want = "closed"
	case next.Owner != 0 && next.Owner != a.Person:
		want = "claimed_by"
	case next.State == desk.Working:
		m.keep(a)
		return
	default:
		next.Owner, next.State, next.Claim, next.Wake = a.Person, desk.Working, m.clock.Add(handling.Lease), time.Time{}
	}
	m.expect(a, func() error { return second(m.d.Claim(m.ctx, a, m.id, 0)) }, want, next)
}

func (m *machine) keep(a desk.Actor) {
	want := "claim_ended"
	switch {
	case m.model.Owner != 0 && m.model.Owner != a.Person:
		want = "claimed_by"
	case m.model.State == desk.Working:
		want = ""
		m.model.Claim = m.clock.Add(handling.Lease) // no change that could be undone
	}
	m.expect(a, func() error { return second(m.d.Keep(m.ctx, a, m.id)) }, want, m.model)
}

func (m *machine) release(a desk.Actor) {
	next, want := m.model, m.taken(a)
	switch {
	case want != "":
	case next.State == desk.New:
	default:
		next.State, next.Owner, next.Given, next.Claim, next.Wake = desk.New, 0, false, time.Time{}, time.Time{}
	}
	m.expect(a, func() error { return second(m.d.Release(m.ctx, a, m.id, 0)) }, want, next)
}

func (m *machine) assign(a desk.Actor) {
	to := rapid.SampledFrom(m.people).Draw(m.t, "to").Person
	next, want := m.model, ""
	switch {
	case a.Role != desk.RoleSupervisor:
		want = "not_allowed"
	case next.State == desk.Closed:
		want = "closed"
	case next.Owner == to:
		next.Given = true
	default:
		next.Owner, next.Given, next.Claim = to, true, time.Time{}
		if next.State != desk.Waiting {
			next.State = desk.Assigned
		}
	}
	m.expect(a, func() error { return second(m.d.Assign(m.ctx, a, m.id, 0, to)) }, want, next)
}

// take is what acting on a thread does first.
func take(next *model, a desk.Actor) {
	if next.Owner == 0 {
		next.Owner = a.Person
	}
}

func (m *machine) call(a desk.Actor) {
	c := handling.Call{Outcome: rapid.SampledFrom(desk.Outcomes()).Draw(m.t, "outcome"), Close: rapid.Bool().Draw(m.t, "close")}
	if c.Outcome == desk.CallAgain {
		c.Close, c.Again = false, m.clock.Add(30*time.Minute)
	}
	next, want := m.model, m.taken(a)
	if want == "" {
		take(&next, a)
		wait := map[desk.Outcome]time.Duration{
			desk.CallAgain: 30 * time.Minute, desk.NoAnswer: time.Hour, desk.LineBusy: 15 * time.Minute, desk.Voicemail: 4 * time.Hour,
		}[c.Outcome]
		next.Attempts++
		next.Outcome, next.Due, next.Wake = c.Outcome, time.Time{}, time.Time{}
		switch {
		case c.Close:
			next.State, next.Closed, next.Claim = desk.Closed, m.clock, time.Time{}
		case wait > 0:
			next.State, next.Wake, next.Claim = desk.Waiting, m.clock.Add(wait), time.Time{}
		case next.Owner == a.Person:
			next.State, next.Claim = desk.Working, m.clock.Add(handling.Lease)
		case next.State == desk.Waiting:
			next.State = desk.Assigned
		}
	}
	m.expect(a, func() error { return second(m.d.Call(m.ctx, a, m.id, 0, c)) }, want, next)
}

func (m *machine) snooze(a desk.Actor) {
	until := m.clock.Add(time.Duration(rapid.IntRange(1, 7200).Draw(m.t, "seconds")) * time.Second)
	next, want := m.model, m.taken(a)
	if want == "" {
		take(&next, a)
		next.State, next.Wake, next.Claim = desk.Waiting, until, time.Time{}
	}
	m.expect(a, func() error { return second(m.d.Snooze(m.ctx, a, m.id, 0, until)) }, want, next)
}

func (m *machine) close(a desk.Actor) {
	next, want := m.model, m.taken(a)
	switch want {
	case "closed":
		want = "" // it is what she wants
	case "":
		take(&next, a)
		next.State, next.Closed, next.Reason = desk.Closed, m.clock, "done"
		next.Claim, next.Wake, next.Due = time.Time{}, time.Time{}, time.Time{}
	}
	m.expect(a, func() error { return second(m.d.Close(m.ctx, a, m.id, 0, "done")) }, want, next)
}

func (m *machine) reopen(a desk.Actor) {
	next := m.model
	if next.State == desk.Closed {
		next.State, next.Owner, next.Given, next.Claim = desk.Working, a.Person, false, m.clock.Add(handling.Lease)
		next.Closed, next.Reason = time.Time{}, ""
	}
	m.expect(a, func() error { return second(m.d.Reopen(m.ctx, a, m.id, 0)) }, "", next)
}

func (m *machine) undo(a desk.Actor) {
	next, want := m.model, ""
	switch {
	case m.last == nil:
		want = "nothing_to_undo"
	case m.last.by != a.Person:
		want = "changed_since"
	case m.last.undone:
		want = "nothing_to_undo"
	case m.clock.Sub(m.last.at) > handling.UndoWithin:
		want = "undo_late"
	default:
		next = m.last.before
		next.Messages = m.model.Messages
		if next.State == desk.Working {
			next.Claim = m.clock.Add(handling.Lease)
		}
	}
	m.expect(a, func() error { return second(m.d.Undo(m.ctx, a, m.id)) }, want, next)
	if want == "" {
		m.last = &mistake{by: a.Person, at: m.clock, undone: true}
	}
}

func (m *machine) note(a desk.Actor) {
	if err := again(func() error { return m.d.Note(m.ctx, a, m.id, "a note changes nothing") }); err != nil {
		m.t.Fatal(err)
	}
}

// stale acts on the thread as somebody saw it before anything happened.
func (m *machine) stale(a desk.Actor) {
	th := m.thread(m.id)
	want := "thread_changed"
	if m.model.State != desk.Closed && m.model.Owner != 0 && m.model.Owner != a.Person {
		want = "claimed_by"
	}
	m.expect(a, func() error { return second(m.d.Snooze(m.ctx, a, m.id, th.Version+1, m.clock.Add(time.Minute))) }, want, m.model)
}

// message: the caller leaves another one.
func (m *machine) message() {
	msg := m.bed.message(m.caller, "please call")
	msg.ReceivedAt = m.clock
	m.leave(msg)
	m.sort()
	switch m.model.State {
	case "", desk.Closed:
		m.id, m.model, m.last = msg.ID, model{State: desk.New, Due: m.clock.Add(time.Hour)}, nil
	case desk.Waiting:
		m.wake(m.clock)
	}
	m.model.Messages++
}

func (m *machine) wake(at time.Time) {
	m.model.State, m.model.Wake = desk.Assigned, time.Time{}
	if m.model.Owner == 0 {
		m.model.State = desk.New
	}
	if m.model.Due.IsZero() {
		m.model.Due = at.Add(desk.Grace)
	}
	m.last = &mistake{at: at}
}

// time passes, and the timers look.
func (m *machine) time(t *rapid.T) {
	m.clock = m.clock.Add(time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second)
	for m.due() > 0 {
	}
	if !m.model.Claim.IsZero() && !m.model.Claim.After(m.clock) {
		m.model.State, m.model.Claim = desk.Assigned, time.Time{}
		if !m.model.Given {
			m.model.State, m.model.Owner = desk.New, 0
		}
		m.last = &mistake{at: m.clock}
	}
	if !m.model.Wake.IsZero() && !m.model.Wake.After(m.clock) {
		m.wake(m.model.Wake)
	}
}
