package ether

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/nic/frame"
)

// datagram is a UDP datagram of IPv4 or IPv6.
type datagram struct {
	src, dst netip.AddrPort
	payload  []byte
}

// parseDatagram reads an IP packet that is one whole datagram without extension
// headers, and whose checksum is right.
func parseDatagram(packet []byte) (d datagram, ok bool) {
	var udp header.UDP
	var src, dst tcpip.Address
	switch header.IPVersion(packet) {
	case header.IPv4Version:
		ip := header.IPv4(packet)
		if !ip.IsValid(len(packet)) || ip.More() || ip.FragmentOffset() != 0 || !ip.IsChecksumValid() || ip.Protocol() != protocolUDP {
			return d, false
		}
		udp, src, dst = ip.Payload(), ip.SourceAddress(), ip.DestinationAddress()
	case header.IPv6Version:
		ip := header.IPv6(packet)
		if !ip.IsValid(len(packet)) || ip.NextHeader() != protocolUDP {
			return d, false
		}
		udp, src, dst = ip.Payload(), ip.SourceAddress(), ip.DestinationAddress()
	}
	if len(udp) < udpLen || int(udp.Length()) < udpLen || int(udp.Length()) > len(udp) {
		return d, false
	}
	udp = udp[:udp.Length()]
	none := udp.Checksum() == 0 && src.Len() == 4 // IPv4 has datagrams without
	if !none && !udp.IsChecksumValid(src, dst, checksum.Checksum(udp.Payload(), 0)) {
		return d, false
	}
	return datagram{addrPort(src, udp.SourcePort()), addrPort(dst, udp.DestinationPort()), udp.Payload()}, true
}

func addrPort(a tcpip.Address, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return netip.AddrPortFrom(addr, port)
}

// hops is enough for one segment.
const hops = 64

// append adds the datagram in a frame from one MAC to another.
func (d datagram) append(b []byte, src, dst frame.MAC) []byte {
	from, to := tcpip.AddrFromSlice(d.src.Addr().AsSlice()), tcpip.AddrFromSlice(d.dst.Addr().AsSlice())
	length := uint16(udpLen + len(d.payload))
	h := frame.Header{Dst: dst, Src: src, Type: frame.TypeIPv4}
	if d.dst.Addr().Is4() {
		b = append(h.Append(b), make([]byte, ipv4Len)...)
		ip := header.IPv4(b[len(b)-ipv4Len:])
		ip.Encode(&header.IPv4Fields{TotalLength: ipv4Len + length, TTL: hops, Protocol: protocolUDP, SrcAddr: from, DstAddr: to})
		ip.SetChecksum(^ip.CalculateChecksum())
	} else {
		h.Type = frame.TypeIPv6
		b = append(h.Append(b), make([]byte, ipv6Len)...)
		header.IPv6(b[len(b)-ipv6Len:]).Encode(&header.IPv6Fields{PayloadLength: length, TransportProtocol: protocolUDP, HopLimit: hops, SrcAddr: from, DstAddr: to})
	}
	b = append(b, make([]byte, udpLen)...)
	udp := header.UDP(b[len(b)-udpLen:])
	udp.Encode(&header.UDPFields{SrcPort: d.src.Port(), DstPort: d.dst.Port(), Length: length})
	sum := checksum.Checksum(d.payload, header.PseudoHeaderChecksum(protocolUDP, from, to, length))
	if sum = ^udp.CalculateChecksum(sum); sum == 0 {
		sum = 0xffff // 0 would mean none
	}
	udp.SetChecksum(sum)
	return append(b, d.payload...)
}
