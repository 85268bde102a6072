package userstack

import (
	"encoding/binary"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// unreachableTCP returns the IP packet that tells fl's source that its
// destination's host cannot be reached: destination unreachable of RFC 792 and RFC
// 4443. seq is the sequence number of the SYN, by which the client recognizes its
// attempt.
func unreachableTCP(fl flow, seq uint32) []byte {
	code := int(header.ICMPv4HostUnreachable)
	if fl.dst.Addr().Is6() {
		// "No route", because gVisor as a client ignores "address unreachable".
		code = int(header.ICMPv6NetworkUnreachable)
	}
	return unreachable(fl, header.TCPProtocolNumber, code, seq)
}

// unreachableUDP does the same for a datagram to a port where nobody listens.
func unreachableUDP(fl flow) []byte {
	code := int(header.ICMPv4PortUnreachable)
	if fl.dst.Addr().Is6() {
		code = int(header.ICMPv6PortUnreachable)
	}
	return unreachable(fl, header.UDPProtocolNumber, code, header.UDPMinimumSize<<16)
}

// unreachable quotes the IP header and first 8 bytes of the client's packet:
// two ports, then word.
func unreachable(fl flow, proto tcpip.TransportProtocolNumber, code int, word uint32) []byte {
	quoted := binary.BigEndian.AppendUint16(nil, fl.src.Port())
	quoted = binary.BigEndian.AppendUint16(quoted, fl.dst.Port())
	quoted = binary.BigEndian.AppendUint32(quoted, word)
	original := ipPacket(fl, proto, quoted)
	var kind icmp.Type = ipv4.ICMPTypeDestinationUnreachable
	if fl.dst.Addr().Is6() {
		kind = ipv6.ICMPTypeDestinationUnreachable
	}
	m, err := (&icmp.Message{Type: kind, Code: code, Body: &icmp.DstUnreach{Data: original}}).Marshal(nil)
	if err != nil {
		panic(err) // a message of fixed shape
	}
	return icmpPacket(flow{src: fl.dst, dst: fl.src}, m)
}

// icmpPacket returns an IP packet with an ICMP message. For IPv6 it completes the
// checksum.
func icmpPacket(fl flow, message []byte) []byte {
	if fl.dst.Addr().Is4() {
		return ipPacket(fl, header.ICMPv4ProtocolNumber, message)
	}
	h := header.ICMPv6(message)
	h.SetChecksum(0)
	h.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{
		Header: h, Src: fromAddr(fl.src.Addr()), Dst: fromAddr(fl.dst.Addr()),
	}))
	return ipPacket(fl, header.ICMPv6ProtocolNumber, message)
}

// ipPacket puts an IP header before payload.
func ipPacket(fl flow, proto tcpip.TransportProtocolNumber, payload []byte) []byte {
	src, dst := fromAddr(fl.src.Addr()), fromAddr(fl.dst.Addr())
	const hops = 64
	if fl.dst.Addr().Is4() {
		b := make([]byte, header.IPv4MinimumSize, header.IPv4MinimumSize+len(payload))
		h := header.IPv4(b)
		h.Encode(&header.IPv4Fields{
			TotalLength: uint16(len(b) + len(payload)), TTL: hops, Protocol: uint8(proto), SrcAddr: src, DstAddr: dst,
		})
		h.SetChecksum(^h.CalculateChecksum())
		return append(b, payload...)
	}
	b := make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(payload))
	header.IPv6(b).Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(payload)), TransportProtocol: proto, HopLimit: hops, SrcAddr: src, DstAddr: dst,
	})
	return append(b, payload...)
}
