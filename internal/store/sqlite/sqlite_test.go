package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	"github.com/afterbeep/afterbeep/internal/store/storetest"
)

func open(t testing.TB, folder string) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLiteKeepsWhatEveryEngineMust(t *testing.T) {
	folders := map[string]string{}
	storetest.Run(t, func(t *testing.T, key string) *store.Store {
		key += t.Name()
		if folders[key] == "" {
			folders[key] = filepath.Join(t.TempDir(), "data")
		}
		return open(t, folders[key])
	})
}

// edit changes the file of a closed store behind Afterbeep's back.
func edit(t *testing.T, folder string, texts ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, sqlite.File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(text, err)
		}
	}
}

// filled is a folder with two sorted messages and one that waits.
func filled(t *testing.T) (folder string, first desk.Message) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "data")
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ids := desk.NewSequence(0, 0, time.Now)
	for i, text := range []string{"one", "two", "three"} {
		m := desk.Message{Tenant: 1, ID: ids.Next(), Channel: 202611220000000001, ReceivedAt: time.Now(), CallID: "c", Caller: "1", Text: text}
		if i == 0 {
			first = m
		}
		row := desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, &m)}
		if err := s.Append(t.Context(), &desk.Batch{Rows: []desk.Row{row}}); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			drain(t, s)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return folder, first
}

func drain(t testing.TB, s *store.Store) {
	t.Helper()
	sorter := sorting.New(slices{s}, inChina, slog.New(slog.DiscardHandler))
	for n := 1; n > 0; {
		var err error
		if n, err = sorter.Once(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedRowIsNamedAndNeverShown(t *testing.T) {
	for what, text := range map[string]string{
		"message": `UPDATE message SET body = 'One' WHERE body = 'one'`,
		"journal": `UPDATE journal SET lines = CAST(replace(CAST(lines AS TEXT), 'three', 'Three') AS BLOB)`,
	} {
		folder, _ := filled(t)
		edit(t, folder, text)
		s := open(t, folder)
		page, err := s.Messages(t.Context(), desk.DefaultTenant, desk.Query{Limit: 10})
		var damaged *store.Damaged
		if !errors.As(err, &damaged) || len(damaged.IDs) != 1 || len(page) != 2 {
			t.Fatalf("%s: %d shown, %v", what, len(page), err)
		}
		if r, err := s.Check(t.Context(), func(int64) {}); err != nil || len(r.Damaged) != 1 {
			t.Fatalf("%s: the check found %v, %v", what, r.Damaged, err)
		}
	}
}

func TestADamagedJournalRowIsSetAsideWhole(t *testing.T) {
	folder, _ := filled(t)
	edit(t, folder, `UPDATE journal SET hash = zeroblob(16)`)
	s := open(t, folder)
	drain(t, s)
	if b, err := s.Backlog(t.Context()); err != nil || b.Messages != 0 || b.Aside != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	folder, _ := filled(t)
	edit(t, folder, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
	_, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if desk.KindOf(err) != desk.Conflict || !strings.Contains(err.Error(), "newer Afterbeep") {
		t.Fatal(err)
	}
}

func TestAnotherJournalModeIsPutRight(t *testing.T) {
	folder, _ := filled(t)
	edit(t, folder, `PRAGMA journal_mode = DELETE`)
	s := open(t, folder)
	if page, err := s.Messages(t.Context(), desk.DefaultTenant, desk.Query{Limit: 10}); err != nil || len(page) != 3 {
		t.Fatal(len(page), err)
	}
}

func TestAFolderHasOneServer(t *testing.T) {
	folder := t.TempDir()
	unlock, err := sqlite.Claim(folder, sqlite.Options{})
	if err != nil || !sqlite.Served(folder) {
		t.Fatal(err)
	}
	if _, err := sqlite.Claim(folder, sqlite.Options{}); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("a second server: %v", err)
	}
	unlock()
	if sqlite.Served(folder) {
		t.Fatal("the claim outlived the server")
	}
}

func TestABackupIsOneThatWasRestored(t *testing.T) {
	folder, first := filled(t)
	file := filepath.Join(t.TempDir(), "backup.db")
	live := open(t, folder) // the folder is in use meanwhile
	r, err := sqlite.Backup(t.Context(), folder, file, sqlite.Options{}, func(int64, int64) {})
	if err != nil || r.Messages != 2 || r.Waiting != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := sqlite.Backup(t.Context(), folder, file, sqlite.Options{}, func(int64, int64) {}); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("over an older backup: %v", err)
	}
	if _, err := sqlite.Restore(t.Context(), file, folder, sqlite.Options{}); desk.KindOf(err) != desk.Conflict {
		t.Fatalf("over live data: %v", err)
	}
	again := filepath.Join(t.TempDir(), "restored")
	if _, err := sqlite.Restore(t.Context(), file, again, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	want, err := live.Messages(t.Context(), desk.DefaultTenant, desk.Query{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(t, again).Messages(t.Context(), desk.DefaultTenant, desk.Query{Limit: 10})
	if diff := cmp.Diff(want, got); err != nil || diff != "" || got[2].ID != first.ID {
		t.Fatal(err, diff)
	}
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	folder, _ := filled(t)
	edit(t, folder, `UPDATE message SET body = 'One' WHERE body = 'one'`)
	file := filepath.Join(t.TempDir(), "backup.db")
	if _, err := sqlite.Backup(t.Context(), folder, file, sqlite.Options{}, func(int64, int64) {}); err == nil {
		t.Fatal("a damaged store was backed up as if it were sound")
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 0 {
		t.Fatalf("%d files are left over, %v", len(left), err)
	}
	if err := os.WriteFile(file, []byte("this is no database, though it is long enough to look like a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Restore(t.Context(), file, filepath.Join(t.TempDir(), "new"), sqlite.Options{}); err == nil {
		t.Fatal("what is no database was restored")
	}
}

func TestTheWALIsCarriedOverAndStartsAnew(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	s := open(t, folder)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	ids := desk.NewSequence(0, 0, time.Now)
	text := strings.Repeat("请", 3000)
	for range 6000 { // some 60 MiB
		m := desk.Message{Tenant: 1, ID: ids.Next(), Channel: 202611220000000001, ReceivedAt: time.Now(), CallID: "c", Caller: "1", Text: text}
		row := desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: desk.AppendLine(nil, &m)}
		if err := s.Append(t.Context(), &desk.Batch{Rows: []desk.Row{row}}); err != nil {
			t.Fatal(err)
		}
	}
	st, err := os.Stat(filepath.Join(folder, sqlite.File+"-wal"))
	if err != nil || st.Size() > 48<<20 {
		t.Fatalf("the WAL has %d MiB, %v", st.Size()>>20, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
