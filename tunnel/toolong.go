package tunnel

import (
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/internal/checksum"
)

// Of RFC 791, 792, 1191, 4443 and 8200.
const (
	icmpHeaderLen  = 8
	protocolICMP   = 1
	protocolICMPv6 = 58

	icmpUnreachable     = 3
	icmpNeedsFragments  = 4 // a code of icmpUnreachable
	icmpv6PacketTooBig  = 2
	icmpv6Informational = 128 // and above

	dontFragment  = 0x4000
	moreFragments = 0x2000
	fragmentUnit  = 8 // of offsets, bytes
	offsetMask    = 0x1fff

	// quotedIPv4 is how much of a packet an answer quotes: its header with options,
	// and the ports behind it. RFC 4443 asks for as much as fits.
	quotedIPv4, quotedIPv6 = 128, 512
	hops                   = 64
)

// tooLong handles a packet that the peer's path does not carry, as a router before
// a narrow link does: it sends the packet in fragments if the sender allows that,
// and otherwise informs the sender.
func (r *Road) tooLong(now time.Time, peer *Peer, p *buf.Packet, out *sender) Drop {
	inner := peer.width.limit()
	if inner == 0 { // it was forgotten just now: the path is another one
		return TooLarge
	}
	packet := p.Bytes()
	if len(packet) >= ipv4HeaderLen && packet[0]>>4 == 4 && binary.BigEndian.Uint16(packet[6:])&dontFragment == 0 {
		return r.sealFragments(now, peer, p, inner, out)
	}
	out.watch.at(AtSeal, p, peer, TooLarge)
	answer := out.spares.Next()
	if tooBig(answer, packet, inner) {
		r.deliver([]*buf.Packet{answer}, out.queue, nil)
	}
	return TooLarge
}

// leastIPv6 is what every link must carry for IPv6 (RFC 8200, section 5), bytes. A sender that
// is told of less does not make packets shorter.
const leastIPv6 = 1280

// takesCut reports whether a packet that the peer's path does not carry is sent all the same,
// to be cut outside: no sender can be made to shorten it, and nothing was known yet of packets
// outside being refused.
func takesCut(p *Peer, packet []byte) bool {
	return len(packet) > 0 && len(packet) <= leastIPv6 && packet[0]>>4 == 6 && p.width.inner.Load() == 0
}

// sealFragments sends an IPv4 packet in fragments of at most size bytes (RFC
// 791, section 3.2).
func (r *Road) sealFragments(now time.Time, peer *Peer, p *buf.Packet, size int, out *sender) Drop {
	packet := p.Bytes()
	header := int(packet[0]&0x0f) * 4
	room := (size - header) / fragmentUnit * fragmentUnit
	if header < ipv4HeaderLen || header >= len(packet) || room <= 0 || beyondOffsets(packet) {
		return Malformed
	}
	for at := header; at < len(packet); at += room {
		piece := out.spares.Next()
		out.watch.follow(piece, p)
		end := min(at+room, len(packet))
		piece.Set(packet[:header])
		copy(piece.Append(end-at), packet[at:end])
		setFragment(piece.Bytes(), header, at-header, end < len(packet))
		if drop := r.sealFor(now, peer, piece, out); drop != Kept {
			return drop
		}
	}
	return Kept
}

// beyondOffsets reports whether an IPv4 packet is a fragment that ends beyond the
// largest packet: the offsets of its pieces could wrap around and reach the ports.
func beyondOffsets(packet []byte) bool {
	offset := int(binary.BigEndian.Uint16(packet[6:])&offsetMask) * fragmentUnit
	return offset+len(packet) > math.MaxUint16
}

// setFragment turns the copy of a packet's header into the header of its fragment
// at an offset in bytes.
func setFragment(b []byte, header, offset int, more bool) {
	word := binary.BigEndian.Uint16(b[6:]) + uint16(offset/fragmentUnit) // the packet may be a fragment already
	if more {
		word |= moreFragments
	}
	if offset > 0 {
		blankOptions(b[ipv4HeaderLen:header])
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], word)
	binary.BigEndian.PutUint16(b[10:], 0)
	binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:header]))
}

