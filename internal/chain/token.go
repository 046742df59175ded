package chain

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Tokens are asked for anew this long before they expire, so that one does not
// expire on its way; a ccmessaging-token lives an hour.
const (
	earlyAccess = 15 * time.Second
	userLife    = 55 * time.Minute
)

// access is the app's token. Its lock is held while a new one is fetched, so
// that many goroutines who find it expired ask once.
type access struct {
	mu    sync.Mutex
	token string
	until time.Time
}

// users are the ccmessaging-tokens, one a user.
type users struct {
	mu    sync.Mutex
	slots map[User]*slot
}

type slot struct {
	mu    sync.Mutex
	token string
	until time.Time
}

// denied is a call for a token that the server refused.
type denied struct{ Result }

func (d denied) Error() string { return d.Text }

// Prepare fetches the tokens for u, so that a wrong secret or an unknown
// channel shows before the first message is sent.
func (c *Client) Prepare(ctx context.Context, u User) error {
	token, err := c.accessToken(ctx, "")
	if err == nil {
		_, err = c.userToken(ctx, u, token, "")
	}
	return err
}

// accessToken gives the token that is kept, unless that is the stale one or has
// expired.
func (c *Client) accessToken(ctx context.Context, stale string) (string, error) {
	a := &c.access
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.token != "" && a.token != stale && c.o.Now().Before(a.until) {
		return a.token, nil
	}
	type request struct {
		AppKey    string `json:"app_key"`
		AppSecret string `json:"app_secret"`
	}
	got, err := c.patiently(ctx, func() (*answer, error) {
		return c.post(ctx, TokenPath, http.Header{}, request{c.o.AppKey, c.o.AppSecret})
	})
	if err != nil {
		return "", err
	}
	if got.status != http.StatusOK || got.body.AccessToken == "" {
		code, text := got.reason()
		if got.status == http.StatusOK {
			code, text = "tokenByAkSk", "the server gave no access token: "+text
		}
		return "", denied{Result{
			Outcome: Refused, Code: code, Text: text,
			Fatal: got.status != http.StatusTooManyRequests && got.status < 500,
		}}
	}
	life, err := strconv.Atoi(got.body.Expires)
	if err != nil || life <= 0 {
		life = 600
	}
	a.token = got.body.AccessToken
	a.until = c.o.Now().Add(max(time.Duration(life)*time.Second-earlyAccess, time.Second))
	return a.token, nil
}

// userToken gives the ccmessaging-token that is kept for u, unless that is the
// stale one or too old.
func (c *Client) userToken(ctx context.Context, u User, bearer, stale string) (string, error) {
	s := c.slot(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != "" && s.token != stale && c.o.Now().Before(s.until) {
		return s.token, nil
	}
	type request struct {
		UserID    string `json:"userId"`
		UserName  string `json:"userName"`
		ChannelID string `json:"channelId"`
		Locale    string `json:"locale"`
	}
	renewed := false
	for {
		got, err := c.patiently(ctx, func() (*answer, error) {
			return c.post(ctx, ApplyPath, c.credentials(bearer), request{u.ID, u.Name, u.ChannelID, u.Locale})
		})
		if err != nil {
			return "", err
		}
		if got.status == http.StatusOK && got.body.Token != "" {
			s.token, s.until = got.body.Token, c.o.Now().Add(userLife)
			return s.token, nil
		}
		if got.expired() && !renewed {
			renewed = true
			if bearer, err = c.accessToken(ctx, bearer); err != nil {
				return "", err
			}
			continue
		}
		code, text := got.reason()
		return "", denied{Result{
			Outcome: Refused, Code: code, Text: "applyToken: " + text, Fatal: got.expired(),
		}}
	}
}

func (c *Client) slot(u User) *slot {
	c.users.mu.Lock()
	defer c.users.mu.Unlock()
	s := c.users.slots[u]
	if s == nil {
		if len(c.users.slots) >= maxUsers {
			for other := range c.users.slots {
				delete(c.users.slots, other) // any one: a token more costs one call
				break
			}
		}
		s = &slot{}
		c.users.slots[u] = s
	}
	return s
}

// renewedBy keeps the fresh ccmessaging-token that an answer may carry.
func (c *Client) renewedBy(a *answer, u User) {
	token := a.header.Get("Ccmessaging-Token")
	if token == "" {
		return
	}
	s := c.slot(u)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token, s.until = token, c.o.Now().Add(userLife)
}

func (c *Client) credentials(bearer string) http.Header {
	return http.Header{"X-App-Key": {c.o.AppKey}, "Authorization": {"Bearer " + bearer}}
}

// patiently repeats a call for a token while the server is busy or out of
// reach. Such a call stores nothing, so it may always be repeated.
func (c *Client) patiently(ctx context.Context, call func() (*answer, error)) (*answer, error) {
	for attempt := 1; ; attempt++ {
		got, err := call()
		if err == nil && !got.forNow() {
			return got, nil
		}
		var asked time.Duration
		if err == nil {
			asked = got.later(c.o.Now())
		}
		if attempt < c.o.Attempts && ctx.Err() == nil {
			if c.wait(ctx, attempt, asked) == nil {
				continue
			}
		}
		if err != nil {
			return nil, unreachable(ctx, err)
		}
		return got, nil
	}
}

// Reasons of our own for a message that was never sent.
const (
	unreachableCode = "unreachable" // no connection was had
	stoppedCode     = "stopped"     // the context had ended
)

// unreachable is the refusal of a message that was never sent.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return denied{Result{Outcome: Refused, Code: stoppedCode, Text: "stopped before it was sent"}}
	}
	var inner unsent
	if errors.As(err, &inner) {
		err = inner.err
	}
	return denied{Result{Outcome: Refused, Code: unreachableCode, Text: err.Error()}}
}
