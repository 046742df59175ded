package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterbeep/afterbeep/internal/desk"
)

func TestWhatCanBeStoredAndWhatCannot(t *testing.T) {
	for _, c := range []struct {
		name                 string
		callID, caller, text string
		want                 string // the code of the error
	}{
		{"the document's example", "111111222111", "138****7777", "Please reply", ""},
		{"24 characters, of any width", strings.Repeat("😀", 24), "1", "x", ""},
		{"25 characters", strings.Repeat("a", 25), "1", "x", "call_id"},
		{"a callId with a zero-width space", "a\u200bb", "1", "x", "call_id"},
		{"a callId with a bidirectional control", "a\u202eb", "1", "x", "call_id"},
		{"a callId with a line feed", "a\nb", "1", "x", "call_id"},
		{"a callId with a noncharacter", "a\ufdd0", "1", "x", "call_id"},
		{"a caller with letters", "a", "400-CALL-US 分机 2", "x", ""},
		{"a caller of 65 characters", "a", strings.Repeat("1", 65), "x", "caller"},
		{"a blank caller", "a", " \u3000", "x", "caller"},
		{"a blank text", "a", "1", " \t\r\n\u00a0", "text"},
		{"a text with NUL", "a", "1", "x\x00", "text"},
		{"a text with a C1 control", "a", "1", "x\u0085", "text"},
		{"a text with DEL", "a", "1", "x\x7f", "text"},
		{"a text with a noncharacter of a high plane", "a", "1", "x\U0010ffff", "text"},
		{"tab, line feed and carriage return", "a", "1", "x\t\r\ny", ""},
		{"bidi, ZWJ, zalgo, tags", "a", "1", "\u202ex\u2066👩\u200d👧e\u0301\u0301\u2028\U000E0041", ""},
		{"4,000 Chinese characters", "a", "1", strings.Repeat("请", 4000), ""},
		{"4,001 characters", "a", "1", strings.Repeat("x", 4001), "text"},
		{"bytes that are no UTF-8", "a", "1", "x\xff", "text"},
	} {
		err := desk.CheckMessage(c.callID, c.caller, c.text, 4000)
		code := ""
		if e, ok := err.(*desk.Error); ok {
			code = e.Code
		}
		if code != c.want {
			t.Errorf("%s: %q, want %q", c.name, code, c.want)
		}
	}
}

func TestLocales(t *testing.T) {
	for s, want := range map[string]bool{
		"zh": true, "zh_CN": true, "en-US": true, "en_US": true, "fil_PH": true,
		"": false, "z": false, "xx_YY_ZZ": false, "../": false, "zh_": false, "中文": false,
	} {
		if desk.ValidLocale(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestAJournalLineIsReadAsItWasWritten(t *testing.T) {
	valid := rapid.StringMatching(`(?s).{1,200}`).Filter(func(s string) bool { return desk.CheckMessage("a", "1", s, 4000) == nil })
	rapid.Check(t, func(t *rapid.T) {
		m := desk.Message{
			Tenant: 7, ID: desk.ID(rapid.Int64Range(1, 1<<62).Draw(t, "id")), Channel: 202611220000000001, App: "k",
			ReceivedAt: time.UnixMicro(rapid.Int64Range(1, 1<<50).Draw(t, "at")).UTC(),
			CallID:     valid.Draw(t, "callID"), Caller: valid.Draw(t, "caller"), Text: valid.Draw(t, "text"),
			UserID: valid.Draw(t, "userID"), UserName: valid.Draw(t, "userName"), Locale: "zh_CN",
		}
		line := desk.AppendLine(nil, &m)
		if strings.Count(string(line), "\n") != 1 {
			t.Fatalf("%q is not one line", line)
		}
		got, err := desk.ParseLine(line)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

func TestALineThatLacksWhatMattersIsRefused(t *testing.T) {
	for _, line := range []string{"", "{", `{"i":1}`, `{"i":1,"t":0,"m":"x"}`, `{"i":"1","t":1,"m":"x"}`} {
		if m, err := desk.ParseLine([]byte(line)); err == nil {
			t.Errorf("%q was read as %+v", line, m)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	m := desk.Message{Tenant: 1, ID: 1, Text: "hello\n\"", Caller: "1"}
	f.Add(desk.AppendLine(nil, &m))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := desk.ParseLine(b)
		if err != nil {
			return
		}
		again, err := desk.ParseLine(desk.AppendLine(nil, &m))
		if diff := cmp.Diff(m, again); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	})
}

func TestAChannelsSettings(t *testing.T) {
	good := desk.Channel{ID: 202611220000000001, Name: "Website", Locale: "zh_CN", TextLimit: 4000}
	if err := desk.CheckChannel(&good); err != nil {
		t.Fatal(err)
	}
	for code, change := range map[string]func(*desk.Channel){
		"channel":    func(c *desk.Channel) { c.Name = " x" },
		"channel_id": func(c *desk.Channel) { c.ID = 1 },
		"locale":     func(c *desk.Channel) { c.Locale = "../" },
		"text_limit": func(c *desk.Channel) { c.TextLimit = 1499 },
		"origin":     func(c *desk.Channel) { c.Origins = []string{"https://example.com/path"} },
	} {
		c := good
		change(&c)
		if e, ok := desk.CheckChannel(&c).(*desk.Error); !ok || e.Code != code {
			t.Errorf("%s: %v", code, e)
		}
	}
}
