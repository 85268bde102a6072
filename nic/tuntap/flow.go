package tuntap

import (
	"encoding/binary"

	"culvert/internal/checksum"
)

// flow says where a packet's headers are and which flow it belongs to.
type flow struct {
	link      int   // offset of the IP header, from which the others count
	transport int   // offset of the transport header
	header    int   // bytes of IP and transport header
	protocol  uint8 // TCP or UDP
	hash      uint8 // of addresses, ports and protocol
}

// What a packet may do in a merger.
type flowKind int

const (
	unknown  flowKind = iota // belongs to no flow that we can tell
	single                   // belongs to a flow, and must not be joined
	growing                  // may be joined with those before and after it
	dontFrag = 0x40
)

// parseFlow reads the headers of an IP packet. Only packets with a payload,
// and TCP segments with no flag but ACK and PSH, grow.
func parseFlow(b []byte) (f flow, kind flowKind) {
	if f.transport, f.protocol = parseIP(b); f.transport == 0 {
		return flow{}, unknown
	}
	t := b[f.transport:]
	switch {
	case f.protocol == protocolTCP && len(t) >= tcpLen:
		f.header = f.transport + int(t[12]>>4)*4
		if f.header >= f.transport+tcpLen && f.header < len(b) && t[13]&^flagPSH == flagACK {
			kind = growing
		}
	case f.protocol == protocolUDP && len(t) >= udpLen:
		f.header = f.transport + udpLen
		if int(binary.BigEndian.Uint16(t[4:])) == len(t) && len(t) > udpLen && t[6]|t[7] != 0 {
			kind = growing
		}
	default:
		return flow{}, unknown
	}
	f.hash = hashFlow(b, t)
	return f, max(kind, single)
}

// parseIP returns the offset of the transport header. It returns 0 unless b is a
// whole packet of a known protocol, without padding or extension headers.
func parseIP(b []byte) (transport int, protocol uint8) {
	switch {
	case len(b) >= ipv4Len && b[0]>>4 == 4:
		transport = int(b[0]&0x0f) * 4
		fragment := binary.BigEndian.Uint16(b[6:]) & 0x3fff
		if transport >= ipv4Len && transport <= len(b) && fragment == 0 && int(binary.BigEndian.Uint16(b[2:])) == len(b) {
			return transport, b[9]
		}
	case len(b) >= ipv6Len && b[0]>>4 == 6 && int(binary.BigEndian.Uint16(b[4:])) == len(b)-ipv6Len:
		return ipv6Len, b[6]
	}
	return 0, 0
}

// hashFlow spreads flows. It need not resist attack: flows that share a hash are
// joined less, and nothing worse.
func hashFlow(b, transport []byte) uint8 {
	h := uint64(binary.LittleEndian.Uint32(transport)) ^ uint64(b[0]>>4)<<32
	addresses := b[12:20]
	if b[0]>>4 == 6 {
		addresses = b[8:40]
	}
	for ; len(addresses) >= 8; addresses = addresses[8:] {
		h = (h ^ binary.LittleEndian.Uint64(addresses)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
	}
	return uint8(h)
}

// ends reports whether no packet may follow b in a group.
func (f *flow) ends(b []byte) bool {
	return f.protocol == protocolTCP && b[f.transport+13]&flagPSH != 0
}

// following returns the sequence number of the packet after b; 0 for UDP.
func (f *flow) following(b []byte) uint32 {
	if f.protocol == protocolUDP {
		return 0
	}
	return binary.BigEndian.Uint32(b[f.transport+4:]) + uint32(len(b)-f.header)
}

// follows reports whether b continues g, whose first packet is first.
func (f *flow) follows(g *group, first, b []byte) bool {
	if *f != g.flow || !f.equal(first, b) {
		return false
	}
	// Whatever cuts the group again counts identifications up. They matter only for
	// packets that may be fragmented (RFC 6864 section 4.1).
	if b[0]>>4 == 4 && b[6]&dontFrag == 0 &&
		binary.BigEndian.Uint16(b[4:]) != binary.BigEndian.Uint16(first[4:])+uint16(g.count) {
		return false
	}
	if f.protocol == protocolUDP {
		return g.count < maxUDP
	}
	return g.count < maxTCP && binary.BigEndian.Uint32(b[f.transport+4:]) == g.sequence
}

// sound reports whether the checksums of b are right. The kernel does not check
// joined packets any more.
func (f *flow) sound(b []byte) bool {
	if b[0]>>4 == 4 && checksum.Sum(b[:f.transport]) != 0xffff {
		return false
	}
	return checksum.Add(checksum.PseudoHeader(b, f.protocol), uint16(len(b)-f.transport), checksum.Sum(b[f.transport:])) == 0xffff
}
