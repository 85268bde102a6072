package userstack

import (
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

func TestNarrowWindow(t *testing.T) {
	for _, dst := range outside {
		src := clientPrefixes[0].Addr()
		if dst.Is6() {
			src = clientPrefixes[1].Addr()
		}
		fl := flow{src: netip.AddrPortFrom(src, 1), dst: netip.AddrPortFrom(dst, 2)}
		// Every window, so that every checksum is met too.
		for window := range 1 << 16 {
			packet := tcpPacket(fl, header.TCPFlagAck, uint16(window))
			narrowWindow(packet)
			segment := tcpSegmentOf(packet)
			if got := int(segment.WindowSize()); got != max(window-1, 0) {
				t.Fatalf("window %d became %d", window, got)
			}
			if !segment.IsChecksumValid(fromAddr(src), fromAddr(dst), 0, 0) {
				t.Fatalf("window %d: wrong checksum", window)
			}
		}
		syn := tcpPacket(fl, header.TCPFlagSyn, 1000)
		if narrowWindow(syn); tcpSegmentOf(syn).WindowSize() != 1000 {
			t.Error("a SYN's window, which has other units, was changed")
		}
	}
	for _, b := range [][]byte{nil, {0x45}, {0x60}, make([]byte, 20), ipPacket(flow{src: netip.AddrPortFrom(outside[0], 0), dst: netip.AddrPortFrom(outside[0], 0)}, 6, []byte{1})} {
		narrowWindow(b)
	}
}
