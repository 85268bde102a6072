package lease

import (
	"fmt"
	"net"
	"net/netip"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/nic"
	"culvert/role/profile"
)

// Layout says how a server's virtual network is divided: its own addresses, those
// leased to clients and what clients are told about them, by topology.
//
//	subnet  10.8.0.1/24 is the server, .2 and up are clients'
//	net30   each client has a /30: its address and the one beside it, which
//	        exists nowhere and acts as the gateway
//	p2p     each client has one address, facing the server's
//
// An Ethernet (dev tap) is a subnet. The server need not have an address in it nor
// lease any: with server-bridge it is part of a LAN.
type Layout struct {
	topology config.Topology
	onLAN    bool // proxy-lan: the network is a LAN's, and the server's addresses are this host's there
	ethernet bool
	Bridged  bool         // the network is a LAN's
	routed   bool         // addresses and routes are given one by one, without `server`
	Network  netip.Prefix // IPv4; not valid without one
	server   netip.Addr   // not valid if it has none there
	Beside   netip.Addr   // net30, p2p: the phantom beside the server's address
	pool     addrRange

	Network6 netip.Prefix // not valid without one
	server6  netip.Addr
	pool6    addrRange
}

// Server returns the server's own addresses in the tunnel; not valid: it has none of that
// family.
func (l *Layout) Server() (v4, v6 netip.Addr) { return l.server, l.server6 }

// addrRange is count addresses from start on, stride apart.
type addrRange struct {
	start  netip.Addr
	count  int
	stride int
}

func (r addrRange) at(i int) netip.Addr { return addrPlus(r.start, i*r.stride) }

// index is the inverse of at; ok is false for an address that is not in r.
func (r addrRange) index(a netip.Addr) (i int, ok bool) {
	if !r.start.IsValid() || a.BitLen() != r.start.BitLen() {
		return 0, false
	}
	d := addrMinus(a, r.start)
	if d < 0 || d%r.stride != 0 || d/r.stride >= r.count {
		return 0, false
	}
	return d / r.stride, true
}

// maxLeases limits a pool: an IPv6 network has room for more clients than can
// ever connect.
const maxLeases = 1 << 16

// newLayout divides the network that a configuration gives.
func newLayout(c *config.Config) (*Layout, error) {
	l := &Layout{topology: c.Adapter.Topology, ethernet: profile.Kind(c.Adapter) == nic.Ethernet}
	switch {
	case c.Server.Network.IsValid():
		if err := l.divide(c); err != nil {
			return nil, err
		}
	case l.ethernet:
		if err := l.bridge(c); err != nil {
			return nil, err
		}
	case c.Adapter.Ifconfig != nil || c.Server.Pool != nil:
		if err := l.said(c); err != nil {
			return nil, err
		}
	}
	l.divide6(c)
	if l.pool.count == 0 && l.pool6.count == 0 && c.Server.ClientConfigDir == "" && !c.Server.NoPool && !l.ethernet {
		return nil, fmt.Errorf("the server has no addresses to lease; give `server NETWORK NETMASK`, `server-ipv6 PREFIX`, or both")
	}
	return l, nil
}

// bridge takes the addresses that are given one by one: the server's by
// `ifconfig`, the clients' by `server-bridge` or `ifconfig-pool`.
func (l *Layout) bridge(c *config.Config) error {
	l.Bridged = true
	if i := c.Adapter.Ifconfig; i != nil {
		l.Network, l.server = netip.PrefixFrom(i.Local, i.Bits).Masked(), i.Local
	}
	pool := c.Server.Pool
	if pool == nil {
		return nil
	}
	if pool.Bits != 0 {
		l.Network = netip.PrefixFrom(pool.Start, pool.Bits).Masked()
	}
	if !l.Network.IsValid() {
		return fmt.Errorf("ifconfig-pool: the netmask is missing; add it as the third value, or add the line: ifconfig ADDRESS NETMASK")
	}
	l.pool = addrRange{start: pool.Start, count: addrMinus(pool.End, pool.Start) + 1, stride: 1}
	return nil
}

// divide6 divides the IPv6 network, or takes the server's address and the pool that
// are given one by one.
func (l *Layout) divide6(c *config.Config) {
	switch own := c.Adapter.IfconfigIPv6; {
	case c.Server.NetworkIPv6.IsValid():
		l.Network6 = c.Server.NetworkIPv6.Masked()
		l.server6 = addrPlus(l.Network6.Addr(), 1)
		l.pool6 = range6(netip.PrefixFrom(addrPlus(l.Network6.Addr(), firstIPv6(l.Network6.Bits())), l.Network6.Bits()))
	case own != nil && c.Server.PoolIPv6.IsValid():
		l.Network6, l.server6 = own.Local.Masked(), own.Local.Addr()
		l.pool6 = range6(c.Server.PoolIPv6)
	}
}

