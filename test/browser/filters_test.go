package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/people"
)

// keep lets somebody keep a filter, past the pages.
func (w *world) keep(login, name, query string, shared bool) desk.Filter {
	w.t.Helper()
	f, err := w.desk.KeepFilter(w.t.Context(), w.actor(login), name, query, shared)
	w.must(err)
	return f
}

var (
	savedPane = regexp.MustCompile(`(?s)<nav id="saved".*?</nav>`)
	listTitle = regexp.MustCompile(`<h1 id="list-title">(.*?)</h1>`)
	rowsOf    = regexp.MustCompile(`<a class="row"`)
)

// has says what stands in the pane of saved filters.
func has(text, name string) bool {
	return strings.Contains(savedPane.FindString(text), "<bdi>"+name+"</bdi>")
}

func TestAFilterIsKeptRenamedSharedAndRemovedWithoutScripts(t *testing.T) {
	w := newWorld(t)
	w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	w.leave(wechat, "13866667777", "李伟", "zh_CN", "电饭煲加热不均匀")
	sofia, anna := w.visitor("sofia"), w.visitor("anna")
	const query = "channel=202611230000000001&order=urgent&view=all"
	if _, text := sofia.get("/?view=all"); strings.Contains(text, `action="/filters"`) {
		t.Error("a plain view can be kept")
	}
	_, text := sofia.get("/?view=all&order=urgent&channel=" + website.String() + "&outcome=&since=&before=")
	if got := find(t, text, `(?s)action="/filters".*?name="view" value="([^"]+)"`); got != query {
		t.Fatalf("what is to be kept is %q", got)
	}
	text = sofia.expect("/filters", url.Values{"view": {query}, "name": {"  Website & <urgent>  "}}, 200, "Filter saved.")
	if !strings.Contains(savedPane.FindString(text), "<bdi>Website & <urgent></bdi>") || !strings.Contains(savedPane.FindString(text), `aria-current="page"`) ||
		listTitle.FindStringSubmatch(text)[1] != "Website & <urgent>" || len(rowsOf.FindAllString(text, -1)) != 1 {
		t.Errorf("it is not open: %s", savedPane.FindString(text))
	}
	if strings.Contains(strings.Split(text, `<nav id="saved"`)[0], `aria-current="page"`) {
		t.Error("the view is open as well")
	}
	if _, text := anna.get("/"); has(text, "Website & <urgent>") {
		t.Error("somebody else has it")
	}
	path := find(t, text, `action="(/filters/\d+)"`)
	text = sofia.expect(path, url.Values{"view": {query}, "name": {"Website"}, "shared": {"1"}}, 200, "Filter changed.")
	if !has(text, "Website") {
		t.Error("it has not got its new name")
	}
	_, text = anna.get("/")
	href := find(t, savedPane.FindString(text), `<a href="([^"]+)"`)
	if href != "/?"+query || !has(text, "Website") {
		t.Errorf("everybody has it at %q", href)
	}
	_, text = anna.get(href)
	if strings.Contains(text, path) || !strings.Contains(text, `action="/filters"`) {
		t.Error("an agent can change what is shared, or cannot keep it for herself")
	}
	anna.expect(path, url.Values{"view": {query}, "name": {"x"}}, 403, "ask a supervisor")
	anna.expect(path+"/remove", url.Values{"view": {query}}, 403, "ask a supervisor")
	anna.expect("/filters", url.Values{"view": {query}, "name": {"mine"}, "shared": {"1"}}, 403, "")
	if text := sofia.expect(path+"/remove", url.Values{"view": {query}}, 200, "Filter removed."); has(text, "Website") {
		t.Error("it is still there")
	}
}

