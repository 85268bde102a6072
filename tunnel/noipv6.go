package tunnel

import (
	"encoding/binary"
	"net/netip"

	"culvert/internal/buf"
	"culvert/internal/checksum"
)

const (
	icmpv6Unreachable = 1 // its code 0: no route to the destination (RFC 4443, section 3.1)
	// leastMTUv6 is what every path of IPv6 carries, and the most that an error may
	// have, in bytes (RFC 4443, section 2.4).
	leastMTUv6 = 1280
)

// noRoute makes answer the ICMPv6 message that there is no route to where an IPv6
// packet goes, from an address. Of what the packet came with, it keeps the class, the
// flow label and the hop limit, as OpenVPN does. It returns false for a packet that must not be
// answered (RFC 4443, section 2.4).
func (r *Road) noRoute(answer, p *buf.Packet, from netip.Addr) bool {
	packet := r.innerOf(p.Bytes())
	src, dst, ok := Addresses(packet)
	if !ok || src.IsUnspecified() || src.IsMulticast() || dst.IsMulticast() {
		return false
	}
	if packet[6] == protocolICMPv6 && (len(packet) <= ipv6HeaderLen || packet[ipv6HeaderLen] < icmpv6Informational) {
		return false
	}
	quoted := packet[:min(len(packet), leastMTUv6-ipv6HeaderLen-icmpHeaderLen)]
	header := p.Len() - len(packet)
	answer.SetLen(header + ipv6HeaderLen + icmpHeaderLen + len(quoted))
	turnAround(answer.Bytes(), p.Bytes()[:header])
	b := answer.Bytes()[header:]
	clear(b[:ipv6HeaderLen+icmpHeaderLen])
	copy(b[:4], packet[:4])
	b[6], b[7] = protocolICMPv6, packet[7]
	m := b[ipv6HeaderLen:]
	binary.BigEndian.PutUint16(b[4:], uint16(len(m)))
	source := from.As16()
	copy(b[8:24], source[:])
	copy(b[24:40], packet[8:24])
	m[0] = icmpv6Unreachable
	copy(m[icmpHeaderLen:], quoted)
	binary.BigEndian.PutUint16(m[2:], ^checksum.Add(checksum.PseudoHeader(b, protocolICMPv6), uint16(len(m)), checksum.Sum(m)))
	return true
}

// turnAround writes the header of an Ethernet frame for the answer, none for none.
func turnAround(answer, header []byte) {
	copy(answer, header)
	if len(header) > 0 {
		copy(answer[:6], header[6:12])
		copy(answer[6:12], header[:6])
	}
}
