package desk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// Deed is one row of the audit log: what was done, by whom, to what. Rows of a
// tenant are numbered without gaps, and each one's hash covers the hash before
// it, so that a row that was changed, removed or slipped in shows.
type Deed struct {
	Tenant  TenantID
	Seq     int64
	At      time.Time
	Actor   string // person:12, key:3, command or system
	Name    string // the actor's name as it was then
	Address string // "" on the command line
	Action  string // one of the words below
	Object  string // what it was done to, such as thread:123
	Data    string // a small JSON object
	Prev    []byte // the hash of the row before; 32 zeros in the first
	Hash    []byte
}

// What is audited. Nothing of a message and no secret is ever in a row.
const (
	NumberShown    = "number.shown"
	Exported       = "export"
	SignedIn       = "signin.ok"
	SignInFailed   = "signin.failed"
	SignInFlood    = "signin.flood" // more failures follow in the log file alone
	SignedOut      = "signout"
	SessionEnded   = "session.ended"
	SessionsEnded  = "sessions.ended"
	PersonCreated  = "person.created"
	PersonChanged  = "person.changed"
	PersonDisabled = "person.disabled"
	PersonEnabled  = "person.enabled"
	PersonReset    = "person.reset"
	PasswordSet    = "password.set"
	FactorAdded    = "factor.added"
	FactorRemoved  = "factor.removed"
	KeyCreated     = "key.created"
	KeyDisabled    = "key.disabled"
	KeyEnabled     = "key.enabled"
	ChannelCreated = "channel.created"
	ChannelChanged = "channel.changed"
	AppCreated     = "app.created"
	AppRotated     = "app.rotated"
	AppDisabled    = "app.disabled"
	AppEnabled     = "app.enabled"
)

// Actions lists them all, in the order in which one looks for them.
func Actions() []string {
	return []string{
		NumberShown, Exported, SignedIn, SignInFailed, SignInFlood, SignedOut, SessionEnded, SessionsEnded, PasswordSet, FactorAdded,
		FactorRemoved, PersonCreated, PersonChanged, PersonReset, PersonDisabled, PersonEnabled, ChannelCreated, ChannelChanged,
		AppCreated, AppRotated, AppDisabled, AppEnabled, KeyCreated, KeyDisabled, KeyEnabled,
	}
}

// Deed begins a row about what the actor does.
func (a *Actor) Deed(action, object string) Deed {
	return Deed{
		Tenant: a.Tenant, Actor: a.Who(), Name: a.Name, Address: a.Address,
		Action: action, Object: object, Data: "{}",
	}
}

// Sum is the hash that belongs to the row: SHA-256 over all of it and the hash
// before, each value with its length.
func (d *Deed) Sum() []byte { return d.sum(d.Seq) }

