package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

// Filter is what lists of messages, and exports, are narrowed by. It is exported
// for the library, which reads fields.
type Filter struct {
	Since   string `query:"since" format:"date-time" doc:"Only what came since then"`
	Caller  string `query:"caller" maxLength:"64" doc:"Only of this caller, however the number is written"`
	Channel string `query:"channel" pattern:"^[0-9]{18}$" doc:"Only of this channel"`
	State   string `query:"state" enum:"stored,new,assigned,working,waiting,closed,aside" doc:"Only in this state"`
	Text    string `query:"text" maxLength:"200" doc:"Only those with all of these words"`
}

// Page asks for one page of a list. It is exported for the library, too.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Rows of the page"`
	Cursor string `query:"cursor" maxLength:"200" doc:"Where the page begins: of the next of the page before"`
}

// MessagePage is a page of messages, the newest first.
type MessagePage struct {
	Messages []Message `json:"messages" nullable:"false"`
	Next     string    `json:"next,omitempty" doc:"The address of the next page; absent on the last" example:"/v1/messages?cursor=311487412345839616"`
	Damaged  []string  `json:"damaged,omitempty" nullable:"false" doc:"Messages that are not what was written, and are not shown"`
}

type messagesIn struct {
	Filter
	Page
}

type messageIn struct {
	Message string `path:"message" maxLength:"20" doc:"The id or the reference, as it was read out" example:"7K3Q-9F2M"`
}

func (s *Surface) messages() {
	openapi.Add(s.Door, openapi.Operation{
		ID: "list-messages", Method: http.MethodGet, Path: "/messages", May: desk.ThreadsSee, Group: "Messages",
		Title: "List messages", Text: "The newest first, from the moment they were acknowledged; until they are sorted their state is `stored`.",
		Example: openapi.Example{Path: "/messages?limit=10&state=new"},
	}, s.listMessages)
	openapi.Add(s.Door, openapi.Operation{
		ID: "get-message", Method: http.MethodGet, Path: "/messages/{message}", May: desk.ThreadsSee, Group: "Messages",
		Title: "Read one message", Text: "By its id or its reference. Small letters, a missing hyphen, O for 0 and I for 1 are understood.",
		Example: openapi.Example{Path: "/messages/{reference}"},
	}, s.getMessage)
}

func (s *Surface) listMessages(ctx context.Context, a *desk.Actor, in *messagesIn) (*answer[MessagePage], error) {
	q, err := s.query(ctx, a, &in.Filter)
	if err != nil {
		return nil, err
	}
	q.Limit = in.Limit
	if q.Before, err = before(in.Cursor); err != nil {
		return nil, err
	}
	if err := s.show(ctx, a, "messages"); err != nil {
		return nil, err
	}
	all, lowest, damaged, err := s.page(ctx, a.Tenant, q)
	if err != nil {
		return nil, err
	}
	page := MessagePage{Messages: eachFor(a, all, messageOf)}
	for _, id := range damaged {
		page.Damaged = append(page.Damaged, id.String())
	}
	if len(all)+len(damaged) >= q.Limit {
		page.Next = next(ctx, lowest.String())
	}
	return &answer[MessagePage]{Body: page}, nil
}

// page reads one, and says where it ends and which rows of it are damaged.
func (s *Surface) page(ctx context.Context, tenant desk.TenantID, q desk.Query) (all []desk.Listed, lowest desk.ID, bad []desk.ID, err error) {
	all, err = s.Messages.Messages(ctx, tenant, q)
	var damaged damage
	if errors.As(err, &damaged) {
		bad, err = damaged.Damage(), nil
	}
	if len(all) > 0 {
		lowest = all[len(all)-1].ID
	}
	for _, id := range bad {
		if lowest == 0 || id < lowest {
			lowest = id
		}
	}
	return all, lowest, bad, err
}

// query is the filter in the words of the domain.
func (s *Surface) query(ctx context.Context, a *desk.Actor, f *Filter) (q desk.Query, err error) {
	q = desk.Query{State: desk.State(f.State), Text: f.Text, Caller: f.Caller}
	if q.Since, err = when(f.Since, "since"); err != nil {
		return q, err
	}
	if f.Channel != "" {
		if q.Channel, err = s.channelID(ctx, a, f.Channel); err != nil {
			return q, err
		}
	}
	if q.Caller != "" {
		q.Keys, err = s.Messages.CallerKeys(ctx, a.Tenant, q.Channel, q.Caller)
	}
	return q, err
}

// when reads a moment; "" is none.
func when(text, what string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, desk.Errorf(desk.Invalid, what, "%s is a moment like 2026-11-23T09:30:00Z", what)
	}
	return at.UTC(), nil
}

func before(cursor string) (desk.ID, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n <= 0 {
		return 0, desk.Errorf(desk.Invalid, "cursor", "this cursor is not of this list; begin again with the first page")
	}
	return desk.ID(n), nil
}

// next is the address that was asked for, from another place on.
func next(ctx context.Context, cursor string) string { return openapi.Next(ctx, "cursor", cursor) }

var errNoMessage = desk.Errorf(desk.Missing, "message", "there is no such message")

func (s *Surface) getMessage(ctx context.Context, a *desk.Actor, in *messageIn) (*answer[Message], error) {
	if err := s.show(ctx, a, "messages"); err != nil {
		return nil, err
	}
	all, err := s.Messages.Message(ctx, a.Tenant, in.Message)
	if desk.KindOf(err) == desk.Missing || err == nil && len(all) == 0 {
		err = errNoMessage
	}
	if err != nil {
		return nil, err
	}
	m := messageOf(a, &all[0])
	for i := range all[1:] {
		m.Also = append(m.Also, all[i+1].ID.String())
	}
	return &answer[Message]{Body: m}, nil
}
