package config

import (
	"net/netip"
	"time"
)

// Adapter is the virtual network adapter: its device, its addresses, and what
// this host sees of it.
type Adapter struct {
	Dev            string // as given: "tun", "tun3", "myvpn", "null"
	DevType        DevType
	DevNode        string
	Topology       Topology // always TopologySubnet with DevTap
	MTU            int      // tun-mtu, 1500
	MaxMTU         int      // tun-mtu-max, 1600
	TxQueueLen     int
	Ifconfig       *Ifconfig
	IfconfigIPv6   *IfconfigIPv6
	IfconfigNoexec bool
	Look           Look // what this host sees of a tun adapter
	IPWin32        IPWin32
	LLAddr         string // MAC address of an Ethernet adapter, "" for any
}

// DevType is the kind of adapter.
type DevType int

// The kinds of adapter.
const (
	DevTun DevType = iota
	DevTap
	DevNull
)

// Look is how a tun adapter looks to this host.
type Look int

// The looks.
const (
	AdapterIP     Look = iota // IP packets, as of a TUN device
	AdapterStatic             // Ethernet, whose addresses are set as those of AdapterIP
	AdapterDHCP               // Ethernet, whose addresses are left to this host's DHCP client
)

// IPWin32 is `ip-win32 dynamic`: how the DHCP server of an Ethernet adapter
// looks to this host.
type IPWin32 struct {
	Offset *int          // of its address in the subnet: from the first, or if negative from the last; nil: not given
	Lease  time.Duration // 0: not given
}

// Topology is the meaning of a tun adapter's addresses.
type Topology int

// The topologies, `subnet` first since it is the default of 2.7.
const (
	TopologySubnet Topology = iota
	TopologyNet30
	TopologyP2P
)

// Ifconfig is the adapter's IPv4 address: with a peer's address (net30, p2p)
// or with a network (subnet, tap). One that a server's decider gives a client may have
// Local alone: the rest is as the server's network has it.
type Ifconfig struct {
	Local  netip.Addr
	Remote netip.Addr // net30, p2p
	Bits   int        // subnet, tap: prefix length
}

// IfconfigIPv6 is the adapter's IPv6 address and the peer's. One that a server's decider
// gives a client may have a Local without length (-1 bits): that is the server's network's.
type IfconfigIPv6 struct {
	Local  netip.Prefix
	Remote netip.Addr
}
