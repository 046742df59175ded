package browser

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/ui"
)

// Who may do something, by login.
const (
	everybody = "anna sofia admin audit"
	handlers  = "anna sofia admin"
	assigners = "sofia admin"
	admins    = "admin"
	auditors  = "admin audit"
	strangers = "" // there is no need to sign in
)

// none: there is nothing of another tenant's that the route could be asked for.
const none = 0

// ruling is what was decided about a route: who may, what they get with
// something of their own, and what with another tenant's.
type ruling struct {
	who        string
	own, other int
	form       string
}

// rulings has a row for every page and act. A new route begins here. In paths
// and forms, {id} and the like stand for something fresh, of one's own tenant or
// of another.
var rulings = map[string]ruling{
	"GET /sign-in":           {strangers, 200, none, ""},
	"POST /sign-in":          {strangers, 401, none, "login={login}&password=wrong"},
	"POST /sign-in/code":     {strangers, 401, none, "ticket=1.x&code=123456"},
	"GET /sign-in/elsewhere": {strangers, 404, none, ""}, // nobody else signs people in here
	"GET /sign-in/back":      {strangers, 404, none, ""},
	"GET /set-up/{secret}":   {strangers, 404, none, ""},
	"POST /set-up/{secret}":  {strangers, 404, none, "name=X&login=x&password=four+odd+socks+of+x"},
	"GET /invite/{secret}":   {strangers, 404, none, ""},
	"POST /invite/{secret}":  {strangers, 404, none, "password=four+odd+socks+of+x"},

	"GET /{$}":               {everybody, 200, none, ""},
	"GET /search":            {everybody, 200, none, ""},
	"GET /thread/{id}":       {everybody, 200, 404, ""},
	"GET /thread/{id}/print": {everybody, 200, 404, ""},
	"GET /events":            {everybody, 200, none, ""},
	"GET /keys":              {everybody, 200, none, ""},

	"POST /filters":             {everybody, 303, none, "name={fresh}&view=view%3Dall%26outcome%3Dreached"},
	"POST /filters/{id}":        {everybody, 303, 404, "name={fresh}"},
	"POST /filters/{id}/remove": {everybody, 303, 404, ""},

	"POST /thread/{id}/claim":   {handlers, 303, 404, ""},
	"POST /thread/{id}/keep":    {handlers, 409, 404, ""}, // what she has not claimed
	"POST /thread/{id}/release": {handlers, 303, 404, ""}, // nobody's already
	"POST /thread/{id}/assign":  {assigners, 303, 404, "to={me}"},
	"POST /thread/{id}/call":    {handlers, 303, 404, "outcome=no_answer"},
	"POST /thread/{id}/note":    {handlers, 303, 404, "text=x"},
	"POST /thread/{id}/snooze":  {handlers, 303, 404, "until=1h"},
	"POST /thread/{id}/close":   {handlers, 303, 404, ""},
	"POST /thread/{id}/reopen":  {handlers, 303, 404, ""},
	"POST /thread/{id}/undo":    {handlers, 409, 404, ""}, // there is nothing yet
	"POST /thread/{id}/reveal":  {handlers, 303, 404, ""},

	"POST /sign-out":              {everybody, 303, none, ""},
	"GET /settings":               {everybody, 200, none, ""},
	"POST /settings/language":     {everybody, 303, none, "locale=en"},
	"POST /settings/password":     {everybody, 422, none, "old=wrong&new=another+few+odd+socks"},
	"POST /settings/second":       {everybody, 200, none, ""},
	"POST /settings/second/on":    {everybody, 401, none, "ticket=1.x&secret=x&code=123456"},
	"POST /settings/second/off":   {everybody, 422, none, "password=wrong"},
	"POST /settings/sessions/end": {everybody, 303, 404, "id={session}"},

	"GET /settings/people":                   {admins, 200, none, ""},
	"POST /settings/people":                  {admins, 201, 404, "name=N&login={fresh}&role=agent&locale=en&channel={channel}"},
	"GET /settings/people/{person}":          {admins, 200, 404, ""},
	"POST /settings/people/{person}":         {admins, 303, 404, "name=N&login={fresh}&role=agent&locale=en"},
	"POST /settings/people/{person}/reset":   {admins, 200, 404, ""},
	"POST /settings/people/{person}/disable": {admins, 303, 404, ""},
	"POST /settings/people/{person}/enable":  {admins, 303, 404, ""},
	"GET /settings/channels":                 {admins, 200, none, ""},
	"POST /settings/channels":                {admins, 303, none, "name={fresh}&locale=en&region=GB&limit=4000"},
	"GET /settings/channels/{channel}":       {admins, 200, 404, ""},
	"POST /settings/channels/{channel}":      {admins, 303, 404, "locale=en&region=GB&limit=4000"},
	"GET /settings/apps":                     {admins, 200, none, ""},
	"POST /settings/apps":                    {admins, 201, none, "name={fresh}"},
	"POST /settings/apps/rotate":             {admins, 200, 404, "name={app}"},
	"POST /settings/apps/disable":            {admins, 303, 404, "name={app}"},
	"POST /settings/apps/enable":             {admins, 303, 404, "name={app}"},
	"GET /settings/keys":                     {admins, 200, none, ""},
	"POST /settings/keys":                    {admins, 201, none, "name={fresh}&scope=threads.see"},
	"POST /settings/keys/disable":            {admins, 303, 404, "id={key}"},
	"POST /settings/keys/enable":             {admins, 303, 404, "id={key}"},
	"GET /settings/audit":                    {auditors, 200, none, ""},
}

