package people_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/password"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// watch is a clock that only moves when it is told to.
type watch struct {
	mu sync.Mutex
	at time.Time
}

func (w *watch) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *watch) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// staff lets people use the store; app has the same three lines.
type staff struct{ *store.Store }

func (s staff) Staff(ctx context.Context, tenant desk.TenantID, do func(people.Staff) error) error {
	return s.Store.Staff(ctx, tenant, func(t *store.Staff) error { return do(t) })
}

// world is one node with a store of its own.
type world struct {
	*people.People
	*watch
	t      *testing.T
	ctx    context.Context
	store  *store.Store
	vault  *people.Vault
	keys   *people.Keys
	hasher *password.Hasher
	folder string // of the files of the store
	boss   desk.Actor
	log    *strings.Builder
	set    people.Settings
}

// node is another server on the same store.
func (w *world) node(guesses people.Guesses) *people.People {
	vault := people.NewVault(w.store, nil, w.now)
	return people.New(staff{w.store}, vault, people.NewGuard(guesses, vault, w.now), w.hasher, w.set)
}

func newWorld(t *testing.T, s *store.Store, folder string) *world {
	w := &world{
		t: t, ctx: t.Context(), store: s, watch: &watch{at: noon}, hasher: password.New(4), folder: folder,
		boss: people.Operator(desk.DefaultTenant), log: &strings.Builder{},
	}
	w.set = people.Settings{Now: w.now, Log: slog.New(slog.NewJSONHandler(w.log, nil))}
	w.vault = people.NewVault(s, nil, w.now)
	w.People = w.node(s)
	w.keys = people.NewKeys(s, w.now)
	return w
}

// each runs a test on every engine.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("SQLite", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "data")
		s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
		closes(t, s, err)
		test(t, newWorld(t, s, folder))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := cluster.Shared(t)
		db := server.Database(t)
		o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 8}
		if _, _, err := postgres.Migrate(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		o.NoMigrate = true
		s, err := postgres.Open(t.Context(), o)
		closes(t, s, err)
		test(t, newWorld(t, s, ""))
	})
}

func closes(t *testing.T, s *store.Store, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

const phrase = "blue tram under quiet moss"

// person makes somebody with the password phrase.
func (w *world) person(login string, role desk.Role) desk.Person {
	w.t.Helper()
	p, _, err := w.Create(w.ctx, &w.boss, desk.Person{Login: login, Name: "N " + login, Role: role, Locale: "en"}, phrase)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) browser() people.Browser {
	return people.Browser{Address: "192.0.2.1", Agent: "Browser/1"}
}

// in signs somebody in.
func (w *world) in(login string) people.SignedIn {
	w.t.Helper()
	in, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: login, Password: phrase}, w.browser())
	if err != nil || in.Cookie == "" || in.Device == "" {
		w.t.Fatalf("%+v, %v", in, err)
	}
	return in
}

func (w *world) wantCode(err error, code string) {
	w.t.Helper()
	var e *desk.Error
	if code == "" && err == nil {
		return
	}
	if !errors.As(err, &e) || e.Code != code {
		w.t.Fatalf("%v, want %q", err, code)
	}
}

// actions are what the audit log says, the newest first.
func (w *world) actions(n int) string {
	w.t.Helper()
	page, err := w.store.Deeds(w.ctx, 1, desk.DeedQuery{Limit: n})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, d := range page {
		all = append(all, d.Action)
	}
	return strings.Join(all, " ")
}

func (w *world) code(secret string) string {
	w.t.Helper()
	code, err := totp.GenerateCodeCustom(secret, w.now(), totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix})
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// factor gives somebody who is signed in a second factor.
func (w *world) factor(in *people.SignedIn) (secret string, recovery []string) {
	w.t.Helper()
	a := in.Actor("192.0.2.1")
	e, err := w.Enrol(w.ctx, &a)
	if err != nil {
		w.t.Fatal(err)
	}
	recovery, err = w.ConfirmFactor(w.ctx, &in.Live, e.Ticket, w.code(e.Secret), "192.0.2.1")
	if err != nil {
		w.t.Fatal(err)
	}
	return e.Secret, recovery
}
