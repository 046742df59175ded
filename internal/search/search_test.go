package search_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/search"
	"pgregory.net/rapid"
)

func matches(t *testing.T, typed, text string) bool {
	t.Helper()
	q, err := search.Parse(typed)
	if err != nil {
		t.Fatalf("%q: %v", typed, err)
	}
	d := &search.Document{Text: text}
	found := q.Matches(d)
	if found {
		lacks(t, q, d)
	}
	return found
}

// lacks fails when an index of tokens would miss a message that matches.
func lacks(t interface{ Fatalf(string, ...any) }, q *search.Query, d *search.Document) {
	has := d.Tokens()
	for _, token := range q.Tokens {
		if !slices.Contains(has, token) {
			t.Fatalf("%+v matches, and lacks the token %q", d, token)
		}
	}
}

func TestWhatIsFoundAndWhatIsNot(t *testing.T) {
	for _, c := range []struct {
		typed, text string
		found       bool
	}{
		{"退款", "我要退款", true},
		{"款", "我要退款", true},
		{"退款", "退了款", false},
		{"退 款", "退了款", true},
		{"refund", "Refunds, please", true},
		{"refund", "prerefund", false},
		{"Ｒｅｆｕｎｄ", "refund", true},
		{"refund", "ＲＥＦＵＮＤ", true},
		{"rmb", "100RMB", true},
		{"100rmb", "100RMB", true},
		{"strasse", "Straße", true},
		{"STRASSE", "straße", true},
		{"σίσυφος", "ΣΊΣΥΦΟΣ", true},
		{"ΚΌΣΜΟΣ", "κόσμος", true},
		{"café", "cafe\u0301", true},
		{"カタカナ", "ｶﾀｶﾅ", true},
		{"환불", "환불해", true},
		{"退货", "退\u200b货", true},
		{"9999", "138-0000-9999", true},
		{"13800009999", "138 0000 9999", true},
		{"13800009999", "+86 (138) 0000.9999", true},
		{"138 0000 9999", "13800009999", true},
		{"00009999", "0000, 9999", false},
		{"1234 12", "1234567", true},
		{"😀", "thanks 😀", true},
		{"สวัสดี", "คำว่าสวัสดีครับ", true},
		{"sn4f8k2", "SN4F8K2-B", true},
	} {
		if matches(t, c.typed, c.text) != c.found {
			t.Errorf("%q in %q: %v", c.typed, c.text, !c.found)
		}
	}
}

func TestWordsMayStandInAnyField(t *testing.T) {
	d := &search.Document{Text: "我要退款", Caller: "13800009999", UserName: "李伟 Ann", CallerKey: "+8613800009999"}
	for typed, found := range map[string]bool{
		"退款 9999 ann": true, "李伟": true, "+86 138 0000 9999": true, "8613800009999": true, "退款 8888": false,
	} {
		q, err := search.Parse(typed)
		if err != nil || q.Matches(d) != found {
			t.Errorf("%q: %v, %v", typed, !found, err)
		}
		if found {
			lacks(t, q, d)
		}
	}
}

