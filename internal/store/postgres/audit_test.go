package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// No role of ours can change or remove a row of the audit log, the owner of the
// tables included; a superuser can, and the hashes tell.
func TestTheAuditLogIsOnlyAppendedToAndTellsWhenSomebodyForcedIt(t *testing.T) {
	db := cluster.Shared(t).Database(t)
	o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
	if _, _, err := postgres.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	o.NoMigrate = true
	s, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 5 {
		d := desk.Deed{Tenant: 1, At: time.Now(), Actor: "person:1", Name: "Ann", Action: desk.NumberShown, Data: "{}"}
		if _, err := s.Audit(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	change := func(url, text string) int64 {
		t.Helper()
		c, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(t.Context())
		if _, err := c.Exec(t.Context(), `SELECT set_config('afterbeep.tenant', '1', false)`); err != nil {
			t.Fatal(err)
		}
		tag, err := c.Exec(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return tag.RowsAffected()
	}
	for _, url := range []string{db.App, db.Owner} {
		for _, text := range []string{`UPDATE audit SET name = 'Bob'`, `DELETE FROM audit`} {
			if n := change(url, text); n != 0 {
				t.Errorf("%s changed %d rows", text, n)
			}
		}
	}
	trail := func() string {
		t.Helper()
		found, err := s.AuditTrail(t.Context(), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range found.Flaws {
			got += f.What + " " + string(rune('0'+f.Seq)) + " "
		}
		return got
	}
	if got := trail(); got != "" {
		t.Fatal(got)
	}
	if n := change(db.Super, `UPDATE audit SET name = 'Bob' WHERE seq = 2`); n != 1 {
		t.Fatalf("the control: a superuser changed %d rows", n)
	}
	change(db.Super, `DELETE FROM audit WHERE seq = 4`)
	if got := trail(); got != "changed 2 missing 4 " {
		t.Fatal(got)
	}
}
