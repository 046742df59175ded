package cluster_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/test/postgres"
	"github.com/afterbeep/afterbeep/test/rig"
)

func TestD9ADatabaseThatCannotKeepAPromiseIsNotServed(t *testing.T) {
	primary := postgres.Start(t, postgres.Options{})
	db := primary.Database(t)
	standby := primary.Standby(t, "standby", postgres.Options{})
	rig.Provision(t, rig.Options{Database: db.App, Migrate: db.Owner})
	app, _, _ := strings.Cut(strings.TrimPrefix(db.App, "postgres://"), ":")
	system := func(setting, value string) func() {
		return func() {
			run(t, primary.URL(), "ALTER SYSTEM SET "+setting+" = "+value)
			run(t, primary.URL(), "SELECT pg_reload_conf()")
		}
	}
	reset := func() {
		run(t, primary.URL(), "ALTER SYSTEM RESET ALL")
		run(t, primary.URL(), "SELECT pg_reload_conf()")
		run(t, primary.URL(), "ALTER ROLE "+app+" RESET ALL")
	}
	for _, unsafe := range []struct {
		name string
		harm func()
		url  string
		env  string
		says string
	}{
		{"fsync is off", system("fsync", "off"), db.App, "", "fsync=off"},
		{"torn pages are not repaired", system("full_page_writes", "off"), db.App, "", "full_page_writes=off"},
		{"commits do not wait for the disk", system("synchronous_commit", "off"), db.App, "", "synchronous_commit=off"},
		{"the role's commits do not wait", func() { run(t, primary.URL(), "ALTER ROLE "+app+" SET synchronous_commit = local") }, db.App, "", "synchronous_commit=local"},
		{"nobody holds the role back", func() {}, db.Super, "", "row-level security"},
		{"a standby is asked for and none is named", func() {}, db.App, "AFTERBEEP_POSTGRES_STANDBYS=1", "standby"},
		{"a standby is named and is not there", system("synchronous_standby_names", "'elsewhere'"), db.App, "AFTERBEEP_POSTGRES_STANDBYS=1", "standby"},
		{"it is a standby", func() {}, db.At(standby).App, "", "standby"},
	} {
		unsafe.harm()
		o := rig.Options{Database: unsafe.url, Limit: 15 * time.Second, Env: []string{"AFTERBEEP_LOG_LEVEL=error"}}
		if unsafe.env != "" {
			o.Env = append(o.Env, unsafe.env)
		}
		var left rig.Result
		// A reload takes a moment to reach everybody.
		refused := eventually(20*time.Second, func() bool {
			left = rig.Exec(t, o, "serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
			return left.Code > 0 && strings.Contains(left.Stderr, unsafe.says)
		})
		if !refused {
			t.Errorf("%s: the server left with code %d and says %q", unsafe.name, left.Code, left.Stderr)
			continue
		}
		if strings.Count(strings.TrimSpace(left.Stderr), "\n") > 0 || strings.Contains(left.Stderr, "postgres://") {
			t.Errorf("%s: one plain sentence was promised: %q", unsafe.name, left.Stderr)
		}
		t.Logf("%s: %s", unsafe.name, strings.TrimSpace(left.Stderr))
		reset()
	}
	// The control: with nothing wrong it serves.
	rig.Start(t, rig.Options{Database: db.App})
}

// run is for statements that no transaction may hold.
func run(t *testing.T, url, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
