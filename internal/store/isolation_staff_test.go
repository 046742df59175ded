package store_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// What people of both twins have alike: a subject at the same provider, and the
// keys of a session, of links and of a guesser.
const (
	sharedSubject = "https://id.example.com common"
	sharedID      = "common"
)

func (w *world) deed(tw *twin, action string) desk.Deed {
	return desk.Deed{
		Tenant: tw.id, At: w.base, Actor: "person:1", Name: "name " + tw.word, Address: "from " + tw.word,
		Action: action, Object: "person:1", Data: `{"note":"` + tw.word + `"}`,
	}
}

func (w *world) person(tw *twin, login, subject string) *desk.Person {
	recovery := make([]byte, 32)
	copy(recovery, tw.word)
	return &desk.Person{
		Login: login, Name: "name " + tw.word, Role: desk.RoleAgent, Channels: []desk.ChannelID{tw.channel}, Locale: "en",
		Password: "password-" + tw.word, TOTP: []byte("totp-" + tw.word), Recovery: [][]byte{recovery}, Subject: subject,
		Epoch: 1, CreatedAt: w.base, SeenAt: w.base,
	}
}

func (w *world) session(tw *twin, id string, who desk.PersonID, life time.Duration) desk.Session {
	return desk.Session{
		Tenant: tw.id, ID: []byte(id), Person: who, CreatedAt: w.base, SeenAt: w.base, Until: w.base.Add(life), Epoch: 1,
		Address: "from " + tw.word, Agent: "browser of " + tw.word,
	}
}

func (w *world) apiKey(tw *twin, name string) desk.APIKey {
	return desk.APIKey{Tenant: tw.id, Name: name, Hash: []byte("key-" + tw.word), Scopes: []string{tw.word}, CreatedAt: w.base}
}

func (w *world) filter(tw *twin, who desk.PersonID, name string) desk.Filter {
	return desk.Filter{Tenant: tw.id, Person: who, Name: name, Query: "q=" + tw.word, CreatedAt: w.base}
}

// more is more than the other has, where numbers are given one after the other.
func (w *twin) more(names ...string) []string {
	if w.id != desk.DefaultTenant {
		names = append(names, "more", "still-more")
	}
	return names
}

// staff makes people, with all that they sign in with and what they did.
func (m maker) staff(tw *twin) {
	m.t.Helper()
	ctx, w := m.t.Context(), m.w
	m.must(m.Staff(ctx, tw.id, func(st *store.Staff) error {
		for _, login := range tw.more(sharedName, "second", tw.own) {
			subject := map[string]string{sharedName: sharedSubject, tw.own: "https://id.example.com " + tw.own}[login]
			if err := st.Save(ctx, w.person(tw, login, subject)); err != nil {
				return err
			}
		}
		for _, n := range []desk.Session{
			w.session(tw, sharedID, 1, time.Hour), w.session(tw, "short", 1, time.Minute),
			w.session(tw, tw.own, 1, time.Hour), w.session(tw, "of the second", 2, time.Hour),
		} {
			if err := st.Begin(ctx, n); err != nil {
				return err
			}
		}
		for hash, who := range map[string]desk.PersonID{sharedID: 2, tw.own: 3, "first": 0, "first, too": 0} {
			if err := st.Invite(ctx, desk.Invite{Hash: []byte(hash), Person: who, Until: w.base.Add(time.Duration(tw.id) * time.Minute)}); err != nil {
				return err
			}
		}
		return st.Audit(ctx, w.deed(tw, desk.PersonCreated))
	}))
	for _, name := range tw.more(sharedName, tw.own) {
		_, err := m.AddAPIKey(ctx, w.apiKey(tw, name), w.deed(tw, desk.KeyCreated))
		m.must(err)
	}
	for _, name := range tw.more(sharedName, tw.own) {
		for who := desk.PersonID(1); who <= 2; who++ {
			f := w.filter(tw, who, name)
			f.Shared = who == 2
			_, err := m.AddFilter(ctx, f)
			m.must(err)
		}
	}
	_, err := m.Secret(ctx, tw.id, []byte("vault of "+tw.word), w.base)
	m.must(err)
	for key := range int64(tw.id) { // as if it had been changed, for the second once more
		m.must(m.Put(ctx, section("secret", tw), []store.Values{{key + 2, []byte("vault of " + tw.word), w.base.UnixMicro()}}))
	}
	m.must(m.ChangeBudgets(ctx, tw.id, parties(tw), func(all []desk.Budget) error {
		for i := range all {
			all[i].N, all[i].At, all[i].FullAt = int64(tw.id), w.base, w.base.Add(time.Minute)
		}
		return nil
	}))
}

func section(table string, of *twin) store.Section {
	all := store.Carried()
	return store.Section{Table: all[slices.IndexFunc(all, func(t store.Table) bool { return t.Name == table })], Tenant: of.id}
}

func parties(of *twin) [][]byte { return [][]byte{[]byte(sharedID), []byte(of.own)} }