func (d *Deed) sum(seq int64) []byte {
	b := make([]byte, 0, 512)
	b = append(b, "afterbeep audit 1\n"...)
	for _, n := range []int64{int64(d.Tenant), seq, d.At.UnixMicro()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, s := range []string{d.Actor, d.Name, d.Address, d.Action, d.Object, d.Data, string(d.Prev)} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// DeedQuery selects rows of the audit log, newest first.
type DeedQuery struct {
	Before int64 // keyset: only rows below this one; 0: from the newest
	Action string
	Actor  string
	Object string
	Since  time.Time // from then on
	Until  time.Time // before then; zero: without end
	Limit  int
}

// Flaw is one thing that is wrong with an audit log.
type Flaw struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"` // changed, missing or inserted
	Text string `json:"text"`
}

// Trail checks an audit log, row after row in the order of their numbers. The
// zero Trail is at the beginning.
type Trail struct {
	Rows  int64
	Flaws []Flaw

	last   int64  // the number of the last row
	hash   []byte // its hash, as it is stored
	shift  int64  // by how much rows were moved to make room
	recent []link // the last rows, to find where a moved one belongs
}

type link struct {
	seq, logical int64 // where it stands, and where it was written
	hash         []byte
}

// linksKept bounds how many inserted rows in a run are recognised as such. Of a
// longer run, each row that was moved counts as changed.
const linksKept = 256

// NoHash is what the first row follows.
func NoHash() []byte { return make([]byte, sha256.Size) }

// Add looks at the next row.
func (t *Trail) Add(d *Deed) {
	if t.Rows == 0 {
		t.hash = NoHash()
		t.recent = append(t.recent, link{0, 0, t.hash})
	}
	t.Rows++
	if d.Seq < 1 {
		t.flaw(d.Seq, "inserted", "row %d stands before the first one", d.Seq)
		return
	}
	if d.Seq > t.last+1 {
		t.gap(t.last+1, d.Seq-1)
	} else if !t.moved(d) && bytes.Equal(d.sum(d.Seq-t.shift), d.Hash) && !bytes.Equal(d.Prev, t.hash) && !t.flawed(t.last) {
		// The row is whole, and was not written after the one in front of it as
		// that stands now.
		t.flaw(t.last, "changed", "row %d is not what it was when row %d was written", t.last, d.Seq)
	}
	if !bytes.Equal(d.sum(d.Seq-t.shift), d.Hash) {
		t.flaw(d.Seq, "changed", "row %d is not what was written", d.Seq)
	}
	t.last, t.hash = d.Seq, d.Hash
	t.recent = append(t.recent, link{d.Seq, d.Seq - t.shift, d.Hash})
	if len(t.recent) > linksKept {
		t.recent = t.recent[1:]
	}
}

// moved recognises a row that was given a higher number so that others fit in
// front of it.
func (t *Trail) moved(d *Deed) bool {
	if bytes.Equal(d.sum(d.Seq-t.shift), d.Hash) {
		return false
	}
	i := slices.IndexFunc(t.recent, func(l link) bool {
		return bytes.Equal(l.hash, d.Prev) && bytes.Equal(d.sum(l.logical+1), d.Hash)
	})
	copied := slices.ContainsFunc(t.recent, func(l link) bool { return bytes.Equal(l.hash, d.Hash) })
	if i < 0 || copied || t.recent[i].logical+1 >= d.Seq-t.shift {
		return false
	}
	from := t.recent[i].seq + 1
	t.Flaws = slices.DeleteFunc(t.Flaws, func(f Flaw) bool { return f.Seq >= from })
	for seq := from; seq < d.Seq; seq++ {
		t.flaw(seq, "inserted", "row %d was slipped in", seq)
	}
	t.shift = d.Seq - t.recent[i].logical - 1
	return true
}

// Behind says whether rows up to that number are still to come.
func (t *Trail) Behind(seq int64) bool { return t.last < seq+t.shift }

// End compares with the head: the number and the hash of the last row that was
// written.
func (t *Trail) End(seq int64, hash []byte) {
	seq += t.shift
	switch {
	case t.last < seq:
		t.gap(t.last+1, seq)
	case t.last > seq:
		t.Flaws = slices.DeleteFunc(t.Flaws, func(f Flaw) bool { return f.Seq > seq })
		for n := seq + 1; n <= t.last && n <= seq+linksKept; n++ {
			t.flaw(n, "inserted", "row %d stands behind the last one that was written", n)
		}
	case t.Rows > 0 && !bytes.Equal(t.hash, hash) && !t.flawed(t.last):
		t.flaw(t.last, "changed", "row %d, the last one, is not what was written", t.last)
	}
}

func (t *Trail) gap(from, to int64) {
	if from == to {
		t.flaw(from, "missing", "row %d is missing", from)
		return
	}
	t.flaw(from, "missing", "rows %d to %d are missing", from, to)
}

func (t *Trail) flawed(seq int64) bool {
	return slices.ContainsFunc(t.Flaws, func(f Flaw) bool { return f.Seq == seq })
}

func (t *Trail) flaw(seq int64, what, format string, args ...any) {
	t.Flaws = append(t.Flaws, Flaw{Seq: seq, What: what, Text: fmt.Sprintf(format, args...)})
}
