package aicc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// answers are all that doLeaveMessage may ever say to a body.
var answers = []string{savedText, invalidText}

func FuzzBody(f *testing.F) {
	for _, r := range rows {
		f.Add(r.body)
	}
	s := open(f, Limits{})
	f.Fuzz(func(t *testing.T, body string) {
		before := s.book.count()
		w := s.leave(body)
		stored := s.book.count() - before
		if (w.Body.String() == savedText) != (stored == 1) {
			t.Fatalf("%d stored, answered %s", stored, w.Body)
		}
		switch {
		case w.Code == 200 && slices.Contains(answers, w.Body.String()):
			// What was taken for JSON is JSON, and a text is stored as sent.
			var sent map[string]any
			d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "\ufeff")))
			d.UseNumber()
			if err := d.Decode(&sent); err != nil || !utf8.ValidString(body) {
				t.Fatalf("%.99q was read as JSON", body)
			}
			if stored == 1 && s.book.taken[len(s.book.taken)-1].Text != sent["leaveMessage"] {
				t.Fatalf("stored %.99q of %.99q", s.book.taken[len(s.book.taken)-1].Text, body)
			}
		case w.Code == 400 || w.Code == 413:
			if !json.Valid(w.Body.Bytes()) {
				t.Fatal("the answer is no JSON: " + w.Body.String())
			}
		default:
			t.Fatal(w.Code, w.Body)
		}
	})
}

func FuzzAccessToken(f *testing.F) {
	s := open(f, Limits{})
	for _, token := range []string{"", s.access, strings.ToUpper(s.access), s.access + "0", s.customer, "57042f0000000000000000000968c4e0"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		h := s.both()
		h["Authorization"] = []string{"Bearer " + token}
		w := s.post(pathLeave, body(), h)
		if good := strings.TrimLeft(token, " ") == s.access; good != (w.Code == 200) || !good && w.Body.String() != unauthorizedText {
			t.Fatal(w.Code, w.Body)
		}
	})
}

func FuzzCustomerToken(f *testing.F) {
	s := open(f, Limits{})
	for _, token := range []string{"", s.customer, s.customer + "=", "%" + s.customer, "%2541", s.access, "eyJjcmVhdGVUaW1lIjoxfQ%3D%3D", s.customer + "\n"} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		h := s.both()
		h["Ccmessaging-Token"] = []string{token}
		w := s.post(pathLeave, body(), h)
		same := token == s.customer || strings.Contains(token, "%") && decoded(token) == s.customer
		if same != (w.Code == 200) || !same && w.Body.String() != unauthorizedText {
			t.Fatal(w.Code, w.Body)
		}
	})
}

// decoded undoes percent-encoding, slowly.
func decoded(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi := strings.IndexByte("0123456789abcdef", s[i+1]|0x20)
			hex := strings.IndexByte("0123456789abcdef", s[i+2]|0x20)
			if hi >= 0 && hex >= 0 {
				b.WriteByte(byte(hi<<4 | hex))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func FuzzHeaders(f *testing.F) {
	s := open(f, Limits{})
	f.Add("Content-Type", "application/json; charset=utf-8")
	f.Add("Content-Encoding", "gzip")
	f.Add("Idempotency-Key", "k 1")
	f.Add("Origin", origin)
	f.Add("X-App-Key", "a")
	f.Add("Cookie", "ccmessaging-token=x")
	f.Fuzz(func(t *testing.T, name, value string) {
		h := s.both()
		h[http.CanonicalHeaderKey(name)] = []string{value}
		before := s.book.count()
		w := s.post(pathLeave, body(), h)
		if w.Code != 200 && w.Code != 400 && w.Code != 401 || !json.Valid(w.Body.Bytes()) {
			t.Fatal(w.Code, w.Body)
		}
		if stored := s.book.count() - before; stored != 0 && w.Code != 200 {
			t.Fatal("stored and refused")
		}
	})
}

// taking is an intake that costs nothing.
type taking struct{}

func (taking) Take(context.Context, *desk.Message, int, string) (desk.Receipt, error) {
	return desk.Receipt{ID: 1 << 40}, nil
}

// nowhere is a response that nobody reads.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// rewound is a body that can be read again and again.
type rewound struct{ strings.Reader }

func (*rewound) Close() error { return nil }

func BenchmarkDoLeaveMessage(b *testing.B) {
	s := open(b, Limits{PerCallID: 1 << 30})
	s.parts.Intake, s.parts.Log = taking{}, nil
	h := New(s.parts)
	r := httptest.NewRequest("POST", pathLeave, nil)
	r.Header = s.both()
	r.Header["Content-Type"] = []string{"application/json"}
	text := body("leaveMessage", `"您好，我想咨询一下订单的发货时间，麻烦尽快回电，谢谢！"`)
	read := &rewound{}
	r.Body, r.ContentLength = read, int64(len(text))
	w := &nowhere{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		read.Reset(text)
		clear(w.h)
		h.ServeHTTP(w, r)
	}
	if w.h.Get("afterbeep-reference") == "" {
		b.Fatal("not taken")
	}
}
