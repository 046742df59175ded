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
	threads := make([]*desk.Thread, len(callers))
	for i, c := range callers {
		threads[i] = join(known[c], tenant, c, members[c])
	}
	if err := sl.Put(ctx, tenant, threads); err != nil {
		return err
	}
	if err := sl.Insert(ctx, tenant, messages); err != nil {
		return err
	}
	return announce(ctx, sl, tenant, messages)
}

// join adds messages to the caller's open thread, or opens one that is linked to
// the one before.
func join(th desk.Thread, tenant desk.TenantID, c desk.Caller, members []*desk.Message) *desk.Thread {
	first, last := members[0], members[len(members)-1]
	if th.ID == 0 || th.State == desk.Closed {
		th = desk.Thread{
			Tenant: tenant, ID: first.ID, Channel: c.Channel, CallerKey: c.Key,
			State: desk.New, FirstAt: first.ReceivedAt, Previous: th.ID,
		}
	}
	if !last.ReceivedAt.Before(th.LastAt) { // what another node took down earlier may be sorted later
		th.Caller, th.LastAt = last.Caller, last.ReceivedAt
	}
	th.Messages += len(members)
	for _, m := range members {
		m.Thread = th.ID
	}
	return &th
}

// announce appends one event a message, in the order of the messages.
func announce(ctx context.Context, sl Slice, tenant desk.TenantID, all []desk.Message) error {
	events := make([]desk.Event, len(all))
	for i := range all {
		m := &all[i]
		data, err := json.Marshal(map[string]desk.ID{"message": m.ID})
		if err != nil {
			return err
		}
		events[i] = desk.Event{Thread: m.Thread, Kind: desk.MessageLeft, At: m.ReceivedAt, Data: data}
	}
	return sl.Append(ctx, tenant, events)
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