func (a *act) staff(do func(*store.Staff) error) { a.tell("staff", a.s.Staff(a.ctx, a.me.id, do)) }

// whoms name everybody in every way.
func (a *act) whoms() (all []desk.Whom) {
	for id := range desk.PersonID(7) {
		all = append(all, desk.Whom{ID: id})
	}
	for _, name := range []string{sharedName, a.me.own, a.other.own, "more", "nobody"} {
		all = append(all, desk.Whom{Login: name}, desk.Whom{Subject: "https://id.example.com " + name})
	}
	return all
}

func (a *act) keys() [][]byte {
	return [][]byte{[]byte(sharedID), []byte(a.me.own), []byte(a.other.own), []byte("first"), []byte("nobody's")}
}

// filters are the IDs of those that either has, and of some that nobody has.
func (a *act) filters() (ids []int64) {
	for i := range int64(10) {
		ids = append(ids, a.w.base.UnixMicro()+i)
	}
	return ids
}

func staffReading() []scene {
	return []scene{
		{name: "people", play: func(a *act) {
			all, err := a.s.People(a.ctx, a.me.id)
			a.tell("people", all, err)
			for _, who := range a.whoms() {
				p, err := a.s.Person(a.ctx, a.me.id, who)
				a.tell("person", p, err)
			}
		}},
		{name: "sessions and links", play: func(a *act) {
			for _, id := range a.keys() {
				n, p, err := a.s.Session(a.ctx, a.me.id, id)
				a.tell("session", n, p, err)
				i, err := a.s.Invited(a.ctx, a.me.id, id)
				a.tell("invited", i, err)
			}
			for who := range desk.PersonID(4) {
				all, err := a.s.Sessions(a.ctx, a.me.id, who)
				a.tell("sessions", all, err)
			}
		}},
		{name: "API keys", play: func(a *act) {
			all, err := a.s.APIKeys(a.ctx, a.me.id)
			a.tell("keys", all, err)
			for id := range int64(6) {
				k, err := a.s.APIKey(a.ctx, a.me.id, id)
				a.tell("key", k, err)
			}
		}},
		{name: "the audit log", play: func(a *act) {
			for _, q := range []desk.DeedQuery{
				{},
				{Before: 3},
				{Action: desk.KeyCreated},
				{Actor: "person:1"},
				{Object: "person:1"},
				{Since: a.w.base.Add(time.Minute)},
				{Until: a.w.base.Add(time.Minute)},
				{Since: a.w.base, Until: a.w.base.Add(time.Minute), Actor: "person:1"},
			} {
				for _, q.Limit = range []int{1, 100} {
					all, err := a.s.Deeds(a.ctx, a.me.id, q)
					a.tell("deeds", all, err)
				}
			}
			trail, err := a.s.AuditTrail(a.ctx, a.me.id, func(d *desk.Deed) { a.tell("deed", *d) })
			a.tell("trail", trail, err)
			seq, hash, err := a.s.AuditHead(a.ctx, a.me.id)
			a.tell("head", seq, hash, err)
		}},
		{name: "filters", play: func(a *act) {
			all, err := a.s.Filters(a.ctx, a.me.id)
			a.tell("filters", all, err)
			for who := range desk.PersonID(4) {
				all, err := a.s.FiltersOf(a.ctx, a.me.id, who)
				a.tell("hers", all, err)
			}
		}},
		{name: "guesses", play: func(a *act) {
			all, err := a.s.Budgets(a.ctx, a.me.id, a.keys())
			a.tell("budgets", all, err)
		}},
	}
}

