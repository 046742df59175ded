package number_test

import (
	"strings"
	"testing"

	"github.com/afterbeep/afterbeep/internal/number"
)

func TestANumberIsShownInGroupsAndKnowsItsTime(t *testing.T) {
	for key, want := range map[string][2]string{
		"+8613866667777": {"+86 138 6666 7777", "Asia/Shanghai"},
		"+442079460958":  {"+44 20 7946 0958", "Europe/London"},
		"+351211234567":  {"+351 21 123 4567", "Europe/Lisbon"},
		"+447911123456":  {"+44 7911 123456", "Europe/Guernsey Europe/Isle_of_Man Europe/London"},
		"138****7777":    {"138****7777", ""},
		"13866667777":    {"13866667777", ""}, // without a country it may be anywhere
		"+999":           {"+999", ""},
		"":               {"", ""},
	} {
		if got := [2]string{number.Shown(key), strings.Join(number.Zones(key), " ")}; got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
		if number.Dialable(key) != (want[1] != "") {
			t.Errorf("%q: dialable is %v", key, number.Dialable(key))
		}
	}
}
