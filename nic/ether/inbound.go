package ether

import (
	"net/netip"

	"culvert/internal/buf"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// wrap puts the header of a frame from the gateway before a packet of the tunnel.
// If it returns false the host must not get the packet, and the count says why.
func (s *framer) wrap(p *buf.Packet) (Count, bool) {
	m := s.macs.Load()
	h := frame.Header{Dst: m.adapter, Src: m.gateway}
	var why Count
	var ok bool
	switch b := p.Bytes(); {
	case len(b) > 0 && b[0]>>4 == 4:
		h.Type = frame.TypeIPv4
		if why, ok = screenIPv4(p); ok && b[16] >= 224 {
			h.Dst = groupMAC4([4]byte(b[16:]))
		}
	case len(b) > 0 && b[0]>>4 == 6:
		h.Type = frame.TypeIPv6
		if why, ok = screenIPv6(p); ok && b[24] == 0xff {
			h.Dst = neighbor.GroupMAC(netip.AddrFrom16([16]byte(b[24:])))
		}
	default:
		return NotIP, false
	}
	if ok {
		h.Append(p.Prepend(frame.HeaderLen)[:0])
	}
	return why, ok
}

// groupMAC4 is for addresses from 224.0.0.0 up.
func groupMAC4(dst [4]byte) frame.MAC {
	if dst[0] < 240 {
		return neighbor.GroupMAC(netip.AddrFrom4(dst))
	}
	return frame.Broadcast
}

// screenIPv4 keeps DHCP answers of others from the host: on this segment only the
// phantom server answers.
func screenIPv4(p *buf.Packet) (Count, bool) {
	header, ok := ipv4Header(p)
	if !ok {
		return BadIP, false
	}
	return Intruder, !isUDP4(p.Bytes(), header, portDHCPServer, portDHCPClient)
}

// screenIPv6 does so for DHCPv6 and neighbour discovery. Their proof of coming from
// the segment is the hop limit, which a tunnel does not change.
func screenIPv6(p *buf.Packet) (Count, bool) {
	protocol, header, ok := ipv6Header(p)
	if !ok {
		return BadIP, false
	}
	b := p.Bytes()[header:]
	intruder := protocol == protocolICMPv6 && len(b) > 0 && neighbor.IsND(b[0]) ||
		protocol == protocolUDP && between(b, portDHCPv6Server, portDHCPv6Client)
	return Intruder, !intruder
}
