package tunnel

import (
	"encoding/binary"
	"net/netip"
)

// NAT is rules that translate IPv4 addresses one to one, without state. For each
// address, the first rule that fits counts.
type NAT []natRule

// natRule translates network addresses of one end.
type natRule struct {
	source       bool   // of this end: the source of what it sends
	mask         uint32 // of the network
	local, alias uint32 // the network as this end sees it, and as the peer does
}

// Add adds a rule for a network of this end (source), or of the peer: local as this
// end sees it, alias as the peer does. Both are IPv4 and of one size.
func (n *NAT) Add(source bool, local, alias netip.Prefix) {
	mask := ^uint32(0) << (32 - local.Bits())
	*n = append(*n, natRule{source, mask, number(local.Addr()) & mask, number(alias.Addr()) & mask})
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// natWay is which way a packet goes through the NAT.
type natWay bool

const (
	toPeer   natWay = true
	fromPeer natWay = false
)

// of returns the address that one becomes. source says whose it is: an address of this
// end, or of the peer.
func (n NAT) of(a uint32, source bool, way natWay) uint32 {
	for _, r := range n {
		from, to := r.local, r.alias
		if way == fromPeer {
			from, to = to, from
		}
		if r.source == source && a&r.mask == from {
			return to | a&^r.mask
		}
	}
	return a
}

const (
	protocolUDP = 17

	srcAt, dstAt  = 12, 16 // offsets in an IPv4 header
	headerSumAt   = 10
	tcpSumAt      = 16 // offsets in the transport header
	udpSumAt      = 6
	icmpSumAt     = 2
	icmpQuoteAt   = 8
	quotedPortsOf = 8 // how much of the transport header an error quotes at least
)

// translate rewrites the addresses of an IPv4 packet, and in an ICMP error those of the
// packet that it quotes, with all checksums. Anything else is left alone.
func (n NAT) translate(packet []byte, way natWay) {
	header, ok := ipv4Header(packet)
	if !ok {
		return
	}
	first := binary.BigEndian.Uint16(packet[6:])&offsetMask == 0
	var sum []byte // of the transport, which covers the addresses
	rest := packet[header:]
	switch {
	case !first:
	case packet[9] == protocolTCP && len(rest) >= tcpHeaderLen:
		sum = rest[tcpSumAt:][:2]
	case packet[9] == protocolUDP && len(rest) >= udpSumAt+2 && binary.BigEndian.Uint16(rest[udpSumAt:]) != 0:
		sum = rest[udpSumAt:][:2]
	case packet[9] == protocolICMP && isError(rest):
		n.quoted(rest, way)
	}
	// What this end sends has its own address as the source.
	n.rewrite(packet[srcAt:][:4], way == toPeer, way, packet[headerSumAt:][:2], sum, nil)
	n.rewrite(packet[dstAt:][:4], way == fromPeer, way, packet[headerSumAt:][:2], sum, nil)
	if packet[9] == protocolUDP && sum != nil && binary.BigEndian.Uint16(sum) == 0 {
		binary.BigEndian.PutUint16(sum, 0xffff) // 0 would mean none (RFC 768)
	}
}

// quoted translates the packet that an ICMP error quotes. It went the other way.
func (n NAT) quoted(icmp []byte, way natWay) {
	packet := icmp[icmpQuoteAt:]
	header, ok := ipv4Header(packet)
	if !ok {
		return
	}
	outer := icmp[icmpSumAt:][:2]
	var sum []byte
	if rest := packet[header:]; packet[9] == protocolUDP && len(rest) >= quotedPortsOf &&
		binary.BigEndian.Uint16(packet[6:])&offsetMask == 0 && binary.BigEndian.Uint16(rest[udpSumAt:]) != 0 {
		sum = rest[udpSumAt:][:2]
	}
	n.rewrite(packet[srcAt:][:4], way == fromPeer, way, packet[headerSumAt:][:2], sum, outer)
	n.rewrite(packet[dstAt:][:4], way == toPeer, way, packet[headerSumAt:][:2], sum, outer)
}

// rewrite translates an address. It adjusts the checksums that cover the address, and
// outer, if not nil, which covers the address and those checksums.
func (n NAT) rewrite(address []byte, source bool, way natWay, header, transport, outer []byte) {
	was := binary.BigEndian.Uint32(address)
	now := n.of(was, source, way)
	if now == was {
		return
	}
	binary.BigEndian.PutUint32(address, now)
	change := func(sum []byte) {
		if sum == nil {
			return
		}
		before := binary.BigEndian.Uint16(sum)
		adjustChecksum(sum, uint16(was>>16), uint16(now>>16), false)
		adjustChecksum(sum, uint16(was), uint16(now), false)
		if outer != nil {
			adjustChecksum(outer, before, binary.BigEndian.Uint16(sum), false)
		}
	}
	change(header)
	change(transport)
	if outer != nil {
		adjustChecksum(outer, uint16(was>>16), uint16(now>>16), false)
		adjustChecksum(outer, uint16(was), uint16(now), false)
	}
}

// ipv4Header returns the length of an IPv4 packet's header. ok is false if it is not one.
func ipv4Header(packet []byte) (length int, ok bool) {
	if len(packet) < ipv4HeaderLen || packet[0]>>4 != 4 {
		return 0, false
	}
	length = int(packet[0]&0x0f) * 4
	return length, length >= ipv4HeaderLen && length <= len(packet)
}

// isError reports whether an ICMP message quotes the packet that it is about (RFC 792).
func isError(icmp []byte) bool {
	const sourceQuench, redirect, timeExceeded, parameterProblem = 4, 5, 11, 12
	if len(icmp) < icmpHeaderLen {
		return false
	}
	switch icmp[0] {
	case icmpUnreachable, sourceQuench, redirect, timeExceeded, parameterProblem:
		return true
	}
	return false
}
