package browser

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// visitor is a browser without scripts.
type visitor struct {
	w *world
	c *http.Client
}

func (w *world) visitor(login string) visitor {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	v := visitor{w, &http.Client{Jar: jar}}
	if login != "" {
		u, err := url.Parse(w.url)
		w.must(err)
		jar.SetCookies(u, []*http.Cookie{{Name: people.SessionCookie, Value: w.session(login), Path: "/"}})
	}
	return v
}

func (v visitor) get(path string) (int, string) {
	status, text := v.w.get(v.c, path)
	return status, html.UnescapeString(text)
}

func (v visitor) post(path string, form url.Values) (int, string) {
	v.w.t.Helper()
	r, err := v.c.PostForm(v.w.url+path, form)
	v.w.must(err)
	status, text := body(v.w.t, r)
	return status, html.UnescapeString(text)
}

// expect posts a form and wants a status and a sentence.
func (v visitor) expect(path string, form url.Values, status int, say string) string {
	v.w.t.Helper()
	got, text := v.post(path, form)
	if got != status || !strings.Contains(text, say) {
		v.w.t.Errorf("%s %v: %d, want %d with %q", path, form, got, status, say)
	}
	return text
}

func find(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s is not on the page", pattern)
	}
	return m[1]
}

func TestAnAdministratorRunsThePlace(t *testing.T) {
	w := newWorld(t)
	admin := w.visitor("admin")
	// people
	text := admin.expect("/settings/people", url.Values{"name": {"Lin Yue"}, "login": {"Lin@Example.com"}, "role": {"agent"}, "locale": {"zh_CN"}, "channel": {wechat.String()}}, 201, "Hand this link on")
	link := find(t, text, `(/invite/[^<]+)<`)
	admin.expect("/settings/people", url.Values{"name": {"Lin Yue"}, "login": {"lin@example.com"}, "role": {"agent"}, "locale": {"en"}}, 409, "lin@example.com")
	admin.expect("/settings/people", url.Values{"name": {""}, "login": {"x"}, "role": {"agent"}, "locale": {"en"}}, 422, "A name has 1 to 64")
	lin := w.visitor("")
	if status, text := lin.get(link); status != 200 || !strings.Contains(text, "Lin Yue") {
		t.Fatalf("the invitation: %d", status)
	}
	lin.expect(link, url.Values{"password": {"short"}}, 422, "password")
	if status, text := lin.post(link, url.Values{"password": {secretOf("lin")}}); status != 200 || !strings.Contains(text, "待领取") {
		t.Fatalf("accepted: %d", status)
	}
	if status, _ := w.visitor("").get(link); status != 404 {
		t.Errorf("the link serves twice: %d", status)
	}
	made, err := w.Store.Person(t.Context(), 1, desk.Whom{Login: "lin@example.com"})
	w.must(err)
	one := "/settings/people/" + made.ID.String()
	admin.expect(one, url.Values{"name": {"Lin Y."}, "login": {made.Login}, "role": {"supervisor"}, "locale": {"zh_CN"}}, 200, "Saved.")
	admin.expect(one+"/reset", url.Values{}, 200, "/invite/")
	admin.expect(one+"/disable", url.Values{}, 200, "disabled")
	if status, text := lin.get("/"); status != 200 || !strings.Contains(text, `name="password"`) {
		t.Errorf("disabled, and still in: %d", status)
	}
	admin.expect("/settings/people/"+w.people["admin"].ID.String()+"/disable", url.Values{}, 409, "only administrator")
	w.runsChannelsAndKeys(admin)
	found, err := w.Store.Deeds(t.Context(), 1, desk.DeedQuery{Limit: 100})
	w.must(err)
	done := map[string]int{}
	for _, d := range found {
		done[d.Action]++
	}
	for _, action := range []string{desk.PersonCreated, desk.PersonChanged, desk.PersonReset, desk.PersonDisabled, desk.KeyCreated, desk.KeyDisabled, "channel.created", "channel.changed", "app.created", "app.rotated", "app.disabled"} {
		if done[action] == 0 {
			t.Errorf("%s is not in the audit log", action)
		}
	}
}

