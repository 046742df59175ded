package app

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

func settings(t *testing.T) config.Settings {
	s := config.Defaults()
	s.Data = filepath.Join(t.TempDir(), "data")
	s.Listen, s.OpsListen = "127.0.0.1:0", "127.0.0.1:0"
	return s
}

func leave(t *testing.T, a *App, texts ...string) {
	t.Helper()
	ids := desk.NewSequence(0, 0, time.Now)
	for _, text := range texts {
		m := desk.Message{Tenant: 1, ID: ids.Next(), Channel: 202611220000000001, ReceivedAt: time.Now(), CallID: "c", Caller: "1", Text: text}
		row := desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, &m)}
		if err := a.Store.Append(t.Context(), &desk.Batch{Rows: []desk.Row{row}}); err != nil {
			t.Fatal(err)
		}
	}
}

func wrongs(found []Finding) (names []string) {
	for _, f := range found {
		if !f.OK {
			names = append(names, f.Name)
			if f.Remedy == "" || f.Detail == "" {
				names = append(names, "without a remedy")
			}
		}
	}
	return names
}

func TestTheDoctorNamesWhatIsWrongAndTheRemedy(t *testing.T) {
	for want, harm := range map[string]func(t *testing.T, s *config.Settings, a *App){
		"":            func(*testing.T, *config.Settings, *App) {},
		"settings":    func(_ *testing.T, s *config.Settings, _ *App) { s.Limits.Body = -1 },
		"data folder": func(_ *testing.T, s *config.Settings, _ *App) { s.Data += "-elsewhere" },
		"permissions": func(t *testing.T, s *config.Settings, _ *App) {
			if err := os.Chmod(filepath.Join(s.Data, sqlite.File), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"waiting": func(t *testing.T, _ *config.Settings, a *App) { leave(t, a, "nobody sorts this") },
		"hashes,waiting": func(t *testing.T, s *config.Settings, a *App) {
			leave(t, a, "hello")
			db, err := sql.Open("sqlite", filepath.Join(s.Data, sqlite.File))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(`UPDATE journal SET hash = zeroblob(16)`); err != nil {
				t.Fatal(err)
			}
		},
	} {
		s := settings(t)
		a, err := Open(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		harm(t, &s, a)
		if got := strings.Join(wrongs(Doctor(t.Context(), s)), ","); got != want {
			t.Errorf("the doctor finds %q, want %q", got, want)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestACallerIsLookedForInTheRegionOfEachChannel(t *testing.T) {
	a, err := Open(t.Context(), settings(t))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	ch := desk.Channel{Tenant: 1, ID: NewChannelID(time.Now()), Name: "London", Locale: "en_GB", Region: "GB", TextLimit: 4000}
	if err := a.Store.AddChannel(t.Context(), ch); err != nil {
		t.Fatal(err)
	}
	keys, err := a.CallerKeys(t.Context(), 1, 0, "020 7946 0018")
	if err != nil || len(keys) != 2 || keys[1] != "+442079460018" {
		t.Fatal(keys, err)
	}
}

func TestConnectionsLeaveFilesForTheStore(t *testing.T) {
	s := config.Defaults()
	s.Limits.Connections = 1 << 30
	if n := connections(s, slog.New(slog.DiscardHandler)); n < 1 || n >= 1<<30 {
		t.Fatalf("%d connections", n)
	}
	s.Limits.Connections = 10
	if n := connections(s, slog.New(slog.DiscardHandler)); n != 10 {
		t.Fatalf("%d connections", n)
	}
}

func TestAServerStartsIsReadyAndLeavesNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, stop := context.WithCancel(t.Context())
	at := make(chan Addresses, 1)
	ended := make(chan error, 1)
	s := settings(t)
	go func() { ended <- Serve(ctx, s, "test", slog.New(slog.DiscardHandler), func(a Addresses) { at <- a }) }()
	var ops string
	select {
	case a := <-at:
		ops = a.Ops
	case err := <-ended:
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/livez": "ok", "/readyz": "ready", "/metrics": "afterbeep_backlog_messages 0"} {
		if body := get(t, "http://"+ops+path); !strings.Contains(body, want) {
			t.Errorf("%s: %q lacks %q", path, body, want)
		}
	}
	if err := Serve(ctx, s, "test", slog.New(slog.DiscardHandler), func(Addresses) {}); desk.KindOf(err) != desk.Conflict {
		t.Errorf("a second server on the folder: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b := new(strings.Builder)
	if err := res.Write(b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
