// Package walls_test proves the walls on the real binary, as those who would
// climb them meet them: no byte of one tenant's reaches another (C2), no other
// site's form does anything (C5), and guessing is limited without locking the
// owner out (C7). Every trial is also run on a binary that lacks the wall, where
// it must fail.
package walls_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m, postgres.Close)) }

// An engine gives the options of a server with an empty store.
type engine func(t *testing.T) rig.Options

func onSQLite(t *testing.T) rig.Options {
	t.Helper()
	return rig.Options{Data: filepath.Join(t.TempDir(), "data")}
}

func onPostgreSQL(t *testing.T) engine {
	t.Helper()
	server := postgres.Start(t, postgres.Options{})
	return func(t *testing.T) rig.Options {
		t.Helper()
		db := server.Database(t)
		return rig.Options{Database: db.App, Migrate: db.Owner}
	}
}

// house is a running server.
type house struct {
	t      *testing.T
	o      rig.Options
	server *rig.Server
}

func newHouse(t *testing.T, on engine, teeth string) *house {
	t.Helper()
	o := on(t)
	o.Teeth = teeth
	o.Env = append(o.Env, "AFTERBEEP_LIMITS_PER_CALL_ID=0", "AFTERBEEP_LOG_LEVEL=info", "AFTERBEEP_PROXY_TRUSTED=127.0.0.1")
	h := &house{t: t, o: o, server: rig.Start(t, o)}
	h.o.Migrate = "" // the commands find the schema made
	return h
}

// command runs one on behalf of a tenant, beside the server.
func (h *house) command(tenant string, args ...string) string {
	h.t.Helper()
	o := h.o
	o.Tenant = tenant
	return rig.Must(h.t, o, args...)
}

// made runs a command that tells what it has made.
func made[T any](h *house, tenant string, args ...string) (v T) {
	h.t.Helper()
	out := h.command(tenant, append(args, "--json")...)
	must(h.t, json.Unmarshal([]byte(out), &v))
	return v
}

// visitor is somebody with a browser, or a program with a key.
type visitor struct {
	h      *house
	name   string
	client *http.Client
	key    string // an API key, or ""
}

func (h *house) visitor(name string) *visitor {
	jar, err := cookiejar.New(nil)
	must(h.t, err)
	return &visitor{h: h, name: name, client: &http.Client{
		Jar: jar, Timeout: 30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (h *house) program(name, key string) *visitor {
	v := h.visitor(name)
	v.key = key
	return v
}

// answer is all that came back.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    []byte
}

// send asks for something; header is names and values in turn.
func (v *visitor) send(method, path, body string, header ...string) (answer, error) {
	r, err := http.NewRequestWithContext(v.h.t.Context(), method, v.h.server.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if v.key != "" {
		r.Header.Set("Authorization", "Bearer "+v.key)
	}
	res, err := v.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, res.Trailer, b}, err
}

const aForm, someJSON = "application/x-www-form-urlencoded", "application/json"

// post sends a form, as a page does.
func (v *visitor) post(path string, form url.Values, header ...string) answer {
	v.h.t.Helper()
	a, err := v.send(http.MethodPost, path, form.Encode(), append([]string{"Content-Type", aForm}, header...)...)
	must(v.h.t, err)
	return a
}

// get reads a page.
func (v *visitor) get(path string, header ...string) answer {
	v.h.t.Helper()
	a, err := v.send(http.MethodGet, path, "", header...)
	must(v.h.t, err)
	return a
}

// call does something through /v1 and reads the answer; the test fails when it
// did not work.
func call[T any](v *visitor, method, path string, body any) (out T) {
	v.h.t.Helper()
	text := []byte{}
	if body != nil {
		var err error
		text, err = json.Marshal(body)
		must(v.h.t, err)
	}
	a, err := v.send(method, path, string(text), "Content-Type", someJSON)
	must(v.h.t, err)
	if a.status >= 300 {
		v.h.t.Fatalf("%s %s as %s: %d %s", method, path, v.name, a.status, a.body)
	}
	must(v.h.t, json.Unmarshal(a.body, &out))
	return out
}

// accept chooses a password behind a one-time link, which signs in.
func (v *visitor) accept(link string) {
	v.h.t.Helper()
	u, err := url.Parse(link)
	must(v.h.t, err)
	if a := v.post(u.Path, url.Values{"password": {password}}); a.status != http.StatusSeeOther {
		v.h.t.Fatalf("%s cannot accept the invitation: %d %s", v.name, a.status, a.body)
	}
}

const password = "four odd socks on a line"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// soon waits until it is so.
func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("this did not come true: %s", what)
		}
	}
}

func short(b []byte, most int) string {
	return string(bytes.ToValidUTF8(b[:min(len(b), most)], []byte("?")))
}
