package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/afterbeep/afterbeep/internal/api"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

func TestAnAnswerThatIsNotAsTheDocumentSaysIsCaught(t *testing.T) {
	w := newWorld(t)
	router := document(t, w.url)
	r := httptest.NewRequest("GET", w.url+"/v1/messages", nil)
	route, params, err := router.FindRoute(r)
	must(t, err)
	for body, fine := range map[string]bool{
		`{"messages":[]}`: true, `{"messages":null}`: false, `{"messages":[{"id":7}]}`: false, `{}`: false, `{"messages":[],"more":1}`: false,
	} {
		err := openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
			Status:                 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		})
		if (err == nil) != fine {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestErrorsAreProblemsWithACodeAndRepeatNothing(t *testing.T) {
	w := newWorld(t)
	_, thread, _ := w.left("x")
	const mark = "MARKED"
	for path, body := range map[string]string{
		"/v1/channels": `{"name":"` + mark + `"}`, "/v1/apps": `{"name":"` + mark + `"}`, "/v1/keys": `{"name":"` + mark + `","scopes":["export"]}`,
		"/v1/people": `{"login":"` + strings.ToLower(mark) + `","name":"x","role":"agent"}`,
	} {
		first, again := w.ask(w.all, "POST", path, body), w.ask(w.all, "POST", path, body)
		if first.status != 201 || again.status != 409 || !strings.HasSuffix(again.code(), "_exists") || strings.Contains(strings.ToUpper(string(again.body)), mark) {
			t.Errorf("%s: %d, then %d %s", path, first.status, again.status, again.body)
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/v1/" + mark, "", 404, "not_found"},
		{"DELETE", "/v1/messages", "", 405, "method_not_allowed"},
		{"GET", "/v1/threads/1/close", "", 405, "method_not_allowed"},
		{"GET", "/v1/messages?limit=" + mark, "", 422, "values"},
		{"GET", "/v1/messages?" + mark + "=1", "", 422, "values"},
		{"GET", "/v1/messages?since=" + mark, "", 422, "values"},
		{"GET", "/v1/messages?cursor=" + mark, "", 422, "cursor"},
		{"GET", "/v1/messages?channel=" + mark, "", 422, "values"},
		{"GET", "/v1/messages?state=" + mark, "", 422, "values"},
		{"GET", "/v1/messages/" + mark, "", 422, "reference"},
		{"GET", "/v1/messages/0000-0000", "", 404, "message"},
		{"GET", "/v1/threads?view=" + mark, "", 422, "values"},
		{"GET", "/v1/threads?cursor=" + mark, "", 422, "cursor"},
		{"GET", "/v1/threads?view=closed&order=waking", "", 422, "order"},
		{"GET", "/v1/threads/99", "", 404, "thread"},
		{"GET", "/v1/threads/" + mark, "", 422, "values"},
		{"GET", "/v1/events?after=99999999", "", 409, "history"},
		{"GET", "/v1/calls?outcome=" + mark, "", 422, "values"},
		{"GET", "/v1/calls?person=" + mark, "", 422, "values"},
		{"GET", "/v1/notes?cursor=" + mark, "", 422, "cursor"},
		{"GET", "/v1/notes?outcome=busy", "", 422, "values"},
		{"GET", "/v1/threads/99/calls", "", 404, "thread"},
		{"GET", "/v1/audit?cursor=" + mark, "", 422, "cursor"},
		{"GET", "/v1/exports/threads?format=" + mark, "", 422, "values"},
		{"POST", "/v1/people/99/reset", "{}", 404, "person"},
		{"POST", "/v1/keys", `{"name":"x","scopes":["` + mark + `"]}`, 422, "permission"},
		{"POST", "/v1/threads/" + thread + "/call", `{"outcome":"` + mark + `"}`, 422, "values"},
		{"POST", "/v1/threads/" + thread + "/call", `{"outcome":"again"}`, 422, "again"},
		{"POST", "/v1/threads/" + thread + "/close", `{"` + mark + `":1}`, 422, "values"},
		{"POST", "/v1/threads/" + thread + "/close", `{"reason":"` + mark + `"`, 400, "body"},
		{"POST", "/v1/threads/" + thread + "/close", `{"reason":"a","reason":"` + mark + `"}`, 400, "body"},
		{"POST", "/v1/threads/" + thread + "/close", `["` + mark + `"]`, 422, "values"},
		{"POST", "/v1/people", `{"login":"` + mark + ` 1","name":"x","role":"agent"}`, 422, "login"},
		{"POST", "/v1/channels", `{"name":" ` + mark + `"}`, 422, "channel"},
		{"POST", "/v1/channels", `{"name":"x","origins":["` + mark + `"]}`, 422, "origin"},
		{"POST", "/v1/channels", `{"name":"` + strings.Repeat("x", 70000) + `"}`, 413, "too_large"},
		{"POST", "/v1/apps/" + strings.Repeat("0", 32) + "/disable", "", 404, "app"},
	} {
		got := w.ask(w.all, c.method, c.path, c.body)
		if got.status != c.status || got.code() != c.code || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %.80s: %d %s, want %d %s: %s", c.method, c.path, c.body, got.status, got.code(), c.status, c.code, got.body)
		}
		if strings.Contains(string(got.body), mark) {
			t.Errorf("%s %s: what was sent comes back: %s", c.method, c.path, got.body)
		}
		if got.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
	}
	if got := w.ask(w.all, "POST", "/v1/threads/"+thread+"/close", `{}`, "Content-Type", "text/plain"); got.status < 400 || got.status >= 500 {
		t.Errorf("text/plain: %d", got.status)
	}
}

func TestAVersionThatWasNotSeenIsNotChanged(t *testing.T) {
	w := newWorld(t)
	_, thread, _ := w.left("x")
	path := "/v1/threads/" + thread
	seen := w.ask(w.all, "GET", path, "").header.Get("ETag")
	if seen != `"1"` {
		t.Fatalf("ETag %s", seen)
	}
	first := w.ask(w.all, "POST", path+"/close", `{"reason":"done"}`, "If-Match", seen)
	if first.status != 200 || first.header.Get("ETag") != `"2"` {
		t.Fatalf("%d %v", first.status, first.header)
	}
	if got := w.ask(w.all, "POST", path+"/reopen", "", "If-Match", seen); got.status != 412 || got.code() != "version" {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.ask(w.all, "POST", path+"/reopen", "", "If-Match", "1"); got.status != 422 || got.code() != "if_match" {
		t.Errorf("%d %s", got.status, got.body)
	}
	ann, bob := w.person(1), w.person(1)
	if got := w.ask(w.all, "POST", path+"/reopen", "", "If-Match", "*", "For-Person", ann); got.status != 200 || got.object(t)["owner"] != ann {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := w.ask(w.all, "POST", path+"/claim", "", "For-Person", bob); got.status != 409 || got.code() != "claimed_by" {
		t.Errorf("%d %s", got.status, got.body)
	}
	handler := w.key(1, desk.ThreadsHandle)
	if got := w.ask(handler, "POST", path+"/release", "", "For-Person", ann); got.status != 403 {
		t.Errorf("a key that may not assign acts for others: %d", got.status)
	}
	events := w.ask(w.all, "GET", path, "").object(t)["events"].([]any)
	if last := events[len(events)-1].(map[string]any); last["kind"] != "thread.reopened" || !strings.Contains(last["actor"].(string), "(") {
		t.Errorf("the log does not name both: %v", last)
	}
}

func TestNumbersAreMaskedUnlessTheKeySeesThemAndThatIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	reader, seer := w.key(1, desk.ThreadsSee, desk.Exporting), w.key(1, desk.ThreadsSee, desk.Exporting, desk.NumbersSee)
	message, thread, _ := w.left("=HYPERLINK(\"http://x\")")
	w.ask(w.all, "POST", "/v1/threads/"+thread+"/call", `{"outcome":"busy"}`)
	w.ask(w.all, "POST", "/v1/threads/"+thread+"/notes", `{"note":"x"}`)
	number := w.ask(seer, "GET", "/v1/messages/"+message, "").object(t)["caller"].(string)
	if len(number) != 11 {
		t.Fatal(number)
	}
	for _, path := range []string{
		"/v1/messages", "/v1/messages/" + message, "/v1/threads", "/v1/threads/" + thread, "/v1/events",
		"/v1/exports/messages", "/v1/exports/messages?format=csv", "/v1/calls", "/v1/notes", "/v1/threads/" + thread + "/calls",
		"/v1/exports/threads", "/v1/exports/calls", "/v1/exports/notes?format=csv",
	} {
		if got := w.ask(reader, "GET", path, ""); got.status != 200 || strings.Contains(string(got.body), number) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if got := w.ask(seer, "GET", path, ""); got.status != 200 || path != "/v1/events" && !strings.Contains(string(got.body), number) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	for _, path := range []string{"", "/calls", "/notes"} { // nobody's number was shown
		if got := w.ask(seer, "GET", "/v1/threads/77"+path, ""); got.status != 404 {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := w.ask(w.all, "POST", "/v1/threads/77/close", "{}"); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
	got := w.ask(seer, "GET", "/v1/exports/messages?format=csv&bom=true", "")
	rows, err := csv.NewReader(bytes.NewReader(got.body)).ReadAll()
	if err != nil || len(rows) != 2 || !strings.HasPrefix(rows[1][10], "'=") || !bytes.HasPrefix(got.body, []byte("\ufeffid,")) {
		t.Errorf("%v %q", err, rows)
	}
	count := map[string]int{}
	for _, d := range w.deeds() {
		count[d]++
	}
	// The first three keys are the world's, the reader's and the seer's.
	for deed, want := range map[string]int{
		"export messages key:2": 2, "export messages key:3": 3, "number.shown messages key:3": 1,
		"number.shown thread:" + thread + " key:3": 1, "number.shown threads key:3": 1, "number.shown calls key:3": 1, "number.shown notes key:3": 1, "export calls key:3": 1, "export threads key:2": 1, "number.shown messages key:2": 0,
		"number.shown thread:77 key:3": 0, "number.shown thread:77 key:1": 0,
	} {
		if count[deed] != want {
			t.Errorf("%q is %d times in the audit log, want %d", deed, count[deed], want)
		}
	}
}

func TestAMessageIsOnTheDiskAndItsKeyFindsItAgain(t *testing.T) {
	w := newWorld(t)
	path := "/v1/channels/" + w.channel.String() + "/messages"
	const body = `{"caller":"+8613800007777","text":"请回电 😀\n","user_name":"李雷","call_id":"c-1"}`
	first := w.ask(w.all, "POST", path, body, "Idempotency-Key", "k1")
	receipt := first.object(t)
	if first.status != 201 || first.header.Get("Location") != "/v1/messages/"+receipt["id"].(string) {
		t.Fatalf("%d %v", first.status, first.header)
	}
	again := w.ask(w.all, "POST", path, body, "Idempotency-Key", "k1")
	if again.status != 201 || !bytes.Equal(again.body, first.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s %v", again.status, again.body, again.header)
	}
	if got := w.ask(w.all, "POST", path, `{"caller":"1","text":"other"}`, "Idempotency-Key", "k1"); got.status != 409 {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, key := range []string{"", "a b", "é", strings.Repeat("k", 256)} {
		if got := w.ask(w.all, "POST", path, body, "Idempotency-Key", key); got.status != 422 {
			t.Errorf("%q: %d %s", key, got.status, got.body)
		}
	}
	found := w.ask(w.all, "GET", "/v1/messages/"+strings.ToLower(receipt["reference"].(string)), "").object(t)
	if found["text"] != "请回电 😀\n" || found["received_at"] != receipt["received_at"] || found["call_id"] != "c-1" {
		t.Errorf("%v, receipt %v", found, receipt)
	}
	if got := w.ask(w.all, "POST", "/v1/channels/202611239999999999/messages", body); got.status != 404 {
		t.Errorf("%d", got.status)
	}
}

func TestAPageGoesOnWhereTheOneBeforeEnded(t *testing.T) {
	w := newWorld(t)
	want := map[string]bool{}
	for i := range 7 {
		id, _, _ := w.left(fmt.Sprintf("number %d", 1000+i))
		want[id] = true
	}
	for path, what := range map[string]string{"/v1/messages?limit=3": "messages", "/v1/threads?limit=3&view=all": "threads"} {
		left := len(want)
		seen := map[string]bool{}
		for path != "" && left >= 0 {
			page := w.ask(w.all, "GET", path, "").object(t)
			for _, m := range page[what].([]any) {
				id := m.(map[string]any)["id"].(string)
				if seen[id] || !want[id] {
					t.Errorf("%s comes twice, or is none", id)
				}
				seen[id] = true
				left--
			}
			path, _ = page["next"].(string)
		}
		if len(seen) != len(want) {
			t.Errorf("%d of %d %s", len(seen), len(want), what)
		}
	}
	if got := w.ask(w.all, "GET", "/v1/messages?text=number+1003", "").object(t)["messages"].([]any); len(got) != 1 {
		t.Errorf("%d found", len(got))
	}
	if got := w.ask(w.all, "GET", "/v1/events?limit=2", "").object(t); got["last"] != "2" || got["next"] != "/v1/events?after=2&limit=2" {
		t.Errorf("%v", got)
	}
}

func TestAStreamGoesOnWhereItBrokeAndEndsWithTheServer(t *testing.T) {
	w := newWorld(t)
	w.left("one")
	w.left("two")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := w.open(ctx, t, "/v1/events/stream?after=0", "Last-Event-ID", "1")
	defer s.Close()
	lines := bufio.NewScanner(s)
	var ids []string
	read := func(until string) {
		for lines.Scan() {
			if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				if ids = append(ids, id); id == until {
					return
				}
			}
		}
		t.Fatalf("the stream ended after %q: %v", ids, lines.Err())
	}
	read("2")
	w.left("three")
	read("3")
	if !slices.Equal(ids, []string{"2", "3"}) {
		t.Errorf("%q", ids)
	}
	w.stop()
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil || ctx.Err() != nil {
		t.Errorf("the stream did not end well: %v %v", err, ctx.Err())
	}
}

func TestThePageOfTheDocumentHasEveryOperationAndNoScript(t *testing.T) {
	w := newWorld(t)
	got := w.ask("", "GET", "/v1/docs", "")
	page := strings.ToLower(string(got.body))
	if got.status != 200 || strings.Contains(page, "<script") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Errorf("%d: something foreign is in the page", got.status)
	}
	if !strings.Contains(got.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error(got.header)
	}
	for _, o := range operations(t, w.url) {
		if !strings.Contains(page, `id="`+o.ID+`"`) || !strings.Contains(page, strings.ToLower(o.path)) {
			t.Errorf("%s is not in it", o.ID)
		}
	}
	if again := w.ask("", "GET", "/v1/docs", ""); !bytes.Equal(again.body, got.body) {
		t.Error("it is another page the next time")
	}
}

// broken is an intake, and a snapshot, of which the test says how it ends.
type broken struct{ err error }

func (b broken) Take(context.Context, *desk.Message, int, string) (desk.Receipt, error) {
	return desk.Receipt{}, b.err
}

func (broken) Channel(*desk.App, string) (*desk.Channel, error) {
	return &desk.Channel{Tenant: 1, ID: 202611230000000001, Locale: "en", TextLimit: 4000}, nil
}

func TestWhatIsNotKnownToBeStoredIsNeverAnsweredAsIfItWere(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data"), sqlite.Options{})
	must(t, err)
	defer st.Close()
	keys := people.NewKeys(st, time.Now)
	by := people.Operator(1)
	_, key, err := keys.Create(t.Context(), &by, "k", []desk.Permission{desk.MessagesWrite})
	must(t, err)
	for _, c := range []struct {
		err         error
		status      int
		code, retry string
	}{
		{desk.Errorf(desk.Unstored, "disk_full", "the disk is full"), 503, "not_stored", "1"},
		{&desk.Error{Kind: desk.Busy, Code: "busy", Text: "x", RetryAfter: 1500 * time.Millisecond}, 503, "busy", "2"},
		{desk.Wrap(desk.Unknown, "flush", "x", desk.ErrBroken), 500, "unknown", ""},
		{io.ErrUnexpectedEOF, 500, "unknown", ""},
		{desk.Errorf(desk.Conflict, "key_reused", "x"), 409, "key_reused", ""},
	} {
		s, err := api.New(api.Parts{Keys: keys, Intake: broken{c.err}, Snapshot: broken{}, Now: time.Now, Body: 1 << 16})
		must(t, err)
		r := httptest.NewRequest("POST", "/v1/channels/202611230000000001/messages", strings.NewReader(`{"caller":"1","text":"x"}`))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var p openapi.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Code != c.code || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%v: %d %s %v", c.err, w.Code, w.Body, w.Header())
		}
	}
	s, err := api.New(api.Parts{Keys: keys, Intake: broken{desk.Errorf(desk.Unstored, "x", "x")}, Snapshot: broken{}, Now: time.Now, Body: 1 << 16, PerKey: 1})
	must(t, err)
	var last int
	for range 3 {
		r := httptest.NewRequest("POST", "/v1/channels/202611230000000001/messages", strings.NewReader(`{"caller":"1","text":"x"}`))
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		last = w.Code
	}
	if last != 429 {
		t.Errorf("a key beyond its limit: %d", last)
	}
}

func FuzzBodies(f *testing.F) {
	w := newWorld(f)
	_, thread, _ := w.left("x")
	paths := []string{
		"/v1/channels/" + w.channel.String() + "/messages", "/v1/threads/" + thread + "/call", "/v1/threads/" + thread + "/snooze",
		"/v1/threads/" + thread + "/assign", "/v1/people", "/v1/channels", "/v1/apps",
	}
	for i, body := range []string{
		`{"caller":"1","text":"x"}`, `{"outcome":"again","again":"2030-01-01T00:00:00Z"}`, `{"until":null}`, `{"to":"18446744073709551616"}`,
		`{"login":"a","name":"\u0000","role":"agent","channels":[null]}`, `{"name":"x","target_minutes":1e400}`, `{"name":"x","per_minute":-0}`,
	} {
		f.Add(uint8(i), body)
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		if body == "" {
			return
		}
		at := *w
		at.t = t
		got := at.ask(w.all, "POST", paths[int(which)%len(paths)], body)
		if got.status >= 500 || got.status >= 400 && got.code() == "" {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}

func TestThreadsAreListedCountedAndExportedByTheirState(t *testing.T) {
	w := newWorld(t)
	who := w.person(1)
	_, given, _ := w.left("given away")
	_, held, _ := w.left("held")
	_, free, _ := w.left("free")
	for path, body := range map[string]string{given + "/assign": `{"to":"` + who + `"}`, held + "/claim": ""} {
		if got := w.ask(w.all, http.MethodPost, "/v1/threads/"+path, body, "For-Person", who); got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
	}
	for view, want := range map[string]struct{ thread, state string }{
		"assigned": {given, "assigned"}, "working": {held, "working"}, "unclaimed": {free, "new"},
	} {
		found, _ := w.ask(w.all, http.MethodGet, "/v1/threads?view="+view, "").object(t)["threads"].([]any)
		if len(found) != 1 || found[0].(map[string]any)["id"] != want.thread || found[0].(map[string]any)["state"] != want.state {
			t.Errorf("%s has %v", view, found)
		}
		w.until(func() bool { // counts are a second old at most
			return w.ask(w.all, http.MethodGet, "/v1/threads/counts", "").object(t)[view] == 1.0
		})
		if got := w.ask(w.all, http.MethodGet, "/v1/exports/threads?view="+view, ""); strings.Count(string(got.body), "\n") != 1 || !strings.Contains(string(got.body), want.thread) {
			t.Errorf("the export of %s: %d %s", view, got.status, got.body)
		}
	}
}
