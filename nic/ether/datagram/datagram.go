// Package datagram reads and makes UDP datagrams in Ethernet frames, for hosts that
// configure themselves by DHCP.
package datagram

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/nic/frame"
)

// Datagram is a UDP datagram of IPv4 or IPv6.
type Datagram struct {
	Src, Dst netip.AddrPort
	Payload  []byte
}

// Parse reads an IP packet that is one whole datagram without extension
// headers, and whose checksum is right.
func Parse(packet []byte) (Datagram, bool) {
	d, udp, ok := read(packet)
	if !ok || udp.Checksum() == 0 && d.Src.Addr().Is4() { // IPv4 has datagrams without a checksum
		return d, ok
	}
	src, dst := address(d.Src), address(d.Dst)
	return d, udp.IsChecksumValid(src, dst, checksum.Checksum(udp.Payload(), 0))
}

// Read is Parse without the check of the datagram's checksum: in a datagram from
// this machine, a network card may still have to fill it in.
func Read(packet []byte) (Datagram, bool) {
	d, _, ok := read(packet)
	return d, ok
}

func read(packet []byte) (d Datagram, udp header.UDP, ok bool) {
	var src, dst tcpip.Address
	switch header.IPVersion(packet) {
	case header.IPv4Version:
		ip := header.IPv4(packet)
		if !ip.IsValid(len(packet)) || ip.More() || ip.FragmentOffset() != 0 || !ip.IsChecksumValid() || ip.TransportProtocol() != header.UDPProtocolNumber {
			return d, nil, false
		}
		udp, src, dst = ip.Payload(), ip.SourceAddress(), ip.DestinationAddress()
	case header.IPv6Version:
		ip := header.IPv6(packet)
		if !ip.IsValid(len(packet)) || ip.NextHeader() != uint8(header.UDPProtocolNumber) {
			return d, nil, false
		}
		udp, src, dst = ip.Payload(), ip.SourceAddress(), ip.DestinationAddress()
	}
	if len(udp) < header.UDPMinimumSize || int(udp.Length()) < header.UDPMinimumSize || int(udp.Length()) > len(udp) {
		return d, nil, false
	}
	udp = udp[:udp.Length()]
	return Datagram{addrPort(src, udp.SourcePort()), addrPort(dst, udp.DestinationPort()), udp.Payload()}, udp, true
}

func addrPort(a tcpip.Address, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return netip.AddrPortFrom(addr, port)
}

func address(a netip.AddrPort) tcpip.Address { return tcpip.AddrFromSlice(a.Addr().AsSlice()) }

// hops is the hop limit, enough for one segment.
const hops = 64

// Append adds a frame from one MAC to another that holds the datagram. A checksum
// that comes out as 0 is sent as none, which IPv4 allows (RFC 768): DHCP clients
// that compare it with their own, such as udhcpc and dhclient, take 0xffff for
// wrong.
func (d Datagram) Append(b []byte, src, dst frame.MAC) []byte {
	from, to := address(d.Src), address(d.Dst)
	length := uint16(header.UDPMinimumSize + len(d.Payload))
	h := frame.Header{Dst: dst, Src: src, Type: frame.TypeIPv4}
	if d.Dst.Addr().Is4() {
		b = append(h.Append(b), make([]byte, header.IPv4MinimumSize)...)
		ip := header.IPv4(b[len(b)-header.IPv4MinimumSize:])
		ip.Encode(&header.IPv4Fields{TotalLength: header.IPv4MinimumSize + length, TTL: hops, Protocol: uint8(header.UDPProtocolNumber), SrcAddr: from, DstAddr: to})
		ip.SetChecksum(^ip.CalculateChecksum())
	} else {
		h.Type = frame.TypeIPv6
		b = append(h.Append(b), make([]byte, header.IPv6MinimumSize)...)
		header.IPv6(b[len(b)-header.IPv6MinimumSize:]).Encode(&header.IPv6Fields{PayloadLength: length, TransportProtocol: header.UDPProtocolNumber, HopLimit: hops, SrcAddr: from, DstAddr: to})
	}
	b = append(b, make([]byte, header.UDPMinimumSize)...)
	udp := header.UDP(b[len(b)-header.UDPMinimumSize:])
	udp.Encode(&header.UDPFields{SrcPort: d.Src.Port(), DstPort: d.Dst.Port(), Length: length})
	sum := checksum.Checksum(d.Payload, header.PseudoHeaderChecksum(header.UDPProtocolNumber, from, to, length))
	if sum = ^udp.CalculateChecksum(sum); sum == 0 && d.Dst.Addr().Is6() {
		sum = 0xffff
	}
	udp.SetChecksum(sum)
	return append(b, d.Payload...)
}
