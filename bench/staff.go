package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
)

// staff work through the threads of a seeded store. What few threads need is done
// with the product's own hands. Closing hundreds of thousands is done with the
// store's, five hundred in a transaction, and compared with one that the product
// closed.
type staff struct {
	*app.App
	ctx    context.Context
	agents []desk.Actor

	byHand, inBulk desk.ID // two threads that must have become alike
}

// bulk is how many threads are changed in one transaction.
const bulk = 500

const (
	spoken = "Explained it and sent the form again. 已解释，重新发送表格。"
	solved = "solved"
)

// employ finds the people of a store.
func (b *bench) employ(a *app.App) (*staff, error) {
	people, err := a.Store.People(b.ctx, desk.DefaultTenant)
	s := &staff{App: a, ctx: b.ctx}
	for i := range people {
		s.agents = append(s.agents, people[i].Actor(""))
	}
	return s, err
}

// workThrough closes all threads but the newest, and leaves those as a day's work
// leaves them: some given to somebody, some called in vain, some with a note; and
// the log says which are overdue.
func (s *staff) workThrough(open int) error {
	var before desk.ID
	for seen := 0; ; {
		page, err := s.Store.Threads(s.ctx, desk.DefaultTenant, desk.Query{Before: before, Limit: bulk})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return errors.Join(s.compare(), s.tellOverdue())
		}
		before = page[len(page)-1].ID
		left := min(max(0, open-seen), len(page))
		seen += len(page)
		if err := errors.Join(s.leave(page[:left]), s.shut(page[left:])); err != nil {
			return err
		}
	}
}

// leave does a little to threads that stay open.
func (s *staff) leave(page []desk.Thread) (err error) {
	operator := app.Operator(desk.DefaultTenant)
	for i := range page {
		id, agent := page[i].ID, s.agents[i%len(s.agents)]
		switch i % 20 {
		case 0:
			_, err = s.Handling.Assign(s.ctx, operator, id, 0, agent.Person)
		case 1:
			again := time.Now().Add(time.Duration(1+i%60) * 24 * time.Hour)
			_, err = s.Handling.Call(s.ctx, agent, id, 0, handling.Call{Outcome: desk.NoAnswer, Note: "rang for a minute", Again: again})
		case 2:
			err = s.Handling.Note(s.ctx, agent, id, "Has the old form. 旧表格。")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tellOverdue lets the timers catch up.
func (s *staff) tellOverdue() error {
	for {
		if n, err := s.Handling.Due(s.ctx, time.Now()); err != nil || n == 0 {
			return err
		}
	}
}

// shut calls, reaches the caller, and closes the threads.
func (s *staff) shut(page []desk.Thread) error {
	if len(page) == 0 {
		return nil
	}
	if s.byHand == 0 {
		var err error
		if page, err = s.shutOne(page); err != nil {
			return err
		}
	}
	attempts, closings := make([]desk.Event, len(page)), make([]desk.Change, len(page))
	for i := range page {
		was, a := page[i], s.agents[i%len(s.agents)]
		th := was
		th.Owner, th.Attempts, th.Outcome, th.DueAt = a.Person, th.Attempts+1, desk.Reached, time.Time{}
		th.State, th.ClosedAt, th.Reason = desk.Closed, was.LastAt.Add(time.Hour), solved
		attempts[i] = happened(a, &was, &th, desk.Event{Kind: desk.CallAttempted}, desk.Details{Outcome: desk.Reached, Note: spoken})
		closing := happened(a, &was, &th, desk.Event{Kind: desk.ThreadClosed}, desk.Details{Outcome: desk.Reached, Reason: solved})
		closings[i] = desk.Change{Thread: th, Held: was.ClaimUntil, Event: closing}
	}
	return errors.Join(s.Store.AppendEvents(s.ctx, desk.DefaultTenant, attempts...), s.changeAll(closings))
}

func (s *staff) changeAll(all []desk.Change) error {
	done, err := s.Store.ChangeEach(s.ctx, desk.DefaultTenant, all)
	if err == nil && len(done) != len(all) {
		err = fmt.Errorf("%d of %d threads were changed", len(done), len(all))
	}
	return err
}

// happened completes an event as package handling writes it.
func happened(a desk.Actor, was, th *desk.Thread, e desk.Event, d desk.Details) desk.Event {
	d.By, d.Version, d.State, d.Owner, d.Was = a.Who(), was.Version+1, th.State, th.Owner, desk.Replaced(was, th)
	data, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and numbers
	}
	e.Tenant, e.Thread, e.Actor, e.At, e.Data = th.Tenant, th.ID, a.Name, th.ClosedAt, data
	return e
}

// shutOne lets the product close one of the threads, and remembers another that
// is to end in the same way. It returns the others.
func (s *staff) shutOne(page []desk.Thread) ([]desk.Thread, error) {
	first := page[0]
	for i := 1; i < len(page); i++ {
		other := page[i]
		if other.Channel != first.Channel || other.Messages != first.Messages || other.Version != first.Version {
			continue
		}
		agent := s.agents[(i-1)%len(s.agents)] // whose turn it will be with the other one
		_, err := s.Handling.Call(s.ctx, agent, first.ID, 0, handling.Call{Outcome: desk.Reached, Note: spoken, Close: true, Reason: solved})
		s.byHand, s.inBulk = first.ID, other.ID
		return page[1:], err
	}
	return nil, errors.New("no two threads are alike")
}

// compare refuses a store in which what was closed in bulk differs from what the
// product closed, in more than who and when.
func (s *staff) compare() error {
	if s.byHand == 0 {
		return nil // all are open
	}
	hand, err := s.trace(s.byHand)
	if err != nil {
		return err
	}
	bulk, err := s.trace(s.inBulk)
	if err == nil && !slices.Equal(hand, bulk) {
		err = fmt.Errorf("the product closes a thread like this:\n%q\nand the benchmark like this:\n%q", hand, bulk)
	}
	return err
}

// trace is what is left of a thread's handling: its row, and its events.
func (s *staff) trace(id desk.ID) (all []string, err error) {
	th, err := s.Store.Thread(s.ctx, desk.DefaultTenant, id)
	if err != nil {
		return nil, err
	}
	all = append(all, fmt.Sprint(th.State, th.Owner, th.Given, th.ClaimUntil, th.WakeAt, th.DueAt, th.Attempts, th.Outcome, th.Reason, th.Version, th.ClosedAt.IsZero(), th.Messages))
	_, events, err := s.Store.Newest(s.ctx, desk.DefaultTenant, id, math.MaxInt32)
	for i := range events {
		e := &events[i]
		if e.Kind == desk.MessageLeft || e.Kind == desk.ThreadOverdue {
			continue
		}
		d, err := e.Details()
		if err != nil {
			return nil, err
		}
		if d.Was != nil && d.Was.DueAt != nil {
			*d.Was.DueAt = min(*d.Was.DueAt, 1)
		}
		text, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		all = append(all, e.Kind+" "+e.Actor+" "+string(text))
	}
	return all, err
}
