package load_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/bench/load"
)

const request = "POST /leave HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\n{}"

func run(t *testing.T, h http.HandlerFunc, p load.Plan) *load.Result {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	p.Addr = strings.TrimPrefix(server.URL, "http://")
	p.Requests = [][]byte{[]byte(request)}
	p.Duration = 200 * time.Millisecond
	r, err := load.Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryAnswerIsCountedUnderWhatItSays(t *testing.T) {
	answers := []struct {
		status int
		body   string
	}{
		{200, `{"resultCode":"0","resultDesc":"Save leaveMessage success!"}`},
		{200, `{"resultCode":"13","resultDesc":"Exception appeared!"}`},
		{503, `{"resultCode":"13"}`},
		{429, `{"resultCode":"13"}`},
		{401, `{"errorCode":"x"}`},
		{200, `{"resultCode":"3"}`},
	}
	var n atomic.Int64
	var given [6]atomic.Int64
	r := run(t, func(w http.ResponseWriter, _ *http.Request) {
		i := int(n.Add(1)) % len(answers)
		given[i].Add(1)
		w.WriteHeader(answers[i].status)
		_, _ = w.Write([]byte(answers[i].body))
	}, load.Plan{Connections: 3})
	got := []int64{r.Acked, r.Failed, r.Busy, r.Limited, r.Other}
	want := []int64{given[0].Load(), given[1].Load(), given[2].Load(), given[3].Load(), given[4].Load() + given[5].Load()}
	for i := range got {
		// An answer that arrives after the end is not counted: at most one a connection.
		if got[i] < want[i]-3 || got[i] > want[i] || got[i] == 0 {
			t.Errorf("counted %v, given %v", got, want)
			break
		}
	}
	if r.Broken != 0 || r.Latency.Count() != r.Acked || r.Refusal.Count() != r.Busy+r.Limited {
		t.Errorf("broken %d, latencies %d and %d", r.Broken, r.Latency.Count(), r.Refusal.Count())
	}
}

func TestAnAnswerThatCannotBeReadIsBrokenAndTheConnectionReplaced(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush() // no Content-Length
	}, load.Plan{Connections: 2})
	if r.Broken < 2 || r.Acked != 0 {
		t.Errorf("broken %d, acked %d", r.Broken, r.Acked)
	}
}

func TestInOpenLoopALatencyBeginsWhenTheRequestWasDue(t *testing.T) {
	r := run(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond) // a quarter of the rate that is asked for
		_, _ = w.Write([]byte(`{"resultCode":"0"}`))
	}, load.Plan{Connections: 1, Rate: 200})
	if worst := r.Latency.Max(); worst < 80*time.Millisecond {
		t.Errorf("the longest latency is %v: the time in the queue is missing", worst)
	}
}

func TestAPlanThatCannotWorkIsRefused(t *testing.T) {
	for _, p := range []load.Plan{{}, {Connections: 1, Requests: [][]byte{nil}}, {Connections: 1, Duration: 1}} {
		if _, err := load.Run(context.Background(), p); err == nil {
			t.Errorf("%+v runs", p)
		}
	}
}

func TestQuantilesAreWithinASixtyFourthOfTheTruth(t *testing.T) {
	var h, first, second load.Histogram
	var all []time.Duration
	for i := range 20_000 {
		d := time.Duration(rand.ExpFloat64() * float64(20*time.Millisecond))
		all = append(all, d)
		if i%2 == 0 {
			first.Add(d)
		} else {
			second.Add(d)
		}
	}
	h.Merge(&first)
	h.Merge(&second)
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999, 1} {
		want := all[int(q*float64(len(all))+0.5)-1] // one further on, the tail may hold a leap
		got := h.Quantile(q)
		if off := (got - want).Abs(); off > want/64+2*time.Microsecond {
			t.Errorf("quantile %v is %v, not %v", q, got, want)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != int64(len(all)) {
		t.Errorf("max %v, count %d", h.Max(), h.Count())
	}
}

func TestConnectionsGoToOneNodeAfterTheOther(t *testing.T) {
	var asked [3]atomic.Int64
	node := func(i int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			asked[i].Add(1)
			_, _ = w.Write([]byte(`{"resultCode":"0"}`))
		}
	}
	var also []string
	for i := 1; i < 3; i++ {
		s := httptest.NewServer(node(i))
		t.Cleanup(s.Close)
		also = append(also, strings.TrimPrefix(s.URL, "http://"))
	}
	// Fifty requests a second and connection: however fast a node is, it gets its share.
	r := run(t, node(0), load.Plan{Connections: 6, Also: also, Rate: 300})
	all := int64(0)
	for i := range asked {
		n := asked[i].Load()
		all += n
		if n < 10 {
			t.Errorf("node %d was asked %d times", i, n)
		}
	}
	if r.Acked == 0 || r.Acked > all {
		t.Errorf("%d are counted of %d", r.Acked, all)
	}
}
