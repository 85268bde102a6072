package datagram

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"culvert/nic/frame"
)

// TestZeroChecksum: a checksum that comes out as 0 is none in IPv4, and 0xffff in
// IPv6, which has no datagrams without. Both are read.
func TestZeroChecksum(t *testing.T) {
	for _, c := range []struct {
		src, dst string
		at       int // of the checksum, in the packet
		want     uint16
	}{
		{"10.8.0.254:67", "10.8.0.2:68", 26, 0},
		{"[fe80::8]:547", "[fe80::2]:546", 46, 0xffff},
	} {
		d := Datagram{Src: netip.MustParseAddrPort(c.src), Dst: netip.MustParseAddrPort(c.dst), Payload: make([]byte, 4)}
		packet := func() []byte { return d.Append(nil, frame.MAC{2}, frame.MAC{4})[frame.HeaderLen:] }
		// The word that is the checksum without it makes the sum complete.
		copy(d.Payload, packet()[c.at:c.at+2])
		if got := binary.BigEndian.Uint16(packet()[c.at:]); got != c.want {
			t.Errorf("%s: checksum %04x, want %04x", c.src, got, c.want)
		}
		if got, ok := Parse(packet()); !ok || got.Src != d.Src {
			t.Errorf("%s: read %v, %v", c.src, got, ok)
		}
		d.Payload[3]++
		if got := binary.BigEndian.Uint16(packet()[c.at:]); got == 0 || got == 0xffff {
			t.Errorf("%s: checksum %04x of another payload", c.src, got)
		}
	}
}
