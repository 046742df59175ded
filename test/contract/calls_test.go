package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/afterbeep/afterbeep/test/rig"
)

// applyToken plays the rows about applyToken.
func (p *player) applyToken(t *testing.T, w *world) {
	ask := func(t *testing.T, body string) answer {
		t.Helper()
		return send(t, w.host, w.applying(w.creds, w.access).saying(body))
	}
	body := func(field, value string) string {
		return strings.Replace(applyBody(field, value), `"channelId":"0"`, `"channelId":"`+w.creds.ChannelID+`"`, 1)
	}
	expect := func(t *testing.T, body, code string) string {
		t.Helper()
		a := ask(t, body)
		var got struct{ ResultCode, ResultDesc, Token string }
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 || got.ResultCode != code || (got.Token != "") != (code == "0") {
			t.Errorf("%.100q: answered %d %s, want resultCode %s", body, a.Status, a.Body, code)
		}
		typed(t, a)
		return a.Body
	}
	each := func(number int, title, field, code string, values ...string) {
		p.row(t, number, title, func(t *testing.T) {
			for _, v := range values {
				expect(t, body(field, v), code)
			}
		})
	}
	each(65, "userId missing, empty, of 33 characters, with a control character", "userId", "1", "-", "", " ", "json:null", "json:1", strings.Repeat("u", 33), "a\u0007", "a\u202e")
	p.row(t, 66, "userName missing, too long, or markup", func(t *testing.T) {
		for _, v := range []string{"-", "", "json:null", strings.Repeat("n", 256)} {
			expect(t, body("userName", v), "1")
		}
		for _, v := range []string{strings.Repeat("名", 255), "<b>Bob</b>", "O'Brien & Söhne"} {
			expect(t, body("userName", v), "0")
		}
	})
	p.row(t, 67, "channelId unknown, disabled, of another tenant", func(t *testing.T) {
		made := func(args ...string) string {
			args = append([]string{"channel", "create", "--json", "--name"}, args...)
			return rig.Lines[rig.Credentials](t, rig.Must(t, w.options, args...))[0].ChannelID
		}
		rig.Must(t, w.options, "tenant", "create", "--name", "Row 67")
		theirs, closed := made("Theirs", "--tenant", "Row 67"), made("Closed")
		rig.Must(t, w.options, "channel", "disable", "Closed")
		known := made("Known") // the last change: when it is known, the others are
		soon(t, "a new channel is known", func() bool { return strings.Contains(ask(t, body("channelId", known)).Body, `"resultCode":"0"`) })
		want := expect(t, body("channelId", "202102193196869708"), "1")
		for _, id := range []string{closed, theirs, "1", "", "x", w.creds.ChannelID + "0", " " + w.creds.ChannelID, "-", "json:123"} {
			if got := expect(t, body("channelId", id), "1"); got != want {
				t.Errorf("channelId %q is answered with %s, and an unknown one with %s", id, got, want)
			}
		}
	})
	p.row(t, 68, "locale", func(t *testing.T) {
		for _, v := range []string{"zh", "zh_CN", "en", "en_US", "en-US"} {
			expect(t, body("locale", v), "0")
		}
		for _, v := range []string{"xx_YY_ZZ", "../", "", "-", "e", "english", "zh_", "json:null"} {
			expect(t, body("locale", v), "1")
		}
	})
	p.row(t, 69, "body wrapped in reqBody", func(t *testing.T) {
		expect(t, `{"reqBody":`+body("", "")+`}`, "0")
	})
	p.row(t, 70, "bad JSON, a key twice, too large", func(t *testing.T) {
		good := body("", "")
		gate(t, ask(t, "{"), 400)
		gate(t, ask(t, good+"x"), 400)
		gate(t, ask(t, good[:len(good)-1]+`,"userId":"2"}`), 400)
		gate(t, ask(t, good[:len(good)-1]+`,"x":"`+strings.Repeat("x", 64<<10)+`"}`), http.StatusRequestEntityTooLarge)
	})
	p.row(t, 71, "AccessToken bad", func(t *testing.T) {
		gate(t, send(t, w.host, w.applying(w.creds, "x")), 401)
		gate(t, send(t, w.host, w.applying(w.creds, w.access).with("x-app-key", "")), 401)
	})
	p.row(t, 72, "fields that nobody asked for", func(t *testing.T) {
		good := body("", "")
		expect(t, good[:len(good)-1]+`,"exp":9999999999,"role":"admin","createTime":0,"tenant":2}`, "0")
	})
}

