package people_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
)

func TestASessionEndsAfterHalfAnHourOfRestAndAfterTwelveHoursInAnyCase(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		w.pass(30*time.Minute - time.Second)
		if _, err := w.Session(w.ctx, in.Cookie); err != nil {
			t.Fatal(err)
		}
		w.pass(29 * time.Minute)
		if _, err := w.Watch(w.ctx, in.Cookie); err != nil { // a stream does not keep it alive
			t.Fatal(err)
		}
		w.pass(time.Minute)
		_, err := w.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over")

		in = w.in("ann")
		for range 12*3 - 1 {
			w.pass(20 * time.Minute)
			if _, err := w.Session(w.ctx, in.Cookie); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(20 * time.Minute)
		_, err = w.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over")
	})
}

func TestWhoIsDisabledIsOutAtOnceOnEveryNode(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var gone []desk.PersonID
		w.set.Gone = func(_ context.Context, _ desk.TenantID, who desk.PersonID) { gone = append(gone, who) }
		w.People = w.node(w.store)
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		other := w.node(w.store)
		for _, p := range []*people.People{w.People, other} {
			if _, err := p.Session(w.ctx, in.Cookie); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Disable(w.ctx, &w.boss, desk.Whom{Login: "ann"}); err != nil {
			t.Fatal(err)
		}
		_, err := w.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over")
		w.pass(time.Second) // what the other node believes of a session
		_, err = other.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over")
		if len(gone) != 1 || gone[0] != in.Person.ID {
			t.Fatal("nobody was told to give her threads back:", gone)
		}
		if _, err := w.Enable(w.ctx, &w.boss, desk.Whom{Login: "ann"}); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over") // the old session does not come back
		w.in("ann")
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		eve := w.person("eve", desk.RoleAgent)
		one := w.in("ann")
		w.pass(time.Minute)
		two := w.in("ann")
		a := one.Actor("192.0.2.1")
		all, err := w.Sessions(w.ctx, &a)
		if err != nil || len(all) != 2 || string(all[0].ID) != string(two.Session.ID) {
			t.Fatal(all, err)
		}
		evil := eve.Actor("192.0.2.2")
		w.wantCode(w.EndSession(w.ctx, &evil, one.Session.ID), "session")
		w.wantCode(w.EndSessions(w.ctx, &evil, a.Person), "forbidden")
		if err := w.EndSession(w.ctx, &a, one.Session.ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(w.ctx, one.Cookie)
		w.wantCode(err, "session_over")
		if err := w.EndSessions(w.ctx, &a, a.Person); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(w.ctx, two.Cookie)
		w.wantCode(err, "session_over")
		three := w.in("ann")
		for range 2 { // a second time is no error
			if err := w.SignOut(w.ctx, three.Cookie, "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
		}
		if got := w.actions(4); got != "signout signin.ok sessions.ended session.ended" {
			t.Error(got)
		}
	})
}

// counting counts what is read of sessions.
type counting struct {
	staff
	reads int
}

func (c *counting) Session(ctx context.Context, tenant desk.TenantID, id []byte) (desk.Session, desk.Person, error) {
	c.reads++
	return c.Store.Session(ctx, tenant, id)
}

func TestAPageCostsAtMostOneRead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		c := &counting{staff: staff{w.store}}
		p := people.New(c, w.vault, people.NewGuard(w.store, w.vault, w.now), w.hasher, w.set)
		for range 10 {
			if _, err := p.Session(w.ctx, in.Cookie); err != nil {
				t.Fatal(err)
			}
		}
		if c.reads != 1 {
			t.Fatalf("%d reads", c.reads)
		}
		w.pass(time.Second)
		if _, err := p.Session(w.ctx, in.Cookie); err != nil || c.reads != 2 {
			t.Fatal(c.reads, err)
		}
	})
}

func TestWhoLosesRightsLosesHerSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("boss", desk.RoleAdministrator)
		w.person("ann", desk.RoleSupervisor)
		in := w.in("ann")
		p, err := w.Change(w.ctx, &w.boss, desk.Whom{Login: "ann"}, func(p *desk.Person) { p.Name, p.Password, p.Epoch = "Ann", "", 99 })
		if err != nil || p.Name != "Ann" || p.Password == "" || p.Epoch != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := w.Session(w.ctx, in.Cookie); err != nil {
			t.Fatal("a new name ended her session:", err)
		}
		if _, err := w.Change(w.ctx, &w.boss, desk.Whom{Login: "ann"}, func(p *desk.Person) { p.Role = desk.RoleAgent }); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(w.ctx, in.Cookie)
		w.wantCode(err, "session_over")
		_, err = w.Change(w.ctx, &w.boss, desk.Whom{Login: "boss"}, func(p *desk.Person) { p.Role = desk.RoleAgent })
		w.wantCode(err, "last_administrator")
		_, err = w.Disable(w.ctx, &w.boss, desk.Whom{Login: "boss"})
		w.wantCode(err, "last_administrator")
		agent := desk.Actor{Tenant: 1, Person: p.ID, Role: desk.RoleAgent}
		_, err = w.Change(w.ctx, &agent, desk.Whom{Login: "ann"}, func(p *desk.Person) { p.Role = desk.RoleAdministrator })
		w.wantCode(err, "forbidden")
		page, err := w.store.Deeds(w.ctx, 1, desk.DeedQuery{Action: desk.PersonChanged, Limit: 1})
		if err != nil || page[0].Data != `{"role":{"is":"agent","was":"supervisor"}}` || page[0].Object != "person:2" || page[0].Actor != "command" {
			t.Fatalf("%+v, %v", page, err)
		}
	})
}

func TestAOneTimeLinkServesOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		token, err := w.SetUp(w.ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		first := people.Acceptance{Token: token, Password: "short", Login: "Boss@example.com", Name: "Boss", Locale: "en"}
		_, err = w.Accept(w.ctx, first, w.browser())
		w.wantCode(err, "password_short") // and the link is still there
		first.Password = phrase
		in, err := w.Accept(w.ctx, first, w.browser())
		if err != nil || in.Person.Role != desk.RoleAdministrator || in.Person.Login != "boss@example.com" || in.Cookie == "" {
			t.Fatalf("%+v, %v", in, err)
		}
		_, err = w.Accept(w.ctx, first, w.browser())
		w.wantCode(err, "invite")

		boss := in.Actor("192.0.2.1")
		ann, token, err := w.Create(w.ctx, &boss, desk.Person{Login: "ann", Name: "Ann", Role: desk.RoleAgent, Locale: "en"}, "")
		if err != nil || token == "" {
			t.Fatal(err)
		}
		if who, err := w.Invited(w.ctx, token); err != nil || who.Login != "ann" {
			t.Fatal(who, err)
		}
		_, second, err := w.Reset(w.ctx, &boss, desk.Whom{ID: ann.ID}, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Invited(w.ctx, token)
		w.wantCode(err, "invite") // the newer link voids the older one
		in, err = w.Accept(w.ctx, people.Acceptance{Token: second, Password: phrase}, w.browser())
		if err != nil || in.Person.Login != "ann" {
			t.Fatal(err)
		}
		if _, late, err := w.Reset(w.ctx, &boss, desk.Whom{ID: ann.ID}, false); err != nil {
			t.Fatal(err)
		} else {
			_, err = w.Session(w.ctx, in.Cookie)
			w.wantCode(err, "session_over")
			w.pass(24 * time.Hour)
			_, err = w.Accept(w.ctx, people.Acceptance{Token: late, Password: phrase}, w.browser())
			w.wantCode(err, "invite")
		}
	})
}

func TestALinkDoesNotGoAroundTheSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		secret, _ := w.factor(&in)
		w.pass(time.Minute)
		_, token, err := w.Reset(w.ctx, &w.boss, desk.Whom{Login: "ann"}, false)
		if err != nil {
			t.Fatal(err)
		}
		half, err := w.Accept(w.ctx, people.Acceptance{Token: token, Password: "xkrv81qz"}, w.browser())
		if err != nil || half.Cookie != "" || half.Second == "" {
			t.Fatalf("%+v, %v", half, err)
		}
		if _, err := w.SecondFactor(w.ctx, half.Second, w.code(secret), w.browser()); err != nil {
			t.Fatal(err)
		}
		if _, token, err = w.Reset(w.ctx, &w.boss, desk.Whom{Login: "ann"}, true); err != nil {
			t.Fatal(err)
		}
		if in, err := w.Accept(w.ctx, people.Acceptance{Token: token, Password: phrase}, w.browser()); err != nil || in.Cookie == "" {
			t.Fatal(in, err)
		}
		if _, _, err = w.Reset(w.ctx, &w.boss, desk.Whom{Login: "ann"}, true); err != nil { // there is nothing to remove any more
			t.Fatal(err)
		}
		var became []string
		deeds, err := w.store.Deeds(w.ctx, w.boss.Tenant, desk.DeedQuery{Action: desk.PersonReset, Limit: 10})
		for _, d := range deeds {
			became = append(became, d.Data)
		}
		want := []string{`{"second_factor":"none"}`, `{"second_factor":"removed"}`, `{"second_factor":"kept"}`}
		if err != nil || !slices.Equal(became, want) {
			t.Errorf("the audit log says %q, %v", became, err)
		}
	})
}

