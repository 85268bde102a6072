// Package packettest makes packets and frames for tests.
package packettest

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// build gives layers their lengths and checksums.
func build(parts ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, parts...); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// header is the IP header for two addresses of one family.
func header(src, dst netip.Addr, v4, v6 layers.IPProtocol) gopacket.SerializableLayer {
	if src.Is4() {
		return &layers.IPv4{Version: 4, TTL: 64, Protocol: v4, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: v6, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
}

// Echo is a ping of so many bytes in all, at least its headers.
func Echo(src, dst string, size int) []byte {
	from, to := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	ip := header(from, to, layers.IPProtocolICMPv4, layers.IPProtocolICMPv6)
	if v6, ok := ip.(*layers.IPv6); ok {
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}
		icmp.SetNetworkLayerForChecksum(v6)
		return build(ip, icmp, gopacket.Payload(make([]byte, size-44)))
	}
	icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: 1, Seq: 1}
	return build(ip, icmp, gopacket.Payload(make([]byte, size-28)))
}

// UDP is a datagram with so many bytes of data.
func UDP(src, dst string, data int) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	ip := header(from.Addr(), to.Addr(), layers.IPProtocolUDP, layers.IPProtocolUDP)
	udp := &layers.UDP{SrcPort: layers.UDPPort(from.Port()), DstPort: layers.UDPPort(to.Port())}
	udp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	return build(ip, udp, gopacket.Payload(make([]byte, data)))
}

// TCP is a segment with some of the flags S, A, F and R.
func TCP(src, dst, flags string, data int) []byte {
	from, to := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	ip := header(from.Addr(), to.Addr(), layers.IPProtocolTCP, layers.IPProtocolTCP)
	has := func(flag string) bool { return strings.Contains(flags, flag) }
	tcp := &layers.TCP{SrcPort: layers.TCPPort(from.Port()), DstPort: layers.TCPPort(to.Port()), Window: 1000,
		SYN: has("S"), ACK: has("A"), FIN: has("F"), RST: has("R")}
	tcp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer))
	return build(ip, tcp, gopacket.Payload(make([]byte, data)))
}

// LaterFragment is a fragment of a UDP datagram over IPv4, not the first.
func LaterFragment(src, dst string) []byte {
	return build(&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, FragOffset: 100,
		SrcIP: net.ParseIP(src).To4(), DstIP: net.ParseIP(dst).To4()}, gopacket.Payload(make([]byte, 24)))
}

// Frame puts an IP packet into a frame, of a VLAN unless that is 0.
func Frame(src, dst string, vlan uint16, packet []byte) []byte {
	kind := layers.EthernetTypeIPv4
	if packet[0]>>4 == 6 {
		kind = layers.EthernetTypeIPv6
	}
	eth := &layers.Ethernet{SrcMAC: mac(src), DstMAC: mac(dst), EthernetType: kind}
	if vlan == 0 {
		return build(eth, gopacket.Payload(packet))
	}
	eth.EthernetType = layers.EthernetTypeDot1Q
	return build(eth, &layers.Dot1Q{VLANIdentifier: vlan, Type: kind}, gopacket.Payload(packet))
}

// ARP is a request.
func ARP(station, src, dst string) []byte {
	return build(&layers.Ethernet{SrcMAC: mac(station), DstMAC: mac("ff:ff:ff:ff:ff:ff"), EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
			SourceHwAddress: mac(station), SourceProtAddress: net.ParseIP(src).To4(),
			DstHwAddress: make([]byte, 6), DstProtAddress: net.ParseIP(dst).To4()})
}

func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}
