package contract

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// world is a running server with everything that the rows need, and a list of
// what it has acknowledged.
type world struct {
	server  *rig.Server
	options rig.Options
	host    string
	creds   rig.Credentials
	access  string // an access token of creds
	chat    string // a ccmessaging-token of creds

	mu    sync.Mutex
	next  int
	acked []said
}

// said is a message as it must be stored.
type said struct {
	CallID, Caller, Text string
}

// found starts a server on a new folder. Env is added to its environment.
func found(t *testing.T, env ...string) *world {
	t.Helper()
	o := rig.Options{Data: t.TempDir(), Env: env}
	w := &world{options: o, creds: rig.Provision(t, o)}
	w.open(t)
	return w
}

func (w *world) open(t *testing.T) {
	t.Helper()
	w.server = rig.Start(t, w.options)
	w.host = strings.TrimPrefix(w.server.URL, "http://")
	w.access = w.token(t, w.creds, "")
	w.chat = w.apply(t, w.creds, w.access)
}

// app makes another app of a tenant ("" is the default one), with the same channel.
func (w *world) app(t *testing.T, tenant, name string) rig.Credentials {
	t.Helper()
	args := []string{"app", "create", "--name", name, "--json"}
	if tenant != "" {
		args = append(args, "--tenant", tenant)
	}
	c := w.creds
	if err := json.Unmarshal([]byte(rig.Must(t, w.options, args...)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// token asks for an access token, with a life in seconds or none.
func (w *world) token(t *testing.T, c rig.Credentials, life string) string {
	t.Helper()
	a := send(t, w.host, w.asking(c).with("X-Token-Expire", life))
	var body struct{ AccessToken string }
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body.AccessToken == "" {
		t.Fatalf("tokenByAkSk answered %d %s", a.Status, a.Body)
	}
	return body.AccessToken
}

// asking is a tokenByAkSk.
func (w *world) asking(c rig.Credentials) call {
	return post(tokenPath, [2]string{"Content-Type", "application/json"}).
		saying(fmt.Sprintf(`{"app_key":%q,"app_secret":%q}`, c.AppKey, c.AppSecret))
}

// apply asks for a ccmessaging-token.
func (w *world) apply(t *testing.T, c rig.Credentials, access string) string {
	t.Helper()
	a := send(t, w.host, w.applying(c, access))
	var body struct{ ResultCode, Token string }
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil || body.ResultCode != "0" || body.Token == "" {
		t.Fatalf("applyToken answered %d %s", a.Status, a.Body)
	}
	return body.Token
}

// applying is an applyToken.
func (w *world) applying(c rig.Credentials, access string) call {
	return post(applyPath, [2]string{"Content-Type", "application/json"}, [2]string{"x-app-key", c.AppKey}, [2]string{"Authorization", "Bearer " + access}).
		saying(applyBody("channelId", c.ChannelID))
}

// applyBody is a good body, but for the named field; see object.
func applyBody(field, value string) string {
	return object([][2]string{{"userId", "user-1"}, {"userName", "王小明"}, {"channelId", "0"}, {"locale", "zh_CN"}}, field, value)
}

// object writes fields in order, one of them changed: a value of "-" leaves it
// out, one that begins with "json:" is JSON already.
func object(fields [][2]string, field, value string) string {
	var parts []string
	for _, f := range fields {
		text := f[1]
		if f[0] == field {
			text = value
		}
		switch {
		case text == "-":
			continue
		case strings.HasPrefix(text, "json:"):
			text = strings.TrimPrefix(text, "json:")
		default:
			text = quote(text)
		}
		parts = append(parts, quote(f[0])+":"+text)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// mark is a new number, so that each message can be told from all others.
func (w *world) mark() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	return w.next
}

// letter is a good body, but for one field.
func (w *world) letter(field, value string) string {
	n := w.mark()
	return object([][2]string{
		{"callId", fmt.Sprintf("call-%d", n)},
		{"caller", "138****7777"},
		{"leaveMessage", fmt.Sprintf("Please reply %d 请回电", n)},
		{"channel", "WEB"},
	}, field, value)
}

// leaving is a good doLeaveMessage, a new one each time.
func (w *world) leaving() call {
	return post(leavePath,
		[2]string{"Content-Type", "application/json"},
		[2]string{"ccmessaging-token", w.chat},
		[2]string{"x-app-key", w.creds.AppKey},
		[2]string{"Authorization", "Bearer " + w.access}).saying(w.letter("", ""))
}

// leave makes a doLeaveMessage call and remembers what was acknowledged.
func (w *world) leave(t *testing.T, c call) answer {
	t.Helper()
	a := send(t, w.host, c)
	w.remember(t, c, a)
	return a
}

func (w *world) remember(t *testing.T, c call, a answer) {
	t.Helper()
	if a.Body != stored || a.Header.Get("Idempotency-Replayed") != "" {
		return
	}
	var s struct{ CallID, Caller, PhoneNo, LeaveMessage string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(c.body, "\ufeff")), &s); err != nil {
		t.Fatalf("acknowledged, but not JSON: %q: %v", c.body, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked = append(w.acked, said{s.CallID, s.Caller + s.PhoneNo, s.LeaveMessage})
}

// settle compares what was acknowledged with what is stored: exactly that, byte
// for byte, and nothing besides.
func (w *world) settle(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	want := slices.Clone(w.acked)
	w.mu.Unlock()
	var got []said
	for _, m := range rig.Messages(t, w.options) {
		got = append(got, said{m.CallID, m.Caller, m.Text})
	}
	count := map[said]int{}
	for _, s := range want {
		count[s]++
	}
	for _, s := range got {
		count[s]--
	}
	for s, n := range count {
		if n > 0 {
			t.Errorf("acknowledged, and not stored: %+q", s)
		} else if n < 0 {
			t.Errorf("stored, and not acknowledged: %+q", s)
		}
	}
	t.Logf("%d acknowledged, %d stored", len(want), len(got))
}

// soon tries until ok, at most two seconds: how long a change may take to be
// known to the server. Not more often than this: a key that is not known yet
// is a wrong guess to the server, and it counts to ten.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Second); !ok(); time.Sleep(250 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within two seconds: %s", what)
		}
	}
}

// is checks the status, the body, and what every answer of ours carries.
func is(t *testing.T, a answer, status int, body string) {
	t.Helper()
	if a.Status != status || a.Body != body {
		t.Errorf("answered %d %s\n    want %d %s", a.Status, a.Body, status, body)
	}
	typed(t, a)
}

func typed(t *testing.T, a answer) {
	t.Helper()
	if got := a.Header.Get("Content-Type"); got != "application/json;charset=UTF-8" {
		t.Errorf("Content-Type is %q, want %q (status %d, body %q)", got, "application/json;charset=UTF-8", a.Status, a.Body)
	}
}

// gate checks an answer of the gateway's form, and gives its errorCode.
func gate(t *testing.T, a answer, status int) (code string) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(a.Body), &body); a.Status != status || err != nil {
		t.Errorf("answered %d %s, want %d and the gateway's form", a.Status, a.Body, status)
		return ""
	}
	code, coded := body["errorCode"].(string)
	text, told := body["exceptionInfo"].(string)
	if !coded || !told || len(body) != 2 || code == "" || text == "" {
		t.Errorf("%s is not {errorCode, exceptionInfo}", a.Body)
	}
	if status == 401 && text != sentence {
		t.Errorf("the sentence of 401 is %q; clients match %q", text, sentence)
	}
	typed(t, a)
	return code
}
