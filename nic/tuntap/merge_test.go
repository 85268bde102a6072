package tuntap

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"culvert/internal/checksum"
)

// writes are what a merger makes of packets: what each write would carry.
func writes(packets ...[]byte) (supers [][]byte, counts []int) {
	m := merger{tcp: true, udp: true}
	groups := m.merge(batchOf(packets...))
	for i := range groups {
		supers = append(supers, superOf(&m, &groups[i]))
		counts = append(counts, groups[i].count)
	}
	return supers, counts
}

// superOf is what the write of a group carries.
func superOf(m *merger, g *group) []byte {
	b := make([]byte, vnetHeaderLen)
	m.seal(g).put(b)
	skip := 0
	for i := g.first; i >= 0; i = m.after[i] {
		b = append(b, m.batch[i].Bytes()[skip:]...)
		skip = g.flow.link + g.flow.header
	}
	return b
}

// What is joined is, byte for byte, what the kernel itself would give.
func TestMerge(t *testing.T) {
	for name, h := range map[string]header{
		"TCP over IPv4": tcp4(), "TCP over IPv6": tcp6(), "UDP over IPv4": udp4(), "UDP over IPv6": udp6(),
		"pushed":       with(tcp4(), func(h *header) { h.flags |= flagPSH }),
		"IPv4 options": with(tcp4(), func(h *header) { h.ipOpts = []byte{1, 1, 1, 0} }),
		"fragile":      with(tcp4(), func(h *header) { h.fragile = true }),
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ payload, segment int }{{3000, 1000}, {2001, 1000}, {999, 333}, {3, 1}, {1500, 1400}} {
				payload := bytesUpTo(c.payload)
				supers, counts := writes(h.pieces(payload, c.segment)...)
				if len(supers) != 1 {
					t.Fatalf("groups %v", counts)
				}
				want := h.buildSuper(payload, c.segment)
				headers := h.transport() + tcpLen + len(h.tcpOpts)
				if h.udp {
					headers = h.transport() + udpLen
				}
				binary.NativeEndian.PutUint16(want[2:], uint16(headers))
				if !bytes.Equal(supers[0], want) {
					t.Errorf("%d in %d:\n%x, want\n%x", c.payload, c.segment, supers[0], want)
				}
			}
		})
	}
}

// A second packet stays apart if it differs in something that a super-packet cannot
// express.
func TestMergeKeepsApart(t *testing.T) {
	second := func(h header) header {
		h.seq += 100
		h.id++
		return h
	}
	payload := bytesUpTo(100)
	for name, change := range map[string]func(*header){
		"sequence":       func(h *header) { h.seq++ },
		"acknowledgment": func(h *header) { h.ack++ },
		"window":         func(h *header) { h.window++ },
		"TTL":            func(h *header) { h.ttl-- },
		"TOS":            func(h *header) { h.tos = 3 },
		"port":           func(h *header) { h.port++ },
		"fragile":        func(h *header) { h.fragile = true },
		"options":        func(h *header) { h.tcpOpts = append([]byte(nil), h.tcpOpts...); h.tcpOpts[11]++ },
		"no options":     func(h *header) { h.tcpOpts = nil },
		"FIN":            func(h *header) { h.flags |= flagFIN },
		"CWR":            func(h *header) { h.flags |= flagCWR },
		"ECE":            func(h *header) { h.flags |= 0x40 },
		"URG":            func(h *header) { h.flags |= 0x20 },
		"IPv6":           func(h *header) { h.ipv6 = true },
		"IPv4 options":   func(h *header) { h.ipOpts = []byte{1, 1, 1, 0} },
	} {
		a, b := tcp4(), with(second(tcp4()), change)
		if _, counts := writes(a.build(payload), b.build(payload)); !slices.Equal(counts, []int{1, 1}) {
			t.Errorf("%s: groups %v", name, counts)
		}
	}
	apart := func(name string, want []int, packets ...[]byte) {
		t.Helper()
		if _, counts := writes(packets...); !slices.Equal(counts, want) {
			t.Errorf("%s: groups %v, want %v", name, counts, want)
		}
	}
	first, next := tcp4().build(payload), second(tcp4()).build(payload)
	apart("sound", []int{2}, first, next)
	for i := range first {
		if i == 4 || i == 5 { // its sum is in the header's
			continue
		}
		broken := bytes.Clone(first)
		broken[i] ^= 1
		apart(fmt.Sprintf("first broken at %d", i), []int{1, 1}, broken, next)
		broken = bytes.Clone(next)
		broken[i] ^= 1
		apart(fmt.Sprintf("second broken at %d", i), []int{1, 1}, first, broken)
	}
	apart("longer", []int{1, 1}, first, second(tcp4()).build(bytesUpTo(101)))
	apart("padded", []int{1, 1}, first, append(bytes.Clone(next), 0))
	pushed := with(tcp4(), func(h *header) { h.flags |= flagPSH })
	apart("after a push", []int{1, 1}, pushed.build(payload), next)
	apart("after a shorter", []int{2, 1}, first, second(tcp4()).build(payload[:50]),
		with(second(tcp4()), func(h *header) { h.seq += 50; h.id++ }).build(payload[:50]))
	fragile := with(tcp4(), func(h *header) { h.fragile = true })
	apart("identification", []int{1, 1}, fragile.build(payload), with(fragile, func(h *header) { h.seq += 100; h.id += 2 }).build(payload))
	acknowledgment := second(tcp4()).build(nil)
	apart("around an acknowledgment", []int{1, 1, 1}, first, acknowledgment, next)
	fragment := with(udp4(), func(h *header) { h.id = 4 }).build(payload)
	fragment[6] = 0x20
	apart("around a fragment", []int{1, 1, 1}, first, fragment, next)
	u := udp4()
	apart("UDP without checksum", []int{1, 1}, zeroChecksum(u.build(payload)), zeroChecksum(with(u, func(h *header) { h.id++ }).build(payload)))
}

