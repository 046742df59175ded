package aicc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/desk"
)

// memory is an auth.Source that keeps its word in memory.
type memory struct {
	mu   sync.Mutex
	snap desk.Snapshot
}

func (m *memory) change(f func(*desk.Snapshot)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.snap)
	m.snap.Revision++
}

func (m *memory) Revision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snap.Revision, nil
}

func (m *memory) Snapshot(context.Context) (desk.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.snap
	s.Tenants, s.Apps = slices.Clone(s.Tenants), slices.Clone(s.Apps)
	s.Channels, s.Keys = slices.Clone(s.Channels), slices.Clone(s.Keys)
	return s, nil
}

func (m *memory) AddKey(_ context.Context, key desk.SealKey) error {
	m.change(func(s *desk.Snapshot) { s.Keys = append(s.Keys, key) })
	return nil
}

func (m *memory) RetireKeys(context.Context, desk.TenantID, time.Time) error { return nil }

// book is an intake that keeps messages in memory, with their keys.
type book struct {
	mu    sync.Mutex
	taken []desk.Message
	keys  map[string]desk.Message
	err   error
	panic bool
}

func (b *book) Take(_ context.Context, m *desk.Message, textLimit int, key string) (desk.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.panic {
		panic("a bug")
	}
	if b.err != nil {
		return desk.Receipt{}, b.err
	}
	if err := desk.CheckMessage(m.CallID, m.Caller, m.Text, textLimit); err != nil {
		return desk.Receipt{}, err
	}
	if first, seen := b.keys[key]; seen {
		if first.Text != m.Text {
			return desk.Receipt{}, desk.Errorf(desk.Conflict, "key_reused", "the Idempotency-Key came with another message before")
		}
		return desk.Receipt{ID: first.ID, Replayed: true}, nil
	}
	m.ID = desk.ID(len(b.taken) + 1)
	b.taken = append(b.taken, *m)
	if key != "" {
		b.keys[key] = *m
	}
	return desk.Receipt{ID: m.ID}, nil
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.taken)
}

const (
	channelID = "202608211234567890"
	otherID   = "202608210000000001" // of another tenant
	offID     = "202608210000000002" // disabled
	origin    = "https://shop.example"
)

// shop is the surface with one app and its customer, ready to leave messages.
type shop struct {
	http.Handler
	parts    Parts
	src      *memory
	book     *book
	log      *bytes.Buffer
	hands    time.Time
	app      desk.App
	secret   string
	access   string
	customer string
	security []string
	draining chan struct{}
}

func open(t testing.TB, limits Limits) *shop {
	t.Helper()
	s := &shop{
		src: &memory{}, book: &book{keys: map[string]desk.Message{}}, log: &bytes.Buffer{},
		hands: time.Now(), draining: make(chan struct{}),
	}
	s.app, s.secret = auth.NewApp(desk.DefaultTenant, "shop", s.hands)
	id := func(digits string) desk.ChannelID { c, _ := desk.ParseChannelID(digits); return c }
	s.src.change(func(snap *desk.Snapshot) {
		snap.Tenants = []desk.Tenant{{ID: 1}, {ID: 2}}
		snap.Apps = []desk.App{s.app}
		snap.Channels = []desk.Channel{
			{Tenant: 1, ID: id(channelID), TextLimit: desk.DefaultTextLimit},
			{Tenant: 2, ID: id(otherID), TextLimit: desk.DefaultTextLimit},
			{Tenant: 1, ID: id(offID), TextLimit: desk.DefaultTextLimit, Disabled: true},
		}
	})
	s.parts = Parts{
		Intake: s.book, Limits: limits, Draining: s.draining,
		Log:      slog.New(slog.NewJSONHandler(s.log, nil)),
		Security: func(reason string) { s.security = append(s.security, reason) },
		Keeper:   auth.New(s.src, auth.Settings{}, func() time.Time { return s.hands }),
	}
	s.Handler = New(s.parts)
	s.refresh(t)
	s.access = between(s.post(pathToken, `{"app_key":"`+string(s.app.Key)+`","app_secret":"`+s.secret+`"}`, nil), `"AccessToken":"`, `"`)
	s.customer = s.apply(applyBody)
	if s.access == "" || s.customer == "" {
		t.Fatal("no tokens: " + s.log.String())
	}
	return s
}

const applyBody = `{"userId":"u-1","userName":"李雷","channelId":"` + channelID + `","locale":"zh_CN"}`

func (s *shop) apply(body string) string {
	return between(s.post(pathMessages+"applyToken", body, s.bearer()), `"token":"`, `"`)
}

func (s *shop) refresh(t testing.TB) {
	t.Helper()
	if err := s.parts.Keeper.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// later lets the time of the tokens pass.
func (s *shop) later(t testing.TB, d time.Duration) {
	s.hands = s.hands.Add(d)
	s.refresh(t)
}

func (s *shop) bearer() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.access}, "X-App-Key": {string(s.app.Key)}}
}

func (s *shop) both() http.Header {
	h := s.bearer()
	h["Ccmessaging-Token"] = []string{s.customer}
	return h
}

func (s *shop) cookie() http.Header {
	return http.Header{"Cookie": {"ccmessaging-token=" + s.customer}}
}

func (s *shop) do(method, path, body string, h http.Header) *httptest.ResponseRecorder {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	for name, values := range h {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *shop) post(path, body string, h http.Header) *httptest.ResponseRecorder {
	return s.do("POST", path, body, h)
}

const pathLeave = pathMessages + "doLeaveMessage"

func (s *shop) leave(body string) *httptest.ResponseRecorder {
	return s.post(pathLeave, body, s.both())
}

// body is a message like the document's example, with one of its fields changed.
func body(changes ...string) string {
	f := []string{"callId", `"111111222111"`, "caller", `"138****7777"`, "leaveMessage", `"Please reply"`, "channel", `"WEB"`}
	for i := 0; i+1 < len(changes); i += 2 {
		if at := slices.Index(f, changes[i]); at >= 0 {
			f[at+1] = changes[i+1]
		} else {
			f = append(f, changes[i], changes[i+1])
		}
	}
	var members []string
	for i := 0; i < len(f); i += 2 {
		if f[i+1] != "" {
			members = append(members, `"`+f[i]+`":`+f[i+1])
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func between(w *httptest.ResponseRecorder, before, after string) string {
	_, rest, ok := strings.Cut(w.Body.String(), before)
	if !ok {
		return ""
	}
	found, _, _ := strings.Cut(rest, after)
	return found
}

// want compares an answer with what the contract says of it.
func want(t testing.TB, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body && !strings.Contains(w.Body.String(), `"errorCode":"`+body+`"`) {
		t.Fatalf("%d %s\nwant %d %s", w.Code, w.Body, status, body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json;charset=UTF-8" {
		t.Fatalf("Content-Type %q", got)
	}
}

var errDisk = errors.New("the disk at 10.0.0.7 is on fire")