// estate is one tenant's things.
type estate struct {
	w       *world
	tenant  desk.TenantID
	channel desk.ChannelID
	letters string // the key with which messages are left; "" is the one of the world
	n       int
	kept    map[string]string // what nobody changes can be asked for again
}

func TestEveryRouteIsDecidedForEveryRoleAndTenant(t *testing.T) {
	w := newWorld(t)
	ours, theirs := &estate{w: w, tenant: 1, channel: website}, w.others()
	seen := map[string]bool{}
	clients := map[string]visitor{}
	for _, login := range strings.Fields(everybody) {
		clients[login] = w.caller(login)
	}
	routes := ui.Routes()
	slices.SortStableFunc(routes, func(a, b ui.Route) int { return strings.Compare(last(a), last(b)) })
	for _, r := range routes {
		name := r.Method + " " + r.Path
		row, ok := rulings[name]
		if !ok || r.Open != (row.who == strangers) {
			t.Errorf("%s: nobody decided who may", name)
			continue
		}
		seen[name] = true
		want := 303 // to sign in
		if r.Open {
			want = row.own
		} else if r.Path == "/events" {
			want = 401
		}
		ours.expect(w.caller(""), "", r, row, want)
		for login, v := range clients {
			switch may := r.Open || slices.Contains(strings.Fields(row.who), login); {
			case !may:
				ours.expect(v, login, r, row, 403)
				theirs.expect(v, login, r, row, 403)
			case row.other != none:
				theirs.expect(v, login, r, row, row.other)
				fallthrough
			default:
				ours.expect(v, login, r, row, row.own)
			}
		}
	}
	for name := range rulings {
		if !seen[name] {
			t.Errorf("%s is decided, but there is no such route", name)
		}
	}
}

// last is what ends the session that the others need.
func last(r ui.Route) string { return map[bool]string{true: "z"}[r.Path == "/sign-out"] }

// caller is a visitor who goes nowhere by herself.
func (w *world) caller(login string) visitor {
	w.t.Helper()
	v := w.visitor(login)
	v.c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return v
}

// canary is in every text of the other tenant.
const canary = "zqxjkvbw"

