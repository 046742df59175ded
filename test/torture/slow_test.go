package torture_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

func TestA2SlowClientsAreLetGoAndHinderNobody(t *testing.T) {
	rig.Need(t, "slowhttptest")
	rig.Prove(t, slowClients, rig.Times(14, 60), rig.Control{Variant: "no-timeouts", Times: 14, Finds: "still held"})
}

const (
	headerTime = 5 * time.Second // the server's limits
	bodyTime   = 10 * time.Second
	slack      = 2 * time.Second
)

// slowClients lets two thousand connections send a little now and then, first
// in their headers and then in their bodies, while a normal client goes on.
func slowClients(t *testing.T, teeth string, seconds int) (r rig.Findings) {
	h := newHouse(t, "A2", rig.Seed(t), rig.Options{Teeth: teeth, Env: []string{"AFTERBEEP_LOG_LEVEL=error"}})
	s, c := h.open(t)
	defer s.Kill9()
	_, chat, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(s.URL, "http://")
	before := descriptors(s)
	for _, attack := range []struct {
		name, path, flag, head string
		limit                  time.Duration
	}{
		{"slow headers", "/apiaccess/ccmessaging/doLeaveMessage", "-H", "POST / HTTP/1.1\r\nHost: a\r\n", headerTime},
		{"slow bodies", "/service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage", "-B", "POST /service-cloud/rest/webadapter/v1/webadapterfacade/doLeaveMessage HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nCookie: ccmessaging-token=" + chat + "\r\nContent-Length: 4000\r\n\r\n{", bodyTime},
	} {
		var seen latencies
		stop := h.visit(s, &seen)
		probes := dribble(host, attack.head, 20, attack.limit+slack)
		attacker := exec.Command("slowhttptest", attack.flag, "-c", "2000", "-r", "400", "-i", "3", "-x", "24", "-s", "8000", "-t", "POST",
			"-l", fmt.Sprint(seconds), "-f", "application/json", "-j", "ccmessaging-token="+chat, "-u", s.URL+attack.path)
		out, err := attacker.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatal(err)
		}
		h.Fault(attack.name+" × 2000", 1)
		open := probes()
		stop()
		p, counts := seen.p99(rig.Acked), seen.counts()
		if p > 500*time.Millisecond || counts[rig.Acked] == 0 || len(counts) > 1 {
			r.Breaks("%s: a normal client got %v, p99 %v", attack.name, counts, p)
		}
		if open > 0 {
			r.Breaks("%s: %d of 20 connections are still held after %v", attack.name, open, attack.limit+slack)
		}
		r.Line += fmt.Sprintf("%s: normal client %v, p99 %v; ", attack.name, counts, p)
	}
	if !eventually(15*time.Second, func() bool { return descriptors(s) < before+50 }) {
		r.Breaks("%d descriptors before, %d after", before, descriptors(s))
	}
	return r.With(h.verdict(t))
}

// visit lets a normal client leave a message every 10 ms, each second time on a
// new connection.
func (h *house) visit(s *rig.Server, seen *latencies) (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c := rig.NewClient(s.URL, h.creds)
		defer c.Close()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if n%2 == 1 {
				c.Close()
			}
			o := h.leave(c)
			seen.add(o.Kind, o.Took)
		}
	}()
	return func() {
		close(stop)
		<-done
	}
}

// dribble opens n connections that send head and then a byte every 300 ms; the
// returned function counts those that the server still holds after the time.
func dribble(host, head string, n int, patience time.Duration) (held func() int) {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		open int
	)
	for range n {
		all.Go(func() {
			if holds(host, head, patience) {
				mu.Lock()
				defer mu.Unlock()
				open++
			}
		})
	}
	return func() int {
		all.Wait()
		return open
	}
}

func holds(host, head string, patience time.Duration) bool {
	c, err := net.Dial("tcp", host)
	if err != nil {
		return false
	}
	defer c.Close()
	if _, err := c.Write([]byte(head)); err != nil {
		return false
	}
	buffer := make([]byte, 4096)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := c.Write([]byte("X")); err != nil {
			return false
		}
		_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		// An answer, such as 408, is not the end yet: the server may go on waiting.
		if _, err := c.Read(buffer); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
	}
	return true
}
