package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/api"
	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
)

// ruling is what was decided about a route.
type ruling struct {
	may  desk.Permission
	also desk.Permission // the domain asks for that as well
	// What a key of another tenant gets with this tenant's objects: 404, or its own
	// and nothing of this one (200, 201).
	other int
	body  string
}

// rulings has a row for every route. A new route begins here.
var rulings = map[string]ruling{
	"GET /v1/messages":                      {desk.ThreadsSee, "", 200, ""},
	"GET /v1/messages/{message}":            {desk.ThreadsSee, "", 404, ""},
	"POST /v1/channels/{channel}/messages":  {desk.MessagesWrite, "", 404, `{"caller":"1","text":"x"}`},
	"GET /v1/exports/messages":              {desk.Exporting, "", 200, ""},
	"GET /v1/exports/threads":               {desk.Exporting, desk.ThreadsSee, 200, ""},
	"GET /v1/exports/calls":                 {desk.Exporting, desk.ThreadsSee, 200, ""},
	"GET /v1/exports/notes":                 {desk.Exporting, desk.ThreadsSee, 200, ""},
	"GET /v1/calls":                         {desk.ThreadsSee, "", 200, ""},
	"GET /v1/notes":                         {desk.ThreadsSee, "", 200, ""},
	"GET /v1/threads/{thread}/calls":        {desk.ThreadsSee, "", 404, ""},
	"GET /v1/threads/{thread}/notes":        {desk.ThreadsSee, "", 404, ""},
	"GET /v1/threads":                       {desk.ThreadsSee, "", 200, ""},
	"GET /v1/threads/counts":                {desk.ThreadsSee, "", 200, ""},
	"GET /v1/threads/{thread}":              {desk.ThreadsSee, "", 404, ""},
	"POST /v1/threads/{thread}/claim":       {desk.ThreadsHandle, "", 422, ""}, // a key is nobody: whatever the thread, see below
	"POST /v1/threads/{thread}/release":     {desk.ThreadsHandle, "", 404, ""},
	"POST /v1/threads/{thread}/assign":      {desk.ThreadsAssign, desk.ThreadsHandle, 404, `{"to":"0"}`},
	"POST /v1/threads/{thread}/call":        {desk.ThreadsHandle, "", 404, `{"outcome":"reached"}`},
	"POST /v1/threads/{thread}/snooze":      {desk.ThreadsHandle, "", 404, `{"until":"{tomorrow}"}`},
	"POST /v1/threads/{thread}/close":       {desk.ThreadsHandle, "", 404, `{}`},
	"POST /v1/threads/{thread}/reopen":      {desk.ThreadsHandle, "", 404, ""},
	"POST /v1/threads/{thread}/undo":        {desk.ThreadsHandle, "", 404, ""},
	"POST /v1/threads/{thread}/notes":       {desk.ThreadsHandle, "", 404, `{"note":"x"}`},
	"GET /v1/events":                        {desk.ThreadsSee, "", 200, ""},
	"GET /v1/events/stream":                 {desk.ThreadsSee, "", 200, ""},
	"GET /v1/people":                        {desk.PeopleManage, "", 200, ""},
	"GET /v1/people/{person}":               {desk.PeopleManage, "", 404, ""},
	"POST /v1/people":                       {desk.PeopleManage, "", 201, `{"login":"{fresh}","name":"N","role":"agent"}`},
	"PATCH /v1/people/{person}":             {desk.PeopleManage, "", 404, `{"name":"N"}`},
	"POST /v1/people/{person}/disable":      {desk.PeopleManage, "", 404, ""},
	"POST /v1/people/{person}/enable":       {desk.PeopleManage, "", 404, ""},
	"POST /v1/people/{person}/reset":        {desk.PeopleManage, "", 404, `{}`},
	"POST /v1/people/{person}/sessions/end": {desk.PeopleManage, "", 404, ""},
	"GET /v1/keys":                          {desk.KeysManage, "", 200, ""},
	"POST /v1/keys":                         {desk.KeysManage, "", 201, `{"name":"{fresh}","scopes":["keys.manage"]}`},
	"POST /v1/keys/{key}/disable":           {desk.KeysManage, "", 404, ""},
	"POST /v1/keys/{key}/enable":            {desk.KeysManage, "", 404, ""},
	"GET /v1/audit":                         {desk.AuditRead, "", 200, ""},
	"GET /v1/channels":                      {desk.ThreadsSee, "", 200, ""},
	"GET /v1/channels/{channel}":            {desk.ThreadsSee, "", 404, ""},
	"POST /v1/channels":                     {desk.ChannelsManage, "", 201, `{"name":"{fresh}"}`},
	"PATCH /v1/channels/{channel}":          {desk.ChannelsManage, "", 404, `{}`},
	"GET /v1/apps":                          {desk.AppsManage, "", 200, ""},
	"POST /v1/apps":                         {desk.AppsManage, "", 201, `{"name":"{fresh}"}`},
	"POST /v1/apps/{app}/rotate":            {desk.AppsManage, "", 404, `{"grace_minutes":5}`},
	"POST /v1/apps/{app}/disable":           {desk.AppsManage, "", 404, ""},
	"POST /v1/apps/{app}/enable":            {desk.AppsManage, "", 404, ""},
}

// method: a stream has no end, and its head is decided alike.
func method(r openapi.Route) string {
	if r.Path == "/v1/events/stream" {
		return http.MethodHead
	}
	return r.Method
}

