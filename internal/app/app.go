// Package app puts the house together: it opens the store, makes the rooms,
// wires them to each other, runs them and shuts them down in an order that
// loses nothing. Only the command line imports it, and only it imports
// everything.
package app

import (
	"context"
	"errors"
	"time"

	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/number"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

// App is an open store, for commands. A server may run on it meanwhile.
type App struct {
	Store    *store.Store
	Handling *handling.Desk
	finder   *store.Finder
	set      config.Settings
}

// Call is an attempt to reach a caller.
type Call = handling.Call

// Damaged names rows that are not shown because they are not what was written.
type Damaged = store.Damaged

// Open opens the database that the settings name, or the data folder, which it
// makes when it is not there.
func Open(ctx context.Context, s config.Settings) (*App, error) {
	st, err := openStore(ctx, s)
	if err != nil {
		return nil, err
	}
	f := finder(s, st)
	return &App{Store: st, Handling: newDesk(st, f, nil), finder: f, set: s}, nil
}

func options(s config.Settings) sqlite.Options {
	return sqlite.Options{AllowNetworkDisk: s.AllowNetworkDisk}
}

// Close closes the store.
func (a *App) Close() error { return errors.Join(a.finder.Index.Close(), a.Store.Close()) }

// CallerKeys are the normalised forms of a number as somebody typed it, read in
// the region of each of the tenant's channels, or of one.
func (a *App) CallerKeys(ctx context.Context, tenant desk.TenantID, channel desk.ChannelID, caller string) ([]string, error) {
	channels, err := a.Store.Channels(ctx, tenant)
	if err != nil {
		return nil, err
	}
	keys := []string{number.Key(caller, number.DefaultRegion)}
	for _, c := range channels {
		if channel == 0 || c.ID == channel {
			keys = append(keys, number.Key(caller, c.Region))
		}
	}
	return keys, nil
}

// NewApp makes an app and its secret, which is not kept anywhere.
func NewApp(tenant desk.TenantID, name string, now time.Time) (desk.App, string) {
	return auth.NewApp(tenant, name, now)
}

// Rotate gives an app a new secret; the old one opens for grace longer.
func Rotate(a *desk.App, grace time.Duration, now time.Time) string {
	return auth.Rotate(a, grace, now)
}

// NewChannelID makes a Configuration ID of that day.
func NewChannelID(now time.Time) desk.ChannelID { return auth.NewChannelID(now) }

// Engine is the database that is compiled in, with its version.
func Engine() string { return "SQLite " + sqlite.Version }
