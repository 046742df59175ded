package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// contract is a server that behaves as the contract says, on a real loopback
// socket; leave can be replaced to let it misbehave.
type contract struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	access  string           // the access token that is valid
	user    string           // the ccmessaging-token that is valid
	issued  int              // calls of tokenByAkSk
	applied int              // calls of applyToken
	calls   int              // calls of doLeaveMessage
	stored  []map[string]any // with the header values "key" and "user"
	seen    map[string]string
	aicc    bool // do as AICC: no reference, no idempotency

	leave func(call int, w http.ResponseWriter, r *http.Request) bool // true: it has answered
	apply func(w http.ResponseWriter, r *http.Request) bool
	token func(w http.ResponseWriter, r *http.Request) bool
}

const (
	key     = "ea5c29a3000000000000000000000001"
	secret  = "the-secret"
	expired = "auth fail! illegal or expired token info. please apply or refresh the access token from the server!"
)

func serve(t *testing.T) *contract {
	t.Helper()
	c := &contract{t: t, seen: map[string]string{}, access: "access-0", user: "user-0"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+TokenPath, c.tokenByAkSk)
	mux.HandleFunc("POST "+ApplyPath, c.applyToken)
	mux.HandleFunc("POST "+LeavePath, c.doLeaveMessage)
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func unauthorized(w http.ResponseWriter) {
	answerJSON(w, 401, `{"errorCode":"unauthorized","exceptionInfo":"`+expired+`"}`)
}

func body(t *testing.T, r *http.Request) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		t.Errorf("%s: %v", r.URL.Path, err)
	}
	return m
}

func (c *contract) tokenByAkSk(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.issued++
	if c.token != nil && c.token(w, r) {
		return
	}
	if b := body(c.t, r); b["app_key"] != key || b["app_secret"] != secret {
		unauthorized(w)
		return
	}
	c.access = fmt.Sprintf("access-%d", c.issued)
	answerJSON(w, 200, fmt.Sprintf(`{"AccessToken":%q,"ApplyType":"Bearer","CreateTime":"1545650171","Expires":"600","Scope":"","AppKey":%q,"UserID":"Anonymous"}`, c.access, key))
}

func (c *contract) authorized(r *http.Request) bool {
	return r.Header.Get("X-App-Key") == key && r.Header.Get("Authorization") == "Bearer "+c.access
}

func (c *contract) applyToken(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.applied++
	if c.apply != nil && c.apply(w, r) {
		return
	}
	if !c.authorized(r) {
		unauthorized(w)
		return
	}
	if b := body(c.t, r); b["channelId"] != "202102193196869708" {
		answerJSON(w, 200, `{"resultCode":"1","resultDesc":"the channel is not there"}`)
		return
	}
	c.user = fmt.Sprintf("user-%d%%3D", c.applied)
	answerJSON(w, 200, fmt.Sprintf(`{"resultCode":"0","token":%q}`, c.user))
}

func (c *contract) doLeaveMessage(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.leave != nil && c.leave(c.calls, w, r) {
		return
	}
	if !c.authorized(r) || r.Header.Get("Ccmessaging-Token") != c.user {
		unauthorized(w)
		return
	}
	c.store(w, r)
}

func (c *contract) store(w http.ResponseWriter, r *http.Request) {
	b := body(c.t, r)
	if b["channel"] != "WEB" || b["leaveMessage"] == "bad" {
		answerJSON(w, 200, `{"resultCode":"3","resultDesc":"the leaveMessageParams is error."}`)
		return
	}
	b["key"] = r.Header.Get("Idempotency-Key")
	if reference := c.seen[b["key"].(string)]; reference != "" && !c.aicc {
		w.Header().Set("Idempotency-Replayed", "true")
		w.Header().Set("afterbeep-reference", reference)
	} else {
		c.stored = append(c.stored, b)
		reference := fmt.Sprintf("REF%d-0000", len(c.stored))
		if b["key"] != "" {
			c.seen[b["key"].(string)] = reference
		}
		if !c.aicc {
			w.Header().Set("afterbeep-reference", reference)
		}
	}
	answerJSON(w, 200, `{"resultCode":"0","resultDesc":"Save leaveMessage success!"}`)
}

// counts are what a test may look at once the answers have come.
type counts struct{ issued, applied, calls, stored int }

func (c *contract) counts() counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return counts{c.issued, c.applied, c.calls, len(c.stored)}
}

// misbehave replaces what doLeaveMessage answers.
func (c *contract) misbehave(leave func(call int, w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave = leave
}

// hangUp closes the connection under a request that has been read, so that the
// client cannot know what became of it.
func hangUp(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.Close()
	}
}

var visitor = User{ID: "u1", Name: "Li Wei", ChannelID: "202102193196869708", Locale: "zh_CN"}

func message(text string) Message {
	return Message{User: visitor, CallID: "111111222111", Caller: "138****7777", Text: text}
}

// client takes no time to pause, and notes for how long it would have.
func (c *contract) client(t *testing.T, change func(*Options)) (*Client, *[]time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var pauses []time.Duration
	o := Options{
		URL: c.URL, AppKey: key, AppSecret: secret,
		Random: func() float64 { return 0 },
		Pause: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, d)
			return ctx.Err()
		},
	}
	if change != nil {
		change(&o)
	}
	cl, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl, &pauses
}

func want(t *testing.T, r Result, outcome Outcome, code, text string) {
	t.Helper()
	if r.Outcome != outcome || r.Code != code || !strings.Contains(r.Text, text) {
		t.Errorf("got %v, code %q, %q; want %v, code %q, %q", r.Outcome, r.Code, r.Text, outcome, code, text)
	}
}
