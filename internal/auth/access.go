package auth

import (
	"encoding/binary"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// An access token's content, 44 bytes big-endian: tenant (8), app key (16), app
// epoch (8), issued (8, milliseconds), life (4, milliseconds). Outside it is
// lower-case hexadecimal, like the samples of cec_07_0002.
const (
	accessContent = 8 + 16 + 8 + 8 + 4
	accessRaw     = sealSize + accessContent
	accessText    = 2 * accessRaw
)

// Issued is a fresh access token.
type Issued struct {
	Token string
	App   desk.AppKey
	At    time.Time
	TTL   time.Duration // what was granted, which may be less than was asked
}

// accessToken seals a token for the app.
func (k *Keeper) accessToken(v *view, app *desk.App, ttl time.Duration) (Issued, error) {
	id, _ := parseAppID(app.Key)
	now := k.clock.now()
	sl := v.sealing(app.Tenant, now)
	if sl == nil {
		return Issued{}, errNoKey
	}
	if ttl <= 0 || ttl > k.set.AccessTTL {
		ttl = k.set.AccessTTL
	}
	buf := make([]byte, idSize+nonceSize, accessRaw)
	buf = binary.BigEndian.AppendUint64(buf, uint64(app.Tenant))
	buf = append(buf, id[:]...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(app.Epoch))
	buf = binary.BigEndian.AppendUint64(buf, uint64(now))
	buf = binary.BigEndian.AppendUint32(buf, uint32(ttl.Milliseconds()))
	text := appendHex(make([]byte, 0, accessText), sl.seal(access, buf))
	return Issued{Token: string(text), App: app.Key, At: time.UnixMilli(now).UTC(), TTL: ttl}, nil
}

// Access finds the app whose access token this is. The app key must be that
// app's; the token must be unexpired, of an enabled app and not revoked. Every
// refusal is Unauthenticated; Internal says that nobody can tell.
func (k *Keeper) Access(appKey, token string) (*desk.App, error) {
	v, err := k.current()
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errMissing
	}
	raw := make([]byte, accessRaw)
	// What is not a token at all is opened all the same: the work tells nothing.
	well := len(token) == accessText && unhex(raw, token)
	now := k.clock.now()
	c, sl := v.open(access, raw, now, k.decoy)
	if !well || sl == nil || len(c) != accessContent {
		return nil, errForged
	}
	if binary.BigEndian.Uint64(c) != uint64(sl.key.Tenant) {
		return nil, errForeign
	}
	if err := alive(now, int64(binary.BigEndian.Uint64(c[32:])), int64(binary.BigEndian.Uint32(c[40:]))); err != nil {
		return nil, err
	}
	app := v.apps[appID(c[8:24])]
	switch {
	case app == nil || app.Tenant != sl.key.Tenant:
		return nil, errRevoked
	case app.Disabled || int64(binary.BigEndian.Uint64(c[24:])) < app.Epoch:
		return nil, errRevoked
	case string(app.Key) != appKey:
		return nil, errAppKey
	}
	return app, nil
}

// alive says whether now lies in the life of a token; all in milliseconds.
func alive(now, issued, life int64) error {
	switch {
	case issued > now+MaxSkew.Milliseconds():
		return errFuture
	case life < 0 || life > time.Hour.Milliseconds() || now >= issued+life:
		return errExpired
	}
	return nil
}
