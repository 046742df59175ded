package aicc

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func (s *shop) credentials() string {
	return `{"app_key":"` + string(s.app.Key) + `","app_secret":"` + s.secret + `"}`
}

func TestTokenByAkSkAnswersInAICCsWords(t *testing.T) {
	s := open(t, Limits{})
	w := s.post(pathToken, s.credentials(), nil)
	token := between(w, `"AccessToken":"`, `"`)
	want(t, w, 200, `{"AccessToken":"`+token+`","ApplyType":"Bearer","CreateTime":"`+strconv.FormatInt(s.hands.Unix(), 10)+
		`","Expires":"3600","Scope":"ccmessaging","AppKey":"`+string(s.app.Key)+`","UserID":"Anonymous"}`)
	if len(token) < 32 || strings.Trim(token, "0123456789abcdef") != "" {
		t.Error("the token is", token)
	}
	want(t, s.leave(body()), 200, savedText) // row 80: the older token lives on
}

func TestTheWantedLifeIsAtMostAnHour(t *testing.T) {
	s := open(t, Limits{})
	for expire, granted := range map[string]string{
		"600": "600", "3600": "3600", "1": "1", "3601": "3600", "99999999999999999999999": "3600", "0600": "600",
		"0": "", "-1": "", "1e3": "", "abc": "", "600,3600": "", "": "", "+600": "", " ": "", "000": "",
	} {
		w := s.post(pathToken, s.credentials(), http.Header{"X-Token-Expire": {expire}})
		if got := between(w, `"Expires":"`, `"`); got != granted || (granted == "") != (w.Code == 400) {
			t.Errorf("%q: %d, granted %q, want %q", expire, w.Code, got, granted)
		}
	}
	if w := s.post(pathToken, s.credentials(), http.Header{"X-Token-Expire": {"600", "600"}}); w.Code != 400 {
		t.Error("two headers:", w.Code)
	}
}

func TestEveryWrongCredentialIsTheSame401(t *testing.T) {
	s := open(t, Limits{})
	for _, body := range []string{
		`{"app_key":"ffffffffffffffffffffffffffffffff","app_secret":"` + s.secret + `"}`,
		`{"app_key":"` + string(s.app.Key) + `","app_secret":"wrong"}`,
	} {
		want(t, s.post(pathToken, body, nil), 401, unauthorizedText)
	}
	s.src.change(func(n *desk.Snapshot) { n.Apps[0].Disabled = true })
	s.refresh(t)
	want(t, s.post(pathToken, s.credentials(), nil), 401, unauthorizedText)
	if len(s.security) != 3 {
		t.Error("security events:", s.security)
	}
}

func TestCredentialsThatAreNoStringsAre400(t *testing.T) {
	s := open(t, Limits{})
	for _, bad := range []string{
		`{}`, `{"app_key":"a"}`, `{"app_secret":"a"}`, `{"app_key":null,"app_secret":"a"}`, `{"app_key":1,"app_secret":"a"}`,
		`{"app_key":"a","app_secret":["a"]}`, `{"app_key":"a","app_secret":""}`,
	} {
		want(t, s.post(pathToken, bad, nil), 400, "bad_parameters")
	}
	want(t, s.post(pathToken, `{"app_key":"a","app_key":"a","app_secret":"b"}`, nil), 400, "bad_json")
	want(t, s.post(pathToken, `{"app_key":"a","app_secret":"`+strings.Repeat("x", 1<<20)+`"}`, nil), 413, "too_large")
}

func TestGuessingIsLimitedForItsAddressOnly(t *testing.T) {
	s := open(t, Limits{})
	wrong := `{"app_key":"` + string(s.app.Key) + `","app_secret":"guess"}`
	for range 10 {
		want(t, s.post(pathToken, wrong, nil), 401, unauthorizedText)
	}
	w := s.post(pathToken, wrong, nil)
	want(t, w, 429, "too_many_requests")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if w := s.post(pathToken, s.credentials(), nil); w.Code != 200 {
		t.Error("the right secret is held up by somebody's guesses:", w.Code)
	}
	s.Handler = elsewhere{s.Handler}
	want(t, s.post(pathToken, wrong, nil), 401, unauthorizedText)
	if w := s.post(pathToken, s.credentials(), nil); w.Code != 200 {
		t.Error("another address is held up:", w.Code)
	}
}

