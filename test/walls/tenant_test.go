package walls_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// fields are the texts of a tenant that hold a canary of their own.
var fields = []string{
	"text", "username", "userid", "callid", "caller", "note", "callnote", "reason",
	"person", "login", "channel", "origin", "app", "apikey", "agent", "hiddentext", "hiddennote", "filter",
}

// callers are the same for all tenants, and so are logins, the names of what has
// no canary, and the numbers of people, keys, events and deeds.
var callers = []string{"13812340001", "13812340002", "+442079460003", "13812340004", "13812340005"}

// tenant is one of several that look alike but for their canaries.
type tenant struct {
	h    *house
	name string
	mark string // begins each canary; nobody else ever types it
	find string // a word beside the canaries, which everybody searches for
	ids  map[string][]string

	staff  map[string]*visitor // by login
	keys   map[string]*visitor // by what they may; "all" may everything
	apps   []credentials
	secret []string // what nobody else may read, and is no text: keys, cookies
}

type credentials struct {
	Key    string `json:"app_key"`
	Secret string `json:"app_secret"`
}

// word is the canary of a field.
func (tn *tenant) word(field string) string { return tn.mark + field }

func letters(chance *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "bcdfghjklmnpqrstvwxz"[chance.IntN(20)] // no word of any language
	}
	return string(b)
}

// settle furnishes a tenant: people of every role, channels, apps, keys, and
// messages with whose threads everything was done that can be done.
func (h *house) settle(name string, chance *rand.Rand) *tenant {
	h.t.Helper()
	tn := &tenant{
		h: h, name: name, mark: letters(chance, 10), find: letters(chance, 8),
		ids: map[string][]string{}, staff: map[string]*visitor{}, keys: map[string]*visitor{},
	}
	if name != "default" {
		h.command("", "tenant", "create", "--name", name)
	}
	type person struct{ ID, Link string }
	admin := made[person](h, name, "user", "create", "--login", "admin", "--name", "Ada "+tn.word("person"), "--role", "administrator")
	tn.ids["person"] = []string{admin.ID}
	tn.enter("admin", admin.Link)
	tn.hire("all", "Everything "+tn.word("apikey"), scopes()...)
	for _, one := range scopes() {
		tn.hire(one, one, one)
	}
	tn.furnish()
	tn.work()
	return tn
}

func scopes() (all []string) {
	for _, p := range desk.Permissions() {
		all = append(all, string(p))
	}
	return all
}

// enter lets somebody in behind her link.
func (tn *tenant) enter(login, link string) {
	tn.h.t.Helper()
	v := tn.h.visitor(login + " of " + tn.name)
	v.accept(link)
	// Once more, by password: her browser's own words are a canary as well.
	a := v.post("/sign-in", url.Values{"login": {login}, "password": {password}, "desk": {tn.name}}, "User-Agent", "Browser "+tn.word("agent"))
	if a.status != http.StatusSeeOther {
		tn.h.t.Fatalf("%s cannot sign in: %d %s", v.name, a.status, a.body)
	}
	home, err := url.Parse(tn.h.server.URL)
	must(tn.h.t, err)
	for _, c := range v.client.Jar.Cookies(home) {
		_, value, _ := strings.Cut(c.Value, ".")
		tn.secret = append(tn.secret, value)
	}
	tn.staff[login] = v
}

var keyText = regexp.MustCompile(`abk_\d+_\d+_[A-Za-z0-9_-]{43}`)

// hire makes an API key on its page.
func (tn *tenant) hire(as, name string, scope ...string) {
	tn.h.t.Helper()
	a := tn.staff["admin"].post("/settings/keys", url.Values{"name": {name}, "scope": scope})
	text := keyText.FindString(string(a.body))
	if a.status != http.StatusCreated || text == "" {
		tn.h.t.Fatalf("no API key %s: %d %s", name, a.status, a.body)
	}
	tn.secret = append(tn.secret, text)
	tn.keys[as] = tn.h.program("a key of "+tn.name+" for "+as, text)
}

// furnish makes channels, apps and the others.
func (tn *tenant) furnish() {
	tn.h.t.Helper()
	all := tn.keys["all"]
	for _, c := range []map[string]any{
		{"name": "Website", "target_minutes": 60},
		{"name": "Hidden " + tn.word("channel"), "origins": []string{"https://" + tn.word("origin") + ".example"}},
	} {
		tn.ids["channel"] = append(tn.ids["channel"], call[struct{ ID string }](all, "POST", "/v1/channels", c).ID)
	}
	for _, name := range []string{"Website", "App " + tn.word("app")} {
		app := call[credentials](all, "POST", "/v1/apps", map[string]any{"name": name})
		tn.apps = append(tn.apps, app)
		tn.ids["app"] = append(tn.ids["app"], app.Key)
		tn.secret = append(tn.secret, app.Secret)
	}
	for _, p := range []struct{ login, role string }{
		{"agent", "agent"}, {"limited", "agent"}, {"supervisor", "supervisor"}, {"auditor", "auditor"}, {tn.word("login") + "@example.com", "agent"},
	} {
		body := map[string]any{"login": p.login, "name": p.role + " " + tn.word("person"), "role": p.role}
		if p.login == "limited" {
			body["channels"] = tn.ids["channel"][:1]
		}
		got := call[struct{ ID, Link string }](all, "POST", "/v1/people", body)
		tn.ids["person"] = append(tn.ids["person"], got.ID)
		if !strings.Contains(p.login, "@") {
			tn.enter(p.login, got.Link)
		}
	}
}

