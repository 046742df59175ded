// Package number turns what a customer typed as "caller" into a key: two
// callers with the same key are the same person to call back. It never changes
// what is stored or shown.
package number

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// DefaultRegion reads a local number when the channel says nothing else. The
// contract is Huawei Cloud's, and so are most of its callers.
const DefaultRegion = "CN"

// Key is the number in E.164 (+8613866667777) when the text is one that can exist
// in that region; else its digits, when it has only digits and what people put
// between them; else the text folded: without white space, in small letters. A
// masked number such as 138****7777 is folded text, so it groups with itself.
// The key of a key is the key.
func Key(caller, region string) string {
	if !dialable(caller) {
		return fold(caller)
	}
	if region == "" {
		region = DefaultRegion
	}
	dialled := digits(caller) // what stands between the digits means nothing
	if n, err := phonenumbers.Parse(dialled, region); err == nil && phonenumbers.IsValidNumber(n) {
		return phonenumbers.Format(n, phonenumbers.E164)
	}
	return dialled
}

// ValidRegion says whether region is a two-letter code that numbers can be read in.
func ValidRegion(region string) bool {
	return phonenumbers.GetCountryCodeForRegion(region) != 0
}

// dialable keeps letters and masked digits away from the parser, which would
// read 1-800-FLOWERS as digits and cut extensions off.
func dialable(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= '０' && r <= '９':
			digits++
		case r == '+' || r == '＋':
			if digits > 0 {
				return false // two numbers, or none
			}
		case unicode.IsSpace(r), strings.ContainsRune("-()./（）－", r):
		default:
			return false
		}
	}
	return digits >= 5
}

// digits keeps a leading plus.
func digits(s string) string {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			out = append(out, byte(r))
		case r >= '０' && r <= '９':
			out = append(out, byte(r-'０'+'0'))
		case (r == '+' || r == '＋') && len(out) == 0:
			out = append(out, '+')
		}
	}
	return string(out)
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
