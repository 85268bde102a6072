package policy

import (
	"encoding/binary"
	"net/netip"
)

// Protocols by their numbers (IANA).
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoICMPv6   = 58
	protoOptions  = 60
	protoMobility = 135
	protoHIP      = 139
	protoShim6    = 140
)

// The bits of TCP's flags.
const (
	flagFIN = 1
	flagSYN = 2
	flagRST = 4
	flagACK = 16
)

// part says which part of a packet this is.
type part uint8

const (
	whole part = iota
	firstPart
	laterPart
)

// packet is what there is to judge of a packet.
type packet struct {
	src, dst     netip.Addr
	proto        uint8
	part         part
	flags        uint8  // of TCP
	kind         uint8  // type of ICMP
	sport, dport uint16 // both are the identifier of an ICMP echo
	id           uint32 // of fragments
	offset       int    // in bytes: where a part begins, or for the first one, where it ends
	rest         []byte // behind the IP headers
	short        bool   // there is less of it than it says
}

// maxExtensions bounds how many extension headers of IPv6 are walked.
const maxExtensions = 8

// read reads the headers of an IP packet. It returns false for one that nobody can judge:
// cut short, with headers beyond the bound, or with a route of its own (source routing).
func (p *packet) read(b []byte) bool {
	return p.readIP(b) && !p.short && p.readTransport()
}

func (p *packet) readIP(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] >> 4 {
	case 4:
		return p.readIPv4(b)
	case 6:
		return p.readIPv6(b)
	}
	return false
}

func (p *packet) readIPv4(b []byte) bool {
	const least = 20
	if len(b) < least {
		return false
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if header < least || len(b) < header || total < header {
		return false
	}
	for o := b[least:header]; len(o) > 0; {
		switch o[0] {
		case 0: // the end
			o = nil
			continue
		case 1:
			o = o[1:]
			continue
		case 131, 137: // loose and strict source route
			return false
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return false
		}
		o = o[o[1]:]
	}
	p.src, p.dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	p.proto = b[9]
	fragment := binary.BigEndian.Uint16(b[6:])
	p.rest, p.short = b[header:min(len(b), total)], total > len(b)
	p.setPart(int(fragment&0x1fff)*8, fragment&0x2000 != 0, uint32(binary.BigEndian.Uint16(b[4:])))
	return true
}

// setPart notes which part of a packet rest is. offset is in bytes.
func (p *packet) setPart(offset int, more bool, id uint32) {
	p.part, p.id, p.offset = whole, id, offset
	switch {
	case offset > 0:
		p.part = laterPart
	case more:
		p.part, p.offset = firstPart, len(p.rest)
	}
}

func (p *packet) readIPv6(b []byte) bool {
	const header = 40
	if len(b) < header {
		return false
	}
	p.src, p.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	if p.src.Is4In6() || p.dst.Is4In6() { // never on a wire (RFC 4942)
		return false
	}
	p.proto, p.rest, p.part = b[6], b[header:], whole
	total := int(binary.BigEndian.Uint16(b[4:])) // of a packet beyond 64 KiB it is 0: none of these fits a tunnel
	p.rest, p.short = p.rest[:min(len(p.rest), total)], total > len(p.rest)
	for range maxExtensions {
		size := 0
		switch p.proto {
		case protoHopByHop, protoOptions, protoRouting, protoMobility, protoHIP, protoShim6:
			if len(p.rest) < 8 {
				return false
			}
			size = 8 + int(p.rest[1])*8
			if p.proto == protoRouting && p.rest[3] > 0 { // it goes elsewhere
				return false
			}
		case protoAH:
			if len(p.rest) < 8 {
				return false
			}
			size = 8 + int(p.rest[1])*4
		case protoFragment:
			if len(p.rest) < 8 || p.part != whole {
				return false
			}
			offset := binary.BigEndian.Uint16(p.rest[2:])
			id := binary.BigEndian.Uint32(p.rest[4:])
			p.proto, p.rest = p.rest[0], p.rest[8:]
			if p.setPart(int(offset&^7), offset&1 != 0, id); p.part == laterPart {
				return true
			}
			continue
		default:
			return true
		}
		if len(p.rest) < size {
			return false
		}
		p.proto, p.rest = p.rest[0], p.rest[size:]
	}
	return false
}

// readTransport reads the ports. A later part has none.
func (p *packet) readTransport() bool {
	if p.part == laterPart {
		return true
	}
	switch p.proto {
	case protoTCP:
		if len(p.rest) < 20 {
			return false
		}
		p.sport, p.dport, p.flags = binary.BigEndian.Uint16(p.rest), binary.BigEndian.Uint16(p.rest[2:]), p.rest[13]
	case protoUDP:
		if len(p.rest) < 8 {
			return false
		}
		p.sport, p.dport = binary.BigEndian.Uint16(p.rest), binary.BigEndian.Uint16(p.rest[2:])
	case protoICMP, protoICMPv6:
		if len(p.rest) < 8 {
			return p.proto == protoICMPv6 && len(p.rest) >= 4
		}
		p.kind = p.rest[0]
		if p.isEcho() {
			p.sport = binary.BigEndian.Uint16(p.rest[4:])
			p.dport = p.sport
		}
	}
	return true
}

// isEcho reports whether p is a ping or its answer.
func (p *packet) isEcho() bool { return p.asks() || p.answersEcho() }

// asks reports whether p is a ping.
func (p *packet) asks() bool {
	return p.proto == protoICMP && p.kind == 8 || p.proto == protoICMPv6 && p.kind == 128
}

func (p *packet) answersEcho() bool {
	return p.proto == protoICMP && p.kind == 0 || p.proto == protoICMPv6 && p.kind == 129
}

// embedded reads, from an ICMP error, the packet that it is about into inner. It returns
// false if p is no error, or has too little of that packet.
func (p *packet) embedded(inner *packet) bool {
	isError := p.proto == protoICMP && (p.kind == 3 || p.kind == 11 || p.kind == 12) || p.proto == protoICMPv6 && p.kind >= 1 && p.kind <= 4
	if !isError || p.part != whole || len(p.rest) < 8 {
		return false
	}
	if !inner.readIP(p.rest[8:]) || inner.part == laterPart {
		return false
	}
	switch inner.proto { // an error has eight bytes of it at least
	case protoTCP, protoUDP:
		if len(inner.rest) < 4 {
			return false
		}
		inner.sport, inner.dport = binary.BigEndian.Uint16(inner.rest), binary.BigEndian.Uint16(inner.rest[2:])
		return true
	}
	return inner.readTransport()
}

// Neighbours reports whether a packet is neighbour discovery, by which stations of one
// Ethernet find each other and their routers (RFC 4861). A client (fromClient) is no router.
func Neighbours(b []byte, fromClient bool) bool {
	const header, hops = 40, 255
	if len(b) < header+8 || b[0]>>4 != 6 || b[6] != protoICMPv6 || b[7] != hops || b[header+1] != 0 {
		return false
	}
	switch b[header] {
	case 133, 135, 136: // solicitations, and a neighbour's advertisement
		return true
	case 134, 137: // a router's advertisement and redirect
		return !fromClient
	}
	return false
}

// class returns how rules tell p apart.
func (p *packet) class() (protocol, uint16) {
	switch p.proto {
	case protoTCP:
		return tcp, p.dport
	case protoUDP:
		return udp, p.dport
	case protoICMP, protoICMPv6:
		return icmp, 0
	}
	return other, uint16(p.proto)
}
