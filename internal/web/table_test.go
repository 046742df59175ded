package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// lines is a log that may be written to and read at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var (
	oops    = JSON(http.StatusOK, "oops", `{"oops":true}`)
	errSick = errors.New("sick")
)

// table is a surface with one call: it echoes the size of its body, panics or
// fails as the body says.
func table(log io.Writer) *Table {
	return NewTable(Settings{Base: "/base", MaxBody: 1000, Log: slog.New(slog.NewJSONHandler(log, nil))}, []Route{{
		Method: http.MethodPost, Path: "/call", Panicked: oops,
		Refuse: func(err error) Answer {
			var refused *Refusal
			if errors.As(err, &refused) {
				return refused.Answer
			}
			return Problem(http.StatusInternalServerError, "internal", "no")
		},
		Handle: func(c *Call) error {
			body, err := c.JSON()
			if err != nil {
				return err
			}
			switch string(body) {
			case "panic":
				panic("a bug\nwith a line break")
			case "fail":
				return desk.Wrap(desk.Unstored, "disk", "not stored", errSick)
			}
			c.Note = Note{App: "key", Caller: "13800007777", Reference: "7K3Q-9F2M", Key: "new"}
			c.Answer(JSON(http.StatusOK, "fine", fmt.Sprintf(`{"size":%d}`, len(body))))
			return nil
		},
	}})
}