func TestWhatIsWrongWithAFilterIsSaidWhereItStands(t *testing.T) {
	w := newWorld(t)
	anna := w.visitor("anna")
	const query = "channel=202611230000000001&view=all"
	text := anna.expect("/filters", url.Values{"view": {query}, "name": {strings.Repeat("x", 65)}}, 422, "1 to 64 visible characters")
	if !strings.Contains(text, `value="`+strings.Repeat("x", 65)+`"`) {
		t.Error("what was typed is lost")
	}
	anna.expect("/filters", url.Values{"view": {query}, "name": {"one"}}, 200, "Filter saved.")
	anna.expect("/filters", url.Values{"view": {"q=x&view=all"}, "name": {"one"}}, 409, "of this name already")
	anna.expect("/filters", url.Values{"view": {"view=all&q=" + strings.Repeat("长", 300)}, "name": {"long"}}, 422, "too long")
	anna.expect("/filters", url.Values{"view": {"view=all&channel=x"}, "name": {"bad"}}, 422, "")
	for i := 1; i < desk.MaxFilters; i++ {
		w.keep("anna", fmt.Sprint("filter ", i), query, false)
	}
	anna.expect("/filters", url.Values{"view": {query}, "name": {"one more"}}, 422, "remove one first")
	w.speak("anna", "zh_CN")
	w.visitor("anna").expect("/filters", url.Values{"view": {query}, "name": {"one more"}}, 422, "请先删除一个")
}

func TestAnothersFilterIsNotThere(t *testing.T) {
	w := newWorld(t)
	const query = "channel=202611230000000001&view=all"
	annas, shared := w.keep("anna", "canary of anna", query, false), w.keep("sofia", "for all", query, true)
	second, err := w.Store.AddTenant(t.Context(), "second")
	w.must(err)
	root, _, err := w.staff.Create(t.Context(), new(people.Operator(second.ID)), desk.Person{Login: "root", Name: "Root", Role: desk.RoleAdministrator, Locale: "en"}, secretOf("root"))
	w.must(err)
	stranger := w.visitor("")
	stranger.expect("/sign-in", url.Values{"login": {"root"}, "password": {secretOf("root")}, "desk": {"second"}}, 200, "Nobody has left a message yet")
	form := url.Values{"view": {query}, "name": {"taken"}}
	for name, v := range map[string]visitor{"a colleague": w.visitor("bo"), "a supervisor": w.visitor("sofia"), "an administrator": w.visitor("admin"), "another tenant": stranger} {
		for _, f := range []desk.Filter{annas, shared} {
			if f.Shared && name != "another tenant" {
				continue
			}
			for _, path := range []string{fmt.Sprint("/filters/", f.ID), fmt.Sprint("/filters/", f.ID, "/remove")} {
				status, text := v.post(path, form)
				if status != 404 || strings.Contains(text, "canary of anna") || strings.Contains(text, "for all") && name == "another tenant" {
					t.Errorf("%s: %s of %q is %d", name, path, f.Name, status)
				}
			}
		}
		if _, text := v.get("/?" + query); has(text, "canary of anna") {
			t.Errorf("%s has it", name)
		}
	}
	if status, _ := w.visitor("anna").post("/filters/x/remove", form); status != 404 {
		t.Error("no number is a filter", status)
	}
	for who, want := range map[desk.PersonID]int{w.people["anna"].ID: 2, w.people["bo"].ID: 1} {
		if all, err := w.Store.FiltersOf(t.Context(), 1, who); err != nil || len(all) != want {
			t.Errorf("%d has %v, %v", who, all, err)
		}
	}
	if all, err := w.Store.FiltersOf(t.Context(), second.ID, root.ID); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
}

