package api

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

type leaveIn struct {
	Channel string `path:"channel" pattern:"^[0-9]{18}$" doc:"The channel's Configuration ID" example:"202611230000000001"`
	Key     string `header:"Idempotency-Key" maxLength:"255" doc:"1 to 255 visible ASCII characters. Sent again with the same values it gives the first answer; with others it is 409"`
	Body    struct {
		Caller   string `json:"caller" minLength:"1" maxLength:"64" doc:"Who wants to be called back"`
		Text     string `json:"text" minLength:"1" maxLength:"10000" doc:"Up to the channel's limit, kept byte for byte"`
		CallID   string `json:"call_id,omitempty" maxLength:"24" doc:"What the message belongs to on your side"`
		UserID   string `json:"user_id,omitempty" maxLength:"32"`
		UserName string `json:"user_name,omitempty" maxLength:"255"`
		Locale   string `json:"locale,omitempty" maxLength:"6" doc:"The channel's when absent" example:"zh_CN"`
	}
}

// Receipt says that a message is on the disk.
type Receipt struct {
	ID         string `json:"id" example:"311487412345839616"`
	Reference  string `json:"reference" example:"7K3Q-9F2M"`
	ReceivedAt string `json:"received_at" format:"date-time" example:"2026-11-23T09:30:00.000000Z"`
}

// left is the answer to a message.
type left struct {
	Location string `header:"Location" doc:"Where the message is read"`
	Replayed string `header:"Idempotency-Replayed" doc:"true when the Idempotency-Key had been seen: this is the first answer again"`
	Body     Receipt
}

func (s *Surface) leaving() {
	openapi.Add(s.Door, openapi.Operation{
		ID: "leave-message", Method: http.MethodPost, Path: "/channels/{channel}/messages", May: desk.MessagesWrite, Group: "Messages",
		Title: "Leave a message", Status: http.StatusCreated,
		Text: "**201**: it is on the disk, flushed. **503** `not_stored` or `busy`: it is not; send it again after Retry-After. " +
			"**500** `unknown`: nobody knows; send it again with the same Idempotency-Key, which finds out.",
		Example: openapi.Example{
			Path: "/channels/{channel}/messages", Header: map[string]string{"Idempotency-Key": "order-4711-1"},
			Body: `{"caller":"+8613800007777","text":"请回电","user_name":"李雷"}`,
		},
	}, s.leave)
}

// unnamed is the call of a message that names none.
const unnamed = "v1"

func (s *Surface) leave(ctx context.Context, a *desk.Actor, in *leaveIn) (*left, error) {
	key, err := openapi.Idempotency(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := s.Snapshot.Channel(&desk.App{Tenant: a.Tenant}, in.Channel)
	if desk.KindOf(err) == desk.Missing {
		err = errNoChannel
	}
	if err != nil {
		return nil, err
	}
	b := &in.Body
	m := &desk.Message{
		Tenant: a.Tenant, App: desk.AppKey(a.Who()), Channel: ch.ID, CallID: cmp.Or(b.CallID, unnamed), Caller: b.Caller, Text: b.Text,
		UserID: b.UserID, UserName: b.UserName, Locale: cmp.Or(b.Locale, ch.Locale),
	}
	if err := desk.CheckUser(cmp.Or(m.UserID, unnamed), cmp.Or(m.UserName, unnamed), m.Locale); err != nil {
		return nil, err
	}
	if err := desk.CheckMessage(m.CallID, m.Caller, m.Text, ch.TextLimit); err != nil {
		return nil, err
	}
	if ok, wait := s.rate.Allow(auth.Key(a.Who(), strconv.FormatInt(int64(a.Tenant), 10)), s.PerKey); !ok {
		return nil, &desk.Error{Kind: desk.Limited, Code: "key_rate", Text: "too many messages with this key; wait as Retry-After says", RetryAfter: wait}
	}
	r, err := s.Intake.Take(ctx, m, ch.TextLimit, key)
	if err != nil {
		return nil, outcome(err)
	}
	out := &left{Location: base + "/messages/" + r.ID.String(), Body: Receipt{
		ID: r.ID.String(), Reference: r.ID.Reference(), ReceivedAt: stamp(m.ReceivedAt),
	}}
	if r.Replayed {
		out.Replayed, out.Body.ReceivedAt = "true", stamp(s.first(ctx, a.Tenant, r.ID))
	}
	return out, nil
}

// first is when a message was received that is sent once more. When it cannot be
// read, the milliseconds of its ID must do: it is stored all the same.
func (s *Surface) first(ctx context.Context, tenant desk.TenantID, id desk.ID) time.Time {
	all, err := s.Messages.Message(ctx, tenant, id.String())
	if err != nil || len(all) == 0 {
		return id.Time()
	}
	return all[0].ReceivedAt
}

// outcome: whatever went wrong behind the intake's door in a way that nobody
// foresaw, it is not known what is on the disk.
func outcome(err error) error {
	if desk.KindOf(err) == desk.Internal {
		return desk.Wrap(desk.Unknown, "unknown", "nobody knows whether it was stored", err)
	}
	return err
}
