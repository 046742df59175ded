package config

import (
	"net/netip"
	"strings"
)

// The headers in which proxies say whom they call for.
const (
	XForwardedFor = "x-forwarded-for"
	Forwarded     = "forwarded"
)

// Networks are the trusted proxies'. All the world is none: whoever believed
// everybody would let each stranger choose his own address.
func (p Proxy) Networks() ([]netip.Prefix, error) {
	if strings.TrimSpace(p.Trusted) == "" {
		return nil, nil
	}
	var all []netip.Prefix
	for text := range strings.SplitSeq(p.Trusted, ",") {
		n, ok := network(strings.TrimSpace(text))
		switch {
		case !ok:
			return nil, invalid("proxy.trusted has %q, which is no address and no network; write it like 127.0.0.1,10.0.0.0/8", strings.TrimSpace(text))
		case n.Bits() == 0:
			return nil, invalid("proxy.trusted has %q, which is everybody, so that each stranger could choose his own address; name the proxies' network", strings.TrimSpace(text))
		}
		all = append(all, n)
	}
	return all, nil
}

// network reads 10.0.0.0/8, or one address. What IPv6 writes of IPv4 is IPv4.
func network(text string) (netip.Prefix, bool) {
	ip, err := netip.ParseAddr(text)
	n := netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
	if err != nil {
		if n, err = netip.ParsePrefix(text); err != nil {
			return n, false
		}
		if n.Addr().Is4In6() {
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
	}
	return n.Masked(), n.IsValid() && ip.Zone() == ""
}
