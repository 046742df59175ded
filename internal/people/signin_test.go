package people_test

import (
	"encoding/base32"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
)

func TestUnknownWrongAndDisabledAreOneRefusal(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		w.person("eve", desk.RoleAgent)
		if _, err := w.Disable(w.ctx, &w.boss, desk.Whom{Login: "eve"}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Create(w.ctx, &w.boss, desk.Person{Login: "new", Name: "New", Role: desk.RoleAgent, Locale: "en"}, ""); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, c := range []people.Credentials{
			{Login: "ann", Password: "wrong"},
			{Login: "nobody", Password: phrase},
			{Login: "eve", Password: phrase},
			{Login: "new", Password: ""},
			{Login: "", Password: ""},
			{Login: "my secret password", Password: "x"},
			{Login: "ann", Password: strings.Repeat("x", 100000)},
			{Login: "ann", Password: "\xff"},
		} {
			c.Tenant = 1
			_, err := w.SignIn(w.ctx, c, people.Browser{Address: "192.0.2." + string(rune('1'+len(texts)))})
			w.wantCode(err, "signin_wrong")
			texts = append(texts, err.Error())
		}
		for _, text := range texts {
			if text != texts[0] {
				t.Errorf("%q and %q are two answers", text, texts[0])
			}
		}
		page, err := w.store.Deeds(w.ctx, 1, desk.DeedQuery{Action: desk.SignInFailed, Limit: 20})
		if err != nil || len(page) != len(texts) {
			t.Fatalf("%d failures are in the audit log, %v", len(page), err)
		}
		for _, d := range page {
			if strings.Contains(d.Object+d.Data+d.Name, "secret") || strings.Contains(d.Data, "nobody") {
				t.Errorf("what a stranger typed is in the audit log: %+v", d)
			}
		}
	})
}

func TestSigningInRotatesTheSession(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		first := w.in("ANN ")
		b := w.browser()
		b.Old, b.Device = first.Cookie, first.Device
		second, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, b)
		if err != nil || second.Cookie == first.Cookie {
			t.Fatal(err)
		}
		_, err = w.Session(w.ctx, first.Cookie)
		w.wantCode(err, "session_over")
		if l, err := w.Session(w.ctx, second.Cookie); err != nil || l.Person.Login != "ann" || l.Session.Address != "192.0.2.1" {
			t.Fatal(l, err)
		}
		if got := w.actions(2); got != "signin.ok signin.ok" {
			t.Error(got)
		}
	})
}

func TestAForgedCookieIsNobody(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		for _, cookie := range []string{"", "1", "1.", "x.y", in.Cookie + "A", in.Cookie[:len(in.Cookie)-2], "2" + in.Cookie[1:], "01" + in.Cookie[1:], "4711" + in.Cookie[1:], strings.Repeat("A", 10000)} {
			_, err := w.Session(w.ctx, cookie)
			w.wantCode(err, "session_over")
		}
		for _, ticket := range []string{"", "1.AAAA", in.Cookie, in.Device, "4711." + strings.Repeat("A", 64)} {
			_, err := w.SecondFactor(w.ctx, ticket, "000000", w.browser())
			w.wantCode(err, "signin_over")
		}
	})
}

func TestASecondFactorIsAskedForAndNoCodeServesTwice(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		other := w.in("ann")
		secret, recovery := w.factor(&in)
		if _, err := w.Session(w.ctx, in.Cookie); err != nil {
			t.Fatal("the session that added the factor is over:", err)
		}
		_, err := w.Session(w.ctx, other.Cookie)
		w.wantCode(err, "session_over")

		half := func() string {
			t.Helper()
			in, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, w.browser())
			if err != nil || in.Second == "" || in.Cookie != "" {
				t.Fatalf("%+v, %v", in, err)
			}
			return in.Second
		}
		_, err = w.SecondFactor(w.ctx, half(), w.code(secret), w.browser())
		w.wantCode(err, "code_wrong") // it confirmed the factor
		w.pass(time.Minute)
		code := w.code(secret)
		if _, err := w.SecondFactor(w.ctx, half(), code, w.browser()); err != nil {
			t.Fatal(err)
		}
		_, err = w.SecondFactor(w.ctx, half(), code, w.browser())
		w.wantCode(err, "code_wrong")
		w.pass(20 * time.Minute)
		late := w.code(secret)
		w.pass(30 * time.Second)
		if _, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase, Code: late}, w.browser()); err != nil {
			t.Fatal("a code of the step before:", err)
		}
		w.pass(20 * time.Minute)
		late = w.code(secret)
		w.pass(time.Minute)
		_, err = w.SecondFactor(w.ctx, half(), late, w.browser())
		w.wantCode(err, "code_wrong") // two steps ago

		w.pass(20 * time.Minute)
		got, err := w.SecondFactor(w.ctx, half(), strings.ToLower(recovery[3]), w.browser())
		if err != nil || got.Codes != 9 {
			t.Fatal(got.Codes, err)
		}
		_, err = w.SecondFactor(w.ctx, half(), recovery[3], w.browser())
		w.wantCode(err, "code_wrong")
		ticket := half()
		w.pass(5 * time.Minute)
		_, err = w.SecondFactor(w.ctx, ticket, recovery[4], w.browser())
		w.wantCode(err, "signin_over")
	})
}

// One code, shown on many nodes at the same moment, lets one of them in.
func TestACodeServesOnceOnAllNodesTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		secret, _ := w.factor(&in)
		w.pass(time.Minute)
		var tickets []string
		for range 4 {
			in, err := w.SignIn(w.ctx, people.Credentials{Tenant: 1, Login: "ann", Password: phrase}, w.browser())
			if err != nil {
				t.Fatal(err)
			}
			tickets = append(tickets, in.Second)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		passed := 0
		code := w.code(secret)
		for i, ticket := range tickets {
			node := w.node(w.store)
			b := people.Browser{Address: "198.51.100." + string(rune('1'+i))}
			group.Go(func() {
				_, err := node.SecondFactor(w.ctx, ticket, code, b)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					passed++
				} else if desk.KindOf(err) != desk.Unauthenticated {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if passed != 1 {
			t.Fatalf("one code let %d in", passed)
		}
	})
}

func TestASecondFactorIsRemovedWithALongPasswordOnly(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		secret, _ := w.factor(&in)
		if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); err != nil || len(raw) < 20 {
			t.Fatalf("a secret of %d bytes, %v", len(raw), err)
		}
		if err := w.SetPassword(w.ctx, &in.Live, phrase, "xkrv81qz", w.browser()); err != nil {
			t.Fatal("8 characters beside a second factor:", err)
		}
		w.wantCode(w.RemoveFactor(w.ctx, &in.Live, "xkrv81qz", w.browser()), "password_short")
		w.wantCode(w.SetPassword(w.ctx, &in.Live, "wrong", phrase+"!", w.browser()), "password_wrong")
		if err := w.SetPassword(w.ctx, &in.Live, "xkrv81qz", phrase, w.browser()); err != nil {
			t.Fatal(err)
		}
		if err := w.RemoveFactor(w.ctx, &in.Live, phrase, w.browser()); err != nil {
			t.Fatal(err)
		}
		w.in("ann")
		if got := w.actions(5); got != "signin.ok factor.removed password.set signin.failed password.set" {
			t.Error(got)
		}
	})
}
