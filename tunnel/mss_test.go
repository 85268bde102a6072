package tunnel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
)

// segment is an IP packet with a TCP segment that has options.
func segment(v6 bool, flags byte, ipOptions int, options []byte) []byte {
	for len(options)%4 != 0 {
		options = append(options, optionEnd)
	}
	tcp := make([]byte, tcpHeaderLen)
	binary.BigEndian.PutUint16(tcp, 40000)
	binary.BigEndian.PutUint16(tcp[2:], 443)
	tcp[12], tcp[13] = byte((tcpHeaderLen+len(options))/4)<<4, flags
	tcp = append(append(tcp, options...), "data"...)
	var ip []byte
	if v6 {
		ip = make([]byte, ipv6HeaderLen)
		ip[0], ip[6], ip[7], ip[23], ip[39] = 0x60, protocolTCP, 64, 1, 2
		binary.BigEndian.PutUint16(ip[4:], uint16(len(tcp)))
	} else {
		ip = make([]byte, ipv4HeaderLen+ipOptions)
		ip[0], ip[8], ip[9], ip[15], ip[19] = 0x40|byte(len(ip)/4), 64, protocolTCP, 1, 2
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(tcp)))
	}
	packet := append(ip, tcp...)
	binary.BigEndian.PutUint16(packet[len(ip)+16:], checksumOf(packet, len(ip)))
	return packet
}

