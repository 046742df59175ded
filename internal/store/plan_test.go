package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// How a list is read decides whether it takes a millisecond or a second when
// there are a million threads, and nothing else shows it at a few hundred. So the
// engines are asked how they would do it.

// walk is a statement, and the index that it must walk.
type walk struct {
	what, text string
	args       []any
	index      string
}

func questions() (all []walk) {
	now := time.Now()
	for _, v := range desk.Views() {
		for _, order := range v.Orders() {
			for name, narrow := range map[string]func(*desk.Listing){
				"":           func(*desk.Listing) {},
				"next page":  func(l *desk.Listing) { l.After = desk.Place{Key: now.UnixMicro(), ID: 5} },
				"by channel": func(l *desk.Listing) { l.Channels = []desk.ChannelID{1, 2, 3} },
				"by outcome": func(l *desk.Listing) { l.Outcome = desk.Reached },
				"since":      func(l *desk.Listing) { l.Since = now.Add(-time.Hour) },
			} {
				l := desk.Listing{View: v, Order: order, Now: now, Until: now.Add(time.Hour), Limit: 50}
				if v == desk.ViewMine {
					l.Owner = 3
				}
				narrow(&l)
				text, args := store.ListText(l)
				all = append(all, walk{fmt.Sprintf("%s %s %s", v, order, name), text, args, index(v, order)})
			}
		}
	}
	closed := desk.Listing{View: desk.ViewClosed, Order: desk.OrderClosed, Now: now, Limit: 50, After: desk.Place{Key: now.UnixMicro(), ID: 5}}
	text, args := store.FloorText(closed)
	all = append(all, walk{"closed, ahead", text, args, "thread_closed"})
	for name, kind := range map[string]string{"event_call": desk.CallAttempted, "event_note": desk.NoteAdded} {
		for what, narrow := range map[string]func(*desk.EntryQuery){
			"": func(*desk.EntryQuery) {},
			"next page, of some time": func(q *desk.EntryQuery) {
				q.Since, q.Until, q.After = now.Add(-time.Hour), now, desk.Place{Key: now.UnixMicro() - 1, ID: 5}
			},
		} {
			q := desk.EntryQuery{Kind: kind}
			narrow(&q)
			text, args := store.EntryText(q, 51)
			all = append(all, walk{kind + " " + what, text, args, name})
		}
		text, args := store.EntryText(desk.EntryQuery{Kind: kind, Thread: 7}, 51)
		all = append(all, walk{kind + " of a thread", text, args, "event_thread"})
	}
	text, args = store.UndoneText([]desk.ID{7, 8, 9, 10})
	all = append(all, walk{"what was taken back", text, args, "event_undone"})
	for timer, name := range map[desk.Timer]string{desk.TimerClaim: "thread_claim", desk.TimerWake: "thread_wake", desk.TimerDue: "thread_due"} {
		all = append(all, walk{string(timer), store.FiredText(timer), []any{now.UnixMicro(), 100}, name})
	}
	messages, events := store.NewestTexts()
	return append(all,
		walk{"a thread's messages", messages, []any{7, 500}, "message_thread"},
		walk{"a thread's events", events, []any{7, 500}, "event_thread"},
		walk{"counts", store.TallyText, []any{now.UnixMicro(), now.UnixMicro()}, "thread_(owner_)?urgent"},
		walk{"loads", store.LoadText, nil, "thread_owner_(newest|urgent)"},
		walk{"earlier", store.CallersText, []any{"+8613800000001", 50}, "thread_caller"})
}

// index is what a view walks along.
func index(v desk.View, o desk.Order) string {
	switch {
	case v == desk.ViewClosed:
		return "thread_closed"
	case v == desk.ViewWaiting:
		return "thread_wake"
	case v == desk.ViewMine || v == desk.ViewUnclaimed:
		return "thread_owner_" + string(o)
	}
	return "thread_" + string(o)
}

const openThreads, shutThreads = 10_000, 30_000

// fill writes threads: closed ones and, among them, open ones of ten people.
func fill(t *testing.T, db *sql.DB, series, guard, noHash string) {
	t.Helper()
	ctx := t.Context()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if guard != "" {
		if _, err := tx.ExecContext(ctx, guard); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO thread (tenant_id, id, channel_id, caller, caller_key, state, messages,
		first_at, last_at, closed_at, reason, previous_id, version, owner, claim_until, wake_at, due_at, next_at, outcome)
		SELECT 1, n, n %% 3, '', n, CASE WHEN n > %d THEN 'closed' WHEN n %% 5 = 0 THEN 'new' WHEN n %% 5 = 1 THEN 'waiting' ELSE 'working' END, 1,
		n, n, CASE WHEN n > %d THEN n ELSE 0 END, '', 0, 1, CASE WHEN n %% 5 = 0 THEN 0 ELSE n %% 10 END,
		CASE WHEN n %% 5 > 1 THEN n ELSE 0 END, CASE WHEN n %% 5 = 1 THEN n ELSE 0 END, CASE WHEN n %% 7 = 0 THEN n ELSE 0 END, n, ''
		FROM %s`, openThreads, openThreads, series)); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO event (tenant_id, seq, thread_id, kind, actor, at, data, hash)
		SELECT 1, n, n %% 1000, CASE WHEN n %% 20 = 0 THEN 'call.attempted' WHEN n %% 30 = 1 THEN 'note.added' WHEN n %% 100 = 7 THEN 'thread.undone'
		ELSE 'message.left' END, '', n, '{}', %s FROM %s`, noHash, series)); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestNoListOfThreadsReadsTheTableOnSQLite(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite", filepath.Join(folder, sqlite.File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	fill(t, db, fmt.Sprintf(`(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) SELECT n FROM c)`, openThreads+shutThreads), "", "x''")
	judge(t, func(a walk) string {
		rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+a.text, append([]any{1}, a.args...)...)
		if err != nil {
			t.Fatal(a.what, err)
		}
		defer rows.Close()
		var plan strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&plan, "%d %d %s\n", id, parent, detail)
		}
		return plan.String()
	}, regexp.MustCompile(`(?m)SCAN (thread|event|message)$`))
	stepping(t, s)
}

