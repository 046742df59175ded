package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// onPostgreSQL is a shell whose commands work on a PostgreSQL of its own.
func onPostgreSQL(t *testing.T) (*shell, cluster.DB) {
	db := cluster.Shared(t).Database(t)
	s := newShell(t)
	s.environ = []string{"AFTERBEEP_DATABASE=" + db.App, "AFTERBEEP_MIGRATE_DATABASE=" + db.Owner}
	return s, db
}

func secretOf(t *testing.T, url string) string {
	t.Helper()
	_, rest, found := strings.Cut(strings.TrimPrefix(url, "postgres://"), ":")
	word, _, _ := strings.Cut(rest, "@")
	if !found || len(word) < 8 {
		t.Fatal("the URL has no password to look for")
	}
	return word
}

func TestTheCommandsWorkOnAPostgreSQLAsOnAFolder(t *testing.T) {
	s, db := onPostgreSQL(t)
	if got := objects(t, s.must("migrate", "--json"))[0]; got["from"] != 0.0 || got["to"].(float64) < 1 {
		t.Errorf("migrate says %v", got)
	}
	if out := s.must("migrate"); !strings.Contains(out, "up to date") {
		t.Errorf("a second migrate says %q", out)
	}
	s.must("app", "create", "--name", "Web shop")
	s.must("channel", "create", "--name", "Website")
	s.must("tenant", "create", "--name", "second")
	if out := s.must("app", "list"); !strings.Contains(out, "Web shop") {
		t.Error(out)
	}
	s.must("messages", "list")
	s.must("doctor")
	file := filepath.Join(t.TempDir(), "backup.jsonl.gz")
	if out := s.must("backup", file); !strings.Contains(out, "read back") {
		t.Error(out)
	}
	other, _ := onPostgreSQL(t)
	if out := other.must("restore", file); strings.Contains(out, secretOf(t, db.App)) {
		t.Error("restore shows a password")
	}
	if out := other.must("app", "list"); !strings.Contains(out, "Web shop") {
		t.Error(out)
	}
	plain := newShell(t)
	plain.must("restore", file)
	if out := plain.must("tenant", "list"); !strings.Contains(out, "second") {
		t.Error(out)
	}
	plain.must("backup", "--portable", file+"2")
}

func TestAMoveIsToldInWordsAndInJSON(t *testing.T) {
	s := newShell(t)
	s.must("app", "create", "--name", "Web shop")
	db := cluster.Shared(t).Database(t)
	place := "sqlite:" + s.data
	out := s.must("move", "--from", place, "--to", db.App, "--migrate-database", db.Owner, "--json")
	var m movedAll
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	if m.From != place || !strings.HasPrefix(m.To, "postgres://127.0.0.1") || m.Rows < 4 || m.Resumed || len(m.Sections) != 20 || strings.Contains(out, secretOf(t, db.App)) {
		t.Errorf("%+v", m)
	}
	back := filepath.Join(t.TempDir(), "back")
	out = s.must("move", "--from", db.App, "--to", "sqlite:"+back)
	if !strings.Contains(out, "are the same") || !strings.Contains(out, "none on postgres://") {
		t.Error(out)
	}
	s.fails(exitError, []string{"content"}, "move", "--from", place, "--to", "sqlite:"+back)
	s.fails(exitUsage, []string{"--from and --to"}, "move", "--from", place)
	s.fails(exitUsage, []string{"neither"}, "move", "--from", place, "--to", "mysql://hunter2@x/y")
}

