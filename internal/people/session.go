package people

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strconv"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Names of the cookies. Over https they begin with __Host-, which keeps them to
// this host, its root path and encrypted connections. Safari refuses such a cookie
// over plain http even from this very machine, so there, and only there, the
// cookies have plain names that nobody reads over https.
const (
	SessionCookie = "afterbeep"        // Lax, HttpOnly, without Max-Age: it ends with the browser
	DeviceCookie  = "afterbeep-device" // Lax, HttpOnly, a year: it buys guesses and nothing else
	FlowCookie    = "afterbeep-flow"   // Lax, HttpOnly, ten minutes: an OpenID Connect sign-in under way
)

// CookieName is the name under which a cookie is set and read.
func CookieName(name string, https bool) string {
	if https && !teeth.On("plain-cookies") {
		return "__Host-" + name
	}
	return name
}

// DeviceTTL is the life of a device cookie.
const DeviceTTL = 365 * 24 * time.Hour

// maxKnown bounds the sessions that are remembered for a moment.
const maxKnown = 20000

// Live is a session that holds, and whose it is.
type Live struct {
	Session desk.Session
	Person  desk.Person
}

// Actor is the person at work, from that address.
func (l *Live) Actor(address string) desk.Actor { return l.Person.Actor(address) }

type known struct {
	Live
	at time.Time // when it was read
}

// secret makes 256 random bits that a browser or a program will show again. Its
// text begins with the tenant; only the hash is stored.
func secret(tenant desk.TenantID) (text string, hash []byte) {
	raw := make([]byte, 32)
	rand.Read(raw)
	sum := sha256.Sum256(raw)
	return strconv.FormatInt(int64(tenant), 10) + "." + url64.EncodeToString(raw), sum[:]
}

// hashed is the tenant and the stored hash of a secret's text.
func hashed(text string) (desk.TenantID, []byte, bool) {
	tenant, raw, ok := split(text)
	sum := sha256.Sum256(raw)
	return tenant, sum[:], ok && len(raw) == 32
}

// Session says whose session a cookie is, and counts as use of it. It costs one
// read of the store, or none when it was read within the last second.
// Unauthenticated when the session is over.
func (p *People) Session(ctx context.Context, cookie string) (Live, error) {
	l, err := p.Watch(ctx, cookie)
	if err == nil {
		p.touch(&l, desk.Seen{At: p.now()})
	}
	return l, err
}

// Watch is Session without counting as use: for a stream that stays open by
// itself, and must end when its session does.
func (p *People) Watch(ctx context.Context, cookie string) (Live, error) {
	tenant, id, ok := hashed(cookie)
	if !ok {
		return Live{}, errSession
	}
	l, err := p.look(ctx, tenant, id)
	if err != nil {
		return Live{}, err
	}
	now := p.now()
	if !now.Before(l.Session.Until) || now.Sub(p.seen(&l.Session)) >= p.set.Idle ||
		l.Person.Disabled || l.Person.Epoch != l.Session.Epoch {
		return Live{}, errSession
	}
	return l, nil
}

// Present says that the session's person is at her desk for the next two
// minutes: automatic allocation counts her.
func (p *People) Present(l *Live) {
	now := p.now()
	p.touch(l, desk.Seen{PresentUntil: now.Add(presence)})
}

const presence = 2 * time.Minute

// look reads a session, unless that happened a moment ago.
func (p *People) look(ctx context.Context, tenant desk.TenantID, id []byte) (Live, error) {
	now := p.now()
	p.mu.Lock()
	k, ok := p.known[string(id)]
	p.mu.Unlock()
	if age := now.Sub(k.at); ok && k.Session.Tenant == tenant && age >= 0 && age < p.set.Fresh {
		return k.Live, nil
	}
	s, person, err := p.store.Session(ctx, tenant, id)
	if desk.KindOf(err) == desk.Missing {
		p.forget(func(l *Live) bool { return bytes.Equal(l.Session.ID, id) })
		return Live{}, errSession
	}
	if err != nil {
		return Live{}, err
	}
	k = known{Live{s, person}, now}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxKnown {
		clear(p.known) // they are read again
	}
	p.known[string(id)] = k
	return k.Live, nil
}