func TestAFilterWhoseChannelOrPersonIsGoneLeavesTheInboxAsItIs(t *testing.T) {
	w := newWorld(t)
	w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	gone, owner := w.keep("anna", "gone channel", "channel=202611230000000099&view=all", false), w.keep("anna", "gone person", "owner=99&view=all", false)
	broken := w.keep("anna", "broken", "channel=nonsense&view=later", false)
	w.keep("sofia", "hers", "channel="+wechat.String()+"&view=all", true)
	operator := people.Operator(1)
	_, err := w.staff.Change(t.Context(), &operator, desk.Whom{Login: "anna"}, func(p *desk.Person) { p.Channels = []desk.ChannelID{website} })
	w.must(err)
	anna := w.visitor("anna")
	for _, path := range []string{"/?view=all", "/settings", "/keys"} {
		status, text := anna.get(path)
		if status != 200 || !has(text, "gone channel") || !has(text, "gone person") || !has(text, "broken") || has(text, "hers") {
			t.Errorf("%s is %d, with %s", path, status, savedPane.FindString(text))
		}
	}
	for _, c := range []struct {
		f      desk.Filter
		status int
		say    string
	}{
		{gone, 404, "There is no such channel."},
		{owner, 200, "Nothing found"},
		{broken, 422, "There is no such view."},
	} {
		status, text := anna.get("/?" + c.f.Query)
		if status != c.status || !strings.Contains(text, c.say) || !has(text, c.f.Name) || c.f.ID != broken.ID && !strings.Contains(text, "selected>Not there any more<") {
			t.Errorf("%s is %d without %q", c.f.Name, status, c.say)
		}
		anna.expect(fmt.Sprint("/filters/", c.f.ID, "/remove"), url.Values{"view": {c.f.Query}}, c.status, "Filter removed.")
	}
	if _, text := anna.get("/?view=all"); savedPane.MatchString(text) && strings.Contains(savedPane.FindString(text), "<a ") {
		t.Error("what could not be opened could not be removed")
	}
}

func TestTheOrderStandsInTheAddressAndIsTheViewsOwnWithoutOne(t *testing.T) {
	w := newWorld(t)
	old := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "the oldest")
	w.leave(wechat, "13866667777", "李伟", "zh_CN", "newer")
	sofia := w.visitor("sofia")
	first := func(path string) string {
		_, text := sofia.get(path)
		return find(t, text, `<li id="t-(\d+)"`)
	}
	for path, oldest := range map[string]bool{
		"/?view=all": false, "/?view=all&order=newest": false, "/?view=all&order=urgent": true, "/?view=unclaimed&order=urgent": true,
		"/search?q=&view=all&order=urgent&channel=&since=day": true, "/?view=overdue&order=newest": false,
	} {
		if strings.Contains(path, "overdue") { // which has one order, and bears the question
			if status, _ := sofia.get(path); status != 200 {
				t.Errorf("%s is %d", path, status)
			}
			continue
		}
		if got := first(path) == old.String(); got != oldest {
			t.Errorf("%s: the oldest is first: %v", path, got)
		}
	}
	_, text := sofia.get("/?view=all&order=urgent&channel=" + website.String())
	for _, want := range []string{
		`id="order-urgent" href="/?channel=202611230000000001&order=urgent&view=all" hx-get="/?channel=202611230000000001&order=urgent&view=all" aria-current="true"`,
		`<input type="hidden" name="order" value="urgent">`, `/thread/` + old.String() + `?channel=202611230000000001&order=urgent&view=all"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	if status, _ := sofia.get("/?view=all&order=sideways"); status != 422 {
		t.Errorf("an order that is none: %d", status)
	}
	if _, text := sofia.get("/search?q=oldest&order=urgent"); strings.Contains(text, `id="order-`) {
		t.Error("a search offers an order that it has not")
	}
}

