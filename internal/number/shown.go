package number

import (
	"strings"
	_ "time/tzdata" // one static binary: zones are there wherever it runs

	"github.com/nyaruka/phonenumbers"
)

// Shown is a key as people read numbers, in groups (+86 138 6666 7777). What is
// no number in E.164 comes back as it is.
func Shown(key string) string {
	n, ok := parsed(key)
	if !ok {
		return key
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}

// Dialable says whether the key is a whole number in E.164, which any telephone
// can dial.
func Dialable(key string) bool {
	_, ok := parsed(key)
	return ok
}

// Zones are the time zones in which the number may be, such as Asia/Shanghai;
// none when that is not known.
func Zones(key string) []string {
	n, ok := parsed(key)
	if !ok {
		return nil
	}
	zones, err := phonenumbers.GetTimezonesForNumber(n)
	if err != nil || len(zones) == 0 || zones[0] == "Etc/Unknown" {
		return nil
	}
	return zones
}

func parsed(key string) (*phonenumbers.PhoneNumber, bool) {
	if !strings.HasPrefix(key, "+") {
		return nil, false
	}
	n, err := phonenumbers.Parse(key, "")
	return n, err == nil && phonenumbers.IsValidNumber(n)
}
