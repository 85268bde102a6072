package tuntap

import (
	"bytes"
	"testing"
)

func TestMarkCongestion(t *testing.T) {
	v4, v6 := make([]byte, ipv4Len+8), make([]byte, ipv6Len+8)
	v4[0], v4[8], v4[9], v4[12] = 0x45, 64, protocolUDP, 10
	v6[0] = 6<<4 | 0x0f // traffic class and flow label around the field stay
	for class := range 256 {
		v4[1] = byte(class)
		setIPv4Checksum(v4[:ipv4Len])
		v6[1] = byte(class)
		can4, can6 := class&3 != 0, class>>4&3 != 0
		for _, c := range []struct {
			packet []byte
			can    bool
			set    byte
		}{{v4, can4, 3}, {v6, can6, 3 << 4}} {
			got, want := bytes.Clone(c.packet), bytes.Clone(c.packet)
			if marked := markCongestion(got); marked != c.can {
				t.Fatalf("class %#x: marked %v", class, marked)
			}
			if c.can {
				want[1] |= c.set
				if want[0]>>4 == 4 {
					setIPv4Checksum(want[:ipv4Len])
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("class %#x:\n%x, want\n%x", class, got, want)
			}
		}
	}
	for _, no := range [][]byte{nil, {0x45, 3}, {0x60, 0xff}, bytes.Repeat([]byte{0xff}, 60)} {
		if markCongestion(no) {
			t.Errorf("marked %x", no)
		}
	}
}
