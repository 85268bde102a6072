package tuntap

import (
	"encoding/binary"

	"culvert/internal/buf"
	"culvert/internal/checksum"
	"culvert/nic"
	"culvert/nic/frame"
)

// splitter cuts what the driver gave, a packet or a super-packet, into the packets
// that go on the wire, with complete checksums. What a batch has no room for waits
// here for the next.
type splitter struct {
	kind      nic.Kind // of the driver's packets
	header    []byte   // all headers up to the payload; nil for a single packet
	payload   []byte
	segment   int    // payload bytes per packet
	link      int    // the IP header's offset: the length of an Ethernet header
	transport int    // the transport header's offset
	protocol  uint8  // of the transport header
	pseudo    uint16 // sum of the pseudo-header without its length
	next      int    // the packet to make next
	count     int    // packets in all
}

// left reports whether there are packets to make.
func (s *splitter) left() bool { return s.next < s.count }

// load takes a virtio-net header and the bytes after it. It uses both until no
// packet is left.
func (s *splitter) load(b []byte) error {
	*s = splitter{kind: s.kind}
	if len(b) < vnetHeaderLen {
		return errMalformed
	}
	h, packet := parseVnetHeader(b), b[vnetHeaderLen:]
	if h.gso == 0 {
		s.payload, s.segment, s.count = packet, len(packet), 1
		if h.flags&flagChecksum != 0 && !completeChecksum(packet, h) {
			s.count = 0
			return errMalformed
		}
		return nil
	}
	return s.loadSuper(h, packet)
}

// completeChecksum adds to the sum of the pseudo-header, which the kernel left, the
// sum of everything after it.
func completeChecksum(packet []byte, h vnetHeader) bool {
	start, at := int(h.start), int(h.start)+int(h.offset)
	if at+2 > len(packet) {
		return false
	}
	check := ^checksum.Sum(packet[start:])
	if h.offset == udpChecksum && check == 0 {
		check = 0xffff // 0 would mean none
	}
	binary.BigEndian.PutUint16(packet[at:], check)
	return true
}

func (s *splitter) loadSuper(h vnetHeader, packet []byte) error {
	ip := ipPart(s.kind, packet)
	s.link = len(packet) - len(ip)
	at, ok := transportOffset(h, ip, s.link)
	if !ok {
		return errMalformed
	}
	s.transport = s.link + at
	length, check := udpLen, udpChecksum
	switch {
	case h.gso&^gsoECN == gsoTCP4 && ip[0]>>4 == 4, h.gso&^gsoECN == gsoTCP6 && ip[0]>>4 == 6:
		if len(packet) < s.transport+tcpLen {
			return errMalformed
		}
		s.protocol, check = protocolTCP, tcpChecksum
		length = int(packet[s.transport+12]>>4) * 4
		if length < tcpLen {
			return errMalformed
		}
	case h.gso == gsoUDP:
		s.protocol = protocolUDP
	default:
		return errMalformed
	}
	if length += s.transport; h.segment == 0 || len(packet) < length || len(ip) > maxPacket+ipv6Len {
		return errMalformed
	}
	s.header, s.payload, s.segment = packet[:length], packet[length:], int(h.segment)
	s.setPseudo(h, packet, s.header[s.transport+check:])
	s.count = max(1, (len(s.payload)+s.segment-1)/s.segment)
	return nil
}

// ipPart returns the IP packet inside what an adapter of this kind carries, or nil
// if it carries something else.
func ipPart(kind nic.Kind, packet []byte) []byte {
	if kind == nic.Ethernet {
		return frame.IP(packet)
	}
	return packet
}

// transportOffset returns where the transport header of an IP packet begins, if the
// packet follows a link header of link bytes: it is where the kernel says that the
// checksum starts, which is right even behind IPv6 extension headers.
func transportOffset(h vnetHeader, packet []byte, link int) (int, bool) {
	if len(packet) == 0 {
		return 0, false
	}
	least, at := ipv6Len, ipv6Len
	switch packet[0] >> 4 {
	case 4:
		least, at = ipv4Len, int(packet[0]&0x0f)*4
	case 6:
		if h.flags&flagChecksum != 0 {
			at = int(h.start) - link
		}
	default:
		return 0, false
	}
	return at, at >= least && len(packet) >= at
}

// setPseudo takes the pseudo-header's sum from the checksum field, where the kernel
// left it computed with the super-packet's length, or computes it. The kernel's
// accounts for the last destination of an IPv6 routing header.
func (s *splitter) setPseudo(h vnetHeader, packet, check []byte) {
	if h.flags&flagChecksum == 0 {
		s.pseudo = checksum.PseudoHeader(packet[s.link:], s.protocol)
	} else {
		s.pseudo = checksum.Add(binary.BigEndian.Uint16(check), ^uint16(len(packet)-s.transport))
	}
	check[0], check[1] = 0, 0 // part of no packet's sum
}

// packet makes the next packet. It skips one too large for p.
func (s *splitter) packet(p *buf.Packet) error {
	i := s.next
	s.next++
	payload := s.payload[min(i*s.segment, len(s.payload)):]
	payload = payload[:min(s.segment, len(payload))]
	p.Reset()
	room := p.Room()
	if len(s.header)+len(payload) > len(room) {
		return errOversize
	}
	n := copy(room, s.header)
	n += copy(room[n:], payload)
	p.SetLen(n)
	if s.header != nil {
		s.finish(p.Bytes(), i)
	}
	return nil
}

// finish adapts the copied headers to segment i.
func (s *splitter) finish(b []byte, i int) {
	ip, t := b[s.link:], b[s.transport:]
	if ip[0]>>4 == 4 {
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		binary.BigEndian.PutUint16(ip[4:], binary.BigEndian.Uint16(ip[4:])+uint16(i))
		setIPv4Checksum(b[s.link:s.transport])
	} else {
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-ipv6Len))
	}
	check := t[udpChecksum:]
	if s.protocol == protocolTCP {
		s.finishTCP(t, i)
		check = t[tcpChecksum:]
	} else {
		binary.BigEndian.PutUint16(t[4:], uint16(len(t)))
	}
	c := ^checksum.Add(s.pseudo, uint16(len(t)), checksum.Sum(t))
	if c == 0 && s.protocol == protocolUDP {
		c = 0xffff // 0 would mean none
	}
	binary.BigEndian.PutUint16(check, c)
}

// finishTCP moves the sequence number on. It leaves CWR to the first segment (RFC
// 3168 section 6.1.2), PSH and FIN to the last.
func (s *splitter) finishTCP(t []byte, i int) {
	binary.BigEndian.PutUint32(t[4:], binary.BigEndian.Uint32(t[4:])+uint32(i*s.segment))
	if i > 0 {
		t[13] &^= flagCWR
	}
	if i < s.count-1 {
		t[13] &^= flagPSH | flagFIN
	}
}

func setIPv4Checksum(header []byte) {
	header[10], header[11] = 0, 0
	binary.BigEndian.PutUint16(header[10:], ^checksum.Sum(header))
}
