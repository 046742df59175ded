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

// Key is the number in E.164 (+8613866667777) when the text can be read as one
// in that region, else the text folded: without white space, in small letters.
// A masked number such as 138****7777 is folded text, so it groups with itself.
func Key(caller, region string) string {
	if dialable(caller) {
		if region == "" {
			region = DefaultRegion
		}
		n, err := phonenumbers.Parse(caller, region)
		if err == nil && phonenumbers.IsPossibleNumber(n) {
			return phonenumbers.Format(n, phonenumbers.E164)
		}
	}
	return fold(caller)
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
		case strings.ContainsRune("+＋-()./（）－ \u00a0", r):
		default:
			return false
		}
	}
	return digits >= 5
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
