package people

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Browser is what a request that signs somebody in carried besides.
type Browser struct {
	Address string // the client's, without a port
	Agent   string // its own words
	Device  string // the device cookie, or ""
	Old     string // the session cookie it had, or "": that session ends
}

// Credentials are what somebody typed.
type Credentials struct {
	Tenant   desk.TenantID
	Login    string
	Password string
	Code     string // of the second factor, when it was asked for at once; else ""
}

// SignedIn is how a sign-in went on. Either Cookie is set, or Second.
type SignedIn struct {
	Live
	Cookie string // for SessionCookie
	Device string // for DeviceCookie
	Second string // a ticket: the second factor is still to be shown, within 5 minutes
	Codes  int    // recovery codes left, when one was used
}

const (
	secondFor    = 5 * time.Minute
	secondTicket = "second factor"
	deviceTicket = "device"
)

// device is what a device cookie says.
type device struct {
	Person desk.PersonID `json:"p"`
	ID     string        `json:"d"`
}

// second is what the ticket between the two factors says.
type second struct {
	Person desk.PersonID `json:"p"`
	Epoch  int64         `json:"e"`
}

// SignIn checks login and password, and the second factor when its code is there.
// A new session begins and the old one ends. Unauthenticated when anything is not
// right, Limited with RetryAfter when the guess was not even looked at.
func (p *People) SignIn(ctx context.Context, c Credentials, b Browser) (SignedIn, error) {
	login, err := desk.Login(c.Login)
	if err != nil {
		login = "?" // nobody's, and as dear as any
	}
	person, by, paid, err := p.ask(ctx, c.Tenant, login, b)
	if err != nil {
		return SignedIn{}, err
	}
	right, old, err := p.hasher.Verify(ctx, person.Password, c.Password, by.device != "")
	if err != nil {
		return SignedIn{}, err
	}
	if !right || person.ID == 0 || person.Disabled {
		reason := "password"
		if right && person.Disabled {
			reason = "disabled"
		}
		return SignedIn{}, p.failed(ctx, &person, by, reason)
	}
	if err := paid(ctx); err != nil {
		return SignedIn{}, err
	}
	if old {
		p.rehash(ctx, &person, c.Password)
	}
	if person.TOTP == nil {
		return p.begin(ctx, &person, b, entry{how: "password"})
	}
	if c.Code == "" {
		ticket, err := seal(ctx, p.vault, c.Tenant, secondTicket, ticket[second]{
			Until: p.now().Add(secondFor).UnixMicro(), Value: second{person.ID, person.Epoch},
		})
		return SignedIn{Second: ticket}, err
	}
	return p.showSecond(ctx, &person, c.Code, b)
}

// ask finds the person and pays for a guess at her password. Who shows no device
// cookie pays first: what is refused costs one read.
func (p *People) ask(ctx context.Context, tenant desk.TenantID, login string, b Browser) (person desk.Person, by guesser, paid refund, err error) {
	by = guesser{tenant: tenant, login: login, address: b.Address}
	if b.Device == "" {
		if paid, err = p.guard.spend(ctx, by); err != nil {
			return person, by, nil, err
		}
	}
	person, err = p.store.Person(ctx, tenant, desk.Whom{Login: login})
	if err != nil && desk.KindOf(err) != desk.Missing {
		return person, by, nil, err
	}
	if err = nil; b.Device != "" {
		by.device = p.device(ctx, b.Device, &person)
		paid, err = p.guard.spend(ctx, by)
	}
	return person, by, paid, err
}

// SecondFactor goes on where SignIn asked for the second factor: with a code of
// the authenticator app, or one of the recovery codes.
func (p *People) SecondFactor(ctx context.Context, ticket, code string, b Browser) (SignedIn, error) {
	s, tenant, err := open[second](ctx, p.vault, secondTicket, ticket)
	if err != nil {
		return SignedIn{}, err
	}
	person, err := p.store.Person(ctx, tenant, desk.Whom{ID: s.Person})
	if err != nil {
		return SignedIn{}, err
	}
	if person.Epoch != s.Epoch || person.Disabled || person.TOTP == nil {
		return SignedIn{}, errTicket
	}
	return p.showSecond(ctx, &person, code, b)
}

func (p *People) showSecond(ctx context.Context, person *desk.Person, code string, b Browser) (SignedIn, error) {
	by := guesser{tenant: person.Tenant, login: person.Login, address: b.Address, device: p.device(ctx, b.Device, person), code: true}
	paid, err := p.guard.spend(ctx, by)
	if err != nil {
		return SignedIn{}, err
	}
	f, err := p.factor(ctx, person, code)
	if err != nil {
		return SignedIn{}, err
	}
	in, err := p.begin(ctx, person, b, entry{how: "second factor", use: f})
	if hasCode(err, errCode.Code) {
		return SignedIn{}, p.failed(ctx, person, by, "code")
	}
	if err == nil {
		err = paid(ctx)
	}
	return in, err
}

