package tuntap

import (
	"encoding/binary"

	"culvert/internal/checksum"
)

const congestion = 3 // the codepoint CE, all bits of the field (RFC 3168 section 5)

// markCongestion tells the receiver of an IP packet that its sender is too fast
// (ECN). It reports false, and marks nothing, unless both ends use ECN.
func markCongestion(ip []byte) bool {
	switch {
	case len(ip) >= ipv4Len && ip[0]>>4 == 4:
		if ip[1]&congestion == 0 {
			return false
		}
		before := binary.BigEndian.Uint16(ip)
		ip[1] |= congestion
		check := ^binary.BigEndian.Uint16(ip[10:]) // RFC 1624 section 3
		binary.BigEndian.PutUint16(ip[10:], ^checksum.Add(check, ^before, binary.BigEndian.Uint16(ip)))
		return true
	case len(ip) >= ipv6Len && ip[0]>>4 == 6:
		if ip[1]>>4&congestion == 0 {
			return false
		}
		ip[1] |= congestion << 4
		return true
	}
	return false
}
