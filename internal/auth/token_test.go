package auth

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestAnAccessTokenOpensForItsAppUntilItExpires(t *testing.T) {
	h := open(t)
	got, err := h.Issue(string(h.app.Key), h.secret, "192.0.2.1", 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got.TTL != 10*time.Minute || !got.At.Equal(noon) || got.Token != strings.ToLower(got.Token) {
		t.Fatalf("issued %+v", got)
	}
	app, err := h.Access(string(h.app.Key), got.Token)
	if err != nil || app.Name != "shop" {
		t.Fatalf("opened as %v, %v", app, err)
	}
	_, err = h.Access("0123456789abcdef0123456789abcdef", got.Token)
	wantCode(t, err, "app_key_wrong")
	_, err = h.Access(string(h.app.Key), strings.ToUpper(got.Token))
	wantCode(t, err, "token_forged")
	h.hands.pass(10*time.Minute - time.Millisecond)
	h.refresh(t)
	if _, err := h.Access(string(h.app.Key), got.Token); err != nil {
		t.Fatal(err)
	}
	h.hands.pass(time.Millisecond)
	_, err = h.Access(string(h.app.Key), got.Token)
	wantCode(t, err, "token_expired")
}

func TestACustomerTokenCarriesItsUserThroughPercentEncodingOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := open(t)
		u := User{
			ID:     rapid.StringMatching(`[0-9A-Za-z@._-]{1,32}`).Draw(rt, "id"),
			Name:   "N" + rapid.StringOfN(rapid.RuneFrom([]rune("aé李😀<&\"")), 0, 254, -1).Draw(rt, "name"),
			Locale: rapid.SampledFrom([]string{"zh", "zh_CN", "en", "en_US", "en-US"}).Draw(rt, "locale"),
		}
		ch, _ := h.Channel(&h.app, channelID.String())
		token, err := h.CustomerToken(&h.app, ch, u)
		if err != nil {
			rt.Fatal(err)
		}
		once := percent(token)
		for _, form := range []string{token, once} {
			for _, app := range []*desk.App{&h.app, nil} {
				got, err := h.Customer(app, form)
				if err != nil {
					rt.Fatal(err)
				}
				if diff := cmp.Diff(u, got.User); diff != "" || got.Channel.ID != channelID || got.App.Key != h.app.Key {
					rt.Fatal(diff, got)
				}
			}
		}
		if _, err := h.Customer(&h.app, percent(once)); err != errForged {
			rt.Fatalf("decoded twice: %v", err)
		}
	})
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

func TestATokenWithOneChangedByteIsNoToken(t *testing.T) {
	h := open(t)
	access, customer := h.issue(t), h.apply(t)
	rapid.Check(t, func(rt *rapid.T) {
		change := func(token string) string {
			at := rapid.IntRange(0, len(token)-1).Draw(rt, "at")
			b := rapid.Byte().Filter(func(b byte) bool { return b != token[at] }).Draw(rt, "byte")
			return token[:at] + string([]byte{b}) + token[at+1:]
		}
		if app, err := h.Access(string(h.app.Key), change(access)); err == nil {
			rt.Fatal("opened as", app)
		}
		if who, err := h.Customer(&h.app, change(customer)); err == nil {
			rt.Fatal("opened as", who)
		}
		cut := rapid.IntRange(0, len(customer)-1).Draw(rt, "cut")
		if _, err := h.Customer(&h.app, customer[:cut]); err == nil {
			rt.Fatal("a cut token opened")
		}
	})
}

func TestNeitherTokenCanBeUsedAsTheOther(t *testing.T) {
	h := open(t)
	raw := make([]byte, accessRaw)
	unhex(raw, h.issue(t))
	_, err := h.Customer(nil, base64.RawURLEncoding.EncodeToString(raw))
	wantCode(t, err, "token_forged")
	// Cut the customer's content to the size of an access token: made by hand,
	// because no honest one has that size.
	sl := h.view.Load().sealing(desk.DefaultTenant, h.clock.now())
	sealed := sl.seal(customer, make([]byte, idSize+nonceSize+accessContent, accessRaw))
	_, err = h.Access(string(h.app.Key), string(appendHex(nil, sealed)))
	wantCode(t, err, "token_forged")
}

