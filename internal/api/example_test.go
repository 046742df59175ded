package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/api"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// shape is what the document says of an operation.
type shape struct {
	Scope   desk.Permission `json:"x-scope"`
	ID      string          `json:"operationId"`
	Example struct {
		Path, Body string
		Header     map[string]string
		Status     int
	} `json:"x-example"`
	method, path string
}

func operations(t testing.TB, url string) (all []shape) {
	t.Helper()
	got, err := http.Get(url + "/v1/openapi.json")
	must(t, err)
	defer got.Body.Close()
	var doc struct{ Paths map[string]map[string]shape }
	must(t, json.NewDecoder(got.Body).Decode(&doc))
	for path, methods := range doc.Paths {
		for method, o := range methods {
			o.method, o.path = strings.ToUpper(method), path
			all = append(all, o)
		}
	}
	return all
}

// filled puts things that are there in place of the names in an example.
func (w *world) filled(text string) string {
	message, thread, reference := w.left("filled")
	return strings.NewReplacer(
		"{message}", message, "{thread}", thread, "{reference}", reference, "{channel}", w.channel.String(),
		"{person}", w.person(1), "{app}", w.newApp(1), "{key}", w.newKey(1), "{tomorrow}", time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339),
	).Replace(text)
}

func TestEveryOperationsExampleWorks(t *testing.T) {
	w := newWorld(t)
	all := operations(t, w.url)
	surface, err := api.New(api.Parts{Now: time.Now})
	must(t, err)
	if len(all) != len(surface.Routes()) || len(all) < 30 {
		t.Errorf("%d operations are in the document, and %d routes", len(all), len(surface.Routes()))
	}
	w.person(1) // an administrator is not needed, but somebody is
	for _, o := range all {
		t.Run(o.ID, func(t *testing.T) {
			const gap = "\x00"
			parts := strings.Split(w.filled(o.Example.Path+gap+o.Example.Body+gap+o.Example.Header["For-Person"]), gap)
			path := "/v1" + parts[0]
			header := []string{}
			for name, value := range o.Example.Header {
				if name == "For-Person" {
					value = parts[2]
				}
				header = append(header, name, value)
			}
			if o.ID == "undo-thread" { // there must be something to undo
				if got := w.ask(w.all, "POST", strings.Replace(path, "/undo", "/close", 1), `{}`); got.status != 200 {
					t.Fatalf("%d %s", got.status, got.body)
				}
			}
			if o.ID == "stream-events" {
				w.streams(t, path)
				return
			}
			got := w.ask(w.all, o.method, path, parts[1], header...)
			if got.status != o.Example.Status {
				t.Errorf("%s %s: %d, want %d: %s", o.method, path, got.status, o.Example.Status, got.body)
			}
		})
	}
}

// streams reads the beginning of a stream.
func (w *world) streams(t *testing.T, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s := w.open(ctx, t, path)
	defer s.Close()
	b := make([]byte, 0, 4096)
	for !strings.Contains(string(b), "event: message.left\ndata: {") {
		piece := make([]byte, 1024)
		n, err := s.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, b)
		}
		b = append(b, piece[:n]...)
	}
}

func (w *world) open(ctx context.Context, t *testing.T, path string, header ...string) io.ReadCloser {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+path, nil)
	must(t, err)
	r.Header.Set("Authorization", "Bearer "+w.all)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	must(t, err)
	if got.StatusCode != 200 || !strings.HasPrefix(got.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %v", got.StatusCode, got.Header)
	}
	return got.Body
}
