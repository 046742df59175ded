package people

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"image/png"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/password"
)

const (
	totpPurpose  = "second factor of a person"
	enrolTicket  = "enrolment"
	enrolFor     = 15 * time.Minute
	step         = 30 // seconds
	recoveries   = 10
	recoveryBits = 16 // characters of five bits: 80 bits a code
)

// enrolment is what the ticket of a factor that is not confirmed yet says.
type enrolment struct {
	Person desk.PersonID `json:"p"`
	Secret string        `json:"s"`
}

// Enrolment is a second factor on its way.
type Enrolment struct {
	Secret string // to be typed into an app that cannot see
	URL    string // otpauth://
	PNG    []byte // the URL as a picture, 240 dots wide
	Ticket string // for ConfirmFactor, within 15 minutes
}

// Enrol makes a second factor for the actor herself. Nothing is stored until a
// code of it was shown to ConfirmFactor.
func (p *People) Enrol(ctx context.Context, a *desk.Actor) (Enrolment, error) {
	person, err := p.store.Person(ctx, a.Tenant, desk.Whom{ID: a.Person})
	if err != nil {
		return Enrolment{}, err
	}
	if person.TOTP != nil {
		return Enrolment{}, desk.Errorf(desk.Conflict, "factor_exists", "you have a second factor already; remove it first")
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: p.set.Issuer, AccountName: person.Login})
	if err != nil {
		return Enrolment{}, err
	}
	e := Enrolment{Secret: key.Secret(), URL: key.URL()}
	if picture, err := key.Image(240, 240); err == nil {
		var b bytes.Buffer
		if err := png.Encode(&b, picture); err != nil {
			return Enrolment{}, err
		}
		e.PNG = b.Bytes()
	}
	e.Ticket, err = seal(ctx, p.vault, a.Tenant, enrolTicket, ticket[enrolment]{
		Until: p.now().Add(enrolFor).UnixMicro(), Value: enrolment{person.ID, e.Secret},
	})
	return e, err
}

// ConfirmFactor turns the second factor on once a code of it was shown. It gives
// ten recovery codes, each of which serves once instead of the app; they are shown
// now and never again. The actor's other sessions end.
func (p *People) ConfirmFactor(ctx context.Context, l *Live, ticket, code, address string) ([]string, error) {
	e, tenant, err := open[enrolment](ctx, p.vault, enrolTicket, ticket)
	if err != nil {
		return nil, err
	}
	if tenant != l.Person.Tenant || e.Person != l.Person.ID {
		return nil, errTicket
	}
	at, ok := codeStep(e.Secret, code, p.now())
	if !ok {
		return nil, errCode
	}
	sealed, err := p.vault.Seal(ctx, tenant, totpPurpose, e.Person.String(), []byte(e.Secret))
	if err != nil {
		return nil, err
	}
	codes, hashes := newRecovery(&l.Person)
	return codes, p.own(ctx, l, address, func(person *desk.Person) (string, error) {
		if person.TOTP != nil {
			return "", desk.Errorf(desk.Conflict, "factor_exists", "you have a second factor already; remove it first")
		}
		person.TOTP, person.TOTPStep, person.Recovery = sealed, at, hashes
		return desk.FactorAdded, nil
	})
}

// RemoveFactor turns the actor's second factor off. Her password must be right,
// and long enough to stand alone.
func (p *People) RemoveFactor(ctx context.Context, l *Live, typed string, b Browser) error {
	if err := password.Check(typed, false, &l.Person); err != nil {
		return err
	}
	if err := p.prove(ctx, l, typed, b); err != nil {
		return err
	}
	return p.own(ctx, l, b.Address, func(person *desk.Person) (string, error) {
		person.TOTP, person.TOTPStep, person.Recovery = nil, 0, nil
		return desk.FactorRemoved, nil
	})
}

// factor prepares the check of a code: what is slow or may fail happens here,
// outside of the transaction that spends it.
func (p *People) factor(ctx context.Context, person *desk.Person, code string) (func(*desk.Person) (bool, error), error) {
	plain, err := p.vault.Open(ctx, person.Tenant, totpPurpose, person.ID.String(), person.TOTP)
	if err != nil {
		return nil, err
	}
	code = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)
	at, isCode := codeStep(string(plain), code, p.now())
	hash := recoveryHash(person, code)
	return func(person *desk.Person) (bool, error) {
		if isCode && at > person.TOTPStep {
			person.TOTPStep = at
			return false, nil
		}
		for i := range person.Recovery {
			if subtle.ConstantTimeCompare(person.Recovery[i], hash) == 1 {
				person.Recovery = slices.Delete(slices.Clone(person.Recovery), i, i+1)
				return true, nil
			}
		}
		return false, errCode
	}, nil
}

// codeStep is the step of a code: now's, the one before or the one after.
func codeStep(secret, code string, now time.Time) (int64, bool) {
	found := int64(0)
	for _, off := range []int64{-1, 0, 1} {
		at := now.Add(time.Duration(off) * step * time.Second)
		want, err := totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{Period: step, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = at.Unix() / step
		}
	}
	return found, found > 0
}

// newRecovery makes ten recovery codes, and what is stored of them.
func newRecovery(person *desk.Person) (codes []string, hashes [][]byte) {
	for range recoveries {
		raw := make([]byte, recoveryBits*5/8)
		rand.Read(raw)
		plain := base32.StdEncoding.EncodeToString(raw)
		hashes = append(hashes, recoveryHash(person, plain))
		codes = append(codes, plain[:4]+"-"+plain[4:8]+"-"+plain[8:12]+"-"+plain[12:])
	}
	return codes, hashes
}

// recoveryHash needs no slow hash: nobody tries 2^80 codes.
func recoveryHash(person *desk.Person, code string) []byte {
	sum := sha256.Sum256([]byte("recovery " + strconv.FormatInt(int64(person.Tenant), 10) + " " + person.ID.String() + " " + strings.ToUpper(code)))
	return sum[:]
}
