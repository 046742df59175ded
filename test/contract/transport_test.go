package contract

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/test/rig"
)

// patient plays the rows that wait for a timeout, all at the same time.
func (p *player) patient(t *testing.T, w *world) {
	p.row(t, 16, "Content-Length longer than what arrives", func(t *testing.T) {
		t.Parallel()
		c := w.leaving().unframed()
		c = c.and("Content-Length", fmt.Sprint(len(c.body)+10))
		closes(t, w, 10*time.Second, c.bytes(w.host), 0)
	})
	p.row(t, 24, "slow headers, slow body", func(t *testing.T) {
		t.Parallel()
		whole := w.leaving().bytes(w.host)
		body := strings.Index(string(whole), "\r\n\r\n") + 4
		for _, slow := range []struct {
			title   string
			at      int // bytes that come at once
			timeout time.Duration
		}{{"headers", 40, 5 * time.Second}, {"body", body, 10 * time.Second}} {
			t.Run(slow.title, func(t *testing.T) {
				t.Parallel()
				closes(t, w, slow.timeout, whole, slow.at)
			})
		}
	})
	p.row(t, 5, "AccessToken unknown, expired, revoked, of a disabled app", func(t *testing.T) {
		t.Parallel()
		short := w.token(t, w.creds, "1")
		disabled := w.app(t, "", "Disabled")
		rotated := w.app(t, "", "Rotated")
		var off, revoked string
		soon(t, "a new app is known", func() bool { return send(t, w.host, w.asking(rotated)).Status == http.StatusOK })
		off, revoked = w.token(t, disabled, ""), w.token(t, rotated, "")
		rig.Must(t, w.options, "app", "disable", "Disabled")
		rig.Must(t, w.options, "app", "rotate", "Rotated", "--revoke-tokens")
		refused := func(c rig.Credentials, token string) func() bool {
			return func() bool { return send(t, w.host, w.applying(c, token)).Status == http.StatusUnauthorized }
		}
		soon(t, "the token of a disabled app is refused", refused(disabled, off))
		soon(t, "a revoked token is refused", refused(rotated, revoked))
		soon(t, "a token of one second has expired", refused(w.creds, short))
		want := send(t, w.host, w.leaving().with("Authorization", "Bearer "+strings.Repeat("0", 32)))
		gate(t, want, http.StatusUnauthorized)
		for what, c := range map[string]call{
			"unknown":  w.leaving().with("Authorization", "Bearer "+w.access[:len(w.access)-1]+"0"),
			"expired":  w.leaving().with("Authorization", "Bearer "+short),
			"revoked":  w.leaving().with("Authorization", "Bearer "+revoked).with("x-app-key", rotated.AppKey),
			"disabled": w.leaving().with("Authorization", "Bearer "+off).with("x-app-key", disabled.AppKey),
		} {
			if a := w.leave(t, c); a.Status != want.Status || a.Body != want.Body {
				t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Body, want.Status, want.Body)
			}
		}
	})
}

// closes sends a part at once and the rest a byte a second, and expects the
// connection to be closed when the timeout is over. Half a request line is no
// request, so a 400 may come before that.
func closes(t *testing.T, w *world, timeout time.Duration, request []byte, at int) {
	t.Helper()
	l := dial(t, w.host, "")
	start := time.Now()
	if at == 0 {
		at = len(request)
	}
	if _, err := l.Write(request[:at]); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var drip sync.WaitGroup
	drip.Go(func() {
		for i := at; i < len(request)-1; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
			}
			if _, err := l.Write(request[i : i+1]); err != nil {
				return
			}
		}
	})
	a, _ := l.catch()
	close(stop)
	drip.Wait()
	if took := time.Since(start); took < timeout-time.Second || took > timeout+3*time.Second {
		t.Errorf("closed after %v, want %v", took, timeout)
	}
	if a.Status != 0 && (a.Status != http.StatusBadRequest || !a.Closed) {
		t.Errorf("answered %d %s, want a closed connection", a.Status, a.Body)
	}
}