func TestNoCommandShowsAPassword(t *testing.T) {
	s, db := onPostgreSQL(t)
	var said strings.Builder
	for _, args := range [][]string{
		{"config"},
		{"config", "--json"},
		{"doctor"},
		{"doctor", "--json"},
		{"migrate"},
		{"app", "list"},
		{"app", "list", "--database", db.App + "&sslmode=on"},
		{"app", "list", "--database", strings.Replace(db.App, "/t", "/nowhere", 1)},
		{"app", "list", "--database", strings.Replace(db.App, "127.0.0.1:", "127.0.0.1:1", 1)},
		{"move", "--from", db.App + "x y", "--to", "sqlite:" + t.TempDir()},
	} {
		r := s.run(args...)
		said.WriteString(r.out + r.err)
	}
	for _, url := range []string{db.App, db.Owner} {
		if strings.Contains(said.String(), secretOf(t, url)) {
			t.Error("a password was shown:\n" + said.String())
		}
	}
	if !strings.Contains(said.String(), ":***@127.0.0.1") {
		t.Error("nothing was shown at all: the test is blind")
	}
}

func TestTheCallsForShardsArePrintedInOrder(t *testing.T) {
	s := newShell(t)
	out := s.must("database", "shards")
	for _, want := range []string{
		"SELECT create_distributed_table('journal', 'bucket', colocate_with => 'none');",
		"SELECT create_distributed_table('message', 'tenant_id', colocate_with => 'none');",
		"SELECT create_distributed_table('event', 'tenant_id', colocate_with => 'message');",
		"SELECT create_reference_table('tenant');",
		"-- node stays on the coordinator",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "-- ") && !strings.HasPrefix(line, "SELECT create_") {
			t.Errorf("%q is no SQL", line)
		}
	}
	if all := objects(t, s.must("database", "shards", "--json")); len(all) < 18 {
		t.Errorf("%d tables", len(all))
	}
}

func TestAnOlderSchemaIsNotMigratedByAServerThatMustNot(t *testing.T) {
	s, _ := onPostgreSQL(t)
	s.neverServes("afterbeep migrate", "--no-migrate")
	s.must("migrate")
	v := s.serve("Ctrl-C", "serve", "--no-migrate", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	if code := v.stop(); code != 0 {
		t.Errorf("it left with code %d:\n%s", code, v.out)
	}
}

func TestNobodyServesAHalfFilledStore(t *testing.T) {
	s, _ := onPostgreSQL(t)
	s.must("migrate")
	from := newShell(t)
	from.must("app", "create", "--name", "Web shop")
	file := filepath.Join(t.TempDir(), "backup")
	from.must("backup", "--portable", file)
	half(t, s, file)
	s.neverServes("half-filled")
	s.fails(exitError, []string{"half-filled"}, "app", "list")
	s.must("restore", file)
	s.must("app", "list")
}

func TestTheDemoLeavesADatabaseAloneThatOnlyAVariableNames(t *testing.T) {
	s, _ := onPostgreSQL(t)
	s.must("migrate")
	v := s.serve("Ctrl-C ends it", "demo", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	v.stop()
	if out := s.must("messages", "list", "--json"); out != "" {
		t.Errorf("the demo wrote into the database:\n%s", out)
	}
}

// neverServes fails unless a server refuses to start, and says why.
func (s *shell) neverServes(why string, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	var out, err bytes.Buffer
	c := &cli{in: s.in, out: &out, err: &err, environ: s.environ, now: time.Now}
	code := c.main(ctx, append([]string{"serve", "--data", s.data, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"}, args...))
	if code != exitError || !strings.Contains(err.String(), why) {
		s.t.Errorf("a server started, or said something else than %q: code %d, %s", why, code, err.String())
	}
}

// half makes a restore fail in the midst of its work.
func half(t *testing.T, s *shell, file string) {
	t.Helper()
	owner := strings.TrimPrefix(s.environ[1], "AFTERBEEP_MIGRATE_DATABASE=")
	statement(t, owner, `ALTER TABLE revision ADD CONSTRAINT stop CHECK (n < 1) NOT VALID`)
	s.fails(exitError, nil, "restore", file)
	statement(t, owner, `ALTER TABLE revision DROP CONSTRAINT stop`)
}

func statement(t *testing.T, url, text string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}
