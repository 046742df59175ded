package browser

import (
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const inbox = `<ul id="threads"><li id="t-11" data-id="11"><a></a></li>
<li id="t-12" data-id="12"></li><li class="more" id="more"><a href="/?before=x&amp;view=all" data-more></a></li></ul>
<article class="thread" data-id="12" data-state="working" data-mine aria-labelledby="caller">
<p class="notice bad" role="alert">It&#39;s hers</p><input type="hidden" name="version" value="7" form="act">
<ol><li class="message">a</li><li class="message">b</li></ol></article>`

// site is a server that lets in whoever knows the word.
func site(t *testing.T, stream string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("password") != "word" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "afterbeep", Value: "secret", Path: "/"})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("afterbeep"); err != nil || c.Value != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(inbox))
		_ = z.Close()
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, stream) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAPageSaysWhatIsOnIt(t *testing.T) {
	url := site(t, "")
	b, err := SignIn(t.Context(), url, "ann", "word")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Get(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSpace(fmt.Sprintln(p.Status, p.Rows(), p.Next(), p.Thread(), p.State(), p.Mine(), p.Messages(), p.Version(), p.Problem(), p.Took > 0, p.Wire < len(inbox)))
	if want := "200 [11 12] /?before=x&view=all 12 working true 2 7 It's hers true true"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if _, err := SignIn(t.Context(), url, "ann", "another"); err == nil {
		t.Error("somebody who was not let in works on")
	}
}

func TestTheStreamTellsOfThreadsAndThatItEnded(t *testing.T) {
	url := site(t, "retry: 2000\n\nevent: hello\ndata: {}\n\nevent: thread\n"+
		`data: {"id":"12","kinds":["message.left","thread.claimed"],"views":["all"],"own":false,"html":"<li>\"own\":true"}`+"\n\nid: 5\nevent: seen\ndata: {}\n\n")
	b, err := SignIn(t.Context(), url, "ann", "word")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	err = b.Listen(t.Context(), func(h Heard) { fmt.Fprintf(&said, "%s %s %s %t;", h.Event, h.Thread, h.Kinds, h.Own) })
	if want := `hello   false;thread 12 ["message.left","thread.claimed"] false;seen   false;`; said.String() != want || err == nil {
		t.Errorf("%q, %v", said.String(), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := b.Listen(ctx, func(Heard) {}); err != nil {
		t.Errorf("whoever hangs up is told: %v", err)
	}
}
