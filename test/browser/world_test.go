package browser

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/intake"
	"github.com/afterbeep/afterbeep/internal/password"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/readers"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	"github.com/afterbeep/afterbeep/internal/ui"
	"github.com/afterbeep/afterbeep/internal/web"
)

const (
	website desk.ChannelID = 202611230000000001
	wechat  desk.ChannelID = 202611230000000002
)

// world is a running desk: everything but the command line.
type world struct {
	t       *testing.T
	store   *store.Store
	desk    *handling.Desk
	intake  *intake.Intake
	feed    *readers.Feed
	server  *httptest.Server
	url     string
	staff   *people.People
	keys    *people.Keys
	people  map[string]desk.Person
	line    *cutter // what the browsers are connected through
	nextMsg int
}

type sliced struct{ *store.Store }

func (s sliced) Slice(ctx context.Context, tenants []desk.TenantID, do func(sorting.Slice) error) error {
	return s.Store.Slice(ctx, tenants, func(sl *store.Slice) error { return do(sl) })
}

func newWorld(t *testing.T) *world {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	st, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: st, people: map[string]desk.Person{}}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.feed = readers.NewFeed(st.Heads, log)
	st.Changed = w.feed.Poke
	vault := people.NewVault(st, nil, time.Now)
	w.staff = people.New(staff{st}, vault, people.NewGuard(st, vault, time.Now), password.New(2), people.Settings{})
	w.keys = people.NewKeys(st, time.Now)
	w.desk = handling.New(handling.Parts{
		Threads: st, Changes: st, Timers: st, Staff: st, Finder: &store.Finder{Store: st, Index: sqlite.NewIndex(folder)},
	}, time.Now)
	sorter := sorting.New(sliced{st}, func(context.Context, desk.TenantID, desk.ChannelID) (string, error) { return "CN", nil }, log)
	sorter.Target = func(desk.TenantID, desk.ChannelID) time.Duration { return 2 * time.Hour }
	w.intake = intake.New(st, desk.NewSequence(0, 0, time.Now), time.Now, intake.Settings{
		Observe: func(int, time.Duration, error) { sorter.Wake() },
	})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{}, 4)
	for _, run := range []func(context.Context) error{st.Run, w.intake.Run, sorter.Run, w.feed.Run} {
		go func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			done <- struct{}{}
		}()
	}
	w.furnish()
	w.serve(log)
	t.Cleanup(func() {
		w.line.close()
		w.server.CloseClientConnections()
		w.server.Close()
		stop()
		for range 4 {
			<-done
		}
		_ = st.Close()
	})
	return w
}

// furnish makes the channels and the people.
func (w *world) furnish() {
	w.t.Helper()
	for id, name := range map[desk.ChannelID]string{website: "Website", wechat: "微信"} {
		w.must(w.store.AddChannel(w.t.Context(), desk.Channel{
			Tenant: 1, ID: id, Name: name, Locale: "zh_CN", Region: "CN", TextLimit: 4000, Target: 2 * time.Hour, CreatedAt: time.Now(),
		}))
	}
	for _, p := range []desk.Person{
		{Login: "anna", Name: "Anna Keller", Role: desk.RoleAgent, Locale: "en"},
		{Login: "bo", Name: "王波", Role: desk.RoleAgent, Locale: "zh_CN"},
		{Login: "sofia", Name: "Sofia Duarte", Role: desk.RoleSupervisor, Locale: "en"},
		{Login: "admin", Name: "Ada Okafor", Role: desk.RoleAdministrator, Locale: "en"},
		{Login: "audit", Name: "Noor Haddad", Role: desk.RoleAuditor, Locale: "en"},
	} {
		operator := people.Operator(1)
		made, _, err := w.staff.Create(w.t.Context(), &operator, p, secretOf(p.Login))
		w.must(err)
		w.people[p.Login] = made
	}
}

// secretOf is somebody's password.
func secretOf(login string) string { return "four odd socks of " + login }

// staff lets people use the store without knowing it.
type staff struct{ *store.Store }

func (s staff) Staff(ctx context.Context, tenant desk.TenantID, do func(people.Staff) error) error {
	return s.Store.Staff(ctx, tenant, func(one *store.Staff) error { return do(one) })
}

// serve starts the server behind a line that can be cut.
func (w *world) serve(log *slog.Logger) {
	w.t.Helper()
	pages, err := ui.New(ui.Parts{
		Desk: w.desk, People: w.staff, Keys: w.keys, Rooms: w.store, Audit: w.store, Log: w.store, Feed: w.feed,
		Channels: w.store, Apps: w.store, Draining: make(chan struct{}), Now: time.Now, Logger: log,
	})
	w.must(err)
	front := web.Front(web.NewTable(web.Settings{MaxBody: 1 << 16, Log: log}, nil), pages)
	w.server = httptest.NewUnstartedServer(front)
	w.server.Config = web.Server(front, web.Timeouts{Header: 5 * time.Second, Body: 10 * time.Second, Write: 25 * time.Second, Idle: 2 * time.Minute}, 16<<10, log)
	w.server.Start()
	w.line = newCutter(w.t, w.server.Listener.Addr().String())
	w.url = "http://" + w.line.addr()
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

func (w *world) take(channel desk.ChannelID, caller, name, locale, text string) desk.ID {
	w.t.Helper()
	w.nextMsg++
	got, err := w.intake.Take(w.t.Context(), &desk.Message{
		Tenant: 1, Channel: channel, App: "app", CallID: fmt.Sprintf("call-%d", w.nextMsg), Caller: caller,
		Text: text, UserID: fmt.Sprintf("u%d", w.nextMsg), UserName: name, Locale: locale,
	}, 4000, "")
	w.must(err)
	return got.ID
}

// leave leaves a message and waits until it is in a thread.
func (w *world) leave(channel desk.ChannelID, caller, name, locale, text string) (thread desk.ID) {
	w.t.Helper()
	id := w.take(channel, caller, name, locale, text)
	w.soon("the message is sorted", func() bool {
		all, err := w.store.Messages(w.t.Context(), 1, desk.Query{Limit: 20})
		w.must(err)
		for _, l := range all {
			if l.ID == id && l.Thread != 0 {
				thread = l.Thread
			}
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
	soon(w.t, what, is)
}

func soon(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("this did not come true: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) actor(login string) desk.Actor {
	p := w.people[login]
	return p.Actor("127.0.0.1")
}

// cutter is a line between browser and server that can be cut and healed.
type cutter struct {
	l   net.Listener
	to  string
	off atomic.Bool
	all conns

	wicked atomic.Bool // answers a page that does what ours must not
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{l: l, to: to}
	go c.run()
	return c
}

func (c *cutter) addr() string { return c.l.Addr().String() }

func (c *cutter) close() { _ = c.l.Close(); c.cut() }

func (c *cutter) cut() { c.off.Store(true); c.all.drop() }

func (c *cutter) heal() { c.off.Store(false) }

func (c *cutter) run() {
	for {
		in, err := c.l.Accept()
		if err != nil {
			return
		}
		if c.off.Load() {
			_ = in.Close()
			continue
		}
		if c.wicked.Load() {
			const page = `<!doctype html><script>alert(1)</script><img src="http://127.0.0.2:9/x.png">`
			_, _ = fmt.Fprintf(in, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(page), page)
			_ = in.Close()
			continue
		}
		out, err := net.Dial("tcp", c.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		c.all.add(in, out)
		go pipe(in, out)
		go pipe(out, in)
	}
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
	var b strings.Builder
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return r.StatusCode, b.String()
		}
	}
}
