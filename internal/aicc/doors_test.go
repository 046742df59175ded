package aicc

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
)

const unauthorizedText = `{"errorCode":"unauthorized","exceptionInfo":"auth fail! illegal or expired token info. please apply or refresh the access token from the server!"}`

// credentials are rows 3 to 13: what is changed of good headers, and whether
// they are still good.
var credentials = []struct {
	row    int
	name   string
	change func(s *shop, h http.Header)
	good   bool
	event  string // the security event, if one is due
}{
	{3, "no Authorization", func(_ *shop, h http.Header) { h.Del("Authorization") }, false, ""},
	{3, "Basic", func(_ *shop, h http.Header) { h.Set("Authorization", "Basic YTpi") }, false, ""},
	{3, "Bearer and nothing", func(_ *shop, h http.Header) { h.Set("Authorization", "Bearer ") }, false, ""},
	{3, "no space", func(s *shop, h http.Header) { h.Set("Authorization", "Bearer"+s.access) }, false, ""},
	{4, "bearer", func(s *shop, h http.Header) { h.Set("Authorization", "bearer "+s.access) }, true, ""},
	{4, "two spaces", func(s *shop, h http.Header) { h.Set("Authorization", "BEARER  "+s.access) }, true, ""},
	{5, "unknown", func(_ *shop, h http.Header) { h.Set("Authorization", "Bearer 57042f0000000000000000000968c4e0") }, false, "token_forged"},
	{5, "the ccmessaging-token", func(s *shop, h http.Header) { h.Set("Authorization", "Bearer "+s.customer) }, false, "token_forged"},
	{6, "two Authorization", func(s *shop, h http.Header) { h.Add("Authorization", "Bearer "+s.access) }, false, ""},
	{6, "two x-app-key", func(s *shop, h http.Header) { h.Add("X-App-Key", string(s.app.Key)) }, false, ""},
	{7, "no x-app-key", func(_ *shop, h http.Header) { h.Del("X-App-Key") }, false, ""},
	{7, "another x-app-key", func(_ *shop, h http.Header) { h.Set("X-App-Key", "ea5c29a3") }, false, ""},
	{8, "no ccmessaging-token", func(_ *shop, h http.Header) { h.Del("Ccmessaging-Token") }, false, ""},
	{8, "empty ccmessaging-token", func(_ *shop, h http.Header) { h.Set("Ccmessaging-Token", "") }, false, ""},
	{9, "edited", func(s *shop, h http.Header) { h.Set("Ccmessaging-Token", s.customer[:40]+"A"+s.customer[41:]+"B") }, false, "token_forged"},
	{9, "cut", func(s *shop, h http.Header) { h.Set("Ccmessaging-Token", s.customer[:50]) }, false, "token_forged"},
	{9, "AICC's unsigned sample", func(_ *shop, h http.Header) { h.Set("Ccmessaging-Token", "eyJjcmVhdGVUaW1lIjoxfQ%3D%3D") }, false, "token_forged"},
	{9, "the AccessToken", func(s *shop, h http.Header) { h.Set("Ccmessaging-Token", s.access) }, false, "token_forged"},
	{11, "percent-encoded", func(s *shop, h http.Header) {
		h.Set("Ccmessaging-Token", fmt.Sprintf("%%%02x%s", s.customer[0], s.customer[1:]))
	}, true, ""},
	{11, "percent-encoded twice", func(s *shop, h http.Header) {
		h.Set("Ccmessaging-Token", fmt.Sprintf("%%25%02x%s", s.customer[0], s.customer[1:]))
	}, false, "token_forged"},
	{12, "16 KiB", func(_ *shop, h http.Header) { h.Set("Ccmessaging-Token", strings.Repeat("a", 16<<10)) }, false, "token_forged"},
}

func TestWhoIsNotKnownIsToldOneSentenceAndNothingElse(t *testing.T) {
	s := open(t, Limits{})
	for _, c := range credentials {
		t.Run(fmt.Sprintf("%d %s", c.row, c.name), func(t *testing.T) {
			h := s.both()
			c.change(s, h)
			s.security = nil
			w := s.post(pathLeave, body(), h)
			if c.good {
				want(t, w, 200, savedText)
				return
			}
			want(t, w, 401, unauthorizedText)
			if w.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Error("no WWW-Authenticate")
			}
			if strings.Join(s.security, " ") != c.event {
				t.Errorf("security events %q, want %q", s.security, c.event)
			}
		})
	}
}

