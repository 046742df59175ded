package browser

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/afterbeep/afterbeep/internal/desk"
)

//go:embed testdata/axe.min.js
var axe string

// payloads are texts that would do something if they were more than text: 200
// of them, each shape in each disguise.
func payloads() []string {
	const bad = `alert(1)`
	shapes := []string{
		`<script>` + bad + `</script>`, `<img src=x onerror=` + bad + `>`, `<svg onload=` + bad + `>`, `<svg><script>` + bad + `</script></svg>`,
		`"><script>` + bad + `</script>`, `'><img src=x onerror=` + bad + `>`, `" autofocus onfocus=` + bad + ` x="`, `' onmouseover=` + bad + ` '`,
		`javascript:` + bad, `<a href="javascript:` + bad + `">x</a>`, `<iframe src="https://evil.example/"></iframe>`, `<iframe srcdoc="<script>` + bad + `</script>">`,
		`<object data="https://evil.example/x">`, `<embed src="https://evil.example/x">`, `<link rel=stylesheet href="https://evil.example/x.css">`,
		`<style>@import "https://evil.example/x.css";</style>`, `<meta http-equiv=refresh content="0;url=https://evil.example/">`, `<base href="https://evil.example/">`,
		`<form action="https://evil.example/"><button autofocus>x</button></form>`, `<video src="https://evil.example/v" autoplay onerror=` + bad + `>`,
		`<details open ontoggle=` + bad + `>`, `<input autofocus onfocus=` + bad + `>`, `<marquee onstart=` + bad + `>`, `<body onload=` + bad + `>`,
		`</textarea><script>` + bad + `</script>`, `</title><script>` + bad + `</script>`, `--><script>` + bad + `</script>`, `]]><script>` + bad + `</script>`,
		`{{constructor.constructor('` + bad + `')()}}`, `${` + bad + `}`, `<img src="https://evil.example/pixel.png">`, `<div hx-get="https://evil.example/" hx-trigger=load>`,
		`<div hx-on:load="` + bad + `">`, `<b data-hx-get="/settings" hx-trigger="load">`, `<math><mtext><img src=x onerror=` + bad + `></math>`, `<template><script>` + bad + `</script></template>`,
		`<noscript><img src=x onerror=` + bad + `></noscript>`, "\u202e<script>" + bad + "</script>", "<scr\u200bipt>" + bad + "</script>", `<a href="https://evil.example/" ping="https://evil.example/p">x</a>`,
	}
	var all []string
	for _, s := range shapes {
		all = append(all, s, strings.ToUpper(s), "text\n"+s+"\nmore", s+s, strings.ReplaceAll(s, " ", "\t"))
	}
	return all
}

func TestWhatStrangersWroteIsText(t *testing.T) {
	w := newWorld(t)
	all := payloads()
	if len(all) < 200 {
		t.Fatalf("%d payloads", len(all))
	}
	var ids []desk.ID
	for i, text := range all {
		ids = append(ids, w.put(website, fmt.Sprintf("+4420794%05d", i), text, text))
	}
	w.soon("all are sorted", func() bool {
		counts, err := w.desk.Counts(t.Context(), w.actor("anna"))
		w.must(err)
		return counts[desk.ViewAll] == len(all)
	})
	b := w.tab("sofia", desktop)
	dialogs, foreign := w.watch(b)
	w.control(b, dialogs, foreign)
	b.open("/?view=all")
	for ask[bool](b, `Boolean(document.querySelector("[data-more]"))`) {
		n := ask[int](b, `document.querySelectorAll("#threads .row").length`)
		b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-more]").click()`))
		b.until("there are more rows", fmt.Sprintf(`document.querySelectorAll("#threads .row").length > %d`, n))
	}
	if n := ask[int](b, `document.querySelectorAll("#threads .row").length`); n != len(all) {
		t.Errorf("%d rows of %d", n, len(all))
	}
	for i, id := range ids {
		got := ask[string](b, fmt.Sprintf(`fetch("/thread/%s?view=all", {headers: {"HX-Request": "true", "HX-Target": "thread"}}).then(async r => {
			htmx.swap("#thread", await r.text(), {swapStyle: "innerHTML"}); await new Promise(requestAnimationFrame);
			return [...document.querySelectorAll("#t-said .said")].map(e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join("")).join("|") })`, id))
		if want := strings.NewReplacer("\u202e", "", "\u200b", "").Replace(all[i]); got != want {
			t.Errorf("%q is shown as %q", want, got)
		}
	}
	for _, path := range []string{"/thread/" + ids[0].String() + "/print", "/thread/" + ids[1].String(), "/search?q=%3Cscript%3Ealert(1)%3C/script%3E&view=all&owner=1"} {
		b.open(path)
	}
	if d, f := dialogs.Load(), foreign.Load(); d != 0 || f != 0 {
		t.Errorf("%d dialogs, %d foreign requests", d, f)
	}
}

// watch counts what must not happen.
func (w *world) watch(b *tab) (dialogs, foreign *atomic.Int64) {
	w.t.Helper()
	dialogs, foreign = &atomic.Int64{}, &atomic.Int64{}
	call(b, page.Enable, page.EnableParams{})
	call(b, network.Enable, network.EnableParams{})
	w.must(chromedp.Listen(b.ctx, func(ev any) {
		switch e := ev.(type) {
		case *page.EventJavascriptDialogOpening:
			dialogs.Add(1)
			go func() {
				_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
			}()
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, w.url) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") {
				foreign.Add(1)
			}
		}
	}))
	return dialogs, foreign
}

