package auth

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestUnknownWrongAndDisabledAreOneRefusal(t *testing.T) {
	h := open(t)
	_, err := h.Issue("ffffffffffffffffffffffffffffffff", h.secret, "a", 0)
	wantCode(t, err, "secret_wrong")
	_, err = h.Issue("no key at all", h.secret, "a", 0)
	wantCode(t, err, "secret_wrong")
	_, err = h.Issue(string(h.app.Key), h.secret+"0", "a", 0)
	wantCode(t, err, "secret_wrong")
	h.src.change(func(s *desk.Snapshot) { s.Apps[0].Disabled = true })
	h.refresh(t)
	_, err = h.Issue(string(h.app.Key), h.secret, "a", 0)
	wantCode(t, err, "secret_wrong")
}

func TestTheEleventhWrongSecretWaitsAndOtherAddressesDoNot(t *testing.T) {
	h := open(t)
	key := string(h.app.Key)
	for range 10 {
		_, err := h.Issue(key, "guess", "203.0.113.9", 0)
		wantCode(t, err, "secret_wrong")
	}
	_, err := h.Issue(key, "guess", "203.0.113.9", 0)
	wantCode(t, err, guessing)
	if wait := err.(*desk.Error).RetryAfter; wait <= 0 || wait > 2*wrongWindow {
		t.Fatalf("wait %v", wait)
	}
	if !Hostile(err) {
		t.Fatal("guessing is no security event")
	}
	for _, address := range []string{"192.0.2.1", "203.0.113.9"} {
		if _, err := h.Issue(key, h.secret, address, 0); err != nil {
			t.Fatalf("a stranger's guesses hold up the right secret from %s: %v", address, err)
		}
	}
	_, elsewhere := h.Issue(key, "guess", "192.0.2.1", 0)
	wantCode(t, elsewhere, "secret_wrong")
	h.hands.pass(err.(*desk.Error).RetryAfter)
	h.refresh(t)
	_, err = h.Issue(key, "guess", "203.0.113.9", 0)
	wantCode(t, err, "secret_wrong")
}

func TestTokensOfAnAppAreLimitedAMinute(t *testing.T) {
	h := open(t)
	for range 600 {
		h.issue(t)
	}
	_, err := h.Issue(string(h.app.Key), h.secret, "a", 0)
	wantCode(t, err, "too_many_tokens")
}

func TestARotatedSecretServesForItsGrace(t *testing.T) {
	h := open(t)
	old := h.secret
	rotate := func(grace time.Duration) {
		h.src.change(func(s *desk.Snapshot) { h.secret = Rotate(&s.Apps[0], grace, h.hands.wall) })
		h.refresh(t)
	}
	works := func(secret string) bool {
		_, err := h.Issue(string(h.app.Key), secret, "a", 0)
		return err == nil
	}
	token := h.issue(t)
	rotate(time.Hour)
	if !works(old) || !works(h.secret) {
		t.Fatal("one of the two secrets is refused during the grace period")
	}
	if _, err := h.Access(string(h.app.Key), token); err != nil {
		t.Fatal("a rotation with grace revoked a token:", err)
	}
	h.hands.pass(time.Hour)
	h.refresh(t)
	if works(old) {
		t.Fatal("the old secret outlived its grace")
	}
	old, token = h.secret, h.issue(t)
	rotate(0)
	if works(old) || !works(h.secret) {
		t.Fatal("without grace the old secret must die at once")
	}
	_, err := h.Access(string(h.app.Key), token)
	wantCode(t, err, "token_revoked")
}

func TestAppsAndChannelsAreNamedLikeAICCs(t *testing.T) {
	app, secret := NewApp(3, "shop", noon)
	if _, ok := parseAppID(app.Key); !ok || len(secret) != 64 || app.Tenant != 3 || app.Epoch != 1 {
		t.Fatalf("%+v %s", app, secret)
	}
	id := NewChannelID(noon).String()
	if _, err := desk.ParseChannelID(id); err != nil || id[:8] != "20260821" {
		t.Fatal(id, err)
	}
}

func TestALimiterLetsThroughItsLimitAndSaysWhenToComeBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "start"))
		l := NewLimiter(time.Minute, func() time.Duration { return now })
		limit := rapid.IntRange(1, 50).Draw(rt, "limit")
		var passed []time.Duration
		for range rapid.IntRange(1, 300).Draw(rt, "events") {
			now += time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(rt, "gap"))
			ok, wait := l.Allow(1, limit)
			if ok {
				passed = append(passed, now)
				continue
			}
			if wait <= 0 || wait > 2*time.Minute {
				rt.Fatalf("wait %v", wait)
			}
			now += wait + time.Microsecond
			if ok, _ := l.Allow(1, limit); !ok {
				rt.Fatalf("told to wait %v, and refused then", wait)
			}
			passed = append(passed, now)
		}
		for i, first := range passed {
			n := 0
			for _, at := range passed[i:] {
				if at-first < time.Minute {
					n++
				}
			}
			if n > 2*limit {
				rt.Fatalf("%d in a minute, limit %d", n, limit)
			}
		}
	})
}

func TestAFullLimiterCountsWhomItKnowsAndRefusesNobodyElse(t *testing.T) {
	l := NewLimiter(time.Minute, func() time.Duration { return 0 })
	for key := range uint64(maxKeys) {
		l.Allow(key, 1)
	}
	if ok, _ := l.Allow(7, 1); ok {
		t.Fatal("a known key passes its limit")
	}
	for range 3 {
		if ok, _ := l.Allow(maxKeys+1, 1); !ok {
			t.Fatal("an unknown key is refused because memory is short")
		}
	}
	if len(l.cur) != maxKeys {
		t.Fatal("it grows without bound")
	}
}

func TestKeysOfALimiterKeepTheirPartsApart(t *testing.T) {
	if Key("ab", "c") == Key("a", "bc") {
		t.Fatal("where one part ends does not matter")
	}
}

func BenchmarkLimiter(b *testing.B) {
	var now time.Duration
	l := NewLimiter(time.Minute, func() time.Duration { now += time.Microsecond; return now })
	b.ReportAllocs()
	for b.Loop() {
		l.Allow(Key("1", "app", "call"), 1<<30)
	}
}
