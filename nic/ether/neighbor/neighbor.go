// Package neighbor reads and answers what hosts ask about their neighbours on an
// Ethernet segment: ARP (RFC 826, RFC 5227) and IPv6 neighbour discovery (RFC
// 4861). It has the formats and the rules of answering. The caller decides for
// which addresses, and with which MAC, and moves the frames.
package neighbor

import (
	"net/netip"

	"culvert/nic/frame"
)

// Holder is the station to name as the holder of an address.
type Holder struct {
	MAC frame.MAC
	// Router says that hosts may use the holder as a router (the R flag of a
	// neighbour advertisement). If one answer leaves it out, the host drops the
	// router.
	Router bool
}

// Who returns the station that holds an address. With false nobody answers: the
// address is the asker's own, is not of this segment, or is free.
type Who func(netip.Addr) (Holder, bool)