func TestATokenSealedForOneTenantIsNotReadByAnothersKey(t *testing.T) {
	h := open(t)
	// The other tenant's key, used to seal a token that names the first tenant:
	// what a leaked key of one tenant could be misused for.
	other := h.view.Load().sealing(2, h.clock.now())
	mine := h.view.Load().sealing(desk.DefaultTenant, h.clock.now())
	raw := make([]byte, accessRaw)
	unhex(raw, h.issue(t))
	content, _ := h.view.Load().open(access, append([]byte(nil), raw...), h.clock.now(), h.decoy)
	forged := other.seal(access, append(make([]byte, idSize+nonceSize, accessRaw), content...))
	_, err := h.Access(string(h.app.Key), string(appendHex(nil, forged)))
	wantCode(t, err, "token_foreign")
	if other.key.Tenant == mine.key.Tenant {
		t.Fatal("both tenants share a key")
	}
}

func TestRevocationIsByAppEpochChannelAndKey(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*desk.Snapshot)
		access   string
		customer string
	}{
		"app disabled":     {func(s *desk.Snapshot) { s.Apps[0].Disabled = true }, "token_revoked", "token_revoked"},
		"app gone":         {func(s *desk.Snapshot) { s.Apps = nil }, "token_revoked", "token_revoked"},
		"epoch raised":     {func(s *desk.Snapshot) { s.Apps[0].Epoch++ }, "token_revoked", "token_revoked"},
		"channel gone":     {func(s *desk.Snapshot) { s.Channels = nil }, "", "channel_gone"},
		"channel disabled": {func(s *desk.Snapshot) { s.Channels[0].Disabled = true }, "", "channel_gone"},
		"key retired":      {func(s *desk.Snapshot) { s.Keys = nil }, "token_forged", "token_forged"},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			access, customer := h.issue(t), h.apply(t)
			h.src.change(c.change)
			h.refresh(t)
			check := func(err error, code string) {
				t.Helper()
				if code == "" && err == nil {
					return
				}
				wantCode(t, err, code)
			}
			_, err := h.Access(string(h.app.Key), access)
			check(err, c.access)
			_, err = h.Customer(nil, customer)
			check(err, c.customer)
		})
	}
}

func TestInItsLastTenMinutesATokenComesWithAFreshOne(t *testing.T) {
	h := open(t)
	token := h.apply(t)
	h.hands.pass(50*time.Minute - time.Millisecond)
	h.refresh(t)
	if who, err := h.Customer(&h.app, token); err != nil || who.Fresh != "" {
		t.Fatalf("too early: %+v, %v", who, err)
	}
	h.hands.pass(time.Millisecond)
	who, err := h.Customer(&h.app, token)
	if err != nil || who.Fresh == "" {
		t.Fatalf("no fresh token: %+v, %v", who, err)
	}
	h.hands.pass(10 * time.Minute)
	h.refresh(t)
	_, err = h.Customer(&h.app, token)
	wantCode(t, err, "token_expired")
	if again, err := h.Customer(&h.app, who.Fresh); err != nil || again.User != who.User {
		t.Fatalf("the fresh one: %+v, %v", again, err)
	}
}

func TestTwoTenantsMayShareAKeyID(t *testing.T) {
	h := open(t)
	h.src.change(func(s *desk.Snapshot) { s.Keys[1].ID = s.Keys[0].ID })
	h.refresh(t)
	if _, err := h.Access(string(h.app.Key), h.issue(t)); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAccess(b *testing.B) {
	h := open(b)
	key, token := string(h.app.Key), h.issue(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Access(key, token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCustomer(b *testing.B) {
	h := open(b)
	token := h.apply(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Customer(&h.app, token); err != nil {
			b.Fatal(err)
		}
	}
}