// blankOptions replaces the options that only the first fragment has, all whose
// first bit is not set, by no-operations.
func blankOptions(options []byte) {
	for len(options) > 0 && options[0] != optionEnd {
		length := 1
		if options[0] != optionNop {
			if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
				return
			}
			length = int(options[1])
		}
		if options[0]&0x80 == 0 {
			for i := range options[:length] {
				options[i] = optionNop
			}
		}
		options = options[length:]
	}
}

// tooBig makes answer the ICMP message that tells a packet's sender that only mtu
// bytes pass: fragmentation needed, or packet too big. It comes from the packet's
// destination, because the sender's host accepts answers from there through the
// tunnel. It returns false for a packet that must not be answered (RFC 1122,
// section 3.2.2; RFC 4443, section 2.4).
func tooBig(answer *buf.Packet, packet []byte, mtu int) bool {
	src, dst, ok := Addresses(packet)
	if !ok || src.IsUnspecified() || src.IsMulticast() || dst.IsMulticast() || src == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return false
	}
	if src.Is4() {
		return tooBigIPv4(answer, packet, mtu)
	}
	return tooBigIPv6(answer, packet, mtu)
}

func tooBigIPv4(answer *buf.Packet, packet []byte, mtu int) bool {
	if binary.BigEndian.Uint16(packet[6:])&offsetMask != 0 || packet[9] == protocolICMP && !isEcho(packet) {
		return false
	}
	quoted := packet[:min(len(packet), quotedIPv4)]
	b := answer.Room()[:ipv4HeaderLen+icmpHeaderLen+len(quoted)]
	answer.SetLen(len(b))
	clear(b[:ipv4HeaderLen+icmpHeaderLen])
	b[0], b[8], b[9] = 4<<4|ipv4HeaderLen/4, hops, protocolICMP
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:16], packet[16:20])
	copy(b[16:20], packet[12:16])
	binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:ipv4HeaderLen]))
	m := b[ipv4HeaderLen:]
	m[0], m[1] = icmpUnreachable, icmpNeedsFragments
	binary.BigEndian.PutUint16(m[6:], uint16(mtu))
	copy(m[icmpHeaderLen:], quoted)
	binary.BigEndian.PutUint16(m[2:], ^checksum.Sum(m))
	return true
}

// isEcho reports whether an ICMP packet is an echo request or reply. An error may
// be sent in answer to those.
func isEcho(packet []byte) bool {
	const reply, request = 0, 8
	header := int(packet[0]&0x0f) * 4
	return len(packet) > header && (packet[header] == reply || packet[header] == request)
}

func tooBigIPv6(answer *buf.Packet, packet []byte, mtu int) bool {
	if packet[6] == protocolICMPv6 && (len(packet) <= ipv6HeaderLen || packet[ipv6HeaderLen] < icmpv6Informational) {
		return false
	}
	quoted := packet[:min(len(packet), quotedIPv6)]
	b := answer.Room()[:ipv6HeaderLen+icmpHeaderLen+len(quoted)]
	answer.SetLen(len(b))
	clear(b[:ipv6HeaderLen+icmpHeaderLen])
	b[0], b[6], b[7] = 6<<4, protocolICMPv6, hops
	m := b[ipv6HeaderLen:]
	binary.BigEndian.PutUint16(b[4:], uint16(len(m)))
	copy(b[8:24], packet[24:40])
	copy(b[24:40], packet[8:24])
	m[0] = icmpv6PacketTooBig
	binary.BigEndian.PutUint32(m[4:], uint32(mtu))
	copy(m[icmpHeaderLen:], quoted)
	binary.BigEndian.PutUint16(m[2:], ^checksum.Add(checksum.PseudoHeader(b, protocolICMPv6), uint16(len(m)), checksum.Sum(m)))
	return true
}
