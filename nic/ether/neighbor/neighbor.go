// Package neighbor reads and answers what hosts ask about their neighbours on
// an Ethernet segment: ARP (RFC 826, RFC 5227) and IPv6 neighbour discovery
// (RFC 4861). It has the formats and the rules of answering; for which
// addresses, and with which MAC, is the caller's to say, and so is how frames
// come and go.
package neighbor

import (
	"net/netip"

	"culvert/nic/frame"
)

// Holder is who is to be named as the holder of an address.
type Holder struct {
	MAC frame.MAC
	// Router tells hosts that they may use it as one (the R flag of a
	// neighbour advertisement). A router that leaves it out in one answer is
	// dropped as a router by the host.
	Router bool
}

// Who says which station holds an address. With false nobody answers: the
// address is the asker's own, or not of this segment, or free.
type Who func(netip.Addr) (Holder, bool)
