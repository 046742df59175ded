package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Damaged says that rows were read whose values are not what was written. They
// are left out of what the method returned; everything else is in it.
type Damaged struct {
	What string // "message", "journal row", "event"
	IDs  []desk.ID
}

// Error names the rows and the remedy.
func (d *Damaged) Error() string {
	names := make([]string, len(d.IDs))
	for i, id := range d.IDs {
		names[i] = id.String()
	}
	return fmt.Sprintf("%d damaged %s(s), not shown: %s; run \"afterbeep doctor\" and restore them from a backup",
		len(d.IDs), d.What, strings.Join(names, " "))
}

// Damage names the rows, for those who do not know the store.
func (d *Damaged) Damage() []desk.ID { return d.IDs }

// add notes a damaged row; the receiver may be nil.
func (d *Damaged) add(what string, id desk.ID) *Damaged {
	if d == nil {
		d = &Damaged{What: what}
	}
	d.IDs = append(d.IDs, id)
	return d
}

// err is nil for a nil receiver: a typed nil in an error is not nil.
func (d *Damaged) err() error {
	if d == nil {
		return nil
	}
	return d
}

func isDamaged(err error) bool {
	var d *Damaged
	return errors.As(err, &d)
}

// hash is 128 bits of SHA-256 over the values, each with its length, so that no
// byte can move from one value to the next.
func hash(ints []int64, texts ...string) []byte {
	b := make([]byte, 0, 512)
	for _, n := range ints {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, t := range texts {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	sum := sha256.Sum256(b)
	return sum[:16]
}

func intact(want, got []byte) bool { return bytes.Equal(want, got) || teeth.On("no-hash") }

func messageHash(m *desk.Message) []byte {
	return hash([]int64{int64(m.Tenant), int64(m.ID), int64(m.Thread), int64(m.Channel), m.ReceivedAt.UnixMicro()},
		string(m.App), m.CallID, m.Caller, m.Text, m.UserID, m.UserName, m.Locale)
}

func rowHash(r *desk.Row) []byte {
	return hash([]int64{int64(r.First), int64(r.Last), int64(r.Count)}, string(r.Lines))
}

func eventHash(e *desk.Event) []byte {
	return hash([]int64{int64(e.Tenant), e.Seq, int64(e.Thread), e.At.UnixMicro()}, e.Kind, e.Actor, string(e.Data))
}