// leave leaves a message, and says which.
func (tn *tenant) leave(channel int, caller, text string) (id, reference string) {
	tn.h.t.Helper()
	body, err := json.Marshal(map[string]any{
		"caller": caller, "text": text, "call_id": tn.word("callid"), "user_id": tn.word("userid"), "user_name": tn.word("username") + " Li", "locale": "en_GB",
	})
	must(tn.h.t, err)
	var a answer
	soon(tn.h.t, "the server has heard of the channel", func() bool {
		a, err = tn.keys["all"].send("POST", "/v1/channels/"+tn.ids["channel"][channel]+"/messages", string(body),
			"Content-Type", someJSON, "Idempotency-Key", fmt.Sprintf("order-%d", len(tn.ids["message"]))) // the same in all tenants
		must(tn.h.t, err)
		return a.status != http.StatusNotFound
	})
	var got struct{ ID, Reference string }
	if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusCreated {
		tn.h.t.Fatalf("%s cannot leave a message: %d %s", tn.name, a.status, a.body)
	}
	return got.ID, got.Reference
}

// thread waits until a message has one.
func (tn *tenant) thread(message string) (id string) {
	tn.h.t.Helper()
	soon(tn.h.t, "the message is sorted", func() bool {
		id = call[struct{ Thread string }](tn.keys["all"], "GET", "/v1/messages/"+message, nil).Thread
		return id != ""
	})
	return id
}

// work leaves messages and does with their threads what can be done.
func (tn *tenant) work() {
	tn.h.t.Helper()
	var threads []string
	leave := func(channel int, caller, text string) {
		id, reference := tn.leave(channel, caller, text)
		tn.ids["message"], tn.ids["reference"] = append(tn.ids["message"], id), append(tn.ids["reference"], reference)
	}
	for i, caller := range callers {
		leave(0, caller, fmt.Sprintf("%s %s %d: please call back. 请回电", tn.word("text"), tn.find, i))
	}
	leave(0, tn.word("caller"), tn.find+" a caller who is no number")
	leave(1, callers[0], tn.word("hiddentext")+" "+tn.find)
	for _, id := range tn.ids["message"] {
		threads = append(threads, tn.thread(id))
	}
	tn.ids["thread"] = threads
	agent := tn.staff["agent"]
	do := func(who *visitor, thread int, act string, form url.Values) {
		tn.h.t.Helper()
		if a := who.post("/thread/"+threads[thread]+"/"+act, form); a.status != http.StatusSeeOther {
			tn.h.t.Fatalf("%s %s: %d %s", who.name, act, a.status, a.body)
		}
	}
	do(agent, 0, "claim", nil)
	do(agent, 0, "note", url.Values{"text": {tn.word("note") + " " + tn.find}})
	do(agent, 1, "call", url.Values{"outcome": {"no_answer"}, "text": {tn.word("callnote")}})
	do(agent, 2, "snooze", url.Values{"until": {"3h"}})
	do(agent, 3, "close", url.Values{"text": {tn.word("reason")}})
	do(tn.staff["supervisor"], 4, "assign", url.Values{"to": {tn.ids["person"][1]}})
	do(agent, 5, "reveal", nil)
	do(agent, 6, "note", url.Values{"text": {tn.word("hiddennote")}})
	if a := tn.staff["supervisor"].post("/filters", url.Values{"name": {tn.word("filter")}, "shared": {"1"}, "view": {"view=all&outcome=reached"}}); a.status != http.StatusSeeOther {
		tn.h.t.Fatalf("a filter is not kept: %d %s", a.status, a.body)
	}
	leave(0, callers[0], tn.find+" again, to the same thread")
	leave(0, callers[3], tn.word("text")+" again, after it was closed")
	tn.ids["thread"] = append(tn.ids["thread"], tn.thread(tn.ids["message"][len(tn.ids["message"])-1]))
}

// hum goes on working until it is told to stop, so that streams have something
// to tell and lists to move. What two do at once may be refused.
func (tn *tenant) hum(stop <-chan struct{}) error {
	agent, beat := tn.staff["agent"], time.NewTicker(200*time.Millisecond)
	defer beat.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		case <-beat.C:
		}
		message := fmt.Sprintf(`{"caller":%q,"text":"%s %d"}`, callers[n%len(callers)], tn.word([]string{"text", "hiddentext"}[n%4/3]), n)
		if _, err := tn.keys["all"].send("POST", "/v1/channels/"+tn.ids["channel"][n%4/3]+"/messages", message, "Content-Type", someJSON); err != nil {
			return err
		}
		act, thread := []string{"claim", "note", "release", "snooze"}[n%4], tn.ids["thread"][n%len(tn.ids["thread"])]
		form := url.Values{"text": {tn.word("note")}, "until": {"1h"}}
		if _, err := agent.send("POST", "/thread/"+thread+"/"+act, form.Encode(), "Content-Type", aForm); err != nil {
			return err
		}
	}
}
