package api_test

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// list is what is in a page under a name.
func (w *world) list(key, path, name string) (all []map[string]any) {
	w.t.Helper()
	got := w.ask(key, "GET", path, "")
	if got.status != 200 {
		w.t.Fatalf("%s: %d %s", path, got.status, got.body)
	}
	for _, v := range got.object(w.t)[name].([]any) {
		all = append(all, v.(map[string]any))
	}
	return all
}

func TestWhatIsAskedTwiceUnderOneKeyIsDoneOnce(t *testing.T) {
	w := newWorld(t)
	_, thread, _ := w.left("x")
	path := "/v1/threads/" + thread
	const call = `{"outcome":"no_answer","note":"rang"}`
	first := w.ask(w.all, "POST", path+"/call", call, "Idempotency-Key", "k")
	again := w.ask(w.all, "POST", path+"/call", call, "Idempotency-Key", "k")
	if first.status != 200 || first.header.Get("Idempotency-Replayed") != "" || again.status != 200 ||
		again.header.Get("Idempotency-Replayed") != "true" || !bytes.Equal(first.body, again.body) {
		t.Errorf("%d %v %s, then %d %v %s", first.status, first.header, first.body, again.status, again.header, again.body)
	}
	for range 2 {
		if got := w.ask(w.all, "POST", path+"/notes", `{"note":"once"}`, "Idempotency-Key", "n"); got.status != 204 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	for name, got := range map[string]*reply{
		"other values":  w.ask(w.all, "POST", path+"/call", `{"outcome":"busy"}`, "Idempotency-Key", "k"),
		"another act":   w.ask(w.all, "POST", path+"/close", `{}`, "Idempotency-Key", "k"),
		"a message":     w.ask(w.all, "POST", "/v1/channels/"+w.channel.String()+"/messages", `{"caller":"1","text":"x"}`, "Idempotency-Key", "k"),
		"for a person":  w.ask(w.all, "POST", path+"/call", call, "Idempotency-Key", "k", "For-Person", w.person(1)),
		"other version": w.ask(w.all, "POST", path+"/call", call, "Idempotency-Key", "k", "If-Match", `"2"`),
	} {
		if got.status != 409 || got.code() != "idempotency_key_reused" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := w.ask(w.all, "POST", path+"/call", call, "Idempotency-Key", ""); got.status != 422 || got.code() != "idempotency_key" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if other := w.key(1, desk.ThreadsHandle); w.ask(other, "POST", path+"/call", call, "Idempotency-Key", "k").header.Get("Idempotency-Replayed") != "" {
		t.Error("one key's Idempotency-Key is another's")
	}
	if calls, notes := w.list(w.all, path+"/calls", "calls"), w.list(w.all, path+"/notes", "notes"); len(calls) != 2 || len(notes) != 1 {
		t.Errorf("%d calls and %d notes", len(calls), len(notes))
	}
}

func TestManyWhoAskAtOnceUnderOneKeyGetOneCall(t *testing.T) {
	w := newWorld(t)
	_, thread, _ := w.left("x")
	path := "/v1/threads/" + thread
	var group sync.WaitGroup
	w.ask(w.all, "GET", path, "") // reads the document, which the others share
	for range 12 {
		group.Go(func() {
			if got := w.ask(w.all, "POST", path+"/call", `{"outcome":"busy"}`, "Idempotency-Key", "k"); got.status != 200 {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	group.Wait()
	if calls := w.list(w.all, path+"/calls", "calls"); len(calls) != 1 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestWhatSomebodyElseChangedSinceIsNotChanged(t *testing.T) {
	w := newWorld(t)
	person, app := w.person(1), w.newApp(1)
	for _, c := range []struct{ read, method, path, body, again string }{
		{"/v1/people/" + person, "PATCH", "", `{"name":"One"}`, `{"name":"Two"}`},
		{"/v1/channels/" + w.channel.String(), "PATCH", "", `{"target_minutes":5}`, `{"target_minutes":6}`},
		{"/v1/people/" + person, "POST", "/disable", "", ""},
		{"/v1/people/" + person, "POST", "/enable", "", ""},
		{"/v1/people/" + person, "POST", "/reset", `{}`, `{}`},
	} {
		seen := w.ask(w.all, "GET", c.read, "").header.Get("ETag")
		first := w.ask(w.all, c.method, c.read+c.path, c.body, "If-Match", seen)
		if first.status != 200 || first.header.Get("ETag") == seen || first.header.Get("ETag") != w.ask(w.all, "GET", c.read, "").header.Get("ETag") {
			t.Errorf("%s: %d %s, was %s, is %s", c.read+c.path, first.status, first.body, seen, first.header.Get("ETag"))
		}
		if got := w.ask(w.all, c.method, c.read+c.path, c.again, "If-Match", seen); got.status != 412 || got.code() != "version" {
			t.Errorf("%s: %d %s", c.read+c.path, got.status, got.body)
		}
		if got := w.ask(w.all, c.method, c.read+c.path, c.again, "If-Match", `"`); got.status != 422 || got.code() != "if_match" {
			t.Errorf("%s: %d %s", c.read+c.path, got.status, got.body)
		}
	}
	var seen string
	for _, a := range w.list(w.all, "/v1/apps", "apps") {
		if a["app_key"] == app {
			seen = `"` + a["version"].(string) + `"`
		}
	}
	rotate := func() *reply {
		return w.ask(w.all, "POST", "/v1/apps/"+app+"/rotate", `{"grace_minutes":60}`, "If-Match", seen)
	}
	if first, again := rotate(), rotate(); first.status != 200 || again.status != 412 {
		t.Errorf("%d, then %d: the secret that is in use died", first.status, again.status)
	}
}

func TestAKeyMakesNoKeyWithMoreThanItHas(t *testing.T) {
	w := newWorld(t)
	maker := w.key(1, desk.KeysManage, desk.ThreadsSee)
	for scopes, want := range map[string]int{
		`["threads.see"]`: 201, `["keys.manage","threads.see"]`: 201,
		`["messages.write"]`: 403, `["threads.see","numbers.see"]`: 403, `["people.manage"]`: 403, `["MARKED"]`: 422, `[]`: 422,
	} {
		got := w.ask(maker, "POST", "/v1/keys", `{"name":"`+strings.ReplaceAll(strings.Trim(scopes, "[]"), `"`, "")+` x","scopes":`+scopes+`}`)
		if got.status != want || strings.Contains(string(got.body), "MARKED") {
			t.Errorf("%s: %d %s", scopes, got.status, got.body)
		}
	}
	made := w.ask(w.all, "POST", "/v1/keys", `{"name":"wall","scopes":["threads.see"]}`).object(t)
	text, id := made["key"].(string), made["id"].(string)
	if got := w.ask(text, "GET", "/v1/threads", ""); got.status != 200 {
		t.Errorf("%d", got.status)
	}
	for _, k := range w.list(w.all, "/v1/keys", "keys") {
		if k["key"] != nil || strings.Contains(text, k["name"].(string)+"_") {
			t.Errorf("%v", k)
		}
	}
	if got := w.ask(w.all, "POST", "/v1/keys/"+id+"/disable", ""); got.status != 200 || got.object(t)["disabled"] != true {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.until(func() bool { return w.ask(text, "GET", "/v1/threads", "").status == 401 })
	if got := w.ask(w.all, "POST", "/v1/keys/99/enable", ""); got.status != 404 || got.code() != "api_key_unknown" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAPersonsSessionsEndAndHerLinkServesOnce(t *testing.T) {
	w := newWorld(t)
	staff := w.app.People()
	id := w.person(1)
	token := func() string {
		got := w.ask(w.all, "POST", "/v1/people/"+id+"/reset", `{}`)
		_, token, ok := strings.Cut(got.object(t)["link"].(string), "/invite/")
		if got.status != 200 || !ok {
			t.Fatalf("%d %s", got.status, got.body)
		}
		return token
	}
	old, fresh := token(), token()
	accept := func(token string) (people.SignedIn, error) {
		return staff.Accept(t.Context(), people.Acceptance{Token: token, Password: "correct horse battery staple 7"}, people.Browser{Address: "127.0.0.1"})
	}
	if _, err := accept(old); err == nil {
		t.Error("a link that was replaced serves")
	}
	in, err := accept(fresh)
	must(t, err)
	if _, err := accept(fresh); err == nil {
		t.Error("a link serves twice")
	}
	if got := w.ask(w.all, "POST", "/v1/people/"+id+"/sessions/end", ""); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.until(func() bool { _, err := staff.Watch(t.Context(), in.Cookie); return err != nil })
}

func TestTheAuditLogIsReadPageByPageAndItsChainHolds(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.person(1)
	}
	before := ""
	n := 0
	for path := "/v1/audit?limit=2"; path != ""; {
		page := w.ask(w.all, "GET", path, "").object(t)
		for _, r := range page["rows"].([]any) {
			row := r.(map[string]any)
			if n++; before != "" && row["hash"] != before {
				t.Errorf("row %s is not followed by what follows it", row["id"])
			}
			before = row["prev_hash"].(string)
		}
		path, _ = page["next"].(string)
	}
	if n != 6 || before != strings.Repeat("0", 64) {
		t.Errorf("%d rows, the first after %s", n, before)
	}
	if rows := w.list(w.all, "/v1/audit?since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "rows"); len(rows) != 0 {
		t.Errorf("%d rows of the future", len(rows))
	}
}

func TestExportsHaveWhatTheListsHaveAndNoFormulas(t *testing.T) {
	w := newWorld(t)
	_, thread, _ := w.left("=cmd|' /C calc'!A0")
	w.left("fine")
	path := "/v1/threads/" + thread
	for _, p := range []struct{ path, body string }{
		{"/call", `{"outcome":"no_answer","note":"=1+1"}`}, {"/notes", `{"note":"@SUM(A1)"}`}, {"/close", `{"reason":"+1"}`},
	} {
		if got := w.ask(w.all, "POST", path+p.path, p.body); got.status >= 300 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	for what, want := range map[string]string{
		"messages": "'=cmd", "threads?view=closed&": "'+1", "calls?outcome=no_answer&": "'=1+1", "notes": "'@SUM(A1)",
	} {
		address := "/v1/exports/" + what
		if !strings.Contains(address, "?") {
			address += "?"
		}
		got := w.ask(w.all, "GET", address+"format=csv", "")
		rows, err := csv.NewReader(bytes.NewReader(got.body)).ReadAll()
		if err != nil || len(rows) < 2 || !strings.Contains(string(got.body), want) {
			t.Errorf("%s: %v %s", what, err, got.body)
		}
		lines := w.ask(w.all, "GET", address+"format=jsonl", "")
		var row map[string]any
		if err := json.NewDecoder(bytes.NewReader(lines.body)).Decode(&row); err != nil || len(row) > len(rows[0]) {
			t.Errorf("%s: %v %s", what, err, lines.body)
		}
		book := w.ask(w.all, "GET", address+"format=xlsx", "")
		z, err := zip.NewReader(bytes.NewReader(book.body), int64(len(book.body)))
		must(t, err)
		part, err := z.Open("xl/worksheets/sheet1.xml")
		must(t, err)
		b, err := io.ReadAll(part)
		if err != nil || !strings.Contains(string(b), ">"+want[1:]) || strings.Contains(string(b), "<f") {
			t.Errorf("%s: %v %s", what, err, b)
		}
	}
	none := w.ask(w.all, "GET", "/v1/exports/calls?outcome=voicemail&format=csv", "")
	if rows, err := csv.NewReader(bytes.NewReader(none.body)).ReadAll(); err != nil || len(rows) != 1 {
		t.Errorf("%v %q", err, rows)
	}
}

// Who reads /v1, an export or a line of the command line finds a thing under one
// name.
func TestAThingIsSaidUnderTheSameNameInAnswersAndInExports(t *testing.T) {
	w := newWorld(t)
	who := w.person(1)
	_, closed, _ := w.left("once")
	for _, p := range []struct{ path, body string }{
		{"/call", `{"outcome":"no_answer","note":"it rang"}`}, {"/notes", `{"note":"later"}`}, {"/close", `{"reason":"sorted out"}`},
	} {
		if got := w.ask(w.all, "POST", "/v1/threads/"+closed+p.path, p.body, "For-Person", who); got.status >= 300 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	caller := fmt.Sprintf("138%08d", w.callers)
	if got := w.ask(w.all, "POST", "/v1/channels/"+w.channel.String()+"/messages", `{"caller":"`+caller+`","text":"twice"}`); got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	w.until(func() bool { return len(w.list(w.all, "/v1/threads", "threads")) == 1 })
	fresh := w.list(w.all, "/v1/threads", "threads")[0]["id"].(string)
	if got := w.ask(w.all, "POST", "/v1/threads/"+fresh+"/claim", "", "For-Person", who); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	elsewhere := map[string]bool{"tenant": true, "owner_name": true, "by": true, "person": true, "undone": true} // by is a person or a key; undone is yes in a cell
	for _, what := range []string{"messages", "threads", "threads?view=closed", "calls", "notes"} {
		name, _, _ := strings.Cut(what, "?")
		listed := w.list(w.all, "/v1/"+what, name)[0]
		var row map[string]any
		must(t, json.NewDecoder(bytes.NewReader(w.ask(w.all, "GET", "/v1/exports/"+what, "").body)).Decode(&row))
		for key, value := range listed {
			if !elsewhere[key] && !reflect.DeepEqual(value, row[key]) {
				t.Errorf("%s: %s is %v, and %v in the export", what, key, value, row[key])
			}
		}
		for key, value := range row {
			if _, there := listed[key]; !there && value != "" && !elsewhere[key] {
				t.Errorf("%s: %s is %v in the export alone", what, key, value)
			}
		}
	}
}
