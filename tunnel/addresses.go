package tunnel

import "net/netip"

// Addresses are the source and destination of an IP packet; ok is false when it
// is too short to have them or of no known version.
func Addresses(packet []byte) (src, dst netip.Addr, ok bool) {
	if len(packet) == 0 {
		return src, dst, false
	}
	switch packet[0] >> 4 {
	case 4:
		if len(packet) >= ipv4HeaderLen {
			return netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20])), true
		}
	case 6:
		if len(packet) >= ipv6HeaderLen {
			return netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40])), true
		}
	}
	return src, dst, false
}
