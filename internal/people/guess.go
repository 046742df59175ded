package people

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Guesses is what a guard needs of the store: budgets that all nodes share, and
// that a restart does not fill up again.
type Guesses interface {
	Budgets(ctx context.Context, tenant desk.TenantID, parties [][]byte) ([]desk.Budget, error)
	ChangeBudgets(ctx context.Context, tenant desk.TenantID, parties [][]byte, change func([]desk.Budget) error) error
}

// Guard limits guessing. A guess is paid for before it is evaluated, so that a
// thousand at once are not more than one after the other, and what is refused
// costs nothing, not even a write.
//
// Strangers and devices pay from different purses. A stranger is whoever shows no
// device cookie of that very person: all strangers together have strangersBudget
// for an account, and each address waits longer after each wrong guess. A device
// that the person has signed in with pays from a purse that no stranger can reach:
// however many guess, the owner gets in.
type Guard struct {
	store Guesses
	vault *Vault
	now   func() time.Time
}

// NewGuard makes a guard.
func NewGuard(store Guesses, vault *Vault, now func() time.Time) *Guard {
	if now == nil {
		now = time.Now
	}
	return &Guard{store: store, vault: vault, now: now}
}

// A purse holds burst guesses and gets one back every so often: no stretch of
// time t sees more than burst + t/every.
type purse struct {
	burst int64
	every time.Duration
}

// In any 15 minutes an account sees at most 29 + 30 guesses of strangers and
// 19 + 20 of its owner's devices, 98 in all: the promise is 100.
var (
	strangersPurse = purse{29, 30 * time.Second}
	devicesPurse   = purse{19, 45 * time.Second}
	addressPurse   = purse{60, 15 * time.Second} // one address, any account: an office may have one
	floodPurse     = purse{300, 2 * time.Second} // failures of a tenant that are audited
	codePurse      = purse{9, 3 * time.Minute}   // second factors of an account, for either kind
	guessMemory    = 15 * time.Minute            // a row of wrong guesses is forgotten after so long
	freeGuesses    = int64(3)                    // one may mistype that often without waiting
	longestWait    = 5 * time.Minute             // between two guesses of one address or device
)

// guesser is who guesses what.
type guesser struct {
	tenant  desk.TenantID
	login   string // as it is stored, known or not
	address string
	device  string // the device's own ID when it is one of that person's, else ""
	code    bool   // a second factor is guessed, the password was right
}

// payment is one budget that a guess is paid from.
type payment struct {
	party []byte
	purse purse // of burst 0: the growing wait
}

// payments lists what a guess is paid from.
func (g *Guard) payments(ctx context.Context, by guesser) ([]payment, error) {
	key, err := g.vault.key(ctx, by.tenant, "guesses")
	if err != nil {
		return nil, err
	}
	// Somebody may have typed his password where the login belongs: not even a
	// plain hash of it may be stored.
	party := func(words ...string) []byte {
		mac := hmac.New(sha256.New, key)
		for _, w := range words {
			mac.Write(binary.AppendUvarint(nil, uint64(len(w))))
			mac.Write([]byte(w))
		}
		return mac.Sum(nil)
	}
	var all []payment
	kind := "strangers"
	if by.device != "" {
		kind = "devices"
		all = []payment{{party("device", by.login, by.device), purse{}}, {party("devices", by.login), devicesPurse}}
	} else {
		where := network(by.address)
		all = []payment{
			{party("pair", by.login, where), purse{}},
			{party("address", where), addressPurse},
			{party("strangers", by.login), strangersPurse},
		}
	}
	if by.code {
		all = append(all, payment{party("code", kind, by.login), codePurse})
	}
	return all, nil
}

// refund gives back what was paid for a guess that was right.
type refund func(context.Context) error

// spend pays for one guess, or says how long it must wait: Limited, with RetryAfter.
// right gives it back.
func (g *Guard) spend(ctx context.Context, by guesser) (right refund, err error) {
	all, err := g.payments(ctx, by)
	if err != nil {
		return nil, err
	}
	parties := make([][]byte, len(all))
	for i := range all {
		parties[i] = all[i].party
	}
	now := g.now()
	found, err := g.store.Budgets(ctx, by.tenant, parties)
	if err != nil {
		return nil, err
	}
	if wait := pay(all, found, now); wait > 0 {
		return nil, errLimited(wait)
	}
	err = g.store.ChangeBudgets(ctx, by.tenant, parties, func(found []desk.Budget) error {
		if wait := pay(all, found, now); wait > 0 {
			return errLimited(wait)
		}
		return nil
	})
	return func(ctx context.Context) error {
		return g.store.ChangeBudgets(ctx, by.tenant, parties, func(found []desk.Budget) error {
			for i := range found {
				found[i].N = 0
				found[i].FullAt = found[i].FullAt.Add(-all[i].purse.every)
			}
			return nil
		})
	}, err
}

// pay takes one guess from each budget, or says how long the longest wait is and
// takes nothing that counts.
func pay(all []payment, found []desk.Budget, now time.Time) (wait time.Duration) {
	for i := range found {
		wait = max(wait, all[i].purse.pay(&found[i], now))
	}
	if teeth.On("free-guesses") {
		return 0
	}
	return wait
}

func (p purse) pay(b *desk.Budget, now time.Time) time.Duration {
	if p.burst == 0 {
		return grow(b, now)
	}
	whole := now.Add(time.Duration(p.burst) * p.every)
	if b.FullAt.Before(now) || b.FullAt.After(whole.Add(setBack)) {
		b.FullAt = now
	}
	b.At = now
	b.FullAt = b.FullAt.Add(p.every)
	return max(0, b.FullAt.Sub(whole))
}

// setBack is from when on a time in the future means that the clock was set back,
// which must not lock anybody out for years. It is more than nodes may differ.
const setBack = 5 * time.Minute

// grow lets the first guesses pass, and then each only after twice the wait of
// the one before.
func grow(b *desk.Budget, now time.Time) time.Duration {
	if now.Sub(b.At) > guessMemory || b.At.Sub(now) > setBack {
		b.N = 0
	}
	if b.N >= freeGuesses {
		wait := min(time.Second<<min(b.N-freeGuesses, 30), longestWait)
		if left := wait - max(0, now.Sub(b.At)); left > 0 {
			return left
		}
	}
	b.N++
	b.At = now
	return 0
}

// floods says whether one more failure of the tenant is written down: yes, not
// any more, or not, and this is the first.
func (g *Guard) floods(ctx context.Context, tenant desk.TenantID) (listed, first bool, err error) {
	key, err := g.vault.key(ctx, tenant, "guesses")
	if err != nil {
		return false, false, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("flood"))
	now := g.now()
	err = g.store.ChangeBudgets(ctx, tenant, [][]byte{mac.Sum(nil)}, func(found []desk.Budget) error {
		was := found[0]
		if wait := floodPurse.pay(&found[0], now); wait > 0 {
			listed, first = false, was.N == 0
			found[0] = was
			found[0].N = 1
			return nil
		}
		listed, first = true, false
		if found[0].FullAt.Sub(now) < time.Duration(floodPurse.burst/2)*floodPurse.every {
			found[0].N = 0 // it has been quiet: the next flood is worth a row again
		}
		return nil
	})
	return listed, first, err
}

// network is whom an address stands for: with IPv6, a whole /64 is one house.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
