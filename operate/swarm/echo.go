package swarm

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// echo is an ICMP echo request or its answer. Lane and Turn are its identifier and
// sequence number, and say whose it is. Sent, in the first bytes of its data, is
// when the request left, by the swarm's clock.
type echo struct {
	From, To   netip.Addr
	Answer     bool
	Lane, Turn uint16
	Sent       time.Duration
}

// Sizes of packets with their IP header, in bytes.
const (
	minSize = header.IPv6MinimumSize + echoHeader + 8
	maxSize = 1420
	// echoHeader is type, code, checksum, identifier, sequence number (RFC
	// 792, RFC 4443, section 4.1).
	echoHeader = 8
	hopLimit   = 64
)

var errNoEcho = errors.New("not an ICMP echo of the swarm")

// append appends a packet of that size to b. The spare capacity of b must hold
// the packet and be zero.
func (e *echo) append(b []byte, size int) []byte {
	packet := b[len(b) : len(b)+size]
	body := packet[header.IPv4MinimumSize:]
	if e.From.Is6() {
		body = packet[header.IPv6MinimumSize:]
	}
	binary.BigEndian.PutUint16(body[4:], e.Lane)
	binary.BigEndian.PutUint16(body[6:], e.Turn)
	binary.BigEndian.PutUint64(body[echoHeader:], uint64(e.Sent))
	if e.From.Is6() {
		e.finish6(packet, body)
	} else {
		e.finish4(packet, body)
	}
	return b[:len(b)+size]
}

func (e *echo) finish4(packet []byte, body header.ICMPv4) {
	body.SetType(header.ICMPv4Echo)
	if e.Answer {
		body.SetType(header.ICMPv4EchoReply)
	}
	body.SetChecksum(0)
	body.SetChecksum(^checksum.Checksum(body, 0))
	ip := header.IPv4(packet)
	ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(packet)), TTL: hopLimit, Protocol: uint8(header.ICMPv4ProtocolNumber),
		SrcAddr: tcpip.AddrFrom4(e.From.As4()), DstAddr: tcpip.AddrFrom4(e.To.As4())})
	ip.SetChecksum(^ip.CalculateChecksum())
}

func (e *echo) finish6(packet []byte, body header.ICMPv6) {
	src, dst := tcpip.AddrFrom16(e.From.As16()), tcpip.AddrFrom16(e.To.As16())
	body.SetType(header.ICMPv6EchoRequest)
	if e.Answer {
		body.SetType(header.ICMPv6EchoReply)
	}
	body.SetChecksum(0)
	body.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: body, Src: src, Dst: dst}))
	header.IPv6(packet).Encode(&header.IPv6Fields{PayloadLength: uint16(len(body)), TransportProtocol: header.ICMPv6ProtocolNumber,
		HopLimit: hopLimit, SrcAddr: src, DstAddr: dst})
}

// parse parses a packet, or fails with errNoEcho. It ignores checksums, since the
// tunnel has authenticated the packet.
func (e *echo) parse(packet []byte) error {
	if len(packet) < minSize {
		return errNoEcho
	}
	var body []byte
	switch header.IPVersion(packet) {
	case header.IPv4Version:
		ip := header.IPv4(packet)
		if !ip.IsValid(len(packet)) || ip.More() || ip.FragmentOffset() != 0 || ip.TransportProtocol() != header.ICMPv4ProtocolNumber {
			return errNoEcho
		}
		e.From, e.To, body = netip.AddrFrom4(ip.SourceAddress().As4()), netip.AddrFrom4(ip.DestinationAddress().As4()), ip.Payload()
		return e.parseBody(body, byte(header.ICMPv4Echo), byte(header.ICMPv4EchoReply))
	case header.IPv6Version:
		ip := header.IPv6(packet)
		if !ip.IsValid(len(packet)) || ip.NextHeader() != uint8(header.ICMPv6ProtocolNumber) {
			return errNoEcho
		}
		e.From, e.To, body = netip.AddrFrom16(ip.SourceAddress().As16()), netip.AddrFrom16(ip.DestinationAddress().As16()), ip.Payload()
		return e.parseBody(body, byte(header.ICMPv6EchoRequest), byte(header.ICMPv6EchoReply))
	}
	return errNoEcho
}

func (e *echo) parseBody(body []byte, request, answer byte) error {
	if len(body) < echoHeader+8 || body[0] != request && body[0] != answer || body[1] != 0 {
		return errNoEcho
	}
	e.Answer = body[0] == answer
	e.Lane, e.Turn = binary.BigEndian.Uint16(body[4:]), binary.BigEndian.Uint16(body[6:])
	e.Sent = time.Duration(binary.BigEndian.Uint64(body[echoHeader:]))
	return nil
}
