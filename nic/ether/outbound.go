package ether

// Outbound, in the order a frame meets it:
//
//	sort        an IP packet for the tunnel, a question, or nothing
//	  sortIPv4, sortIPv6
//	Answerer    the questions (answerer.go)

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	"culvert/internal/buf"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// kind says what a frame of the host is.
type kind int

const (
	carried kind = iota // an IP packet for the tunnel
	askARP
	askND
	askDHCP4
	askDHCP6
	dropped
)

// framer knows who is on the adapter's segment: the adapter, and the phantom
// gateway that stands for everybody else.
type framer struct {
	macs atomic.Pointer[macs]
	mtu  atomic.Int32 // the largest packet in a frame
}

type macs struct {
	adapter, gateway frame.MAC
	former           []frame.MAC // of the adapter, the last maxFormer
}

// maxFormer bounds how many former addresses of an adapter are remembered.
const maxFormer = 16

// changed returns the MACs after the adapter has got another one. The gateway keeps
// its own, unless the adapter has that now.
func (m *macs) changed(adapter frame.MAC) *macs {
	now := &macs{adapter: adapter, gateway: m.gateway, former: m.former}
	if m.adapter == (frame.MAC{}) || m.gateway == adapter {
		now.gateway = Gateway(adapter)
	}
	if m.adapter != (frame.MAC{}) && !slices.Contains(m.former, m.adapter) {
		now.former = append(slices.Clone(m.former), m.adapter)
		now.former = now.former[max(0, len(now.former)-maxFormer):]
	}
	return now
}

// host reports whether frames from an address are the host's. A program that began
// to send while the adapter had another address may continue with it, as DHCP
// clients do.
func (m *macs) host(from frame.MAC) bool {
	return from == m.adapter || from != m.gateway && slices.Contains(m.former, from)
}

// sort strips a frame's header in place and says what the packet is. If it says
// dropped, the count says why.
func (s *framer) sort(p *buf.Packet) (kind, Count) {
	b := p.Bytes()
	h, ok := frame.Parse(b)
	m := s.macs.Load()
	switch {
	case !ok:
		return dropped, Runt
	case h.Tagged || h.Type == frame.TypeQinQ:
		return dropped, Tagged
	case len(b)-h.Len > int(s.mtu.Load()):
		return dropped, Jumbo
	case !m.host(h.Src):
		return dropped, SpoofedMAC
	case h.Dst != m.gateway && !h.Dst.IsGroup():
		return dropped, ForeignMAC
	}
	p.TrimFront(h.Len)
	switch h.Type {
	case frame.TypeIPv4:
		return sortIPv4(p)
	case frame.TypeIPv6:
		return sortIPv6(p)
	case frame.TypeARP:
		return askARP, 0
	}
	return dropped, NotIP
}

// Of RFC 791, 8200 and 768, and IANA's protocol and port numbers.
const (
	ipv4Len, ipv6Len, udpLen = 20, 40, 8

	protocolUDP    = 17
	protocolICMPv6 = 58

	portDHCPServer, portDHCPClient     = 67, 68
	portDHCPv6Client, portDHCPv6Server = 546, 547
)

// sortIPv4 also cuts off a short frame's padding.
func sortIPv4(p *buf.Packet) (kind, Count) {
	header, ok := ipv4Header(p)
	if !ok {
		return dropped, BadIP
	}
	if isUDP4(p.Bytes(), header, portDHCPClient, portDHCPServer) {
		return askDHCP4, 0
	}
	return carried, 0
}

// ipv4Header checks a packet's lengths, trims the packet to its length, and returns
// the header's length.
func ipv4Header(p *buf.Packet) (header int, ok bool) {
	b := p.Bytes()
	if len(b) < ipv4Len || b[0]>>4 != 4 {
		return 0, false
	}
	header = int(b[0]&0xf) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if header < ipv4Len || total < header || total > len(b) {
		return 0, false
	}
	p.TrimBack(len(b) - total)
	return header, true
}

// isUDP4 reports whether a packet is a datagram between two ports, or the first
// fragment of one.
func isUDP4(b []byte, header int, from, to uint16) bool {
	const offset = 0x1fff
	return b[9] == protocolUDP && binary.BigEndian.Uint16(b[6:])&offset == 0 && between(b[header:], from, to)
}

// between reports whether a UDP header has these ports.
func between(udp []byte, from, to uint16) bool {
	return len(udp) >= udpLen && binary.BigEndian.Uint16(udp) == from && binary.BigEndian.Uint16(udp[2:]) == to
}

func sortIPv6(p *buf.Packet) (kind, Count) {
	protocol, header, ok := ipv6Header(p)
	if !ok {
		return dropped, BadIP
	}
	switch b := p.Bytes()[header:]; {
	case protocol == protocolICMPv6 && len(b) > 0 && neighbor.IsND(b[0]):
		return askND, 0
	case protocol == protocolICMPv6 && len(b) > 0 && isMLD(b[0]):
		return dropped, Unanswered
	case protocol == protocolUDP && between(b, portDHCPv6Client, portDHCPv6Server):
		return askDHCP6, 0
	}
	return carried, 0
}

// isMLD reports whether an ICMPv6 type belongs to multicast listener discovery,
// which is for routers of the segment (RFC 2710, RFC 3810).
func isMLD(icmpType uint8) bool { return 130 <= icmpType && icmpType <= 132 || icmpType == 143 }

// ipv6Header checks a packet's length, trims the packet to it, and returns where
// the transport header begins. For a fragment that is not the first, protocol is
// the one of the fragment header.
func ipv6Header(p *buf.Packet) (protocol uint8, at int, ok bool) {
	b := p.Bytes()
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return 0, 0, false
	}
	total := ipv6Len + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return 0, 0, false
	}
	p.TrimBack(len(b) - total)
	return chain(b[:total])
}

// Extension headers (IANA, Protocol Numbers).
const (
	hopByHop    = 0
	routing     = 43
	fragment    = 44
	authentic   = 51
	destination = 60
	mobility    = 135
)

// chain walks the extension headers of a packet.
func chain(b []byte) (protocol uint8, at int, ok bool) {
	protocol, at = b[6], ipv6Len
	for {
		length := 0
		switch protocol {
		case hopByHop:
			if at != ipv6Len { // allowed only as the first (RFC 8200 section 4.1)
				return 0, 0, false
			}
			fallthrough
		case routing, destination, mobility:
			if at+8 > len(b) {
				return 0, 0, false
			}
			length = (int(b[at+1]) + 1) * 8
		case authentic:
			if at+8 > len(b) {
				return 0, 0, false
			}
			length = (int(b[at+1]) + 2) * 4
		case fragment:
			length = 8
		default:
			return protocol, at, true
		}
		if at+length > len(b) {
			return 0, 0, false
		}
		if protocol == fragment && binary.BigEndian.Uint16(b[at+2:])>>3 != 0 {
			return fragment, at, true
		}
		protocol, at = b[at], at+length
	}
}
