package swarm

import (
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

var echoes = []echo{
	{From: netip.MustParseAddr("10.8.0.2"), To: netip.MustParseAddr("10.8.0.1"), Lane: 7, Turn: 0xfff8, Sent: 12345 * time.Microsecond},
	{From: netip.MustParseAddr("fd00::2"), To: netip.MustParseAddr("fd00::1"), Lane: 0xffff, Turn: 1, Sent: time.Hour},
	{From: netip.MustParseAddr("10.8.0.1"), To: netip.MustParseAddr("10.8.0.2"), Answer: true, Sent: 1},
	{From: netip.MustParseAddr("fd00::1"), To: netip.MustParseAddr("fd00::2"), Answer: true, Turn: 8},
}

func (e echo) packet(size int) []byte { return e.append(make([]byte, 0, size), size) }

func TestEchoBothWays(t *testing.T) {
	for _, want := range echoes {
		for _, size := range []int{minSize, 64, 1200, maxSize} {
			packet := want.packet(size)
			var got echo
			if err := got.parse(packet); err != nil || got != want || len(packet) != size {
				t.Errorf("%+v in %d bytes came out as %+v in %d, %v", want, size, got, len(packet), err)
			}
			if !sumsUp(packet) {
				t.Errorf("%+v in %d bytes has a wrong checksum", want, size)
			}
		}
	}
}

// sumsUp checks a packet as a host does that receives it.
func sumsUp(packet []byte) bool {
	if header.IPVersion(packet) == header.IPv4Version {
		ip := header.IPv4(packet)
		return ip.IsChecksumValid() && checksum.Checksum(ip.Payload(), 0) == 0xffff
	}
	ip := header.IPv6(packet)
	pseudo := header.PseudoHeaderChecksum(header.ICMPv6ProtocolNumber, ip.SourceAddress(), ip.DestinationAddress(), ip.PayloadLength())
	return checksum.Checksum(ip.Payload(), pseudo) == 0xffff
}

func TestNoEcho(t *testing.T) {
	udp := echoes[0].packet(64)
	udp[9] = 17
	fragment := echoes[0].packet(64)
	header.IPv4(fragment).SetFlagsFragmentOffset(0, 64)
	unreachable := echoes[1].packet(64)
	unreachable[header.IPv6MinimumSize] = byte(header.ICMPv6DstUnreachable)
	for name, packet := range map[string][]byte{
		"nothing": nil, "UDP": udp, "a fragment": fragment, "an error": unreachable,
		"cut": echoes[1].packet(64)[:63], "version 9": append([]byte{0x90}, udp[1:]...),
	} {
		var e echo
		if err := e.parse(packet); err == nil {
			t.Errorf("%s was taken for %+v", name, e)
		}
	}
}

// FuzzEcho: whatever is taken for an echo comes out the same when written and
// read again.
func FuzzEcho(f *testing.F) {
	for _, e := range echoes {
		f.Add(e.packet(64))
	}
	options := append([]byte{0x46}, echoes[0].packet(64)[1:]...)
	f.Add(options)
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second echo
		if first.parse(b) != nil {
			return
		}
		if err := second.parse(first.packet(minSize)); err != nil || first != second {
			t.Fatalf("%x is %+v, and then %+v, %v", b, first, second, err)
		}
	})
}
