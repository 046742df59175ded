package config

import (
	"net/netip"
	"slices"
	"testing"
)

func TestTrustedProxiesAreNetworksInOneForm(t *testing.T) {
	got, err := Proxy{Trusted: " 127.0.0.1, 10.1.2.3/8,2001:db8::1/32, ::ffff:192.0.2.9,::ffff:172.16.0.0/108 "}.Networks()
	var want []netip.Prefix
	for _, n := range []string{"127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32", "192.0.2.9/32", "172.16.0.0/12"} {
		want = append(want, netip.MustParsePrefix(n))
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
}
