package store_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

func TestWhoIsSentBackComesAgainLaterAndNotForEver(t *testing.T) {
	back := desk.Errorf(desk.Unstored, store.AgainCode, "let another one pass")
	for name, c := range map[string]struct {
		passes, ends, tries int
	}{
		"the first time": {passes: 1, tries: 1},
		"the last time":  {passes: 10, tries: 10},
		"never":          {tries: 10},
		"who leaves":     {ends: 3, tries: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began, tries := time.Now(), 0
				err := store.Insist(ctx, func() error {
					if tries++; tries == c.ends {
						cancel()
					}
					if tries == c.passes {
						return nil
					}
					return back
				})
				if tries != c.tries || (err == nil) != (c.passes > 0) {
					t.Errorf("%d tries, then %v", tries, err)
				}
				if took := time.Since(began); took > 511*time.Millisecond || took == 0 && tries > 3 {
					t.Errorf("%d tries took %v", tries, took)
				}
			})
		})
	}
	other, tries := errors.New("the disk is full"), 0
	if err := store.Insist(t.Context(), func() error { tries++; return other }); !errors.Is(err, other) || tries != 1 {
		t.Errorf("what will not pass was tried %d times: %v", tries, err)
	}
}
