package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// slow4G is Lighthouse's profile: 150 ms there and back, 1.6 Mbit/s down, 0.75
// up, and a processor four times slower than the one that this runs on.
func (b *tab) slow4G() {
	b.t.Helper()
	call(b, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Latency: 150, DownloadThroughput: 1.6e6 / 8, UploadThroughput: 0.75e6 / 8}},
	})
	call(b, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 4})
}

// loads are what a tab has loaded.
type loads struct {
	mu    sync.Mutex
	bytes int // as they came over the line, headers included
	paths []string
}

func (b *tab) loads() *loads {
	b.t.Helper()
	l := &loads{}
	call(b, network.Enable, network.EnableParams{})
	b.w.must(chromedp.Listen(b.ctx, func(ev any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			switch e.Type {
			case network.ResourceTypeOther: // the icon of the tab, which Chromium asks for when it has the time, once more or from its memory
				return
			case network.ResourceTypeEventSource: // what is new, for which nobody waits
				return
			}
			l.paths = append(l.paths, strings.TrimPrefix(e.Request.URL, b.w.url))
		case *network.EventLoadingFinished:
			l.bytes += int(e.EncodedDataLength)
		}
	}))
	return l
}

func (l *loads) all() (bytes int, paths []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes, slices.Clone(l.paths)
}

// full leaves what fills the first page of the inbox, and more.
func (w *world) full() {
	w.t.Helper()
	const all = 60
	for i := range all {
		w.put(website, fmt.Sprintf("+4420794%05d", i), "somebody", "Please call me back about the order that I sent in yesterday; it is the one with the charger.")
	}
	w.soon("all are sorted", func() bool {
		counts, err := w.desk.Counts(w.t.Context(), w.actor("anna"))
		w.must(err)
		return counts[desk.ViewAll] == all
	})
}

// The time depends on the machine and is only logged. What makes it is tested:
// few bytes, and two round trips, since the page names all that it needs.
func TestTheFirstLoadIsLightAndNothingShifts(t *testing.T) {
	w := newWorld(t)
	w.full()
	b := w.tab("anna", phone)
	l := b.loads()
	b.slow4G()
	b.do(chromedp.Navigate(w.url + "/"))
	b.until("the scripts run", scripted)
	b.until("the rows are painted", `performance.getEntriesByName("first-contentful-paint").length > 0`) // later, if there is much else to do
	bytes, paths := l.all()
	slices.Sort(paths)
	t.Logf("%d bytes in %d requests; on a telephone with slow 4G the rows are there after %.0f ms, and all works after %.0f", bytes, len(paths),
		ask[float64](b, `performance.getEntriesByName("first-contentful-paint")[0].startTime`), // the rows are in the page
		ask[float64](b, `performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd`))
	if bytes > 100<<10 || bytes < 10<<10 {
		t.Errorf("the first load is %d bytes", bytes)
	}
	if n := len(slices.Compact(slices.Clone(paths))); n != len(paths) || n > 12 {
		t.Errorf("%d requests, %d of them for something else: %q", len(paths), n, paths)
	}
	page := ask[string](b, `fetch("/").then(r => r.text())`)
	for _, path := range paths {
		if path != "/" && !strings.Contains(page, `"`+path+`"`) {
			t.Errorf("%s is loaded, and the page does not name it: that is a round trip more", path)
		}
	}
	if blocks := ask[string](b, `performance.getEntriesByType("resource").filter(r => r.renderBlockingStatus === "blocking").map(r => r.name.split("/").pop()).join(" ")`); blocks != "app.css" {
		t.Errorf("the rows wait for %q", blocks)
	}
	// On a fast machine the page is whole before it is painted, whatever it says.
	if !ask[bool](b, `(() => {
		const until = document.querySelector(document.querySelector("head link[rel=expect][blocking=render]")?.getAttribute("href"))
		return !!until && !!(document.querySelector("#rows").compareDocumentPosition(until) & Node.DOCUMENT_POSITION_FOLLOWING)
	})()`) {
		t.Error("the first paint does not wait for the end of the list")
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#threads a.row").click()`))
	b.until("a thread is open", pane+`.includes("the one with the charger")`)
	for _, what := range ask[[]string](b, shifts) {
		t.Errorf("the layout shifts: %s", what)
	}
}

// shifts are the layout's shifts that nobody asked for, with what moved from
// where to where.
const shifts = `new Promise(done => {
	const place = r => [r.x, r.y, r.width, r.height].map(Math.round).join(" ")
	const all = []
	new PerformanceObserver(list => {
		for (const e of list.getEntries()) if (!e.hadRecentInput) {
			const moved = e.sources.map(s => (s.node?.outerHTML ?? s.node?.parentNode?.outerHTML ?? "").slice(0, 200) + " from " + place(s.previousRect) + " to " + place(s.currentRect))
			all.push("by " + e.value + " after " + Math.round(e.startTime) + " ms: " + moved.join("; "))
		}
	}).observe({type: "layout-shift", buffered: true})
	setTimeout(() => done(all), 500)
})`

func TestStaticFilesAreKeptAndPagesAreNot(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		find(t, w.door(), `<link rel="stylesheet" href="([^"]+)"`): "public, max-age=31536000, immutable",
		"/sign-in": "no-store",
	} {
		r, err := http.Get(w.url + path)
		w.must(err)
		_ = r.Body.Close()
		if got := r.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s is kept %q", path, got)
		}
	}
}

func (w *world) door() string {
	_, text := w.visitor("").get("/sign-in")
	return text
}

// Where a secret is shown, the length of the answer must not tell about it.
func TestOnlyWhatShowsNoSecretIsCompressed(t *testing.T) {
	w := newWorld(t)
	anna := w.visitor("anna")
	for _, c := range []struct {
		method, path string
		want         bool
	}{{http.MethodGet, "/settings", true}, {http.MethodPost, "/settings/second", false}} {
		r, err := http.NewRequest(c.method, w.url+c.path, strings.NewReader(url.Values{}.Encode()))
		w.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := anna.c.Do(r) // it asks for gzip, and says when it was given it
		w.must(err)
		if _, text := body(t, answer); answer.StatusCode != 200 || answer.Uncompressed != c.want || len(text) < 2000 {
			t.Errorf("%s %s: %d, %d bytes, compressed: %v", c.method, c.path, answer.StatusCode, len(text), answer.Uncompressed)
		}
	}
}
