package tunnel

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"culvert/nic"
	"culvert/nic/frame"
)

var (
	macA = frame.MAC{2, 0, 0, 0, 0, 0xa}
	macB = frame.MAC{2, 0, 0, 0, 0, 0xb}
)

// framed is a packet in a frame.
func framed(h frame.Header, packet []byte) []byte {
	h.Dst, h.Src = macB, macA
	return append(h.Append(nil), packet...)
}

func TestAddressesOfFrames(t *testing.T) {
	ip := ipPacket(40)
	ip[12], ip[16], ip[19] = 10, 10, 9
	road := Road{Ethernet: true}
	src, dst, ok := road.Addresses(framed(frame.Header{Type: frame.TypeIPv4, Tagged: true, VLAN: 5}, ip))
	if !ok || src != netip.MustParseAddr("10.0.0.0") || dst != netip.MustParseAddr("10.0.0.9") {
		t.Errorf("%v → %v, %v", src, dst, ok)
	}
	if _, dst, ok := road.Addresses(framed(frame.Header{Type: frame.TypeARP}, make([]byte, 28))); !ok || dst.IsValid() {
		t.Errorf("ARP is for %v, %v", dst, ok)
	}
	group := framed(frame.Header{Type: frame.TypeIPv4}, ip)
	group[6] |= 1
	for _, b := range [][]byte{nil, ip[:13], group, make([]byte, 60)} {
		if _, _, ok := road.Addresses(b); ok {
			t.Errorf("%x is a frame", b)
		}
	}
	if _, _, ok := new(Road).Addresses(group); ok {
		t.Error("a frame is an IP packet")
	}
}

// TestFramesOnTheRoad carries frames of all sorts, lowers the segment size of TCP
// in them, and tags frames if the role asks for it.
func TestFramesOnTheRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roadsOf(t, nic.Ethernet)
		near.peer.MaxInner.Store(1300)
		far.role.forward = func(_ []byte, to *Receivers) Drop {
			to.Adapter, to.Tag = true, 42
			return Kept
		}
		var sent, want [][]byte
		for _, h := range []frame.Header{{Type: frame.TypeIPv4}, {Type: frame.TypeIPv6}, {Type: frame.TypeIPv4, Tagged: true, VLAN: 7}} {
			v6 := h.Type == frame.TypeIPv6
			segmentSize := uint16(1260)
			if v6 {
				segmentSize = 1240
			}
			sent = append(sent, framed(h, segment(v6, flagSYN, 0, mss(1460))))
			want = append(want, framed(h, segment(v6, flagSYN, 0, mss(segmentSize))))
		}
		arp := framed(frame.Header{Type: frame.TypeARP}, make([]byte, 28))
		sent, want = append(sent, arp), append(want, arp)
		for _, b := range sent {
			near.nic.Inject(b)
		}
		for i, b := range want { // tagged with 42
			want[i] = slices.Concat(b[:12], []byte{0x81, 0, 0, 42}, b[12:])
		}
		if got := drain(far); !equal(got, want) {
			t.Errorf("arrived\n%x, want\n%x", bytes.Join(got, []byte{'\n'}), bytes.Join(want, []byte{'\n'}))
		}
	})
}
