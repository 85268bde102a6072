package tuntap

import (
	"encoding/binary"
	"errors"
)

// vnetHeader stands before each packet that crosses a device opened with
// IFF_VNET_HDR, 10 bytes in the host's byte order (struct virtio_net_hdr,
// virtio 1.2 section 5.1.6).
type vnetHeader struct {
	flags   uint8
	gso     uint8  // what the packet is to be cut into; 0 nothing
	length  uint16 // of IP and transport header; a hint
	segment uint16 // payload bytes of each segment
	start   uint16 // the checksum covers the packet from here
	offset  uint16 // the checksum's place after start
}

const (
	vnetHeaderLen = 10

	// flagChecksum: the checksum field holds only the sum of the pseudo-header, and
	// whoever sends the packet out completes it.
	flagChecksum = 1

	gsoTCP4 = 1
	gsoTCP6 = 4
	gsoUDP  = 5
	gsoECN  = 0x80 // beside a TCP kind: the first segment has CWR set
)

func (h vnetHeader) put(b []byte) {
	b[0], b[1] = h.flags, h.gso
	binary.NativeEndian.PutUint16(b[2:], h.length)
	binary.NativeEndian.PutUint16(b[4:], h.segment)
	binary.NativeEndian.PutUint16(b[6:], h.start)
	binary.NativeEndian.PutUint16(b[8:], h.offset)
}

func parseVnetHeader(b []byte) vnetHeader {
	return vnetHeader{
		flags:   b[0],
		gso:     b[1],
		length:  binary.NativeEndian.Uint16(b[2:]),
		segment: binary.NativeEndian.Uint16(b[4:]),
		start:   binary.NativeEndian.Uint16(b[6:]),
		offset:  binary.NativeEndian.Uint16(b[8:]),
	}
}

// Header lengths, offsets and bits of RFC 791, 8200, 9293, 3168 and 768.
const (
	ipv4Len = 20
	ipv6Len = 40
	tcpLen  = 20
	udpLen  = 8

	protocolTCP = 6
	protocolUDP = 17

	tcpChecksum = 16 // offset in the header
	udpChecksum = 6

	flagFIN = 0x01
	flagPSH = 0x08
	flagACK = 0x10
	flagCWR = 0x80

	maxPacket = 65535 // an IPv4 packet's length in 16 bits
)

var (
	errOversize  = errors.New("packet larger than its buffer")
	errMalformed = errors.New("super-packet not understood")
)
