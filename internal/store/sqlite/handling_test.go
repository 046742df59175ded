package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// beforeHandling is the last schema without it.
const beforeHandling = 10

// older makes a folder as a program before handling left it, with what its own
// statements write: one open thread with two messages, and one closed.
func older(t *testing.T) (folder string, db *sql.DB) {
	t.Helper()
	open(t, filepath.Join(t.TempDir(), "any")) // sets up the engine
	folder = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(folder, sqlite.File)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	migrations, err := store.Migrations("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(database.DialectSQLite3, db, migrations, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), beforeHandling); err != nil {
		t.Fatal(err)
	}
	oldThread(t, db, 1001, "open", "new")
	oldThread(t, db, 1002, "shut", "closed")
	for id, body := range map[int]string{1001: "the first", 1003: " the\r\nsecond "} {
		run(t, db, `INSERT INTO message (tenant_id, id, thread_id, channel_id, app_key, received_at, call_id, caller, body, user_id, user_name, locale, hash)
			VALUES (1, ?, 1001, 1, '', 1, '', '1', ?, '', '', '', x'00')`, id, body)
	}
	return folder, db
}

// oldThread is how the program before wrote a thread.
func oldThread(t *testing.T, db *sql.DB, id int, key, state string) {
	t.Helper()
	run(t, db, `INSERT INTO thread (tenant_id, id, channel_id, caller, caller_key, state, messages, first_at, last_at, closed_at, reason, previous_id, version)
		VALUES (1, ?, 1, '1', ?, ?, 1, 5, 6, 7, '', 0, 1)`, id, key, state)
}

func run(t *testing.T, db *sql.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(text, err)
	}
}

func TestThreadsOfAnOlderProgramAreHandledAfterAnUpgrade(t *testing.T) {
	folder, db := older(t)
	s := open(t, folder)
	th, err := s.Thread(t.Context(), 1, 1001)
	if err != nil || th.Excerpt != "the  second" || th.Owner != 0 || th.State != desk.New {
		t.Fatalf("%+v, %v", th, err)
	}
	var next int64
	if err := db.QueryRowContext(t.Context(), `SELECT next_at FROM thread WHERE tenant_id = 1 AND id = 1001`).Scan(&next); err != nil || next != th.Urgency() {
		t.Fatalf("next_at %d, want %d, %v", next, th.Urgency(), err)
	}
	if th, err := s.Thread(t.Context(), 1, 1002); err != nil || th.Excerpt != "" || th.State != desk.Closed {
		t.Fatalf("%+v, %v", th, err)
	}
}

// While nodes are upgraded one after the other, the older ones write as they
// always did.
func TestAnOlderProgramWorksOnBesideHandling(t *testing.T) {
	folder, db := older(t)
	s := open(t, folder)
	d := handling.New(handling.Parts{Threads: s, Changes: s, Timers: s, Staff: s}, time.Now)
	boss := desk.Actor{Tenant: 1, Name: "boss", Role: desk.RoleAdministrator}
	oldThread(t, db, 1004, "fresh", "new")
	counts, err := d.Counts(t.Context(), boss)
	if err != nil || counts[desk.ViewUnclaimed] != 2 {
		t.Fatalf("%v, %v", counts, err)
	}
	for _, want := range []desk.ID{1004, 1001} { // its rows have no next_at, and no page skips anything for that
		q := handling.ViewQuery{View: desk.ViewAll, Order: desk.OrderUrgent, Limit: 1}
		if want == 1001 {
			page, err := d.View(t.Context(), boss, q)
			if err != nil {
				t.Fatal(err)
			}
			q.Before = page.Next
		}
		if page, err := d.View(t.Context(), boss, q); err != nil || len(page.Threads) != 1 || page.Threads[0].ID != want {
			t.Fatalf("%+v, %v, want %s", page, err, want)
		}
	}
	if _, err := d.Call(t.Context(), boss, 1004, 0, handling.Call{Outcome: desk.NoAnswer}); err != nil {
		t.Fatal(err)
	}
	// It closes a thread that waits, by its own compare-and-set.
	run(t, db, `UPDATE thread SET caller = '1', state = 'closed', messages = 1, last_at = 6, closed_at = 9, reason = '', version = version + 1
		WHERE tenant_id = 1 AND id = 1004 AND version = 2`)
	if n, err := d.Due(t.Context(), time.Now().Add(2*time.Hour)); n != 0 || err != nil {
		t.Fatalf("%d timers of a closed thread, %v", n, err)
	}
	page, err := d.View(t.Context(), boss, handling.ViewQuery{View: desk.ViewClosed})
	if err != nil || len(page.Threads) != 2 || page.Threads[0].ID != 1004 {
		t.Fatalf("%+v, %v", page, err)
	}
	th, err := d.Reopen(t.Context(), boss, 1004, 0)
	if err != nil || th.State != desk.New || !th.WakeAt.IsZero() {
		t.Fatalf("%+v, %v", th, err)
	}
}