func TestOnlyTheExactPathIsFoundAndNothingIsRedirected(t *testing.T) {
	s := httptest.NewServer(table(io.Discard))
	defer s.Close()
	for path, want := range map[string]int{
		"/base/call": 200, "/base/call?x=1": 200,
		"/base/call/": 404, "/base//call": 404, "//base/call": 404, "/base/./call": 404, "/base/Call": 404,
		"/base/%63all": 404, "/base/x/../call": 404, "/base/%2e/call": 404, "/call": 404, "/": 404, "*": 404,
	} {
		got := raw(t, s.Listener.Addr(), "POST "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
		if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", want)) {
			t.Errorf("%s: %s", path, got)
		}
		if !strings.Contains(got, "Content-Type: application/json;charset=UTF-8\r\n") || strings.Contains(got, "Location:") {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestAnotherMethodIs405AndSaysWhichItTakes(t *testing.T) {
	for _, method := range []string{"GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "post"} {
		w := httptest.NewRecorder()
		table(io.Discard).ServeHTTP(w, httptest.NewRequest(method, "/base/call", nil))
		if w.Code != 405 || w.Header().Get("Allow") != "POST" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
}

func TestBodiesAreReadWholeOrNotAtAll(t *testing.T) {
	s := httptest.NewUnstartedServer(table(io.Discard))
	s.Config = Server(s.Config.Handler, Timeouts{Header: time.Second, Body: 200 * time.Millisecond, Write: time.Second, Idle: time.Second},
		16<<10, slog.New(slog.DiscardHandler))
	s.Start()
	defer s.Close()
	head := "POST /base/call HTTP/1.1\r\nHost: x\r\n"
	big := strings.Repeat("a", 1000)
	for name, c := range map[string]struct{ request, want string }{
		"declared":                   {"Content-Length: 3\r\nConnection: close\r\n\r\nabc", `200 "size":3`},
		"at the limit":               {"Content-Length: 1000\r\nConnection: close\r\n\r\n" + big, `200 "size":1000`},
		"chunked closes":             {"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", `200 Connection: close "size":3`},
		"chunked and a length":       {"Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n3\r\nabc\r\n0\r\n\r\n", `200 Connection: close "size":3`},
		"too long, declared":         {"Content-Length: 1001\r\n\r\n" + big + "a", "413 Connection: close too_large"},
		"far too long, declared":     {"Content-Length: 99999999\r\n\r\n" + big, "413 Connection: close too_large"},
		"too long, chunked":          {"Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + big + "a\r\n0\r\n\r\n", "413 Connection: close too_large"},
		"shorter than declared":      {"Content-Length: 10\r\n\r\nabc", ""},
		"chunks that stop":           {"Transfer-Encoding: chunked\r\n\r\n9\r\nabc", ""},
		"a bare line feed":           {"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", "400 bad_framing"},
		"two lengths":                {"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400"},
		"a signed length":            {"Content-Length: +5\r\n\r\nabcde", "400"},
		"an unknown coding":          {"Transfer-Encoding: xchunked\r\n\r\n", "501"},
		"gzip":                       {"Content-Encoding: gzip\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "400 content_encoding"},
		"identity":                   {"Content-Encoding: identity\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "200"},
		"a form":                     {"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "400 content_type"},
		"JSON in UTF-8":              {"Content-Type: Application/JSON; charset=\"UTF-8\"\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "200"},
		"JSON in GBK":                {"Content-Type: application/json; charset=GBK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "400 content_type"},
		"two content types":          {"Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", "400 content_type"},
		"headers larger than 16 KiB": {"X: " + strings.Repeat("a", 21<<10) + "\r\n\r\n", "431"},
	} {
		t.Run(name, func(t *testing.T) {
			got := raw(t, s.Listener.Addr(), head+c.request)
			if c.want == "" && got != "" {
				t.Fatalf("answered %q", got)
			}
			for part := range strings.SplitSeq(c.want, " ") {
				if !strings.Contains(got, part) {
					t.Fatalf("want %s, got %q", c.want, got)
				}
			}
		})
	}
}

// raw sends bytes as they are and reads until the server closes.
func raw(t *testing.T, to net.Addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, request)
	b, _ := io.ReadAll(c) // a reset is an end, too
	return string(b)
}

func TestAPanicIsAnsweredInTheRoutesWordsAndTheNextRequestIsServed(t *testing.T) {
	var log lines
	s := httptest.NewServer(table(&log))
	defer s.Close()
	for _, c := range []struct{ body, want string }{{"panic", `{"oops":true}`}, {"abc", `{"size":3}`}} {
		r, err := http.Post(s.URL+"/base/call", "application/json", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if string(got) != c.want {
			t.Fatalf("%s: %s", c.body, got)
		}
	}
	if !strings.Contains(log.String(), `"event":"panic"`) || !strings.Contains(log.String(), "table_test.go") {
		t.Fatal("the stack is not in the log: " + log.String())
	}
}

func TestOneRequestIsOneLogLineWithoutWhatMustNotBeThere(t *testing.T) {
	var log lines
	h := table(&log)
	r := httptest.NewRequest("POST", "/base/call?token=QUERYSECRET", strings.NewReader("TEXT\r\n\x1b[31m"))
	r.Header.Set("Authorization", "Bearer HEADERSECRET")
	h.ServeHTTP(httptest.NewRecorder(), r)
	line, err := bufio.NewReader(strings.NewReader(log.String())).ReadString('\n')
	if err != nil || line != log.String() {
		t.Fatalf("not one line: %q", log.String())
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"event": "request", "method": "POST", "route": "/call", "status": 200.0, "code": "fine", "bytes": 11.0,
		"caller": "138****7777", "app": "key", "reference": "7K3Q-9F2M", "key": "new",
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	for _, secret := range []string{"QUERYSECRET", "HEADERSECRET", "TEXT", "0000"} {
		if strings.Contains(line, secret) {
			t.Errorf("%s is in the log: %s", secret, line)
		}
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/base/call", strings.NewReader("fail")))
	if !strings.Contains(log.String(), `"reason":"disk","cause":"not stored: sick"`) {
		t.Error("the cause is not in the log: " + log.String())
	}
}

func TestStrangersWordsAreHarmlessInALog(t *testing.T) {
	for in, want := range map[string]string{"plain": "plain", "a\r\n\x1b[2J": `a\r\n\x1b[2J`, "李\u202e": `\u674e\u202e`, "0123456789ABCDEF": "0123456789"} {
		if got := Clean(in, 10); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "1": "1***", "123456": "1***", "1234567": "123****4567", "13800007777": "138****7777", "李雷和韩梅梅吧": "李雷和****韩梅梅吧"} {
		if got := Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m\u202e李", 8)
	f.Fuzz(func(t *testing.T, s string, most int) {
		for _, b := range []byte(Clean(s, most&0xff)) {
			if b < ' ' || b > '~' {
				t.Fatalf("%q lets %q through", s, b)
			}
		}
	})
}
