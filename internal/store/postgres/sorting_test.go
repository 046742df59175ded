package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// A backlog is drained slice by slice. If each of them made the server read all
// that waits, or much of it, draining would slow down with what there is.
func TestOfALargeBacklogTheServerReadsOnlyTheSlice(t *testing.T) {
	const waiting, wanted = 100, 4
	db := cluster.Shared(t).Database(t)
	o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
	super, err := pgx.Connect(t.Context(), db.Super)
	if err != nil {
		t.Fatal(err)
	}
	defer super.Close(t.Context())
	// read is how many blocks of long values the server has looked at for what do
	// does. A connection counts them when it ends.
	read := func(do func(*store.Store)) (blocks, all int) {
		t.Helper()
		s, err := postgres.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		do(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for there := 1; there > 0; {
			if err := super.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&there); err != nil {
				t.Fatal(err)
			}
		}
		if err := super.QueryRow(t.Context(), `SELECT toast_blks_hit + toast_blks_read,
			(SELECT pg_relation_size(reltoastrelid) / 8192 FROM pg_class WHERE oid = relid)
			FROM pg_statio_user_tables WHERE relname = 'journal'`).Scan(&blocks, &all); err != nil {
			t.Fatal(err)
		}
		return blocks, all
	}
	ids := desk.NewSequence(0, 0, time.Now)
	before, all := read(func(s *store.Store) {
		for range waiting {
			row := desk.Row{Count: desk.RowLines}
			for i := range desk.RowLines {
				m := desk.Message{Tenant: desk.DefaultTenant, ID: ids.Next(), ReceivedAt: time.Now(), Text: strings.Repeat("x", 100)}
				if i == 0 {
					row.First = m.ID
				}
				row.Last, row.Lines = m.ID, desk.AppendLine(row.Lines, &m)
			}
			if err := s.Append(t.Context(), &desk.Batch{Rows: []desk.Row{row}, At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
	})
	after, _ := read(func(s *store.Store) {
		rows, err := s.Oldest(t.Context(), 0, wanted*desk.RowLines)
		if err != nil || len(rows) != wanted {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
	})
	if got, most := after-before, all*2*wanted/waiting; got < wanted || got > most {
		t.Errorf("for %d of %d rows the server looked at %d of %d blocks; at most %d will do", wanted, waiting, got, all, most)
	}
}
