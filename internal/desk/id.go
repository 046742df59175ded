package desk

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ID is 64 bits that sort by time: 41 bits of milliseconds since 2024, 10 bits
// of node, 12 bits of sequence. It is never reused, also when the clock steps
// back, and is a string in JSON because it exceeds 2^53.
type ID int64

const (
	epochMilli = 1704067200000 // 2024-01-01T00:00:00Z
	seqBits    = 12
	nodeBits   = 10
	msShift    = seqBits + nodeBits
	seqMask    = 1<<seqBits - 1
	lastMs     = 1<<40 - 1 // in 2058; a clock beyond it is wrong, and half the range stays for going on
	// MaxNode is the largest node number of a cluster.
	MaxNode = 1<<nodeBits - 1
)

// String is the decimal number.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// MarshalText makes the ID a string in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (id *ID) UnmarshalText(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n <= 0 {
		return Errorf(Invalid, "id", "an ID is a positive whole number")
	}
	*id = ID(n)
	return nil
}

// Time is the moment at which the ID was made, by the clock of its node, which
// never goes backwards.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id)>>msShift + epochMilli).UTC() }

// FirstAt is the smallest ID of that moment: a bound for "since".
func FirstAt(t time.Time) ID {
	return ID(max(t.UnixMilli()-epochMilli, 0) << msShift)
}

// Span is how far apart IDs are that were made so long after each other.
func Span(d time.Duration) ID { return ID(d.Milliseconds() << msShift) }

// Sequence makes the IDs of one node.
type Sequence struct {
	now  func() time.Time
	node int64

	mu   sync.Mutex
	last int64 // milliseconds since the epoch above
	seq  int64
}

// NewSequence makes IDs for a node, all of them above last: the largest ID that
// the store holds, so that a clock that stepped back while the process was down
// repeats nothing.
func NewSequence(node int, last ID, now func() time.Time) *Sequence {
	return &Sequence{now: now, node: int64(node), last: int64(last) >> msShift, seq: seqMask}
}

// Next is an ID above all before it. Each millisecond starts at a random
// sequence number in the lower half, which is what makes references differ.
func (s *Sequence) Next() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := min(s.now().UnixMilli()-epochMilli, lastMs)
	switch {
	case ms > s.last:
		s.last, s.seq = ms, rand.Int64N(1<<(seqBits-1))
	case s.seq < seqMask:
		s.seq++
	default: // the millisecond is used up, or the clock stands still: borrow the next one
		s.last, s.seq = s.last+1, rand.Int64N(1<<(seqBits-1))
	}
	return ID(s.last<<msShift | s.node<<seqBits | s.seq)
}

// Reference is the short name of a message that a customer can read out over
// the telephone: eight characters without I, L, O and U, as in 7K3Q-9F2M. It is
// made from 40 bits of the ID, so it need not be stored; two messages of a
// tenant that share one are a multiple of three days apart, which is rare, and a
// look-up gives both.
func (id ID) Reference() string {
	n := refScramble(uint64(id)>>msShift&refMsMask<<seqBits | uint64(id)&seqMask)
	var b [9]byte
	for i := 8; i >= 0; i-- {
		if i == 4 {
			b[i] = '-'
			continue
		}
		b[i] = crockford[n&31]
		n >>= 5
	}
	return string(b[:])
}

const (
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	refMsBits = 28 // a reference comes round again after 2^28 ms, three days
	refMsMask = 1<<refMsBits - 1
	refMask   = 1<<40 - 1
	refMul    = 0x9E3779B97F4A7C15 & refMask // odd, so multiplication is a bijection
	refPeriod = 1 << refMsBits
)

var refInverse = inverse(refMul)

// inverse of an odd number modulo 2^40, by Newton's iteration.
func inverse(a uint64) uint64 {
	x := a
	for range 6 {
		x = x * (2 - a*x) & refMask
	}
	return x
}

func refScramble(n uint64) uint64 {
	n = n * refMul & refMask
	return n ^ n>>20
}

func refUnscramble(n uint64) uint64 {
	n ^= n >> 20
	return n * refInverse & refMask
}

// Candidates lists the IDs between since and until, of the nodes below nodes,
// that have this reference: one for each three days and node. Small letters, a missing hyphen and the usual
// confusions (O for 0, I and L for 1) are read as meant.
func Candidates(reference string, since, until time.Time, nodes int) ([]ID, error) {
	n, err := parseReference(reference)
	if err != nil {
		return nil, err
	}
	n = refUnscramble(n)
	ms, seq := int64(n>>seqBits), int64(n&seqMask)
	first := max(since.UnixMilli()-epochMilli, 0)
	last := until.UnixMilli() - epochMilli
	start := first - first%refPeriod + ms
	if start < first {
		start += refPeriod
	}
	var ids []ID
	for at := start; at <= last; at += refPeriod {
		for node := range int64(nodes) {
			ids = append(ids, ID(at<<msShift|node<<seqBits|seq))
		}
	}
	return ids, nil
}

func parseReference(s string) (uint64, error) {
	s = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(s))
	if len(s) != 8 {
		return 0, Errorf(Invalid, "reference", "a reference looks like 7K3Q-9F2M")
	}
	var n uint64
	for i := range len(s) {
		d := strings.IndexByte(crockford, s[i])
		if d < 0 {
			return 0, Errorf(Invalid, "reference", "a reference looks like 7K3Q-9F2M")
		}
		n = n<<5 | uint64(d)
	}
	return n, nil
}