// others is a second tenant, whose people and keys have numbers that the first
// has not come to.
func (w *world) others() *estate {
	w.t.Helper()
	second, err := w.Store.AddTenant(w.t.Context(), "second")
	w.must(err)
	e := &estate{w: w, tenant: second.ID, channel: 202611230000000099, kept: map[string]string{}}
	w.must(w.Store.AddChannel(w.t.Context(), desk.Channel{
		Tenant: e.tenant, ID: e.channel, Name: canary, Locale: "en", Region: "GB", TextLimit: 4000, CreatedAt: time.Now(),
	}))
	for range 60 {
		e.person()
		e.key()
	}
	_, e.letters, err = w.Keys().Create(w.t.Context(), e.by(), e.fresh(), []desk.Permission{desk.MessagesWrite})
	w.must(err)
	w.soon("the server knows of the channel", func() bool {
		status, _ := w.send(e.letters, e.channel, map[string]string{"call_id": "c", "caller": "13800000000", "text": e.fresh(), "locale": "en"})
		return status == http.StatusCreated
	})
	for range 20 {
		e.filter("anna")
	}
	return e
}

// fresh names something new.
func (e *estate) fresh() string {
	e.n++
	return fmt.Sprintf("%s%d-%d", map[bool]string{true: canary}[e.tenant != 1], e.tenant, e.n)
}

func (e *estate) by() *desk.Actor {
	by := people.Operator(e.tenant)
	return &by
}

func (e *estate) person() string {
	e.w.t.Helper()
	name := e.fresh()
	p, _, err := e.w.staff.Create(e.w.t.Context(), e.by(), desk.Person{Login: name, Name: name, Role: desk.RoleAgent, Locale: "en"}, "")
	e.w.must(err)
	return p.ID.String()
}

func (e *estate) key() string {
	e.w.t.Helper()
	k, _, err := e.w.Keys().Create(e.w.t.Context(), e.by(), e.fresh(), []desk.Permission{desk.ThreadsSee})
	e.w.must(err)
	return fmt.Sprint(k.ID)
}

func (e *estate) app() string {
	e.w.t.Helper()
	name := e.fresh()
	w := e.w
	w.must(w.Store.AddApp(w.t.Context(), desk.App{Tenant: e.tenant, Key: desk.AppKey(fmt.Sprintf("%032x", e.n+int(e.tenant)<<20)), Name: name, SecretHash: make([]byte, 32), CreatedAt: time.Now()}))
	return name
}

func (e *estate) thread() string {
	e.w.t.Helper()
	if e.letters == "" {
		e.letters = e.w.key
	}
	id := e.w.post(e.letters, e.channel, map[string]string{"call_id": "c", "caller": fmt.Sprintf("1380000%04d", e.n), "text": e.fresh(), "locale": "en"})
	e.w.soon("the message is sorted", func() bool {
		_, err := e.w.Store.Thread(e.w.t.Context(), e.tenant, id)
		return err == nil
	})
	return id.String()
}

// session is another session of that person, or of somebody of the other tenant.
func (e *estate) session(login string) string {
	e.w.t.Helper()
	who := e.w.people[login].ID
	if e.tenant == 1 {
		e.w.session(login)
	} else {
		who = 1
		id := fmt.Appendf(nil, "%-32s", e.fresh())
		e.w.must(e.w.Store.Staff(e.w.t.Context(), e.tenant, func(s *store.Staff) error {
			return s.Begin(e.w.t.Context(), desk.Session{Tenant: e.tenant, ID: id, Person: who, CreatedAt: time.Now(), SeenAt: time.Now(), Until: time.Now().Add(time.Hour), Epoch: 1})
		}))
	}
	all, err := e.w.Store.Sessions(e.w.t.Context(), e.tenant, who)
	e.w.must(err)
	return hex.EncodeToString(all[0].ID) // the newest
}

// filter is kept by that person.
func (e *estate) filter(login string) string {
	e.w.t.Helper()
	f, err := e.w.Store.AddFilter(e.w.t.Context(), desk.Filter{Tenant: e.tenant, Person: e.w.people[login].ID, Name: e.fresh(), Query: "view=all"})
	e.w.must(err)
	return fmt.Sprint(f.ID)
}

