package browser

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

// key presses one key as a keyboard does.
func (b *tab) key(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// until waits until a script in the page says true.
func (b *tab) until(what, script string) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !b.holds("(() => { try { return Boolean(" + script + ") } catch { return false } })()") { // a part may be missing for a moment
		if time.Now().After(deadline) {
			b.shoot("failed")
			b.t.Fatalf("this did not come true: %s (%s)\n%s", what, script, ask[string](b, `document.activeElement.outerHTML.slice(0, 200) + "\n" + document.body.innerText`))
		}
		time.Sleep(15 * time.Millisecond)
	}
}

// holds: a page that is on its way to another one has no answer, which is no yes.
func (b *tab) holds(script string) bool {
	b.t.Helper()
	yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script))
	var moved *cdproto.Error
	if err != nil && !errors.As(err, &moved) {
		b.t.Fatalf("%s: %v", script, err)
	}
	return err == nil && yes
}

func (w *world) thread(id desk.ID) desk.Thread {
	w.t.Helper()
	th, err := w.Store.Thread(w.t.Context(), 1, id)
	w.must(err)
	return th
}

const pane = `(document.querySelector("#thread article")?.innerText ?? "").replace(/[\u2068\u2069]/g, "")`

func TestAnAgentsDayByKeyboardAlone(t *testing.T) { each(t, anAgentsDay) }

func anAgentsDay(t *testing.T, w *world) {
	first := w.leave(website, "+44 20 7946 0958", "Emily Carter", "en_GB", "The charger is the wrong one.")
	second := w.leave(wechat, "13866667777", "李伟", "zh_CN", "电饭煲加热不均匀")
	b := w.tab("", desktop)
	b.open("/")
	b.until("the door is there", `location.pathname === "/sign-in" && document.activeElement.id === "login"`)
	b.key("anna")
	b.key("\t")
	b.key(secretOf("anna"))
	b.key("\r")
	b.until("she is in", `location.pathname === "/" && document.querySelectorAll("#threads .row").length === 2`)

	b.until("the scripts run", scripted)
	b.key("j") // the newest first
	b.key("j")
	b.until("the second row has the focus", `document.activeElement.closest("li")?.dataset.id === "`+first.String()+`"`)
	b.key("\r")
	b.until("it is open", pane+`.includes("wrong one")`)
	b.until("the focus stays in the list", `document.activeElement.classList.contains("row")`)
	b.key("c")
	b.until("it is hers", pane+`.includes("Yours now.")`)
	if th := w.thread(first); th.State != desk.Working || th.Owner != w.people["anna"].ID {
		t.Fatalf("not claimed: %+v", th)
	}
	b.until("the number is masked", `!document.body.innerText.includes("7946")`)
	b.key("s")
	b.until("the number is shown", `document.getElementById("caller").innerText === "+44 20 7946 0958" && document.querySelector("#caller a").getAttribute("href") === "tel:+442079460958"`)
	shown, err := w.Store.Deeds(t.Context(), 1, desk.DeedQuery{Action: desk.NumberShown, Limit: 10})
	w.must(err)
	if len(shown) != 1 || shown[0].Object != "thread:"+first.String() || shown[0].Name != "Anna Keller" {
		t.Fatalf("the audit log says %+v", shown)
	}

	b.key("n")
	b.until("the note has the focus", `document.activeElement.id === "text"`)
	b.key("She wants a UK plug.")
	b.key("\x1b")
	b.until("the focus is back in the list", `document.activeElement.classList.contains("row")`)
	b.key("1")
	b.until("the call is noted", pane+`.includes("Anna Keller called: Reached") && `+pane+`.includes("She wants a UK plug.")`)
	b.until("the number is still shown", `document.getElementById("caller").innerText.includes("7946")`)
	b.key("e")
	b.until("it is closed", pane+`.includes("Closed.")`)
	if th := w.thread(first); th.State != desk.Closed || th.Outcome != desk.Reached {
		t.Fatalf("not closed: %+v", th)
	}
	b.key("u")
	b.until("it is open again", pane+`.includes("Undone.")`)
	b.key("e")
	b.until("it is closed again", pane+`.includes("Closed.")`)
	w.dayGoesOn(b, second)
}

