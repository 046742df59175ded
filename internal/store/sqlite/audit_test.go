package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

func TestTheAuditLogIsOnlyAppendedToAndTellsWhenSomebodyForcedIt(t *testing.T) {
	for _, c := range []struct{ name, force, want string }{
		{"changed", `UPDATE audit SET name = 'Bob' WHERE seq = 3`, "changed 3"},
		{"removed", `DELETE FROM audit WHERE seq = 3`, "missing 3"},
		{"the last removed", `DELETE FROM audit WHERE seq = 5`, "missing 5"},
		{"slipped in", `INSERT INTO audit SELECT tenant_id, 6, at, actor, name, address, action, object, data, prev_hash, hash FROM audit WHERE seq = 5`, "inserted 6"},
		{"nothing", `SELECT 1`, ""},
	} {
		folder := filepath.Join(t.TempDir(), "data")
		s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			d := desk.Deed{Tenant: 1, At: time.Now(), Actor: "person:1", Name: "Ann", Action: desk.NumberShown, Data: "{}"}
			if _, err := s.Audit(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, folder, `UPDATE audit SET name = 'Bob'`)
		refused(t, folder, `DELETE FROM audit`)
		edit(t, folder, `DROP TRIGGER audit_stays`, `DROP TRIGGER audit_stays_as_it_is`, c.force)
		trail, err := open(t, folder).AuditTrail(t.Context(), 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range trail.Flaws {
			got += f.What + " " + string(rune('0'+f.Seq))
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
}

func refused(t *testing.T, folder, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, sqlite.File))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err == nil {
		t.Errorf("%s: the database let it pass", text)
	}
}
