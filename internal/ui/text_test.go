package ui

import (
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func spoken(t *testing.T) map[string]*language {
	t.Helper()
	all := map[string]*language{}
	for _, code := range languages() {
		l, err := learn(code, func(name string) string { return "/static/x/" + name })
		if err != nil {
			t.Fatal(err)
		}
		all[code] = l
	}
	return all
}

var holes = regexp.MustCompile(`\{\d\}`)

func TestEveryLanguageSaysEverything(t *testing.T) {
	all := spoken(t)
	en := all["en"]
	for code, l := range all {
		for key, text := range en.texts {
			other, ok := l.texts[key]
			switch {
			case !ok:
				t.Errorf("%s lacks %s", code, key)
			case strings.TrimSpace(other) == "":
				t.Errorf("%s of %s is empty", key, code)
			case strings.HasPrefix(key, "event."): // Chinese and English order who did what to whom alike
			default:
				a, b := holes.FindAllString(text, -1), holes.FindAllString(other, -1)
				slices.Sort(a)
				slices.Sort(b)
				if !slices.Equal(a, b) && !strings.HasSuffix(key, ".one") {
					t.Errorf("%s of %s has %q, and %q in English", key, code, b, a)
				}
			}
		}
		for key := range l.texts {
			if _, ok := en.texts[key]; !ok {
				t.Errorf("%s is in %s alone", key, code)
			}
		}
	}
}

// said lists the keys that are asked for by name, in templates and in Go.
func said(t *testing.T) (whole, begun map[string]bool) {
	t.Helper()
	whole, begun = map[string]bool{}, map[string]bool{}
	call := regexp.MustCompile(`(?:\{\{|\(|[ (])(?:t|tn) "([^"]+)"|say\("([^"]+)"|shell\("([^"]+)"|framed\("([^"]+)"|settings\("([^"]+)"|again\("([^"]+)"`)
	part := regexp.MustCompile(`print "([^"]+)" |say\("([^"]+\.)" \+|shell\("([^"]+\.)" \+`)
	tail := regexp.MustCompile(`print \.Kind "([^"]+)"`)
	add := func(set map[string]bool, found [][]string) {
		for _, m := range found {
			for _, s := range m[1:] {
				if s != "" {
					set[s] = true
				}
			}
		}
	}
	read := func(text string) {
		add(whole, call.FindAllStringSubmatch(text, -1))
		add(begun, part.FindAllStringSubmatch(text, -1))
		for _, m := range tail.FindAllStringSubmatch(text, -1) {
			whole["apps"+m[1]], whole["keys"+m[1]] = true, true
		}
	}
	for _, name := range sources(t) {
		read(name)
	}
	return whole, begun
}

func sources(t *testing.T) (texts []string) {
	t.Helper()
	files, err := fs.Glob(assets, "templates/*.html")
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, name := range files {
		b, err := assets.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return texts
}

func TestWhatTemplatesSayIsInTheCatalogue(t *testing.T) {
	en := spoken(t)["en"]
	whole, begun := said(t)
	for key := range whole {
		_, plain := en.texts[key]
		_, counted := en.texts[key+".other"]
		if !plain && !counted {
			t.Errorf("%q is not in the catalogue", key)
		}
	}
	keys := slices.Collect(maps.Keys(en.texts))
	for key := range begun {
		if !slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, key) }) {
			t.Errorf("nothing in the catalogue begins with %q", key)
		}
	}
}

func TestWhatTheDomainNamesHasAText(t *testing.T) {
	en := spoken(t)["en"]
	var keys []string
	for _, v := range desk.Views() {
		keys = append(keys, "view."+string(v), "empty."+string(v), "empty."+string(v)+".text")
	}
	for _, v := range paned() {
		keys = append(keys, "key."+string(v))
	}
	for _, o := range desk.Outcomes() {
		keys = append(keys, "outcome."+string(o))
	}
	for _, r := range desk.Roles() {
		keys = append(keys, "role."+string(r))
	}
	for _, p := range desk.Permissions() {
		keys = append(keys, "may."+string(p))
	}
	for _, s := range []desk.State{desk.New, desk.Assigned, desk.Working, desk.Waiting, desk.Closed, desk.Stored, desk.Aside} {
		keys = append(keys, "state."+string(s))
	}
	for _, e := range []string{
		desk.MessageLeft, desk.ThreadClaimed, desk.ThreadReleased, desk.ThreadAssigned, desk.ThreadSnoozed, desk.ThreadWoken,
		desk.ThreadClosed, desk.ThreadReopened, desk.ThreadOverdue, desk.ThreadUndone, desk.CallAttempted, desk.NoteAdded,
	} {
		keys = append(keys, "event."+e, "event."+e+".auto")
	}
	for k := desk.Internal; k <= desk.Unknown; k++ {
		keys = append(keys, "problem."+k.String())
	}
	for _, b := range keySheet() {
		keys = append(keys, "key."+b.Name)
	}
	for _, s := range snoozes() {
		keys = append(keys, "snooze."+s)
	}
	for _, key := range keys {
		if en.texts[key] == "" {
			t.Errorf("%q is not in the catalogue", key)
		}
	}
}

