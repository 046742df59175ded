package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Kind is how a message was answered, in the words of the contract.
type Kind string

// The kinds of answers. A stored message is acknowledged, a refused, busy or
// limited one is not stored, and of the others nobody knows.
const (
	Acked    Kind = "acked"
	Refused  Kind = "13F"
	Unknown  Kind = "13E"
	Busy     Kind = "503"
	Limited  Kind = "429"
	Other    Kind = "other" // any other status or code; Status and Code tell
	NetError Kind = "net"   // no whole answer
)

// Outcome is one answer.
type Outcome struct {
	Kind      Kind
	Status    int
	Code      string // resultCode
	Reference string // of the message, when acknowledged
	Replayed  bool   // the Idempotency-Key had been seen
	Retry     string // the Retry-After header
	Took      time.Duration
	Err       error
}

// String is for a test's log.
func (o Outcome) String() string {
	return fmt.Sprintf("%s (status %d, resultCode %q, %v, %v)", o.Kind, o.Status, o.Code, o.Took.Round(time.Millisecond), o.Err)
}

// Client performs the chain of calls with nothing but the standard library. It
// serves any number of goroutines.
type Client struct {
	URL  string
	HTTP *http.Client

	creds Credentials
	mu    sync.Mutex
	token string // the AccessToken
	chat  string // the ccmessaging-token
}

// NewClient speaks to the server at url with an integrator's credentials.
func NewClient(url string, creds Credentials) *Client {
	return &Client{URL: strings.TrimSuffix(url, "/"), creds: creds, HTTP: &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConns:        4096,
			MaxIdleConnsPerHost: 4096,
			DisableCompression:  true,
		},
	}}
}

// Close lets go of the idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

// Open asks for both tokens, once; Leave does so by itself.
func (c *Client) Open(ctx context.Context) (token, chat string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chat != "" {
		return c.token, c.chat, nil
	}
	var access struct{ AccessToken string }
	if err := c.ask(ctx, "/apigovernance/api/oauth/tokenByAkSk", nil,
		map[string]string{"app_key": c.creds.AppKey, "app_secret": c.creds.AppSecret}, &access); err != nil {
		return "", "", err
	}
	var applied struct{ ResultCode, Token string }
	if err := c.ask(ctx, "/apiaccess/ccmessaging/applyToken",
		http.Header{"X-App-Key": {c.creds.AppKey}, "Authorization": {"Bearer " + access.AccessToken}},
		map[string]string{"userId": "torture", "userName": "Torture", "channelId": c.creds.ChannelID, "locale": "zh_CN"}, &applied); err != nil {
		return "", "", err
	}
	if access.AccessToken == "" || applied.Token == "" {
		return "", "", fmt.Errorf("no token was given: %+v", applied)
	}
	c.token, c.chat = access.AccessToken, applied.Token
	return c.token, c.chat, nil
}

func (c *Client) ask(ctx context.Context, path string, header http.Header, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %d: %s", path, res.StatusCode, text)
	}
	return json.Unmarshal(text, answer)
}

// Request is a doLeaveMessage as Leave sends it; key is the Idempotency-Key, or "".
func (c *Client) Request(ctx context.Context, l Letter) (*http.Request, error) {
	token, chat, err := c.Open(ctx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"callId": l.CallID, "caller": l.Caller, "leaveMessage": l.Text, "channel": "WEB"})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/apiaccess/ccmessaging/doLeaveMessage", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // net/http must never send it twice on its own
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("x-app-key", c.creds.AppKey)
	req.Header.Set("ccmessaging-token", chat)
	if l.Key != "" {
		req.Header.Set("Idempotency-Key", l.Key)
	}
	return req, nil
}

// Leave leaves one message and says how it was answered.
func (c *Client) Leave(ctx context.Context, l Letter) Outcome {
	began := time.Now()
	req, err := c.Request(ctx, l)
	if err != nil {
		return Outcome{Kind: NetError, Err: err, Took: time.Since(began)}
	}
	return c.Send(req)
}

// Send sends what Request has made and says how it was answered.
func (c *Client) Send(req *http.Request) Outcome {
	began := time.Now()
	res, err := c.HTTP.Do(req)
	if err != nil {
		return Outcome{Kind: NetError, Err: err, Took: time.Since(began)}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	o := Outcome{Status: res.StatusCode, Took: time.Since(began), Err: err, Retry: res.Header.Get("Retry-After")}
	o.Reference = res.Header.Get("afterbeep-reference")
	o.Replayed = res.Header.Get("Idempotency-Replayed") == "true"
	if err != nil {
		o.Kind = NetError
		return o
	}
	o.Kind, o.Code = judge(res.StatusCode, text)
	return o
}

func judge(status int, text []byte) (Kind, string) {
	var answer struct{ ResultCode, ResultDesc string }
	_ = json.Unmarshal(text, &answer)
	switch {
	case status == http.StatusServiceUnavailable:
		return Busy, answer.ResultCode
	case status == http.StatusTooManyRequests:
		return Limited, answer.ResultCode
	case status == http.StatusOK && answer.ResultCode == "0":
		return Acked, answer.ResultCode
	case status == http.StatusOK && answer.ResultCode == "13" && answer.ResultDesc == "Save leaveMessage failed!":
		return Refused, answer.ResultCode
	case status == http.StatusOK && answer.ResultCode == "13" && answer.ResultDesc == "Exception appeared!":
		return Unknown, answer.ResultCode
	}
	return Other, answer.ResultCode
}