type elsewhere struct{ http.Handler }

func (e elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.RemoteAddr = "[2001:db8::1]:4711"
	e.Handler.ServeHTTP(w, r)
}

func TestASecretInTheAddressIsRefusedAndNotLogged(t *testing.T) {
	s := open(t, Limits{})
	for _, address := range []string{
		"?app_secret=" + s.secret, "?x=1&app%5Fkey=" + s.secret, "?APP_SECRET=" + s.secret, "/app_secret=" + s.secret,
		";app_secret=" + s.secret,
	} {
		want(t, s.post(pathToken+address, s.credentials(), nil), 400, "secret_in_url")
	}
	if w := s.post(pathToken+"?x=app_secret", s.credentials(), nil); w.Code != 200 {
		t.Error("another query matters:", w.Code)
	}
	want(t, s.post(pathToken+"/"+s.secret, s.credentials(), nil), 404, "not_found")
	if strings.Contains(s.log.String(), s.secret) {
		t.Error("the secret is in the log")
	}
}

func TestApplyTokenTakesWhatItCanCarryAndSaysOneTextForEveryMissingChannel(t *testing.T) {
	s := open(t, Limits{})
	apply := func(changes ...string) string {
		f := map[string]string{"userId": `"u-1"`, "userName": `"李雷"`, "channelId": `"` + channelID + `"`, "locale": `"zh"`}
		for i := 0; i < len(changes); i += 2 {
			f[changes[i]] = changes[i+1]
		}
		var members []string
		for name, value := range f {
			if value != "" {
				members = append(members, `"`+name+`":`+value)
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	post := func(body string) string {
		w := s.post(pathMessages+"applyToken", body, s.bearer())
		if token := between(w, `"token":"`, `"`); token != "" {
			return strings.Replace(w.Body.String(), token, "T", 1)
		}
		return w.Body.String()
	}
	const applied, refused, nowhere = `{"resultCode":"0","token":"T"}`, `{"resultCode":"1","resultDesc":"the applyToken params is error."}`,
		`{"resultCode":"1","resultDesc":"the channelId is not available."}`
	for _, c := range []struct{ body, answer string }{
		{apply(), applied},
		{apply("userId", ""), refused},
		{apply("userId", `""`), refused},
		{apply("userId", long(33)), refused},
		{apply("userId", long(32)), applied},
		{apply("userId", `"a\u0001"`), refused},
		{apply("userId", `7`), refused},
		{apply("userName", ""), refused},
		{apply("userName", `""`), refused},
		{apply("userName", long(256)), refused},
		{apply("userName", long(255)), applied},
		{apply("userName", `"<b>bold</b>"`), applied},
		{apply("channelId", `"202608219999999999"`), nowhere},
		{apply("channelId", `"`+otherID+`"`), nowhere},
		{apply("channelId", `"`+offID+`"`), nowhere},
		{apply("channelId", `"x"`), nowhere},
		{apply("channelId", ""), nowhere},
		{apply("channelId", channelID), nowhere},
		{apply("locale", `"zh_CN"`), applied},
		{apply("locale", `"en-US"`), applied},
		{apply("locale", `"xx_YY_ZZ"`), refused},
		{apply("locale", `"../"`), refused},
		{`{"reqBody":` + apply() + `}`, applied},
		{`{"reqBody":` + apply("userId", "") + `,"userId":"u"}`, refused},
		{`{"reqBody":"x",` + apply()[1:], applied},
		{apply("exp", "9999999999", "role", `"admin"`, "createTime", "1"), applied},
	} {
		if got := post(c.body); got != c.answer {
			t.Errorf("%s: %s, want %s", c.body, got, c.answer)
		}
	}
	for body, code := range map[string]int{"{": 400, `{"a":1,"a":2}`: 400, `{"reqBody":{"a":1,"a":2}}`: 400, `{"a":"` + strings.Repeat("x", 70<<10) + `"}`: 413} {
		if w := s.post(pathMessages+"applyToken", body, s.bearer()); w.Code != code {
			t.Errorf("%.20s: %d", body, w.Code)
		}
	}
}