// forget drops what is remembered of some sessions.
func (p *People) forget(which func(*Live) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, k := range p.known {
		if which(&k.Live) {
			delete(p.known, id)
		}
	}
}

func (p *People) forgetPerson(tenant desk.TenantID, who desk.PersonID) {
	p.forget(func(l *Live) bool { return l.Session.Tenant == tenant && l.Session.Person == who })
}

// seen is when the session was last used: as it is stored, or as is to be written.
func (p *People) seen(s *desk.Session) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.touched[string(s.ID)]; t.At.After(s.SeenAt) {
		return t.At
	}
	return s.SeenAt
}

// touch notes what Run will write.
func (p *People) touch(l *Live, seen desk.Seen) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := string(l.Session.ID)
	t := p.touched[id]
	t.Session, t.Person = l.Session.ID, l.Session.Person
	if seen.At.After(t.At) {
		t.At = seen.At
	}
	if seen.PresentUntil.After(t.PresentUntil) {
		t.PresentUntil = seen.PresentUntil
	}
	p.touched[id], p.owners[id] = t, l.Session.Tenant
	if k, ok := p.known[id]; ok && t.At.After(k.Session.SeenAt) {
		k.Session.SeenAt = t.At
		p.known[id] = k
	}
}

// Sessions lists the actor's own sessions that hold, the newest first.
func (p *People) Sessions(ctx context.Context, a *desk.Actor) ([]desk.Session, error) {
	all, err := p.store.Sessions(ctx, a.Tenant, a.Person)
	if err != nil || a.Person == 0 {
		return nil, err
	}
	now := p.now()
	holding := all[:0]
	for _, s := range all {
		if s.SeenAt = p.seen(&s); now.Before(s.Until) && now.Sub(s.SeenAt) < p.set.Idle {
			holding = append(holding, s)
		}
	}
	return holding, nil
}

// SignOut ends the session of the cookie; one that is over already is no error.
func (p *People) SignOut(ctx context.Context, cookie, address string) error {
	l, err := p.Watch(ctx, cookie)
	if hasCode(err, errSession.Code) {
		return nil
	}
	if err != nil {
		return err
	}
	a := l.Actor(address)
	return p.end(ctx, &a, a.Person, l.Session.ID, desk.SignedOut)
}

// EndSession ends one session of the actor; Missing when it is none of hers.
func (p *People) EndSession(ctx context.Context, a *desk.Actor, id []byte) error {
	return p.end(ctx, a, a.Person, id, desk.SessionEnded)
}

// EndSessions ends all sessions of a person: of the actor herself, or, for those
// who may manage people, of anybody.
func (p *People) EndSessions(ctx context.Context, a *desk.Actor, who desk.PersonID) error {
	if who != a.Person && !a.May(desk.PeopleManage) {
		return errMay
	}
	return p.end(ctx, a, who, nil, desk.SessionsEnded)
}

func (p *People) end(ctx context.Context, a *desk.Actor, who desk.PersonID, id []byte, action string) error {
	err := p.store.Staff(ctx, a.Tenant, func(s Staff) error {
		person, err := s.Person(ctx, desk.Whom{ID: who})
		if err != nil {
			return err
		}
		if id == nil {
			person.Epoch++ // also what is remembered elsewhere is over
			if err := s.Save(ctx, &person); err != nil {
				return err
			}
		}
		n, err := s.End(ctx, who, id)
		if err == nil && n == 0 && id != nil {
			return desk.Errorf(desk.Missing, "session", "there is no such session")
		}
		if err != nil {
			return err
		}
		return s.Audit(ctx, p.deed(a, action, &person, nil))
	})
	p.forgetPerson(a.Tenant, who)
	return err
}
