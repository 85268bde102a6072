package doctor

import (
	"net/netip"
	"strings"
	"testing"
)

// Switching on forwarding of IPv6 alone cuts off a host that learns its routes.
func TestForwardingFix(t *testing.T) {
	four := unforwarded(netip.MustParsePrefix("10.8.0.0/24"), "net/ipv4/ip_forward")
	six := unforwarded(netip.MustParsePrefix("fd00::/64"), "net/ipv6/conf/all/forwarding")
	if four.fix == nil || four.Mend != "sysctl -w net.ipv4.ip_forward=1" {
		t.Errorf("IPv4: %+v", four)
	}
	first, then, _ := strings.Cut(six.Mend, "; then: ")
	if six.fix != nil || !strings.Contains(first, "accept_ra=2") || then != "sysctl -w net.ipv6.conf.all.forwarding=1" {
		t.Errorf("IPv6: %+v", six)
	}
}
