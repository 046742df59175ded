package number_test

import (
	"testing"

	"github.com/afterbeep/afterbeep/internal/number"
)

func TestOneNumberHasOneKeyHoweverItIsWritten(t *testing.T) {
	for _, c := range []struct{ caller, region, want string }{
		{"13866667777", "CN", "+8613866667777"},
		{"+86 138-6666-7777", "CN", "+8613866667777"},
		{"0086 138 6666 7777", "CN", "+8613866667777"},
		{"１３８６６６６７７７７", "CN", "+8613866667777"},
		{"138 6666 7777", "", "+8613866667777"},
		{"020 7946 0018", "GB", "+442079460018"},
		{"+44 20 7946 0018", "CN", "+442079460018"},
		{"+44 (0)20 7946 0018", "CN", "+442079460018"},
		{"000-000 000", "CN", "000000000"},
		{"+86 000 000", "CN", "+86000000"},
		{"138****7777", "CN", "138****7777"},
		{"400-CALL-US", "CN", "400-call-us"},
		{"Ann Lee", "CN", "annlee"},
		{"110", "CN", "110"},
		{"微信 abc", "CN", "微信abc"},
	} {
		if got := number.Key(c.caller, c.region); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.caller, c.region, got, c.want)
		}
	}
}

func TestRegions(t *testing.T) {
	if !number.ValidRegion("CN") || !number.ValidRegion("GB") || number.ValidRegion("XX") || number.ValidRegion("china") {
		t.Fatal("CN and GB are regions; XX and china are not")
	}
}

func FuzzKey(f *testing.F) {
	f.Add("138****7777", "CN")
	f.Fuzz(func(t *testing.T, caller, region string) {
		if key := number.Key(caller, "CN"); number.Key(key, "CN") != key {
			t.Fatalf("the key of %q is %q, and the key of that is %q", caller, key, number.Key(key, "CN"))
		}
		_ = number.Key(caller, region)
	})
}