func zeroChecksum(b []byte) []byte {
	b[26], b[27] = 0, 0
	return b
}

func TestMergeLimits(t *testing.T) {
	if _, counts := writes(udp6().pieces(bytesUpTo(6500), 100)...); !slices.Equal(counts, []int{maxUDP, 1}) {
		t.Errorf("datagrams: %v", counts)
	}
	if _, counts := writes(tcp6().pieces(bytesUpTo(maxTCP+1), 1)...); !slices.Equal(counts, []int{maxTCP, 1}) {
		t.Errorf("small segments: %v", counts)
	}
	for _, h := range []header{tcp4(), tcp6()} {
		supers, counts := writes(append(h.pieces(bytesUpTo(60000), 1000), with(h, func(h *header) { h.seq += 60000; h.id += 60 }).pieces(bytesUpTo(10000), 1000)...)...)
		if len(counts) != 2 || counts[0] != 65 || len(supers[0]) > vnetHeaderLen+maxPacket {
			t.Errorf("segments: %v, %d bytes", counts, len(supers[0]))
		}
	}
}

// What the kernel refused goes as it came, with what is behind it, and no more
// of its protocol is joined.
func TestMergeRefused(t *testing.T) {
	segments := tcp4().pieces(bytesUpTo(300), 100)
	segments[2] = with(tcp4(), func(h *header) { h.flags |= flagPSH; h.seq += 200; h.id += 2 }).build(bytesUpTo(100))
	datagrams := udp6().pieces(bytesUpTo(300), 100)
	packets := slices.Concat(datagrams[:1], segments, datagrams)
	m := merger{tcp: true, udp: true}
	groups := m.merge(batchOf(packets...))
	m.seal(&groups[1])
	var got [][]byte
	for _, g := range m.refused(&groups[1], groups[1:]) {
		got = append(got, superOf(&m, &g)[vnetHeaderLen:])
	}
	equalPackets(t, got, segments)
	if g := m.merge(batchOf(packets...)); len(g) != 4 || g[0].count != 4 {
		t.Errorf("%d groups", len(g))
	}
	m.refused(&groups[0], nil)
	if g := m.merge(batchOf(packets...)); len(g) != len(packets) {
		t.Errorf("%d groups", len(g))
	}
}

// Flows mixed at random come out of merging and splitting as they went in,
// each in its order.
func TestSplitUndoesMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	joined := 0
	for range 200 {
		flows := randomFlows(r)
		var mixed [][]byte
		for left := slices.Clone(flows); len(left) > 0; {
			i := r.IntN(len(left))
			n := min(1+r.IntN(6), len(left[i]))
			mixed = append(mixed, left[i][:n]...)
			if left[i] = left[i][n:]; len(left[i]) == 0 {
				left = slices.Delete(left, i, i+1)
			}
		}
		var out [][]byte
		supers, _ := writes(mixed...)
		for _, s := range supers {
			out = append(out, splitAll(t, s)...)
		}
		joined += len(out) - len(supers)
		got := byPort(out)
		for _, f := range flows {
			equalPackets(t, got[string(port(f[0]))], f)
		}
		if len(out) != len(mixed) {
			t.Fatalf("%d packets became %d", len(mixed), len(out))
		}
	}
	if joined < 1000 {
		t.Errorf("only %d joined", joined)
	}
}

