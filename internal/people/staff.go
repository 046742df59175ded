package people

import (
	"context"
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/password"
)

// List is everybody of the actor's tenant.
func (p *People) List(ctx context.Context, a *desk.Actor) ([]desk.Person, error) {
	return p.store.People(ctx, a.Tenant)
}

// Find is one person by her login or ID.
func (p *People) Find(ctx context.Context, a *desk.Actor, who desk.Whom) (desk.Person, error) {
	if who.Login != "" {
		login, err := desk.Login(who.Login)
		if err != nil {
			return desk.Person{}, err
		}
		who.Login = login
	}
	return p.store.Person(ctx, a.Tenant, who)
}

// Create makes a person. Without a password it gives the token of a one-time link
// behind which she chooses one, within 24 hours.
func (p *People) Create(ctx context.Context, a *desk.Actor, n desk.Person, typed string) (desk.Person, string, error) {
	if !a.May(desk.PeopleManage) {
		return n, "", errMay
	}
	var err error
	if n.Login, err = desk.Login(n.Login); err != nil {
		return n, "", err
	}
	n.Tenant, n.ID, n.Epoch, n.CreatedAt = a.Tenant, 0, 1, p.now()
	if err := desk.CheckPerson(&n); err != nil {
		return n, "", err
	}
	if typed != "" {
		if err := password.Check(typed, false, &n); err != nil {
			return n, "", err
		}
		if n.Password, err = p.hasher.Hash(ctx, typed); err != nil {
			return n, "", err
		}
	}
	token, hash := secret(a.Tenant)
	made := n
	err = p.store.Staff(ctx, a.Tenant, func(s Staff) error {
		made = n
		if err := s.Save(ctx, &made); err != nil {
			return err
		}
		if typed == "" {
			if err := s.Invite(ctx, desk.Invite{Tenant: a.Tenant, Hash: hash, Person: made.ID, Until: p.now().Add(InviteFor)}); err != nil {
				return err
			}
		}
		return s.Audit(ctx, p.deed(a, desk.PersonCreated, &made, map[string]any{"login": made.Login, "role": made.Role, "channels": made.Channels}))
	})
	if typed != "" {
		token = ""
	}
	return made, token, err
}

// Change alters a person's login, name, role, channels or locale; anything else
// that change touches stays as it is. Who loses rights loses her sessions.
func (p *People) Change(ctx context.Context, a *desk.Actor, who desk.Whom, change func(*desk.Person)) (desk.Person, error) {
	if !a.May(desk.PeopleManage) {
		return desk.Person{}, errMay
	}
	return p.alter(ctx, a, who, func(s Staff, person *desk.Person) (string, map[string]any, error) {
		n := *person
		change(&n)
		login, err := desk.Login(n.Login)
		if err != nil {
			return "", nil, err
		}
		was := *person
		person.Login, person.Name, person.Role, person.Channels, person.Locale = login, n.Name, n.Role, n.Channels, n.Locale
		data := differences(&was, person)
		if was.Role == desk.RoleAdministrator && person.Role != was.Role {
			if err := p.another(ctx, person); err != nil {
				return "", nil, err
			}
		}
		if was.Role != person.Role || !slices.Equal(was.Channels, person.Channels) {
			person.Epoch++
			if _, err := s.End(ctx, person.ID, nil); err != nil {
				return "", nil, err
			}
		}
		if len(data) == 0 {
			return "", nil, nil
		}
		return desk.PersonChanged, data, nil
	})
}

// differences lists what was and what is.
func differences(was, is *desk.Person) map[string]any {
	data := map[string]any{}
	for what, pair := range map[string][2]any{
		"login": {was.Login, is.Login}, "name": {was.Name, is.Name}, "role": {was.Role, is.Role}, "locale": {was.Locale, is.Locale},
	} {
		if pair[0] != pair[1] {
			data[what] = map[string]any{"was": pair[0], "is": pair[1]}
		}
	}
	if !slices.Equal(was.Channels, is.Channels) {
		data["channels"] = map[string]any{"was": was.Channels, "is": is.Channels}
	}
	return data
}

