package walls_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	tokenPath = "/apigovernance/api/oauth/tokenByAkSk"
	applyPath = "/apiaccess/ccmessaging/applyToken"
	leavePath = "/apiaccess/ccmessaging/doLeaveMessage"
)

// contraband is the text of what is left with one tenant's tokens for another.
const contraband = "smuggledwords"

// tokens are what an integrator's server got for a customer.
type tokens struct{ key, access, chat string }

// customers tries one tenant's credentials and tokens with those of another, in
// every mixture: none may be taken, and no refusal may tell why.
func (c *crawl) customers() {
	own := map[*tenant]tokens{}
	for _, tn := range c.tenants {
		own[tn] = c.apply(tn, tn.apps[0], tn.ids["channel"][0], true)
		c.letIn(tn, own[tn], true)
	}
	for _, a := range c.tenants {
		for _, b := range c.tenants {
			if a == b {
				continue
			}
			c.apply(a, credentials{a.apps[0].Key, b.apps[0].Secret}, a.ids["channel"][0], false)
			c.apply(a, a.apps[0], b.ids["channel"][0], false)
			mine, theirs := own[a], own[b]
			c.letIn(a, tokens{mine.key, mine.access, theirs.chat}, false)
			c.letIn(a, tokens{mine.key, theirs.access, mine.chat}, false)
			c.letIn(a, tokens{mine.key, theirs.access, theirs.chat}, false)
			c.letIn(a, tokens{theirs.key, mine.access, mine.chat}, false)
			c.letIn(a, tokens{theirs.key, mine.access, theirs.chat}, false)
		}
	}
}

// impostors show a secret of their own under the number of another tenant, as
// session and as API key.
func (c *crawl) impostors() {
	home, err := url.Parse(c.tenants[0].h.server.URL)
	must(c.tenants[0].h.t, err)
	for _, a := range c.tenants {
		for b := range c.tenants {
			if c.tenants[b] == a {
				continue
			}
			number := strconv.Itoa(b + 1)
			for _, cookie := range a.staff["admin"].client.Jar.Cookies(home) {
				_, secret, _ := strings.Cut(cookie.Value, ".")
				c.turnedAway(a, "/settings", "Cookie", "afterbeep="+number+"."+secret)
			}
			parts := strings.SplitN(a.keys["all"].key, "_", 4)
			parts[1] = number
			c.turnedAway(a, "/v1/threads", "Authorization", "Bearer "+strings.Join(parts, "_"))
		}
	}
}

func (c *crawl) turnedAway(tn *tenant, path string, header ...string) {
	v := tn.h.visitor("an impostor from " + tn.name)
	a := v.get(path, header...)
	c.look(audience{of: tn, name: v.name}, path+" "+strings.Join(header, " "), a.status, readable(a))
	if a.status != http.StatusSeeOther && a.status != http.StatusUnauthorized {
		c.wrong("an impostor's answer", "%s %s: %d", v.name, path, a.status)
	}
}

// call sends one call of the compatible surface, and looks at the answer.
func (c *crawl) call(tn *tenant, path string, body map[string]string, header ...string) (status int, said struct{ AccessToken, ResultCode, Token string }) {
	text, err := json.Marshal(body)
	must(tn.h.t, err)
	v := tn.h.visitor("a customer of " + tn.name)
	a, err := v.send(http.MethodPost, path, string(text), append([]string{"Content-Type", someJSON}, header...)...)
	must(tn.h.t, err)
	c.look(audience{of: tn, name: v.name}, path+" "+string(text)+" "+strings.Join(header, " "), a.status, readable(a))
	_ = json.Unmarshal(a.body, &said)
	return a.status, said
}

// apply asks for both tokens; well says whether it should get them.
func (c *crawl) apply(tn *tenant, app credentials, channel string, well bool) (t tokens) {
	t.key = app.Key
	_, said := c.call(tn, tokenPath, map[string]string{"app_key": app.Key, "app_secret": app.Secret})
	if t.access = said.AccessToken; t.access != "" {
		_, said = c.call(tn, applyPath, map[string]string{"userId": "u", "userName": "U", "channelId": channel, "locale": "zh_CN"},
			"X-App-Key", app.Key, "Authorization", "Bearer "+t.access)
		t.chat = said.Token
	}
	if (t.chat != "") != well {
		c.wrong("tokens that it should not", "a customer of %s got tokens: %v, want %v", tn.name, t.chat != "", well)
	}
	return t
}

func (c *crawl) letIn(tn *tenant, t tokens, well bool) {
	text := contraband
	if well {
		text = tn.word("text")
	}
	status, said := c.call(tn, leavePath, map[string]string{"callId": "c", "caller": callers[0], "leaveMessage": text, "channel": "WEB"},
		"X-App-Key", t.key, "Authorization", "Bearer "+t.access, "ccmessaging-token", t.chat)
	if (status == http.StatusOK && said.ResultCode == "0") != well {
		c.wrong("a message taken with another tenant's token", "a customer of %s: %d %s, want %v", tn.name, status, said.ResultCode, well)
	}
}

// smuggled looks for what nobody should have taken.
func (c *crawl) smuggled() {
	for _, tn := range c.tenants {
		a := tn.keys["all"].get("/v1/messages?text=" + contraband)
		var found struct{ Messages []json.RawMessage }
		must(tn.h.t, json.Unmarshal(a.body, &found))
		if a.status != http.StatusOK || len(found.Messages) > 0 {
			c.wrong("a smuggled message", "%s: %d %s", tn.name, a.status, short(a.body, 200))
		}
	}
}
