package tuntap

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// linkHeaders are what stands before IP in frames: nothing, one tag, two tags.
func linkHeaders(ipv6 bool) map[string][]byte {
	h := frame.Header{Dst: frame.MAC{2, 1}, Src: frame.MAC{2, 2}, Type: frame.TypeIPv4}
	if ipv6 {
		h.Type = frame.TypeIPv6
	}
	plain := h.Append(nil)
	h.Tagged, h.VLAN, h.Priority = true, 42, 5
	tagged := h.Append(nil)
	twice := append(bytes.Clone(tagged[:12]), 0x88, 0xa8, 0, 7)
	return map[string][]byte{"untagged": plain, "tagged": tagged, "tagged twice": append(twice, tagged[12:]...)}
}

// linkSeeds are the link headers, always in the same order.
func linkSeeds(ipv6 bool) (links [][]byte) {
	all := linkHeaders(ipv6)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		links = append(links, all[name])
	}
	return links
}

// framed puts a link header before each packet.
func framed(link []byte, packets [][]byte) (frames [][]byte) {
	for _, p := range packets {
		frames = append(frames, slices.Concat(link, p))
	}
	return frames
}

// framedSuper is a super-packet of an Ethernet device.
func framedSuper(link, super []byte) []byte {
	s := slices.Concat(super[:vnetHeaderLen], link, super[vnetHeaderLen:])
	binary.NativeEndian.PutUint16(s[6:], binary.NativeEndian.Uint16(s[6:])+uint16(len(link)))
	return s
}

func TestSplitFrames(t *testing.T) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		for name, link := range linkHeaders(h.ipv6) {
			for _, c := range []struct{ payload, segment int }{{3001, 1000}, {999, 333}, {65000, 1348}} {
				payload := bytesUpTo(c.payload)
				s := splitter{kind: nic.Ethernet}
				got := splitWith(t, &s, framedSuper(link, h.buildSuper(payload, c.segment)))
				want := framed(link, h.pieces(payload, c.segment))
				if !slices.EqualFunc(got, want, bytes.Equal) {
					t.Fatalf("%s, %d in %d:\n%x, want\n%x", name, c.payload, c.segment, got, want)
				}
			}
		}
	}
}

// TestSplitFramesRefuses: what is no IP cannot be cut, and a whole frame of any
// kind passes.
func TestSplitFramesRefuses(t *testing.T) {
	link := linkHeaders(false)["untagged"]
	super := framedSuper(link, tcp4().buildSuper(bytesUpTo(3000), 1000))
	arp := bytes.Clone(super)
	arp[vnetHeaderLen+13] = 6
	short := super[:vnetHeaderLen+10]
	other := bytes.Clone(super)
	other[vnetHeaderLen+12], other[vnetHeaderLen+13] = 0x86, 0xdd // IPv6 by its type, IPv4 inside
	other[1] = gsoTCP6
	for name, b := range map[string][]byte{"ARP": arp, "cut short": short, "IPv4 as IPv6": other} {
		s := splitter{kind: nic.Ethernet}
		if err := s.load(b); err == nil || s.left() {
			t.Errorf("%s: %v, left %v", name, err, s.left())
		}
	}
	whole := append(make([]byte, vnetHeaderLen), arp[vnetHeaderLen:]...)
	s := splitter{kind: nic.Ethernet}
	if got := splitWith(t, &s, whole); len(got) != 1 || !bytes.Equal(got[0], arp[vnetHeaderLen:]) {
		t.Errorf("a whole frame came back as %x", got)
	}
}

// TestMergeFrames: what is joined is what the kernel itself would give.
func TestMergeFrames(t *testing.T) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		for name, link := range linkHeaders(h.ipv6) {
			payload := bytesUpTo(2001)
			m := merger{kind: nic.Ethernet, tcp: true, udp: true}
			groups := m.merge(batchOf(framed(link, h.pieces(payload, 1000))...))
			if len(groups) != 1 {
				t.Fatalf("%s: %d groups", name, len(groups))
			}
			want := framedSuper(link, h.buildSuper(payload, 1000))
			headers := len(link) + h.transport() + tcpLen + len(h.tcpOpts)
			if h.udp {
				headers = len(link) + h.transport() + udpLen
			}
			binary.NativeEndian.PutUint16(want[2:], uint16(headers))
			if got := superOf(&m, &groups[0]); !bytes.Equal(got, want) {
				t.Errorf("%s:\n%x, want\n%x", name, got, want)
			}
		}
	}
}