func TestEveryRouteIsDecidedForEveryScopeAndTenant(t *testing.T) {
	w := newWorld(t)
	surface, err := api.New(api.Parts{Now: time.Now})
	must(t, err)
	keys := map[desk.Permission]string{}
	for _, p := range desk.Permissions() {
		keys[p] = w.key(1, p)
	}
	others := w.key(w.tenants[1].ID, desk.Permissions()...)
	message, thread, _ := w.left("SECRET WORDS")
	w.person(1) // the other tenant's first person has another number than this one
	for path, body := range map[string]string{"call": `{"outcome":"busy","note":"SECRET CALL"}`, "notes": `{"note":"SECRET NOTE"}`} {
		if got := w.ask(w.all, "POST", "/v1/threads/"+thread+"/"+path, body); got.status >= 300 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	things := []string{
		"{message}", message, "{thread}", thread, "{channel}", w.channel.String(), "{person}", w.person(1), "{app}", w.newApp(1), "{key}", w.newKey(1),
		"{tomorrow}", time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}
	seen := map[string]bool{}
	for _, r := range surface.Routes() {
		name := r.Method + " " + r.Path
		row, ok := rulings[name]
		if !ok || r.May != row.may {
			t.Errorf("%s takes %s; nobody decided that", name, r.May)
			continue
		}
		seen[name] = true
		fill := func(fresh string) (path, body string) {
			all := strings.NewReplacer(append(slices.Clone(things), "{fresh}", fresh)...)
			return all.Replace(r.Path), all.Replace(row.body)
		}
		path, body := fill("f" + w.person(1))
		for what, got := range map[string]*reply{
			"no key":            w.ask("", method(r), path, body),
			"a session":         w.ask("", method(r), path, body, "Cookie", "__Host-afterbeep=abc; afterbeep=abc"),
			"a key of nobody's": w.ask("abk_1_99_"+strings.Repeat("A", 43), method(r), path, body),
			"no bearer":         w.ask("", method(r), path, body, "Authorization", "Basic "+w.all),
		} {
			if got.status != 401 || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s with %s: %d", name, what, got.status)
			}
		}
		for scope, key := range keys {
			if scope == row.may && row.also == "" {
				continue
			}
			if got := w.ask(key, method(r), path, body); got.status != 403 {
				t.Errorf("%s with %s alone: %d %s", name, scope, got.status, got.body)
			}
		}
		enough := keys[row.may]
		if row.also != "" {
			enough = w.key(1, row.may, row.also)
		}
		if got := w.ask(enough, method(r), path, body); got.status == 401 || got.status == 403 || got.status >= 500 {
			t.Errorf("%s with %s: %d %s", name, row.may, got.status, got.body)
		}
		path, body = fill("g" + w.person(1))
		got := w.ask(others, method(r), path, body)
		if got.status != row.other {
			t.Errorf("%s of another tenant: %d, want %d: %s", name, got.status, row.other, got.body)
		}
		for i := 1; i < len(things); i += 2 {
			// Every tenant counts its people, keys and rows of the audit log from 1.
			counted := len(things[i]) < 4 && (row.other == 201 || name == "GET /v1/audit")
			if strings.Contains(string(got.body), `"`+things[i]+`"`) && !counted || strings.Contains(string(got.body), "SECRET") {
				t.Errorf("%s shows another tenant's %s: %s", name, things[i-1], got.body)
			}
		}
	}
	for name := range rulings {
		if !seen[name] {
			t.Errorf("%s is decided, but there is no such route", name)
		}
	}
}

func TestAnotherTenantsThingsInBodiesAndQueriesAreNotThere(t *testing.T) {
	w := newWorld(t)
	others := w.key(2, desk.Permissions()...)
	ours := w.person(1)
	must(t, w.app.Store.AddChannel(t.Context(), desk.Channel{Tenant: 2, ID: 202611230000000002, Name: "Theirs", Locale: "en", Region: "GB", TextLimit: 4000}))
	_, thread, _ := w.left("x")
	w.person(1)
	foreign := w.person(1) // a number that tenant 2 has not reached
	for _, c := range []struct {
		key, method, path, body string
		want                    int
	}{
		{others, "GET", "/v1/messages?channel=" + w.channel.String(), "", 404},
		{others, "GET", "/v1/threads?channel=" + w.channel.String(), "", 404},
		{others, "GET", "/v1/exports/messages?channel=" + w.channel.String(), "", 404},
		{others, "POST", "/v1/people", `{"login":"a","name":"A","role":"agent","channels":["` + w.channel.String() + `"]}`, 404},
		{w.all, "POST", "/v1/people", `{"login":"a","name":"A","role":"agent","channels":["202611230000000002"]}`, 404},
		{w.all, "PATCH", "/v1/people/" + ours, `{"channels":["202611230000000002"]}`, 404},
		{w.all, "POST", "/v1/threads/" + thread + "/assign", `{"to":"999"}`, 422},
	} {
		if got := w.ask(c.key, c.method, c.path, c.body); got.status != c.want {
			t.Errorf("%s %s %s: %d, want %d", c.method, c.path, c.body, got.status, c.want)
		}
	}
	if got := w.ask(others, "GET", "/v1/people/"+foreign, ""); got.status != 404 {
		t.Errorf("%d", got.status)
	}
	if got := w.ask(w.all, "POST", "/v1/threads/"+thread+"/claim", "", "For-Person", "999"); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.ask(others, "POST", "/v1/threads/"+thread+"/claim", "", "For-Person", w.person(2)); got.status != 404 || got.code() != "thread" {
		t.Errorf("%d %s", got.status, got.body)
	}
	by := app.Operator(1)
	all, err := w.app.Keys().List(t.Context(), &by)
	must(t, err)
	if _, err := w.app.Keys().Disable(t.Context(), &by, all[len(all)-1].ID, true); err != nil {
		t.Fatal(err)
	}
	// The server believes a key for a second.
	w.until(func() bool { return w.ask(w.all, "GET", "/v1/apps", "").status == 401 })
}
