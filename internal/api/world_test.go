package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/openapi"
	"github.com/afterbeep/afterbeep/internal/sheet"
)

// world is a whole server over real SQLite, as app runs it, with two tenants.
type world struct {
	t       testing.TB
	app     *app.App // a second process on the same folder, as commands are
	url     string
	stop    context.CancelFunc // begins to shut the server down
	done    chan error
	router  routers.Router
	tenants []desk.Tenant
	channel desk.ChannelID // of the first tenant
	all     string         // a key of the first tenant with every scope
	callers int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s := config.Defaults()
	s.Data = filepath.Join(t.TempDir(), "data")
	s.Listen, s.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	a, err := app.Open(t.Context(), s)
	must(t, err)
	w := &world{t: t, app: a, done: make(chan error, 1), channel: 202611230000000001}
	_, err = a.Store.AddTenant(t.Context(), "other")
	must(t, err)
	w.tenants, err = a.Store.Tenants(t.Context())
	must(t, err)
	must(t, a.Store.AddChannel(t.Context(), desk.Channel{
		Tenant: 1, ID: w.channel, Name: "Website", Locale: "zh_CN", Region: "CN", TextLimit: 4000, CreatedAt: time.Now().UTC(),
	}))
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	ready := make(chan string, 1)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	go func() { w.done <- app.Serve(ctx, s, "test", log, func(at app.Addresses) { ready <- at.HTTP }) }()
	select {
	case at := <-ready:
		w.url = "http://" + at
	case err := <-w.done:
		t.Fatal(err)
	}
	w.all = w.key(1, desk.Permissions()...)
	for _, kind := range []string{"application/jsonl", sheet.Formats()[sheet.XLSX]} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder)
	}
	t.Cleanup(func() {
		stop()
		if err := <-w.done; err != nil {
			t.Error(err)
		}
		must(t, a.Close())
	})
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key makes an API key with those scopes.
func (w *world) key(tenant desk.TenantID, scopes ...desk.Permission) string {
	w.t.Helper()
	w.callers++
	by := app.Operator(tenant)
	_, text, err := w.app.Keys().Create(w.t.Context(), &by, fmt.Sprintf("%d: %v", w.callers, len(scopes)), scopes)
	must(w.t, err)
	return text
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r *reply) object(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	return v
}

func (r *reply) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal(r.body, &p)
	return p.Code
}

// ask sends a request and checks the answer against the document.
func (w *world) ask(key, method, path, body string, header ...string) *reply {
	w.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, in)
	must(w.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	must(w.t, err)
	out := &reply{got.StatusCode, got.Header, b}
	w.conforms(r, out)
	w.known(r, out)
	return out
}

// conforms holds an answer against the OpenAPI document that the server gives.
func (w *world) conforms(r *http.Request, a *reply) {
	w.t.Helper()
	if w.router == nil {
		w.router = document(w.t, w.url)
	}
	route, params, err := w.router.FindRoute(r)
	if err != nil {
		return // no operation: the document says nothing about it
	}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		w.t.Errorf("%s %s: %d is not as the document says: %v\n%s", r.Method, r.URL.Path, a.status, err, a.body)
	}
}

// known holds an error against the table of codes.
func (w *world) known(r *http.Request, a *reply) {
	w.t.Helper()
	if a.status < 400 || r.Method == http.MethodHead {
		return
	}
	for _, c := range openapi.Codes() {
		named := a.status == 422 && (c.Code == "channel" || c.Code == "app") // 404, or the name cannot be one
		if c.Code == a.code() && (c.Status() == a.status || named) {
			return
		}
	}
	w.t.Errorf("%s %s: %d %q is not in the table of codes", r.Method, r.URL.Path, a.status, a.code())
}

// document reads the OpenAPI document and finds nothing wrong with it.
func document(t testing.TB, url string) routers.Router {
	t.Helper()
	got, err := http.Get(url + "/v1/openapi.json")
	must(t, err)
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	must(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(b)
	must(t, err)
	if doc.OpenAPI != "3.1.0" || got.Header.Get("Content-Type") != "application/openapi+json" {
		t.Errorf("this is OpenAPI %s, as %s", doc.OpenAPI, got.Header.Get("Content-Type"))
	}
	must(t, doc.Validate(t.Context(), openapi3.IsOpenAPI31OrLater()))
	router, err := gorillamux.NewRouter(doc)
	must(t, err)
	return router
}

// left leaves a message of a new caller and waits until it has its thread.
func (w *world) left(text string) (message, thread, reference string) {
	w.t.Helper()
	w.callers++
	got := w.ask(w.all, http.MethodPost, "/v1/channels/"+w.channel.String()+"/messages",
		fmt.Sprintf(`{"caller":"138%08d","text":%q}`, w.callers, text))
	if got.status != http.StatusCreated {
		w.t.Fatalf("%d %s", got.status, got.body)
	}
	receipt := got.object(w.t)
	message, reference = receipt["id"].(string), receipt["reference"].(string)
	w.until(func() bool {
		thread, _ = w.ask(w.all, http.MethodGet, "/v1/messages/"+message, "").object(w.t)["thread"].(string)
		return thread != ""
	})
	return message, thread, reference
}

// until waits for what is about to happen.
func (w *world) until(done func() bool) {
	w.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatal("it did not happen")
		}
	}
}

// person makes one, who handles threads.
func (w *world) person(tenant desk.TenantID) string {
	w.t.Helper()
	w.callers++
	by := app.Operator(tenant)
	p, _, err := w.app.People().Create(w.t.Context(), &by, desk.Person{
		Login: fmt.Sprintf("p%d", w.callers), Name: fmt.Sprintf("Person %d", w.callers), Role: desk.RoleAgent, Locale: "en",
	}, "")
	must(w.t, err)
	return p.ID.String()
}

// newKey makes an API key that nobody uses, and gives its number.
func (w *world) newKey(tenant desk.TenantID) string {
	w.t.Helper()
	return strings.Split(w.key(tenant, desk.MessagesWrite), "_")[2]
}

func (w *world) newApp(tenant desk.TenantID) string {
	w.t.Helper()
	w.callers++
	made, _ := app.NewApp(tenant, fmt.Sprintf("app %d", w.callers), time.Now().UTC())
	must(w.t, w.app.Store.AddApp(w.t.Context(), made))
	return string(made.Key)
}

// deeds lists the audit log, the newest first.
func (w *world) deeds() (all []string) {
	w.t.Helper()
	deeds, err := w.app.Store.Deeds(w.t.Context(), 1, desk.DeedQuery{Limit: 200})
	must(w.t, err)
	for _, d := range deeds {
		all = append(all, d.Action+" "+d.Object+" "+d.Actor)
	}
	return all
}
