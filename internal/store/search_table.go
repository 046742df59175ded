package store

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// tableIndex is the index of words in a table of the database itself, for
// engines that several nodes share. Entries and cursor are written in one
// transaction, so every event is taken in exactly once, whoever does it.
//
// A word is kept as a number: the slice of the event log that its message was
// told in, and a hash of the word. A slice is a run of events of one tenant, so
// what is written goes to one narrow part of the index, however large the rest
// is, and what is rare is asked of one slice after the other, the newest first.
// Each message has one number more, for the part of the slice that it is in: a
// common word's messages are found a part at a time. Numbers may collide; what is
// found is compared with the message anyway.
//
// The table belongs to the migrations' role, and is written and read by its
// functions alone: row-level security would forbid the index that it is all
// about. They look at the transaction's tenant themselves.
type tableIndex struct {
	s    *Store
	bits uint
}

// TableIndex is the index of words in the database's own table; a slice has so
// many bits of events, which never changes in one database.
func (s *Store) TableIndex(bits uint) Index { return tableIndex{s, bits} }

// SliceBits: a slice has 131,072 events. Smaller ones make rare words slower;
// larger ones are a larger part of the index to write to. The parts, of 2,048
// events, are what a common word costs.
const (
	SliceBits = 17
	partBits  = 6 // a slice has 64 parts
	newSlices = 1 << 30
)

// place is the slice and the part that an event belongs to. The slices of before
// there were parts have the smaller numbers.
func (x tableIndex) place(seq int64) (slice, part int64) {
	return newSlices + seq>>x.bits, seq & (1<<x.bits - 1) >> max(x.bits-partBits, 0)
}

// Covered is where the reader stands, which says it all: the index cannot be of
// another history than the events beside it.
func (x tableIndex) Covered(ctx context.Context, tenant desk.TenantID) (int64, []byte, error) {
	seq, err := x.s.cursor(ctx, tenant, SearchReader)
	return seq, nil, err
}

// Find lets the database go from slice to slice until there is enough.
func (x tableIndex) Find(ctx context.Context, tenant desk.TenantID, w Want) ([]desk.ID, desk.ID, error) {
	found, err := x.s.query(ctx, tenant, `SELECT search_seek($1, CAST($2 AS TEXT), $3, $4, $5)`,
		numbers(w.Tokens), int64(w.Since), int64(w.Before), w.Most)
	all, err := collect(found, err, scanCount)
	if err != nil {
		return nil, 0, err
	}
	ids := make([]desk.ID, 0, len(all))
	for _, id := range all {
		ids = append(ids, desk.ID(id))
	}
	return ids[1:], ids[0], nil // the floor comes first
}

// numbers writes the hashes of tokens as a list: {1,2,3}.
func numbers(tokens []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, t := range tokens {
		if i > 0 {
			b.WriteByte(',')
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(t)) // it never fails
		b.WriteString(strconv.FormatUint(uint64(h.Sum32()), 10))
	}
	b.WriteByte('}')
	return b.String()
}

// Add writes entries and cursor.
func (x tableIndex) Add(ctx context.Context, l desk.Lease, all []Entry, to int64, _ []byte) error {
	return x.s.change(ctx, func(t *tx) error {
		if err := t.advance(ctx, l, to); err != nil {
			return err
		}
		for rest := all; len(rest) > 0; {
			slice, part := x.place(rest[0].Seq)
			n := slices.IndexFunc(rest, func(e Entry) bool {
				s, p := x.place(e.Seq)
				return s != slice || p != part
			})
			if n < 0 {
				n = len(rest)
			}
			ids, words := make([]string, n), make([]string, n)
			for i, e := range rest[:n] {
				ids[i], words[i] = e.ID.String(), numbers(e.Tokens)
			}
			if _, err := t.exec(ctx, l.Tenant, `SELECT search_put($1, $2, $3, CAST($4 AS TEXT), CAST($5 AS TEXT))`,
				slice, part, "{"+strings.Join(ids, ",")+"}", strings.Join(words, ";")); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
}

// Lost: a table is not lost without the rest of the database.
func (tableIndex) Lost() bool { return false }

// Forget deletes what the tenant has in the index, and lets it begin anew.
func (x tableIndex) Forget(ctx context.Context, l desk.Lease) error {
	return x.s.change(ctx, func(t *tx) error {
		if _, err := t.exec(ctx, l.Tenant, `UPDATE reader SET seq = 0 WHERE tenant_id = $1 AND name = $2 AND holder = $3`, l.Reader, l.Holder); err != nil {
			return err
		}
		_, err := t.exec(ctx, l.Tenant, `SELECT search_forget($1)`)
		return err
	})
}

// Close has nothing to close.
func (tableIndex) Close() error { return nil }
