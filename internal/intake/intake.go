// Package intake takes messages down. Its one promise: when Take returns no
// error, the message is on the disk, flushed. Everything that makes a message
// useful happens later, in package sorting.
//
// Many requests wait for one flush. Take adds the message to the batch that is
// being gathered; a single writer (Run) hands one batch after the other to the
// journal and wakes everybody who waited for it. The queue is bounded in
// messages and in time: what cannot be written soon is refused at once, so a
// flood costs neither memory nor the patience of those already accepted.
package intake

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// Journal writes a batch with one flush. On success the outcome of each keyed
// message is in its Keyed. An error means that nothing of the batch was stored,
// unless its kind is desk.Unknown; desk.ErrBroken in its chain ends the process.
type Journal interface {
	Append(ctx context.Context, b *desk.Batch) error
}

// Intake is the queue in front of the journal.
type Intake struct {
	journal Journal
	ids     *desk.Sequence
	now     func() time.Time
	set     Settings
	wake    chan struct{} // has room for one: the writer has something to do
	ripe    chan struct{} // has room for one: the batch has what the writer lingers for
	landed  chan struct{} // has room for one: a flush has ended, or more may be under way

	turn chan struct{} // held by the writer that gathers

	mu       sync.Mutex
	filling  *batch    // gathers; nil when nobody waits
	full     []*batch  // before filling, oldest first
	waiting  int       // messages in filling, full and the flushes under way
	flying   int       // messages in the flushes under way
	taken    int64     // messages gathered since the start
	wanted   int       // messages that a writer lingers for; 0 when none does
	began    time.Time // when the last flush began
	counted  int64     // taken until then
	closed   bool
	stalled  int                  // flushes that exceeded AckTimeout and have not come back
	flushing map[*batch]time.Time // the flushes under way and when they began
	pace     time.Duration
	writers  int // flushes that may be under way at the same time
}

// New makes an intake; nothing is written before Run.
func New(j Journal, ids *desk.Sequence, now func() time.Time, s Settings) *Intake {
	s = s.withDefaults()
	return &Intake{
		journal: j, ids: ids, now: now, set: s, wake: make(chan struct{}, 1), ripe: make(chan struct{}, 1), landed: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		flushing: map[*batch]time.Time{}, writers: s.Writers,
	}
}

// Share tells how many nodes write to the same database. Their flushes share it,
// so each has fewer under way: fuller ones, which cost the database less.
func (in *Intake) Share(nodes int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.writers = max(1, in.set.Writers/max(nodes, 1))
	nudge(in.landed)
}

// Take stores m and returns when it is flushed. It gives m its ID and time. A
// key that was seen before with the same values gives the first receipt again.
//
// Errors: Invalid (a value; nothing stored), Conflict (the key came with other
// values; nothing stored), Busy (the queue is full or closed; nothing stored),
// Unstored (the store refused), Unknown (nobody knows). The context does not
// take a message back: once gathered, it is written.
func (in *Intake) Take(_ context.Context, m *desk.Message, textLimit int, key string) (desk.Receipt, error) {
	if err := desk.CheckMessage(m.CallID, m.Caller, m.Text, textLimit); err != nil {
		return desk.Receipt{}, err
	}
	b, keyed, err := in.gather(m, key)
	if err != nil {
		return desk.Receipt{}, err
	}
	<-b.done
	switch {
	case b.err != nil:
		return desk.Receipt{}, b.err
	case keyed != nil:
		return keyed.Receipt, keyed.Err
	}
	return desk.Receipt{ID: m.ID}, nil
}

func (in *Intake) gather(m *desk.Message, key string) (*batch, *desk.Keyed, error) {
	var keyed *desk.Keyed
	if key != "" {
		keyed = &desk.Keyed{Tenant: m.Tenant, App: m.App, Key: key, Print: print(m)}
	}
	m.ReceivedAt = in.now().UTC().Truncate(time.Microsecond)

	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.admit(); err != nil {
		return nil, nil, err
	}
	if b := in.filling; b != nil && (b.count >= in.set.Batch || b.bytes >= in.set.Bytes) {
		in.full, in.filling = append(in.full, b), nil
	}
	if in.filling == nil {
		in.filling = newBatch()
		nudge(in.wake)
	}
	m.ID = in.ids.Next()
	in.filling.add(m, keyed)
	in.waiting++
	in.taken++
	if in.wanted > 0 && in.waiting-in.flying >= in.wanted {
		in.wanted = 0
		nudge(in.ripe)
	}
	return in.filling, keyed, nil
}

// nudge never blocks: one signal is as good as many.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// admit refuses what would wait too long; in.mu is held.
func (in *Intake) admit() error {
	if teeth.On("unbounded-queue") {
		return nil
	}
	switch {
	case in.closed:
		return busy("the server is shutting down; try again in a moment")
	case in.stalled > 0:
		return busy("the disk does not answer; try again in a moment")
	case in.waiting >= in.set.Queue, in.waiting > 0 && in.expected() > in.set.MaxWait:
		return busy("more messages arrive than can be written; try again in a moment")
	}
	return in.set.Allowed()
}

func busy(text string) error {
	return &desk.Error{Kind: desk.Busy, Code: "busy", Text: text, RetryAfter: time.Second}
}