// dayGoesOn is the second call of the day: nobody answers, the thread is put off
// and found again.
func (w *world) dayGoesOn(b *tab, second desk.ID) {
	w.t.Helper()
	b.key("g")
	b.key("u")
	b.until("the view is there", `document.getElementById("list-title").innerText === "Unclaimed" && document.querySelectorAll("#threads .row").length === 1`)
	b.key("j")
	b.key("c") // claimed where it stands, without opening it first
	b.until("it is hers", pane+`.includes("电饭煲") && `+pane+`.includes("Yours now.")`)
	b.key("z")
	b.until("snooze has the focus", `document.activeElement.id === "until"`)
	b.key("\r")
	b.until("it waits", pane+`.includes("Snoozed.")`)
	if th := w.thread(second); th.State != desk.Waiting {
		w.t.Fatalf("not waiting: %+v", th)
	}
	b.key("g")
	b.key("w")
	b.until("it is among those that wait", `document.getElementById("list-title").innerText === "Waiting" && document.querySelectorAll("#threads .row").length === 1`)
	b.key("?")
	b.until("the sheet is open", `document.getElementById("sheet").open`)
	b.key("\x1b")
	b.until("the sheet is closed", `!document.getElementById("sheet").open`)
	b.key("/")
	b.until("search has the focus", `document.activeElement.id === "q"`)
}

func TestTwoWhoWantOneThreadAndTheSecondIsToldWhoWon(t *testing.T) { each(t, twoWhoWantOneThread) }

func twoWhoWantOneThread(t *testing.T, w *world) {
	id := w.leave(website, "+44 20 7946 0958", "Emily Carter", "en_GB", "The charger is the wrong one.")
	anna, sofia, bo := w.tab("anna", desktop), w.tab("sofia", desktop), w.tab("bo", desktop)
	for _, b := range []*tab{anna, bo} {
		b.open("/thread/" + id.String() + "?view=unclaimed")
	}
	sofia.open("/?view=unclaimed")
	sofia.until("she sees it", `document.querySelectorAll("#threads .row").length === 1`)
	// His page stays as it is while she claims: the race is between two clicks.
	ask[bool](bo, `(() => { window.stop(); return true })()`)
	anna.key("c")
	anna.until("it is hers", pane+`.includes("Yours now.")`)
	claimed := time.Now()
	sofia.until("the others see who has it", `document.querySelector("#threads li").innerText.includes("Anna Keller")`)
	t.Logf("on the other screen %v after the answer", time.Since(claimed).Round(time.Millisecond))
	sofia.until("it has left the view in its place", `document.querySelector("#threads li").classList.contains("left") && document.querySelector('[data-view=unclaimed] [data-n]').innerText === "0"`)
	status := ask[int](bo, fmt.Sprintf(`fetch("/thread/%s/claim", {method: "POST", body: new URLSearchParams({version: "1", view: "view=unclaimed"}),
		headers: {"HX-Request": "true", "HX-Target": "thread"}}).then(async r => { document.getElementById("thread").innerHTML = await r.text(); return r.status })`, id))
	if status != http.StatusConflict {
		t.Fatalf("the second claim was answered %d", status)
	}
	bo.until("he is told who won, in his language", pane+`.includes("Anna Keller") && `+pane+`.includes("已领取此会话")`)
	if th := w.thread(id); th.Owner != w.people["anna"].ID {
		t.Fatalf("it belongs to %v", th.Owner)
	}
}

func TestWhatArrivesWaitsAboveAndTheFocusStays(t *testing.T) {
	w := newWorld(t)
	first := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "first")
	b := w.tab("anna", desktop)
	b.open("/?view=unclaimed")
	b.key("j")
	b.until("the row has the focus", `document.activeElement.closest("li")?.dataset.id === "`+first.String()+`"`)
	top := ask[float64](b, `document.activeElement.getBoundingClientRect().top`)
	w.leave(wechat, "13866667777", "李伟", "zh_CN", "second")
	b.until("it says that one waits, and reads it out", `!document.getElementById("fresh").hidden && document.getElementById("live").innerText.includes("1 new message")`)
	if ask[string](b, `document.activeElement.closest("li")?.dataset.id ?? ""`) != first.String() || ask[int](b, `document.querySelectorAll("#threads .row").length`) != 1 {
		t.Fatal("the focus jumped, or the row was put in")
	}
	if now := ask[float64](b, `document.activeElement.getBoundingClientRect().top`); now != top {
		t.Errorf("the row moved from %v to %v", top, now)
	}
	b.key("r")
	b.until("now it is there", `document.querySelectorAll("#threads .row").length === 2 && document.getElementById("fresh").hidden`)
}

func TestALineThatIsCutSaysSoAndCatchesUp(t *testing.T) { each(t, aLineThatIsCut) }

func aLineThatIsCut(t *testing.T, w *world) {
	id := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "first")
	b := w.tab("sofia", desktop)
	b.open("/?view=all")
	b.until("the row is there", `document.querySelectorAll("#threads .row").length === 1`)
	_, err := w.desk.Claim(t.Context(), w.actor("anna"), id, 0)
	w.must(err)
	b.until("the stream is live", `document.querySelector("#threads li").innerText.includes("Anna Keller")`)
	w.line.cut()
	b.until("it says that the line is down", `!document.getElementById("down").hidden && document.getElementById("down").innerText.includes("The line is down")`)
	b.shoot("down")
	_, err = w.desk.Release(t.Context(), w.actor("anna"), id, 0)
	w.must(err)
	_, err = w.desk.Claim(t.Context(), w.actor("bo"), id, 0)
	w.must(err)
	w.line.heal()
	b.until("the line is back", `document.getElementById("down").hidden`)
	b.until("what happened meanwhile is there", `document.querySelector("#threads li").innerText.includes("王波")`)
}

