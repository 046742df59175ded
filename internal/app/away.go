package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// absence knows whether the database is away. Once a flush has found that out,
// customers are refused at once, and it is not their messages that find out when
// it is back.
type absence struct {
	st   *store.Store
	log  *slog.Logger
	away atomic.Bool
	wake chan struct{} // has room for one
}

func newAbsence(st *store.Store, log *slog.Logger) *absence {
	return &absence{st: st, log: log, wake: make(chan struct{}, 1)}
}

const (
	knockEvery = 200 * time.Millisecond
	knockWait  = time.Second // for the database to take a write, its standbys included
)

// flushed looks at the outcome of a flush.
func (a *absence) flushed(err error) {
	var e *desk.Error
	if !errors.As(err, &e) || !store.Away(e.Code) || a.away.Swap(true) {
		return
	}
	a.log.Error("the database is away: messages are refused until it is back", "event", "database", "error", err.Error())
	a.wake <- struct{}{}
}

// allowed says whether messages may be taken.
func (a *absence) allowed() error {
	if !a.away.Load() {
		return nil
	}
	return &desk.Error{
		Kind: desk.Unstored, Code: store.AwayCode, RetryAfter: time.Second,
		Text: "the database is away; try again in a moment",
	}
}

// Run writes to a database that is away until it takes it, until ctx ends.
func (a *absence) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.wake:
		}
		began := time.Now()
		for a.knock(ctx) != nil && ctx.Err() == nil {
			pause := time.NewTimer(knockEvery)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
		if ctx.Err() != nil {
			return nil
		}
		a.away.Store(false)
		a.log.Info("the database is back", "event", "database", "away_for", time.Since(began).Round(time.Millisecond).String())
	}
}

func (a *absence) knock(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, knockWait)
	defer cancel()
	return a.st.Probe(ctx, time.Now())
}
