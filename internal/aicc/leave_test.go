package aicc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func long(n int) string { return `"` + strings.Repeat("长", n) + `"` }

// rows are the lines of the contract's table about the body of doLeaveMessage,
// by their numbers.
var rows = []struct {
	row    int
	name   string
	body   string
	status int
	answer string // a whole body, or an errorCode
}{
	{27, "empty", "", 400, "bad_json"},
	{27, "half", "{", 400, "bad_json"},
	{27, "single quotes", "{'a':1}", 400, "bad_json"},
	{27, "trailing comma", `{"a":1,}`, 400, "bad_json"},
	{27, "comment", `{/**/}`, 400, "bad_json"},
	{27, "NaN", `{"a":NaN}`, 400, "bad_json"},
	{28, "null", "null", 400, "bad_json"},
	{28, "array", "[" + body() + "]", 400, "bad_json"},
	{28, "string", `"x"`, 400, "bad_json"},
	{28, "number", "1", 400, "bad_json"},
	{29, "words behind", body() + " xx", 400, "bad_json"},
	{29, "a second object", body() + body(), 400, "bad_json"},
	{29, "space behind", body() + " \r\n", 200, savedText},
	{30, "duplicate", strings.Replace(body(), "{", `{"callId":"1",`, 1), 400, "bad_json"},
	{30, "duplicate by escape", strings.Replace(body(), "{", `{"call\u0049d":"1",`, 1), 400, "bad_json"},
	{30, "duplicate far inside", body("x", `[{"a":{"b":1,"b":2}}]`), 400, "bad_json"},
	{30, "one name, escaped", strings.Replace(body(), "callId", `call\u0049d`, 1), 200, savedText},
	{31, "invalid UTF-8", body("leaveMessage", "\"a\xffb\""), 400, "bad_json"},
	{31, "overlong", body("leaveMessage", "\"\xc0\xaf\""), 400, "bad_json"},
	{31, "CESU-8", body("leaveMessage", "\"\xed\xa0\xbd\xed\xb8\x80\""), 400, "bad_json"},
	{31, "in an unknown field", body("x", "\"\xff\""), 400, "bad_json"},
	{32, "half an emoji", body("leaveMessage", `"\ud83d"`), 400, "bad_json"},
	{32, "half an emoji in an unknown field", body("x", `"\ude00"`), 400, "bad_json"},
	{32, "a whole one, escaped", body("leaveMessage", `"\ud83d\ude00"`), 200, savedText},
	{33, "byte order mark", "\ufeff" + body(), 200, savedText},
	{33, "two of them", "\ufeff\ufeff" + body(), 400, "bad_json"},
	{34, "deep", body("x", strings.Repeat("[", 20000)+strings.Repeat("]", 20000)), 400, "bad_json"},
	{34, "deep in a known field", body("callId", strings.Repeat(`[`, 20000)), 400, "bad_json"},
	{34, "32 levels", body("x", strings.Repeat("[", 31)+strings.Repeat("]", 31)), 200, savedText},
	{34, "33 levels", body("x", strings.Repeat("[", 32)+strings.Repeat("]", 32)), 400, "bad_json"},
	{35, "unknown fields", body("__proto__", `{"admin":true}`, "tenantId", "2", "status", `"closed"`), 200, savedText},
	{36, "a number beyond floats", body("x", "1e400"), 200, savedText},
	{36, "60 KiB of digits", body("x", strings.Repeat("9", 60<<10)), 200, savedText},
	{37, "capitals", strings.Replace(body(), "callId", "CALLID", 1), 200, invalidText},
	{37, "long s", strings.Replace(body(), "leaveMessage", `leaveMe\u017fsage`, 1), 200, invalidText},
	{37, "a space", strings.Replace(body(), "caller", "caller ", 1), 200, invalidText},
	{38, "number", body("callId", "111111222111"), 200, invalidText},
	{38, "bool", body("callId", "true"), 200, invalidText},
	{38, "object", body("callId", `{"a":"b"}`), 200, invalidText},
	{38, "array", body("callId", `["a"]`), 200, invalidText},
	{40, "1", body("callId", `"1"`), 200, savedText},
	{40, "24", body("callId", `"123456789012345678901234"`), 200, savedText},
	{40, "24 emoji", body("callId", `"`+strings.Repeat("😀", 24)+`"`), 200, savedText},
	{41, "25", body("callId", `"1234567890123456789012345"`), 200, invalidText},
	{42, "control", body("callId", `"a\u0007"`), 200, invalidText},
	{42, "bidi", body("callId", `"a\u202e"`), 200, invalidText},
	{42, "zero width", body("callId", `"a\u200b"`), 200, invalidText},
	{42, "noncharacter", body("callId", `"a\uffff"`), 200, invalidText},
	{43, "country code", body("caller", `"+86 138-6666-7777"`), 200, savedText},
	{43, "service number", body("caller", `"400-8000-000"`), 200, savedText},
	{43, "letters", body("caller", `"Anna"`), 200, savedText},
	{44, "64", body("caller", long(64)), 200, savedText},
	{44, "65", body("caller", long(65)), 200, invalidText},
	{44, "control", body("caller", `"138\n7777"`), 200, invalidText},
	{45, "4,000", body("leaveMessage", long(4000)), 200, savedText},
	{45, "4,001", body("leaveMessage", long(4001)), 200, invalidText},
	{46, "U+0000", body("leaveMessage", `"a\u0000"`), 200, invalidText},
	{46, "U+0000 in callId", body("callId", `"a\u0000"`), 200, invalidText},
	{47, "C0", body("leaveMessage", `"\u001b[31m"`), 200, invalidText},
	{47, "C1", body("leaveMessage", `"\u0085"`), 200, invalidText},
	{47, "noncharacters", body("leaveMessage", `"\ufffe"`), 200, invalidText},
	{47, "more of them", body("leaveMessage", `"\ufdd0"`), 200, invalidText},
	{47, "TAB LF CR", body("leaveMessage", `"a\tb\nc\r"`), 200, savedText},
	{48, "bidi, joiners, marks", body("leaveMessage", `"\u202e\u2066👩‍👩‍👧 Z͑ͫ̓ བོད \u2028"`), 200, savedText},
	{49, "NFC", body("leaveMessage", "\"\u00e9\""), 200, savedText},
	{49, "NFD", body("leaveMessage", "\"e\u0301\""), 200, savedText},
	{50, "web", body("channel", `"web"`), 200, invalidText},
	{50, " WEB", body("channel", `" WEB"`), 200, invalidText},
	{50, "WEB and a zero width space", body("channel", `"WEB\u200b"`), 200, invalidText},
	{50, "PHONE", body("channel", `"PHONE"`), 200, invalidText},
	{51, "code of every kind", body("leaveMessage", `"' OR 1=1-- $1 {{.}} ${jndi:ldap://x} %s%n ../../etc"`), 200, savedText},
	{52, "markup", body("leaveMessage", `"<script>alert(1)</script><img onerror=x></textarea>"`), 200, savedText},
	{53, "a formula", body("leaveMessage", `"=HYPERLINK(1)"`), 200, savedText},
}

