package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// KeyStore is what API keys need of the store.
type KeyStore interface {
	APIKeys(ctx context.Context, tenant desk.TenantID) ([]desk.APIKey, error)
	APIKey(ctx context.Context, tenant desk.TenantID, id int64) (desk.APIKey, error)
	AddAPIKey(ctx context.Context, k desk.APIKey, d desk.Deed) (desk.APIKey, error)
	DisableAPIKey(ctx context.Context, k desk.APIKey, d desk.Deed) error
	UseAPIKey(ctx context.Context, tenant desk.TenantID, id int64, at time.Time) error
}

// Keys are the API keys with which programs use /v1. A key's text is
//
//	abk_1_7_0123…   tenant, number, 256 random bits
//
// so that a scanner of repositories can tell what it found.
type Keys struct {
	store KeyStore
	now   func() time.Time
	fresh time.Duration

	mu    sync.Mutex
	known map[keyName]knownKey
}

type keyName struct {
	tenant desk.TenantID
	id     int64
}

type knownKey struct {
	desk.APIKey
	at   time.Time // when it was read
	used time.Time // when its use was written down by this process
}

const (
	keyPrefix = "abk"
	keyFresh  = time.Second
	useEvery  = time.Minute
	maxKeys   = 10000
)

// NewKeys makes it.
func NewKeys(store KeyStore, now func() time.Time) *Keys {
	if now == nil {
		now = time.Now
	}
	return &Keys{store: store, now: now, fresh: keyFresh, known: map[keyName]knownKey{}}
}

// List is every key of the actor's tenant, by name.
func (k *Keys) List(ctx context.Context, a *desk.Actor) ([]desk.APIKey, error) {
	return k.store.APIKeys(ctx, a.Tenant)
}

// Create makes a key and gives its text, which is shown once and kept nowhere. A
// key may do nothing that its maker may not; people, who leave no messages, may
// make keys that do.
func (k *Keys) Create(ctx context.Context, a *desk.Actor, name string, scopes []desk.Permission) (desk.APIKey, string, error) {
	if !a.May(desk.KeysManage) {
		return desk.APIKey{}, "", errMay
	}
	if len(scopes) == 0 {
		return desk.APIKey{}, "", desk.Errorf(desk.Invalid, "scopes", "a key needs at least one scope, such as messages.write")
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	hash := sha256.Sum256(raw)
	key := desk.APIKey{Tenant: a.Tenant, Name: name, Hash: hash[:], CreatedAt: k.now().UTC().Truncate(time.Microsecond)}
	for _, scope := range scopes {
		if _, err := desk.ParsePermission(string(scope)); err != nil {
			return key, "", err
		}
		if !a.May(scope) && (scope != desk.MessagesWrite || a.Key != 0) {
			return key, "", desk.Errorf(desk.Forbidden, "scope", "you may not hand out %s, which you do not have yourself", scope)
		}
		key.Scopes = append(key.Scopes, string(scope))
	}
	d := a.Deed(desk.KeyCreated, "key:"+name)
	d.At, d.Data = key.CreatedAt, object(map[string]any{"name": name, "scopes": key.Scopes})
	key, err := k.store.AddAPIKey(ctx, key, d)
	if err != nil {
		return key, "", err
	}
	return key, strings.Join([]string{
		keyPrefix, strconv.FormatInt(int64(key.Tenant), 10), strconv.FormatInt(key.ID, 10), url64.EncodeToString(raw),
	}, "_"), nil
}

// Disable switches a key off, or on again. Other nodes follow within a second.
func (k *Keys) Disable(ctx context.Context, a *desk.Actor, id int64, off bool) (desk.APIKey, error) {
	if !a.May(desk.KeysManage) {
		return desk.APIKey{}, errMay
	}
	key, err := k.store.APIKey(ctx, a.Tenant, id)
	if err != nil || key.Disabled == off {
		return key, err
	}
	key.Disabled = off
	action := desk.KeyEnabled
	if off {
		action = desk.KeyDisabled
	}
	d := a.Deed(action, "key:"+strconv.FormatInt(id, 10))
	d.At, d.Data = k.now().UTC().Truncate(time.Microsecond), object(map[string]any{"name": key.Name})
	err = k.store.DisableAPIKey(ctx, key, d)
	k.mu.Lock()
	delete(k.known, keyName{a.Tenant, id})
	k.mu.Unlock()
	return key, err
}

// Check says whose key a text is. Its use is noted, at most once a minute.
// Unauthenticated when it is none, or is disabled.
func (k *Keys) Check(ctx context.Context, text, address string) (desk.Actor, error) {
	name, raw, ok := parseKey(text)
	if !ok {
		return desk.Actor{}, errKey
	}
	key, err := k.look(ctx, name)
	if desk.KindOf(err) == desk.Missing {
		return desk.Actor{}, errKey
	}
	if err != nil {
		return desk.Actor{}, err
	}
	hash := sha256.Sum256(raw)
	if subtle.ConstantTimeCompare(hash[:], key.Hash) != 1 || key.Disabled {
		return desk.Actor{}, errKey
	}
	k.use(ctx, name)
	return desk.Actor{Tenant: key.Tenant, Key: key.ID, Name: key.Name, Scopes: key.Scopes, Address: address}, nil
}

func parseKey(text string) (n keyName, raw []byte, ok bool) {
	parts := strings.SplitN(text, "_", 4)
	if len(parts) != 4 || parts[0] != keyPrefix || len(text) > 200 {
		return n, nil, false
	}
	tenant, err1 := strconv.ParseInt(parts[1], 10, 64)
	id, err2 := strconv.ParseInt(parts[2], 10, 64)
	raw, err3 := url64.DecodeString(parts[3])
	return keyName{desk.TenantID(tenant), id}, raw, err1 == nil && err2 == nil && err3 == nil && len(raw) == 32 && tenant > 0 && id > 0
}

func (k *Keys) look(ctx context.Context, n keyName) (desk.APIKey, error) {
	now := k.now()
	k.mu.Lock()
	known, ok := k.known[n]
	k.mu.Unlock()
	if age := now.Sub(known.at); ok && age >= 0 && age < k.fresh {
		return known.APIKey, nil
	}
	key, err := k.store.APIKey(ctx, n.tenant, n.id)
	if err != nil {
		return key, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKeys {
		clear(k.known)
	}
	k.known[n] = knownKey{key, now, later(known.used, key.UsedAt)}
	return key, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// use writes down that a key was used. When that fails the key works all the
// same, and it is tried again.
func (k *Keys) use(ctx context.Context, n keyName) {
	now := k.now().UTC()
	k.mu.Lock()
	known, ok := k.known[n]
	due := ok && now.Sub(known.used) >= useEvery
	if due {
		was := known.used
		known.used = now
		k.known[n] = known
		known.used = was
	}
	k.mu.Unlock()
	if !due {
		return
	}
	if err := k.store.UseAPIKey(ctx, n.tenant, n.id, now); err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		if _, ok := k.known[n]; ok {
			k.known[n] = known
		}
	}
}
