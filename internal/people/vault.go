package people

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Secrets is what a vault needs of the store.
type Secrets interface {
	Secret(ctx context.Context, tenant desk.TenantID, fresh []byte, now time.Time) ([]byte, error)
}

// Vault seals what must be read again and must not be readable in the database:
// the secrets of second factors, and tickets that a browser carries.
//
// A tenant's keys are derived from a secret in its database and from the
// installation's own, which is not in the database. Without the second, whoever
// has the whole database has the keys as well: what is sealed is then only kept
// from those who see a part of it.
type Vault struct {
	store Secrets
	own   []byte
	now   func() time.Time

	mu      sync.Mutex
	secrets map[desk.TenantID][]byte
}

// NewVault makes a vault. own is the installation's secret, the same on every
// node, or empty.
func NewVault(store Secrets, own []byte, now func() time.Time) *Vault {
	if now == nil {
		now = time.Now
	}
	return &Vault{store: store, own: own, now: now, secrets: map[desk.TenantID][]byte{}}
}

// key is the tenant's key for one purpose.
func (v *Vault) key(ctx context.Context, tenant desk.TenantID, purpose string) ([]byte, error) {
	v.mu.Lock()
	secret := v.secrets[tenant]
	v.mu.Unlock()
	if secret == nil {
		fresh := make([]byte, 32)
		rand.Read(fresh)
		var err error
		if secret, err = v.store.Secret(ctx, tenant, fresh, v.now()); err != nil {
			return nil, err
		}
		v.mu.Lock()
		v.secrets[tenant] = secret
		v.mu.Unlock()
	}
	return hkdf.Key(sha256.New, append(append([]byte{}, secret...), v.own...), nil, "afterbeep 1 "+purpose, 32)
}

func (v *Vault) aead(ctx context.Context, tenant desk.TenantID, purpose string) (cipher.AEAD, error) {
	key, err := v.key(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealed by the first way there is.
const sealedFirst = 1

// Seal closes plain for a purpose of the tenant, bound to what it is about, such
// as a person: moved to another row it does not open.
func (v *Vault) Seal(ctx context.Context, tenant desk.TenantID, purpose, about string, plain []byte) ([]byte, error) {
	aead, err := v.aead(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte{sealedFirst}, nil, plain, []byte(about)), nil
}

// Open is the inverse of Seal. Internal when it does not open.
func (v *Vault) Open(ctx context.Context, tenant desk.TenantID, purpose, about string, sealed []byte) ([]byte, error) {
	aead, err := v.aead(ctx, tenant, purpose)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 || sealed[0] != sealedFirst {
		return nil, errSealed(nil)
	}
	plain, err := aead.Open(nil, nil, sealed[1:], []byte(about))
	if err != nil {
		return nil, errSealed(err)
	}
	return plain, nil
}

func errSealed(err error) error {
	return desk.Wrap(desk.Internal, "sealed", "a sealed secret does not open; was the installation's secret key changed?", err)
}

// A ticket is something that a browser keeps for us for a while and cannot read
// or change. It begins with its tenant.
type ticket[T any] struct {
	Until int64 `json:"u"` // microseconds
	Value T     `json:"v"`
}

var url64 = base64.RawURLEncoding.Strict()

// maxTicket is the longest text that is read as a ticket.
const maxTicket = 4096

func seal[T any](ctx context.Context, v *Vault, tenant desk.TenantID, purpose string, t ticket[T]) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	sealed, err := v.Seal(ctx, tenant, purpose, "ticket", plain)
	return strconv.FormatInt(int64(tenant), 10) + "." + url64.EncodeToString(sealed), err
}

// open reads a ticket; Unauthenticated when it is none, or its time is over.
func open[T any](ctx context.Context, v *Vault, purpose, text string) (value T, tenant desk.TenantID, err error) {
	tenant, raw, ok := split(text)
	if !ok {
		return value, 0, errTicket
	}
	plain, err := v.Open(ctx, tenant, purpose, "ticket", raw)
	if hasCode(err, "sealed", "tenant") {
		return value, 0, errTicket
	}
	if err != nil {
		return value, 0, err
	}
	var t ticket[T]
	if json.Unmarshal(plain, &t) != nil || v.now().UnixMicro() >= t.Until {
		return value, 0, errTicket
	}
	return t.Value, tenant, nil
}

// split reads the tenant and the rest of a text such as 1.AAAA.
func split(text string) (desk.TenantID, []byte, bool) {
	number, rest, ok := strings.Cut(text, ".")
	n, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || n < 1 || len(text) > maxTicket || strconv.FormatInt(n, 10) != number {
		return 0, nil, false
	}
	raw, err := url64.DecodeString(rest)
	return desk.TenantID(n), raw, err == nil
}
