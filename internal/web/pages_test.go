package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func front(t *testing.T, log io.Writer, pages ...Page) http.Handler {
	t.Helper()
	p, err := NewPages(PagesSettings{
		Log: slog.New(slog.NewJSONHandler(log, nil)), MaxForm: 100, Origins: []string{"https://desk.example"},
		Fail: func(v *Visit, err error) { http.Error(v.W, err.Error(), 400+int(desk.KindOf(err))) },
	}, pages)
	if err != nil {
		t.Fatal(err)
	}
	return Front(table(log), p)
}

func echo(method, path string) Page {
	return Page{Method: method, Path: path, Handle: func(v *Visit) error {
		if err := v.Form(); err != nil {
			return err
		}
		v.Person = "7"
		_, err := io.WriteString(v.W, "page "+v.R.PathValue("id")+v.R.PostFormValue("text"))
		return err
	}}
}

func TestTheTableAnswersAsIfItWereAlone(t *testing.T) {
	alone, both := table(io.Discard), front(t, io.Discard, echo("GET", "/{$}"), echo("GET", "/thread/{id}"), echo("POST", "/thread/{id}"), echo("GET", "/base/call"))
	ask := func(h http.Handler, method, path string) (int, string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(method, "http://x/", strings.NewReader("{}"))
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for _, c := range [][2]string{
		{"POST", "/"},
		{"GET", "/base/call"},
		{"POST", "/base/call"},
		{"DELETE", "/base/call"},
		{"GET", "//"},
		{"GET", "/./"},
		{"GET", "/thread/"},
		{"GET", "/thread/1/"},
		{"GET", "//thread/1"},
		{"GET", "/thread/%31"},
		{"GET", "/thread/../"},
		{"GET", "/nothing"},
		{"PUT", "/thread/1"},
		{"GET", "/thread/1/2"},
	} {
		wantCode, want := ask(alone, c[0], c[1])
		if code, got := ask(both, c[0], c[1]); code != wantCode || got != want {
			t.Errorf("%s %s: %d %s, alone %d %s", c[0], c[1], code, got, wantCode, want)
		}
	}
	for path, want := range map[string]string{"/": "page ", "/thread/1": "page 1", "/thread/a.b": "page a.b"} {
		if code, got := ask(both, "GET", path); code != 200 || got != want {
			t.Errorf("%s: %d %q", path, code, got)
		}
	}
}

func TestAPageTrustsNothingThatIsNotOurs(t *testing.T) {
	h := front(t, io.Discard, echo("POST", "/act"))
	for _, c := range []struct {
		header, value string
		want          int
	}{
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"Sec-Fetch-Site", "none", 200},
		{"Origin", "https://evil.example", 403},
		{"Origin", "null", 403},
		{"Origin", "http://x", 200},
		{"Origin", "https://desk.example", 200},
		{"", "", 200},
	} {
		r := httptest.NewRequest("POST", "http://x/act", strings.NewReader("text=a"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Code; got != c.want && !(c.want == 403 && got == 400+int(desk.Forbidden)) {
			t.Errorf("%s: %s is %d", c.header, c.value, got)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers: %v", w.Header())
		}
	}
}

func TestAFormIsReadWholeOrRefused(t *testing.T) {
	h := front(t, io.Discard, echo("POST", "/act"))
	for form, want := range map[string]string{
		"text=hello":                       "page hello",
		"text=" + strings.Repeat("a", 200): "the form is too large",
		"text=%zz":                         "the form could not be read",
	} {
		r := httptest.NewRequest("POST", "http://x/act?text=query", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !strings.HasPrefix(w.Body.String(), want) {
			t.Errorf("%.20s: %s", form, w.Body)
		}
	}
}

func TestAPageIsOneLogLineWithoutItsAddressAndAPanicIsAPage(t *testing.T) {
	var log lines
	h := front(t, &log, echo("GET", "/thread/{id}"), Page{Method: "GET", Path: "/bug", Handle: func(*Visit) error { panic("a bug") }})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/thread/SECRETID?q=SECRETWORD", nil))
	var got map[string]any
	if err := json.Unmarshal([]byte(strings.TrimSpace(log.String())), &got); err != nil {
		t.Fatal(err, log.String())
	}
	if got["route"] != "/thread/{id}" || got["status"] != 200.0 || got["person"] != "7" || strings.Contains(log.String(), "SECRET") {
		t.Errorf("the log says %s", log.String())
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/bug", nil))
	if w.Code != 400 || !strings.Contains(log.String(), `"event":"panic"`) || strings.Contains(w.Body.String(), "a bug") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestAStreamOutlivesTheTimeoutsOfItsServer(t *testing.T) {
	p, err := NewPages(PagesSettings{}, []Page{{Method: "GET", Path: "/events", Handle: func(v *Visit) error {
		s, err := NewStream(v.W)
		if err != nil {
			return err
		}
		for i := range 4 {
			s.Add("1", "tick", "a\nb")
			if err := s.Flush(); err != nil {
				return err
			}
			if i < 3 {
				<-time.After(100 * time.Millisecond)
			}
		}
		return nil
	}}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(Front(table(io.Discard), p))
	s.Config = Server(s.Config.Handler, Timeouts{Header: time.Second, Body: 100 * time.Millisecond, Write: 150 * time.Millisecond, Idle: time.Second}, 16<<10, slog.New(slog.DiscardHandler))
	s.Start()
	defer s.Close()
	r, err := http.Get(s.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	n := 0
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if lines.Text() == "event: tick" {
			n++
		}
	}
	if n != 4 || r.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("%d events, %v", n, r.Header)
	}
}

func TestStaticFilesAreKeptUnderTheirHashAlone(t *testing.T) {
	body := bytes.Repeat([]byte("body { margin: 0 }\n"), 50)
	f, err := NewFiles(fstest.MapFS{"app.css": {Data: body}, "vendor/README.md": {Data: body}, ".hidden.css": {Data: body}, "LICENSE.txt": {Data: body}})
	if err != nil {
		t.Fatal(err)
	}
	h := front(t, io.Discard, f.Page())
	ask := func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", "br, gzip")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := ask(f.Path("app.css"))
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(z); !bytes.Equal(got, body) || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
	if w := ask("/static/0000/app.css"); w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("another version's address: %d %v", w.Code, w.Header())
	}
	for _, name := range []string{"vendor/README.md", ".hidden.css", "LICENSE.txt", "nothing.css"} {
		if w := ask(f.Path(name)); w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func TestOneCookieIsReadAndTwoAreNone(t *testing.T) {
	c := Cookie{Name: "__Host-x", Secure: true}
	w := httptest.NewRecorder()
	c.Set(w, "value")
	if got := w.Header().Get("Set-Cookie"); got != "__Host-x=value; Path=/; HttpOnly; Secure; SameSite=Lax" {
		t.Error(got)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "__Host-x=value")
	if c.Read(r) != "value" {
		t.Error("not read")
	}
	r.Header.Set("Cookie", "__Host-x=value; __Host-x=other")
	if c.Read(r) != "" {
		t.Error("one of two was read")
	}
}
