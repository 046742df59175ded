package intake

import (
	"sync"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// batch is a set of messages that wait for the same flush.
type batch struct {
	rows  []desk.Row
	keyed []*desk.Keyed
	count int
	bytes int
	split bool // the next message without a key begins a row

	stalled bool // its flush exceeded the time for an acknowledgement

	once sync.Once
	done chan struct{}
	err  error // set before done is closed
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// add encodes m at the end of the last row, or on its own when a key must be
// looked up first.
func (b *batch) add(m *desk.Message, keyed *desk.Keyed) {
	b.count++
	if keyed != nil {
		keyed.ID = m.ID
		keyed.Line = desk.AppendLine(nil, m)
		b.keyed = append(b.keyed, keyed)
		b.bytes += len(keyed.Line)
		b.split = true // so that no row's IDs enclose another's
		return
	}
	if len(b.rows) == 0 || b.split || b.rows[len(b.rows)-1].Count == desk.RowLines {
		b.split = false
		b.rows = append(b.rows, desk.Row{First: m.ID})
	}
	r := &b.rows[len(b.rows)-1]
	before := len(r.Lines)
	r.Lines = desk.AppendLine(r.Lines, m)
	r.Last = m.ID
	r.Count++
	b.bytes += len(r.Lines) - before
}

func (b *batch) seal(now time.Time) *desk.Batch {
	return &desk.Batch{Rows: b.rows, Keyed: b.keyed, At: now}
}

// finish wakes everybody who waits. Only the first outcome counts: once a flush
// was given up as unknown, its late success is no acknowledgement.
func (b *batch) finish(err error) {
	b.once.Do(func() {
		b.err = err
		close(b.done)
	})
}
