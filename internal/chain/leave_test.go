package chain

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheChainIsTheOneOfTheContract(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	for i, text := range []string{"Please reply", "请回电 👍"} {
		r := c.Leave(t.Context(), message(text))
		want(t, r, Acked, "0", "")
		if r.Reference == "" || r.Replayed || r.Attempts != 1 {
			t.Errorf("message %d: %+v", i, r)
		}
	}
	if s.counts().issued != 1 || s.counts().applied != 1 {
		t.Errorf("%d access tokens and %d ccmessaging-tokens for two messages, want one each", s.counts().issued, s.counts().applied)
	}
	got := s.stored[1]
	if got["callId"] != "111111222111" || got["caller"] != "138****7777" || got["leaveMessage"] != "请回电 👍" || got["channel"] != "WEB" || got["key"] != "" {
		t.Errorf("stored %v", got)
	}
}

func TestEveryAnswerIsClassifiedAndOnlyWhatIsCertainIsCalledRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		outcome Outcome
		code    string
		text    string
	}{
		"stored without text":   {200, `{"resultCode":"0"}`, Acked, "0", ""},
		"wrong values":          {200, `{"resultCode":"3","resultDesc":"the leaveMessageParams is error."}`, Refused, "3", "Params"},
		"an older code":         {200, `{"resultCode":"2","resultDesc":"empty"}`, Refused, "2", "empty"},
		"known not stored":      {200, `{"resultCode":"13","resultDesc":"Save leaveMessage failed!"}`, Refused, "13", "failed"},
		"unknown":               {200, `{"resultCode":"13","resultDesc":"Exception appeared!"}`, Unknown, "13", "Exception"},
		"13 without a word":     {200, `{"resultCode":"13"}`, Unknown, "13", ""},
		"a number for a string": {200, `{"resultCode":0}`, Unknown, "200", "contract"},
		"an empty object":       {200, `{}`, Unknown, "", ""},
		"a page of a proxy":     {200, `<html>`, Unknown, "200", "contract"},
		"nothing":               {204, ``, Unknown, "204", "No Content"},
		"bad request":           {400, `{"errorCode":"json","exceptionInfo":"it is not JSON"}`, Refused, "400", "not JSON"},
		"no such path":          {404, ``, Refused, "404", "Not Found"},
		"too large":             {413, `{}`, Refused, "413", ""},
		"a redirect":            {307, ``, Refused, "307", ""},
		"server error":          {500, `{"errorCode":"internal","exceptionInfo":"try later"}`, Unknown, "500", "try later"},
		"bad gateway":           {502, ``, Unknown, "502", ""},
		"gateway timeout":       {504, ``, Unknown, "504", ""},
		"too often":             {429, `{"resultCode":"13","resultDesc":"Save leaveMessage failed!"}`, Refused, "429", "failed"},
		"busy":                  {503, ``, Refused, "503", "Unavailable"},
		"still unauthorized":    {401, `{"exceptionInfo":"` + expired + `"}`, Refused, "401", "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.misbehave(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Location", "/elsewhere")
				answerJSON(w, c.status, c.body)
				return true
			})
			cl, _ := s.client(t, func(o *Options) { o.Attempts = 1 })
			r := cl.Leave(t.Context(), message("x"))
			want(t, r, c.outcome, c.code, c.text)
			if r.Fatal != (c.status == 401) {
				t.Errorf("fatal is %v", r.Fatal)
			}
		})
	}
}

func TestExpiredTokensAreRenewedOnceAndTheMessageIsSentAgain(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("one")), Acked, "0", "")
	s.mu.Lock()
	s.access, s.user = "revoked", "revoked"
	s.mu.Unlock()
	r := c.Leave(t.Context(), message("two"))
	want(t, r, Acked, "0", "")
	if s.counts().issued != 2 || s.counts().applied != 2 || r.Attempts != 2 || s.counts().stored != 2 {
		t.Errorf("%d access tokens, %d ccmessaging-tokens, %d attempts, %d stored; want 2 of each", s.counts().issued, s.counts().applied, r.Attempts, s.counts().stored)
	}
}

func TestAServerThatNeverAcceptsATokenIsAskedTwiceAndNotForever(t *testing.T) {
	s := serve(t)
	s.misbehave(func(_ int, w http.ResponseWriter, _ *http.Request) bool { unauthorized(w); return true })
	c, _ := s.client(t, nil)
	r := c.Leave(t.Context(), message("x"))
	want(t, r, Refused, "401", "expired")
	if !r.Fatal || s.counts().calls != 2 || s.counts().issued != 2 {
		t.Errorf("fatal %v after %d calls and %d tokens", r.Fatal, s.counts().calls, s.counts().issued)
	}
}