func TestEveryBodyGetsTheAnswerOfItsRow(t *testing.T) {
	s := open(t, Limits{})
	for _, r := range rows {
		t.Run(fmt.Sprintf("%d %s", r.row, r.name), func(t *testing.T) {
			before, began := s.book.count(), time.Now()
			want(t, s.leave(r.body), r.status, r.answer)
			if took := time.Since(began); took > time.Second {
				t.Errorf("took %v", took)
			}
			if stored := s.book.count() - before; (stored == 1) != (r.answer == savedText) {
				t.Errorf("%d stored", stored)
			}
		})
	}
}

func TestEachOfTheFourFieldsIsNeededAndMayNotBeBlank(t *testing.T) {
	s := open(t, Limits{})
	for _, field := range []string{"callId", "caller", "leaveMessage", "channel"} {
		for _, value := range []string{"", "null", `""`, `" \t\n\u3000"`, "1", "{}"} {
			want(t, s.leave(body(field, value)), 200, invalidText)
		}
	}
	if s.book.count() != 0 {
		t.Fatal("something was stored")
	}
}

func TestWhatIsTakenIsWhatWasSentByWhomAndWhere(t *testing.T) {
	s := open(t, Limits{})
	w := s.leave(body("leaveMessage", `"\u0041\t é e\u0301 \ud83d\ude00 "`, "tenantId", "2", "userId", `"root"`))
	want(t, w, 200, savedText)
	got := s.book.taken[0]
	if got.Text != "A\t é e\u0301 😀 " || got.CallID != "111111222111" || got.Caller != "138****7777" {
		t.Errorf("%+v", got)
	}
	if got.Tenant != 1 || got.App != s.app.Key || got.Channel.String() != channelID || got.UserID != "u-1" || got.UserName != "李雷" || got.Locale != "zh_CN" {
		t.Errorf("%+v", got)
	}
	if w.Header().Get("afterbeep-reference") != desk.ID(1).Reference() || w.Header().Get("Idempotency-Replayed") != "" || w.Header().Get("ccmessaging-token") != "" {
		t.Errorf("%v", w.Header())
	}
	if log := s.log.String(); strings.Contains(log, "😀") || strings.Contains(log, s.access) || strings.Contains(log, s.customer) || strings.Contains(log, s.secret) {
		t.Error("a text or a secret is in the log: " + log)
	}
}

