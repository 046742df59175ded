package postgres_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// During a rolling upgrade the schema is ahead of the programs that still run,
// and of those of them that start again.
func TestAnOlderProgramWorksWithANewerSchemaUntilItIsTooOld(t *testing.T) {
	db := cluster.Shared(t).Database(t)
	o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
	_, target, err := postgres.Migrate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := sql.Open("pgx", db.Owner)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	run := func(text string, args ...any) {
		t.Helper()
		if _, err := owner.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
	opens := func(noMigrate bool) error {
		o.NoMigrate = noMigrate
		s, err := postgres.Open(t.Context(), o)
		if err == nil {
			err = s.Close()
		}
		return err
	}
	run(`INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, target+1)
	for _, noMigrate := range []bool{true, false} {
		if err := opens(noMigrate); err != nil {
			t.Errorf("a schema that only grew is refused (no migrate: %t): %v", noMigrate, err)
		}
	}
	run(`UPDATE compat SET least = $1`, target+1)
	for _, noMigrate := range []bool{true, false} {
		if err := opens(noMigrate); desk.KindOf(err) != desk.Conflict || !strings.Contains(err.Error(), "newer") {
			t.Errorf("a schema that this program does not understand is opened (no migrate: %t): %v", noMigrate, err)
		}
	}
	run(`DELETE FROM goose_db_version WHERE version_id >= $1`, target)
	if err := opens(true); desk.KindOf(err) != desk.Conflict || !strings.Contains(err.Error(), "afterbeep migrate") {
		t.Errorf("a schema that is behind: %v", err)
	}
}

func TestAnEmptyDatabaseSaysWhatToDo(t *testing.T) {
	db := cluster.Shared(t).Database(t)
	_, err := postgres.Open(t.Context(), postgres.Options{URL: db.App, NoMigrate: true})
	if desk.KindOf(err) != desk.Unstored || !strings.Contains(err.Error(), "afterbeep migrate") {
		t.Errorf("%v", err)
	}
}

func TestTwoWhoMigrateAtOnceDoItOnce(t *testing.T) {
	db := cluster.Shared(t).Database(t)
	o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
	errs := make(chan error)
	for range 4 {
		go func() {
			_, _, err := postgres.Migrate(t.Context(), o)
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestUnsafeDatabasesAreRefusedWithOneSentence(t *testing.T) {
	server := cluster.Shared(t)
	for name, c := range map[string]struct {
		do   string // as the superuser; % is the application's role
		role func(cluster.DB) string
		set  func(*postgres.Options)
		says string
	}{
		"a superuser":             {role: func(db cluster.DB) string { return db.Super }, says: "row-level security"},
		"BYPASSRLS":               {do: `ALTER ROLE % BYPASSRLS`, says: "row-level security"},
		"commits are not flushed": {do: `ALTER ROLE % SET synchronous_commit = off`, says: "synchronous_commit=off"},
		"too few standbys":        {set: func(o *postgres.Options) { o.Standbys = 1 }, says: "synchronous standbys"},
		"another password": {
			role: func(db cluster.DB) string { return strings.Replace(db.App, "@", "wrong@", 1) }, says: "password",
		},
		"nobody there": {
			role: func(cluster.DB) string { return "postgres://a@127.0.0.1:1/b" }, says: "not there",
		},
		"no URL": {role: func(cluster.DB) string { return "postgres://a@:b:c/d?sslmode=perhaps" }, says: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			db := server.Database(t)
			o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
			if _, _, err := postgres.Migrate(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if c.do != "" {
				super, err := sql.Open("pgx", db.Super)
				if err != nil {
					t.Fatal(err)
				}
				defer super.Close()
				if _, err := super.ExecContext(t.Context(), strings.Replace(c.do, "%", user(t, db.App), 1)); err != nil {
					t.Fatal(err)
				}
			}
			o.NoMigrate = true
			if c.role != nil {
				o.URL = c.role(db)
			}
			if c.set != nil {
				c.set(&o)
			}
			s, err := postgres.Open(t.Context(), o)
			if err == nil {
				t.Fatal("it is opened", s.Close())
			}
			if text := err.Error(); !strings.Contains(text, c.says) {
				t.Errorf("it says %q", text)
			}
		})
	}
}

func user(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.User.Username()
}
