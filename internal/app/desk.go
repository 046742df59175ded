package app

import (
	"log/slog"
	"time"

	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/store"
)

// newDesk lets staff handle the threads of a store, and find them by words.
func newDesk(st *store.Store, f *store.Finder, log *slog.Logger) *handling.Desk {
	return handling.New(handling.Parts{Threads: st, Changes: st, Timers: st, Staff: st, Finder: f, Log: log}, time.Now)
}
