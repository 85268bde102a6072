package userstack

import (
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// serveEcho gets the ICMP messages that no ping of ours waits for. It returns false
// to leave one to the stack, which answers echo requests to its own addresses.
func (f *Forwarder) serveEcho(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	fl := flowOf(id)
	if f.stack.owns(fl.dst.Addr()) {
		return false
	}
	request, ok := parseEchoRequest(fl.dst.Addr(), pkt)
	if !ok {
		return false
	}
	if !f.gate.pass(fl.src.Addr(), fl.dst) {
		f.refused.Add(1)
		return true
	}
	e := f.echo4
	if fl.dst.Addr().Is6() {
		e = f.echo6
	}
	if !e.request(fl.src.Addr(), fl.dst.Addr(), request) {
		f.ignored.Add(1)
	}
	return true
}

func parseEchoRequest(dst netip.Addr, pkt *stack.PacketBuffer) (*icmp.Echo, bool) {
	view := stack.PayloadSince(pkt.TransportHeader())
	defer view.Release()
	b := view.ToSlice()
	if dst.Is4() && checksum.Checksum(b, 0) != 0xffff {
		return nil, false
	}
	return parseEcho(dst, b, false)
}

// parseEcho parses an echo request or reply of peer's family.
func parseEcho(peer netip.Addr, b []byte, reply bool) (*icmp.Echo, bool) {
	proto := int(header.ICMPv4ProtocolNumber)
	if peer.Is6() {
		proto = int(header.ICMPv6ProtocolNumber)
	}
	m, err := icmp.ParseMessage(proto, b)
	if err != nil || m.Type != echoType(peer, reply) {
		return nil, false
	}
	echo, ok := m.Body.(*icmp.Echo)
	return echo, ok
}

// echoMessage is the opposite of parseEcho. The caller, who knows the addresses,
// completes the checksum of ICMPv6.
func echoMessage(peer netip.Addr, e icmp.Echo, reply bool) ([]byte, error) {
	return (&icmp.Message{Type: echoType(peer, reply), Body: &e}).Marshal(nil)
}

func echoType(peer netip.Addr, reply bool) icmp.Type {
	switch {
	case peer.Is4() && reply:
		return ipv4.ICMPTypeEchoReply
	case peer.Is4():
		return ipv4.ICMPTypeEcho
	case reply:
		return ipv6.ICMPTypeEchoReply
	}
	return ipv6.ICMPTypeEchoRequest
}
