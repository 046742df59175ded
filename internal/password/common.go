package password

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// The least length of a password, in characters: alone, and beside a second
// factor (NIST SP 800-63B-4, 3.1.1.2).
const (
	Min       = 15
	MinSecond = 8
)

// leastUnits is how many things that are hard to guess a password needs at least.
// A character counts as one; a word that everybody thinks of, a row of keys, a
// year or a repetition count as one together.
const leastUnits = 6

//go:embed common.txt
var commonText string

// commonWords are what people choose when they are asked for a password: no list
// of leaked ones, but what those lists are made of. The rules put them together.
var commonWords = sync.OnceValue(func() map[string]bool {
	words := map[string]bool{}
	for _, line := range strings.Split(commonText, "\n") {
		if !strings.HasPrefix(line, "#") {
			for _, w := range strings.Fields(line) {
				words[w] = true
			}
		}
	}
	return words
})

// Check says whether a new password will do for that person, and how to
// make it better. second says that she has a second factor.
func Check(password string, second bool, who *desk.Person) error {
	n, ok := normal(password)
	least := Min
	if second {
		least = MinSecond
	}
	switch {
	case !utf8.ValidString(password):
		return desk.Errorf(desk.Invalid, "password_text", "a password must be text")
	case !ok:
		return errLong
	case utf8.RuneCountInString(n) < least:
		return desk.Errorf(desk.Invalid, "password_short", "a password has at least %d characters; four or five words that do not belong together are easy to keep in mind", least)
	case units(strings.ToLower(n), personal(who)) < leastUnits:
		return desk.Errorf(desk.Invalid, "password_common", "this password is one that many would try first; put words together that do not belong together")
	}
	return nil
}

// personal are the words that somebody who knows the person tries first.
func personal(who *desk.Person) map[string]bool {
	words := map[string]bool{"afterbeep": true, "after": true, "beep": true}
	for _, text := range []string{who.Login, who.Name} {
		text = strings.ToLower(text)
		words[text] = true
		for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !letter(r) }) {
			if utf8.RuneCountInString(w) >= 3 || w[0] >= utf8.RuneSelf {
				words[w] = true
			}
		}
	}
	return words
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// units counts what is hard to guess, in the way that makes it easiest: with the
// signs between words, or without them, when each kind of sign counts once.
func units(s string, own map[string]bool) int {
	r := reader{own: own, words: commonWords()}
	kinds := map[rune]bool{}
	plain := strings.Map(func(c rune) rune {
		if letter(c) {
			return c
		}
		kinds[c] = true
		return -1
	}, s)
	return min(r.least(s), r.least(plain)+len(kinds))
}

// resemble reads digits and signs as the letters that they look like, each as one.
var resemble = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "@", "a", "$", "s", "!", "i", "|", "l", "€", "e")

type reader struct{ own, words map[string]bool }

// longest bounds how far a word is looked for: a login may be one.
const longest = 64

// least is the smallest number of units that make up s.
func (r reader) least(s string) int {
	runes := []rune(s)
	if p := period(runes); p <= len(runes)/2 {
		return min(r.count(runes[:p])+1, r.count(runes))
	}
	return r.count(runes)
}

// count finds the fewest pieces, and counts a word that comes again no more.
func (r reader) count(s []rune) int {
	looks := []rune(resemble.Replace(string(s)))
	least, start := make([]int, len(s)+1), make([]int, len(s)+1)
	for end := 1; end <= len(s); end++ {
		least[end], start[end] = least[end-1]+1, end-1
		for from := max(0, end-longest); from <= end-2; from++ {
			if least[from]+1 < least[end] && (r.one(s[from:end]) || r.one(looks[from:end])) {
				least[end], start[end] = least[from]+1, from
			}
		}
	}
	n, seen := 0, map[string]bool{}
	for end := len(s); end > 0; end = start[end] {
		piece := string(s[start[end]:end])
		if end-start[end] == 1 || !seen[piece] {
			n++
		}
		seen[piece] = true
	}
	return n
}

// one says whether a piece is guessed as a whole.
func (r reader) one(piece []rune) bool {
	text := string(piece)
	return r.own[text] || r.words[text] || len(piece) >= 3 && (constant(piece) || ladder(piece)) ||
		len(piece) >= 4 && (keys(text) || digits(piece))
}

// constant: aaaa.
func constant(s []rune) bool { return period(s) == 1 }

// ladder: abcd, 9876, 2468.
func ladder(s []rune) bool {
	step := s[1] - s[0]
	if step == 0 || step > 2 || step < -2 {
		return false
	}
	for i := 2; i < len(s); i++ {
		if s[i]-s[i-1] != step {
			return false
		}
	}
	return true
}

// digits: four to eight in a row are a year, a date or a number that somebody
// knows by heart.
func digits(s []rune) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return len(s) <= 8
}

// rows are what lies side by side on a keyboard, in both directions.
var rows = [...]string{
	"1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "0987654321", "poiuytrewq", "lkjhgfdsa", "mnbvcxz",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol", "zaq1xsw2cde3vfr4bgt5nhy6mju7", "qazwsxedcrfvtgbyhnujmikolp",
	"qwertzuiop", "azertyuiop", "qsdfghjklm", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0", "147258369", "159357", "789456123",
}

func keys(s string) bool {
	for _, row := range rows {
		if strings.Contains(row, s) {
			return true
		}
	}
	return false
}

// period is the length of what s repeats, or all of it.
func period(s []rune) int {
	for p := 1; p < len(s); p++ {
		same := true
		for i := p; same && i < len(s); i++ {
			same = s[i] == s[i-p]
		}
		if same {
			return p
		}
	}
	return len(s)
}
