package chain

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// notStored is the description with which a server says 13 and knows that the
// message is not stored; every other 13 means that it does not know.
const notStored = "Save leaveMessage failed!"

// Leave leaves one message and says what became of it. It returns when that is
// known, or will not be: after ctx has ended it starts nothing new, but waits
// for the answer to what is under way.
func (c *Client) Leave(ctx context.Context, m Message) Result {
	d := delivery{c: c, m: m}
	for {
		r, pause, again := d.try(ctx)
		r.Attempts = d.attempts
		if !again || c.wait(ctx, d.attempts, pause) != nil {
			return r
		}
	}
}

// delivery is one message on its way.
type delivery struct {
	c        *Client
	m        Message
	attempts int // calls of doLeaveMessage
	unclear  int // how many of them left the outcome unknown

	bearer, token string // those of the last call
	renewed       bool
}

// try makes one call of doLeaveMessage, or two where a token had expired, and
// says whether another is worth its while, and after how long.
func (d *delivery) try(ctx context.Context) (r Result, pause time.Duration, again bool) {
	got, err := d.call(ctx, false)
	if err == nil && got.expired() && !d.renewed {
		d.renewed = true // once: when fresh tokens are refused as well, it is the app that is not welcome
		got, err = d.call(ctx, true)
	}
	r = d.judge(got, err)
	if r.Outcome == Unknown {
		d.unclear++
	}
	if r.Outcome == Refused && d.unclear > 0 {
		// The refusal is of this attempt; an earlier one may have been stored.
		r.Outcome = Unknown
	}
	switch {
	case ctx.Err() != nil || d.attempts >= d.c.o.Attempts:
		return r, 0, false
	case err != nil && errors.As(err, new(unsent)):
		return r, 0, true
	case err == nil && got.forNow():
		return r, got.later(d.c.o.Now()), true
	}
	// Asking again under the same key finds out, but only where keys count.
	return r, 0, r.Outcome == Unknown && d.m.Key != "" && d.c.keysHonoured.Load()
}

// call gets the tokens and calls doLeaveMessage with them. To renew means both
// of them: which had expired cannot be told from a 401.
func (d *delivery) call(ctx context.Context, renew bool) (*answer, error) {
	staleBearer, staleToken := "", ""
	if renew {
		staleBearer, staleToken = d.bearer, d.token
	}
	var err error
	if d.bearer, err = d.c.accessToken(ctx, staleBearer); err != nil {
		return nil, err
	}
	if d.token, err = d.c.userToken(ctx, d.m.User, d.bearer, staleToken); err != nil {
		return nil, err
	}
	channel := d.m.Channel
	if channel == "" {
		channel = "WEB"
	}
	header := d.c.credentials(d.bearer)
	header.Set("ccmessaging-token", d.token)
	if d.m.Key != "" {
		header.Set("Idempotency-Key", d.m.Key)
	}
	type request struct {
		CallID       string `json:"callId"`
		Caller       string `json:"caller"`
		LeaveMessage string `json:"leaveMessage"`
		Channel      string `json:"channel"`
	}
	d.attempts++
	got, err := d.c.post(ctx, LeavePath, header, request{d.m.CallID, d.m.Caller, d.m.Text, channel})
	if err == nil {
		d.c.renewedBy(got, d.m.User)
	}
	return got, err
}

// judge says what is known after one call.
func (d *delivery) judge(got *answer, err error) Result {
	if err != nil {
		return failed(err)
	}
	code, text := got.reason()
	r := Result{Outcome: Unknown, Code: code, Text: text}
	switch {
	case got.status == http.StatusOK && got.body.ResultCode == "0":
		r = Result{
			Outcome:   Acked,
			Reference: got.header.Get("Afterbeep-Reference"),
			Replayed:  got.header.Get("Idempotency-Replayed") == "true",
			Code:      "0",
		}
		if r.Reference != "" {
			d.c.keysHonoured.Store(true)
		}
	case got.status == http.StatusOK && (code == "" || code == "13" && text != notStored || got.body.broken):
		// unknown
	case got.status == http.StatusOK, got.forNow():
		r.Outcome = Refused
	case got.status >= 300 && got.status < 500:
		r.Outcome, r.Fatal = Refused, got.expired()
	}
	return r
}

func failed(err error) Result {
	var d denied
	var u unsent
	switch {
	case errors.As(err, &d):
		return d.Result
	case errors.As(err, &u) && errors.Is(u.err, context.Canceled):
		return Result{Outcome: Refused, Code: stoppedCode, Text: "stopped before it was sent"}
	case errors.As(err, &u):
		return Result{Outcome: Refused, Code: unreachableCode, Text: u.Error()}
	}
	return Result{Outcome: Unknown, Code: "no answer", Text: err.Error()}
}
