package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// stream opens /events as a browser does and hands on what comes.
func (w *world) stream(t *testing.T, cookie, last string, heard func(event, data string)) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, w.url+"/events", nil)
	w.must(err)
	r.AddCookie(&http.Cookie{Name: people.SessionCookie, Value: cookie})
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := (&http.Client{}).Do(r)
	w.must(err)
	if answer.StatusCode != 200 {
		t.Fatalf("the stream is %d", answer.StatusCode)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	go func() {
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 1<<20)
		event := ""
		for lines.Scan() {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "event":
				event = value
			case "data":
				heard(event, value)
			}
		}
	}()
}

func TestAClaimAndANewMessageAreOnFiftyScreensWithinHalfASecond(t *testing.T) {
	each(t, fiftyScreens)
}

// screens notes when each of them shows what.
type screens struct {
	mu    sync.Mutex
	ready int
	began map[string]time.Time // what is to be shown, and since when
	shown map[string]time.Duration
}

func (s *screens) begin(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began[what] = time.Now()
}

// hears is one screen.
func (s *screens) hears(screen int) func(event, data string) {
	return func(event, data string) {
		now := time.Now()
		s.mu.Lock()
		defer s.mu.Unlock()
		if event == "hello" {
			s.ready++
		}
		var told struct {
			ID, HTML string
			Kinds    []string
		}
		if event != "thread" || json.Unmarshal([]byte(data), &told) != nil {
			return
		}
		for what, then := range s.began {
			// What happens to a thread within a moment is told at once, by the last of it.
			_, claimed := strings.CutPrefix(what, desk.ThreadClaimed+" "+told.ID)
			_, text, _ := strings.Cut(what, " ")
			here := fmt.Sprintf("%s on %d", what, screen)
			if _, again := s.shown[here]; !again && (claimed && slices.Contains(told.Kinds, desk.ThreadClaimed) || !claimed && strings.Contains(told.HTML, text)) {
				s.shown[here] = now.Sub(then)
			}
		}
	}
}

func (s *screens) count() (ready, shown int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready, len(s.shown)
}

func fiftyScreens(t *testing.T, w *world) {
	const many, times = 50, 20
	s := &screens{began: map[string]time.Time{}, shown: map[string]time.Duration{}}
	cookie := w.session("sofia")
	for n := range many {
		w.stream(t, cookie, "", s.hears(n))
	}
	w.soon("all listen", func() bool { ready, _ := s.count(); return ready == many })
	anna := w.visitor("anna")
	for i := range times {
		text := fmt.Sprintf("letter-%d.", i)
		s.begin(desk.MessageLeft + " " + text)
		id := w.leave(website, fmt.Sprintf("+4420794%05d", i), "x", "en_GB", text)
		s.begin(desk.ThreadClaimed + " " + id.String())
		anna.expect("/thread/"+id.String()+"/claim", url.Values{"version": {"1"}, "view": {"view=all"}}, 200, "Yours now.")
	}
	w.soon("all have shown all", func() bool { _, shown := s.count(); return shown == 2*many*times })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range []string{desk.MessageLeft, desk.ThreadClaimed} {
		var took []time.Duration
		for what, d := range s.shown {
			if strings.HasPrefix(what, kind) {
				took = append(took, d)
			}
		}
		slices.Sort(took)
		p99 := took[len(took)*99/100]
		t.Logf("%s on %d screens, %d times: p50 %v, p99 %v", kind, many, times, took[len(took)/2].Round(time.Millisecond), p99.Round(time.Millisecond))
		if p99 > 500*time.Millisecond {
			t.Errorf("%s: p99 is %v", kind, p99)
		}
	}
}

func TestAStreamShowsOnlyTheChannelsAndNumbersThatOneMaySee(t *testing.T) { each(t, whatAStreamShows) }

func whatAStreamShows(t *testing.T, w *world) {
	operator := people.Operator(1)
	_, err := w.staff.Change(t.Context(), &operator, desk.Whom{Login: "anna"}, func(p *desk.Person) { p.Channels = []desk.ChannelID{website} })
	w.must(err)
	var mu sync.Mutex
	all := map[string]string{}
	for _, login := range []string{"anna", "sofia"} {
		w.stream(t, w.session(login), "", func(_, data string) {
			mu.Lock()
			defer mu.Unlock()
			all[login] += data
		})
	}
	w.leave(wechat, "13866667777", "x", "zh_CN", "不该看到")
	w.leave(website, "+44 20 7946 0958", "x", "en_GB", "may be seen")
	heard := func(login, what string) bool { mu.Lock(); defer mu.Unlock(); return strings.Contains(all[login], what) }
	w.soon("both have heard", func() bool {
		return heard("anna", "may be seen") && heard("sofia", "may be seen") && heard("sofia", "不该看到")
	})
	if heard("anna", "不该看到") || heard("anna", "6666") || heard("anna", "7946") || !heard("sofia", "7946") {
		t.Error("the stream says too much, or too little")
	}
}

func TestAFloodIsLookedAtAnewAndAnEndedSessionHearsNoMore(t *testing.T) {
	w := newWorld(t)
	b := w.tab("sofia", desktop)
	b.open("/?view=all")
	for i := range 300 {
		w.put(website, fmt.Sprintf("+4420794%05d", i), "x", "text")
	}
	b.until("the counts are right", `document.querySelector('#views [data-view=all] [data-n]').innerText === "300"`)
	b.until("the rows are there, or are offered", `document.querySelectorAll("#threads .row").length > 0 || !document.getElementById("fresh").hidden`)

	// She ends the session from another browser: her next click finds the door.
	other := w.visitor("sofia")
	_, text := other.get("/settings")
	other.expect("/settings/sessions/end", url.Values{"id": {find(t, text, `name="id" value="([0-9a-f]{64})"`)}}, 200, "Saved.")
	b.key("g")
	b.key("u")
	b.until("she is asked to sign in", `location.pathname === "/sign-in"`)
}
