// Package buf holds packet buffers: a slice of bytes with room before it for
// the headers a tunnel adds, room after it for a tag, and the few facts that
// travel with a packet from socket to adapter.
//
// A buffer has one owner at a time. The goroutine that allocated a batch owns
// every packet in it and lends them for the length of a call: whoever is
// called may change them, and must not keep them after it returns.
package buf

import (
	"fmt"
	"net/netip"
)

const (
	// Headroom is kept free before a packet read from an adapter. It fits the
	// largest data channel header (opcode, peer-id, 64-byte HMAC, 16-byte IV,
	// packet-id: 92 bytes) with room for a virtio-net header.
	Headroom = 128
	// Tailroom is kept free after a packet, for an authentication tag or
	// cipher padding.
	Tailroom = 64
	// DefaultSize is the payload capacity for ordinary packets.
	DefaultSize = 2048 - Headroom - Tailroom
)

// Path is the way that a datagram came or should go: the peer's address and our
// own, so that a reply leaves from the address that the packet came to. A zero
// Local lets the system choose.
type Path struct {
	Remote netip.AddrPort
	Local  netip.Addr
}

// Packet is a packet and its room. The zero value is unusable; use New.
type Packet struct {
	store    []byte
	off, end int

	// Path is set by a link on reading, and read by it on writing.
	Path Path
	// Class is the class of service (DSCP in the upper six bits) that a link gives
	// the datagram when writing it.
	Class uint8
	// Segment is 0 for a single packet. Otherwise Bytes is a run of packets of
	// Segment bytes each (the last may be shorter), for a system that takes or
	// gives many in one call (UDP_SEGMENT, UDP_GRO).
	Segment int
	// Note belongs to the observer of the packet; nobody else reads or clears it.
	Note any
}

// New returns an empty packet that can grow to size bytes with Headroom before
// and Tailroom after.
func New(size int) *Packet {
	p := &Packet{store: make([]byte, Headroom+size+Tailroom)}
	p.Reset()
	return p
}

// NewBatch returns n packets of the given payload size, backed by one
// allocation.
func NewBatch(n, size int) []*Packet {
	slot := Headroom + size + Tailroom
	store := make([]byte, n*slot)
	packets := make([]Packet, n)
	batch := make([]*Packet, n)
	for i := range batch {
		packets[i].store = store[i*slot : (i+1)*slot : (i+1)*slot]
		packets[i].Reset()
		batch[i] = &packets[i]
	}
	return batch
}

// Reset empties the packet, with the standard headroom before it.
func (p *Packet) Reset() {
	p.off, p.end = Headroom, Headroom
	p.Segment = 0
	p.Path = Path{}
	p.Class = 0
}

// Bytes is the packet. It is valid until the packet changes.
func (p *Packet) Bytes() []byte { return p.store[p.off:p.end] }

// Len is the packet's length in bytes.
func (p *Packet) Len() int { return p.end - p.off }

// Room returns the space that a packet may be read into: everything after the
// headroom except the tailroom. Follow it with SetLen.
func (p *Packet) Room() []byte {
	p.off, p.end = Headroom, Headroom
	return p.store[Headroom : len(p.store)-Tailroom]
}

// SetLen sets the length after n bytes of Room were filled. It panics if n is
// larger than Room.
func (p *Packet) SetLen(n int) {
	if n < 0 || Headroom+n > len(p.store)-Tailroom {
		panic(fmt.Sprintf("buf: length %d outside a packet of %d", n, len(p.store)-Headroom-Tailroom))
	}
	p.off, p.end = Headroom, Headroom+n
}

// Set copies b into the packet. It panics when b is larger than Room.
func (p *Packet) Set(b []byte) {
	p.SetLen(len(b))
	copy(p.Bytes(), b)
}

// Prepend grows the packet by n bytes at the front and returns them. It panics
// when the headroom is used up.
func (p *Packet) Prepend(n int) []byte {
	if n > p.off {
		panic(fmt.Sprintf("buf: %d bytes of header, %d of headroom", n, p.off))
	}
	p.off -= n
	return p.store[p.off : p.off+n]
}

// Append grows the packet by n bytes at the end and returns them. It panics
// when the tailroom is used up.
func (p *Packet) Append(n int) []byte {
	if p.end+n > len(p.store) {
		panic(fmt.Sprintf("buf: %d bytes of tail, %d of room", n, len(p.store)-p.end))
	}
	p.end += n
	return p.store[p.end-n : p.end]
}

// TrimFront drops n bytes from the front. It panics when there are fewer.
func (p *Packet) TrimFront(n int) {
	if n > p.Len() {
		panic(fmt.Sprintf("buf: trim %d of %d bytes", n, p.Len()))
	}
	p.off += n
}

// TrimBack drops n bytes from the end. It panics when there are fewer.
func (p *Packet) TrimBack(n int) {
	if n > p.Len() {
		panic(fmt.Sprintf("buf: trim %d of %d bytes", n, p.Len()))
	}
	p.end -= n
}
