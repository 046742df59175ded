package aicc

import (
	"net/http"
	"strconv"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/web"
)

var (
	errChannelName = desk.Errorf(desk.Invalid, "channel", "channel is WEB")
	errKey         = web.Refuse(web.Problem(http.StatusBadRequest, "bad_idempotency_key",
		"Idempotency-Key is given once and has 1 to 255 visible ASCII characters"))
)

// doLeaveMessage takes a customer's message: the call that all of this is for.
func (s *surface) doLeaveMessage(c *web.Call) error {
	who, err := s.enter(c)
	if err != nil {
		return err
	}
	if err := s.appRate(who.App); err != nil {
		return err
	}
	body, err := c.JSON()
	if err != nil {
		return err
	}
	f, err := fields(body, "callId", "caller", "leaveMessage", "channel")
	if err != nil {
		return err
	}
	if f[3] != "WEB" {
		return errChannelName
	}
	return s.leave(c, message(who, f[0], f[1], f[2]), who.Channel, saved)
}

func message(who auth.Customer, callID, caller, text string) *desk.Message {
	return &desk.Message{
		Tenant: who.App.Tenant, App: who.App.Key, Channel: who.Channel.ID,
		CallID: callID, Caller: caller, Text: text,
		UserID: who.ID, UserName: who.Name, Locale: who.Locale,
	}
}

// leave is what both front doors end in: values, the callId's rate, the intake.
// It answers done when, and only when, the message is on the disk.
func (s *surface) leave(c *web.Call, m *desk.Message, ch *desk.Channel, done web.Answer) error {
	key, err := idempotencyKey(c.R.Header[headerKey])
	if err != nil {
		return err
	}
	if err := desk.CheckMessage(m.CallID, m.Caller, m.Text, ch.TextLimit); err != nil {
		return err
	}
	c.Note.Caller = m.Caller
	rate := auth.Key(strconv.FormatInt(int64(m.Tenant), 10), string(m.App), m.CallID)
	if ok, wait := s.callIDs.Allow(rate, s.Limits.PerCallID); !ok {
		return &desk.Error{Kind: desk.Limited, Code: "call_id_rate", Text: "too many messages from this callId", RetryAfter: wait}
	}
	receipt, err := s.Intake.Take(c.R.Context(), m, ch.TextLimit, key)
	if err != nil {
		return err
	}
	c.Note.Reference = receipt.ID.Reference()
	c.Set(headerReference, c.Note.Reference)
	if key != "" {
		c.Note.Key = "new"
	}
	if receipt.Replayed {
		c.Note.Key = "replayed"
		c.Set(headerReplayed, "true")
	}
	c.Answer(done)
	return nil
}

// appRate holds an app to its messages a minute: its own number, else ours.
func (s *surface) appRate(app *desk.App) error {
	limit := app.PerMinute
	if limit <= 0 {
		limit = s.Limits.PerApp
	}
	if limit <= 0 {
		return nil
	}
	if ok, wait := s.apps.Allow(auth.Key(string(app.Key)), limit); !ok {
		return &desk.Error{Kind: desk.Limited, Code: "app_rate", Text: "too many messages from this app", RetryAfter: wait}
	}
	return nil
}

// idempotencyKey reads our optional header. An empty one is refused: whoever
// sends it believes to be protected.
func idempotencyKey(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || key == "" || len(key) > desk.MaxIdempotencyKey {
		return "", errKey
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", errKey
		}
	}
	return key, nil
}
