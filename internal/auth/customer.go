package auth

import (
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// A ccmessaging-token's content, big-endian: tenant (8), app key (16), channel
// (8), issued (8, milliseconds), life (4, milliseconds), the app's epoch (8),
// then userId, userName and locale, each behind its length in bytes (2). Outside it is base64url
// without padding, which percent-encoding leaves alone.
const (
	customerFixed = 8 + 16 + 8 + 8 + 4 + 8
	customerMost  = customerFixed + 3*2 + 4*(desk.MaxUserID+desk.MaxUserName) + 8
)

var tokenText = base64.RawURLEncoding.Strict()

// maxCustomer is the longest text that can be a ccmessaging-token, should every
// byte of it be percent-encoded.
var maxCustomer = 3 * tokenText.EncodedLen(sealSize+customerMost)

// User is whom an integrator's server vouches for.
type User struct {
	ID, Name, Locale string
}

// Customer is what a ccmessaging-token says, checked.
type Customer struct {
	User
	App     *desk.App
	Channel *desk.Channel
	// Fresh is a new token for the same customer, when the one presented is in
	// its last 10 minutes; otherwise "".
	Fresh string
}

// CustomerToken seals a ccmessaging-token that lives one hour. Invalid when
// the user's values cannot be carried (cec_07_0103).
func (k *Keeper) CustomerToken(app *desk.App, ch *desk.Channel, u User) (string, error) {
	v, err := k.current()
	if err != nil {
		return "", err
	}
	if err := desk.CheckUser(u.ID, u.Name, u.Locale); err != nil {
		return "", err
	}
	return v.customerToken(app, ch, u, k.clock.now())
}

func (v *view) customerToken(app *desk.App, ch *desk.Channel, u User, now int64) (string, error) {
	sl := v.sealing(app.Tenant, now)
	if sl == nil {
		return "", errNoKey
	}
	id, _ := parseAppID(app.Key)
	size := sealSize + customerFixed + 6 + len(u.ID) + len(u.Name) + len(u.Locale)
	buf := make([]byte, idSize+nonceSize, size)
	buf = binary.BigEndian.AppendUint64(buf, uint64(app.Tenant))
	buf = append(buf, id[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(ch.ID))
	buf = binary.BigEndian.AppendUint64(buf, uint64(now))
	buf = binary.BigEndian.AppendUint32(buf, uint32(CustomerTTL.Milliseconds()))
	buf = binary.BigEndian.AppendUint64(buf, uint64(app.Epoch))
	for _, s := range [...]string{u.ID, u.Name, u.Locale} {
		buf = binary.BigEndian.AppendUint16(buf, uint16(len(s)))
		buf = append(buf, s...)
	}
	return tokenText.EncodeToString(sl.seal(customer, buf)), nil
}

// Customer reads a ccmessaging-token, as received or once percent-decoded. With
// an app, the token must be of that app; without one (the second front door)
// the token alone says whose it is. The app must be enabled and the channel
// must be there and enabled. Every refusal is Unauthenticated; Internal says
// that nobody can tell.
func (k *Keeper) Customer(app *desk.App, token string) (Customer, error) {
	v, err := k.current()
	if err != nil {
		return Customer{}, err
	}
	if token == "" {
		return Customer{}, errMissing
	}
	now := k.clock.now()
	c, sl := v.open(customer, decodeCustomer(token), now, k.decoy)
	if sl == nil || len(c) < customerFixed {
		return Customer{}, errForged
	}
	if binary.BigEndian.Uint64(c) != uint64(sl.key.Tenant) {
		return Customer{}, errForeign
	}
	issued := int64(binary.BigEndian.Uint64(c[32:]))
	life := int64(binary.BigEndian.Uint32(c[40:]))
	if err := alive(now, issued, life); err != nil {
		return Customer{}, err
	}
	return v.customer(c, sl, app, issued+life-now)
}

// customer looks up what the content of an opened token names.
func (v *view) customer(c []byte, sl *sealer, app *desk.App, left int64) (Customer, error) {
	owner := v.apps[appID(c[8:24])]
	if app == nil {
		app = owner
	}
	switch {
	case owner == nil || owner.Disabled || int64(binary.BigEndian.Uint64(c[44:])) < owner.Epoch:
		return Customer{}, errRevoked
	case owner.Tenant != sl.key.Tenant || owner.Key != app.Key || app.Tenant != sl.key.Tenant:
		return Customer{}, errForeign
	}
	ch := v.channels[place{app.Tenant, desk.ChannelID(binary.BigEndian.Uint64(c[24:]))}]
	if ch == nil || ch.Disabled {
		return Customer{}, errChannel
	}
	u, ok := user(string(c[customerFixed:]))
	if !ok {
		return Customer{}, errForged
	}
	who := Customer{User: u, App: app, Channel: ch}
	if left <= RenewWithin.Milliseconds() {
		now := int64(binary.BigEndian.Uint64(c[32:])) + int64(binary.BigEndian.Uint32(c[40:])) - left
		fresh, err := v.customerToken(app, ch, u, now)
		if err != nil {
			return Customer{}, err
		}
		who.Fresh = fresh
	}
	return who, nil
}

// user reads the three texts; they share the memory of s.
func user(s string) (u User, ok bool) {
	for _, into := range [...]*string{&u.ID, &u.Name, &u.Locale} {
		if len(s) < 2 {
			return u, false
		}
		n := int(s[0])<<8 | int(s[1])
		if s = s[2:]; len(s) < n {
			return u, false
		}
		*into, s = s[:n], s[n:]
	}
	return u, s == ""
}

// decodeCustomer gives the sealed bytes of a token, or bytes that open nothing.
// A token that holds a per cent sign is decoded once; ours never do.
func decodeCustomer(token string) []byte {
	if len(token) > maxCustomer {
		return make([]byte, sealSize)
	}
	if strings.IndexByte(token, '%') >= 0 {
		plain, err := url.PathUnescape(token)
		if err != nil {
			return make([]byte, sealSize)
		}
		token = plain
	}
	raw, err := tokenText.DecodeString(token)
	if err != nil || len(raw) < sealSize || strings.ContainsAny(token, "\r\n") {
		return make([]byte, sealSize)
	}
	return raw
}