func staffWriting() []scene {
	return []scene{
		{name: "people are changed", play: func(a *act) {
			for _, who := range a.whoms() {
				a.staff(func(st *store.Staff) error {
					p, err := st.Person(a.ctx, who)
					a.tell("person", p, err)
					if err != nil {
						return err
					}
					p.Name = "changed"
					return st.Save(a.ctx, &p)
				})
			}
		}},
		{name: "people are added", play: func(a *act) {
			for _, p := range []*desk.Person{
				a.w.person(a.me, a.other.own, ""), a.w.person(a.me, "new", "https://id.example.com "+a.other.own),
				a.w.person(a.me, sharedName, ""), a.w.person(a.me, "newer", sharedSubject),
			} {
				a.staff(func(st *store.Staff) error {
					one := *p
					err := st.Save(a.ctx, &one)
					a.tell("added", one, err)
					return err
				})
			}
		}},
		{name: "sessions begin and end", play: func(a *act) {
			for _, id := range []string{a.other.own, sharedID} { // the second is there already
				a.staff(func(st *store.Staff) error { return st.Begin(a.ctx, a.w.session(a.me, id, 1, time.Hour)) })
			}
			for _, id := range [][]byte{[]byte("of the second"), []byte(a.other.own), nil} {
				a.staff(func(st *store.Staff) error {
					n, err := st.End(a.ctx, 2, id)
					a.tell("ended", n, err)
					return err
				})
			}
			a.staff(func(st *store.Staff) error {
				n, err := st.End(a.ctx, 1, nil)
				a.tell("ended", n, err)
				return err
			})
		}},
		{name: "sessions are used", play: func(a *act) {
			var seen []desk.Seen
			for _, id := range []string{sharedID, a.me.own, a.other.own} {
				seen = append(seen, desk.Seen{Session: []byte(id), Person: 1, At: a.w.base.Add(time.Minute), PresentUntil: a.w.base.Add(time.Hour)})
			}
			a.tell("touched", a.s.Touch(a.ctx, a.me.id, seen))
		}},
		{name: "what is over is swept", play: func(a *act) {
			a.tell("swept", a.s.SweepStaff(a.ctx, a.me.id, a.w.base.Add(2*time.Hour), a.w.base.Add(time.Hour)))
		}},
		{name: "links are made", play: func(a *act) {
			for _, i := range []desk.Invite{{Hash: []byte("new"), Person: 2}, {Hash: []byte(a.other.own), Person: 0}, {Person: 3}} {
				i.Until = a.w.base
				a.staff(func(st *store.Staff) error { return st.Invite(a.ctx, i) })
			}
		}},
		{name: "links are used", play: func(a *act) {
			for _, hash := range a.keys() {
				a.staff(func(st *store.Staff) error {
					i, err := st.Redeem(a.ctx, hash)
					a.tell("redeemed", i, err)
					return err
				})
			}
		}},
		{name: "API keys are added", play: func(a *act) {
			for _, name := range []string{"new", a.other.own, sharedName} {
				k, err := a.s.AddAPIKey(a.ctx, a.w.apiKey(a.me, name), a.w.deed(a.me, desk.KeyCreated))
				a.tell("added", k.ID, err)
			}
		}},
		{name: "API keys are used and switched off", play: func(a *act) {
			for id := range int64(6) {
				a.tell("used", a.s.UseAPIKey(a.ctx, a.me.id, id, a.w.base.Add(time.Minute)))
				k := desk.APIKey{Tenant: a.me.id, ID: id, Disabled: true}
				a.tell("disabled", a.s.DisableAPIKey(a.ctx, k, a.w.deed(a.me, desk.KeyDisabled)))
			}
		}},
		{name: "filters are kept", play: func(a *act) {
			for _, name := range []string{"new", a.other.own, sharedName} {
				f := a.w.filter(a.me, 1, name)
				f.Shared = true
				f, err := a.s.AddFilter(a.ctx, f)
				a.tell("kept", f.ID, err)
			}
		}},
		{name: "there is room for filters", play: func(a *act) {
			for i := range 2 * desk.MaxShared { // the other's take none of it
				f := a.w.filter(a.me, desk.PersonID(10+i/4), fmt.Sprint("filter ", i))
				f.Shared = i%2 == 0
				f, err := a.s.AddFilter(a.ctx, f)
				a.tell("kept", f.ID, err)
			}
			for i := range desk.MaxFilters {
				f, err := a.s.AddFilter(a.ctx, a.w.filter(a.me, 1, fmt.Sprint("filter ", i)))
				a.tell("kept", f.ID, err)
			}
		}},
		{name: "filters are changed", play: func(a *act) {
			for _, id := range a.filters() {
				f, err := a.s.ChangeFilter(a.ctx, a.me.id, id, func(f *desk.Filter) error {
					a.tell("given", *f)
					f.Name, f.Shared = "changed "+f.Name, true
					return nil
				})
				a.tell("changed", f, err)
			}
		}},
		{name: "filters are removed", play: func(a *act) {
			for _, id := range a.filters() {
				a.tell("removed", a.s.RemoveFilter(a.ctx, a.me.id, id, func(f *desk.Filter) error {
					a.tell("given", *f)
					return nil
				}))
			}
		}},
		{name: "something is audited", play: func(a *act) {
			d, err := a.s.Audit(a.ctx, a.w.deed(a.me, desk.NumberShown))
			a.tell("audited", d, err)
			a.staff(func(st *store.Staff) error { return st.Audit(a.ctx, a.w.deed(a.me, desk.SignedIn)) })
		}},
		{name: "somebody guesses", play: func(a *act) {
			a.tell("guessed", a.s.ChangeBudgets(a.ctx, a.me.id, a.keys(), func(all []desk.Budget) error {
				a.tell("budgets", all)
				for i := range all {
					all[i].N += 10
				}
				return nil
			}))
		}},
		{name: "secrets are sealed", play: func(a *act) {
			for _, id := range []desk.TenantID{a.me.id, 99} {
				secret, err := a.s.Secret(a.ctx, id, []byte("fresh"), a.w.base)
				a.tell("secret", secret, err)
			}
			a.tell("cleared", a.s.Clear(a.ctx, section("secret", a.me)))
			secret, err := a.s.Secret(a.ctx, a.me.id, []byte("fresh"), a.w.base)
			a.tell("secret", secret, err)
		}},
	}
}
