package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

const (
	wrongWindow = 15 * time.Minute
	guessing    = "too_many_wrong_secrets"
)

// Issue is tokenByAkSk: an access token for an app that shows its secret
// (cec_07_0002). The address is the client's, without a port.
//
// An unknown key, a wrong secret and a disabled app are the same error after
// the same work. After 10 wrong secrets in 15 minutes for one key from one
// address the next wrong one is told to wait. The right one always passes: with
// 256 random bits there is nothing to guess, and behind a proxy a stranger has
// the same address as the app and must not be able to hold it up.
func (k *Keeper) Issue(appKey, secret, address string, ttl time.Duration) (Issued, error) {
	v, err := k.current()
	if err != nil {
		return Issued{}, err
	}
	pair := Key(appKey, address)
	var app *desk.App
	if id, ok := parseAppID(appKey); ok {
		app = v.apps[id]
	}
	if !rightSecret(app, secret, k.clock.time()) || app.Disabled {
		if ok, wait := k.wrong.Allow(pair, k.set.WrongSecrets); !ok {
			return Issued{}, limited(guessing, wait)
		}
		return Issued{}, errSecret
	}
	if ok, wait := k.issued.Allow(Key(appKey), k.set.TokensPerMinute); !ok {
		return Issued{}, limited("too_many_tokens", wait)
	}
	return k.accessToken(v, app, ttl)
}

func limited(code string, wait time.Duration) error {
	return &desk.Error{Kind: desk.Limited, Code: code, Text: "too many requests; please wait", RetryAfter: wait}
}

// rightSecret compares hashes in constant time, and does so also when there is
// no app. A nil app is never right.
func rightSecret(app *desk.App, secret string, now time.Time) bool {
	given := sha256.Sum256([]byte(secret))
	var is, was [sha256.Size]byte
	known := app != nil && len(app.SecretHash) == len(is)
	rotated := app != nil && len(app.OldHash) == len(was) && now.Before(app.OldUntil)
	if known {
		copy(is[:], app.SecretHash)
	}
	if rotated {
		copy(was[:], app.OldHash)
	}
	right := subtle.ConstantTimeCompare(given[:], is[:])
	old := subtle.ConstantTimeCompare(given[:], was[:])
	return known && right == 1 || rotated && old == 1
}

// NewApp makes an app with a key and a secret of 256 random bits. The secret is
// returned once and kept nowhere.
func NewApp(tenant desk.TenantID, name string, now time.Time) (desk.App, string) {
	secret := randomHex(32)
	hash := sha256.Sum256([]byte(secret))
	return desk.App{
		Tenant: tenant, Key: desk.AppKey(randomHex(16)), Name: name,
		SecretHash: hash[:], Epoch: 1, CreatedAt: now,
	}, secret
}

// Rotate gives the app a new secret. The old one serves for the grace period,
// so that the integrator's servers can change over one by one. Without grace
// the old secret has leaked: it dies at once, and so does every token of the app,
// its customers' included.
func Rotate(app *desk.App, grace time.Duration, now time.Time) string {
	secret := randomHex(32)
	hash := sha256.Sum256([]byte(secret))
	if grace > 0 {
		app.OldHash, app.OldUntil = app.SecretHash, now.Add(grace)
	} else {
		app.OldHash, app.OldUntil = nil, time.Time{}
		app.Epoch++
	}
	app.SecretHash = hash[:]
	return secret
}

// NewChannelID makes a Configuration ID like AICC's: the date and ten random
// digits. Two of one day meet once in 10^10; the store refuses the second.
func NewChannelID(now time.Time) desk.ChannelID {
	var b [8]byte
	rand.Read(b[:])
	y, m, d := now.UTC().Date()
	date := int64(y)*10000 + int64(m)*100 + int64(d)
	return desk.ChannelID(date*1e10 + int64(binary.BigEndian.Uint64(b[:])%1e10))
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return string(appendHex(nil, b))
}
