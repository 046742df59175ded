package postgres_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/storetest"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

// opener gives each test a database of its own, and the same one for the same key.
func opener(server *cluster.Server, set func(*postgres.Options)) storetest.Open {
	known := map[string]cluster.DB{}
	return func(t *testing.T, key string) *store.Store {
		t.Helper()
		key = t.Name() + "/" + key
		db, seen := known[key]
		if !seen {
			db = server.Database(t)
			known[key] = db
		}
		o := postgres.Options{URL: db.App, MigrateURL: db.Owner, Connections: 4}
		if _, _, err := postgres.Migrate(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		o.NoMigrate = true
		if set != nil {
			set(&o)
		}
		s, err := postgres.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
}

func TestPostgreSQLKeepsWhatEveryEngineMust(t *testing.T) {
	storetest.Run(t, opener(cluster.Shared(t), func(o *postgres.Options) { o.Listen = true }))
}

func TestBehindAPgBouncerPostgreSQLKeepsIt(t *testing.T) {
	server := cluster.Shared(t)
	bouncer := server.Bouncer(t)
	storetest.Run(t, opener(server, func(o *postgres.Options) {
		o.PgBouncer = true
		if o.URL = strings.Replace(o.URL, server.Addr(), bouncer, 1); !strings.Contains(o.URL, bouncer) {
			t.Fatal("this does not go through PgBouncer")
		}
	}))
}

// What the server rolls back to let others pass is done again, and nobody
// notices. Without LISTEN nothing is missed either.
func TestWhatPostgreSQLRollsBackIsDoneAgain(t *testing.T) {
	var fired atomic.Int64
	storetest.Run(t, opener(cluster.Shared(t), func(o *postgres.Options) {
		chance := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		*o = o.WithFault(func(query string) string {
			mu.Lock()
			defer mu.Unlock()
			writes := query == "COMMIT" || strings.HasPrefix(query, "INSERT") || strings.HasPrefix(query, "UPDATE") || strings.HasPrefix(query, "DELETE")
			if !writes || chance.IntN(20) > 0 {
				return ""
			}
			return []string{"40001", "40P01"}[fired.Add(1)%2]
		})
	}))
	if fired.Load() < 50 {
		t.Errorf("only %d statements were failed: this proves nothing", fired.Load())
	}
}
