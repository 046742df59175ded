package web

import (
	"strconv"
	"unicode/utf8"
)

// Mask hides the middle of a number: 13800007777 is 138****7777. What is
// shorter than seven characters keeps its first one only.
func Mask(caller string) string {
	r := []rune(caller)
	switch {
	case len(r) == 0:
		return ""
	case len(r) < 7:
		return string(r[:1]) + "***"
	}
	return string(r[:3]) + "****" + string(r[len(r)-4:])
}

// Clean makes what a stranger sent fit for a log and a terminal: at most most
// characters, and everything but visible ASCII as an escape.
func Clean(s string, most int) string {
	plain := len(s) <= most
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return s
	}
	cut := 0
	for n := 0; n < most && cut < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[cut:])
		cut += size
	}
	quoted := strconv.QuoteToASCII(s[:cut])
	return quoted[1 : len(quoted)-1]
}
