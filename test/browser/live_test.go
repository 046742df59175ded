package browser

import (
	"bufio"
	"fmt"
	"net/http"
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

func TestAClaimIsOnFiftyScreensWithinHalfASecond(t *testing.T) {
	const screens, claims = 50, 20
	w := newWorld(t)
	var (
		mu    sync.Mutex
		at    = map[string]time.Time{} // when a thread was claimed
		took  []time.Duration
		ready int
	)
	cookie := w.session("sofia")
	for range screens {
		w.stream(t, cookie, "", func(event, data string) {
			now := time.Now()
			mu.Lock()
			defer mu.Unlock()
			if event == "hello" {
				ready++
			}
			if event == "thread" && strings.Contains(data, desk.ThreadClaimed) {
				for id, then := range at {
					if strings.Contains(data, `"id":"`+id+`"`) {
						took = append(took, now.Sub(then))
					}
				}
			}
		})
	}
	w.soon("all listen", func() bool { mu.Lock(); defer mu.Unlock(); return ready == screens })
	for i := range claims {
		id := w.leave(website, fmt.Sprintf("+4420794%05d", i), "x", "en_GB", "text")
		mu.Lock()
		at[id.String()] = time.Now()
		mu.Unlock()
		_, err := w.desk.Claim(t.Context(), w.actor("anna"), id, 0)
		w.must(err)
	}
	w.soon("all have heard of all", func() bool { mu.Lock(); defer mu.Unlock(); return len(took) >= screens*claims })
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	t.Logf("%d screens, %d claims: p50 %v, p99 %v", screens, claims, took[len(took)/2].Round(time.Millisecond), p99.Round(time.Millisecond))
	if p99 > 500*time.Millisecond {
		t.Errorf("p99 is %v", p99)
	}
}

func TestAStreamShowsOnlyTheChannelsAndNumbersThatOneMaySee(t *testing.T) {
	w := newWorld(t)
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
	b := w.tab(chromium(t), "sofia", desktop)
	b.open("/?view=all")
	for i := range 300 {
		w.put(website, fmt.Sprintf("+4420794%05d", i), "x", "text")
	}
	b.until("the counts are right", `document.querySelector('#views [data-view=all] [data-n]').innerText === "300"`)
	b.until("the rows are there, or are offered", `document.querySelectorAll("#threads .row").length > 0 || !document.getElementById("fresh").hidden`)

	operator := people.Operator(1)
	w.must(w.staff.EndSessions(t.Context(), &operator, w.people["sofia"].ID))
	b.do() // nothing is done: the next click finds the door
	b.key("g")
	b.key("u")
	b.until("she is asked to sign in", `location.pathname === "/sign-in"`)
}