// tokenByAkSk plays the rows about tokenByAkSk.
func (p *player) tokenByAkSk(t *testing.T, w *world) {
	p.row(t, 73, "unknown app_key, wrong app_secret, disabled app", func(t *testing.T) {
		off := w.app(t, "", "Row 73")
		soon(t, "a new app is known", func() bool { return send(t, w.host, w.asking(off)).Status == http.StatusOK })
		access := w.token(t, off, "")
		rig.Must(t, w.options, "app", "disable", "Row 73")
		soon(t, "a disabled app is refused", func() bool { return send(t, w.host, w.applying(off, access)).Status == http.StatusUnauthorized })
		want := send(t, w.host, w.asking(rig.Credentials{AppKey: strings.Repeat("0", 32), AppSecret: off.AppSecret}))
		gate(t, want, 401)
		for what, c := range map[string]rig.Credentials{
			"wrong secret": {AppKey: w.creds.AppKey, AppSecret: "x"}, "disabled": off,
			"no key at all": {AppKey: "x", AppSecret: "x"}, "another's secret": {AppKey: w.creds.AppKey, AppSecret: off.AppSecret},
		} {
			if a := send(t, w.host, w.asking(c)); a.Status != want.Status || a.Body != want.Body {
				t.Errorf("%s: answered %d %s, want %d %s", what, a.Status, a.Body, want.Status, want.Body)
			}
		}
	})
	p.row(t, 74, "app_key or app_secret missing, null, a number, an array", func(t *testing.T) {
		fields := [][2]string{{"app_key", w.creds.AppKey}, {"app_secret", w.creds.AppSecret}}
		for _, field := range []string{"app_key", "app_secret"} {
			for _, value := range []string{"-", "json:null", "json:1", "json:[]", "json:{}", "json:true"} {
				gate(t, send(t, w.host, w.asking(w.creds).saying(object(fields, field, value))), 400)
			}
		}
	})
	p.row(t, 75, "X-Token-Expire absent, 600, 3600", func(t *testing.T) {
		for sent, want := range map[string]string{"": "3600", "600": "600", "3600": "3600"} {
			granted(t, w, sent, want)
		}
	})
	p.row(t, 76, "X-Token-Expire too large, or no number", func(t *testing.T) {
		for _, sent := range []string{"3601", "86400", "999999999999"} {
			granted(t, w, sent, "3600")
		}
		for _, sent := range []string{"0", "-1", "1e3", "abc", "600,3600", "600.5", "0x10", "+600"} {
			gate(t, send(t, w.host, w.asking(w.creds).with("X-Token-Expire", sent)), 400)
		}
		gate(t, send(t, w.host, w.asking(w.creds).and("X-Token-Expire", "600").and("x-token-expire", "600")), 400)
	})
	p.row(t, 77, "the eleventh wrong secret", func(t *testing.T) { guessing(t, w) })
	p.row(t, 78, "app_secret of 1 MiB", func(t *testing.T) {
		gate(t, send(t, w.host, w.asking(rig.Credentials{AppKey: w.creds.AppKey, AppSecret: strings.Repeat("x", 1<<20)})), http.StatusRequestEntityTooLarge)
	})
	p.row(t, 79, "secret in the query string or in the path", func(t *testing.T) {
		query := "?app_key=" + w.creds.AppKey + "&app_secret=" + w.creds.AppSecret
		gate(t, send(t, w.host, w.asking(w.creds).to(tokenPath+query)), 400)
		gate(t, send(t, w.host, w.asking(w.creds).to(tokenPath+query).saying("")), 400)
		for _, path := range []string{tokenPath + "/" + w.creds.AppSecret, tokenPath + ";app_secret=" + w.creds.AppSecret} {
			if a := send(t, w.host, w.asking(w.creds).to(path)); a.Status != 400 && a.Status != 404 {
				t.Errorf("a secret in the path: answered %d %s", a.Status, a.Body)
			}
		}
		if strings.Contains(w.server.Log(), w.creds.AppSecret) {
			t.Error("the secret is in the log")
		}
	})
	p.row(t, 80, "2,000 valid calls at once", func(t *testing.T) { rush(t, w) })
}

// granted asks for a token and checks the answer's fields, which are strings.
func granted(t *testing.T, w *world, sent, want string) {
	t.Helper()
	a := send(t, w.host, w.asking(w.creds).with("X-Token-Expire", sent))
	var got map[string]any
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 {
		t.Fatalf("answered %d %s", a.Status, a.Body)
	}
	typed(t, a)
	if got["Expires"] != want || got["ApplyType"] != "Bearer" || got["AppKey"] != w.creds.AppKey || got["UserID"] != "Anonymous" {
		t.Errorf("X-Token-Expire %q: answered %s, want Expires %s", sent, a.Body, want)
	}
	for _, name := range []string{"AccessToken", "ApplyType", "CreateTime", "Expires", "Scope", "AppKey", "UserID"} {
		if _, text := got[name].(string); !text {
			t.Errorf("%s is not a string in %s", name, a.Body)
		}
	}
	if len(got) != 7 {
		t.Errorf("%d fields in %s", len(got), a.Body)
	}
}