func TestAPIKeysMayWhatTheirScopesSay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		key, text, err := w.keys.Create(w.ctx, &w.boss, "shop", []desk.Permission{desk.MessagesWrite, desk.ThreadsSee})
		if err != nil || key.ID != 1 {
			t.Fatal(err)
		}
		a, err := w.keys.Check(w.ctx, text, "192.0.2.1")
		if err != nil || a.Key != 1 || !a.May(desk.MessagesWrite) || a.May(desk.ThreadsHandle) || a.Who() != "key:1" {
			t.Fatalf("%+v, %v", a, err)
		}
		for _, bad := range []string{"", "abk", text + "A", text[:len(text)-1], "abk_2" + text[5:], "abk_1_2" + text[7:], "abk_1_1_" + text[9:] + "A"} {
			_, err := w.keys.Check(w.ctx, bad, "")
			w.wantCode(err, "api_key_wrong")
		}
		stored, err := w.store.APIKey(w.ctx, 1, 1)
		if err != nil || !stored.UsedAt.Equal(noon) {
			t.Fatal(stored.UsedAt, err)
		}
		w.pass(59 * time.Second)
		if _, err := w.keys.Check(w.ctx, text, ""); err != nil {
			t.Fatal(err)
		}
		if stored, err = w.store.APIKey(w.ctx, 1, 1); err != nil || !stored.UsedAt.Equal(noon) {
			t.Fatal("its use was written twice in a minute", err)
		}
		agent := desk.Actor{Tenant: 1, Person: 9, Role: desk.RoleAgent}
		_, _, err = w.keys.Create(w.ctx, &agent, "mine", []desk.Permission{desk.ThreadsSee})
		w.wantCode(err, "forbidden")
		maker := desk.Actor{Tenant: 1, Key: 1, Scopes: []string{"keys.manage"}}
		_, _, err = w.keys.Create(w.ctx, &maker, "more", []desk.Permission{desk.PeopleManage})
		w.wantCode(err, "scope")
		_, _, err = w.keys.Create(w.ctx, &w.boss, "shop", []desk.Permission{desk.ThreadsSee})
		w.wantCode(err, "key_exists")
		if _, err := w.keys.Disable(w.ctx, &w.boss, 1, true); err != nil {
			t.Fatal(err)
		}
		_, err = w.keys.Check(w.ctx, text, "")
		w.wantCode(err, "api_key_wrong")
		if got := w.actions(5); got != "key.disabled key.created" {
			t.Error(got)
		}
	})
}

func TestWhenSessionsWereUsedIsWrittenDownAndWhatIsOverIsSwept(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s, err := sqlite.Open(ctx, folder, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, s, folder)
		w.ctx, w.set.Now = ctx, time.Now
		vault := people.NewVault(s, nil, time.Now)
		w.People = people.New(staff{s}, vault, people.NewGuard(s, vault, time.Now), w.hasher, w.set)
		w.person("ann", desk.RoleAgent)
		in := w.in("ann")
		running, stop := context.WithCancel(ctx)
		ended := make(chan error)
		go func() { ended <- w.Run(running, s) }()
		time.Sleep(10 * time.Minute)
		if _, err := w.Session(ctx, in.Cookie); err != nil {
			t.Fatal(err)
		}
		w.Present(&in.Live)
		used := time.Now()
		time.Sleep(31 * time.Second)
		got, person, err := s.Session(ctx, 1, in.Session.ID)
		if err != nil || !got.SeenAt.Equal(used) || !person.PresentUntil.Equal(used.Add(2*time.Minute)) {
			t.Fatal(got.SeenAt, used, person.PresentUntil, err)
		}
		if person.Version != in.Person.Version {
			t.Fatal("being present counts as a change of the person")
		}
		time.Sleep(14 * time.Hour)
		if _, _, err := s.Session(ctx, 1, in.Session.ID); desk.KindOf(err) != desk.Missing {
			t.Fatal("a session that is over is still there:", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

var _ people.Sweeper = (*store.Store)(nil)
