package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	lists "slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/password"
	"github.com/afterbeep/afterbeep/internal/people"
	"github.com/afterbeep/afterbeep/internal/store"
)

// staff lets people use the store; app has the same three lines.
type staff struct{ *store.Store }

func (s staff) Staff(ctx context.Context, tenant desk.TenantID, do func(people.Staff) error) error {
	return s.Store.Staff(ctx, tenant, func(t *store.Staff) error { return do(t) })
}

func member(login string) desk.Person {
	return desk.Person{
		Login: login, Name: "Ann 安", Role: desk.RoleAgent, Channels: []desk.ChannelID{channel}, Locale: "en", Epoch: 1,
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

func (b *bed) add(tenant desk.TenantID, p desk.Person) desk.Person {
	b.t.Helper()
	saved := p
	err := b.Staff(b.ctx, tenant, func(s *store.Staff) error {
		saved = p // it may be the second time
		return s.Save(b.ctx, &saved)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return saved
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// persons: what is saved is what is read, logins are one person's, and the second
// of two changes begins anew.
func persons(t *testing.T, open Open) {
	b := newBed(t, open)
	p := member("ann")
	p.Password, p.TOTP, p.TOTPStep, p.Subject = "$argon2id$", []byte{1, 2}, 7, "https://id.example 1"
	p.Recovery = [][]byte{digest("a"), digest("b")}
	p = b.add(desk.DefaultTenant, p)
	got, err := b.Person(b.ctx, desk.DefaultTenant, desk.Whom{Login: "ann"})
	if diff := cmp.Diff(p, got); err != nil || diff != "" || p.ID != 1 {
		t.Fatal(err, diff)
	}
	for _, who := range []desk.Whom{{ID: 1}, {Subject: p.Subject}, {}} {
		if got, err := b.Person(b.ctx, desk.DefaultTenant, who); err != nil || got.Login != "ann" {
			t.Errorf("%+v: %v, %v", who, got.Login, err)
		}
	}
	for _, twin := range []desk.Person{member("ann"), {Login: "eve", Name: "Eve", Role: desk.RoleAgent, Locale: "en", Subject: p.Subject}} {
		err := b.Staff(b.ctx, desk.DefaultTenant, func(s *store.Staff) error {
			p := twin
			return s.Save(b.ctx, &p)
		})
		if desk.KindOf(err) != desk.Conflict {
			t.Errorf("a second %s: %v", twin.Login, err)
		}
	}
	if same := b.add(b.tenant("other"), member("ann")); same.ID != 1 {
		t.Errorf("another tenant's first person has the number %d", same.ID)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := b.Staff(b.ctx, desk.DefaultTenant, func(s *store.Staff) error {
				p, err := s.Person(b.ctx, desk.Whom{ID: 1})
				if err != nil {
					return err
				}
				p.Epoch++
				return s.Save(b.ctx, &p)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got, err := b.Person(b.ctx, desk.DefaultTenant, desk.Whom{ID: 1}); err != nil || got.Epoch != 9 || got.Version != 9 {
		t.Fatalf("8 changes: epoch %d, version %d, %v", got.Epoch, got.Version, err)
	}
}

// firstPerson: of many who use links to the first account on several nodes at the
// same moment, one becomes it.
func firstPerson(t *testing.T, open Open) {
	b := newBed(t, open)
	stores := nodes(t, open, 3)
	var all []*people.People
	for _, s := range stores {
		vault := people.NewVault(s, nil, nil)
		all = append(all, people.New(staff{s}, vault, people.NewGuard(s, vault, nil), password.New(2), people.Settings{}))
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	first := 0
	var tokens []string
	for i := range 9 {
		token, err := all[i%3].SetUp(b.ctx, desk.DefaultTenant)
		if err != nil || token == "" {
			t.Fatal(token, err)
		}
		tokens = append(tokens, token)
	}
	for i, token := range tokens {
		group.Go(func() {
			_, err := all[i%3].Accept(b.ctx, people.Acceptance{
				Token: token, Password: "blue tram under quiet moss", Login: fmt.Sprint("boss", i), Name: "Boss", Locale: "en",
			}, people.Browser{})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				first++
			case desk.KindOf(err) != desk.Missing && desk.KindOf(err) != desk.Busy:
				t.Error(err)
			}
		})
	}
	group.Wait()
	everybody, err := b.People(b.ctx, desk.DefaultTenant)
	if err != nil || first != 1 || len(everybody) != 1 {
		t.Fatalf("%d were first, %d people, %v", first, len(everybody), err)
	}
	if token, err := all[0].SetUp(b.ctx, desk.DefaultTenant); err != nil || token != "" {
		t.Fatalf("there are people, and there is a new link: %q, %v", token, err)
	}
}

// auditChained: many append on several nodes; the log has no gap and its hashes
// fit.
func auditChained(t *testing.T, open Open) {
	b := newBed(t, open)
	other := b.tenant("other")
	stores := nodes(t, open, 3)
	var group sync.WaitGroup
	const writers, each = 6, 20
	for w := range writers {
		group.Go(func() {
			for i := range each {
				d := desk.Deed{Tenant: desk.DefaultTenant, At: time.Now(), Actor: "command", Action: desk.NumberShown, Object: fmt.Sprint("thread:", w*100+i), Data: "{}"}
				if _, err := stores[w%3].Audit(b.ctx, d); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if _, err := b.Audit(b.ctx, desk.Deed{Tenant: other, At: time.Now(), Action: desk.SignedIn, Data: "{}"}); err != nil {
		t.Fatal(err)
	}
	trail, err := b.AuditTrail(b.ctx, desk.DefaultTenant, nil)
	if err != nil || len(trail.Flaws) > 0 || trail.Rows != writers*each {
		t.Fatalf("%d rows, %v, %v", trail.Rows, trail.Flaws, err)
	}
	seq, hash, err := b.AuditHead(b.ctx, desk.DefaultTenant)
	if err != nil || seq != writers*each || bytes.Equal(hash, desk.NoHash()) {
		t.Fatal(seq, err)
	}
	var all []desk.Deed
	for q := (desk.DeedQuery{Limit: 7}); ; q.Before = all[len(all)-1].Seq {
		page, err := b.Deeds(b.ctx, desk.DefaultTenant, q)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, page...); len(page) < 7 {
			break
		}
	}
	for i := range all {
		if all[i].Seq != int64(writers*each-i) || all[i].Tenant != desk.DefaultTenant {
			t.Fatalf("row %d of the pages is %d", i, all[i].Seq)
		}
	}
	if page, err := b.Deeds(b.ctx, desk.DefaultTenant, desk.DeedQuery{Object: "thread:105", Limit: 9}); err != nil || len(page) != 1 {
		t.Fatal(page, err)
	}
	from, until := all[90].At, all[30].At
	if until.Before(from) {
		from, until = until, from
	}
	all = lists.DeleteFunc(all, func(d desk.Deed) bool { return d.At.Before(from) || !d.At.Before(until) })
	if page, err := b.Deeds(b.ctx, desk.DefaultTenant, desk.DeedQuery{Since: from, Until: until, Limit: 200}); err != nil || len(all) == 0 || cmp.Diff(all, page) != "" {
		t.Fatalf("of that time are %d rows, want %d; %v", len(page), len(all), err)
	}
	if trail, err := b.AuditTrail(b.ctx, other, nil); err != nil || trail.Rows != 1 || len(trail.Flaws) > 0 {
		t.Fatalf("%+v, %v", trail, err)
	}
}

// budgets: a hundred nodes' worth of guesses at once pay one after the other.
func budgets(t *testing.T, open Open) {
	b := newBed(t, open)
	stores := nodes(t, open, 3)
	party := [][]byte{digest("b"), digest("a")}
	var group sync.WaitGroup
	for i := range 30 {
		group.Go(func() {
			err := stores[i%3].ChangeBudgets(b.ctx, desk.DefaultTenant, party, func(all []desk.Budget) error {
				if !bytes.Equal(all[0].Hash, party[0]) || !bytes.Equal(all[1].Hash, party[1]) {
					t.Error("the budgets are not in the order that was asked")
				}
				all[0].N++
				all[1].N += 2
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got, err := b.Budgets(b.ctx, desk.DefaultTenant, append(party, digest("c")))
	if err != nil || got[0].N != 30 || got[1].N != 60 || got[2].N != 0 {
		t.Fatal(got, err)
	}
	now := time.Now()
	if err := b.SweepStaff(b.ctx, desk.DefaultTenant, now, now); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Budgets(b.ctx, desk.DefaultTenant, party); err != nil || got[0].N != 0 {
		t.Fatal("what is forgotten is still there:", got, err)
	}
}

// peopleApart: nothing of one tenant's people is found by another.
func peopleApart(t *testing.T, open Open) {
	b := newBed(t, open)
	other := b.tenant("other")
	p := b.add(desk.DefaultTenant, member("ann"))
	s := desk.Session{Tenant: desk.DefaultTenant, ID: digest("s"), Person: p.ID, CreatedAt: time.Now(), SeenAt: time.Now(), Until: time.Now().Add(time.Hour), Epoch: 1}
	err := b.Staff(b.ctx, desk.DefaultTenant, func(tx *store.Staff) error {
		if err := tx.Begin(b.ctx, s); err != nil {
			return err
		}
		return tx.Invite(b.ctx, desk.Invite{Hash: digest("i"), Person: p.ID, Until: time.Now().Add(time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := b.AddAPIKey(b.ctx, desk.APIKey{Tenant: desk.DefaultTenant, Name: "shop", Hash: digest("k"), Scopes: []string{"export"}}, desk.Deed{Tenant: desk.DefaultTenant, Data: "{}"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Session(b.ctx, desk.DefaultTenant, s.ID); err != nil {
		t.Fatal(err)
	}
	_, _, e1 := b.Session(b.ctx, other, s.ID)
	_, e2 := b.Person(b.ctx, other, desk.Whom{Login: "ann"})
	_, e3 := b.Invited(b.ctx, other, digest("i"))
	_, e4 := b.APIKey(b.ctx, other, key.ID)
	for i, err := range []error{e1, e2, e3, e4} {
		if desk.KindOf(err) != desk.Missing {
			t.Errorf("%d: another tenant's is found: %v", i, err)
		}
	}
	fresh, mine := digest("fresh"), digest("mine")
	one, err := b.Secret(b.ctx, desk.DefaultTenant, fresh, time.Now())
	if err != nil || !bytes.Equal(one, fresh) {
		t.Fatal(err)
	}
	if again, err := b.Secret(b.ctx, desk.DefaultTenant, mine, time.Now()); err != nil || !bytes.Equal(again, fresh) {
		t.Fatal("a tenant's secret changed", err)
	}
	if two, err := b.Secret(b.ctx, other, mine, time.Now()); err != nil || !bytes.Equal(two, mine) {
		t.Fatal("two tenants share a secret", err)
	}
	if _, err := b.Secret(b.ctx, 4711, mine, time.Now()); desk.KindOf(err) != desk.Missing {
		t.Fatalf("a tenant that is not there has a secret: %v", err)
	}
}