func (w *world) runsChannelsAndKeys(admin visitor) {
	t := w.t
	t.Helper()
	channel := url.Values{"name": {"Shop"}, "locale": {"en_GB"}, "region": {"gb"}, "limit": {"2000"}, "allocation": {"auto"}, "target": {"45"}, "origins": {"https://a.example\nhttps://b.example"}}
	text := admin.expect("/settings/channels", channel, 200, "Saved.")
	id := find(t, text, `/settings/channels/(\d{18})"`)
	all, err := w.Store.Channels(t.Context(), 1)
	w.must(err)
	for _, c := range all {
		if c.ID.String() == id && (c.Region != "GB" || c.Allocation != desk.AllocAuto || c.Target != 45*time.Minute || len(c.Origins) != 2) {
			t.Errorf("the channel is %+v", c)
		}
	}
	admin.expect("/settings/channels", channel, 409, "Shop")
	channel.Set("limit", "3")
	admin.expect("/settings/channels/"+id, channel, 422, "1,500")
	channel.Set("limit", "3000")
	admin.expect("/settings/channels/"+id, channel, 200, "Saved.")

	text = admin.expect("/settings/apps", url.Values{"name": {"Shop"}}, 201, "not shown again")
	secret := find(t, text, `Secret <code class="secret">([0-9a-f]{64})`)
	if _, page := admin.get("/settings/apps"); strings.Contains(page, secret) {
		t.Error("the secret is shown again")
	}
	admin.expect("/settings/apps/rotate", url.Values{"name": {"Shop"}}, 200, "opens until")
	admin.expect("/settings/apps/disable", url.Values{"name": {"Shop"}}, 200, "disabled")
	text = admin.expect("/settings/keys", url.Values{"name": {"crm"}, "scope": {"threads.see", "messages.write"}}, 201, "not shown again")
	key := find(t, text, `Secret <code class="secret">([^<]+)<`)
	if a, err := w.Keys().Check(t.Context(), key, ""); err != nil || !a.May(desk.MessagesWrite) {
		t.Errorf("the key: %v", err)
	}
	admin.expect("/settings/keys", url.Values{"name": {"bad"}, "scope": {"everything"}}, 422, "scope")
	admin.expect("/settings/keys/disable", url.Values{"id": {"1"}}, 200, "disabled")
}

func TestOnesOwnAccountIsOnesOwn(t *testing.T) {
	w := newWorld(t)
	anna, other := w.visitor("anna"), w.visitor("anna")
	anna.expect("/settings/password", url.Values{"old": {"wrong"}, "new": {"another few odd socks"}}, 422, "not your password")
	anna.expect("/settings/password", url.Values{"old": {secretOf("anna")}, "new": {"another few odd socks"}}, 200, "Saved.")
	if _, text := other.get("/settings"); !strings.Contains(text, `name="password"`) || strings.Contains(text, "Recovery") {
		t.Error("the other browser is still signed in")
	}
	text := anna.expect("/settings/second", nil, 200, "data:image/png;base64,")
	ticket, secret := find(t, text, `name="ticket" value="([^"]+)"`), find(t, text, `name="secret" value="([^"]+)"`)
	anna.expect("/settings/second/on", url.Values{"ticket": {ticket}, "secret": {secret}, "code": {"000000"}}, 401, "This code is not right")
	code, err := totp.GenerateCode(secret, time.Now())
	w.must(err)
	text = anna.expect("/settings/second/on", url.Values{"ticket": {ticket}, "secret": {secret}, "code": {code}}, 200, "Keep these recovery codes")
	recovery := find(t, text, `<ul class="recovery"><li>([^<]+)<`)

	again := w.visitor("")
	text = again.expect("/sign-in", url.Values{"login": {"anna"}, "password": {"another few odd socks"}, "next": {"/settings"}}, 200, "Your second factor")
	ticket = find(t, text, `name="ticket" value="([^"]+)"`)
	again.expect("/sign-in/code", url.Values{"ticket": {ticket}, "code": {"123456"}, "next": {"/settings"}}, 401, "This code is not right")
	again.expect("/sign-in/code", url.Values{"ticket": {ticket}, "code": {recovery}, "next": {"/settings"}}, 200, "9 recovery codes are left")
	id := find(t, anna.expect("/settings/language", url.Values{"locale": {"zh_CN"}}, 200, "已保存"), `name="id" value="([0-9a-f]{64})"`)
	anna.expect("/settings/sessions/end", url.Values{"id": {id}}, 200, "已保存")
	if _, text := again.get("/settings"); !strings.Contains(text, `name="password"`) {
		t.Error("the ended session lives")
	}
	anna.expect("/settings/second/off", url.Values{"password": {"another few odd socks"}}, 200, "已保存")
}

func TestTheFirstAccountIsMadeBehindAOneTimeLink(t *testing.T) {
	w := newWorld(t)
	second, err := w.Store.AddTenant(t.Context(), "second")
	w.must(err)
	token, err := w.staff.SetUp(t.Context(), second.ID)
	w.must(err)
	v := w.visitor("")
	if status, text := v.get("/set-up/" + token + "?lang=en"); status != 200 || !strings.Contains(text, "Make the first account") {
		t.Fatal(status)
	}
	v.expect("/set-up/"+token+"?lang=en", url.Values{"name": {"Root"}, "login": {"root"}, "password": {secretOf("root")}}, 200, "Nobody has left a message yet")
	if _, text := v.get("/settings/people"); !strings.Contains(text, "Administrator") || strings.Contains(text, "Anna Keller") {
		t.Error("the first account is not this tenant's administrator")
	}
	w.visitor("").expect("/sign-in", url.Values{"login": {"root"}, "password": {secretOf("root")}}, 401, "is not right")
	w.visitor("").expect("/sign-in", url.Values{"login": {"root"}, "password": {secretOf("root")}, "desk": {"second"}}, 200, "Nobody has left a message yet")
	w.visitor("").expect("/sign-in", url.Values{"login": {"root"}, "password": {secretOf("root")}, "desk": {"third"}}, 401, "is not right")
}
