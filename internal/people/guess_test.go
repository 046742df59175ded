package people_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store"
)

// guess fires so many guesses at ann in 15 minutes, from so many addresses, on
// two nodes, and counts those that were evaluated.
func guess(w *world, nodes []*people.People, guesses, addresses int, b people.Browser) (evaluated int) {
	const rounds, workers = 10, 8
	var mu sync.Mutex
	for round := range rounds {
		var group sync.WaitGroup
		for worker := range workers {
			group.Go(func() {
				for i := worker; i < guesses/rounds; i += workers {
					from := b
					from.Address = fmt.Sprintf("10.0.%d.%d", (round*guesses/rounds+i)%addresses/250, (round*guesses/rounds+i)%addresses%250)
					_, err := nodes[i%len(nodes)].SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: "a guess"}, from)
					switch desk.KindOf(err) {
					case desk.Unauthenticated:
						mu.Lock()
						evaluated++
						mu.Unlock()
					case desk.Limited:
					default:
						w.t.Error(err)
					}
				}
			})
		}
		group.Wait()
		w.pass(15 * time.Minute / rounds)
	}
	return evaluated
}

// C7: of 10,000 guesses at most 100 are evaluated an account, and the owner gets
// in all the while.
func TestGuessingIsLimitedWithoutLockingTheOwnerOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		device := w.in("ann").Device
		nodes := []*people.People{w.node(w.store), w.node(w.store)}
		guesses := 10000
		if w.folder == "" { // a round trip each
			guesses = 2000
		}
		n := guess(w, nodes, guesses, 2000, people.Browser{})
		t.Logf("%d of %d guesses from 2,000 addresses were evaluated", n, guesses)
		if n == 0 || n > 60 {
			t.Errorf("%d guesses of strangers were evaluated", n)
		}
		in, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, people.Browser{Address: "192.0.2.1", Device: device})
		if err != nil {
			t.Fatal("the owner is locked out of her own device:", err)
		}
		// With a stolen device cookie as well, the sum stays below 100.
		m := guess(w, nodes, 1000, 1, people.Browser{Device: in.Device})
		t.Logf("%d of 1,000 guesses with her device's cookie were evaluated", m)
		if m == 0 || n+m > 100 {
			t.Errorf("%d and %d guesses were evaluated", n, m)
		}
		w.pass(15 * time.Minute)
		if _, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, people.Browser{Address: "203.0.113.7"}); err != nil {
			t.Fatal("a new device, after the attack:", err)
		}
	})
}

// forgetful counts nothing: the control of the test above.
type forgetful struct{ *store.Store }

func (forgetful) Budgets(_ context.Context, _ desk.TenantID, parties [][]byte) ([]desk.Budget, error) {
	return make([]desk.Budget, len(parties)), nil
}

func (forgetful) ChangeBudgets(_ context.Context, _ desk.TenantID, parties [][]byte, change func([]desk.Budget) error) error {
	return change(make([]desk.Budget, len(parties)))
}

func TestTheCountOfGuessesBites(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		if n := guess(w, []*people.People{w.node(forgetful{w.store})}, 110, 110, people.Browser{}); n <= 100 {
			t.Fatalf("without a limit, only %d guesses were evaluated", n)
		}
	})
}

func TestAnAddressWaitsLongerAfterEachWrongGuess(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		wrong := people.Credentials{Tenant: 1, Login: "ann", Password: "wrong"}
		var waits []time.Duration
		for len(waits) < 12 {
			_, err := w.SignIn(w.ctx, wrong, w.browser())
			if desk.KindOf(err) == desk.Limited {
				wait := err.(*desk.Error).RetryAfter
				waits = append(waits, wait)
				w.pass(wait)
				continue
			}
			w.wantCode(err, "signin_wrong")
		}
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
			if waits[i] != want*time.Second {
				t.Fatalf("waits %v", waits)
			}
		}
		if _, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, people.Browser{Address: "203.0.113.7"}); err != nil {
			t.Fatal("another address waits for this one's guesses:", err)
		}
	})
}

func TestAnotherPersonsDeviceIsAStranger(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		w.person("eve", desk.RoleAgent)
		evil := w.in("eve").Device
		nodes := []*people.People{w.node(w.store)}
		if n := guess(w, nodes, 2000, 500, people.Browser{Device: evil}); n > 60 {
			t.Fatalf("%d guesses", n)
		}
		if m := guess(w, nodes, 500, 500, people.Browser{}); m > 40 {
			t.Fatalf("%d more without it: it had a purse of its own", m)
		}
	})
}

func TestAClockThatWasSetBackLocksNobodyOut(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		for i := range 29 {
			_, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: "wrong"}, people.Browser{Address: fmt.Sprint("10.0.0.", i)})
			w.wantCode(err, "signin_wrong")
		}
		_, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, w.browser())
		if desk.KindOf(err) != desk.Limited {
			t.Fatal("a stranger's budget is not used up:", err)
		}
		w.pass(-10 * 365 * 24 * time.Hour)
		w.in("ann")
	})
}