func TestNoListOfThreadsReadsTheTableOnPostgreSQL(t *testing.T) {
	at := cluster.Shared(t).Database(t)
	o := postgres.Options{URL: at.App, MigrateURL: at.Owner, Connections: 4}
	if _, _, err := postgres.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("pgx", at.App)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const guard = `SELECT set_config('afterbeep.tenant', '1', true)`
	fill(t, db, fmt.Sprintf(`generate_series(1, %d) AS n`, openThreads+shutThreads), guard, `''::bytea`)
	owner, err := sql.Open("pgx", at.Owner)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, err := owner.ExecContext(t.Context(), `ANALYZE thread, event`); err != nil {
		t.Fatal(err)
	}
	// PostgreSQL knows how many threads are open. It may take another index, and
	// sort, as long as only open threads are in it.
	judge(t, func(a walk) string {
		plan := pgPlan(t.Context(), t, db, guard, a)
		if a.index != "thread_closed" && a.index != "thread_caller" {
			plan = regexp.MustCompile(`\bthread_(newest|urgent|owner_newest|owner_urgent|wake|claim|due|open|one_open)\b`).
				ReplaceAllString(plan, "$0 "+"thread_owner_urgent thread_urgent thread_owner_newest thread_newest thread_wake thread_claim thread_due")
		}
		return plan
	}, regexp.MustCompile(`Seq Scan on (thread|event)`))
	stepping(t, s)
}

func pgPlan(ctx context.Context, t *testing.T, db *sql.DB, guard string, a walk) string {
	t.Helper()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, guard); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.QueryContext(ctx, `EXPLAIN `+a.text, append([]any{1}, a.args...)...)
	if err != nil {
		t.Fatal(a.what, err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(row + "\n")
	}
	return plan.String()
}

// judge reads the plans.
func judge(t *testing.T, explain func(walk) string, scans *regexp.Regexp) {
	t.Helper()
	bad := func(a walk) (plan string, bad bool) {
		plan = explain(a)
		return plan, scans.MatchString(plan) || !regexp.MustCompile(a.index+`\b`).MatchString(plan)
	}
	for _, a := range questions() {
		if plan, bad := bad(a); bad {
			t.Errorf("%s does not walk along %s:\n%s", a.what, a.index, plan)
		}
	}
	for _, text := range []string{
		`SELECT id FROM thread WHERE tenant_id = $1 AND next_at > 0 ORDER BY next_at LIMIT 50`, // says nothing of its state
		`SELECT id FROM thread WHERE tenant_id = $1 AND reason = 'x'`,
	} {
		if plan, bad := bad(walk{what: "a control", text: text, index: "thread_urgent"}); !bad {
			t.Errorf("a statement without an index is not noticed:\n%s", plan)
		}
	}
}

// stepping goes through more closed threads than one statement looks at.
func stepping(t *testing.T, s *store.Store) {
	t.Helper()
	l := desk.Listing{View: desk.ViewClosed, Order: desk.OrderClosed, Owner: 3, Channels: []desk.ChannelID{1}, Limit: 200}
	seen := map[desk.ID]bool{}
	last := desk.ID(1 << 62)
	for range 1000 {
		page, next, err := s.List(t.Context(), 1, l)
		if err != nil {
			t.Fatal(err)
		}
		for _, th := range page {
			if th.ID >= last || th.Owner != 3 || th.Channel != 1 || th.State != desk.Closed {
				t.Fatalf("%+v after %s", th, last)
			}
			last, seen[th.ID] = th.ID, true
		}
		if next == nil {
			break
		}
		l.After = *next
	}
	want := 0
	for n := openThreads + 1; n <= openThreads+shutThreads; n++ {
		if n%10 == 3 && n%3 == 1 {
			want++
		}
	}
	if len(seen) != want {
		t.Errorf("%d threads, want %d", len(seen), want)
	}
	// Nobody closed one of these: the page is empty, and not the last one, or it is.
	l.Owner, l.After = 4711, desk.Place{}
	rounds := 0
	for next := &l.After; next != nil; rounds++ {
		l.After = *next
		page, more, err := s.List(t.Context(), 1, l)
		if err != nil || len(page) > 0 || rounds > 10 {
			t.Fatalf("%d threads, %v, round %d", len(page), err, rounds)
		}
		next = more
	}
}