func TestWhatCannotBeSearchedForIsSaid(t *testing.T) {
	for _, typed := range []string{
		"", " ", "!?…", "a", "1", "123", "1 2 3", "x y z", strings.Repeat("长", 201), strings.Repeat("ab ", 66), "\xff\xfe",
	} {
		words := strings.Fields(typed)
		for i := range words { // the same word again is one word
			words[i] += string(rune('a'+i%26)) + string(rune('a'+i/26))
		}
		if len(words) > 20 {
			typed = strings.Join(words, " ")[:200]
		}
		if _, err := search.Parse(typed); desk.KindOf(err) != desk.Invalid {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if _, err := search.Parse("a refund 1"); err != nil {
		t.Error("short words beside a longer one:", err)
	}
}

// An index goes through the list of every token it is asked for, and those of the
// operators' codes are as long as the store.
func TestANumberIsLookedForByItsEnd(t *testing.T) {
	for typed, want := range map[string][]string{
		"8613912345678": {"n5678", "n1234"},
		"12345678":      {"n5678", "n1234"},
		"1234567":       {"n4567", "n1234"},
		"123456":        {"n3456", "n1234"},
		"12345":         {"n2345", "n1234"},
		"1234":          {"n1234"},
	} {
		q, err := search.Parse(typed)
		if err != nil || !slices.Equal(q.Tokens, want) {
			t.Errorf("%s asks for %q, want %q (%v)", typed, q.Tokens, want, err)
		}
	}
}

func TestTokensAreWhatAnIndexCanHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &search.Document{Text: rapid.String().Draw(t, "text"), Caller: rapid.String().Draw(t, "caller")}
		for _, token := range d.Tokens() {
			for i, r := range token {
				if r < utf8.RuneSelf && (r < 'a' || r > 'z') && (i == 0 || r < '0' || r > '9') {
					t.Fatalf("%q", token)
				}
			}
		}
	})
}

// people write like this; random characters alone would hardly ever match.
var parts = []string{
	"退", "款", "回电", "refund", "Ref", "please", "ß", "SS", "é", "e\u0301", "ｶ", "カ", "ﾞ", "１", "2", "345", "6789", " ", "  ", "-", ".", "(", ")",
	"\u200b", "\ufe0f", "👩\u200d👧", "한", "ภ", "ี", "Σ", "ς", "İ", "ı", "Ⅷ", "㎏", "ﬁ", "x", "９", "\n", "،", "٣",
}

func babble(t *rapid.T, name string, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, most).Draw(t, name), "")
}

// The promise that the index rests on.
func TestWhateverMatchesHasTheTokensOfTheQuery(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		d := &search.Document{Text: babble(t, "text", 12), Caller: babble(t, "caller", 5), UserName: babble(t, "user", 3)}
		q, err := search.Parse(babble(t, "typed", 4))
		if err != nil {
			return
		}
		if q.Matches(d) {
			found++
			lacks(t, q, d)
		}
	})
	if found < 5 {
		t.Fatalf("only %d queries matched: this test looks for the wrong words", found)
	}
}

// What somebody copies from a message finds it: whole words, or any stretch of
// characters of their own, or any stretch of a number.
func TestWhatIsCopiedFromAMessageFindsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, middle, after := babble(t, "before", 6), babble(t, "middle", 4), babble(t, "after", 6)
		for _, c := range []struct{ text, typed string }{
			{before + " " + middle + " " + after, middle},
			{before + "请退款" + after, "退款"},
			{before + "4085551234" + after, "5551234"},
		} {
			q, err := search.Parse(c.typed)
			if err != nil {
				continue
			}
			d := &search.Document{Text: c.text}
			if !q.Matches(d) {
				t.Fatalf("%q does not find %q", c.typed, c.text)
			}
			lacks(t, q, d)
		}
	})
}

func FuzzTokens(f *testing.F) {
	for _, p := range parts {
		f.Add("x "+p+" y", p+"ab")
	}
	f.Fuzz(func(t *testing.T, text, typed string) {
		d := &search.Document{Text: text}
		q, err := search.Parse(typed)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		if q.Matches(d) {
			lacks(t, q, d)
		}
		d.Text = text + " " + typed + " " + text
		if !q.Matches(d) {
			t.Fatalf("%q does not find %q", typed, d.Text)
		}
		lacks(t, q, d)
	})
}

func BenchmarkTokens(b *testing.B) {
	d := &search.Document{Text: "你好，我上周买的电饭煲加热不均匀，想问问能不能换一台。Please call me back after 5 pm.", Caller: "13800009999", UserName: "李伟", CallerKey: "+8613800009999"}
	for b.Loop() {
		d.Tokens()
	}
}
