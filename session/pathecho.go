package session

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/internal/checksum"
)

// Echo are two addresses in the tunnel, of one family: this end's, and one that the peer's
// host answers pings to.
type Echo struct{ From, To netip.Addr }

func (e Echo) valid() bool {
	return e.From.IsValid() && e.To.IsValid() && e.From.Is4() == e.To.Is4() && e.From != e.To
}

// Of RFC 791, 792, 4443 and 8200.
const (
	headerIPv4, headerIPv6, headerICMP = 20, 40, 8

	protocolICMPv4, protocolICMPv6 = 1, 58
	echoRequest4, echoReply4       = 8, 0
	echoRequest6, echoReply6       = 128, 129
	echoHops                       = 64
)

// echoes asks a peer's host by pings in the tunnel, and knows the answers. Its own are told
// from a program's by a mark, which nobody but this end and the peer has seen.
type echoes struct {
	Echo
	id       uint16
	mark     [16]byte
	sequence uint16        // of the last question
	answer   atomic.Uint32 // sequence of the last answer, with echoed; 0: none came
}

// echoed marks an answer, above its sequence.
const echoed = 1 << 16

func newEchoes(e Echo) *echoes {
	q := &echoes{Echo: e}
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(q.mark[:])
	q.id = binary.BigEndian.Uint16(id[:])
	return q
}

// least is the length of the shortest question, bytes: behind the header of ICMP are the mark
// and the length of the packet.
func (q *echoes) least() int { return q.header() + headerICMP + len(q.mark) + 2 }

func (q *echoes) header() int {
	if q.To.Is4() {
		return headerIPv4
	}
	return headerIPv6
}

// question makes p the next question, an IP packet of size bytes.
func (q *echoes) question(p *buf.Packet, size int) {
	q.sequence++
	b := make([]byte, max(size, q.least()))
	m := b[q.header():]
	_, _ = rand.Read(m[headerICMP:])
	binary.BigEndian.PutUint16(m[4:], q.id)
	binary.BigEndian.PutUint16(m[6:], q.sequence)
	copy(m[headerICMP:], q.mark[:])
	binary.BigEndian.PutUint16(m[headerICMP+len(q.mark):], uint16(len(b)))
	from, to := q.From.AsSlice(), q.To.AsSlice()
	if q.To.Is4() {
		b[0], b[8], b[9], m[0] = 4<<4|headerIPv4/4, echoHops, protocolICMPv4, echoRequest4
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		binary.BigEndian.PutUint16(b[6:], 0x4000) // not to be cut
		copy(b[12:], from)
		copy(b[16:], to)
		binary.BigEndian.PutUint16(b[10:], ^checksum.Sum(b[:headerIPv4]))
		binary.BigEndian.PutUint16(m[2:], ^checksum.Sum(m))
	} else {
		b[0], b[6], b[7], m[0] = 6<<4, protocolICMPv6, echoHops, echoRequest6
		binary.BigEndian.PutUint16(b[4:], uint16(len(m)))
		copy(b[8:], from)
		copy(b[24:], to)
		binary.BigEndian.PutUint16(m[2:], ^checksum.Add(checksum.PseudoHeader(b, protocolICMPv6), uint16(len(m)), checksum.Sum(m)))
	}
	p.Set(b)
}

// take reports whether a packet out of the tunnel is an answer to a question of this end,
// and notes it. It is called for every packet of the data channel.
func (q *echoes) take(b []byte) bool {
	header := q.header()
	if len(b) < q.least() || !q.replies(b) {
		return false
	}
	m := b[header:]
	size := binary.BigEndian.Uint16(m[headerICMP+len(q.mark):])
	if m[1] != 0 || binary.BigEndian.Uint16(m[4:]) != q.id || !bytes.Equal(m[headerICMP:headerICMP+len(q.mark)], q.mark[:]) {
		return false
	}
	if int(size) == len(b) { // else it says nothing of the size
		q.answer.Store(echoed | uint32(binary.BigEndian.Uint16(m[6:])))
	}
	return true
}

// heard reports whether an answer has come to a question that is not before the one with
// the sequence since.
func (q *echoes) heard(since uint16) bool {
	a := q.answer.Swap(0)
	return a != 0 && uint16(a)-since <= q.sequence-since
}

// replies reports whether a packet, not shorter than the headers, is an echo reply between
// the two addresses, and no fragment.
func (q *echoes) replies(b []byte) bool {
	if q.To.Is4() {
		return b[0] == 4<<4|headerIPv4/4 && b[9] == protocolICMPv4 && b[headerIPv4] == echoReply4 &&
			binary.BigEndian.Uint16(b[6:])&0x3fff == 0 &&
			[4]byte(b[12:16]) == q.To.As4() && [4]byte(b[16:20]) == q.From.As4()
	}
	return b[0]>>4 == 6 && b[6] == protocolICMPv6 && b[headerIPv6] == echoReply6 &&
		[16]byte(b[8:24]) == q.To.As16() && [16]byte(b[24:40]) == q.From.As16()
}

// ask sends a question in a datagram of size bytes, or a little less where a cipher has
// blocks, and returns how long it was; 0: it was not sent.
func (q *echoes) ask(now time.Time, d *Data, size int, emit func([]byte)) (long int) {
	inner := d.Fit(size)
	p := buf.New(max(inner, q.least()))
	q.question(p, inner)
	if d.sealOwn(now, p) != nil {
		return 0
	}
	emit(p.Bytes())
	return p.Len()
}
