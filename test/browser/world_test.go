package browser

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
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	"github.com/afterbeep/afterbeep/test/idp"
	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

func TestMain(m *testing.M) {
	distrust, err := idp.Trust() // before anybody asks whom the system trusts
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(rig.Main(m, postgres.Close, quit, distrust))
}

const (
	website desk.ChannelID = 202611230000000001
	wechat  desk.ChannelID = 202611230000000002
)

// world is a whole server as app runs it, and what goes on around it.
type world struct {
	*app.App // a second process on the same store, as commands are

	t       *testing.T
	set     config.Settings
	driver  string // how a test reaches what is stored behind everybody's back
	source  string
	desk    *handling.Desk
	staff   *people.People
	people  map[string]desk.Person
	key     string // with which a program leaves messages
	line    *line  // what everybody is connected through
	url     string
	nextMsg int
}

// engine says where a world keeps its store.
type engine struct {
	name  string
	store func(t *testing.T, s *config.Settings) (driver, source string)
}

var engines = []engine{
	{"SQLite", func(t *testing.T, s *config.Settings) (driver, source string) {
		s.Data = filepath.Join(t.TempDir(), "data")
		return "sqlite", "file:" + filepath.Join(s.Data, sqlite.File) + "?_pragma=busy_timeout(5000)"
	}},
	{"PostgreSQL", func(t *testing.T, s *config.Settings) (driver, source string) {
		db := postgres.Shared(t).Database(t)
		s.Database, s.MigrateDatabase = db.App, db.Owner
		return "pgx", db.Super
	}},
}

// each runs a test on every engine.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { test(t, newWorldOn(t, e)) })
	}
}

// newWorld is one over SQLite, for what is the same on every engine.
func newWorld(t *testing.T) *world { return newWorldOn(t, engines[0]) }

// newWorldOn makes the store, furnishes it and opens the doors. With changes of
// the settings the server is behind https, at an address that they can name.
func newWorldOn(t *testing.T, e engine, changes ...func(*config.Settings)) *world {
	t.Helper()
	s := config.Defaults()
	s.Listen, s.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	w := &world{t: t, people: map[string]desk.Person{}, line: newLine(t)}
	w.driver, w.source = e.store(t, &s)
	w.url = "http://" + w.line.addr()
	if len(changes) > 0 {
		w.url = encrypted(t, w.line.addr())
		s.Staff.URL = w.url
	}
	for _, change := range changes {
		change(&s)
	}
	w.set = s
	var err error
	w.App, err = app.Open(t.Context(), s)
	w.must(err)
	w.desk, w.staff = w.Handling, w.People()
	w.furnish()
	w.serve()
	return w
}

// furnish makes the channels, the people and the key.
func (w *world) furnish() {
	w.t.Helper()
	for id, name := range map[desk.ChannelID]string{website: "Website", wechat: "微信"} {
		w.must(w.Store.AddChannel(w.t.Context(), desk.Channel{
			Tenant: 1, ID: id, Name: name, Locale: "zh_CN", Region: "CN", TextLimit: 4000, Target: 2 * time.Hour, CreatedAt: time.Now(),
		}))
	}
	operator := people.Operator(1)
	for _, p := range []desk.Person{
		{Login: "anna", Name: "Anna Keller", Role: desk.RoleAgent, Locale: "en"},
		{Login: "bo", Name: "王波", Role: desk.RoleAgent, Locale: "zh_CN"},
		{Login: "sofia", Name: "Sofia Duarte", Role: desk.RoleSupervisor, Locale: "en"},
		{Login: "admin", Name: "Ada Okafor", Role: desk.RoleAdministrator, Locale: "en"},
		{Login: "audit", Name: "Noor Haddad", Role: desk.RoleAuditor, Locale: "en"},
	} {
		made, _, err := w.staff.Create(w.t.Context(), &operator, p, secretOf(p.Login))
		w.must(err)
		w.people[p.Login] = made
	}
	var err error
	_, w.key, err = w.Keys().Create(w.t.Context(), &operator, "form", []desk.Permission{desk.MessagesWrite})
	w.must(err)
}

// secretOf is somebody's password.
func secretOf(login string) string { return "four odd socks of " + login }

// serve runs the server until the test ends.
func (w *world) serve() {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	go func() { done <- app.Serve(ctx, w.set, "test", log, func(at app.Addresses) { ready <- at.HTTP }) }()
	select {
	case at := <-ready:
		w.line.reaches(at)
	case err := <-done:
		stop()
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		w.line.close()
		stop()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		w.must(w.Close())
	})
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// put leaves a message as a customer does.
func (w *world) put(channel desk.ChannelID, caller, name, text string) desk.ID {
	w.t.Helper()
	return w.take(channel, caller, name, "en_GB", text)
}

// take leaves a message by way of /v1.
func (w *world) take(channel desk.ChannelID, caller, name, locale, text string) desk.ID {
	w.t.Helper()
	w.nextMsg++
	return w.post(w.key, channel, map[string]string{
		"caller": caller, "text": text, "call_id": fmt.Sprintf("call-%d", w.nextMsg),
		"user_id": fmt.Sprintf("u%d", w.nextMsg), "user_name": name, "locale": locale,
	})
}

// post leaves a message with a key of its tenant.
func (w *world) post(key string, channel desk.ChannelID, message map[string]string) desk.ID {
	w.t.Helper()
	status, said := w.send(key, channel, message)
	var receipt struct{ ID desk.ID }
	if status != http.StatusCreated || json.Unmarshal([]byte(said), &receipt) != nil {
		w.t.Fatalf("the message was not taken: %d %s", status, said)
	}
	return receipt.ID
}

func (w *world) send(key string, channel desk.ChannelID, message map[string]string) (status int, said string) {
	w.t.Helper()
	letter, err := json.Marshal(message)
	w.must(err)
	r, err := http.NewRequest(http.MethodPost, w.url+"/v1/channels/"+channel.String()+"/messages", bytes.NewReader(letter))
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	return body(w.t, answer)
}

// leave leaves a message and waits until it is in a thread.
func (w *world) leave(channel desk.ChannelID, caller, name, locale, text string) (thread desk.ID) {
	w.t.Helper()
	id := w.take(channel, caller, name, locale, text)
	w.soon("the message is sorted", func() bool {
		found, err := w.Store.Message(w.t.Context(), 1, id.String())
		w.must(err)
		if len(found) == 1 {
			thread = found[0].Thread
		}
		return thread != 0
	})
	return thread
}

// speak changes the language that somebody reads.
func (w *world) speak(login, locale string) {
	w.t.Helper()
	operator := people.Operator(1)
	_, err := w.staff.Change(w.t.Context(), &operator, desk.Whom{Login: login}, func(p *desk.Person) { p.Locale = locale })
	w.must(err)
}

func (w *world) soon(what string, is func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			w.t.Fatalf("this did not come true: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) actor(login string) desk.Actor {
	p := w.people[login]
	return p.Actor("127.0.0.1")
}

// get is a page as a browser without scripts asks for it.
func (w *world) get(client *http.Client, path string) (int, string) {
	w.t.Helper()
	r, err := client.Get(w.url + path)
	w.must(err)
	return body(w.t, r)
}

func body(t *testing.T, r *http.Response) (int, string) {
	t.Helper()
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}
