package people

import (
	"context"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/password"
)

// InviteFor is how long a one-time link serves.
const InviteFor = 24 * time.Hour

// SetUp makes a link to the first account of a tenant, which becomes an
// administrator's. It is "" when the tenant has people: who invites them is an
// administrator, not whoever starts the server.
func (p *People) SetUp(ctx context.Context, tenant desk.TenantID) (token string, err error) {
	_, err = p.store.Person(ctx, tenant, desk.Whom{})
	if desk.KindOf(err) != desk.Missing {
		return "", err
	}
	token, hash := secret(tenant)
	return token, p.store.Staff(ctx, tenant, func(s Staff) error {
		return s.Invite(ctx, desk.Invite{Tenant: tenant, Hash: hash, Until: p.now().Add(InviteFor)})
	})
}

// Invited looks at a link without using it: whose it is, or nobody's when it is
// the one to the first account. Missing when it was used, is too old or void.
func (p *People) Invited(ctx context.Context, token string) (desk.Person, error) {
	_, person, err := p.invited(ctx, token)
	return person, err
}

func (p *People) invited(ctx context.Context, token string) (desk.Invite, desk.Person, error) {
	tenant, hash, ok := hashed(token)
	if !ok {
		return desk.Invite{}, desk.Person{}, errInvite()
	}
	i, err := p.store.Invited(ctx, tenant, hash)
	if err != nil {
		return i, desk.Person{}, err
	}
	if !p.now().Before(i.Until) {
		return i, desk.Person{}, errInvite()
	}
	person, err := p.store.Person(ctx, tenant, desk.Whom{ID: i.Person})
	if i.Person == 0 && desk.KindOf(err) == desk.Missing {
		return i, desk.Person{Tenant: tenant, Role: desk.RoleAdministrator}, nil
	}
	if err == nil && (i.Person == 0 || person.Disabled) {
		return i, desk.Person{}, errInvite()
	}
	return i, person, err
}

func errInvite() error {
	return desk.Errorf(desk.Missing, "invite", "this link has been used, or its time is over; ask for a new one")
}

// Acceptance is what somebody fills in behind a one-time link.
type Acceptance struct {
	Token    string
	Password string
	// For the first account alone.
	Login, Name, Locale string
}

// Accept uses a one-time link: the password is set, the person's sessions end, and
// she is signed in, unless she has a second factor, which is asked for then
// (SignedIn.Second). Guessing limits do not apply: a link has 256 random bits.
func (p *People) Accept(ctx context.Context, c Acceptance, b Browser) (SignedIn, error) {
	i, person, err := p.invited(ctx, c.Token)
	if err != nil {
		return SignedIn{}, err
	}
	if i.Person == 0 {
		if person.Login, err = desk.Login(c.Login); err != nil {
			return SignedIn{}, err
		}
		person.Name, person.Locale, person.Epoch = c.Name, c.Locale, 1
	}
	if err := password.Check(c.Password, person.TOTP != nil, &person); err != nil {
		return SignedIn{}, err
	}
	if err := desk.CheckPerson(&person); err != nil {
		return SignedIn{}, err
	}
	hash, err := p.hasher.Hash(ctx, c.Password)
	if err != nil {
		return SignedIn{}, err
	}
	err = p.store.Staff(ctx, i.Tenant, func(s Staff) error { return p.accept(ctx, s, i, &person, acceptance{hash, b.Address}) })
	if err != nil {
		return SignedIn{}, err
	}
	p.forgetPerson(i.Tenant, person.ID)
	if person.TOTP != nil {
		ticket, err := seal(ctx, p.vault, i.Tenant, secondTicket, ticket[second]{
			Until: p.now().Add(secondFor).UnixMicro(), Value: second{person.ID, person.Epoch},
		})
		return SignedIn{Second: ticket}, err
	}
	return p.begin(ctx, &person, b, entry{how: "link"})
}

type acceptance struct{ hash, address string }

// accept is the transaction: the link is gone and the password is there.
func (p *People) accept(ctx context.Context, s Staff, i desk.Invite, into *desk.Person, c acceptance) error {
	person, err := s.Person(ctx, desk.Whom{ID: i.Person}) // for 0 it keeps others from being first
	switch {
	case i.Person == 0 && err == nil:
		return errInvite()
	case i.Person == 0 && desk.KindOf(err) == desk.Missing:
		person = *into
		person.ID, person.CreatedAt = 0, p.now()
	case err != nil:
		return err
	default:
		person.Epoch++
	}
	if _, err := s.Redeem(ctx, i.Hash); err != nil {
		return err
	}
	person.Password = c.hash
	if err := s.Save(ctx, &person); err != nil {
		return err
	}
	if _, err := s.End(ctx, person.ID, nil); err != nil {
		return err
	}
	a := person.Actor(c.address)
	if i.Person == 0 {
		if err := s.Audit(ctx, p.deed(&a, desk.PersonCreated, &person, map[string]any{"role": person.Role, "how": "set-up"})); err != nil {
			return err
		}
	}
	*into = person
	return s.Audit(ctx, p.deed(&a, desk.PasswordSet, &person, map[string]any{"how": "link"}))
}
