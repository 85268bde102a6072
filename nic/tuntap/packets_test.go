package tuntap

import (
	"encoding/binary"
	"testing"

	"culvert/internal/buf"
	"culvert/nic/frame"
)

// header is a packet without its payload.
type header struct {
	ipv6     bool
	udp      bool
	tos, ttl uint8
	id       uint16
	fragile  bool   // without DF
	ipOpts   []byte // IPv4, or an IPv6 extension header
	port     uint16 // the sender's
	seq, ack uint32
	flags    uint8
	window   uint16
	tcpOpts  []byte
}

var timestamps = []byte{1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4}

func tcp4() header {
	return header{ttl: 64, id: 0xfffe, port: 40000, seq: 0xffffff00, ack: 7, flags: flagACK, window: 500, tcpOpts: timestamps}
}

func tcp6() header {
	h := tcp4()
	h.ipv6, h.tos = true, 0xb8
	return h
}

func udp4() header { return header{udp: true, ttl: 64, id: 9, port: 40000, fragile: true} }

func udp6() header { return header{udp: true, ipv6: true, ttl: 64, port: 40000} }

// slowSum is the Internet checksum word by word.
func slowSum(b []byte, more ...uint32) uint16 {
	var s uint32
	for i, c := range b {
		s += uint32(c) << (8 * (1 - i%2))
		s = s&0xffff + s>>16
	}
	for _, m := range more {
		s += m
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// build makes the packet with right checksums.
func (h header) build(payload []byte) []byte {
	b := h.withoutChecksum(payload)
	t := b[h.transport():]
	at := tcpChecksum
	if h.udp {
		at = udpChecksum
	}
	c := ^slowSum(t, uint32(h.pseudo(b)))
	if h.udp && c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(t[at:], c)
	return b
}

// buildSuper makes the super-packet that the kernel would give for it.
func (h header) buildSuper(payload []byte, segment int) []byte {
	b := h.withoutChecksum(payload)
	v := vnetHeader{flags: flagChecksum, gso: gsoTCP4, segment: uint16(segment), start: uint16(h.transport()), offset: tcpChecksum}
	switch {
	case h.udp:
		v.gso, v.offset = gsoUDP, udpChecksum
	case h.ipv6:
		v.gso = gsoTCP6
	}
	if h.flags&flagCWR != 0 {
		v.gso |= gsoECN
	}
	binary.BigEndian.PutUint16(b[v.start+v.offset:], h.pseudo(b))
	s := make([]byte, vnetHeaderLen)
	v.put(s)
	return append(s, b...)
}

func (h header) transport() int {
	if h.ipv6 {
		return ipv6Len + len(h.ipOpts)
	}
	return ipv4Len + len(h.ipOpts)
}

func (h header) protocol() uint8 {
	if h.udp {
		return protocolUDP
	}
	return protocolTCP
}

func (h header) pseudo(b []byte) uint16 {
	addresses := b[8:40]
	if !h.ipv6 {
		addresses = b[12:20]
	}
	return slowSum(addresses, uint32(h.protocol()), uint32(len(b)-h.transport()))
}

func (h header) withoutChecksum(payload []byte) []byte {
	b := h.ip()
	if h.udp {
		b = binary.BigEndian.AppendUint16(b, h.port)
		b = append(b, 0, 53)
		b = binary.BigEndian.AppendUint16(b, uint16(udpLen+len(payload)))
		b = append(b, 0, 0)
	} else {
		b = binary.BigEndian.AppendUint16(b, h.port)
		b = append(b, 0, 80)
		b = binary.BigEndian.AppendUint32(b, h.seq)
		b = binary.BigEndian.AppendUint32(b, h.ack)
		b = append(b, uint8(tcpLen+len(h.tcpOpts))<<2, h.flags)
		b = binary.BigEndian.AppendUint16(b, h.window)
		b = append(b, 0, 0, 0, 0)
		b = append(b, h.tcpOpts...)
	}
	b = append(b, payload...)
	if h.ipv6 {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-ipv6Len))
		return b
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[10:], ^slowSum(b[:h.transport()]))
	return b
}

func (h header) ip() []byte {
	if !h.ipv6 {
		b := []byte{0x45 + uint8(len(h.ipOpts)/4), h.tos, 0, 0, uint8(h.id >> 8), uint8(h.id), dontFrag, 0,
			h.ttl, h.protocol(), 0, 0, 10, 8, 0, 1, 10, 8, 0, 2}
		if h.fragile {
			b[6] = 0
		}
		return append(b, h.ipOpts...)
	}
	b := make([]byte, ipv6Len)
	b[0], b[1], b[6], b[7] = 0x60|h.tos>>4, h.tos<<4|5, h.protocol(), h.ttl
	b[8], b[23], b[24], b[39] = 0xfd, 1, 0xfd, 2
	if h.ipOpts != nil {
		b[6] = 60 // destination options
		b = append(b, h.protocol())
		b = append(b, h.ipOpts[1:]...)
	}
	return b
}

// pieces are the packets that a payload is cut into.
func (h header) pieces(payload []byte, segment int) (packets [][]byte) {
	for i, at := 0, 0; i == 0 || at < len(payload); i++ {
		piece, end := h, min(at+segment, len(payload))
		piece.seq += uint32(at)
		piece.id += uint16(i)
		if i > 0 {
			piece.flags &^= flagCWR
		}
		if end < len(payload) {
			piece.flags &^= flagPSH | flagFIN
		}
		packets = append(packets, piece.build(payload[at:end]))
		at = end
	}
	return packets
}

// bytesUpTo are n bytes, all different from their neighbours.
func bytesUpTo(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// batchOf copies packets into a batch.
func batchOf(packets ...[]byte) []*buf.Packet {
	batch := buf.NewBatch(len(packets), 2000)
	for i, b := range packets {
		batch[i].Set(b)
	}
	return batch
}

// splitAll splits a super-packet, with batches of a few packets.
func splitAll(t testing.TB, super []byte) [][]byte {
	t.Helper()
	return splitWith(t, new(splitter), super)
}

func splitWith(t testing.TB, s *splitter, super []byte) (packets [][]byte) {
	t.Helper()
	if err := s.load(append([]byte(nil), super...)); err != nil {
		t.Fatal(err)
	}
	p := buf.New(maxPacket + frame.MaxHeader)
	for s.left() {
		if err := s.packet(p); err != nil {
			t.Fatal(err)
		}
		packets = append(packets, append([]byte(nil), p.Bytes()...))
	}
	return packets
}
