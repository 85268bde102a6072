package tuntap

import (
	"bytes"
	"encoding/binary"

	"culvert/internal/buf"
	"culvert/internal/checksum"
	"culvert/nic"
	"culvert/nic/frame"
)

// merger finds the packets of a batch that the kernel can take as one: consecutive
// TCP segments of a flow, and UDP datagrams of one size of a flow. The kernel or a
// network adapter can cut what it joins into the same packets again. Packets of a
// flow stay in order; flows may change places.
type merger struct {
	kind   nic.Kind // of the packets
	tcp    bool     // join segments
	udp    bool     // join datagrams
	batch  []*buf.Packet
	groups []group
	after  []int // of each packet, the next one of its group; -1 none
	// open holds, by a flow's hash, one more than the index of the group that may
	// grow; 0 for none. If flows share a hash, only the latest may grow.
	open [flowSlots]int
	// original holds the headers that seal changed.
	original [maxHeaders]byte
}

const (
	flowSlots = 256
	// maxUDP is the most datagrams in one; older kernels refuse more.
	maxUDP = 64
	// maxTCP is the most segments in one; a write takes 1,024 parts (IOV_MAX).
	maxTCP = 512
	// maxHeaders is the longest IPv4 and TCP headers.
	maxHeaders = frame.MaxHeader + 60 + 60
)

// group is packets that are written as one.
type group struct {
	first, last int // packets of the batch
	count       int
	flow        flow   // of the first packet
	segment     int    // payload bytes of the first packet
	length      int    // bytes of all from IP on, the headers once
	sequence    uint32 // TCP: the next packet's
	verified    bool   // the first packet's checksums
}

// merge groups the packets of batch, in order of their first packets. Both are
// valid until the next call.
func (m *merger) merge(batch []*buf.Packet) []group {
	m.batch, m.groups, m.after = batch, m.groups[:0], m.after[:0]
	clear(m.open[:])
	for i, p := range batch {
		m.after = append(m.after, -1)
		m.add(i, p.Bytes())
	}
	return m.groups
}

func (m *merger) add(i int, b []byte) {
	ip := ipPart(m.kind, b)
	f, kind := parseFlow(ip)
	if f.link = len(b) - len(ip); f.link > frame.MaxHeader {
		kind = unknown
	}
	b = ip
	if kind == unknown {
		clear(m.open[:]) // this may be a fragment of any of them
	}
	if kind != growing || !m.joins(f.protocol) {
		m.open[f.hash] = 0
		m.groups = append(m.groups, group{first: i, last: i, count: 1, length: len(b)})
		return
	}
	if at := m.open[f.hash]; at > 0 && m.join(&m.groups[at-1], i, b, f) {
		if f.ends(b) || len(b)-f.header < m.groups[at-1].segment {
			m.open[f.hash] = 0
		}
		return
	}
	m.groups = append(m.groups, group{
		first: i, last: i, count: 1, length: len(b), flow: f, segment: len(b) - f.header, sequence: f.following(b),
	})
	m.open[f.hash] = 0
	if !f.ends(b) {
		m.open[f.hash] = len(m.groups)
	}
}

// joins reports whether packets of a protocol are joined.
func (m *merger) joins(protocol uint8) bool {
	if protocol == protocolUDP {
		return m.udp
	}
	return m.tcp
}

// join adds a packet to g if it continues g and both have right checksums.
func (m *merger) join(g *group, i int, b []byte, f flow) bool {
	first, link := ipOf(m.batch[g.first], f.link), m.batch[i].Bytes()[:f.link]
	payload := len(b) - f.header
	if payload > g.segment || g.length+payload > maxPacket || !f.follows(g, first, b) || !f.sound(b) ||
		!bytes.Equal(link, m.batch[g.first].Bytes()[:f.link]) {
		return false
	}
	if !g.verified {
		if g.verified = f.sound(first); !g.verified {
			return false
		}
	}
	m.after[g.last] = i
	g.last = i
	g.count++
	g.length += payload
	g.sequence = f.following(b)
	return true
}

// ipOf returns a packet without the first link bytes, its link header.
func ipOf(p *buf.Packet, link int) []byte { return p.Bytes()[min(link, p.Len()):] }

// seal makes the headers of g's first packet stand for all its packets, if there
// are several, and returns the header to give the kernel.
func (m *merger) seal(g *group) vnetHeader {
	if g.count == 1 {
		return vnetHeader{}
	}
	b, f := m.batch[g.first].Bytes(), g.flow
	copy(m.original[:], b[:f.link+f.header])
	b = b[f.link:]
	h := vnetHeader{
		flags: flagChecksum, gso: gsoUDP,
		length: uint16(f.link + f.header), segment: uint16(g.segment), start: uint16(f.link + f.transport), offset: udpChecksum,
	}
	if b[0]>>4 == 4 {
		binary.BigEndian.PutUint16(b[2:], uint16(g.length))
		setIPv4Checksum(b[:f.transport])
	} else {
		binary.BigEndian.PutUint16(b[4:], uint16(g.length-ipv6Len))
	}
	t := b[f.transport:]
	if f.protocol == protocolTCP {
		h.gso, h.offset = gsoTCP4, tcpChecksum
		if b[0]>>4 == 6 {
			h.gso = gsoTCP6
		}
		t[13] |= ipOf(m.batch[g.last], f.link)[f.transport+13] & flagPSH
	} else {
		binary.BigEndian.PutUint16(t[4:], uint16(g.length-f.transport))
	}
	binary.BigEndian.PutUint16(t[h.offset:], checksum.Add(checksum.PseudoHeader(b, f.protocol), uint16(g.length-f.transport)))
	return h
}

// refused undoes what seal did for g, which the kernel did not take, and stops
// joining packets of its protocol. It returns the packets of these groups singly.
func (m *merger) refused(g *group, groups []group) (single []group) {
	copy(m.batch[g.first].Bytes(), m.original[:g.flow.link+g.flow.header])
	if g.flow.protocol == protocolUDP {
		m.udp = false
	} else {
		m.tcp = false
	}
	for _, g := range groups {
		for i := g.first; i >= 0; {
			single = append(single, group{first: i, last: i, count: 1})
			i, m.after[i] = m.after[i], -1
		}
	}
	return single
}

// equal reports whether two packets are the same except for the spans that follow
// each other in a group: IPv4's length, identification and checksum, or IPv6's
// length; TCP's sequence number, PSH and checksum, or UDP's length and
// checksum; and the payload.
func (f *flow) equal(a, b []byte) bool {
	if a[0]>>4 == 4 {
		if !bytes.Equal(a[:2], b[:2]) || !bytes.Equal(a[6:10], b[6:10]) || !bytes.Equal(a[12:f.transport], b[12:f.transport]) {
			return false
		}
	} else if !bytes.Equal(a[:4], b[:4]) || !bytes.Equal(a[6:ipv6Len], b[6:ipv6Len]) {
		return false
	}
	a, b = a[f.transport:f.header], b[f.transport:f.header]
	if f.protocol == protocolUDP {
		return bytes.Equal(a[:4], b[:4])
	}
	return bytes.Equal(a[:4], b[:4]) && bytes.Equal(a[8:13], b[8:13]) && a[13]|flagPSH == b[13]|flagPSH &&
		bytes.Equal(a[14:16], b[14:16]) && bytes.Equal(a[18:], b[18:])
}