func TestAnAccessTokenIsRenewedBeforeItExpires(t *testing.T) {
	now := time.Unix(1700000000, 0)
	s := serve(t)
	c, _ := s.client(t, func(o *Options) { o.Now = func() time.Time { return now } })
	c.Leave(t.Context(), message("one"))
	now = now.Add(584 * time.Second)
	c.Leave(t.Context(), message("two"))
	if s.counts().issued != 1 {
		t.Errorf("%d tokens before the end of the first", s.counts().issued)
	}
	now = now.Add(2 * time.Second)
	want(t, c.Leave(t.Context(), message("three")), Acked, "0", "")
	if s.counts().issued != 2 {
		t.Errorf("%d tokens at the end of the first", s.counts().issued)
	}
}

func TestATokenInTheAnswersHeaderReplacesTheOldOne(t *testing.T) {
	s := serve(t)
	s.misbehave(func(call int, w http.ResponseWriter, _ *http.Request) bool {
		if call == 1 {
			w.Header().Set("ccmessaging-token", "fresh")
			answerJSON(w, 200, `{"resultCode":"0"}`)
			s.user = "fresh"
			return true
		}
		return false
	})
	c, _ := s.client(t, nil)
	c.Leave(t.Context(), message("one"))
	r := c.Leave(t.Context(), message("two"))
	want(t, r, Acked, "0", "")
	if s.counts().applied != 1 || r.Attempts != 1 {
		t.Errorf("the fresh token was not used: %d tokens applied for, %d attempts", s.counts().applied, r.Attempts)
	}
}

func TestABusyServerIsGivenTheTimeItAsksForWithinBounds(t *testing.T) {
	for name, c := range map[string]struct {
		retry string
		pause []time.Duration
	}{
		"seconds":  {"7", []time.Duration{7 * time.Second, 7 * time.Second}},
		"too long": {"86400", []time.Duration{time.Minute, time.Minute}},
		"a date":   {time.Unix(1700000005, 0).UTC().Format(http.TimeFormat), []time.Duration{5 * time.Second, 5 * time.Second}},
		"nothing":  {"", []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}},
		"nonsense": {"-3", []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			s.misbehave(func(call int, w http.ResponseWriter, _ *http.Request) bool {
				if call > 2 {
					return false
				}
				w.Header().Set("Retry-After", c.retry)
				answerJSON(w, []int{429, 503}[call-1], `{"resultCode":"13","resultDesc":"Save leaveMessage failed!"}`)
				return true
			})
			cl, pauses := s.client(t, func(o *Options) { o.Now = func() time.Time { return time.Unix(1700000000, 0) } })
			r := cl.Leave(t.Context(), message("x"))
			want(t, r, Acked, "0", "")
			if !slices.Equal(*pauses, c.pause) || r.Attempts != 3 || s.counts().stored != 1 {
				t.Errorf("paused %v, %d attempts, %d stored", *pauses, r.Attempts, s.counts().stored)
			}
		})
	}
}

func TestPausesAreSpreadByUpToAHalf(t *testing.T) {
	s := serve(t)
	s.misbehave(func(call int, w http.ResponseWriter, _ *http.Request) bool {
		if call == 1 {
			answerJSON(w, 503, "")
		}
		return call == 1
	})
	c, pauses := s.client(t, func(o *Options) { o.Random = func() float64 { return 1 } })
	c.Leave(t.Context(), message("x"))
	if !slices.Equal(*pauses, []time.Duration{300 * time.Millisecond}) {
		t.Errorf("paused %v", *pauses)
	}
}

func TestADroppedConnectionLeavesTheOutcomeUnknownAndNothingIsSentTwice(t *testing.T) {
	s := serve(t)
	s.aicc = true
	c, _ := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("before")), Acked, "0", "") // so that the connection is a used one
	s.misbehave(func(_ int, w http.ResponseWriter, r *http.Request) bool { hangUp(w, r); return true })
	m := message("x")
	m.Key = "k1" // net/http would repeat a POST with this header by itself
	r := c.Leave(t.Context(), m)
	want(t, r, Unknown, "no answer", "")
	if s.counts().calls != 2 || r.Attempts != 1 {
		t.Errorf("%d calls for two messages", s.counts().calls)
	}
}

func TestWhereKeysAreHonouredTheSameKeyFindsOut(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("before")), Acked, "0", "") // it answered with a reference
	s.misbehave(func(call int, w http.ResponseWriter, r *http.Request) bool {
		if call == 2 { // stored, but the answer is lost
			s.store(httptest.NewRecorder(), r)
			hangUp(w, r)
		}
		return call == 2
	})
	m := message("x")
	m.Key = "k1"
	r := c.Leave(t.Context(), m)
	want(t, r, Acked, "0", "")
	if !r.Replayed || s.counts().stored != 2 {
		t.Errorf("replayed %v, %d stored", r.Replayed, s.counts().stored)
	}
}