// firstIPv6 returns where IPv6 leases start in their network.
func firstIPv6(bits int) int {
	if bits < 112 {
		return 0x1000
	}
	return 2
}

// range6 returns the addresses from p's own to the end of its network.
func range6(p netip.Prefix) addrRange {
	r := addrRange{start: p.Addr(), count: maxLeases, stride: 1}
	if free := 128 - p.Bits(); free < 31 {
		r.count = min(maxLeases, 1<<free-addrMinus(p.Addr(), p.Masked().Addr()))
	}
	return r
}

// divide divides the IPv4 network.
func (l *Layout) divide(c *config.Config) error {
	l.Network = c.Server.Network.Masked()
	size := 1 << (32 - l.Network.Bits())
	base := l.Network.Addr()
	l.server, l.Beside = addrPlus(base, 1), addrPlus(base, 2)
	switch l.topology {
	case config.TopologyNet30:
		l.pool = addrRange{start: addrPlus(base, 6), count: size/4 - 2, stride: 4}
	case config.TopologyP2P:
		l.pool = addrRange{start: addrPlus(base, 4), count: size - 8, stride: 1}
	default:
		l.pool = addrRange{start: addrPlus(base, 2), count: size - 3, stride: 1}
	}
	if c.Server.NoPool && c.Server.Pool == nil {
		l.pool = addrRange{}
		return nil
	}
	if pool := c.Server.Pool; pool != nil {
		l.pool.start = pool.Start
		l.pool.count = (addrMinus(pool.End, pool.Start) + l.pool.stride) / l.pool.stride
		if l.topology == config.TopologyNet30 {
			l.pool.start = addrPlus(pool.Start, 2)
		}
	}
	l.pool.count = min(l.pool.count, maxLeases)
	if l.pool.count < 1 {
		return fmt.Errorf("server %v: no address is left for a client in this topology; use a larger network, such as /24", l.Network)
	}
	return nil
}

// State returns what the server's host should look like.
func (l *Layout) State(device string, mtu int) hostnet.State {
	s := hostnet.State{Device: device, MTU: mtu}
	if l.onLAN {
		return s
	}
	if l.server.IsValid() {
		if l.topology == config.TopologySubnet {
			s.Addresses = append(s.Addresses, hostnet.Address{Prefix: netip.PrefixFrom(l.server, l.Network.Bits())})
		} else {
			s.Addresses = append(s.Addresses, hostnet.Address{Prefix: netip.PrefixFrom(l.server, 32), Peer: l.Beside})
			if !l.routed {
				s.Routes = append(s.Routes, hostnet.Route{Dst: l.Network, Via: l.Beside})
			}
		}
	}
	if l.Network6.IsValid() {
		s.Addresses = append(s.Addresses, hostnet.Address{Prefix: netip.PrefixFrom(l.server6, l.Network6.Bits())})
	}
	return s
}

// push returns what every client is told about the network, before its own addresses.
func (l *Layout) push(clientToClient bool) []string {
	switch {
	case l.routed:
		return l.pushSaid()
	case !l.server.IsValid() || l.Bridged:
		return nil
	case l.ethernet:
		return []string{fmt.Sprintf("route-gateway %v", l.server)}
	}
	switch l.topology {
	case config.TopologySubnet:
		return []string{fmt.Sprintf("route-gateway %v", l.server), "topology subnet"}
	case config.TopologyP2P:
		options := []string{"topology p2p"}
		if clientToClient {
			options = append(options, "route "+networkAndMask(l.Network))
		}
		return options
	}
	if clientToClient {
		return []string{"route " + networkAndMask(l.Network), "topology net30"}
	}
	return []string{fmt.Sprintf("route %v", l.server), "topology net30"}
}

// ifconfig returns what a client is told about its lease.
func (l *Layout) ifconfig(lease *Lease) []string {
	var options []string
	if lease.IPv4.IsValid() {
		second := l.server.String() // p2p
		switch l.topology {
		case config.TopologySubnet:
			second = mask(l.Network.Bits())
		case config.TopologyNet30:
			second = addrPlus(lease.IPv4, -1).String()
		}
		options = append(options, fmt.Sprintf("ifconfig %v %s", lease.IPv4, second))
	}
	if lease.IPv6.IsValid() {
		options = append(options, fmt.Sprintf("ifconfig-ipv6 %v/%d %v", lease.IPv6, l.Network6.Bits(), l.server6))
	}
	return options
}

func networkAndMask(p netip.Prefix) string { return p.Addr().String() + " " + mask(p.Bits()) }

// mask returns a prefix length in dotted form.
func mask(bits int) string { return net.IP(net.CIDRMask(bits, 32)).String() }