func TestAStrangersBodyIsNotRead(t *testing.T) {
	s := open(t, Limits{})
	for _, route := range (&surface{Parts: s.parts}).routes() {
		if route.Path == pathToken {
			continue // its body is the credential
		}
		r := httptest.NewRequest(route.Method, route.Path, unread{t})
		r.ContentLength = 1 << 30
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		want(t, w, 401, unauthorizedText)
	}
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestExpiryRevocationAndDeletionAre401(t *testing.T) {
	for name, change := range map[string]func(*shop){
		"expired":         func(s *shop) { s.later(t, time.Hour) },
		"app disabled":    func(s *shop) { s.src.change(func(n *desk.Snapshot) { n.Apps[0].Disabled = true }) },
		"revoked":         func(s *shop) { s.src.change(func(n *desk.Snapshot) { n.Apps[0].Epoch++ }) },
		"channel deleted": func(s *shop) { s.src.change(func(n *desk.Snapshot) { n.Channels = nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Limits{})
			want(t, s.leave(body()), 200, savedText)
			change(s)
			s.refresh(t)
			want(t, s.leave(body()), 401, unauthorizedText)
		})
	}
}

func TestAnAppMayNotUseAnothersCustomer(t *testing.T) {
	s := open(t, Limits{})
	other, secret := auth.NewApp(1, "other", s.hands)
	s.src.change(func(n *desk.Snapshot) { n.Apps = append(n.Apps, other) })
	s.refresh(t)
	s.access = between(s.post(pathToken, `{"app_key":"`+string(other.Key)+`","app_secret":"`+secret+`"}`, nil), `"AccessToken":"`, `"`)
	s.app = other
	want(t, s.leave(body()), 401, unauthorizedText)
	if !slices.Equal(s.security, []string{"token_foreign"}) {
		t.Error(s.security)
	}
}

func TestWhileCredentialsCannotBeCheckedTheAnswerIs500(t *testing.T) {
	s := open(t, Limits{})
	s.hands = s.hands.Add(16 * time.Second) // and nothing was read meanwhile
	want(t, s.leave(body()), 500, "internal")
	want(t, s.post(pathFacade, `{}`, s.cookie()), 500, "internal")
	want(t, s.post(pathMessages+"applyToken", applyBody, s.bearer()), 500, "internal")
	want(t, s.post(pathToken, `{"app_key":"a","app_secret":"b"}`, nil), 500, "internal")
	s.refresh(t)
	want(t, s.leave(body()), 200, savedText)
}

func TestNearItsEndATokenIsRenewedInAHeader(t *testing.T) {
	s := open(t, Limits{})
	s.later(t, 51*time.Minute)
	w := s.leave(body())
	want(t, w, 200, savedText)
	fresh := w.Header().Get("ccmessaging-token")
	s.later(t, 8*time.Minute)
	s.customer = fresh
	if w = s.leave(body()); w.Code != 200 || fresh == "" || w.Header().Get("ccmessaging-token") != "" {
		t.Fatal(w.Code, fresh)
	}
}

func TestTheCookieDoorKnowsOneCookieAndNoForeignSites(t *testing.T) {
	s := open(t, Limits{})
	const hello = `{"phoneNo":"1","leaveMessage":"a"}`
	for name, h := range map[string]http.Header{
		"none": {}, "empty": {"Cookie": {"ccmessaging-token="}}, "wrong": {"Cookie": {"ccmessaging-token=abc"}},
		"two":        {"Cookie": {"ccmessaging-token=" + s.customer + "; ccmessaging-token=" + s.customer}},
		"the header": {"Ccmessaging-Token": {s.customer}},
	} {
		t.Run(name, func(t *testing.T) { want(t, s.post(pathFacade, hello, h), 401, unauthorizedText) })
	}
	h := s.cookie()
	h["Origin"], h["Sec-Fetch-Site"] = []string{origin}, []string{"cross-site"}
	want(t, s.post(pathFacade, hello, h), 403, "cross_site")
	s.listOrigin(t)
	w := s.post(pathFacade, hello, h)
	want(t, w, 200, facadeSaved)
	if w.Header().Get("Access-Control-Allow-Origin") != origin || w.Header().Get("Access-Control-Allow-Credentials") != "true" {
		t.Error(w.Header())
	}
	h["Origin"] = []string{"https://evil.example"}
	want(t, s.post(pathFacade, hello, h), 403, "cross_site")
}

func (s *shop) listOrigin(t *testing.T) {
	s.src.change(func(n *desk.Snapshot) { n.Channels[0].Origins = []string{origin} })
	s.refresh(t)
}

func TestBrowsersOfOtherSitesReadNothingUntilAChannelListsThem(t *testing.T) {
	s := open(t, Limits{})
	asked := http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}
	paths := []string{pathLeave, pathMessages + "applyToken", pathMessages + "poll", pathFacade}
	for _, path := range paths {
		want(t, s.do("OPTIONS", path, "", asked), 405, "method_not_allowed")
	}
	from := s.both()
	from["Origin"] = []string{origin}
	if w := s.post(pathLeave, body(), from); w.Code != 200 || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error(w.Code, w.Header())
	}
	s.listOrigin(t)
	for _, path := range paths {
		w := s.do("OPTIONS", path, "", asked)
		h := w.Header()
		if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != origin || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "ccmessaging-token, x-app-key, Authorization") || h.Get("Vary") != "Origin" {
			t.Error(path, w.Code, h)
		}
	}
	want(t, s.do("OPTIONS", pathToken, "", asked), 405, "method_not_allowed")
	want(t, s.do("OPTIONS", pathLeave, "", http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"POST"}}), 405, "method_not_allowed")
	for _, path := range []string{pathLeave, pathMessages + "applyToken"} {
		w := s.post(path, applyBody, from)
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Expose-Headers") != exposedHeaders {
			t.Error(path, h)
		}
	}
	from["Ccmessaging-Token"] = nil
	if w := s.post(pathLeave, body(), from); w.Code != 401 || w.Header().Get("Access-Control-Allow-Origin") != origin {
		t.Error("a browser cannot see that its token has expired", w.Header())
	}
	from["Origin"] = []string{"https://evil.example"}
	if w := s.post(pathLeave, body(), from); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error(w.Header())
	}
}

