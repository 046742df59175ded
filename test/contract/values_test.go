package contract

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// values plays the rows about what the four fields hold.
func (p *player) values(t *testing.T, w *world) {
	leave := func(t *testing.T, field, value, want string) {
		t.Helper()
		if is(t, w.leave(t, w.leaving().saying(w.letter(field, value))), 200, want); t.Failed() {
			t.Fatalf("that was %s %.80q", field, value)
		}
	}
	each := func(number int, title, field, want string, values ...string) {
		p.row(t, number, title, func(t *testing.T) {
			for _, v := range values {
				leave(t, field, v, want)
			}
		})
	}
	each(40, "callId of 1 and of 24 characters", "callId", stored, "7", strings.Repeat("x", 24), strings.Repeat("话", 24), strings.Repeat("😀", 24))
	each(41, "callId of 25 characters", "callId", badValues, strings.Repeat("x", 25), strings.Repeat("话", 25))
	unseen := []string{"a\tb", "a\nb", "a\x7fb", "a\u0085b", "a\u202eb", "a\u2066b", "a\u200bb", "a\u200db", "a\ufeffb", "a\ufdd0b", "a\uffffb", "a\U0010ffffb", "a\u2028b"}
	each(42, "callId with what no eye can see", "callId", badValues, unseen...)
	each(43, "callers as people write them", "caller", stored, "138****7777", "+86 138-6666-7777", "400-8000-000", "O'Brien (work)", "王小明", "x", strings.Repeat("9", 64))
	each(44, "caller of more than 64 characters, or with what no eye can see", "caller", badValues, append(unseen, strings.Repeat("9", 65), strings.Repeat("九", 65))...)
	p.row(t, 45, "leaveMessage of 4,000 and of 4,001 characters", func(t *testing.T) {
		for _, c := range []string{"a", "请", "😀"} {
			leave(t, "leaveMessage", strings.Repeat(c, 4000), stored)
			leave(t, "leaveMessage", strings.Repeat(c, 4001), badValues)
		}
	})
	p.row(t, 46, "U+0000 in any field", func(t *testing.T) {
		for _, field := range []string{"callId", "caller", "leaveMessage", "channel"} {
			leave(t, field, "WEB\x00", badValues)
		}
	})
	each(47, "controls and noncharacters in leaveMessage", "leaveMessage", badValues,
		"a\x01", "a\x08", "a\x0b", "a\x0c", "a\x1b[31m", "a\x7f", "a\u0080", "a\u009f", "a\ufffe", "a\uffff", "a\ufdd0", "a\ufdef", "a\U0001fffe", "a\U0010ffff")
	each(48, "text that is hard to show", "leaveMessage", stored,
		"\u202Eabc\u202C", "\u2067שלום\u2069", "👩‍👩‍👧‍👦", "Z"+strings.Repeat("\u0353\u0300\u0489", 200), "བཀྲ་ཤིས", "line\u2028separator\u2029", "\U000E0041\U000E007F",
		"tab\tline\r\nend", "\ufffd", "\U000F0000", "a\u200bb\ufeffc")
	p.row(t, 49, "NFC and NFD", func(t *testing.T) {
		leave(t, "leaveMessage", "caf\u00e9 한글", stored)
		leave(t, "leaveMessage", "cafe\u0301 \u1112\u1161\u11ab\u1100\u1173\u11af", stored)
	})
	p.row(t, 50, "channel is WEB, exactly", func(t *testing.T) {
		leave(t, "channel", "WEB", stored)
		for _, v := range []string{"web", "Web", " WEB", "WEB ", "WEB\u200b", "PHONE", "WEBB"} {
			leave(t, "channel", v, badValues)
		}
	})
	each(51, "text that would be code elsewhere", "leaveMessage", stored, "' OR 1=1--", "$1", "{{.}}", "${jndi:ldap://x}", "%s%n", "../../etc/passwd", "`id`", "\\u0000", `\`, `"`, "%00")
	each(52, "markup", "leaveMessage", stored, "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "javascript:alert(1)", "<svg/onload=alert(1)>", "</textarea>", "&amp;")
	each(53, "formulas", "leaveMessage", stored, `=HYPERLINK("http://x")`, "+cmd|' /C calc'!A0", "@SUM(1)", "-1+1", "\t=1+1", "\r=1")
	p.row(t, 54, "line breaks, false log lines, escapes", func(t *testing.T) {
		leave(t, "leaveMessage", "a\r\n{\"level\":\"ERROR\",\"msg\":\"forged-line\"}\r\n", stored)
		leave(t, "leaveMessage", "a\n\n\nforged-line", stored)
		leave(t, "caller", "forged-line\u001b[2J", badValues)
		if strings.Contains(w.server.Log(), "forged-line") {
			t.Error("what a customer wrote is in the log")
		}
	})
	p.row(t, 55, "a flood from one callId", func(t *testing.T) { flood(t, w) })
	p.row(t, 56, "an Idempotency-Key again, done or in progress", func(t *testing.T) { replays(t, w) })
	p.row(t, 57, "an Idempotency-Key with another body", func(t *testing.T) {
		c := w.leaving().with("Idempotency-Key", "row-57")
		is(t, w.leave(t, c), 200, stored)
		gate(t, w.leave(t, c.saying(w.letter("", ""))), 400)
		again := w.leave(t, c)
		is(t, again, 200, stored)
		if again.Header.Get("Idempotency-Replayed") != "true" {
			t.Error("the first body with its key is no replay any more")
		}
	})
	p.row(t, 58, "an Idempotency-Key that is none", func(t *testing.T) {
		is(t, w.leave(t, w.leaving().with("Idempotency-Key", strings.Repeat("k", 255))), 200, stored)
		for _, key := range []string{strings.Repeat("k", 256), "with space", "ключ", "a\tb", "caf\xe9"} {
			if gate(t, w.leave(t, w.leaving().with("Idempotency-Key", key)), 400) == "" {
				t.Errorf("that was the key %.40q", key)
			}
		}
	})
	p.row(t, 59, "the same text twice without a key", func(t *testing.T) {
		c := w.leaving()
		first, second := w.leave(t, c), w.leave(t, c)
		is(t, first, 200, stored)
		is(t, second, 200, stored)
		if a, b := first.Header.Get("afterbeep-reference"), second.Header.Get("afterbeep-reference"); a == b || len(a) != 9 || len(b) != 9 {
			t.Errorf("the references are %q and %q", a, b)
		}
	})
}

// flood sends 10,000 messages of one callId over a few connections.
func flood(t *testing.T, w *world) {
	const lines, each, limit = 8, 1250, 600
	var taken, refused atomic.Int64
	start := time.Now()
	var all sync.WaitGroup
	for i := range lines {
		l := dial(t, w.host, "")
		all.Go(func() {
			for j := range each {
				c := w.leaving().saying(w.letter("callId", "flood"))
				if _, err := l.Write(c.bytes(w.host)); err != nil {
					t.Errorf("line %d, message %d: %v", i, j, err)
					return
				}
				a := l.hear(t)
				w.remember(t, c, a)
				switch {
				case a.Status == http.StatusOK && a.Body == stored:
					taken.Add(1)
				case a.Status == http.StatusTooManyRequests && a.Body == notStored && a.Header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("answered %d %s", a.Status, a.Body)
					return
				}
			}
		})
	}
	all.Wait()
	most := limit + int64(time.Since(start).Minutes()*limit) + lines
	if n := taken.Load(); n < limit || n > most || n+refused.Load() != lines*each {
		t.Errorf("%d taken (want %d to %d) and %d refused, of %d", n, limit, most, refused.Load(), lines*each)
	}
	is(t, w.leave(t, w.leaving()), 200, stored) // another callId is not held up
}

// replays sends one message with one key a hundred times at once, and again.
func replays(t *testing.T, w *world) {
	c := w.leaving().with("Idempotency-Key", "row-56-"+fmt.Sprint(w.mark()))
	var (
		all        sync.WaitGroup
		fresh      atomic.Int64
		mu         sync.Mutex
		references = map[string]int{}
	)
	ask := func() {
		a := w.leave(t, c)
		is(t, a, 200, stored)
		switch a.Header.Get("Idempotency-Replayed") {
		case "":
			fresh.Add(1)
		case "true":
		default:
			t.Errorf("Idempotency-Replayed: %q", a.Header.Get("Idempotency-Replayed"))
		}
		mu.Lock()
		references[a.Header.Get("afterbeep-reference")]++
		mu.Unlock()
	}
	for range 100 {
		all.Go(ask)
	}
	all.Wait()
	ask()
	if fresh.Load() != 1 || len(references) != 1 {
		t.Errorf("%d answers say they are the first, under the references %v", fresh.Load(), references)
	}
}