// fill puts this tenant's things into a path or a form.
func (e *estate) fill(text, login string) string {
	e.w.t.Helper()
	text = strings.Replace(text, "/filters/{id}", "/filters/{filter}", 1)
	for name, made := range map[string]func() string{
		"{id}": e.thread, "{person}": e.person, "{key}": e.key, "{app}": e.app, "{fresh}": e.fresh,
		"{channel}": e.channel.String, "{secret}": func() string { return "1.x" }, "{$}": func() string { return "" },
		"{me}": e.w.people[login].ID.String, "{session}": func() string { return e.session(login) },
		"{filter}": func() string { return e.filter(login) },
		"{login}":  func() string { return "nobody" + e.fresh() },
	} {
		if !strings.Contains(text, name) {
			continue
		}
		value := e.kept[name]
		if value == "" {
			value = made()
		}
		if e.kept != nil {
			e.kept[name] = value
		}
		text = strings.ReplaceAll(text, name, value)
	}
	return text
}

// expect asks as somebody for this tenant's things and wants that status. What
// is another's does not show, and does not change.
func (e *estate) expect(v visitor, login string, r ui.Route, row ruling, want int) {
	w := e.w
	w.t.Helper()
	about := cmp.Or(login, "anna")
	path, form := e.fill(r.Path, about), e.fill(row.form, about)
	before := e.state()
	status, to, text := v.send(r.Method, path, form)
	if status != want {
		w.t.Errorf("%s %s as %q, of tenant %d: %d, want %d", r.Method, path, login, e.tenant, status, want)
	}
	if in, _, _ := strings.Cut(to, "?"); login != "" && in == "/sign-in" && r.Path != "/sign-out" {
		w.t.Errorf("%s %s as %q is sent to sign in", r.Method, path, login)
	}
	if strings.Contains(without(text, form), canary) {
		w.t.Errorf("%s %s as %q shows what is another tenant's: %s", r.Method, path, login, text)
	}
	if after := e.state(); (e.tenant != 1 || want == 403 || login == "" && !r.Open) && after != before {
		w.t.Errorf("%s %s as %q changed what it must not:\n%s\n%s", r.Method, path, login, before, after)
	}
}

// without is an answer but for what the question said: a refusal may repeat it.
func without(text, form string) string {
	values, _ := url.ParseQuery(form)
	for _, some := range values {
		for _, s := range some {
			text = strings.ReplaceAll(text, s, "")
		}
	}
	return text
}

// send gives the status, where to go on, and what came; of a stream, that it
// began.
func (v visitor) send(method, path, form string) (status int, to, text string) {
	v.w.t.Helper()
	ctx, cancel := context.WithCancel(v.w.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, v.w.url+path, strings.NewReader(form))
	v.w.must(err)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	a, err := v.c.Do(r)
	v.w.must(err)
	defer a.Body.Close()
	if path != "/events" {
		b, err := io.ReadAll(a.Body)
		v.w.must(err)
		text = string(b)
	}
	return a.StatusCode, a.Header.Get("Location"), text
}

// state is everything in a tenant that somebody could change.
func (e *estate) state() string {
	w, ctx := e.w, e.w.t.Context()
	w.t.Helper()
	var b strings.Builder
	add := func(all any, err error) {
		w.must(err)
		fmt.Fprintf(&b, "%+v\n", all)
	}
	everyone, err := w.Store.People(ctx, e.tenant)
	for i := range everyone {
		everyone[i].PresentUntil = time.Time{}
	}
	add(everyone, err)
	add(w.Store.Channels(ctx, e.tenant))
	add(w.Store.Apps(ctx, e.tenant))
	add(w.Store.APIKeys(ctx, e.tenant))
	add(w.Store.Filters(ctx, e.tenant))
	add(w.Store.Threads(ctx, e.tenant, desk.Query{Limit: 1000}))
	add(w.Store.Events(ctx, e.tenant, 0, 10000))
	add(w.Store.Deeds(ctx, e.tenant, desk.DeedQuery{Limit: 1}))
	return b.String()
}