func TestAFailureIsToldAsWhatItIs(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		answer string
		retry  string
	}{
		{desk.Wrap(desk.Unstored, "disk_full", "not stored", errDisk), 200, unstoredText, ""},
		{desk.Wrap(desk.Unknown, "commit", "nobody knows", errDisk), 200, unknownText, ""},
		{errDisk, 200, unknownText, ""},
		{desk.Wrap(desk.Internal, "bug", "a bug", errDisk), 200, unknownText, ""},
		{&desk.Error{Kind: desk.Busy, Code: "busy", RetryAfter: 1500 * time.Millisecond}, 503, unstoredText, "2"},
		{&desk.Error{Kind: desk.Busy, Code: "draining"}, 503, unstoredText, "1"},
		{desk.Errorf(desk.Conflict, "key_reused", "other body"), 400, "key_reused", ""},
		{desk.Errorf(desk.Invalid, "text", "no"), 200, invalidText, ""},
	} {
		s := open(t, Limits{})
		s.book.err = c.err
		w := s.leave(body())
		want(t, w, c.status, c.answer)
		if w.Header().Get("Retry-After") != c.retry || strings.Contains(w.Body.String(), "10.0.0.7") {
			t.Errorf("%v: %v %s", c.err, w.Header(), w.Body)
		}
	}
	s := open(t, Limits{})
	s.book.panic = true
	want(t, s.leave(body()), 200, unknownText)
	s.book.panic = false
	want(t, s.leave(body()), 200, savedText)
}

func TestAnIdempotencyKeyIsOneMessage(t *testing.T) {
	s := open(t, Limits{})
	leave := func(body string, keys ...string) (int, string) {
		h := s.both()
		h["Idempotency-Key"] = keys
		w := s.post(pathLeave, body, h)
		return w.Code, w.Header().Get("Idempotency-Replayed") + w.Header().Get("afterbeep-reference")
	}
	status, first := leave(body(), "k-1")
	status2, again := leave(body(), "k-1")
	if status != 200 || status2 != 200 || again != "true"+first || s.book.count() != 1 {
		t.Fatal(status, first, status2, again, s.book.count())
	}
	for name, keys := range map[string][]string{
		"too long": {strings.Repeat("k", 256)}, "a space": {"a b"}, "not ASCII": {"键"}, "control": {"a\x01"},
		"empty": {""}, "two": {"a", "b"},
	} {
		if status, _ := leave(body(), keys...); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, _ := leave(body(), strings.Repeat("k", 255)); status != 200 {
		t.Error("255 characters are refused")
	}
	if status, _ := leave(body("leaveMessage", `"other"`), "k-1"); status != 400 {
		t.Error("another body was taken under the same key")
	}
	for range 2 { // row 59: without a key every one counts
		want(t, s.leave(body()), 200, savedText)
	}
	if s.book.count() != 4 {
		t.Error(s.book.count(), "stored")
	}
}

func TestACallIDAndAnAppHaveTheirRates(t *testing.T) {
	s := open(t, Limits{PerCallID: 600, PerApp: 1000})
	for range 600 {
		want(t, s.leave(body()), 200, savedText)
	}
	w := s.leave(body())
	want(t, w, 429, unstoredText)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for i := range 1000 - 601 { // the refused one counted for the app
		want(t, s.leave(body("callId", fmt.Sprintf(`"c%d"`, i))), 200, savedText)
	}
	want(t, s.leave(body("callId", `"new"`)), 429, unstoredText)
	s.src.change(func(snap *desk.Snapshot) { snap.Apps[0].PerMinute = 2000 })
	s.refresh(t)
	want(t, s.leave(body("callId", `"new"`)), 200, savedText) // the app's own number wins
}

func TestTheSecondFrontDoorTakesTheCustomerFromTheToken(t *testing.T) {
	s := open(t, Limits{PerCallID: 2})
	leave := func(body string) string { return s.post(pathFacade, body, s.cookie()).Body.String() }
	if got := leave(`{"phoneNo":"13800007777","leaveMessage":"Hello","channel":"WEB"}`); got != facadeSaved {
		t.Fatal(got)
	}
	if m := s.book.taken[0]; m.CallID != "u-1" || m.Caller != "13800007777" || m.Text != "Hello" || m.UserName != "李雷" {
		t.Fatalf("%+v", m)
	}
	for _, body := range []string{`{"phoneNo":"1"}`, `{"leaveMessage":"a"}`, `{"phoneNo":1,"leaveMessage":"a"}`} {
		if got := leave(body); got != facadeInvalid {
			t.Errorf("%s: %s", body, got)
		}
	}
	want(t, s.post(pathFacade, `{`, s.cookie()), 400, "bad_json")
	leave(`{"phoneNo":"1","leaveMessage":"a"}`)
	want(t, s.post(pathFacade, `{"phoneNo":"1","leaveMessage":"a"}`, s.cookie()), 429, facadeUnstored)
	s.book.panic = true
	s.customer = s.apply(strings.Replace(applyBody, "u-1", "12345678901234567890123456789012", 1))
	want(t, s.post(pathFacade, `{"phoneNo":"1","leaveMessage":"a"}`, s.cookie()), 200, facadeUnknown)
	s.book.panic = false
	want(t, s.post(pathFacade, `{"phoneNo":"1","leaveMessage":"a"}`, s.cookie()), 200, facadeSaved)
	if m := s.book.taken[len(s.book.taken)-1]; m.CallID != "123456789012345678901234" || len(m.UserID) != 32 {
		t.Errorf("%+v", m)
	}
}
