package tuntap

import (
	"bytes"
	"errors"
	"testing"

	"culvert/internal/buf"
)

func with(h header, change func(*header)) header {
	change(&h)
	return h
}

func equalPackets(t *testing.T, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d packets, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("packet %d:\n%x, want\n%x", i, got[i], want[i])
		}
	}
}

func TestSplit(t *testing.T) {
	all := uint8(flagACK | flagPSH | flagFIN | flagCWR | 0x40)
	for name, h := range map[string]header{
		"TCP over IPv4":     tcp4(),
		"TCP over IPv6":     tcp6(),
		"UDP over IPv4":     udp4(),
		"UDP over IPv6":     udp6(),
		"no TCP options":    with(tcp4(), func(h *header) { h.tcpOpts = nil }),
		"IPv4 options":      with(tcp4(), func(h *header) { h.ipOpts = []byte{1, 1, 1, 0} }),
		"extension header":  with(tcp6(), func(h *header) { h.ipOpts = []byte{0, 0, 1, 4, 0, 0, 0, 0} }),
		"UDP, IPv4 options": with(udp4(), func(h *header) { h.ipOpts = []byte{1, 1, 1, 0} }),
		"every flag, IPv4":  with(tcp4(), func(h *header) { h.flags = all }),
		"every flag, IPv6":  with(tcp6(), func(h *header) { h.flags = all }),
		"ECN":               with(tcp4(), func(h *header) { h.tos = 3 }),
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ payload, segment int }{
				{3000, 1000}, {3001, 1000}, {999, 333}, {1000, 333}, {1, 1000}, {0, 1000}, {7, 1}, {65000, 1348}, {1000, 1000},
			} {
				payload := bytesUpTo(c.payload)
				equalPackets(t, splitAll(t, h.buildSuper(payload, c.segment)), h.pieces(payload, c.segment))
			}
		})
	}
}

// What is not to be cut passes, with its checksum complete if that is wanted.
func TestSplitWhole(t *testing.T) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		want := h.build([]byte("payload"))
		plain := append(make([]byte, vnetHeaderLen), want...)
		equalPackets(t, splitAll(t, plain), [][]byte{want})
		partial := h.buildSuper([]byte("payload"), 0)
		partial[1] = 0
		equalPackets(t, splitAll(t, partial), [][]byte{want})
	}
}

// The kernel need not leave a checksum to complete.
func TestSplitWithoutPartialChecksum(t *testing.T) {
	for _, h := range []header{tcp4(), tcp6(), udp4()} {
		super := h.buildSuper(bytesUpTo(2500), 1000)
		super[0], super[6], super[8] = 0, 0, 0
		equalPackets(t, splitAll(t, super), h.pieces(bytesUpTo(2500), 1000))
	}
}

// A UDP checksum that comes to zero is sent as its other form.
func TestSplitNoZeroChecksum(t *testing.T) {
	zero := func(h header) []byte {
		payload := []byte{0, 0}
		b := h.withoutChecksum(payload)
		c := ^slowSum(b[h.transport():], uint32(h.pseudo(b)))
		return []byte{byte(c >> 8), byte(c)}
	}
	for _, h := range []header{udp4(), udp6()} {
		super := h.buildSuper(zero(h), 2)
		packet := splitAll(t, super)[0]
		if at := h.transport() + udpChecksum; packet[at] != 0xff || packet[at+1] != 0xff {
			t.Errorf("checksum % x", packet[at:at+2])
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	change := func(h header, at int, value byte) []byte {
		b := h.buildSuper(bytesUpTo(100), 50)
		b[at] = value
		return b
	}
	// after puts a device's header before a packet, in the host's byte order.
	after := func(v vnetHeader, packet []byte) []byte {
		b := append(make([]byte, vnetHeaderLen), packet...)
		v.put(b)
		return b
	}
	tcp, tcpIPv6 := tcp4().buildSuper(bytesUpTo(100), 50), tcp6().buildSuper(bytesUpTo(100), 50)
	nothing, within, past := parseVnetHeader(tcp), parseVnetHeader(tcpIPv6), parseVnetHeader(tcpIPv6)
	nothing.segment, within.start, past.start = 0, 39, 0xff00
	for name, b := range map[string][]byte{
		"nothing":               nil,
		"half a header":         make([]byte, 9),
		"no packet":             after(vnetHeader{gso: gsoTCP4, segment: 9}, nil),
		"segments of nothing":   after(nothing, tcp[vnetHeaderLen:]),
		"fragments of UDP":      change(udp4(), 1, 3),
		"IPv6 as IPv4":          change(tcp6(), 1, gsoTCP4),
		"IPv4 as IPv6":          change(tcp4(), 1, gsoTCP6),
		"another version":       change(tcp4(), vnetHeaderLen, 0x55),
		"short IPv4 header":     change(tcp4(), vnetHeaderLen, 0x44),
		"short TCP header":      change(tcp4(), vnetHeaderLen+32, 0x40),
		"cut TCP header":        tcp4().buildSuper(nil, 50)[:vnetHeaderLen+50],
		"start within IPv6":     after(within, tcpIPv6[vnetHeaderLen:]),
		"start past the end":    after(past, tcpIPv6[vnetHeaderLen:]),
		"checksum past the end": after(vnetHeader{flags: flagChecksum, start: 20, offset: 16}, []byte{0x45, 0, 0, 0}),
	} {
		var s splitter
		if err := s.load(b); !errors.Is(err, errMalformed) || s.left() {
			t.Errorf("%s: %v, left %v", name, err, s.left())
		}
	}
}

func TestSplitOversize(t *testing.T) {
	var s splitter
	if err := s.load(tcp4().buildSuper(bytesUpTo(2500), 1000)); err != nil {
		t.Fatal(err)
	}
	p := buf.New(1000)
	for i, want := range []error{errOversize, errOversize, nil} {
		if err := s.packet(p); err != want {
			t.Errorf("segment %d: %v, want %v", i, err, want)
		}
	}
	if s.left() {
		t.Error("more left")
	}
}

func FuzzSplit(f *testing.F) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		f.Add(h.buildSuper(bytesUpTo(200), 90))
		f.Add(append(make([]byte, vnetHeaderLen), h.build([]byte("payload"))...))
	}
	p := buf.New(2000)
	f.Fuzz(func(t *testing.T, b []byte) {
		splitsWhatItHas(t, new(splitter), b, p)
	})
}

// splitsWhatItHas cuts any bytes up, which gives no more payload than they have.
func splitsWhatItHas(t *testing.T, s *splitter, b []byte, p *buf.Packet) {
	t.Helper()
	if s.load(b) != nil {
		return
	}
	total := 0
	for s.left() {
		if s.packet(p) == nil {
			total += p.Len() - len(s.header)
		}
	}
	if total > len(b) {
		t.Errorf("%d bytes of payload from %d", total, len(b))
	}
}

func BenchmarkSplit(b *testing.B) {
	super := tcp4().buildSuper(bytesUpTo(64000), 1348)
	p := buf.New(2000)
	var s splitter
	b.SetBytes(64000)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.load(super); err != nil {
			b.Fatal(err)
		}
		for s.left() {
			if err := s.packet(p); err != nil {
				b.Fatal(err)
			}
		}
		// As the kernel left it.
		super[vnetHeaderLen+36] = 1
	}
}
