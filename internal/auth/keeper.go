// Package auth decides who may come in: apps with their secrets, access tokens
// and ccmessaging-tokens, and the keys that seal them.
//
// It promises that no token outlives its hour, whatever the clock does; that
// what was revoked is refused within a second; that a credential is checked
// without reading a table; and that while nobody knows what is revoked, nobody
// comes in and nobody is told that a good token is bad. It refuses to guess: a
// token with one wrong bit, of another tenant, another kind or another time is
// no token.
//
// It knows neither HTTP nor SQL. The surfaces call it; app runs it and gives it
// a store.
package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Source is where apps, channels and keys are kept.
type Source interface {
	// Revision is a number that grows in the same transaction as every change
	// of a tenant, an app, a channel or a key. It is asked twice a second.
	Revision(ctx context.Context) (int64, error)
	// Snapshot reads everything, the revision first: what changes while it
	// reads is seen again at the next look.
	Snapshot(ctx context.Context) (desk.Snapshot, error)
	// AddKey inserts the key and sets RetireAt to key.ActiveAt + 2 h on every
	// other key of its tenant that has no RetireAt yet, in one transaction.
	AddKey(ctx context.Context, key desk.SealKey) error
	// RetireKeys deletes the tenant's keys whose RetireAt is set and before now.
	RetireKeys(ctx context.Context, tenant desk.TenantID, now time.Time) error
}

// How keys and tokens age. The lifetimes of tokens are the contract's: an
// access token at most 3600 s (cec_07_0002), a ccmessaging-token one hour
// (cec_07_0103). The rest is ours.
const (
	CustomerTTL = time.Hour        // of a ccmessaging-token
	RenewWithin = 10 * time.Minute // a ccmessaging-token this close to its end comes with a fresh one
	KeyLife     = 24 * time.Hour   // a key seals this long, then its successor does
	KeyLead     = 2 * time.Second  // other nodes learn of a key this long before it seals
	KeyGrace    = 2 * time.Hour    // a key opens this long after its successor is active: twice the longest token
	MaxSkew     = time.Minute      // a token from further in the future is refused
	Poll        = time.Second      // how often the source is asked whether it changed
)

// Settings of a Keeper. The zero value of each means its default.
type Settings struct {
	AccessTTL       time.Duration // the longest life of an access token; 1 h, and never more
	SnapshotMaxAge  time.Duration // how long credentials are trusted while the source cannot be read; 15 s
	WrongSecrets    int           // wrong secrets in 15 minutes for one app key from one address; 10
	TokensPerMinute int           // access tokens a minute for one app; 600
	// Mono counts time since some moment and never steps; by default the
	// monotonic reading of the wall clock's values.
	Mono func() time.Duration
	// Floor is a moment that has certainly passed, such as the time of the
	// newest message. A wall clock behind it at start has been set back while
	// nobody watched, and every token sealed before is refused from then on.
	Floor time.Time
	Log   *slog.Logger
}

func (s Settings) complete() Settings {
	if s.AccessTTL <= 0 || s.AccessTTL > time.Hour {
		s.AccessTTL = time.Hour
	}
	if s.SnapshotMaxAge <= 0 {
		s.SnapshotMaxAge = 15 * time.Second
	}
	if s.WrongSecrets <= 0 {
		s.WrongSecrets = 10
	}
	if s.TokensPerMinute <= 0 {
		s.TokensPerMinute = 600
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Keeper holds the credentials of the whole installation in memory and follows
// the source. All its methods may be called at once from everywhere.
type Keeper struct {
	src   Source
	set   Settings
	clock *clock
	view  atomic.Pointer[view]
	read  atomic.Int64 // when the source was last read, by the monotonic clock
	decoy *sealer      // opens nothing: the work done for a key that is not there

	wrong  *Limiter // secrets that were not right, by app key and address
	issued *Limiter // access tokens, by app
	keys   keyRing  // touched by Refresh and Run only
}

// New makes a Keeper that knows nobody yet; call Refresh before serving and Run
// while serving.
func New(src Source, set Settings, now func() time.Time) *Keeper {
	set = set.complete()
	c := newClock(now, set.Mono)
	k := &Keeper{
		src: src, set: set, clock: c,
		decoy:  decoySealer(),
		wrong:  NewLimiter(wrongWindow, c.elapsed),
		issued: NewLimiter(time.Minute, c.elapsed),
	}
	k.view.Store(&view{revision: -1})
	return k
}

// Every refusal of a credential is one of these, so that the surfaces can say
// the same sentence for all and the log one word for each.
var (
	errMissing = unauthenticated("token_missing")
	errForged  = unauthenticated("token_forged")
	errForeign = unauthenticated("token_foreign")
	errFuture  = unauthenticated("token_from_the_future")
	errExpired = unauthenticated("token_expired")
	errRevoked = unauthenticated("token_revoked")
	errAppKey  = unauthenticated("app_key_wrong")
	errChannel = unauthenticated("channel_gone")
	errSecret  = unauthenticated("secret_wrong")

	errStale = desk.Errorf(desk.Internal, "credentials_unreadable", "credentials cannot be checked at the moment")
	errNoKey = desk.Errorf(desk.Internal, "no_seal_key", "tokens cannot be made at the moment")
)

func unauthenticated(code string) *desk.Error {
	return desk.Errorf(desk.Unauthenticated, code, "the credentials are not valid")
}

// Hostile says whether a refusal is worth a security event: something that an
// honest client does not send.
func Hostile(err error) bool {
	for _, hostile := range []error{errForged, errForeign, errFuture, errSecret} {
		if errors.Is(err, hostile) {
			return true
		}
	}
	var e *desk.Error
	return errors.As(err, &e) && e.Code == guessing
}

// current is the view, unless the source has not been readable for too long.
// Then nobody knows what was revoked: the answer is neither yes nor no.
func (k *Keeper) current() (*view, error) {
	v := k.view.Load()
	if v.revision < 0 || k.clock.elapsed()-time.Duration(k.read.Load()) > k.set.SnapshotMaxAge {
		return nil, errStale
	}
	return v, nil
}

// Origin says whether an enabled channel lists the web origin.
func (k *Keeper) Origin(origin string) bool { return k.view.Load().origins[origin] }

// Channel finds a channel by the Configuration ID of an app's request. Unknown,
// disabled and another tenant's are one error of kind Missing.
func (k *Keeper) Channel(app *desk.App, configurationID string) (*desk.Channel, error) {
	v, err := k.current()
	if err != nil {
		return nil, err
	}
	if id, err := desk.ParseChannelID(configurationID); err == nil {
		if ch := v.channels[place{app.Tenant, id}]; ch != nil && !ch.Disabled {
			return ch, nil
		}
	}
	return nil, desk.Errorf(desk.Missing, "channel_id", "channelId names no channel")
}

// Region is how local numbers of a channel are read; false when the snapshot has
// no such channel, which may be newer than it.
func (k *Keeper) Region(tenant desk.TenantID, channel desk.ChannelID) (string, bool) {
	ch, ok := k.view.Load().channels[place{tenant, channel}]
	if !ok {
		return "", false
	}
	return ch.Region, true
}

// Target is how soon a channel promises the first call; 0 when it does not, or is
// newer than the snapshot.
func (k *Keeper) Target(tenant desk.TenantID, channel desk.ChannelID) time.Duration {
	if ch := k.view.Load().channels[place{tenant, channel}]; ch != nil {
		return ch.Target
	}
	return 0
}