var (
	actions  = regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	comments = regexp.MustCompile(`(?s)<!--.*?-->`)
	tags     = regexp.MustCompile(`(?s)<[^>]*>`)
	spoke    = regexp.MustCompile(`\s(?:title|placeholder|alt|aria-label|label)="([^"]*)"`)
	caps     = regexp.MustCompile(`<kbd[^>]*>.</kbd>`) // a key is called what is on it
	letter   = regexp.MustCompile(`\p{L}`)
)

// bare lists the words in a template that are in no catalogue.
func bare(text string) (found []string) {
	text = actions.ReplaceAllString(text, "")
	for _, m := range spoke.FindAllStringSubmatch(text, -1) {
		if letter.MatchString(m[1]) {
			found = append(found, m[1])
		}
	}
	text = caps.ReplaceAllString(text, "")
	text = tags.ReplaceAllString(comments.ReplaceAllString(text, ""), "\n")
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if letter.MatchString(line) && line != "English" && line != "中文" { // languages are named in themselves
			found = append(found, line)
		}
	}
	return found
}

func TestNoTemplateHasWordsOfItsOwn(t *testing.T) {
	for _, text := range sources(t) {
		for _, words := range bare(text) {
			t.Errorf("%q is not in a catalogue", words)
		}
	}
	for _, bad := range []string{`<p>Hello</p>`, `<input placeholder="Search">`, `<b>{{.N}} messages</b>`} {
		if len(bare(bad)) == 0 {
			t.Errorf("%s passes", bad)
		}
	}
}

func TestNoTemplateHasScriptsOrStylesOfItsOwnOrAForeignAddress(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|(?:src|href|action)="(?:https?:)?//`)
	for _, text := range sources(t) {
		if found := inline.FindString(text); found != "" {
			t.Errorf("%q is in a template", found)
		}
	}
}

func TestHiddenCharactersShow(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                           "plain",
		"a\u202eb":                        "a⟨U+202E⟩b",
		"zero\u200bwidth":                 "zero⟨U+200B⟩width",
		"\u200b\u200b\u200b":              "⟨U+200B⟩",
		"👩\u200d👧":                        "👩\u200d👧",
		"❤\ufe0f":                         "❤\ufe0f",
		"می\u200cخواهم":                   "می\u200cخواهم",
		"a\u200db":                        "a⟨U+200D⟩b",
		"line\nbreak\ttab":                "line\nbreak\ttab",
		"crlf\r\n":                        "crlf\r\n",
		"lone\rcr":                        "lone⟨U+000D⟩cr",
		"tag\U000E0041":                   "tag⟨U+E0041⟩",
		"e" + strings.Repeat("\u0301", 9): "e" + strings.Repeat("\u0301", 5) + "⟨U+0300…⟩",
		"Tiếng Việt":                      "Tiếng Việt",
		"\u2028":                          "⟨U+2028⟩",
	} {
		if got := shown(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func TestANextPageIsOneOfOurs(t *testing.T) {
	for next, want := range map[string]string{
		"/thread/1?view=all": "/thread/1?view=all", "": "/", "//evil.example": "/", "https://evil.example": "/", "/\\evil.example": "/",
		"javascript:alert(1)": "/", "/\tx": "/", "thread": "/", "/": "/",
	} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

func TestMorningsAreTheReaders(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{zone: zone, now: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)} // Tuesday, 4:00 in Shanghai
	for name, want := range map[string]string{
		"1h": "2026-11-23T21:00:00Z", "3h": "2026-11-23T23:00:00Z", "tomorrow": "2026-11-25T01:00:00Z",
		"monday": "2026-11-30T01:00:00Z", "week": "2026-12-01T01:00:00Z",
	} {
		if got, err := v.later(name); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %s, want %s (%v)", name, got.Format(time.RFC3339), want, err)
		}
	}
	if _, err := v.later("never"); desk.KindOf(err) != desk.Invalid {
		t.Error(err)
	}
}

func TestEveryRouteSaysWhoMayReachIt(t *testing.T) {
	for _, r := range Routes() {
		handles := strings.HasPrefix(r.Path, "/thread/") && r.Method == "POST"
		runs := strings.HasPrefix(r.Path, "/settings/people") || strings.HasPrefix(r.Path, "/settings/channels") ||
			strings.HasPrefix(r.Path, "/settings/apps") || strings.HasPrefix(r.Path, "/settings/keys") || strings.HasPrefix(r.Path, "/settings/audit")
		if (handles || runs) && r.May == "" || r.Open && r.May != "" {
			t.Errorf("%s %s asks for %q", r.Method, r.Path, r.May)
		}
	}
}
