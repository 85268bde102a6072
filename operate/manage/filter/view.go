package filter

import (
	"encoding/binary"

	"culvert/nic/frame"
)

// Protocol numbers (IANA), and RARP's EtherType.
const (
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoFragment = 44
	protoICMP6    = 58
	protoSCTP     = 132
	typeRARP      = 0x8035
)

// view is a packet with its headers found.
type view struct {
	link    []byte       // from the Ethernet header, nil without one
	header  frame.Header // of link
	kind    uint16       // EtherType of net
	net     []byte       // from the network header
	proto   int          // in IP, -1 if it is not IP
	piece   bool         // a fragment of IP that is not the first
	payload []byte       // from the transport header; nil in a piece, or if it is cut off

	// short is set when bytes are read that it does not have, and absent when
	// they are of a header that it does not have.
	short, absent bool
}

func see(packet []byte, link Link) (v view) {
	v.proto = -1
	if v.net = packet; link == Ethernet {
		v.link, v.net = packet, nil
		h, ok := frame.Parse(packet)
		if !ok {
			return v
		}
		v.header, v.kind, v.net = h, h.Type, packet[h.Len:]
	} else if len(packet) > 0 {
		v.kind = map[byte]uint16{4: frame.TypeIPv4, 6: frame.TypeIPv6}[packet[0]>>4]
	}
	switch v.kind {
	case frame.TypeIPv4:
		v.ipv4()
	case frame.TypeIPv6:
		v.ipv6()
	}
	return v
}

// ipv4 reads RFC 791's header.
func (v *view) ipv4() {
	const least = 20
	if len(v.net) < least {
		return
	}
	v.proto = int(v.net[9])
	v.piece = binary.BigEndian.Uint16(v.net[6:])&0x1fff != 0
	if n := int(v.net[0]&15) * 4; n >= least && n <= len(v.net) && !v.piece {
		v.payload = v.net[n:]
	}
}

// ipv6 reads RFC 8200's header, and the fragment header where it comes next:
// pcap looks no further either.
func (v *view) ipv6() {
	const least, fragment = 40, 8
	if len(v.net) < least {
		return
	}
	v.proto, v.payload = int(v.net[6]), v.net[least:]
	if v.proto != protoFragment || len(v.payload) < fragment {
		return
	}
	v.proto = int(v.payload[0])
	if v.piece = binary.BigEndian.Uint16(v.payload[2:])&^7 != 0; v.piece {
		v.payload = nil
		return
	}
	v.payload = v.payload[fragment:]
}

// whole is the packet.
func (v *view) whole() []byte {
	if v.link != nil {
		return v.link
	}
	return v.net
}

// address is the source or destination; nil if there is none.
func (v *view) address(source bool) []byte {
	at, n := 16, 4
	switch {
	case v.kind == frame.TypeIPv6 && source:
		at, n = 8, 16
	case v.kind == frame.TypeIPv6:
		at, n = 24, 16
	case (v.kind == frame.TypeARP || v.kind == typeRARP) && source:
		at = 14 // RFC 826: the sender's
	case v.kind == frame.TypeARP || v.kind == typeRARP:
		at = 24
	case v.kind == frame.TypeIPv4 && source:
		at = 12
	case v.kind != frame.TypeIPv4:
		return nil
	}
	if len(v.net) < at+n {
		return nil
	}
	return v.net[at : at+n]
}

// hasPorts reports whether a transport protocol begins with source and
// destination port.
func hasPorts(proto int) bool { return proto == protoTCP || proto == protoUDP || proto == protoSCTP }

// port is the source's or destination's, -1 if there is none.
func (v *view) port(source bool) int {
	if !hasPorts(v.proto) || len(v.payload) < 4 {
		return -1
	}
	if source {
		return int(binary.BigEndian.Uint16(v.payload))
	}
	return int(binary.BigEndian.Uint16(v.payload[2:]))
}