// Disable shuts a person out at once: all her sessions end, her links are void,
// and whoever handles threads is told to give hers back. The last administrator
// stays.
func (p *People) Disable(ctx context.Context, a *desk.Actor, who desk.Whom) (desk.Person, error) {
	if !a.May(desk.PeopleManage) {
		return desk.Person{}, errMay
	}
	person, err := p.alter(ctx, a, who, func(s Staff, person *desk.Person) (string, map[string]any, error) {
		if person.Disabled {
			return "", nil, nil
		}
		if person.Role == desk.RoleAdministrator {
			if err := p.another(ctx, person); err != nil {
				return "", nil, err
			}
		}
		person.Disabled = true
		person.Epoch++
		if _, err := s.End(ctx, person.ID, nil); err != nil {
			return "", nil, err
		}
		return desk.PersonDisabled, nil, s.Invite(ctx, desk.Invite{Person: person.ID})
	})
	if err == nil {
		p.set.Gone(ctx, person.Tenant, person.ID)
	}
	return person, err
}

// Enable lets a person in again, with the password that she had.
func (p *People) Enable(ctx context.Context, a *desk.Actor, who desk.Whom) (desk.Person, error) {
	if !a.May(desk.PeopleManage) {
		return desk.Person{}, errMay
	}
	return p.alter(ctx, a, who, func(_ Staff, person *desk.Person) (string, map[string]any, error) {
		if !person.Disabled {
			return "", nil, nil
		}
		person.Disabled = false
		return desk.PersonEnabled, nil, nil
	})
}

// Reset gives a person a one-time link to a new password. Her old one is void and
// her sessions end; with factor, her second factor is removed as well.
func (p *People) Reset(ctx context.Context, a *desk.Actor, who desk.Whom, factor bool) (desk.Person, string, error) {
	if !a.May(desk.PeopleManage) {
		return desk.Person{}, "", errMay
	}
	token, hash := secret(a.Tenant)
	person, err := p.alter(ctx, a, who, func(s Staff, person *desk.Person) (string, map[string]any, error) {
		if person.Disabled {
			return "", nil, desk.Errorf(desk.Conflict, "disabled", "this person is disabled; enable her first")
		}
		person.Password = ""
		person.Epoch++
		became := "none" // the audit log says what was, not what was asked for
		if person.TOTP != nil {
			became = "kept"
		}
		if person.TOTP != nil && factor {
			person.TOTP, person.TOTPStep, person.Recovery = nil, 0, nil
			became = "removed"
		}
		if _, err := s.End(ctx, person.ID, nil); err != nil {
			return "", nil, err
		}
		return desk.PersonReset, map[string]any{"second_factor": became}, s.Invite(ctx, desk.Invite{Tenant: a.Tenant, Hash: hash, Person: person.ID, Until: p.now().Add(InviteFor)})
	})
	return person, token, err
}

// SetPassword changes the actor's own password; her other sessions end.
func (p *People) SetPassword(ctx context.Context, l *Live, was, is string, b Browser) error {
	if err := password.Check(is, l.Person.TOTP != nil, &l.Person); err != nil {
		return err
	}
	if err := p.prove(ctx, l, was, b); err != nil {
		return err
	}
	hash, err := p.hasher.Hash(ctx, is)
	if err != nil {
		return err
	}
	return p.own(ctx, l, b.Address, func(person *desk.Person) (string, error) {
		if person.TOTP == nil && l.Person.TOTP != nil {
			return "", errTicket // the shorter password was chosen beside a factor that is gone
		}
		person.Password = hash
		return desk.PasswordSet, nil
	})
}

// SetPasswordOf gives somebody a password: from the command line, for a first
// account that is made by a script.
func (p *People) SetPasswordOf(ctx context.Context, a *desk.Actor, who desk.Whom, typed string) (desk.Person, error) {
	if !a.May(desk.PeopleManage) {
		return desk.Person{}, errMay
	}
	found, err := p.store.Person(ctx, a.Tenant, who)
	if err != nil {
		return found, err
	}
	if err := password.Check(typed, false, &found); err != nil {
		return found, err
	}
	hash, err := p.hasher.Hash(ctx, typed)
	if err != nil {
		return found, err
	}
	return p.alter(ctx, a, who, func(s Staff, person *desk.Person) (string, map[string]any, error) {
		person.Password = hash
		person.Epoch++
		if _, err := s.End(ctx, person.ID, nil); err != nil {
			return "", nil, err
		}
		return desk.PasswordSet, map[string]any{"how": "operator"}, s.Invite(ctx, desk.Invite{Person: person.ID})
	})
}