func TestSavedFiltersAreReachedByKeyAndCountedLive(t *testing.T) {
	w := newWorld(t)
	first := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "first")
	w.keep("anna", "Site", "channel="+website.String()+"&view=unclaimed", false)
	words := w.keep("anna", "Words", "q=charger&view=all", false)
	b := w.tab("anna", desktop)
	b.open("/?view=unclaimed")
	count := func(name string) string {
		return `[...document.querySelectorAll("#saved a")].find(a => a.innerText.startsWith("` + name + `")).querySelector("[data-n]")`
	}
	b.until("it is counted, and words are not", count("Site")+`.innerText === "1" && `+count("Words")+` === null`)
	b.key("g")
	b.key("1")
	b.until("it is open, in the pane and in the address", `document.getElementById("list-title").innerText === "Site" && location.search.includes("channel=`+website.String()+`") &&
		document.querySelectorAll(".views [aria-current]").length === 1 && document.querySelector("#saved [aria-current]").innerText.startsWith("Site")`)
	w.leave(wechat, "13866667777", "李伟", "zh_CN", "of another channel")
	b.until("the other count grows", `document.querySelector('[data-view=unclaimed] [data-n]').innerText === "2"`)
	if ask[string](b, count("Site")+`.innerText`) != "1" || !ask[bool](b, `document.getElementById("fresh").hidden`) {
		t.Error("what is of another channel arrives here")
	}
	w.leave(website, "+44 7911 123456", "Priya", "en_GB", "second")
	b.until("what fits is counted, and announced", count("Site")+`.innerText === "2" && !document.getElementById("fresh").hidden`)
	b.key("r")
	b.until("it is there", `document.querySelectorAll("#threads .row").length === 2 && location.search.includes("channel=")`)
	b.key("o")
	b.until("the most urgent is first", `location.search.includes("order=urgent") && document.querySelector("#threads li").dataset.id === "`+first.String()+`" && document.querySelector("#order-urgent").hasAttribute("aria-current")`)
	b.key("j")
	b.key("c")
	b.until("an act leaves the pane as it is, but for the counts", pane+`.includes("Yours now.") && document.querySelector('[data-view=mine] [data-n]').innerText === "1" && document.querySelector(".views [aria-current]").dataset.view === "unclaimed"`)
	b.until("its row has left the list", `document.querySelector("#threads li").classList.contains("left")`)
	b.until("and the count", count("Site")+`.innerText === "1"`)
	w.must(w.desk.RemoveFilter(t.Context(), w.actor("anna"), words.ID))
}

func TestSavedFiltersAreMadeAndRemovedByKeyboardAlone(t *testing.T) {
	w := newWorld(t)
	w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "first")
	b := w.tab("sofia", desktop)
	b.open("/search?q=first&view=all")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".filter button").focus()`))
	tabTo := func(selector string) {
		t.Helper()
		for range 24 {
			if ask[bool](b, `document.activeElement.matches('`+selector+`')`) {
				return
			}
			b.key("\t")
		}
		t.Fatalf("%s is not reached: %s", selector, ask[string](b, `document.activeElement.outerHTML`))
	}
	tabTo(`.keep [name=name]`)
	b.key("First ones 第一")
	tabTo(`.keep [name=shared]`)
	b.key(" ")
	tabTo(`.keep button`)
	b.key("\r")
	b.until("it is kept, and read out", scripted+` && document.querySelector("#saved [aria-current]")?.innerText === "First ones 第一" && document.querySelector("#rows [role=status]").innerText === "Filter saved."`)
	if all, err := w.Store.FiltersOf(t.Context(), 1, w.people["bo"].ID); err != nil || len(all) != 1 || !all[0].Shared {
		t.Fatal(all, err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".filters > summary").focus()`))
	b.key("\r")
	b.until("the panel is open", `document.querySelector(".filters").open`)
	tabTo(`.remove > summary`)
	b.key("\r")
	tabTo(`.remove button`)
	b.key("\r")
	b.until("it is removed", scripted+` && document.getElementById("saved").hidden && document.querySelector("#rows [role=status]").innerText === "Filter removed."`)
}

