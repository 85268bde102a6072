package profile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/nic/ether"
	"culvert/nic/ether/dhcp"
)

// Ethernet returns the network on the segment of an Ethernet adapter (`adapter
// ethernet`), nil if the adapter carries IP itself. It removes from the host's state
// what the host's DHCP client will set, and sends the other routes through the
// segment's gateway.
func Ethernet(c *config.Config, s *hostnet.State) (*ether.Network, error) {
	if c.Adapter.Look == config.AdapterIP {
		return nil, nil
	}
	n := &ether.Network{
		MTU: c.Adapter.MTU, DHCP: c.Adapter.Look == config.AdapterDHCP, Lease: leaseTime,
		NTP: c.Routing.DNS.NTP, NetBIOS: dhcp.NetBIOS{Names: c.Routing.DNS.WINS, Distributions: c.Routing.DNS.NBDD,
			NodeType: uint8(c.Routing.DNS.NBT), Scope: c.Routing.DNS.NBS, Disable: c.Routing.DNS.DisableNBT},
	}
	if c.Adapter.IPWin32.Lease > 0 {
		n.Lease = c.Adapter.IPWin32.Lease
	}
	if err := setAddresses(n, c, inner(c.Adapter, s)); err != nil {
		return nil, err
	}
	setRoutes(n, s)
	if n.DHCP {
		setNames(n, c.Routing, s.DNS)
		s.Addresses, s.DNS, s.Advertised = nil, nil, true
		s.Routes = slices.DeleteFunc(s.Routes, func(r hostnet.Route) bool { return !r.Bypass })
	}
	return n, nil
}

// leaseTime is how long a DHCP lease lasts unless `ip-win32` gives another time.
// OpenVPN's own DHCP server uses a year (man page, ip-win32), for hosts that sleep.
// But a client that asks again only after half of that, as udhcpc does, would never
// learn of a later push. Renewing costs little, since the answer comes from here,
// whether the tunnel is up or not.
const leaseTime = 2 * time.Minute

// inner returns the adapter's addresses, whoever sets them.
func inner(c config.Adapter, s *hostnet.State) []hostnet.Address {
	if c.IfconfigNoexec {
		c.IfconfigNoexec = false
		return addresses(c)
	}
	return s.Addresses
}

func setAddresses(n *ether.Network, c *config.Config, list []hostnet.Address) (err error) {
	for _, a := range list {
		if a.Prefix.Addr().Is4() {
			n.IPv4, err = pair(c, a, n.DHCP)
			continue
		}
		n.IPv6.Address = a.Prefix
		if c.Adapter.IfconfigIPv6 != nil {
			n.IPv6.Peer = c.Adapter.IfconfigIPv6.Remote
		}
	}
	return err
}

// pair returns an address together with the one that acts as gateway and DHCP server:
// the other end if the topology has one (net30, p2p), else one of the subnet.
func pair(c *config.Config, a hostnet.Address, needed bool) (ether.IPv4, error) {
	if a.Peer.IsValid() {
		n := ether.IPv4{Address: a.Prefix, Server: a.Peer, Gateway: a.Peer}
		if quad := netip.PrefixFrom(a.Prefix.Addr(), 30); inMiddle(quad) && inMiddle(netip.PrefixFrom(a.Peer, 30)) && quad.Contains(a.Peer) {
			n.Address = quad
		}
		return n, nil
	}
	n := ether.IPv4{Address: a.Prefix, Gateway: c.Routing.Gateway}
	var why string
	n.Server, why = phantom(a.Prefix, c.Adapter.IPWin32.Offset)
	if a.Prefix.IsSingleIP() && c.Adapter.IPWin32.Offset == nil && n.Gateway.IsValid() && n.Gateway != a.Prefix.Addr() {
		n.Server, why = n.Gateway, "" // reached like the other end of p2p
	}
	if why != "" && needed {
		return n, fmt.Errorf("the DHCP server beside %v: %s; name another by `ip-win32 dynamic OFFSET`, have the server give this client another address, or write adapter ethernet static", a.Prefix, why)
	}
	return n, nil
}

// inMiddle reports whether an address is neither the first nor the last of a network
// of four.
func inMiddle(p netip.Prefix) bool {
	last := p.Addr().As4()[3] & 3
	return last == 1 || last == 2
}

// phantom returns the DHCP server's address in a subnet (man page, ip-win32
// dynamic), at an offset from the network's first address or back from its last.
// Without an offset it is the one before the last, as OpenVPN's client on Windows
// logs it (`DHCP-serv: 10.8.0.254`), or the next one down if that is the adapter's
// own. An offset that was given is not changed: why says what is wrong with it, or
// that the network has no address to spare.
func phantom(p netip.Prefix, offset *int) (server netip.Addr, why string) {
	first := number(p.Masked().Addr())
	last := first + uint64(1)<<(32-p.Bits()) - 1
	switch {
	case offset != nil && *offset < 0:
		server = address(last - uint64(-*offset))
	case offset != nil:
		server = address(first + uint64(*offset))
	case p.Bits() == 31:
		server = address(first + last - number(p.Addr()))
	default:
		server = address(last - 1)
		if server == p.Addr() {
			server = address(last - 2)
		}
	}
	switch {
	case offset == nil && (server == p.Addr() || !p.Contains(server)):
		return server, "the network has no other address"
	case server == p.Addr():
		return server, fmt.Sprintf("offset %d is the adapter's own address", *offset)
	case !p.Contains(server):
		return server, fmt.Sprintf("offset %d leads out of the network, to %v", *offset, server)
	}
	return server, ""
}

func number(a netip.Addr) (n uint64) {
	for _, b := range a.As4() {
		n = n<<8 | uint64(b)
	}
	return n
}

func address(n uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// setRoutes sets the routes into the tunnel that DHCP announces, and makes the gateway
// the next hop of the host's routes that would need none without Ethernet.
func setRoutes(n *ether.Network, s *hostnet.State) {
	next4 := n.IPv4.Gateway
	if !next4.IsValid() {
		next4 = n.IPv4.Server
	}
	for i, r := range s.Routes {
		switch {
		case r.Bypass:
			continue
		case slices.Contains(halves4, r.Dst):
			n.IPv4.Default = true
		case slices.Contains(halves6, r.Dst):
			n.IPv6.Default = true
		case r.Dst.Addr().Is4():
			n.IPv4.Routes = append(n.IPv4.Routes, r.Dst)
		default:
			n.IPv6.Routes = append(n.IPv6.Routes, r.Dst)
		}
		switch {
		case r.Via.IsValid():
		case r.Dst.Addr().Is4():
			s.Routes[i].Via = next4
		default:
			s.Routes[i].Via = ether.GatewayIPv6
		}
	}
}

// setNames takes over what DHCP can say about names. It cannot give a port other than
// 53, nor limit a server to some names.
func setNames(n *ether.Network, c config.Routing, dns *hostnet.DNS) {
	if dns == nil {
		return
	}
	const port = 53
	for _, s := range dns.Servers {
		if s.Port() != 0 && s.Port() != port {
			n.Unsaid = append(n.Unsaid, "the name server "+s.String()+", for its port")
			continue
		}
		n.DNS = append(n.DNS, s.Addr())
	}
	if len(dns.Domains) > 0 {
		n.Unsaid = append(n.Unsaid, "that only names in "+strings.Join(dns.Domains, ", ")+" are asked for here")
	}
	n.Domain, n.Search = c.DNS.Domain, dns.Search
}
