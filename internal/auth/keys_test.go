package auth

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const decade = 10 * 365 * 24 * time.Hour

func TestNoTokenOutlivesItsHourWhereverTheClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{-decade, -2 * time.Hour, 2 * time.Hour, decade} {
		t.Run(jump.String(), func(t *testing.T) {
			h := open(t)
			access, customer := h.issue(t), h.apply(t)
			before := h.clock.now()
			h.hands.wall = h.hands.wall.Add(jump)
			if now := h.clock.now(); now < before {
				t.Fatalf("the token clock went back by %d ms", before-now)
			}
			h.hands.pass(time.Hour)
			h.refresh(t)
			if _, err := h.Access(string(h.app.Key), access); err == nil {
				t.Fatal("the access token outlived its hour")
			}
			if _, err := h.Customer(&h.app, customer); err == nil {
				t.Fatal("the ccmessaging-token outlived its hour")
			}
			if _, err := h.Access(string(h.app.Key), h.issue(t)); err != nil {
				t.Fatal("a new token is refused after the jump:", err)
			}
		})
	}
}

func TestASmallStepBackCostsNobodyATokenAndLengthensNone(t *testing.T) {
	h := open(t)
	token := h.issue(t)
	h.hands.wall = h.hands.wall.Add(-10 * time.Minute)
	h.hands.pass(time.Hour - time.Second)
	h.refresh(t)
	if _, err := h.Access(string(h.app.Key), token); err != nil {
		t.Fatal(err)
	}
	h.hands.pass(time.Second)
	_, err := h.Access(string(h.app.Key), token)
	wantCode(t, err, "token_expired")
}

func TestATokenFromTheFutureIsRefused(t *testing.T) {
	h := open(t)
	ahead := open(t)
	ahead.src, ahead.app, ahead.secret = h.src, h.app, h.secret
	ahead.hands.wall = noon.Add(MaxSkew + time.Second)
	ahead.start(t)
	_, err := h.Access(string(h.app.Key), ahead.issue(t))
	wantCode(t, err, "token_from_the_future")
}

func TestAClockSetBackWhileNobodyWatchedVoidsAllTokens(t *testing.T) {
	h := open(t)
	h.hands.pass(decade)
	h.refresh(t)
	h.hands.pass(KeyLead)
	h.refresh(t)
	token := h.issue(t)
	h.hands.wall = noon.Add(time.Hour)
	h.start(t)
	if n := len(h.src.snap.Keys); n != 2 { // one a tenant
		t.Fatalf("%d keys are left", n)
	}
	_, err := h.Access(string(h.app.Key), token)
	wantCode(t, err, "token_forged")
	if _, err := h.Access(string(h.app.Key), h.issue(t)); err != nil {
		t.Fatal(err)
	}
}

func TestAFloorCatchesAStepBackThatIsYoungerThanTheKey(t *testing.T) {
	h := open(t)
	h.hands.pass(3 * time.Hour)
	h.refresh(t)
	token, seen := h.issue(t), h.hands.wall
	h.hands.wall = seen.Add(-2 * time.Hour)
	h.Keeper = New(h.src, Settings{Mono: func() time.Duration { return h.hands.mono }, Floor: seen}, func() time.Time { return h.hands.wall })
	h.refresh(t)
	h.hands.pass(2 * time.Hour)
	h.refresh(t)
	_, err := h.Access(string(h.app.Key), token)
	wantCode(t, err, "token_forged")
}

func TestKeysTurnDailyAndTheirTokensLiveOn(t *testing.T) {
	h := open(t)
	h.hands.pass(KeyLife - time.Second)
	h.refresh(t)
	old := h.issue(t)
	h.hands.pass(time.Second)
	h.refresh(t)
	if n := len(h.src.snap.Keys); n != 4 {
		t.Fatalf("%d keys for two tenants after a day", n)
	}
	id := func(token string) string { return token[:8] }
	if id(h.issue(t)) != id(old) {
		t.Fatal("the successor seals before other nodes know it")
	}
	h.hands.pass(KeyLead)
	fresh := h.issue(t)
	if id(fresh) == id(old) {
		t.Fatal("the successor does not seal")
	}
	h.hands.pass(58 * time.Minute)
	h.refresh(t)
	for _, token := range []string{old, fresh} {
		if _, err := h.Access(string(h.app.Key), token); err != nil {
			t.Fatal(err)
		}
	}
	h.hands.pass(KeyGrace)
	h.refresh(t)
	if n := len(h.src.snap.Keys); n != 2 {
		t.Fatalf("%d keys for two tenants after the old ones' grace", n)
	}
}

func TestOnAFullDiskTheOldKeyGoesOnServing(t *testing.T) {
	h := open(t)
	h.src.full = true
	h.hands.pass(KeyLife + time.Hour)
	h.refresh(t)
	if _, err := h.Access(string(h.app.Key), h.issue(t)); err != nil {
		t.Fatal(err)
	}
}

func TestChangesAreInForceWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &memory{}
		app, secret := NewApp(desk.DefaultTenant, "shop", time.Now())
		src.change(func(s *desk.Snapshot) {
			s.Tenants = []desk.Tenant{{ID: desk.DefaultTenant}}
			s.Apps = []desk.App{app}
		})
		k := New(src, Settings{}, time.Now)
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() { _ = k.Run(t.Context()) }()
		got, err := k.Issue(string(app.Key), secret, "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		src.change(func(s *desk.Snapshot) {
			s.Apps[0].Disabled = true
			s.Tenants = append(s.Tenants, desk.Tenant{ID: 7})
		})
		time.Sleep(time.Second)
		synctest.Wait() // the look that began then
		_, err = k.Access(string(app.Key), got.Token)
		wantCode(t, err, "token_revoked")
		if k.view.Load().sealing(7, k.clock.now()) == nil {
			t.Error("the new tenant has no key")
		}
	})
}

func TestWhileTheSourceCannotBeReadNobodyIsRefusedAndNobodyComesIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &memory{}
		app, secret := NewApp(desk.DefaultTenant, "shop", time.Now())
		src.change(func(s *desk.Snapshot) {
			s.Tenants = []desk.Tenant{{ID: desk.DefaultTenant}}
			s.Apps = []desk.App{app}
		})
		k := New(src, Settings{}, time.Now)
		_, err := k.Issue(string(app.Key), secret, "a", 0)
		wantCode(t, err, "credentials_unreadable")
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() { _ = k.Run(t.Context()) }()
		got, err := k.Issue(string(app.Key), secret, "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		src.set(true)
		time.Sleep(14 * time.Second)
		if _, err := k.Access(string(app.Key), got.Token); err != nil {
			t.Fatal("a short outage is noticed:", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_, err = k.Access(string(app.Key), got.Token)
		wantCode(t, err, "credentials_unreadable")
		_, err = k.Customer(nil, "x")
		wantCode(t, err, "credentials_unreadable")
		if desk.KindOf(err) != desk.Internal || Hostile(err) {
			t.Fatal("the kind is", desk.KindOf(err))
		}
		src.set(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := k.Access(string(app.Key), got.Token); err != nil {
			t.Fatal("it does not heal:", err)
		}
	})
}
