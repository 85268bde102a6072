package tunnel

import (
	"net/netip"

	"culvert/nic/frame"
)

// Addresses returns the IP source and destination of what the road carries. ok is
// false if it is not a packet or frame that anybody could send. A sound frame that
// is not IP has no addresses.
func (r *Road) Addresses(packet []byte) (src, dst netip.Addr, ok bool) {
	if !r.Ethernet {
		return Addresses(packet)
	}
	h, ok := frame.Parse(packet)
	if !ok || !h.Src.IsStation() {
		return src, dst, false
	}
	src, dst, _ = Addresses(frame.IP(packet))
	return src, dst, true
}

// clampMSS applies the function clampMSS to the IP packet in what the road carries.
func (r *Road) clampMSS(packet []byte, maxInner int) {
	clampMSS(r.innerOf(packet), maxInner)
}

// innerOf returns the IP packet in what the road carries. It is nil for a frame that
// carries something else.
func (r *Road) innerOf(packet []byte) []byte {
	if r.Ethernet {
		return frame.IP(packet)
	}
	return packet
}

// Addresses returns the source and destination of an IP packet. ok is false if it
// is too short to have them, or of an unknown version.
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