// expected is how long a message gathered now would wait, judged by the pace of
// the last flushes; in.mu is held.
func (in *Intake) expected() time.Duration {
	batches := len(in.full) + 1
	if b := in.filling; b != nil && b.count >= in.set.Batch {
		batches++
	}
	if len(in.flushing) < in.writers {
		return time.Duration(batches) * in.pace / time.Duration(in.writers)
	}
	// A flush that is overdue says more about the disk than those before it, and
	// may well last as long again. The first to end makes room for the next.
	elapsed := in.now().Sub(in.latest())
	return time.Duration(batches)*max(in.pace, elapsed)/time.Duration(in.writers) + (in.pace - elapsed).Abs()
}

// latest is when the flush under way that began last did so; in.mu is held.
func (in *Intake) latest() (last time.Time) {
	for _, began := range in.flushing {
		if began.After(last) {
			last = began
		}
	}
	return last
}

// print identifies what was said, not how it was sent.
func print(m *desk.Message) (sum [16]byte) {
	b := make([]byte, 0, 128+len(m.Text))
	b = binary.BigEndian.AppendUint64(b, uint64(m.Channel))
	for _, s := range [...]string{m.CallID, m.Caller, m.Text} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	full := sha256.Sum256(b)
	copy(sum[:], full[:])
	return sum
}

// Queued is how many messages wait for their flush.
func (in *Intake) Queued() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.waiting
}

// Taken is how many messages were gathered since the start.
func (in *Intake) Taken() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.taken
}

// Number makes IDs with another sequence from here on.
func (in *Intake) Number(ids *desk.Sequence) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.ids = ids
}

// Run writes until ctx ends, then what still waits, and returns. An error means
// that a flush failed and the process must leave.
func (in *Intake) Run(ctx context.Context) error {
	defer in.shut()
	group, ctx := errgroup.WithContext(ctx)
	for range in.set.Writers {
		group.Go(func() error { return in.writer(ctx) })
	}
	return group.Wait()
}

// writer gathers when it is its turn, and flushes while the next one gathers.
func (in *Intake) writer(ctx context.Context) error {
	last := 0
	for {
		in.turn <- struct{}{}
		for in.crowded() {
			<-in.landed
		}
		b := in.next(ctx, last)
		<-in.turn
		if b == nil {
			return nil
		}
		last = b.count
		if err := in.flush(ctx, b); errors.Is(err, desk.ErrBroken) {
			return err
		}
	}
}

// crowded: as many flushes are under way as may be. Each of them ends, whatever
// comes of it, and says so.
func (in *Intake) crowded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.flushing) >= in.writers
}

// idle: nothing waits for a writer.
func (in *Intake) idle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.filling == nil && len(in.full) == 0
}

// next waits for a batch; nil when ctx has ended and nothing waits.
func (in *Intake) next(ctx context.Context, last int) *batch {
	for {
		if in.idle() {
			select {
			case <-in.wake:
			case <-ctx.Done():
				in.close()
			}
		}
		if last > lonely && ctx.Err() == nil {
			in.linger(ctx)
		}
		if b := in.take(); b != nil {
			return b
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (in *Intake) take() *batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	b := in.filling
	if len(in.full) > 0 {
		b, in.full = in.full[0], in.full[1:]
	} else {
		in.filling = nil
	}
	if b != nil {
		in.began, in.counted = in.now(), in.taken
		in.flushing[b] = in.began
		in.flying += b.count
	}
	return b
}

func (in *Intake) flush(ctx context.Context, b *batch) error {
	start := in.now()
	if teeth.On("ack-before-commit") || teeth.On("no-journal") {
		b.finish(nil)
	}
	late := time.AfterFunc(in.set.AckTimeout, func() { in.stall(b) })
	var err error
	if !teeth.On("no-journal") {
		err = in.journal.Append(context.WithoutCancel(ctx), b.seal(start))
	}
	late.Stop()
	took := in.now().Sub(start)
	in.set.Observe(b.count, took, err)
	in.flushed(b, took)
	if teeth.On("ack-on-error") {
		b.finish(nil)
	}
	b.finish(err)
	return err
}

func (in *Intake) flushed(b *batch, took time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.waiting -= b.count
	in.flying -= b.count
	if b.stalled {
		in.stalled--
	}
	delete(in.flushing, b)
	nudge(in.landed)
	// A slow flush is believed at once, fast ones only when they are many: a few
	// lucky ones must not let in more than the disk can write in time.
	switch {
	case in.pace == 0:
		in.pace = took
	case took > in.pace:
		in.pace += (took - in.pace) / 4
	default:
		in.pace += (took - in.pace) / 32
	}
}

// stall gives up on a flush that does not come back: those who wait for it are
// told that nobody knows, and those behind it that nothing was stored.
func (in *Intake) stall(b *batch) {
	b.finish(desk.Errorf(desk.Unknown, "flush_timeout", "the disk did not answer in time"))
	in.mu.Lock()
	defer in.mu.Unlock()
	if _, under := in.flushing[b]; !under {
		return // it came back at this very moment
	}
	b.stalled = true
	in.stalled++
	in.refuse(desk.Errorf(desk.Unstored, "flush_timeout", "the disk did not answer in time"))
}

// refuse ends all batches that have not been given to the journal; in.mu is held.
func (in *Intake) refuse(err error) {
	if in.filling != nil {
		in.full = append(in.full, in.filling)
	}
	for _, b := range in.full {
		in.waiting -= b.count
		b.finish(err)
	}
	in.full, in.filling = nil, nil
}

func (in *Intake) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
}

// shut runs when the writer ends: nobody may wait for it any more.
func (in *Intake) shut() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.refuse(desk.Errorf(desk.Unstored, "stopped", "the server stopped before the message was written"))
}
