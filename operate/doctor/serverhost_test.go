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

// TestNamesPort: a program that has port 53 at all addresses is in the way of names, and one
// that has it at its own is not.
func TestNamesPort(t *testing.T) {
	for _, c := range []struct {
		at   []string
		says string
	}{
		{nil, ""},
		{[]string{"127.0.0.53", "::1"}, ""},
		{[]string{"127.0.0.53", "0.0.0.0"}, "TCP port 53 is another program's"},
		{[]string{"::"}, "TCP port 53 is another program's"},
	} {
		var list []holder
		for _, a := range c.at {
			list = append(list, holder{pid: 7, name: "dnsmasq", at: netip.MustParseAddr(a)})
		}
		n := new(notes)
		judgeNames(n, "server.conf", true, list)
		var said []string
		for _, f := range n.Findings {
			said = append(said, f.Text+" "+f.Evidence)
		}
		if got := strings.Join(said, "\n"); got == "" != (c.says == "") || !strings.Contains(got, c.says) {
			t.Errorf("%v: %q, want %q", c.at, got, c.says)
		}
	}
}
