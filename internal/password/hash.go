// Package password is what becomes of passwords: which will do, how they are
// stored, and how one is compared with what is stored. It promises that a stolen
// hash is dear to guess, that checking takes bounded memory, and that an answer
// tells nothing through the time it takes.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// cost is what one guess costs.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// today is OWASP's first recommendation for Argon2id of 2025. When it is raised,
// each password follows at its owner's next sign-in.
var today = cost{memory: 19 * 1024, passes: 2, threads: 1}

// What a stored string may ask of us. More is not a password of ours, and would
// let whoever writes to one row take all memory.
const (
	maxMemory  = 256 * 1024
	maxPasses  = 16
	maxThreads = 8
	saltSize   = 16
	hashSize   = 32
)

// Max is the longest password, in bytes, as typed and as normalised.
const Max = 1024

// hashWait is how long somebody waits for his turn to be checked.
const hashWait = 5 * time.Second

// Hasher makes and checks password hashes, a few at a time: each takes 19 MiB
// and some 20 ms, which must not become a way to stop the house.
type Hasher struct {
	all       chan struct{}
	strangers chan struct{} // one fewer: a known device always finds a turn
	dummy     string
	cost      cost
}

// New checks so many passwords at the same time, at least two.
func New(parallel int) *Hasher {
	parallel = max(2, parallel)
	h := &Hasher{all: make(chan struct{}, parallel), strangers: make(chan struct{}, parallel-1), cost: today}
	h.dummy = h.make(rand.Text())
	return h
}

// Hash makes the string that is stored for a password. Busy when too many others
// are being checked.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	password, ok := normal(password)
	if !ok {
		return "", errLong
	}
	end, err := h.turn(ctx, true)
	if err != nil {
		return "", err
	}
	defer end()
	return h.make(password), nil
}

func (h *Hasher) make(password string) string {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	p := phc{cost: h.cost, salt: salt}
	p.hash = p.of(password, hashSize)
	return p.String()
}

// Verify says whether the password is the one that was stored, and whether it
// should be stored anew because hashes have become dearer. An empty stored string
// costs the same and is never right. Busy when too many others are being checked;
// Internal when the stored string is none of ours.
func (h *Hasher) Verify(ctx context.Context, stored, password string, trusted bool) (right, old bool, err error) {
	real := stored != ""
	if !real {
		stored = h.dummy
	}
	p, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	password, ok := normal(password)
	end, err := h.turn(ctx, trusted)
	if err != nil {
		return false, false, err
	}
	defer end()
	same := subtle.ConstantTimeCompare(p.of(password, len(p.hash)), p.hash) == 1
	return same && ok && real, p.cost != h.cost || len(p.hash) != hashSize || len(p.salt) != saltSize, nil
}

// turn waits for one.
func (h *Hasher) turn(ctx context.Context, trusted bool) (end func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	end = func() { <-h.all }
	if !trusted {
		if !enter(ctx, h.strangers) {
			return nil, errCrowd()
		}
		end = func() { <-h.all; <-h.strangers }
	}
	if enter(ctx, h.all) {
		return end, nil
	}
	if !trusted {
		<-h.strangers
	}
	return nil, errCrowd()
}

func enter(ctx context.Context, room chan struct{}) bool {
	select {
	case room <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

var errLong = desk.Errorf(desk.Invalid, "password_long", "a password has at most %d bytes", Max)

func errCrowd() error {
	return &desk.Error{Kind: desk.Busy, Code: "signin_busy", Text: "too many people sign in at this moment; try again in a few seconds", RetryAfter: hashWait}
}

// normal makes two spellings of one text the same: NFKC, as NIST SP 800-63B
// recommends, so that neither the keyboard nor full-width letters of a Chinese
// input method change a password. Too long or no text at all is not ok.
func normal(password string) (string, bool) {
	if len(password) > Max || !utf8.ValidString(password) {
		return "", false
	}
	n := norm.NFKC.String(password)
	return n, len(n) <= Max
}

// phc is a password hash as it is stored:
//
//	$argon2id$v=19$m=19456,t=2,p=1$salt$hash
//
// with salt and hash in base64 without padding.
type phc struct {
	cost
	salt, hash []byte
}

func (p *phc) of(password string, size int) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.threads, uint32(size))
}

var b64 = base64.RawStdEncoding.Strict()

// String is the form that is stored.
func (p *phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.passes, p.threads,
		b64.EncodeToString(p.salt), b64.EncodeToString(p.hash))
}

// parsePHC reads one spelling only: what it reads, String writes.
func parsePHC(s string) (p phc, err error) {
	bad := desk.Errorf(desk.Internal, "password_hash", "a stored password cannot be read; \"afterbeep user reset\" gives its owner a link to a new one")
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, bad
	}
	var memory, passes, threads uint64
	for i, field := range strings.Split(parts[3], ",") {
		if i > 2 {
			return p, bad
		}
		digits, ok := strings.CutPrefix(field, []string{"m=", "t=", "p="}[i])
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil {
			return p, bad
		}
		*[]*uint64{&memory, &passes, &threads}[i] = n
	}
	p.salt, err = b64.DecodeString(parts[4])
	if err != nil {
		return p, bad
	}
	p.hash, err = b64.DecodeString(parts[5])
	if err != nil || threads < 1 || threads > maxThreads || passes < 1 || passes > maxPasses ||
		memory < 8*threads || memory > maxMemory || len(p.salt) < 8 || len(p.salt) > 64 || len(p.hash) < 16 || len(p.hash) > 64 {
		return phc{}, bad
	}
	p.cost = cost{uint32(memory), uint32(passes), uint8(threads)}
	if p.String() != s {
		return phc{}, bad
	}
	return p, nil
}
