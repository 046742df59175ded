package term

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// hostile draws texts in which dangerous characters are common.
var hostile = rapid.Custom(func(t *rapid.T) string {
	parts := rapid.SliceOf(rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"\x1b[31m", "\x1b]0;title\a", "\u009b2J", "\u202e", "\u2066", "\u200b", "\u2028", "\ufeff", "\r\n", "\t",
			"\U000e0041", "\u3164", "\u00a0", "=1+1", "＝1", "＋cmd", "－1", "＠SUM", "@SUM(A1)", "-1", "+86", "'", "\x80", "\xff",
			"e\u0301", strings.Repeat("\u0301", 9), "您好", "👩\u200d👧",
		}),
	)).Draw(t, "parts")
	return strings.Join(parts, "")
})

func TestNothingHiddenReachesATerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hostile.Draw(t, "s")
		for _, r := range Line(s) {
			if Hidden(r) || r == utf8.RuneError && !strings.ContainsRune(s, utf8.RuneError) {
				t.Fatalf("%q gave %q", s, Line(s))
			}
		}
		for _, r := range Text(s) {
			if Hidden(r) && r != '\n' {
				t.Fatalf("%q gave %q", s, Text(s))
			}
		}
		if !utf8.ValidString(Line(s)) {
			t.Fatalf("%q gave invalid UTF-8", s)
		}
	})
}

func TestWhatIsVisibleStaysAsItIs(t *testing.T) {
	for _, s := range []string{
		"Please reply", "请回电，谢谢！", "Ünïcödé", "C:\\temp", "مرحبا", "नमस्ते", "བཀྲ་ཤིས", "👍🏽", "全角　空白", "e\u0301",
	} {
		if got := Line(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestWhatIsHiddenIsShown(t *testing.T) {
	for s, want := range map[string]string{
		"a\x1b[31mb":                      `a\x1b[31mb`,
		"a\r\nFAKE":                       `a\r\nFAKE`,
		"a\u202eb":                        `a\u202eb`,
		"a\u009bb":                        `a\x9bb`,
		"a\xffb":                          `a\xffb`,
		"\U000e0041":                      `\U000e0041`,
		"a" + strings.Repeat("\u030a", 6): "a" + strings.Repeat("\u030a", 4) + `\u030a\u030a`,
	} {
		if got := Line(s); got != want {
			t.Errorf("Line(%+q) = %+q, want %+q", s, got, want)
		}
	}
	if got := Text("one\ntwo\r\x1b"); got != "one\ntwo\\r\\x1b" {
		t.Errorf("Text gave %q", got)
	}
}

func TestNoCellIsAFormulaAndEachCanBeReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := hostile.Draw(t, "s")
		cell := Cell(s)
		if cell != "" {
			first, _ := utf8.DecodeRuneInString(cell)
			if strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
				t.Fatalf("%q gave the cell %q", s, cell)
			}
		}
		if strings.TrimPrefix(cell, "'") != s {
			t.Fatalf("%q gave the cell %q, which is not read back", s, cell)
		}
	})
}

func TestACellThatIsNoFormulaStaysAsItIs(t *testing.T) {
	for s, want := range map[string]string{
		"Please reply": "Please reply", "138****7777": "138****7777", "1-2": "1-2", "": "", "您好": "您好",
		"=1": "'=1", "+86 138": "'+86 138", "-1": "'-1", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx", " =1": "' =1",
		"＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "'tis": "''tis", "\u200b=1": "'\u200b=1",
	} {
		if got := Cell(s); got != want {
			t.Errorf("Cell(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestJSONMeansTheSameAndHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ToValidUTF8(hostile.Draw(t, "s"), "?")
		raw, err := json.Marshal(map[string]string{"text": s})
		if err != nil {
			t.Fatal(err)
		}
		safe := JSON(raw)
		for _, r := range string(safe) {
			if Hidden(r) {
				t.Fatalf("%q shows %U", safe, r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(safe, &back); err != nil || back["text"] != s {
			t.Fatalf("%q became %q, %v", s, back["text"], err)
		}
	})
}

func TestATableIsAlignedAlsoWithWideCharacters(t *testing.T) {
	var b strings.Builder
	err := Table(&b, []string{"CALLER", "TEXT"}, []int{0, 8}, [][]string{
		{"13800007777", "您好，请回电话"},
		{"李", "a\nb"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "CALLER       TEXT\n13800007777  您好，…\n李           a\\nb\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestACutTextFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := hostile.Draw(t, "s"), rapid.IntRange(1, 40).Draw(t, "n")
		if got := Width(Cut(Line(s), n)); got > n {
			t.Fatalf("%q takes %d columns of %d", s, got, n)
		}
	})
}