// control shows that the counters count: a page that does what ours must not.
func (w *world) control(b *tab, dialogs, foreign *atomic.Int64) {
	w.t.Helper()
	w.line.wicked.Store(true)
	b.do(chromedp.Navigate(w.url + "/"))
	w.soon("the control is seen", func() bool { return dialogs.Load() > 0 && foreign.Load() > 0 })
	w.line.wicked.Store(false)
	dialogs.Store(0)
	foreign.Store(0)
}

type violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

// accessible fails for everything that axe finds on the page.
func (b *tab) accessible(name string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe))
	raw := ask[string](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations))`)
	var found []violation
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	for _, v := range found {
		for _, n := range v.Nodes {
			b.t.Errorf("%s: %s (%s): %s\n%s", name, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

func TestEveryPageIsAccessibleInBothThemesAndLanguages(t *testing.T) {
	w := newWorld(t)
	ids := w.used()
	thread := "/thread/" + ids[6].String() + "?view=all"
	pages := map[string][]string{
		"": {"/sign-in"},
		"admin": {
			"/?view=all", "/?view=overdue", "/?order=urgent&view=all", "/search?q=&view=all", thread + "&did=claim", "/thread/" + ids[6].String() + "/print", "/keys", "/thread/1",
			"/settings", "/settings/people", "/settings/people/1", "/settings/channels", "/settings/channels/" + website.String(),
			"/settings/apps", "/settings/keys", "/settings/audit",
		},
		"anna": {thread},
	}
	for login, paths := range pages {
		for _, locale := range []string{"en", "zh_CN"} {
			if login != "" {
				w.speak(login, locale)
			}
			b := w.tab(login, desktop)
			for _, path := range paths {
				if login == "" {
					path += "?lang=" + locale
				}
				b.open(path)
				for _, l := range []look{desktop, phone, mirrored, zoomed, narrow} {
					for _, misfit := range b.misfits(l) {
						t.Errorf("%s %s: %s", path, locale, misfit)
					}
				}
				for theme, l := range map[string]look{"light": desktop, "dark": night, "phone": phone} {
					b.as(l)
					b.accessible(login + " " + path + " " + locale + " " + theme)
				}
				b.as(desktop)
			}
		}
	}
}

// misfits says when a page must be pushed from side to side, or scrolls beside
// what scrolls in it.
func (b *tab) misfits(l look) (all []string) {
	b.t.Helper()
	b.as(l)
	// Not innerWidth: on a telephone that grows with what is too wide.
	if over := ask[int](b, `document.documentElement.scrollWidth`) - int(l.width); over > 0 {
		all = append(all, fmt.Sprintf("%d pixels too wide for %+v", over, l))
	}
	if ask[bool](b, `[...document.querySelectorAll(".sheet, .pane")].some(e => getComputedStyle(e).overflowY === "auto") && document.documentElement.scrollHeight > innerHeight`) {
		all = append(all, fmt.Sprintf("scrolls twice for %+v", l))
	}
	return all
}

func TestAPageThatDoesNotFitIsSeen(t *testing.T) {
	w := newWorld(t)
	b := w.tab("admin", desktop)
	b.open("/settings/people")
	for _, l := range []look{desktop, phone} {
		if found := b.misfits(l); len(found) > 0 {
			t.Errorf("%+v: %q", l, found)
		}
	}
	b.do(chromedp.Evaluate[chromedp.Void](`{
		const hidden = document.createElement("span"), sheet = document.querySelector(".sheet")
		hidden.className = "vh"
		hidden.style.top = "3000px"
		sheet.append(hidden)
		for (const e of [sheet, document.querySelector(".table")]) e.style.position = "static" }`))
	for _, l := range []look{desktop, phone} {
		if found := b.misfits(l); len(found) != 1 {
			t.Errorf("%+v: %q", l, found)
		}
	}
}

func TestTheFirstWordsOfAMessageAreShownInWhicheverDirectionItIsWritten(t *testing.T) {
	w := newWorld(t)
	w.leave(website, "+1 212 736 5000", "سارة", "ar_EG", strings.Repeat("مرحبا، أريد تغيير عنوان التسليم ", 5))
	w.leave(website, "+44 20 7946 0958", "Emily", "en_GB", strings.Repeat("The charger is the wrong one. ", 5))
	b := w.tab("sofia", desktop)
	b.open("/?view=all")
	for _, l := range []look{desktop, mirrored, phone} {
		b.as(l)
		if cut := ask[string](b, `[...document.querySelectorAll("#threads .excerpt")].filter(e => {
			const text = document.createTreeWalker(e, NodeFilter.SHOW_TEXT).nextNode(), first = document.createRange();
			first.setStart(text, 0); first.setEnd(text, 1);
			const at = first.getBoundingClientRect(), box = e.getBoundingClientRect();
			return at.left < box.left - 1 || at.right > box.right + 1 }).map(e => e.innerText).join("|")`); cut != "" {
			t.Errorf("%+v: the beginning is cut off: %s", l, cut)
		}
	}
}

func TestAxeFindsWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	b := w.tab("", desktop)
	b.open("/sign-in")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("label").remove()`), chromedp.Evaluate[chromedp.Void](axe))
	if n := ask[int](b, `axe.run().then(r => r.violations.length)`); n == 0 {
		t.Error("a field without a label passes")
	}
}
