package torture_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

const writers = 16

// cyclesAHouse bounds how much one comparison reads.
const cyclesAHouse = 10

func TestD1ProcessDeathLosesNothingAcknowledged(t *testing.T) {
	rig.Prove(t, deaths, rig.Times(100, 1000), rig.Control{Variant: "ack-before-commit", Times: 5, Finds: "acknowledged and lost"})
}

// deaths kills the server under load and starts it again on the same folder,
// again and again.
func deaths(t *testing.T, teeth string, cycles int) (r rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var (
		h       *house
		total   rig.Verdict
		slowest time.Duration
	)
	for cycle := range cycles {
		if cycle%cyclesAHouse == 0 {
			h = newHouse(t, "D1", seed+int64(cycle), rig.Options{Teeth: teeth})
		}
		s, c := h.open(t)
		slowest = max(slowest, s.Took)
		h.Resend(t.Context(), c)
		end := h.load(c, writers)
		time.Sleep(between(chance, 50, 400))
		s.Kill9()
		end()
		h.Fault("kill -9", 1)
		if cycle%cyclesAHouse == cyclesAHouse-1 || cycle == cycles-1 {
			s, c := h.open(t) // what was doubtful must be one message, too
			h.Resend(t.Context(), c)
			slowest = max(slowest, s.Took)
			total = total.Add(h.verdict(t))
			s.Kill9()
		}
	}
	if slowest > 2*time.Second {
		r.Breaks("a start took %v, more than 2 s", slowest)
	}
	r.Line = fmt.Sprintf("slowest start %v", slowest.Round(time.Millisecond))
	return r.With(total)
}

func between(chance *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+chance.IntN(most-least+1)) * time.Millisecond
}

func TestD16ATerminatedServerAnswersWhatItHasBegunAndLosesNothing(t *testing.T) {
	rig.Prove(t, drains, rig.Times(20, 100), rig.Control{Variant: "no-drain", Times: 3, Finds: "no whole answer"})
}

// drains ends the server with SIGTERM under load, while some clients are still
// sending their bodies.
func drains(t *testing.T, teeth string, cycles int) (r rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var (
		total    rig.Verdict
		slowest  time.Duration
		cut, all int
		h        *house
	)
	for cycle := range cycles {
		if cycle%cyclesAHouse == 0 {
			h = newHouse(t, "D16", seed+int64(cycle), rig.Options{Teeth: teeth})
		}
		s, c := h.open(t)
		end := h.load(c, writers)
		slow := h.hesitate(t, s, 8)
		time.Sleep(between(chance, 50, 400))
		began := time.Now()
		s.Term()
		h.Fault("SIGTERM", 1)
		time.Sleep(between(chance, 100, 300))
		n := slow()
		cut, all = cut+n, all+8
		code, left := s.Wait(15 * time.Second)
		took := time.Since(began)
		end()
		slowest = max(slowest, took)
		if !left || took > 12*time.Second || code != 0 {
			r.Breaks("cycle %d: after SIGTERM the server left: %v, with code %d, after %v", cycle, left, code, took)
		}
		if cycle%cyclesAHouse == cyclesAHouse-1 || cycle == cycles-1 {
			total = total.Add(h.verdict(t))
		}
	}
	if cut > 0 {
		r.Breaks("%d of %d requests that the server was reading got no whole answer", cut, all)
	}
	r.Line = fmt.Sprintf("%d requests in flight, %d cut off, slowest exit %v", all, cut, slowest.Round(time.Millisecond))
	return r.With(total)
}

// hesitate begins n requests and stops in the middle of their bodies. The
// returned function sends the rest and counts those without a whole answer.
func (h *house) hesitate(t *testing.T, s *rig.Server, n int) (finish func() int) {
	t.Helper()
	c := rig.NewClient(s.URL, h.creds)
	gate, cut := make(chan struct{}), make(chan bool, n)
	var begun sync.WaitGroup
	for range n {
		letter := h.Write()
		req, err := c.Request(t.Context(), letter)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		begun.Add(1)
		sender, body := io.Pipe()
		req.Body = sender
		go func() {
			_, _ = body.Write(whole[:20])
			begun.Done()
			<-gate
			_, _ = body.Write(whole[20:])
			_ = body.Close()
		}()
		go func() { cut <- !h.answered(c, letter, req) }()
	}
	begun.Wait()
	return func() (unanswered int) {
		close(gate)
		for range n {
			if <-cut {
				unanswered++
			}
		}
		c.Close()
		return unanswered
	}
}

// answered sends the request and notes the answer; false when there was none.
func (h *house) answered(c *rig.Client, letter rig.Letter, req *http.Request) bool {
	o := c.Send(req)
	h.Note(letter, o)
	return o.Kind == rig.Acked || o.Kind == rig.Busy
}

func TestI1OneKeyIsOneMessageAlsoAcrossDeaths(t *testing.T) {
	rig.Prove(t, keys, rig.Times(20, 200), rig.Control{Variant: "no-idempotency", Times: 2, Finds: "stored twice"})
}