// checksumOf is the checksum of the TCP segment at an offset of a packet, computed in
// full (RFC 9293, section 3.1). With a right checksum in place it is 0.
func checksumOf(packet []byte, at int) uint16 {
	addresses := packet[12:20]
	if packet[0]>>4 == 6 {
		addresses = packet[8:40]
	}
	sum := uint32(protocolTCP) + uint32(len(packet)-at)
	for _, part := range [][]byte{addresses, packet[at:]} {
		for i, b := range part {
			sum += uint32(b) << (8 * (1 - i%2))
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func mss(n uint16) []byte { return binary.BigEndian.AppendUint16([]byte{optionMSS, 4}, n) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestClampMSS(t *testing.T) {
	nop, sack := []byte{optionNop}, []byte{4, 2}
	scale, stamps := []byte{3, 3, 7}, []byte{8, 10, 1, 2, 3, 4, 5, 6, 7, 8}
	for name, c := range map[string]struct {
		options func(uint16) []byte
	}{
		"alone":               {mss},
		"as Linux sends it":   {func(n uint16) []byte { return join(mss(n), sack, stamps, nop, scale) }},
		"last":                {func(n uint16) []byte { return join(stamps, sack, mss(n)) }},
		"at an odd offset":    {func(n uint16) []byte { return join(nop, mss(n), sack) }},
		"odd behind a length": {func(n uint16) []byte { return join(scale, mss(n)) }},
	} {
		for _, v6 := range []bool{false, true} {
			for _, ipOptions := range []int{0, 8} {
				t.Run(fmt.Sprintf("%s, IPv6 %v, %d", name, v6, ipOptions), func(t *testing.T) {
					header, want := ipv4HeaderLen+ipOptions, uint16(1400-40)
					if v6 {
						header, want = ipv6HeaderLen, 1400-60
					}
					for _, asked := range []uint16{0, 1, want - 1, want, want + 1, 1460, 8960, 0xfeff, 0xffff} {
						packet := segment(v6, flagSYN, ipOptions, c.options(asked))
						expected := segment(v6, flagSYN, ipOptions, c.options(min(asked, want)))
						clampMSS(packet, 1400)
						if sum := checksumOf(packet, header); sum != 0 {
							t.Errorf("MSS %d: the checksum is off by %#x", asked, sum)
						}
						clear(packet[header+16 : header+18]) // zero has two spellings
						clear(expected[header+16 : header+18])
						if !bytes.Equal(packet, expected) {
							t.Errorf("MSS %d became\n%x, want\n%x", asked, packet, expected)
						}
					}
				})
			}
		}
	}
}

// TestChecksumCarriesTwice: where the first carry makes another.
func TestChecksumCarriesTwice(t *testing.T) {
	sum := []byte{0, 0}
	adjustChecksum(sum, 0, 1, false)
	if want := []byte{0xff, 0xfe}; !bytes.Equal(sum, want) {
		t.Errorf("% x, want % x", sum, want)
	}
}

func TestClampLeavesAlone(t *testing.T) {
	syn := segment(false, flagSYN, 0, mss(1460))
	change := func(p []byte, f func(p []byte)) []byte {
		p = bytes.Clone(p)
		f(p)
		return p
	}
	for name, packet := range map[string][]byte{
		"no SYN":               segment(false, 0x10, 0, mss(1460)),
		"UDP":                  change(syn, func(p []byte) { p[9] = 17 }),
		"a later fragment":     change(syn, func(p []byte) { p[7] = 1 }),
		"UDP over IPv6":        change(segment(true, flagSYN, 0, mss(1460)), func(p []byte) { p[6] = 17 }),
		"no known version":     change(syn, func(p []byte) { p[0] = 0x55 }),
		"header too short":     change(syn, func(p []byte) { p[0] = 0x44 }),
		"header too long":      change(syn, func(p []byte) { p[0] = 0x4f }),
		"behind the end":       segment(false, flagSYN, 0, join([]byte{optionEnd, 0, 0, 0}, mss(1460))),
		"option of no length":  segment(false, flagSYN, 0, join([]byte{8, 0}, mss(1460))),
		"option past the end":  segment(false, flagSYN, 0, join([]byte{8, 40}, mss(1460))),
		"MSS of another size":  segment(false, flagSYN, 0, []byte{optionMSS, 3, 0xff}),
		"no options":           segment(false, flagSYN, 0, nil),
		"data that looks like": change(segment(false, flagSYN, 0, nil), func(p []byte) { copy(p[40:], mss(1460)) }),
	} {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(packet)
			clampMSS(packet, 1000)
			if !bytes.Equal(packet, before) {
				t.Errorf("%x became\n%x", before, packet)
			}
		})
	}
	for _, maxInner := range []int{0, 30, 40} {
		packet := bytes.Clone(syn)
		clampMSS(packet, maxInner)
		if !bytes.Equal(packet, syn) {
			t.Errorf("limit %d changed the packet", maxInner)
		}
	}
}

func TestClampTruncated(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		whole := segment(v6, flagSYN, 0, join([]byte{optionNop}, mss(1460)))
		for n := range len(whole) {
			packet := bytes.Clone(whole[:n])
			clampMSS(packet[:n:n], 1000)
		}
	}
}

func FuzzClampMSS(f *testing.F) {
	f.Add(segment(false, flagSYN, 0, mss(1460)), 1000)
	f.Add(segment(true, flagSYN, 0, join([]byte{optionNop}, mss(1460))), 1300)
	f.Add(segment(false, flagSYN, 8, join([]byte{3, 3, 7}, mss(9000))), 576)
	f.Fuzz(func(t *testing.T, packet []byte, maxInner int) {
		before := bytes.Clone(packet)
		header := 0
		if len(packet) >= ipv6HeaderLen && packet[0]>>4 == 6 {
			header = ipv6HeaderLen
		} else if len(packet) >= ipv4HeaderLen && packet[0]>>4 == 4 {
			header = int(packet[0]&15) * 4
		}
		clampMSS(packet, maxInner)
		if bytes.Equal(before, packet) {
			return
		}
		if was, is := checksumOf(before, header), checksumOf(packet, header); was%0xffff != is%0xffff {
			t.Errorf("limit %d: the checksum was off by %#x and is off by %#x\n%x\n%x", maxInner, was, is, before, packet)
		}
	})
}

func TestAddresses(t *testing.T) {
	v4, v6 := segment(false, 0, 0, nil), segment(true, 0, 0, nil)
	for name, c := range map[string]struct {
		packet   []byte
		src, dst string
	}{
		"IPv4":           {v4, "0.0.0.1", "0.0.0.2"},
		"IPv6":           {v6, "::1", "::2"},
		"IPv4 alone":     {v4[:20], "0.0.0.1", "0.0.0.2"},
		"IPv6 alone":     {v6[:40], "::1", "::2"},
		"IPv4 too short": {v4[:19], "", ""},
		"IPv6 too short": {v6[:39], "", ""},
		"version 5":      {append([]byte{0x55}, v4[1:]...), "", ""},
		"nothing":        {nil, "", ""},
	} {
		src, dst, ok := Addresses(c.packet)
		if ok != (c.src != "") || ok && (src != netip.MustParseAddr(c.src) || dst != netip.MustParseAddr(c.dst)) {
			t.Errorf("%s: %v, %v, %v", name, src, dst, ok)
		}
	}
}

func FuzzAddresses(f *testing.F) {
	f.Add(segment(false, 0, 0, nil))
	f.Add(segment(true, 0, 0, nil))
	f.Fuzz(func(t *testing.T, packet []byte) {
		src, dst, ok := Addresses(packet)
		if ok != src.IsValid() || ok != dst.IsValid() || ok && src.Is4() != (packet[0]>>4 == 4) {
			t.Errorf("%v, %v, %v of %x", src, dst, ok, packet)
		}
	})
}
