// Package frame reads and rewrites Ethernet frames: addresses, type and the IEEE
// 802.1Q tag. It does not look into the payload.
package frame

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"strings"

	"culvert/internal/buf"
)

// Lengths in bytes.
const (
	HeaderLen = 14 // destination, source, type
	TagLen    = 4  // of 802.1Q, between source and type
	// MaxHeader is the longest header that adapters make room for: one with two
	// tags (802.1ad).
	MaxHeader = HeaderLen + 2*TagLen
)

// EtherTypes (IANA, IEEE 802 Numbers).
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeVLAN = 0x8100 // 802.1Q
	TypeQinQ = 0x88a8 // 802.1ad
	TypeIPv6 = 0x86dd
)

// MaxVLAN is the largest VLAN identifier there is; 0xfff is reserved.
const MaxVLAN = 0xffe

// MAC is an Ethernet address.
type MAC [6]byte

// Broadcast is the address of every station.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads an address as net.ParseMAC does, but only one of six bytes.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("%q is not an Ethernet address; expected six bytes such as 02:00:5e:10:00:01", s)
	}
	return MAC(hw), nil
}

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsGroup reports whether m is a multicast or broadcast address.
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// IsStation reports whether a frame may have m as its source.
func (m MAC) IsStation() bool { return m != MAC{} && !m.IsGroup() }

// Header is the start of a frame.
type Header struct {
	Dst, Src MAC
	// Tagged reports whether there is an 802.1Q tag, of VLAN and Priority (0 to 7).
	// A tag of VLAN 0 has only a priority.
	Tagged   bool
	VLAN     uint16
	Priority uint8
	Type     uint16 // of the payload; below 0x600 it is a length (802.3)
	Len      int    // of header and tag; the payload follows
}

// Parse reads the header of a frame. ok is false if the frame is cut short. A
// second tag stays in the payload, and Type is the tag's type.
func Parse(b []byte) (h Header, ok bool) {
	if len(b) < HeaderLen {
		return h, false
	}
	h.Dst, h.Src = MAC(b[0:6]), MAC(b[6:12])
	h.Type, h.Len = binary.BigEndian.Uint16(b[12:]), HeaderLen
	if h.Type != TypeVLAN {
		return h, true
	}
	if len(b) < HeaderLen+TagLen {
		return h, false
	}
	tci := binary.BigEndian.Uint16(b[14:])
	h.Tagged, h.VLAN, h.Priority = true, tci&0xfff, uint8(tci>>13)
	h.Type, h.Len = binary.BigEndian.Uint16(b[16:]), HeaderLen+TagLen
	return h, true
}

// IP returns the IP packet in a frame, behind any number of tags, with any padding
// that follows it. It returns nil if the frame carries something else.
func IP(b []byte) []byte {
	at := HeaderLen
	for ; len(b) > at; at += TagLen {
		switch binary.BigEndian.Uint16(b[at-2:]) {
		case TypeIPv4, TypeIPv6:
			return b[at:]
		case TypeVLAN, TypeQinQ:
		default:
			return nil
		}
	}
	return nil
}

// Append adds the header to b, with its tag if Tagged. It ignores Len.
func (h Header) Append(b []byte) []byte {
	b = append(append(b, h.Dst[:]...), h.Src[:]...)
	if h.Tagged {
		b = binary.BigEndian.AppendUint16(b, TypeVLAN)
		b = binary.BigEndian.AppendUint16(b, uint16(h.Priority)<<13|h.VLAN)
	}
	return binary.BigEndian.AppendUint16(b, h.Type)
}

// Tag adds a tag to an untagged frame of at least HeaderLen bytes. It uses
// headroom.
func Tag(p *buf.Packet, vlan uint16, priority uint8) {
	p.Prepend(TagLen)
	b := p.Bytes()
	copy(b, b[TagLen:TagLen+12])
	binary.BigEndian.PutUint16(b[12:], TypeVLAN)
	binary.BigEndian.PutUint16(b[14:], uint16(priority)<<13|vlan)
}

// Untag removes the tag of a frame that Parse found to be tagged.
func Untag(p *buf.Packet) {
	b := p.Bytes()
	copy(b[TagLen:], b[:12])
	p.TrimFront(TagLen)
}

// StableMAC returns an address for an adapter: always the same for the same words,
// and locally administered (IEEE 802, section 8.4).
func StableMAC(words ...string) (m MAC) {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	copy(m[:], sum[:])
	m[0] = m[0]&^1 | 2
	return m
}