func TestARefusalAfterAnUnknownOutcomeStaysUnknown(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("before")), Acked, "0", "")
	s.misbehave(func(call int, w http.ResponseWriter, r *http.Request) bool {
		if call == 2 {
			hangUp(w, r)
		} else {
			answerJSON(w, 503, "")
		}
		return true
	})
	m := message("x")
	m.Key = "k1"
	want(t, c.Leave(t.Context(), m), Unknown, "503", "")
}

func TestAServerThatIsNotThereIsARefusalNotAnUnknown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := serve(t)
	c, pauses := s.client(t, func(o *Options) { o.URL, o.Attempts = "http://"+l.Addr().String(), 3 })
	want(t, c.Leave(t.Context(), message("x")), Refused, "unreachable", "refused")
	if len(*pauses) != 2 {
		t.Errorf("%d pauses between 3 attempts", len(*pauses))
	}
}

func TestWhatTheTokenCallsRefuseIsSaid(t *testing.T) {
	s := serve(t)
	wrong, _ := s.client(t, func(o *Options) { o.AppSecret = "guess" })
	r := wrong.Leave(t.Context(), message("x"))
	want(t, r, Refused, "401", "auth fail")
	if !r.Fatal || s.counts().calls != 0 || s.counts().issued != 1 {
		t.Errorf("a wrong secret: fatal %v, %d messages, %d tries", r.Fatal, s.counts().calls, s.counts().issued)
	}
	c, _ := s.client(t, nil)
	m := message("x")
	m.User.ChannelID = "1"
	r = c.Leave(t.Context(), m)
	want(t, r, Refused, "1", "applyToken: the channel is not there")
	if r.Fatal {
		t.Error("one user's refusal is not everybody's")
	}
	if err := c.Prepare(t.Context(), m.User); err == nil || !strings.Contains(err.Error(), "not there") {
		t.Errorf("Prepare says %v", err)
	}
	s.token = func(w http.ResponseWriter, _ *http.Request) bool {
		answerJSON(w, 200, `{"resultCode":"1"}`)
		return true
	}
	other, _ := s.client(t, nil)
	want(t, other.Leave(t.Context(), message("x")), Refused, "tokenByAkSk", "no access token")
}

func TestABusyTokenServerIsWaitedFor(t *testing.T) {
	s := serve(t)
	busy := func(n int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			n--
			if n >= 0 {
				w.Header().Set("Retry-After", "2")
				answerJSON(w, 429, "")
			}
			return n >= 0
		}
	}
	s.token, s.apply = busy(1), busy(1)
	c, pauses := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("x")), Acked, "0", "")
	if !slices.Equal(*pauses, []time.Duration{2 * time.Second, 2 * time.Second}) {
		t.Errorf("paused %v", *pauses)
	}
	s.token = busy(100)
	c, _ = s.client(t, nil)
	r := c.Leave(t.Context(), message("x"))
	want(t, r, Refused, "429", "")
	if r.Fatal {
		t.Error("too often is not never")
	}
}

func TestCancellingStopsThePausesButNotWhatIsUnderWay(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.misbehave(func(int, http.ResponseWriter, *http.Request) bool { cancel(); return false })
	c, _ := s.client(t, nil)
	want(t, c.Leave(ctx, message("x")), Acked, "0", "")
	want(t, c.Leave(ctx, message("y")), Refused, "stopped", "before it was sent")
	if s.counts().stored != 1 {
		t.Errorf("%d stored", s.counts().stored)
	}
}

func TestTextsThatAreNoUTF8AreNotSent(t *testing.T) {
	s := serve(t)
	c, _ := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("\xff")), Refused, "invalid", "UTF-8")
	if s.counts().calls != 0 {
		t.Error("it was sent")
	}
}

func TestASecretFollowsNoRedirect(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		t.Errorf("the redirect was followed with %q", b)
	}))
	defer trap.Close()
	s := serve(t)
	s.token = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, trap.URL, http.StatusTemporaryRedirect)
		return true
	}
	c, _ := s.client(t, nil)
	want(t, c.Leave(t.Context(), message("x")), Refused, "307", "")
}

func TestACertificateThatNobodyVouchesForIsRefused(t *testing.T) {
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	tls.StartTLS()
	defer tls.Close()
	s := serve(t)
	c, _ := s.client(t, func(o *Options) { o.URL, o.Attempts = tls.URL, 1 })
	want(t, c.Leave(t.Context(), message("x")), Refused, "unreachable", "certificate")
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	good := Options{URL: "https://example.com/base/", AppKey: "k", AppSecret: "s"}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Options){
		"no URL":    func(o *Options) { o.URL = "" },
		"no scheme": func(o *Options) { o.URL = "example.com" },
		"ftp":       func(o *Options) { o.URL = "ftp://example.com" },
		"a query":   func(o *Options) { o.URL += "?a=b" },
		"a user":    func(o *Options) { o.URL = "https://u:p@example.com" },
		"no key":    func(o *Options) { o.AppKey = "" },
		"no secret": func(o *Options) { o.AppSecret = "" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