func (p *player) transport(t *testing.T, w *world) {
	p.row(t, 1, "another method on the path", func(t *testing.T) {
		for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
			a := w.leave(t, w.leaving().by(method))
			gate(t, a, http.StatusMethodNotAllowed)
			if a.Header.Get("Allow") != "POST" {
				t.Errorf("%s: Allow is %q", method, a.Header.Get("Allow"))
			}
		}
	})
	p.row(t, 2, "a path that is almost right", func(t *testing.T) {
		for _, path := range []string{
			leavePath + "/", strings.ToLower(leavePath), "/" + leavePath, "/apiaccess//ccmessaging/doLeaveMessage",
			"/apiaccess/./ccmessaging/doLeaveMessage", "/apiaccess/x/../ccmessaging/doLeaveMessage", "/apiaccess/%2e/ccmessaging/doLeaveMessage",
			"/apiaccess/ccmessaging/doLeave%4Dessage", leavePath + "%2f", leavePath + "%00", leavePath + ";a=b", "/",
		} {
			if gate(t, w.leave(t, w.leaving().to(path)), http.StatusNotFound) == "" {
				t.Errorf("that was %s", path)
			}
		}
	})
	p.row(t, 14, "a query string beside the body", func(t *testing.T) {
		is(t, w.leave(t, w.leaving().to(leavePath+"?callId=queried-and-unheard")), 200, stored)
		if strings.Contains(w.server.Log(), "queried-and-unheard") {
			t.Error("the query string is in the log")
		}
	})
	p.row(t, 15, "body over 64 KiB", func(t *testing.T) { tooLarge(t, w) })
	p.row(t, 17, "framing that two servers could read in two ways", func(t *testing.T) { framing(t, w) })
	p.row(t, 18, "Content-Length and Transfer-Encoding together", func(t *testing.T) {
		c := w.leaving()
		plain := c.body
		c = c.unframed().and("Content-Length", "3").and("Transfer-Encoding", "chunked").saying(chunked(plain))
		a := send(t, w.host, c)
		w.remember(t, c.saying(plain), a)
		is(t, a, 200, stored)
		if !a.Closed {
			t.Error("the connection stays open")
		}
	})
	p.row(t, 19, "Content-Encoding: gzip", func(t *testing.T) {
		gate(t, w.leave(t, w.leaving().with("Content-Encoding", "gzip")), 400)
	})
	p.row(t, 20, "Content-Type missing", func(t *testing.T) {
		is(t, w.leave(t, w.leaving().with("Content-Type", "")), 200, stored)
	})
	p.row(t, 21, "a Content-Type that is not JSON", func(t *testing.T) {
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "text/json", "nonsense"} {
			gate(t, w.leave(t, w.leaving().with("Content-Type", media)), 400)
		}
	})
	p.row(t, 22, "a charset that is not UTF-8", func(t *testing.T) {
		for _, charset := range []string{"GBK", "utf-16", "UTF-16LE", "iso-8859-1"} {
			gate(t, w.leave(t, w.leaving().with("Content-Type", "application/json; charset="+charset)), 400)
		}
		is(t, w.leave(t, w.leaving().with("Content-Type", `Application/JSON; charset="UTF-8"`)), 200, stored)
	})
	p.row(t, 23, "Expect: 100-continue without credentials", func(t *testing.T) {
		a := w.leave(t, w.leaving().with("Authorization", "").with("Expect", "100-continue"))
		gate(t, a, 401)
		if a.Interim {
			t.Error("the body of a stranger was asked for")
		}
		known := w.leave(t, w.leaving().with("Expect", "100-continue"))
		if is(t, known, 200, stored); !known.Interim {
			t.Error("the body of a known client was not asked for")
		}
	})
	p.row(t, 25, "over the app's rate", func(t *testing.T) { appRate(t) })
	p.row(t, 26, "overloaded", func(t *testing.T) { overload(t) })
}

func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

func tooLarge(t *testing.T, w *world) {
	pad := func(total int) string {
		short := w.letter("", "")
		return short[:len(short)-1] + `,"more":"` + strings.Repeat("x", total-len(short)-len(`,"more":""`)) + `"}`
	}
	is(t, w.leave(t, w.leaving().saying(pad(64<<10))), 200, stored)
	for what, c := range map[string]call{
		"declared": w.leaving().saying(pad(64<<10 + 1)),
		"chunked":  w.leaving().unframed().and("Transfer-Encoding", "chunked").saying(chunked(pad(64<<10 + 1))),
	} {
		a := w.leave(t, c)
		gate(t, a, http.StatusRequestEntityTooLarge)
		if !a.Closed {
			t.Errorf("%s: the connection stays open", what)
		}
	}
	a := w.leave(t, w.leaving().unframed().and("Content-Length", fmt.Sprint(int64(1)<<40)).saying("{"))
	gate(t, a, http.StatusRequestEntityTooLarge)
}

func framing(t *testing.T, w *world) {
	c := w.leaving().unframed()
	size := fmt.Sprint(len(c.body))
	for what, bad := range map[string]struct {
		call   call
		status []int
	}{
		"two different lengths": {c.and("Content-Length", size).and("Content-Length", "5"), []int{400}},
		"a length with a sign":  {c.and("Content-Length", "+"+size), []int{400}},
		"a hexadecimal length":  {c.and("Content-Length", "0x10"), []int{400}},
		"chunks by bare LF":     {c.and("Transfer-Encoding", "chunked").saying(fmt.Sprintf("%x\n%s\n0\n\n", len(c.body), c.body)), []int{400}},
		"an unknown encoding":   {c.and("Transfer-Encoding", "xchunked").saying(chunked(c.body)), []int{400, 501}},
		"a space before colon":  {c.and("Content-Length ", size), []int{400}},
	} {
		a := w.leave(t, bad.call)
		if a.Status != bad.status[0] && a.Status != bad.status[len(bad.status)-1] {
			t.Errorf("%s: answered %d %s, want one of %v", what, a.Status, a.Body, bad.status)
		}
	}
}

func appRate(t *testing.T) {
	w := found(t, "AFTERBEEP_LIMITS_PER_APP=5")
	limited := 0
	for range 12 {
		a := w.leave(t, w.leaving())
		if a.Status == http.StatusOK {
			is(t, a, 200, stored)
			continue
		}
		limited++
		is(t, a, http.StatusTooManyRequests, notStored)
		if a.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
	if limited < 6 {
		t.Errorf("%d of 12 were limited; the limit is 5 a minute", limited)
	}
	w.settle(t)
}

func overload(t *testing.T) {
	w := found(t, "AFTERBEEP_INTAKE_QUEUE=1")
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		busy []answer
	)
	for range 32 {
		all.Go(func() {
			for range 20 {
				if a := w.leave(t, w.leaving()); a.Status != http.StatusOK {
					mu.Lock()
					busy = append(busy, a)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	if len(busy) == 0 {
		t.Fatal("a queue of one was never full")
	}
	for _, a := range busy {
		is(t, a, http.StatusServiceUnavailable, notStored)
		if a.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	w.settle(t)
}