func TestEverythingWorksWithoutScripts(t *testing.T) {
	w := newWorld(t)
	id := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	jar, err := cookiejar.New(nil)
	w.must(err)
	c := &http.Client{Jar: jar}
	send := func(path string, form url.Values) (int, string, string) {
		r, err := c.PostForm(w.url+path, form)
		w.must(err)
		at := r.Request.URL.RequestURI()
		status, text := body(t, r)
		return status, at, text
	}
	if status, at, _ := send("/sign-in", url.Values{"login": {"anna"}, "password": {"wrong wrong wrong"}}); status != http.StatusUnauthorized || at != "/sign-in" {
		t.Fatalf("a wrong password: %d %s", status, at)
	}
	if status, at, _ := send("/sign-in", url.Values{"login": {"anna"}, "password": {secretOf("anna")}, "next": {"/?view=all"}}); status != 200 || at != "/?view=all" {
		t.Fatalf("signing in: %d %s", status, at)
	}
	path := "/thread/" + id.String()
	_, text := w.get(c, path+"?view=all")
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(text)[1]
	for _, step := range []struct {
		act, say string
		form     url.Values
	}{
		{"claim", "Yours now.", url.Values{"version": {version}}},
		{"note", "Note added.", url.Values{"text": {"in the evening"}}},
		{"reveal", "+44 20 7946 0958", url.Values{}},
		{"call", "Call noted.", url.Values{"outcome": {"no_answer"}}},
		{"undo", "Undone.", url.Values{}},
		{"snooze", "Snoozed.", url.Values{"until": {"tomorrow"}}},
		{"close", "Closed.", url.Values{"text": {"done"}}},
		{"reopen", "Open again.", url.Values{}},
		{"release", "Given back.", url.Values{}},
	} {
		step.form.Set("view", "view=all")
		status, at, text := send(path+"/"+step.act, step.form)
		if status != 200 || !strings.HasPrefix(at, path+"?") || !strings.Contains(html.UnescapeString(text), step.say) {
			t.Errorf("%s: %d %s, and %q is not there", step.act, status, at, step.say)
		}
	}
	status, _, text := send(path+"/note", url.Values{"text": {""}, "view": {"view=all"}})
	if status != http.StatusUnprocessableEntity || !strings.Contains(text, "Write something first") {
		t.Errorf("an empty note: %d", status)
	}
	if status, at, _ := send("/sign-out", nil); status != 200 || !strings.HasPrefix(at, "/sign-in") {
		t.Errorf("signing out: %d %s", status, at)
	}
	if _, text := w.get(c, "/"); !strings.Contains(text, `name="password"`) {
		t.Error("still signed in")
	}
}

func TestASearchIsAnAddressToSendToAColleague(t *testing.T) { each(t, aSearch) }

func aSearch(t *testing.T, w *world) {
	w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	w.leave(wechat, "13866667777", "李伟", "zh_CN", "我上周买的电饭煲加热不均匀")
	b := w.tab("sofia", desktop)
	b.open("/")
	for words, want := range map[string]string{"charger": "charger", "电饭": "电饭煲", "7777": "电饭煲", "+44 (20) 7946-0958": "charger"} {
		b.key("/")
		b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("q").select()`))
		b.key(words + "\r")
		// The address is a part of it: the page before may show the same row.
		b.until("it is found: "+words, `location.pathname === "/search" && new URLSearchParams(location.search).get("q") === `+strconv.Quote(words)+` && `+scripted+` && document.querySelectorAll("#threads .row").length === 1 && document.getElementById("threads").innerText.includes("`+want+`")`)
	}
	b.open("/search?q=nothing+like+it")
	b.until("it says so", `document.getElementById("rows").innerText.includes("Nothing found")`)
}

func TestAForgedFormIsRefused(t *testing.T) {
	w := newWorld(t)
	id := w.leave(website, "1", "x", "en_GB", "text")
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r, err := http.NewRequest(http.MethodPost, w.url+"/thread/"+id.String()+"/claim", strings.NewReader("view=all"))
		w.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(header, value)
		r.AddCookie(&http.Cookie{Name: people.SessionCookie, Value: w.session("anna")})
		answer, err := http.DefaultClient.Do(r)
		w.must(err)
		if status, _ := body(t, answer); status != http.StatusForbidden || w.thread(id).Owner != 0 {
			t.Errorf("%s: %d", header, status)
		}
	}
}
