package userstack

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// narrowWindow takes one unit off the receive window that a TCP segment of the
// stack advertises, if there is one.
//
// In every segment gVisor rounds the window down to whole units (2^scale bytes)
// anew. So the window's right edge, and what gVisor accepts, may move back by part
// of a unit. A peer that has sent up to the old edge then sends nothing acceptable
// any more, not even acknowledgements, and a connection that is full in both
// directions stands still for good (RFC 9293, 3.8.6: a window must not shrink, but
// a sender must cope if it does). With a unit less, gVisor always accepts what the
// peer may send.
func narrowWindow(packet []byte) {
	segment := tcpSegmentOf(packet)
	if len(segment) < header.TCPMinimumSize || segment.Flags().Intersects(header.TCPFlagSyn|header.TCPFlagRst) {
		return
	}
	window := segment.WindowSize()
	if window == 0 {
		return
	}
	binary.BigEndian.PutUint16(segment[header.TCPWinSizeOffset:], window-1)
	segment.SetChecksum(incremented(segment.Checksum()))
}

// incremented returns a checksum after one of the words it covers became one less:
// a ones' complement sum (RFC 1624).
func incremented(sum uint16) uint16 {
	if sum == 0xffff {
		return 1
	}
	return sum + 1
}

// tcpSegmentOf returns the TCP segment that starts in an IP packet, or nil.
func tcpSegmentOf(packet []byte) header.TCP {
	switch header.IPVersion(packet) {
	case header.IPv4Version:
		h := header.IPv4(packet)
		if len(packet) >= header.IPv4MinimumSize && h.Protocol() == uint8(header.TCPProtocolNumber) && h.FragmentOffset() == 0 {
			return header.TCP(packet[min(int(h.HeaderLength()), len(packet)):])
		}
	case header.IPv6Version:
		if len(packet) >= header.IPv6MinimumSize && header.IPv6(packet).NextHeader() == uint8(header.TCPProtocolNumber) {
			return header.TCP(packet[header.IPv6MinimumSize:])
		}
	}
	return nil
}