// TestMergeKeepsLinksApart: frames of one flow join only when they are between
// the same stations, in the same VLAN.
func TestMergeKeepsLinksApart(t *testing.T) {
	links := linkHeaders(false)
	pieces := tcp4().pieces(bytesUpTo(3000), 1000)
	other := bytes.Clone(links["tagged"])
	other[15]++
	frames := slices.Concat(framed(links["tagged"], pieces[:1]), framed(other, pieces[1:2]), framed(links["untagged"], pieces[2:]))
	m := merger{kind: nic.Ethernet, tcp: true, udp: true}
	if groups := m.merge(batchOf(frames...)); len(groups) != 3 {
		t.Errorf("%d groups", len(groups))
	}
	padded := framed(links["untagged"], tcp4().pieces(bytesUpTo(2), 1))
	for i := range padded {
		padded[i] = append(padded[i], 0, 0)
	}
	if groups := m.merge(batchOf(padded...)); len(groups) != 2 {
		t.Errorf("%d groups of padded frames", len(groups))
	}
}

// TestMergeFramesRefused: a group the kernel does not take goes out frame by
// frame, as they were.
func TestMergeFramesRefused(t *testing.T) {
	frames := framed(linkHeaders(true)["tagged"], tcp6().pieces(bytesUpTo(2000), 1000))
	m := merger{kind: nic.Ethernet, tcp: true, udp: true}
	groups := m.merge(batchOf(frames...))
	m.seal(&groups[0])
	groups = m.refused(&groups[0], groups)
	if len(groups) != 2 {
		t.Fatalf("%d groups", len(groups))
	}
	for i := range groups {
		if got := superOf(&m, &groups[i])[vnetHeaderLen:]; !bytes.Equal(got, frames[i]) {
			t.Errorf("frame %d: %x, want %x", i, got, frames[i])
		}
	}
}

func FuzzSplitFrames(f *testing.F) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		for _, link := range linkSeeds(h.ipv6) {
			f.Add(framedSuper(link, h.buildSuper(bytesUpTo(200), 90)))
		}
	}
	p := buf.New(2000)
	f.Fuzz(func(t *testing.T, b []byte) {
		splitsWhatItHas(t, &splitter{kind: nic.Ethernet}, b, p)
	})
}

func FuzzMergeFrames(f *testing.F) {
	for _, h := range []header{tcp4(), tcp6(), udp4(), udp6()} {
		for _, link := range linkSeeds(h.ipv6) {
			var b []byte
			for _, p := range framed(link, h.pieces(bytesUpTo(40), 20)) {
				b = append(append(b, byte(len(p))), p...)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var frames [][]byte
		for len(b) > 0 && len(frames) < 200 {
			n := min(int(b[0]), len(b)-1)
			frames = append(frames, bytes.Clone(b[1:1+n]))
			b = b[1+n:]
		}
		m := merger{kind: nic.Ethernet, tcp: true, udp: true}
		seen := 0
		for _, g := range m.merge(batchOf(frames...)) {
			seen += g.count
			super := superOf(&m, &g)
			if g.count == 1 {
				if !bytes.Equal(super[vnetHeaderLen:], frames[g.first]) {
					t.Fatalf("frame %d changed", g.first)
				}
				continue
			}
			s := splitter{kind: nic.Ethernet}
			for i, got := range splitWith(t, &s, super) {
				link := len(got) - len(frame.IP(got))
				if !bytes.Equal(got[:link], frames[g.first][:link]) {
					t.Fatalf("piece %d has the link header %x", i, got[:link])
				}
			}
		}
		if seen != len(frames) {
			t.Errorf("%d frames in, %d out", len(frames), seen)
		}
	})
}
