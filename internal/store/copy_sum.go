package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// Sum is what a section holds: how many rows, and a number that any change of
// any of them changes. It is the sum, modulo 2^256, of the SHA-256 of every row:
// so the order does not matter, in which the engines may differ, and a row that
// is missing, doubled or altered does.
type Sum struct {
	Rows int64
	hash [4]uint64 // the lowest first
}

// Add counts a row.
func (s *Sum) Add(t *Table, row Values) {
	b := make([]byte, 0, 512)
	if t.Shared {
		row = row[1:] // the bucket is a place, no content
	}
	for _, v := range row {
		switch v := v.(type) {
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, byte(Int)), uint64(v))
		case string:
			b = append(binary.AppendUvarint(append(b, byte(Text)), uint64(len(v))), v...)
		case []byte:
			b = append(binary.AppendUvarint(append(b, byte(Bytes)), uint64(len(v))), v...)
		}
	}
	one := sha256.Sum256(b)
	carry := uint64(0)
	for i := range s.hash {
		s.hash[i], carry = bits.Add64(s.hash[i], binary.LittleEndian.Uint64(one[8*i:]), carry)
	}
	s.Rows++
}

// Hash is the sum of the rows' hashes, as 64 hexadecimal digits.
func (s *Sum) Hash() string {
	var b []byte
	for _, n := range s.hash {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return hex.EncodeToString(b)
}

// Sum reads a section; progress is told of the rows of each page.
func (f *Still) Sum(ctx context.Context, at Section, progress func(rows int)) (sum Sum, err error) {
	err = f.Each(ctx, at, nil, func(page []Values) error {
		for _, row := range page {
			sum.Add(&at.Table, row)
		}
		progress(len(page))
		return nil
	})
	return sum, err
}