func randomFlows(r *rand.Rand) (flows [][][]byte) {
	for i := range 1 + r.IntN(6) {
		h := []header{tcp4(), tcp6(), udp4(), udp6()}[r.IntN(4)]
		h.port = uint16(1000 + i)
		h.id, h.seq, h.fragile = uint16(r.Uint32()), r.Uint32(), r.IntN(2) == 0
		var packets [][]byte
		for range 1 + r.IntN(4) {
			if h.flags = flagACK; r.IntN(3) == 0 {
				h.flags |= flagPSH | uint8(r.IntN(2)*flagFIN) | uint8(r.IntN(2)*flagCWR)
			}
			payload := bytesUpTo(r.IntN(4000))
			pieces := h.pieces(payload, 1+r.IntN(1400)+len(payload)/20)
			packets = append(packets, pieces...)
			h.seq += uint32(len(payload))
			h.id += uint16(len(pieces))
		}
		flows = append(flows, packets)
	}
	return flows
}

func port(b []byte) []byte {
	if b[0]>>4 == 4 {
		return b[ipv4Len : ipv4Len+2]
	}
	return b[ipv6Len : ipv6Len+2]
}

func byPort(packets [][]byte) map[string][][]byte {
	m := make(map[string][][]byte)
	for _, b := range packets {
		m[string(port(b))] = append(m[string(port(b))], b)
	}
	return m
}

// FuzzMerge reads packets, each behind a byte of its length and with its
// checksums mended if the length is odd, and wants what is joined to come
// apart into the same.
func FuzzMerge(f *testing.F) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		var b []byte
		for _, p := range h.pieces(bytesUpTo(99), 33) {
			b = append(b, byte(len(p)))
			b = append(b, p...)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var packets [][]byte
		for len(b) > 0 && len(packets) < 200 {
			n := min(int(b[0]), len(b)-1)
			packets = append(packets, mend(bytes.Clone(b[1:1+n]), b[0]%2 == 1))
			b = b[1+n:]
		}
		m := merger{tcp: true, udp: true}
		groups := m.merge(batchOf(packets...))
		seen := 0
		for i := range groups {
			g := &groups[i]
			seen += g.count
			super := superOf(&m, g)
			if g.count == 1 {
				continue
			}
			at := g.first
			for _, got := range splitAll(t, super) {
				if want := packets[at]; !bytes.Equal(plain(got), plain(want)) {
					t.Fatalf("packet %d:\n%x, want\n%x", at, got, want)
				}
				at = m.after[at]
			}
			if at != -1 {
				t.Fatalf("packet %d is lost", at)
			}
		}
		if seen != len(packets) {
			t.Errorf("%d packets in, %d out", len(packets), seen)
		}
	})
}

// mend makes a packet's checksums right, if it is one that could be joined.
func mend(b []byte, wanted bool) []byte {
	transport, protocol := parseIP(b)
	if !wanted || transport == 0 {
		return b
	}
	if b[0]>>4 == 4 {
		setIPv4Checksum(b[:transport])
	}
	at, least := transport+tcpChecksum, transport+tcpLen
	if protocol == protocolUDP {
		at, least = transport+udpChecksum, transport+udpLen
	}
	if len(b) >= least {
		b[at], b[at+1] = 0, 0
		c := ^checksum.Add(checksum.PseudoHeader(b, protocol), uint16(len(b)-transport), checksum.Sum(b[transport:]))
		b[at], b[at+1] = byte(c>>8), byte(c)
	}
	return b
}

// plain is a packet without what may change between sender and receiver: the
// identification of one that is no fragment, and which zero a checksum is.
func plain(b []byte) []byte {
	b = bytes.Clone(b)
	transport, protocol := parseIP(b)
	if b[0]>>4 == 4 {
		if b[6]&dontFrag != 0 {
			b[4], b[5] = 0, 0
		}
		b[10], b[11] = 0, 0
	}
	at := transport + tcpChecksum
	if protocol == protocolUDP {
		at = transport + udpChecksum
	}
	if b[at] == 0xff && b[at+1] == 0xff {
		b[at], b[at+1] = 0, 0
	}
	return b
}

func BenchmarkMerge(b *testing.B) {
	packets := tcp4().pieces(bytesUpTo(64000), 1348)
	packets = packets[:48]
	batch := batchOf(packets...)
	m := merger{tcp: true, udp: true}
	b.SetBytes(64000)
	b.ReportAllocs()
	for b.Loop() {
		batch[0].Set(packets[0])
		groups := m.merge(batch)
		if len(groups) > 2 {
			b.Fatal(len(groups))
		}
		for i := range groups {
			m.seal(&groups[i])
		}
	}
}