func guessing(t *testing.T, w *world) {
	owner := w.app(t, "", "Row 77")
	soon(t, "a new app is known", func() bool { return sendFrom(t, w.host, "127.0.0.3", w.asking(owner)).Status == http.StatusOK })
	wrong := w.asking(rig.Credentials{AppKey: owner.AppKey, AppSecret: "guess"})
	for i := range 10 {
		if gate(t, send(t, w.host, wrong), 401) == "" {
			t.Fatalf("that was guess %d", i+1)
		}
	}
	a := send(t, w.host, wrong)
	if a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") == "" {
		t.Errorf("the eleventh guess: answered %d %s, Retry-After %q", a.Status, a.Body, a.Header.Get("Retry-After"))
	}
	if a := send(t, w.host, w.asking(owner)); a.Status != http.StatusOK {
		t.Errorf("the right secret from the guesser's address, which may be a proxy's: answered %d %s", a.Status, a.Body)
	}
	if a := sendFrom(t, w.host, "127.0.0.2", w.asking(owner)); a.Status != http.StatusOK {
		t.Errorf("the owner, from another address: answered %d %s", a.Status, a.Body)
	}
	if a := send(t, w.host, w.asking(w.creds)); a.Status != http.StatusOK {
		t.Errorf("another app from the guesser's address: answered %d %s", a.Status, a.Body)
	}
}

func rush(t *testing.T, w *world) {
	c := w.app(t, "", "Row 80")
	soon(t, "a new app is known", func() bool { return send(t, w.host, w.asking(c)).Status == http.StatusOK })
	old := w.token(t, c, "")
	chat := w.apply(t, c, old)
	var (
		all           sync.WaitGroup
		given, waited atomic.Int64
	)
	for range 100 {
		l := dial(t, w.host, "")
		all.Go(func() {
			for range 20 {
				if _, err := l.Write(w.asking(c).bytes(w.host)); err != nil {
					t.Error(err)
					return
				}
				switch a := l.hear(t); {
				case a.Status == http.StatusOK:
					given.Add(1)
				case a.Status == http.StatusTooManyRequests && a.Header.Get("Retry-After") != "":
					waited.Add(1)
				default:
					t.Errorf("answered %d %s", a.Status, a.Body)
					return
				}
			}
		})
	}
	all.Wait()
	if given.Load() < 500 || given.Load() > 700 || given.Load()+waited.Load() != 2000 {
		t.Errorf("%d tokens given and %d calls told to wait, of 2,000; the limit is 600 a minute", given.Load(), waited.Load())
	}
	leaving := w.leaving().with("Authorization", "Bearer "+old).with("x-app-key", c.AppKey).with("ccmessaging-token", chat)
	is(t, w.leave(t, leaving), 200, stored)
	is(t, w.leave(t, w.leaving()), 200, stored)
}

// TestTheSecondFrontDoor leaves messages as cec_07_0959 describes: a cookie and
// two fields.
func TestTheSecondFrontDoor(t *testing.T) {
	w := found(t)
	door := func(body string) call {
		return post(facadePath, [2]string{"Content-Type", "application/json"}, [2]string{"Cookie", "lang=zh; ccmessaging-token=" + w.chat}).saying(body)
	}
	good := fmt.Sprintf(`{"phoneNo":"138****7777","leaveMessage":"请回电 %d"}`, w.mark())
	a := send(t, w.host, door(good))
	is(t, a, 200, `{"returnCode":"0","resultCode":"0","description":"","resultDesc":"Save leaveMessage success!"}`)
	for _, bad := range []string{`{}`, `{"phoneNo":"","leaveMessage":"x"}`, `{"phoneNo":"1"}`, `{"phoneNo":1,"leaveMessage":"x"}`} {
		a := send(t, w.host, door(bad))
		var got struct{ ReturnCode, Description string }
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 || got.ReturnCode != "3" || got.Description != "the leaveMessageParams is error." {
			t.Errorf("%s: answered %d %s", bad, a.Status, a.Body)
		}
	}
	gate(t, send(t, w.host, door(good).with("Cookie", "")), 401)
	gate(t, send(t, w.host, door(good).with("Cookie", "ccmessaging-token=x")), 401)
	if all := rig.Messages(t, w.options); len(all) != 1 || all[0].Caller != "138****7777" || !strings.HasPrefix(all[0].Text, "请回电") {
		t.Errorf("stored: %+v", all)
	}
}