// entry is how somebody comes in.
type entry struct {
	how string
	// use checks and spends the second factor in the transaction, on the person as
	// she is then: no code serves twice, on no node.
	use   func(*desk.Person) (recovery bool, err error)
	after func(ctx context.Context, s Staff, person *desk.Person) error // more to be done in the transaction
}

// begin starts a session of a person who proved who she is.
func (p *People) begin(ctx context.Context, who *desk.Person, b Browser, e entry) (in SignedIn, err error) {
	cookie, id := secret(who.Tenant)
	oldTenant, oldID, hadOld := hashed(b.Old)
	err = p.store.Staff(ctx, who.Tenant, func(s Staff) error {
		person, err := s.Person(ctx, desk.Whom{ID: who.ID})
		if err != nil {
			return err
		}
		if person.Disabled || person.Epoch != who.Epoch {
			return errSignIn
		}
		now, data := p.now(), map[string]any{"how": e.how}
		in = SignedIn{Cookie: cookie}
		if e.use != nil {
			recovery, err := e.use(&person)
			if err != nil {
				return err
			}
			if recovery {
				in.Codes = len(person.Recovery)
				data["recovery_codes_left"] = in.Codes
			}
		}
		person.SeenAt = now
		if err := s.Save(ctx, &person); err != nil {
			return err
		}
		in.Live = Live{Person: person, Session: desk.Session{
			Tenant: person.Tenant, ID: id, Person: person.ID, CreatedAt: now, SeenAt: now, Until: now.Add(p.set.Absolute),
			Epoch: person.Epoch, Address: b.Address, Agent: desk.AgentWords(b.Agent),
		}}
		if hadOld && oldTenant == person.Tenant {
			if _, err := s.End(ctx, person.ID, oldID); err != nil {
				return err
			}
		}
		if err := s.Begin(ctx, in.Session); err != nil {
			return err
		}
		if e.after != nil {
			if err := e.after(ctx, s, &person); err != nil {
				return err
			}
		}
		a := person.Actor(b.Address)
		return s.Audit(ctx, p.deed(&a, desk.SignedIn, &person, data))
	})
	if err != nil {
		return SignedIn{}, err
	}
	p.forgetPerson(who.Tenant, who.ID)
	in.Device, err = p.newDevice(ctx, &in.Person, b.Device)
	return in, err
}

// device is the ID of a device cookie if it is one of that person's, else "".
func (p *People) device(ctx context.Context, cookie string, person *desk.Person) string {
	if cookie == "" || person.ID == 0 {
		return ""
	}
	d, tenant, err := open[device](ctx, p.vault, deviceTicket, cookie)
	if err != nil || tenant != person.Tenant || d.Person != person.ID {
		return ""
	}
	return d.ID
}

// newDevice renews the cookie of a known device, and makes one for a new device.
func (p *People) newDevice(ctx context.Context, person *desk.Person, cookie string) (string, error) {
	id := p.device(ctx, cookie, person)
	if id == "" {
		id = rand.Text()
	}
	return seal(ctx, p.vault, person.Tenant, deviceTicket, ticket[device]{
		Until: p.now().Add(DeviceTTL).UnixMicro(), Value: device{person.ID, id},
	})
}

// failed writes down a guess that was wrong and gives the answer to it. Of an
// unknown login not a letter is kept: it may be somebody's password.
func (p *People) failed(ctx context.Context, person *desk.Person, by guesser, reason string) error {
	answer := errSignIn
	if by.code {
		answer = errCode
	}
	listed, first, err := p.guard.floods(ctx, by.tenant)
	if err != nil || !listed && !first {
		return cmpErr(err, answer)
	}
	a := desk.Actor{Tenant: by.tenant, Address: by.address}
	d := a.Deed(desk.SignInFailed, "login:unknown")
	if person.ID != 0 {
		d.Object = "person:" + person.ID.String()
	} else {
		reason = "unknown"
	}
	if first {
		d.Action, d.Object, reason = desk.SignInFlood, "", "too many to list"
	}
	d.Actor, d.At, d.Data = "stranger", p.now(), object(map[string]any{"reason": reason, "known_device": by.device != ""})
	return cmpErr(p.store.Staff(ctx, by.tenant, func(s Staff) error { return s.Audit(ctx, d) }), answer)
}

// cmpErr is the error that happened, or else the answer.
func cmpErr(err, answer error) error {
	if err != nil {
		return err
	}
	return answer
}

// rehash stores the password with today's cost. It may fail: there will be
// another sign-in.
func (p *People) rehash(ctx context.Context, person *desk.Person, typed string) {
	hash, err := p.hasher.Hash(ctx, typed)
	if err != nil {
		return
	}
	was := person.Password
	err = p.store.Staff(ctx, person.Tenant, func(s Staff) error {
		now, err := s.Person(ctx, desk.Whom{ID: person.ID})
		if err != nil || now.Password != was {
			return err
		}
		now.Password = hash
		return s.Save(ctx, &now)
	})
	if err != nil {
		p.set.Log.Warn("a password keeps its older hash for now", "person", person.ID.String(), "error", err.Error())
	}
}