func TestSavedFiltersAreAccessibleInBothThemesAndLanguages(t *testing.T) {
	w := newWorld(t)
	ids := w.used()
	query := "channel=" + website.String() + "&order=urgent&view=all"
	w.keep("sofia", "Website, urgent", query, true)
	w.keep("sofia", "退款和发票", "q=%E5%8F%91%E7%A5%A8&view=all", false)
	w.keep("sofia", "A name that is as long as one can be, which is 64 characters, x", "owner=99&view=mine", false)
	_, err := w.desk.Call(t.Context(), w.actor("sofia"), ids[0], 0, handling.Call{Outcome: desk.LineBusy})
	w.must(err)
	for _, locale := range []string{"en", "zh_CN"} {
		w.speak("sofia", locale)
		b := w.tab("sofia", desktop)
		for name, path := range map[string]string{
			"kept": "/?" + query, "found": "/search?q=%E5%8F%91&view=all&since=week", "gone": "/?channel=202611230000000099&view=all",
			"thread": "/thread/" + ids[6].String() + "?" + query,
		} {
			b.open(path)
			b.do(chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll(".filters, .remove")) d.open = true`))
			for theme, l := range map[string]look{"light": desktop, "dark": night, "phone": phone} {
				b.as(l)
				if over := ask[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s %s %s is %d pixels too wide", path, locale, theme, over)
				}
				b.accessible(path + " " + locale + " " + theme)
				b.shoot("saved-" + name + "-" + theme + "-" + locale)
			}
			b.as(desktop)
		}
	}
}

func TestTheAddressBarKeepsTheWholeFilterThroughEverythingThatIsDone(t *testing.T) {
	w := newWorld(t)
	id := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	anna := w.visitor("anna")
	const query = "channel=202611230000000001&order=urgent&since=week&view=all"
	for act, form := range map[string]url.Values{"claim": {}, "reveal": {}, "note": {"text": {"x"}}, "call": {"outcome": {"busy"}}, "snooze": {"until": {"1h"}}} {
		form.Set("view", query)
		r, err := anna.c.PostForm(w.url+"/thread/"+id.String()+"/"+act, form)
		w.must(err)
		for name, want := range map[string]string{"channel": website.String(), "order": "urgent", "since": "week", "view": "all"} {
			if got := r.Request.URL.Query().Get(name); got != want {
				t.Errorf("after %s, %s is %q", act, name, got)
			}
		}
		_ = r.Body.Close()
	}
	b := w.tab("anna", desktop)
	b.open("/search?q=&view=all&channel=" + website.String() + "&owner=&outcome=busy&since=week")
	b.key("j")
	b.key("c") // claimed where it stands
	const whole = `["channel=202611230000000001", "outcome=busy", "since=week"].every(s => location.search.includes(s))`
	b.until("the address is the thread's, with the filter", pane+`.includes("Yours now.") && location.pathname === "/thread/`+id.String()+`" && `+whole)
	b.key("1")
	b.until("and stays so", pane+`.includes("Call noted.") && location.pathname === "/thread/`+id.String()+`" && `+whole)
	b.until("the way back has it, too", `document.querySelector("a.back").search.includes("outcome=busy")`)
	b.open(ask[string](b, `location.pathname + location.search`))
	b.until("it can be loaded again", pane+`.includes("The charger")`)
}

func TestWhoHasToSignInAgainComesBackToWhereSheWas(t *testing.T) {
	w := newWorld(t)
	for was, want := range map[string]string{
		"https://desk.example/search?q=%E9%80%80&view=all": "/sign-in?next=%2Fsearch%3Fq%3D%25E9%2580%2580%26view%3Dall",
		"https://evil.example//evil.example/":              "/sign-in",
		"javascript:alert(1)":                              "/sign-in",
		"":                                                 "/sign-in",
	} {
		r, err := http.NewRequest(http.MethodGet, w.url+"/thread/1?view=all", nil)
		w.must(err)
		r.Header.Set("HX-Request", "true")
		r.Header.Set("HX-Current-URL", was)
		answer, err := http.DefaultClient.Do(r)
		w.must(err)
		_ = answer.Body.Close()
		if got := answer.Header.Get("HX-Redirect"); got != want || answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("from %q to %q, want %q (%d)", was, got, want, answer.StatusCode)
		}
	}
}

func TestANumberIsFoundHoweverItIsWrittenAndEveryFilterNarrows(t *testing.T) {
	w := newWorld(t)
	mobile := w.leave(wechat, "13866667777", "李伟", "zh_CN", "电饭煲加热不均匀")
	london := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "The charger is the wrong one.")
	beijing := w.leave(wechat, "010-6552 1234", "王芳", "zh_CN", "净水器")
	masked := w.leave(wechat, "137****8888", "陈静", "zh_CN", "发票")
	_, err := w.desk.Claim(t.Context(), w.actor("anna"), mobile, 0)
	w.must(err)
	_, err = w.desk.Call(t.Context(), w.actor("anna"), mobile, 0, handling.Call{Outcome: desk.NoAnswer})
	w.must(err)
	_, err = w.desk.Close(t.Context(), w.actor("anna"), masked, 0, "done")
	w.must(err)
	sofia := w.visitor("sofia")
	found := func(query string) (ids []string) {
		t.Helper()
		status, text := sofia.get("/search?" + query)
		if status != 200 {
			t.Errorf("%s is %d", query, status)
		}
		for _, m := range regexp.MustCompile(`<li id="t-(\d+)"`).FindAllStringSubmatch(text, -1) {
			ids = append(ids, m[1])
		}
		return ids
	}
	for id, forms := range map[desk.ID][]string{
		mobile:  {"13866667777", "+86 138 6666 7777", "+8613866667777", "0086 138-6666-7777", "138 6666 7777", "１３８６６６６７７７７", "7777", "66667777", "李伟"},
		london:  {"+44 20 7946 0958", "+442079460958", "0044 20 7946 0958", "+44 (0)20 7946 0958", "020 7946 0958", "02079460958", "0958", "7946 0958", "emily"},
		beijing: {"010-6552 1234", "01065521234", "+86 10 6552 1234", "+861065521234", "(010) 6552-1234", "1234", "65521234", "净水"},
	} {
		for _, form := range forms {
			if got := found(url.Values{"q": {form}}.Encode()); len(got) != 1 || got[0] != id.String() {
				t.Errorf("%q finds %q, want %s", form, got, id)
			}
		}
	}
	for query, want := range map[string][]desk.ID{
		"q=8888":                                                             nil, // it is closed, and the page offers to look there
		"q=8888&view=closed":                                                 {masked},
		"q=137****8888&view=closed":                                          {masked},
		"q=%E9%94%85&view=all":                                               nil,
		"view=unclaimed&channel=" + wechat.String():                          {beijing},
		"view=all&owner=" + w.people["anna"].ID.String():                     {mobile},
		"view=all&owner=" + w.people["bo"].ID.String():                       nil,
		"view=all&outcome=no_answer":                                         {mobile},
		"view=all&outcome=busy":                                              nil,
		"view=all&since=day&channel=" + website.String():                     {london},
		"q=7777&outcome=no_answer&channel=" + wechat.String() + "&since=day": {mobile},
		"q=7777&channel=" + website.String():                                 nil,
	} {
		got := found(query)
		var ids []string
		for _, id := range want {
			ids = append(ids, id.String())
		}
		if strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("%s finds %q, want %q", query, got, ids)
		}
	}
	if _, text := sofia.get("/search?q=8888"); !strings.Contains(text, `<a href="/search?q=8888&view=closed">Search closed threads, too</a>`) {
		t.Error("nobody says where to look further")
	}
}

func TestEveryStateOfAThreadCanBeLookedForAndKept(t *testing.T) {
	w := newWorld(t)
	given := w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", "charger: given away")
	held := w.leave(website, "+44 20 7946 0959", "Priya", "en_GB", "charger: held")
	w.leave(website, "+44 20 7946 0960", "Jo", "en_GB", "charger: free")
	_, err := w.desk.Assign(t.Context(), w.actor("sofia"), given, 0, w.people["anna"].ID)
	w.must(err)
	_, err = w.desk.Claim(t.Context(), w.actor("bo"), held, 0)
	w.must(err)
	sofia := w.visitor("sofia")
	for view, want := range map[string]struct{ id, name string }{"assigned": {given.String(), "Assigned"}, "working": {held.String(), "Being called"}} {
		for _, path := range []string{"/?view=" + view, "/search?view=" + view + "&q=charger", "/?view=" + view + "&channel=" + website.String()} {
			status, text := sofia.get(path)
			if rows := rowsOf.FindAllString(text, -1); status != 200 || len(rows) != 1 || !strings.Contains(text, `id="t-`+want.id+`"`) ||
				!strings.Contains(text, `<option value="`+view+`" selected>`+want.name+`</option>`) {
				t.Errorf("%s is %d, with %d rows", path, status, len(rows))
			}
		}
		text := sofia.expect("/filters", url.Values{"view": {"view=" + view}, "name": {"kept " + view}}, 200, "Filter saved.")
		if pane := savedPane.FindString(text); !regexp.MustCompile(`kept ` + view + `</bdi></span><span class="n" data-n>1<`).MatchString(pane) {
			t.Errorf("it is not counted: %s", pane)
		}
	}
}
