package app

import (
	"context"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/postgres"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// Migrate brings the schema up to date and does nothing else; it says from which
// version to which, 0 being none.
func Migrate(ctx context.Context, s config.Settings) (from, to int64, err error) {
	if s.Database == "" {
		return sqlite.Migrate(ctx, s.Data, options(s))
	}
	o, err := shared(s)
	if err != nil {
		return 0, 0, err
	}
	return postgres.Migrate(ctx, o)
}

// Shard is where a table goes in a sharded PostgreSQL.
type Shard = store.Shard

// Shards lists every table, in the order in which they must be distributed.
func Shards() []Shard { return store.Shards() }
