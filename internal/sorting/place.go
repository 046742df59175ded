package sorting

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// place puts every message into its caller's thread, tenant by tenant.
func (s *Sorter) place(ctx context.Context, sl Slice, all []letter) error {
	var (
		order []desk.TenantID
		of    = map[desk.TenantID][]letter{}
	)
	for _, l := range all {
		if l.lost != nil {
			return l.lost
		}
		if of[l.Tenant] == nil {
			order = append(order, l.Tenant)
		}
		of[l.Tenant] = append(of[l.Tenant], l)
	}
	slices.Sort(order) // as the counters are locked
	for _, t := range order {
		if err := s.placeTenant(ctx, sl, t, of[t]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sorter) placeTenant(ctx context.Context, sl Slice, tenant desk.TenantID, all []letter) error {
	var (
		callers  []desk.Caller
		members  = map[desk.Caller][]*desk.Message{}
		messages = make([]desk.Message, len(all))
	)
	for i := range all {
		messages[i] = all[i].Message
		c := all[i].caller
		if members[c] == nil {
			callers = append(callers, c)
		}
		members[c] = append(members[c], &messages[i])
	}
	known, err := sl.Newest(ctx, tenant, callers)
	if err != nil {
		return err
	}
	var (
		threads = make([]*desk.Thread, len(callers))
		woken   []desk.Event
	)
	for i, c := range callers {
		was := known[c]
		threads[i] = s.join(was, tenant, c, members[c])
		if was.State != desk.Waiting {
			continue
		}
		e, err := wake(&was, threads[i], members[c][0])
		if err != nil {
			return err
		}
		woken = append(woken, e)
	}
	if err := sl.Put(ctx, tenant, threads); err != nil {
		return err
	}
	if err := sl.Insert(ctx, tenant, messages); err != nil {
		return err
	}
	return announce(ctx, sl, tenant, messages, woken)
}

// join adds messages to the caller's open thread, or opens one that is linked to
// the one before.
func (s *Sorter) join(th desk.Thread, tenant desk.TenantID, c desk.Caller, members []*desk.Message) *desk.Thread {
	first, last := members[0], members[len(members)-1]
	if th.ID == 0 || th.State == desk.Closed {
		th = desk.Thread{
			Tenant: tenant, ID: first.ID, Channel: c.Channel, CallerKey: c.Key,
			State: desk.New, FirstAt: first.ReceivedAt, Previous: th.ID,
		}
		if target := s.Target(tenant, c.Channel); target > 0 {
			th.DueAt = first.ReceivedAt.Add(target)
		}
	}
	if !last.ReceivedAt.Before(th.LastAt) { // what another node took down earlier may be sorted later
		th.Caller, th.LastAt, th.Excerpt = last.Caller, last.ReceivedAt, desk.Brief(last.Text)
	}
	th.Messages += len(members)
	for _, m := range members {
		m.Thread = th.ID
	}
	return &th
}

// wake brings a thread back that was put off: its caller does not wait, so
// neither does the thread. Whose it is stays as it was.
func wake(was, th *desk.Thread, m *desk.Message) (desk.Event, error) {
	th.Wake(m.ReceivedAt)
	data, err := json.Marshal(desk.Details{
		Message: m.ID, Version: th.Version + 1, State: th.State, Owner: th.Owner, Was: desk.Replaced(was, th),
	})
	return desk.Event{Thread: th.ID, Kind: desk.ThreadWoken, At: m.ReceivedAt, Data: data}, err
}

// announce appends one event a message, in the order of the messages, and then
// those of what the messages woke.
func announce(ctx context.Context, sl Slice, tenant desk.TenantID, all []desk.Message, woken []desk.Event) error {
	events := make([]desk.Event, len(all), len(all)+len(woken))
	for i := range all {
		m := &all[i]
		data, err := json.Marshal(map[string]desk.ID{"message": m.ID})
		if err != nil {
			return err
		}
		events[i] = desk.Event{Thread: m.Thread, Kind: desk.MessageLeft, At: m.ReceivedAt, Data: data}
	}
	return sl.Append(ctx, tenant, append(events, woken...))
}

// placeEach places one message at a time and sets aside those that fail.
func (s *Sorter) placeEach(ctx context.Context, sl Slice, all []letter) error {
	for i := range all {
		err := sl.Try(ctx, func() error { return s.place(ctx, sl, all[i:i+1]) })
		if err == nil {
			continue
		}
		if transient(err) || ctx.Err() != nil {
			return err
		}
		m := &all[i].Message
		row := desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, m)}
		if err := s.setAside(ctx, sl, m.Tenant, row, err); err != nil {
			return err
		}
	}
	return nil
}