// keys sends the same letter with the same key a hundred times at once, in
// every other round while the server dies, and once more after it.
func keys(t *testing.T, teeth string, rounds int) (r rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	h := newHouse(t, "I1", seed, rig.Options{Teeth: teeth})
	s, c := h.open(t)
	for round := range rounds {
		letter := h.WriteKeyed()
		answers := make(chan rig.Outcome, 300)
		done := h.crowd(c, letter, 100, answers)
		if round%2 == 1 {
			time.Sleep(time.Duration(chance.IntN(8000)) * time.Microsecond)
			s.Kill9()
			h.Fault("kill -9", 1)
			<-done
			c.Close()
			s, c = h.open(t)
		}
		<-done
		<-h.crowd(c, letter, 100, answers)
		close(answers)
		if names := references(answers); len(names) != 1 {
			r.Breaks("round %d: one key was given %d references", round, len(names))
		}
		other := letter
		other.Text += " and more"
		if o := c.Leave(t.Context(), other); o.Status != http.StatusBadRequest {
			r.Breaks("round %d: the key with another text was answered %v, not with 400", round, o)
		}
	}
	s.Kill9()
	r.Line = fmt.Sprintf("%d keys, 200 requests each", rounds)
	return r.With(h.verdict(t))
}

// crowd sends one letter n times at once.
func (h *house) crowd(c *rig.Client, letter rig.Letter, n int, answers chan<- rig.Outcome) <-chan struct{} {
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			o := c.Leave(ctx, letter)
			h.Note(letter, o)
			answers <- o
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	return done
}

func references(answers <-chan rig.Outcome) map[string]int {
	names := map[string]int{}
	for o := range answers {
		if o.Kind == rig.Acked {
			names[o.Reference]++
		}
	}
	return names
}

func TestS1EveryAcknowledgedMessageIsSortedOnce(t *testing.T) {
	rig.Prove(t, sortings, rig.Times(20, 500), rig.Control{Variant: "delete-first", Times: 60, Finds: "acknowledged and lost"})
}

// sortings kills the server while it sorts a burst, and counts at the end what
// is in the threads and in the event log.
func sortings(t *testing.T, teeth string, cycles int) (r rig.Findings) {
	seed := rig.Seed(t)
	chance := rig.Rand(seed)
	var (
		h       *house
		total   rig.Verdict
		waiting int
	)
	for cycle := range cycles {
		if cycle%cyclesAHouse == 0 {
			h = newHouse(t, "S1", seed+int64(cycle), rig.Options{Teeth: teeth})
		}
		s, c := h.open(t)
		end := h.load(c, writers)
		time.Sleep(between(chance, 60, 160))
		if cycle%2 == 0 {
			end()
			time.Sleep(time.Duration(chance.IntN(60000)) * time.Microsecond)
			s.Kill9()
		} else {
			s.Kill9()
			end()
		}
		h.Fault("kill -9", 1)
		waiting += ask(t, database(t, h.o.Data), `SELECT coalesce(sum(messages), 0) FROM journal`)
		if cycle%cyclesAHouse < cyclesAHouse-1 && cycle < cycles-1 {
			continue
		}
		s, c = h.open(t)
		h.Resend(t.Context(), c)
		h.sorted(t, &r)
		s.Kill9()
		total = total.Add(h.verdict(t))
		if teeth != "" && total.Violations() > 0 {
			break // a control has nothing more to show
		}
	}
	if waiting == 0 {
		r.Breaks("no kill found a message that was not sorted yet: the trial proves nothing")
	}
	r.Line = fmt.Sprintf("%d messages were still to be sorted when the process died", waiting)
	return r.With(total)
}

// sorted waits until the journal is empty and counts.
func (h *house) sorted(t *testing.T, r *rig.Findings) {
	t.Helper()
	db := database(t, h.o.Data)
	if !eventually(20*time.Second, func() bool { return ask(t, db, `SELECT count(*) FROM journal`) == 0 }) {
		r.Breaks("the journal was not sorted within 20 s")
	}
	for what, statement := range map[string]string{
		"messages without a thread":                   `SELECT count(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM thread WHERE id = m.thread_id)`,
		"messages without an event":                   `SELECT count(*) FROM message WHERE CAST(id AS TEXT) NOT IN (SELECT json_extract(data, '$.message') FROM event WHERE kind = 'message.left')`,
		"events too many or too few":                  `SELECT abs((SELECT count(*) FROM event WHERE kind = 'message.left') - (SELECT count(*) FROM message))`,
		"threads that say another number of messages": `SELECT count(*) FROM thread WHERE messages <> (SELECT count(*) FROM message WHERE thread_id = thread.id)`,
		"callers with two open threads":               `SELECT count(*) FROM (SELECT 1 FROM thread WHERE state <> 'closed' GROUP BY caller_key, channel_id HAVING count(*) > 1)`,
		"messages set aside":                          `SELECT count(*) FROM aside`,
		"gaps in the event log":                       `SELECT coalesce(max(seq), 0) - count(*) FROM event`,
	} {
		if n := ask(t, db, statement); n != 0 {
			r.Breaks("%d %s", n, what)
		}
	}
}
