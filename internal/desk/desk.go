// Package desk is the domain of Afterbeep: what a message, a thread, a caller,
// an app, a channel and a tenant are, which states they go through, and what
// may be said about them. It knows neither SQL nor HTTP and imports only the
// standard library; every other room of the house speaks in its words.
package desk

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// TenantID names one customer of this installation. Everything that is stored
// belongs to exactly one tenant, and no query is asked without one. The zero
// TenantID is no tenant, so a forgotten one finds nothing.
type TenantID int64

// DefaultTenant exists in every new store, under the name "default".
const DefaultTenant TenantID = 1

// Tenant is one customer of this installation.
type Tenant struct {
	ID        TenantID
	Name      string // 1–64 characters, unique in the installation
	CreatedAt time.Time
}

// AppKey is what AICC calls the app key: 32 lower-case hexadecimal digits.
type AppKey string

// App is an integrator's server: it holds a secret and may ask for tokens.
type App struct {
	Tenant     TenantID
	Key        AppKey
	Name       string // 1–64 characters, unique in its tenant
	SecretHash []byte // SHA-256 of the secret, which has 256 random bits; the secret itself is not kept
	OldHash    []byte // the secret before the last rotation, while OldUntil lasts
	OldUntil   time.Time
	Epoch      int64 // access tokens sealed under an earlier epoch are revoked
	Disabled   bool
	PerMinute  int // messages a minute; 0 is no limit
	CreatedAt  time.Time
}

// ChannelID is AICC's "Configuration ID": 18 digits that begin with a date.
type ChannelID int64

// String writes all 18 digits.
func (c ChannelID) String() string { return fmt.Sprintf("%018d", int64(c)) }

// ParseChannelID reads exactly 18 digits.
func ParseChannelID(s string) (ChannelID, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) != 18 || n <= 0 || s[0] < '0' || s[0] > '9' {
		return 0, Errorf(Invalid, "channel_id", "a channel's Configuration ID has 18 digits")
	}
	return ChannelID(n), nil
}

// MarshalText keeps the identifier a string in JSON: it is longer than 2^53.
func (c ChannelID) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (c *ChannelID) UnmarshalText(b []byte) (err error) {
	*c, err = ParseChannelID(string(b))
	return err
}

// Channel is one place where customers leave messages.
type Channel struct {
	Tenant    TenantID
	ID        ChannelID
	Name      string   // 1–64 characters, unique in its tenant
	Locale    string   // such as zh_CN
	Region    string   // two letters (ISO 3166): how a local number is read
	TextLimit int      // characters of a message, 1,500 to 10,000; 4,000 by default
	Origins   []string // browsers on these origins may call us (CORS); none by default
	Disabled  bool
	CreatedAt time.Time

	Allocation string        // AllocSelf (also when empty), AllocHand or AllocAuto
	Target     time.Duration // from a thread's first message to the first call; 0 promises nothing
}

// How a channel's threads come to somebody.
const (
	AllocSelf = "self" // whoever claims one has it
	AllocHand = "hand" // somebody who may assign gives them out
	AllocAuto = "auto" // they go to whoever is present and has the fewest
)

// MaxTarget is the longest time to the first call that a channel can promise.
const MaxTarget = 90 * 24 * time.Hour

// Limits of a channel's text, in characters (code points). The contract's
// document names no limit; 4,000 is ours, and 1,500 the least that AICC's own
// clients are known to send.
const (
	DefaultTextLimit = 4000
	MinTextLimit     = 1500
	MaxTextLimit     = 10000
)

// SealKey seals and opens the tokens of one tenant. Keys rotate: the newest
// active one seals, and each opens until it retires.
type SealKey struct {
	Tenant   TenantID
	ID       uint32
	Secret   []byte // 32 bytes, AES-256-GCM
	ActiveAt time.Time
	RetireAt time.Time // zero while no successor is active
}

// State is what has become of a thread.
type State string

// The states of a thread, with AICC's word for each. Stored is ours alone: the
// message is on the disk and sorting has not placed it yet. Aside means that
// sorting could not place it and an administrator must look.
const (
	New      State = "new"      // To be allocated
	Assigned State = "assigned" // Unprocessed
	Working  State = "working"  // Processing
	Waiting  State = "waiting"  // Processing, a call is due later
	Closed   State = "closed"   // Processed
	Stored   State = "stored"
	Aside    State = "aside"
)

// Thread is all messages of one caller in one channel that are being handled
// together. A caller has at most one open thread a channel.
type Thread struct {
	Tenant    TenantID
	ID        ID // the ID of its first message
	Channel   ChannelID
	Caller    string // as sent in the newest message
	CallerKey string // normalised: what makes two numbers the same caller
	State     State
	Messages  int
	FirstAt   time.Time
	LastAt    time.Time
	ClosedAt  time.Time
	Reason    string // why it was closed, in the words of the one who closed it
	Previous  ID     // the caller's thread before this one, or 0
	Version   int64  // every change is a compare-and-set on it; 1 when new

	Owner      PersonID  // whose it is; 0 is nobody's
	Given      bool      // it was given to the owner, who keeps it when her claim ends
	ClaimUntil time.Time // somebody is at it; unless she says so again, it falls back then
	WakeAt     time.Time // it waits, and is back in the list then
	DueAt      time.Time // somebody should have called by then; zero: nothing is promised
	Attempts   int       // calls so far
	Outcome    Outcome   // of the last call
	Excerpt    string    // how the newest message begins; see Brief
}

// Caller is somebody who leaves messages in a channel; he has at most one open
// thread there.
type Caller struct {
	Channel ChannelID
	Key     string // the normalised number
}

// Event is one thing that happened to a thread. Seq is gapless in its tenant.
type Event struct {
	Tenant TenantID
	Seq    int64
	Thread ID
	Kind   string
	Actor  string // who did it: "" is Afterbeep itself
	At     time.Time
	Data   json.RawMessage // a JSON object, small
	Once   *Once           // kept with the event when it is appended; it is not read with it
}

// Snapshot is what the hot path needs of the store, read as a whole: who may
// ask, for which channel, and the keys that open tokens.
type Snapshot struct {
	Revision int64 // grows with every change of what is in here
	Tenants  []Tenant
	Apps     []App
	Channels []Channel
	Keys     []SealKey
}
