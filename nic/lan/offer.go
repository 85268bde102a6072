package lan

import (
	"net"
	"net/netip"
	"strings"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// offered returns what an acknowledgement says.
func offered(m *dhcpv4.DHCPv4) Offered {
	o := Offered{Domain: m.DomainName()}
	if ones, bits := m.SubnetMask().Size(); bits == 32 {
		if a := address(m.YourIPAddr); a.IsValid() && !a.IsUnspecified() {
			o.Address = netip.PrefixFrom(a, ones)
		}
	}
	for _, r := range m.Router() {
		if o.Router = address(r); o.Router.IsValid() {
			break
		}
	}
	for _, d := range m.DNS() {
		if a := address(d); a.IsValid() {
			o.DNS = append(o.DNS, a)
		}
	}
	return o
}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip.To4())
	return a
}

// hostName turns a name into a host name (RFC 1123 section 2.1): it puts hyphens in
// place of characters that a host name cannot have.
func hostName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 128 && (r == '-' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z') {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(clean[:min(len(clean), 63)], "-")
}
