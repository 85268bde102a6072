package capture

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// outer is what carries a packet of the link. The headers themselves are the
// kernel's and never seen here: they are made from the addresses, so that who
// reads the file knows the protocol.
type outer struct {
	src, dst netip.AddrPort
	tcp      bool
}

// streams are the sequence numbers of TCP: how much was sent from one end to
// the other, since the capture began.
type streams struct {
	sent map[[2]netip.AddrPort]uint32
}

// packet is the IP packet with a datagram, or with the part of a stream that
// has the packet and its length.
func (o *outer) packet(payload []byte, s *streams) []byte {
	if !o.tcp {
		udp := &layers.UDP{SrcPort: layers.UDPPort(o.src.Port()), DstPort: layers.UDPPort(o.dst.Port())}
		return o.build(layers.IPProtocolUDP, udp, payload)
	}
	payload = append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...)
	there, back := [2]netip.AddrPort{o.src, o.dst}, [2]netip.AddrPort{o.dst, o.src}
	if s.sent == nil {
		s.sent = make(map[[2]netip.AddrPort]uint32)
	}
	tcp := &layers.TCP{SrcPort: layers.TCPPort(o.src.Port()), DstPort: layers.TCPPort(o.dst.Port()), Window: 65535,
		PSH: true, ACK: true, Seq: 1 + s.sent[there], Ack: 1 + s.sent[back]}
	s.sent[there] += uint32(len(payload))
	return o.build(layers.IPProtocolTCP, tcp, payload)
}

// transport is a header whose checksum includes the addresses.
type transport interface {
	gopacket.SerializableLayer
	SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
}

// build never fails: the layers have all they need. A packet too large for its
// own header, which no socket takes, is left without one.
func (o *outer) build(protocol layers.IPProtocol, t transport, payload []byte) []byte {
	var ip interface {
		gopacket.SerializableLayer
		gopacket.NetworkLayer
	}
	if o.src.Addr().Is4() && o.dst.Addr().Is4() {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: o.src.Addr().AsSlice(), DstIP: o.dst.Addr().AsSlice()}
	} else {
		src, dst := o.src.Addr().As16(), o.dst.Addr().As16()
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: src[:], DstIP: dst[:]}
	}
	t.SetNetworkLayerForChecksum(ip)
	b := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(b, options, ip, t, gopacket.Payload(payload)); err != nil {
		return payload
	}
	return b.Bytes()
}

// localAddr is the address that the system sends from, for a socket that is
// bound to none.
func localAddr(remote netip.AddrPort) netip.Addr {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(remote)) // sends nothing
	if err != nil {
		if remote.Addr().Is4() {
			return netip.IPv4Unspecified()
		}
		return netip.IPv6Unspecified()
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}
