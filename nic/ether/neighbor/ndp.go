package neighbor

import (
	"net/netip"

	"github.com/mdlayher/ndp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/nic/frame"
)

// ND is an IPv6 packet of neighbour discovery.
type ND struct {
	Src, Dst netip.Addr
	Message  ndp.Message
}

// hopLimit proves that no router passed the packet on (RFC 4861 section 11.2).
const hopLimit = 255

// AllNodes is every host of the segment.
var AllNodes = netip.MustParseAddr("ff02::1")

// IsND reports whether an ICMPv6 type belongs to neighbour discovery: router
// solicitation to redirect.
func IsND(icmpType uint8) bool { return 133 <= icmpType && icmpType <= 137 }

// ParseND reads an IPv6 packet whose payload is a message of neighbour discovery,
// without extension headers in between. ok is false if RFC 4861 makes receivers
// drop it, for instance for its hop limit or checksum, and for redirects.
func ParseND(packet []byte) (nd ND, ok bool) {
	ip := header.IPv6(packet)
	if !ip.IsValid(len(packet)) || ip.NextHeader() != uint8(header.ICMPv6ProtocolNumber) || ip.HopLimit() != hopLimit {
		return nd, false
	}
	nd.Src, nd.Dst = netip.AddrFrom16(ip.SourceAddress().As16()), netip.AddrFrom16(ip.DestinationAddress().As16())
	icmp := header.ICMPv6(ip.Payload())
	if len(icmp) < header.ICMPv6MinimumSize || icmp.Code() != 0 || !summed(icmp, ip) {
		return nd, false
	}
	m, err := ndp.ParseMessage(icmp)
	if err != nil {
		return nd, false
	}
	nd.Message = m
	return nd, nd.valid()
}

func summed(icmp header.ICMPv6, ip header.IPv6) bool {
	return icmp.Checksum() == header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
		Header: icmp, Src: ip.SourceAddress(), Dst: ip.DestinationAddress()})
}

// valid reports whether source, destination and target fit together (RFC 4861
// sections 6.1.1, 7.1.1 and 7.1.2).
func (nd ND) valid() bool {
	switch m := nd.Message.(type) {
	case *ndp.NeighborSolicitation:
		if m.TargetAddress.IsMulticast() {
			return false
		}
		// A host without an address asks the group of the address it wants.
		return !nd.Src.IsUnspecified() || nd.Dst == SolicitedNode(m.TargetAddress) && !named(m.Options)
	case *ndp.RouterSolicitation:
		return !nd.Src.IsUnspecified() || !named(m.Options)
	case *ndp.NeighborAdvertisement:
		return !m.TargetAddress.IsMulticast() && !(m.Solicited && nd.Dst.IsMulticast())
	}
	return true
}

// named reports whether the sender gave its MAC.
func named(options []ndp.Option) bool {
	for _, o := range options {
		if lla, ok := o.(*ndp.LinkLayerAddress); ok && lla.Direction == ndp.Source {
			return true
		}
	}
	return false
}

// SolicitedNode is the group that the holder of an address listens to (RFC 4291
// section 2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// Append adds a frame from one MAC to another that holds the packet. It fails if
// the message holds something that has no form on the wire.
func (nd ND) Append(b []byte, src, dst frame.MAC) ([]byte, error) {
	icmp, err := ndp.MarshalMessageChecksum(nd.Message, nd.Src, nd.Dst)
	if err != nil {
		return b, err
	}
	b = frame.Header{Dst: dst, Src: src, Type: frame.TypeIPv6}.Append(b)
	start := len(b)
	b = append(b, make([]byte, header.IPv6MinimumSize)...)
	header.IPv6(b[start:]).Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(icmp)), TransportProtocol: header.ICMPv6ProtocolNumber, HopLimit: hopLimit,
		SrcAddr: tcpip.AddrFrom16(nd.Src.As16()), DstAddr: tcpip.AddrFrom16(nd.Dst.As16()),
	})
	return append(b, icmp...), nil
}

// Answer appends the frame that answers nd, if nd asks for an address that who
// knows. The frame goes to the MAC asker, from which the question came. A question
// without a source address (duplicate address detection) is answered to all.
func (nd ND) Answer(b []byte, asker frame.MAC, who Who) ([]byte, bool) {
	m, ok := nd.Message.(*ndp.NeighborSolicitation)
	if !ok {
		return b, false
	}
	holder, ok := who(m.TargetAddress)
	if !ok {
		return b, false
	}
	answer := ND{Src: m.TargetAddress, Dst: nd.Src, Message: &ndp.NeighborAdvertisement{
		Router: holder.Router, Solicited: !nd.Src.IsUnspecified(), Override: true, TargetAddress: m.TargetAddress,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: holder.MAC[:]}},
	}}
	if nd.Src.IsUnspecified() {
		answer.Dst, asker = AllNodes, GroupMAC(AllNodes)
	}
	b, err := answer.Append(b, holder.MAC, asker)
	return b, err == nil
}

// GroupMAC returns the Ethernet address to which a multicast IP address is sent
// (RFC 1112 section 6.4, RFC 2464 section 7).
func GroupMAC(a netip.Addr) frame.MAC {
	if a.Is4() {
		b := a.As4()
		return frame.MAC{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	b := a.As16()
	return frame.MAC{0: 0x33, 1: 0x33, 2: b[12], 3: b[13], 4: b[14], 5: b[15]}
}
