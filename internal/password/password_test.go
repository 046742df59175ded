package password

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

var ann = desk.Person{Login: "ann.miller@example.com", Name: "Ann Miller 李雷"}

func TestWhichPasswordsWillDo(t *testing.T) {
	for _, c := range []struct {
		password string
		second   bool
		want     string // the code of the refusal
	}{
		{"blue tram under quiet moss", false, ""},
		{"correct horse battery staple", false, "password_common"}, // everybody knows this one
		{"fjord-lantern-gravel-oboe", false, ""},
		{"f7Kq2xZp9LmW4vT", false, ""},
		{"f7Kq2xZp9LmW4v", false, "password_short"},
		{"f7Kq2xZp", true, ""},
		{"f7Kq2xZ", true, "password_short"},
		{"纸船在旧书架上睡着了又醒来吧", false, "password_short"}, // 14 characters
		{"纸船在旧书架上睡着了又醒来了吧", false, ""},
		{"password", true, "password_common"},
		{"P@ssw0rd", true, "password_common"},
		{"P@ssw0rd2026!!!", false, "password_common"},
		{"passwordpassword", false, "password_common"},
		{"password1234567", false, "password_common"},
		{"qwertyuiopasdfghjkl", false, "password_common"},
		{"1qaz2wsx3edc4rfv", false, "password_common"},
		{"aaaaaaaaaaaaaaaaaaaaaaaa", false, "password_common"},
		{"abcabcabcabcabcabc", false, "password_common"},
		{"xkrvxkrvxkrvxkrv", false, "password_common"},
		{"123456789012345678", false, "password_common"},
		{"20260101-20261231", false, "password_common"},
		{"afterbeepafterbeep", false, "password_common"},
		{"Afterbeep-2026-Admin", false, "password_common"},
		{"ann.miller@example.com", false, "password_common"},
		{"Miller-Miller-2026", false, "password_common"},
		{"李雷李雷我爱你我爱你我爱你一二三四", false, "password_common"},
		{"woaini1314woaini520", false, "password_common"},
		{"iloveyouforever1", false, "password_common"},
		{"dragonmonkeyfootball", false, "password_common"},
		{"summer2026summer2026", false, "password_common"},
		{"Ｐａｓｓｗｏｒｄ１２３４５６７", false, "password_common"}, // full-width letters
		{strings.Repeat("x", 1025), false, "password_long"},
		{strings.Repeat("ﷺ", 200), false, "password_long"}, // 600 bytes that are 6,600 when normalised
		{"f7Kq2xZp9LmW4vT\xff", false, "password_text"},
		{"", false, "password_short"},
	} {
		err := Check(c.password, c.second, &ann)
		code := ""
		if e, ok := err.(*desk.Error); ok {
			code = e.Code
		}
		if code != c.want {
			t.Errorf("%.40q: %q, want %q", c.password, code, c.want)
		}
	}
}

// The control: with no words and no rules, the same passwords would pass.
func TestTheListAndTheRulesBite(t *testing.T) {
	for _, p := range []string{"iloveyouforever", "dragonmonkeyfootball"} {
		if n := (reader{}).least(p); n < leastUnits {
			t.Errorf("%q has %d units without any list", p, n)
		}
	}
	if n := len(commonWords()); n < 1500 {
		t.Errorf("the list has %d words", n)
	}
}

func TestAPasswordIsRightHoweverItIsTyped(t *testing.T) {
	h := New(2)
	stored, err := h.Hash(t.Context(), "Ａｆｆäre am großen See")
	if err != nil || !strings.HasPrefix(stored, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(stored, err)
	}
	for typed, want := range map[string]bool{
		"Affäre am großen See":       true, // NFC, half-width
		"Affa\u0308re am großen See": true, // as some keyboards compose it
		"affäre am großen See":       false,
		"Affäre am großen See ":      false,
		"":                           false,
		"\xff":                       false,
		strings.Repeat("A", 1025):    false,
	} {
		right, old, err := h.Verify(t.Context(), stored, typed, false)
		if err != nil || right != want || old {
			t.Errorf("%.30q: %v, %v, %v", typed, right, old, err)
		}
	}
	again, err := h.Hash(t.Context(), "Affäre am großen See")
	if err != nil || again == stored {
		t.Fatal("two hashes of one password are the same", err)
	}
}

func TestNobodyWithoutAPasswordIsLetIn(t *testing.T) {
	h := New(2)
	for _, typed := range []string{"", "x", h.dummy} {
		if right, _, err := h.Verify(t.Context(), "", typed, false); right || err != nil {
			t.Errorf("%q: %v, %v", typed, right, err)
		}
	}
}

func TestAHashThatHasBecomeCheapIsMadeAnew(t *testing.T) {
	h := New(2)
	h.cost.passes = 1
	stored, err := h.Hash(t.Context(), "a word")
	if err != nil {
		t.Fatal(err)
	}
	if right, old, err := New(2).Verify(t.Context(), stored, "a word", false); !right || !old || err != nil {
		t.Fatal(right, old, err)
	}
}

// An unknown login costs what a known one costs: within a factor of two, on the
// median of some.
func TestAnUnknownLoginTakesAsLong(t *testing.T) {
	h := New(2)
	stored, err := h.Hash(t.Context(), "a word")
	if err != nil {
		t.Fatal(err)
	}
	took := func(stored string) time.Duration {
		least := time.Hour
		for range 7 {
			start := time.Now()
			if _, _, err := h.Verify(t.Context(), stored, "another", false); err != nil {
				t.Fatal(err)
			}
			least = min(least, time.Since(start))
		}
		return least
	}
	known, unknown := took(stored), took("")
	if known > 2*unknown || unknown > 2*known {
		t.Errorf("a known login takes %v, an unknown one %v", known, unknown)
	}
}

func TestACrowdIsTurnedAwayAndAKnownDeviceIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(2)
		end, err := h.turn(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := h.turn(t.Context(), false); desk.KindOf(err) != desk.Busy || time.Since(began) != hashWait {
			t.Fatalf("a second stranger, after %v: %v", time.Since(began), err)
		}
		known, err := h.turn(t.Context(), true)
		if err != nil {
			t.Fatal("a known device waits for strangers:", err)
		}
		known()
		end()
		if end, err = h.turn(t.Context(), false); err != nil {
			t.Fatal("a turn was not given back:", err)
		}
		end()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, _ = h.turn(gone, false)
	})
}

func TestOnlyOurOwnHashesAreRead(t *testing.T) {
	good := New(2).dummy
	if p, err := parsePHC(good); err != nil || p.String() != good {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "x", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=19456", "m=4294967295", 1), strings.Replace(good, "m=19456", "m=019456", 1), strings.Replace(good, "t=2", "t=0", 1),
		strings.Replace(good, "t=2", "t=1000000", 1), strings.Replace(good, "p=1", "p=255", 1), strings.Replace(good, "p=1", "p=1,x=1", 1),
		good + "$", good[:len(good)-30], good + "=", " " + good,
	} {
		if p, err := parsePHC(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, p)
		}
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add(New(2).dummy)
	f.Add("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Fatalf("%q is written as %q", s, p.String())
		}
		if p.memory > maxMemory || p.passes > maxPasses || p.threads > maxThreads || p.passes == 0 || p.threads == 0 || len(p.hash) < 16 {
			t.Fatalf("%+v was let through", p)
		}
	})
}
