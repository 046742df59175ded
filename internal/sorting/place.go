package sorting

import (
	"context"
	"encoding/json"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// place puts every message into its caller's thread.
func (s *Sorter) place(ctx context.Context, sl Slice, all []letter) error {
	var (
		order    []group
		members  = map[group][]*desk.Message{}
		messages = make([]desk.Message, len(all))
	)
	for i := range all {
		l := &all[i]
		if l.lost != nil {
			return l.lost
		}
		messages[i] = l.Message
		if members[l.group] == nil {
			order = append(order, l.group)
		}
		members[l.group] = append(members[l.group], &messages[i])
	}
	for _, g := range order {
		th, err := s.thread(ctx, sl, g, members[g])
		if err != nil {
			return err
		}
		for _, m := range members[g] {
			m.Thread = th.ID
		}
	}
	if err := sl.Insert(ctx, messages); err != nil {
		return err
	}
	return announce(ctx, sl, messages)
}

// thread finds the caller's open thread, or opens one that is linked to the one
// before.
func (s *Sorter) thread(ctx context.Context, sl Slice, g group, members []*desk.Message) (desk.Thread, error) {
	first, last := members[0], members[len(members)-1]
	th, err := sl.Newest(ctx, g.tenant, g.channel, g.key)
	switch {
	case err != nil && desk.KindOf(err) != desk.Missing:
		return th, err
	case err != nil, th.State == desk.Closed:
		th = desk.Thread{
			Tenant: g.tenant, ID: first.ID, Channel: g.channel, CallerKey: g.key,
			State: desk.New, FirstAt: first.ReceivedAt, Previous: th.ID,
		}
	}
	th.Caller = last.Caller
	th.LastAt = last.ReceivedAt
	th.Messages += len(members)
	return th, sl.Put(ctx, &th)
}

// announce appends one event a message, in the order of the messages.
func announce(ctx context.Context, sl Slice, all []desk.Message) error {
	var (
		order  []desk.TenantID
		events = map[desk.TenantID][]desk.Event{}
	)
	for i := range all {
		m := &all[i]
		data, err := json.Marshal(map[string]desk.ID{"message": m.ID})
		if err != nil {
			return err
		}
		if events[m.Tenant] == nil {
			order = append(order, m.Tenant)
		}
		events[m.Tenant] = append(events[m.Tenant], desk.Event{
			Thread: m.Thread, Kind: desk.MessageLeft, At: m.ReceivedAt, Data: data,
		})
	}
	for _, t := range order {
		if err := sl.Append(ctx, t, events[t]); err != nil {
			return err
		}
	}
	return nil
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
