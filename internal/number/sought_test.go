package number_test

import (
	"testing"

	"github.com/afterbeep/afterbeep/internal/number"
)

func TestANumberIsSoughtByWhatEveryWayOfWritingItEndsWith(t *testing.T) {
	for _, c := range []struct{ typed, region, want string }{
		{"13866667777", "CN", "13866667777"},
		{"+86 138 6666 7777", "GB", "13866667777"},
		{"0086-138-6666-7777", "CN", "13866667777"},
		{"＋８６１３８６６６６７７７７", "CN", "13866667777"},
		{"+44 (0)20 7946 0958", "CN", "2079460958"},
		{"020 7946 0958", "GB", "2079460958"},
		{"00442079460958", "GB", "2079460958"},
		{"010-6552 1234", "CN", "1065521234"},
		{"+39 06 6982", "IT", "066982"}, // there the nought is a part of it
		{"7777", "CN", ""},
		{"138****7777", "CN", ""},
		{"order 13866667777", "CN", ""},
		{"20260114-8821", "CN", ""},
		{"", "CN", ""},
	} {
		if got := number.Sought(c.typed, c.region); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.typed, c.region, got, c.want)
		}
	}
}
