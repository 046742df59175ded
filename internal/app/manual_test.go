package app

import (
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// What operators are told to paste is pasted.
func TestTheRolesOfTheManualMakeADatabaseInWhichTheDoctorFindsNothing(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operations.md")
	must(t, err)
	_, rest, found := strings.Cut(string(manual), "    CREATE ROLE afterbeep_owner")
	block, _, _ := strings.Cut("    CREATE ROLE afterbeep_owner"+rest, "\n\n")
	if !found {
		t.Fatal("the manual makes no roles any more")
	}
	server := cluster.Start(t, cluster.Options{})
	c, err := pgx.Connect(t.Context(), server.URL())
	must(t, err)
	defer c.Close(t.Context())
	for line := range strings.Lines(block) {
		if _, err := c.Exec(t.Context(), line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	s := settings(t)
	s.Database = "postgres://afterbeep:change me, too@" + server.Addr() + "/afterbeep?sslmode=disable"
	s.MigrateDatabase = "postgres://afterbeep_owner:change me@" + server.Addr() + "/afterbeep?sslmode=disable"
	for _, u := range []*string{&s.Database, &s.MigrateDatabase} {
		*u = strings.ReplaceAll(*u, " ", "%20")
	}
	if _, to, err := Migrate(t.Context(), s); err != nil || to == 0 {
		t.Fatal(to, err)
	}
	if found := wrongs(Doctor(t.Context(), s)); len(found) > 0 {
		t.Errorf("%q: %+v", found, Doctor(t.Context(), s))
	}
}
