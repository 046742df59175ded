package browser

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/readers"
	"github.com/afterbeep/afterbeep/internal/ui"
)

// calls makes the pages anew, beside the server's, with a telephone system to call with.
func (w *world) calls(template string) {
	w.t.Helper()
	dialler, err := desk.ParseDialler(template)
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	pages, err := ui.New(ui.Parts{
		Desk: w.desk, People: w.staff, Keys: w.Keys(), Rooms: w.Store, Audit: w.Store, Log: w.Store, Feed: readers.NewFeed(w.Store.Heads, log),
		Channels: w.Store, Apps: w.Store, Draining: make(chan struct{}), Now: time.Now, Logger: log,
		Dialler: dialler,
	})
	w.must(err)
	server := httptest.NewServer(pages)
	w.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.url = server.URL
}

// call is where Call leads; "" when there is no such button.
func callOf(text string) string {
	_, rest, found := strings.Cut(text, `<a class="button" href="`)
	if !found || !strings.Contains(text, `data-key="t">Call<kbd>t</kbd></a>`) {
		return ""
	}
	at, _, _ := strings.Cut(rest, `"`)
	return at
}

func TestAMaskedNumberIsNotInTheAddressThatCallsIt(t *testing.T) {
	w := newWorld(t)
	id := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	nobody := w.leave(website, "138****7777", "陈静", "zh_CN", "发票")
	w.calls("https://pbx.example.com/call?to={number}&agent={login}&thread={thread}")
	path := "/thread/" + id.String() + "?view=all"
	anna := w.visitor("anna")
	for name, v := range map[string]visitor{"an agent": anna, "an auditor": w.visitor("audit")} {
		for _, at := range []string{path, "/thread/" + id.String() + "/print", "/?view=all"} {
			if _, text := v.get(at); strings.Contains(text, "pbx.example.com") || strings.Contains(text, "2079460") || strings.Contains(text, "tel:") {
				t.Errorf("%s: the number is in %s", name, at)
			}
		}
	}
	want := "https://pbx.example.com/call?to=%2B442079460958&agent=anna&thread=" + id.String()
	text := anna.expect("/thread/"+id.String()+"/reveal", url.Values{"view": {"view=all"}}, 200, "+44 20 7946 0958")
	if got := callOf(text); got != want {
		t.Errorf("she calls by %q", got)
	}
	if _, text := anna.get(path); callOf(text) != "" {
		t.Error("the number outlives the moment that it was shown for")
	}
	for _, attr := range []string{`target="_blank"`, `rel="noopener noreferrer"`, `referrerpolicy="no-referrer"`, `href="tel:+442079460958">`} {
		if !strings.Contains(text, attr) {
			t.Errorf("%s is not there", attr)
		}
	}
	if _, text := w.visitor("sofia").get(path); callOf(text) != strings.Replace(want, "anna", "sofia", 1) {
		t.Errorf("a supervisor calls by %q", callOf(text))
	}
	if _, text := w.visitor("sofia").get("/thread/" + nobody.String()); callOf(text) != "" || strings.Contains(text, "pbx.example.com") {
		t.Error("what is no number can be called")
	}
	for template, want := range map[string]string{"sip:{number}@pbx.example.com": "sip:+442079460958@pbx.example.com", "callto:{number}": "callto:+442079460958", "": ""} {
		w.calls(template)
		_, text := w.visitor("sofia").get(path)
		if got := callOf(text); got != want || strings.Contains(text, `target="_blank"`) {
			t.Errorf("%q calls by %q", template, got)
		}
		if strings.Contains(text, `href="tel:+442079460958" data-key="t">`) != (template == "") {
			t.Errorf("with %q, t means the wrong link", template)
		}
	}
}

func TestTCallsWithoutTellingWhereFromAndLeavesTheDeskAlone(t *testing.T) {
	w := newWorld(t)
	id := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	called := make(chan *http.Request, 8)
	pbx := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/call" {
			called <- r
		}
	}))
	defer pbx.Close()
	w.calls(pbx.URL + "/call?to={number}&agent={login}&thread={thread}")
	b := w.tab("anna", desktop)
	b.open("/thread/" + id.String() + "?view=all")
	b.key("t") // there is nothing to call yet
	b.key("s")
	b.until("the number is shown", `document.getElementById("caller").innerText === "+44 20 7946 0958"`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("text").value = "half a note"`))
	b.key("t")
	select {
	case r := <-called:
		q := r.URL.Query()
		if q.Get("to") != "+442079460958" || q.Get("agent") != "anna" || q.Get("thread") != id.String() || r.Referer() != "" {
			t.Errorf("called %s from %q", r.URL, r.Referer())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was called")
	}
	b.until("the desk is still there", `location.pathname === "/thread/`+id.String()+`" && document.getElementById("text").value === "half a note"`)
	if len(called) > 0 {
		t.Error("called more than once")
	}
	b.key("?")
	b.until("the sheet says so", `document.getElementById("sheet").open && document.getElementById("sheet").innerText.includes("Call the number")`)
	b.shoot("sheet")
	b.key("\x1b")
	b.accessible("a thread with a call")
	b.shoot("call")
	b.as(phoneNight)
	b.accessible("a thread with a call, on a phone at night")
	b.shoot("call-phone-dark")
}