func TestAnotherTenantsThingsInFormsAndFiltersAreNotThere(t *testing.T) {
	w := newWorld(t)
	ours, theirs := &estate{w: w, tenant: 1, channel: website}, w.others()
	foreign, person, thread := theirs.thread(), theirs.person(), ours.thread()
	wanted := theirs.state()
	for _, c := range []struct {
		login, method, path, form string
		want                      int
	}{
		{"sofia", "POST", "/thread/" + thread + "/assign", "to=" + person, 422},
		{"anna", "POST", "/thread/" + thread + "/note", "text=x&view=" + url.QueryEscape("view=all&channel="+theirs.channel.String()), 303},
		{"admin", "POST", "/settings/people", "name=N&login=n1&role=agent&locale=en&channel=" + theirs.channel.String(), 404},
		{"admin", "POST", "/settings/people", "name=N&login=n2&role=agent&locale=en&channel=" + website.String() + "&channel=" + theirs.channel.String(), 404},
		{"admin", "POST", "/settings/people/" + ours.person(), "name=N&login=n3&role=agent&locale=en&channel=" + theirs.channel.String(), 404},
		{"sofia", "GET", "/?view=all&channel=" + theirs.channel.String(), "", 200},
		{"sofia", "GET", "/search?q=" + canary + "&channel=" + theirs.channel.String(), "", 200},
		{"sofia", "GET", "/?view=all&owner=" + person, "", 200},
		{"sofia", "GET", "/thread/" + thread + "?view=all&channel=" + theirs.channel.String() + "&owner=" + person, "", 200},
		{"sofia", "GET", "/thread/" + foreign + "?view=all", "", 404},
		{"admin", "GET", "/settings/audit?before=99999", "", 200},
		{"admin", "GET", "/settings/audit?object=thread:" + foreign, "", 200},
		{"admin", "GET", "/settings/audit?by=person:" + person, "", 200},
		{"admin", "GET", "/settings/people/" + person, "", 404},
	} {
		status, _, text := w.caller(c.login).send(c.method, c.path, c.form)
		if status != c.want {
			t.Errorf("%s %s %s as %s: %d, want %d", c.method, c.path, c.form, c.login, status, c.want)
		}
		_, query, _ := strings.Cut(c.path, "?")
		if strings.Contains(text, canary+"2-") || strings.Contains(without(text, query), canary) {
			t.Errorf("%s %s as %s shows what is another tenant's", c.method, c.path, c.login)
		}
	}
	if theirs.state() != wanted {
		t.Error("something of the other tenant's has changed")
	}
	all, err := w.Store.People(t.Context(), 1)
	w.must(err)
	for _, p := range all {
		if slices.Contains(p.Channels, theirs.channel) {
			t.Errorf("%s is limited to another tenant's channel", p.Login)
		}
	}
}

func TestWhoIsLimitedToAChannelIsNotShownTheOthers(t *testing.T) {
	w := newWorld(t)
	ours := &estate{w: w, tenant: 1, channel: website}
	_, err := w.staff.Change(t.Context(), ours.by(), desk.Whom{Login: "anna"}, func(p *desk.Person) { p.Channels = []desk.ChannelID{wechat} })
	w.must(err)
	anna := w.caller("anna")
	for _, r := range ui.Routes() {
		row := rulings[r.Method+" "+r.Path]
		if !strings.HasPrefix(r.Path, "/thread/{id}") || !strings.Contains(row.who, "anna") {
			continue
		}
		path := ours.fill(r.Path, "anna")
		before := ours.state()
		if status, _, _ := anna.send(r.Method, path, row.form); status != 404 {
			t.Errorf("%s %s of another channel: %d", r.Method, path, status)
		}
		if ours.state() != before {
			t.Errorf("%s %s has changed something in another channel", r.Method, path)
		}
	}
}