// SetLocale is the language that a person reads; it changes no right and is not
// audited.
func (p *People) SetLocale(ctx context.Context, l *Live, locale string) error {
	a := l.Actor("")
	person, err := p.alter(ctx, &a, desk.Whom{ID: l.Person.ID}, func(_ Staff, person *desk.Person) (string, map[string]any, error) {
		person.Locale = locale
		return "", nil, nil
	})
	if err == nil {
		l.Person = person
	}
	return err
}

// alter changes a person in one transaction, with its row in the audit log unless
// the action is "".
func (p *People) alter(ctx context.Context, a *desk.Actor, who desk.Whom,
	change func(Staff, *desk.Person) (action string, data map[string]any, err error),
) (person desk.Person, err error) {
	if who == (desk.Whom{}) {
		return person, desk.Errorf(desk.Invalid, "person", "say who is meant")
	}
	err = p.store.Staff(ctx, a.Tenant, func(s Staff) error {
		if person, err = s.Person(ctx, who); err != nil {
			return err
		}
		if who.Version != 0 && who.Version != person.Version {
			return errStale
		}
		action, data, err := change(s, &person)
		if err != nil {
			return err
		}
		if err := s.Save(ctx, &person); err != nil || action == "" {
			return err
		}
		return s.Audit(ctx, p.deed(a, action, &person, data))
	})
	p.forgetPerson(a.Tenant, person.ID)
	return person, err
}

// another makes sure that somebody else administers the tenant.
func (p *People) another(ctx context.Context, but *desk.Person) error {
	all, err := p.store.People(ctx, but.Tenant)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(o desk.Person) bool {
		return o.ID != but.ID && o.Role == desk.RoleAdministrator && !o.Disabled
	}) {
		return nil
	}
	return errLast
}

// own changes the actor's own way of signing in. All her sessions end but this
// one, which goes on under the new epoch.
func (p *People) own(ctx context.Context, l *Live, address string, change func(*desk.Person) (action string, err error)) error {
	a := l.Actor(address)
	var person desk.Person
	session := l.Session
	err := p.store.Staff(ctx, a.Tenant, func(s Staff) (err error) {
		if person, err = s.Person(ctx, desk.Whom{ID: a.Person}); err != nil {
			return err
		}
		if person.Disabled || person.Epoch != l.Session.Epoch {
			return errSession
		}
		action, err := change(&person)
		if err != nil {
			return err
		}
		person.Epoch++
		if err := s.Save(ctx, &person); err != nil {
			return err
		}
		if _, err := s.End(ctx, person.ID, nil); err != nil {
			return err
		}
		if err := s.Invite(ctx, desk.Invite{Person: person.ID}); err != nil {
			return err
		}
		session.Epoch = person.Epoch
		if err := s.Begin(ctx, session); err != nil {
			return err
		}
		return s.Audit(ctx, p.deed(&a, action, &person, nil))
	})
	p.forgetPerson(a.Tenant, a.Person)
	if err == nil {
		l.Person, l.Session = person, session
	}
	return err
}

// prove asks for the actor's password once more before something that lasts.
func (p *People) prove(ctx context.Context, l *Live, typed string, b Browser) error {
	by := guesser{tenant: l.Person.Tenant, login: l.Person.Login, address: b.Address, device: p.device(ctx, b.Device, &l.Person)}
	paid, err := p.guard.spend(ctx, by)
	if err != nil {
		return err
	}
	right, _, err := p.hasher.Verify(ctx, l.Person.Password, typed, true)
	if err != nil {
		return err
	}
	if !right {
		if err := p.failed(ctx, &l.Person, by, "password"); !hasCode(err, errSignIn.Code) {
			return err
		}
		return errWrongOld
	}
	return paid(ctx)
}
