package postgres_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/search"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/storetest"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestPostgreSQLFindsWhatEveryEngineMust(t *testing.T) {
	for name, c := range map[string]struct {
		bits uint
		set  func(*postgres.Options)
	}{
		"slices as they are":                        {store.SliceBits, nil},
		"slices of four events, behind a PgBouncer": {2, func(o *postgres.Options) { o.PgBouncer = true }},
	} {
		t.Run(name, func(t *testing.T) {
			open := opener(cluster.Shared(t), c.set)
			storetest.RunSearch(t, func(t *testing.T, key string) *store.Finder {
				s := open(t, key)
				return &store.Finder{Store: s, Index: s.TableIndex(c.bits)}
			})
		})
	}
}

// filled is a database with so many indexed messages of two tenants.
func filled(t testing.TB, server *cluster.Server, bits uint, n int) (*store.Finder, cluster.DB) {
	t.Helper()
	db := server.Database(t)
	o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
	s, err := postgres.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.AddTenant(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	f := &store.Finder{Store: s, Index: s.TableIndex(bits)}
	for tenant := desk.TenantID(1); tenant <= 2; tenant++ {
		storetest.Seed(t, s, tenant, n)
		storetest.TakeAll(t, f, tenant)
	}
	return f, db
}

// as runs do on a connection of a role of its own.
func as(t testing.TB, url string, do func(context.Context, *pgx.Conn)) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	do(t.Context(), c)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTheIndexGivesNothingToAnotherTenantWhateverIsAsked(t *testing.T) {
	_, db := filled(t, cluster.Shared(t), 3, 40)
	as(t, db.App, func(ctx context.Context, c *pgx.Conn) {
		for _, text := range []string{
			`SELECT count(*) FROM search`, `SELECT message_id FROM search LIMIT 1`, `SELECT count(*) FROM search_slice`,
			`SELECT count(*) FROM search_part`, `DELETE FROM search`, `UPDATE search_slice SET first_id = 0`, `INSERT INTO search VALUES (1, 1, '{1}')`,
			`SELECT search_find(2, '{1}', 0, 9, 9, 9)`, `SELECT search_forget(2)`, `SELECT search_add(2, 0, '{1}', '{1}')`,
			`SELECT search_seek(2, '{1}', 0, 9, 9)`, `SELECT search_put(2, 0, 0, '{1}', '{1}')`,
			`BEGIN; SELECT set_config('afterbeep.tenant', '1', true); SELECT search_find(2, '{1}', 0, 9, 9, 9)`,
			`BEGIN; SELECT set_config('afterbeep.tenant', '1', true); SELECT search_forget(2)`,
			`BEGIN; SELECT set_config('afterbeep.tenant', '1', true); SELECT search_add(2, 0, '{1}', '{1}')`,
			`BEGIN; SELECT set_config('afterbeep.tenant', '1', true); SELECT search_seek(2, '{1}', 0, 9, 9)`, `BEGIN; SELECT set_config('afterbeep.tenant', '1', true); SELECT search_put(2, 0, 0, '{1}', '{1}')`,
			`BEGIN; SET LOCAL search_path = pg_temp; SELECT public.search_find(2, '{1}', 0, 9, 9, 9)`,
			`BEGIN; SELECT set_config('afterbeep.tenant', '', true); SELECT search_find(NULL, '{1}', 0, 9, 9, 9)`,
		} {
			_, err := c.Exec(ctx, text)
			if err == nil {
				t.Errorf("%s: the application's role may do that", text)
			}
			if _, err := c.Exec(ctx, `ROLLBACK`); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// During an upgrade, programs of both kinds take in events, each in its own way.
func TestWhatTheVersionBeforeTookInIsFoundByThisOneAndTheOtherWayRound(t *testing.T) {
	const all, before = 300, 180
	db := cluster.Shared(t).Database(t)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := &store.Finder{Store: s, Index: s.TableIndex(store.SliceBits)}
	storetest.Seed(t, s, 1, all)
	page, err := s.Messages(t.Context(), 1, desk.Query{Limit: all})
	if err != nil || len(page) != all {
		t.Fatal(len(page), err)
	}
	hashes := func(tokens ...string) string {
		var list []string
		for _, token := range tokens {
			h := fnv.New32a()
			_, _ = h.Write([]byte(token))
			list = append(list, fmt.Sprint(h.Sum32()))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	var ids, lists []string
	for _, m := range page[all-before:] { // the oldest
		ids = append(ids, m.ID.String())
		lists = append(lists, hashes((&search.Document{Text: m.Text, Caller: m.Caller, UserName: m.UserName}).Tokens()...))
	}
	as(t, db.App, func(ctx context.Context, c *pgx.Conn) {
		for _, text := range []string{
			`BEGIN`, `SELECT set_config('afterbeep.tenant', '1', true)`,
			`SELECT search_add(1, 0, '{` + strings.Join(ids, ",") + `}', '` + strings.Join(lists, ";") + `')`,
			fmt.Sprintf(`INSERT INTO reader (tenant_id, name, seq, holder, until) VALUES (1, '%s', %d, '', 0)`, store.SearchReader, before), `COMMIT`,
		} {
			if _, err := c.Exec(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n, _ := storetest.TakeAll(t, f, 1); n != all-before {
		t.Fatalf("%d events were taken in", n)
	}
	for _, limit := range []int{7, 50, all} {
		found := 0
		for q := (desk.Query{Text: "refund", Limit: limit}); ; {
			got, err := f.Messages(t.Context(), 1, q)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i].ID != page[found].ID {
					t.Fatalf("%d a page: place %d is another message", limit, found)
				}
				found++
				q.Before = got[i].ID
			}
			if len(got) < limit {
				break
			}
		}
		if found != all {
			t.Errorf("%d a page: %d found", limit, found)
		}
	}
	as(t, db.App, func(ctx context.Context, c *pgx.Conn) { // the search of the version before
		if _, err := c.Exec(ctx, `SELECT set_config('afterbeep.tenant', '1', false)`); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := c.QueryRow(ctx, `SELECT count(*) FROM search_find(1, '`+hashes("wrefund")+`', 0, 9223372036854775807, 1000, 1000)`).Scan(&n); err != nil || n != all+1 {
			t.Errorf("the version before finds %d messages and a floor, %v", n, err)
		}
	})
}

// A search must never read the whole table: neither when it begins nor after its
// statement has been run many times.
func TestASearchUsesTheIndexAlone(t *testing.T) {
	f, db := filled(t, cluster.Shared(t), 10, 3000)
	usage := func() (seq, gin int64) {
		as(t, db.Super, func(ctx context.Context, c *pgx.Conn) {
			if err := c.QueryRow(ctx, `SELECT t.seq_scan, i.idx_scan FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
				WHERE t.relname = 'search' AND i.indexrelname = 'search_words'`).Scan(&seq, &gin); err != nil {
				t.Fatal(err)
			}
		})
		return seq, gin
	}
	before, _ := usage()
	for i := range 20 {
		page, err := f.Messages(t.Context(), 1, desk.Query{Text: fmt.Sprintf("w%05d", 77+i), Limit: 10})
		if err != nil || len(page) != 1 {
			t.Fatal(len(page), err)
		}
		if page, err = f.Messages(t.Context(), 1, desk.Query{Text: "退款 refund", Limit: 10}); err != nil || len(page) != 10 {
			t.Fatal(len(page), err)
		}
	}
	for end := time.Now().Add(20 * time.Second); ; { // what a session counted is told a moment later
		seq, gin := usage()
		if gin >= 40 {
			if seq != before {
				t.Fatalf("the table was read %d times as a whole", seq-before)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the index was used %d times in 40 searches", gin)
		}
		<-time.After(200 * time.Millisecond)
		if _, err := f.Messages(t.Context(), 1, desk.Query{Text: "w00001", Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkSearch is what a message costs the index, and what a search takes,
// with AFTERBEEP_SEARCH messages in the store (10,000 unless told otherwise).
func BenchmarkSearch(b *testing.B) {
	server := cluster.Start(b, cluster.Options{Settings: map[string]string{"shared_buffers": "1GB"}})
	db := server.Database(b)
	s, err := postgres.Open(b.Context(), postgres.Options{URL: db.App, MigrateURL: db.Owner})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	storetest.BenchSearch(b, &store.Finder{Store: s, Index: s.TableIndex(store.SliceBits)})
}