func TestTheCallsAroundItLeadToTheForm(t *testing.T) {
	s := open(t, Limits{})
	send := func(control string) string { return `{"channel":"WEB","content":"hi","controlType":` + control + `}` }
	for _, c := range []struct{ path, body, answer string }{
		{"send", send(`"CONNECT"`), `{"resultCode":"12","resultDesc":"The current time is not within the working time of the service agents"}`},
		{"sendAsync", send(`"TRANS2AGENT"`), `{"resultCode":"12","resultDesc":"The current time is not within the working time of the service agents"}`},
		{"sendSync", send(`"CONNECT"`), `{"resultCode":"12","resultDesc":"The current time is not within the working time of the service agents"}`},
		{"send", send(`"DISCONNECT"`), `{"resultCode":"0","resultDesc":"success"}`},
		{"send", send(`"CHAT"`), `{"resultCode":"13","resultDesc":"There is no session. Please leave a message."}`},
		{"send", send(`1`), `{"resultCode":"13","resultDesc":"There is no session. Please leave a message."}`},
		{"queryQueueInfo", `{}`, `{"resultCode":"5","resultDesc":"the session has ended"}`},
		{"queryQueueInfo", ``, `{"resultCode":"5","resultDesc":"the session has ended"}`},
		{"queryHistoryChatMessage", `{"a":1}`, `{"resultCode":"0","resultDesc":"success","messageList":[]}`},
		{"getsatisfactionsurveymode", `{}`, `{"resultCode":"0","resultDesc":"success","surveyType":"NO"}`},
	} {
		t.Run(c.path+c.body, func(t *testing.T) {
			want(t, s.post(pathMessages+c.path, c.body, s.both()), 200, c.answer)
			want(t, s.post(pathMessages+c.path, c.body, s.bearer()), 401, unauthorizedText)
			want(t, s.post(pathMessages+c.path, "{", s.both()), 400, "bad_json")
			want(t, s.do("GET", pathMessages+c.path, "", s.both()), 405, "method_not_allowed")
		})
	}
}

const polledText = `{"resultCode":"0","resultDesc":"query user messages success","downlinkMessages":[]}`

func TestAPollIsHeldFiveSecondsOrUntilTheServerOrTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Limits{})
		began := time.Now()
		want(t, s.do("GET", pathMessages+"poll?receiverId=1&channel=WEB", "", s.both()), 200, polledText)
		if held := time.Since(began); held != 5*time.Second {
			t.Error("held", held)
		}
		r := httptest.NewRequest("GET", pathMessages+"poll", nil)
		r.Header = s.both()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began = time.Now()
		func() {
			defer func() {
				if recover() != http.ErrAbortHandler {
					t.Error("the client has gone and was answered")
				}
			}()
			s.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		}()
		time.AfterFunc(time.Second, func() { close(s.draining) })
		want(t, s.do("GET", pathMessages+"poll", "", s.both()), 200, polledText)
		if held := time.Since(began); held != 2*time.Second {
			t.Error("held", held)
		}
	})
}
