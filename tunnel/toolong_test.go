package tunnel

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"culvert/internal/buf"
	"culvert/internal/checksum"
	"culvert/link"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/operate/manage/packettest"
)

// narrowLink is a link whose path carries IP packets of mtu bytes, as its
// system knows.
type narrowLink struct {
	link.Link
	mtu   int
	asked int
}

func (l *narrowLink) PathMTU(netip.AddrPort) (int, bool) {
	l.asked++
	return l.mtu, l.mtu > 0
}

func (l *narrowLink) WriteBatch(batch []*buf.Packet) (n int, err error) {
	var failures buf.Failures
	for _, p := range batch {
		if p.Len()+link.DatagramOverhead(false) > l.mtu {
			failures.Add(fmt.Errorf("narrow: %w", syscall.EMSGSIZE), 1)
			continue
		}
		sent, err := l.Link.WriteBatch([]*buf.Packet{p})
		n += sent
		if err != nil {
			failures.Add(err, 1)
		}
	}
	return n, failures.Err()
}

// narrowed is two roads, of which near's path carries 1,300 bytes and knows it.
// inner is what that leaves for packets inside.
func narrowed(t *testing.T) (near, far *half, l *narrowLink, inner int) {
	t.Helper()
	near, far, _ = roads(t)
	l = &narrowLink{Link: near.link, mtu: 1300}
	near.peer.link = l
	near.peer.MaxInner.Store(1400)
	near.OnPath = func(p *Peer, mtu, most int) { inner = most }
	near.nic.Inject(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400))
	if got := drain(far); len(got) > 0 || inner == 0 {
		t.Fatalf("%d packets arrived of the first, which finds out; %d bytes fit inside", len(got), inner)
	}
	return near, far, l, inner
}

// fragmentable lets routers cut an IPv4 packet, or forbids it.
func fragmentable(packet []byte, allowed bool) []byte {
	packet[6] = 0
	if !allowed {
		packet[6] = dontFragment >> 8
	}
	packet[10], packet[11] = 0, 0
	sum := ^checksum.Sum(packet[:20])
	packet[10], packet[11] = byte(sum>>8), byte(sum)
	return packet
}

func TestFragmentsOnANarrowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _, inner := narrowed(t)
		packet := fragmentable(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400), true)
		for i := range packet[28:] {
			packet[28+i] = byte(i * 7)
		}
		near.nic.Inject(packet)
		pieces := drain(far)
		if len(pieces) != 2 {
			t.Fatalf("%d pieces", len(pieces))
		}
		var payload []byte
		for i, b := range pieces {
			var ip layers.IPv4
			if err := ip.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
				t.Fatal(err)
			}
			if len(b) > inner || int(ip.FragOffset)*8 != len(payload) || ip.Flags&layers.IPv4MoreFragments != 0 != (i == 0) || ^checksum.Sum(b[:20]) != 0 {
				t.Errorf("piece %d: %d bytes, %+v", i, len(b), ip)
			}
			payload = append(payload, ip.Payload...)
		}
		if !bytes.Equal(payload, packet[20:]) {
			t.Error("the pieces are not the packet")
		}
	})
}

func TestFragmentsOfFragmentsAndOptions(t *testing.T) {
	options := []byte{0x07, 3, 4, optionNop, 0x94, 4, 0, 0} // record route, which is not copied; router alert, which is
	packet := slices.Concat(make([]byte, 20), options, bytes.Repeat([]byte{9}, 1448))
	packet[0], packet[9] = 0x47, 17
	packet[6], packet[7] = moreFragments>>8, 100 // itself in the middle, at 800
	synctest.Test(t, func(t *testing.T) {
		near, far, _, _ := narrowed(t)
		near.nic.Inject(packet)
		pieces := drain(far)
		if len(pieces) != 2 {
			t.Fatalf("%d pieces", len(pieces))
		}
		first := (len(pieces[0]) - 28) / 8
		if want := []byte{moreFragments >> 8, 100}; !bytes.Equal(pieces[0][6:8], want) || !bytes.Equal(pieces[0][20:28], options) {
			t.Errorf("first: % x", pieces[0][:28])
		}
		want := []byte{1, 1, 1, 1, 0x94, 4, 0, 0}
		at := 100 + first
		if b := pieces[1]; b[6] != moreFragments>>8|byte(at>>8) || b[7] != byte(at) || !bytes.Equal(b[20:28], want) || ^checksum.Sum(b[:28]) != 0 {
			t.Errorf("second: % x, at %d", b[:28], at)
		}
	})
}

// A sender that forbids cutting is told how much passes, in the name of the
// destination.
func TestSenderIsToldOfANarrowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _, inner := narrowed(t)
		near.nic.Inject(fragmentable(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400), false))
		if n := len(drain(far)); n > 0 {
			t.Errorf("%d packets arrived", n)
		}
		answers := near.nic.Drain()
		if len(answers) != 1 {
			t.Fatalf("%d answers", len(answers))
		}
		p := gopacket.NewPacket(answers[0], layers.LayerTypeIPv4, gopacket.Default)
		ip, icmp := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4), p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if ip.SrcIP.String() != "10.8.0.1" || ip.DstIP.String() != "10.8.0.2" ||
			icmp.TypeCode != layers.CreateICMPv4TypeCode(3, 4) || int(icmp.Seq) != inner ||
			^checksum.Sum(answers[0][:20]) != 0 || ^checksum.Sum(answers[0][20:]) != 0 {
			t.Errorf("%v %+v %+v", p, ip, icmp)
		}

		near.nic.Inject(packettest.UDP("[fd00:8::2]:1", "[fd00:8::1]:2", 1400))
		synctest.Wait()
		answers = near.nic.Drain()
		if len(answers) != 1 {
			t.Fatalf("IPv6: %d answers", len(answers))
		}
		p = gopacket.NewPacket(answers[0], layers.LayerTypeIPv6, gopacket.Default)
		ip6, icmp6 := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6), p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
		if ip6.SrcIP.String() != "fd00:8::1" || icmp6.TypeCode != layers.CreateICMPv6TypeCode(2, 0) || !bytes.Equal(icmp6.Payload[:4], []byte{0, 0, byte(inner >> 8), byte(inner)}) {
			t.Errorf("%v", p)
		}
		if err := icmp6.SetNetworkLayerForChecksum(ip6); err != nil {
			t.Fatal(err)
		}
		if err, mismatches := p.VerifyChecksums(); err != nil || len(mismatches) > 0 {
			t.Error(err, mismatches)
		}
	})
}

func TestTCPIsClampedToANarrowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _, inner := narrowed(t)
		near.nic.Inject(segment(false, flagSYN, 0, mss(1460)))
		got := drain(far)
		if len(got) != 1 || !bytes.Contains(got[0], mss(uint16(inner-40))) {
			t.Errorf("% x, want an MSS of %d", got, inner-40)
		}
	})
}

// In frames, TCP leaves room for their header: a full segment arrives.
func TestFramesAreClampedToANarrowPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roadsOf(t, nic.Ethernet)
		near.peer.link = &narrowLink{Link: near.link, mtu: 1300}
		near.peer.MaxInner.Store(1400)
		inner := 0
		near.OnPath = func(_ *Peer, _, most int) { inner = most }
		h := frame.Header{Type: frame.TypeIPv4}
		near.nic.Inject(framed(h, ipPacket(1400)))
		if got := drain(far); len(got) > 0 || inner == 0 {
			t.Fatalf("%d frames arrived of the first; %d bytes fit inside", len(got), inner)
		}
		near.nic.Inject(framed(h, segment(false, flagSYN, 0, mss(1460))))
		if got := drain(far); len(got) != 1 || !bytes.Contains(got[0], mss(uint16(inner-40))) {
			t.Errorf("% x, want an MSS of %d", got, inner-40)
		}
		near.nic.Inject(framed(h, ipPacket(inner)))
		if n := len(drain(far)); n != 1 {
			t.Errorf("%d of one full segment arrived", n)
		}
		near.nic.Inject(framed(h, ipPacket(inner+1)))
		if n := len(drain(far)); n != 0 {
			t.Errorf("%d arrived that are longer: the segments could be", n)
		}
	})
}

// If a path gets wider that is noticed, and a path of another kind is not limited.
func TestNarrowPathIsForgotten(t *testing.T) {
	large := fragmentable(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400), false)
	for name, widen := range map[string]func(near *half){
		"after a minute": func(*half) { time.Sleep(believeFor) },
		"float":          func(near *half) { near.peer.SetPath(near.peer.Path()) },
	} {
		synctest.Test(t, func(t *testing.T) {
			near, far, l, _ := narrowed(t)
			l.mtu = 1500
			near.nic.Inject(bytes.Clone(large))
			if n := len(drain(far)); n > 0 {
				t.Errorf("%s: it was not believed", name)
			}
			widen(near)
			near.nic.Inject(bytes.Clone(large))
			if n := len(drain(far)); n != 1 {
				t.Errorf("%s: %d packets arrived", name, n)
			}
		})
	}
}

// However many packets are too large, the system is asked seldom.
func TestSystemIsAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _, l, _ := narrowed(t)
		before := l.asked
		near.peer.width.inner.Store(0)
		for range 50 {
			near.nic.Inject(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400))
		}
		drain(near)
		if l.asked != before {
			t.Errorf("asked %d times more", l.asked-before)
		}
	})
}

// TestSystemIsAskedAfterTheClockWentBack: a clock that went back does not make an
// answer last longer.
func TestSystemIsAskedAfterTheClockWentBack(t *testing.T) {
	var w width
	now := time.Unix(1e9, 0)
	if !w.due(now, believeFor) || w.due(now.Add(time.Second), believeFor) {
		t.Fatal("asked at first, and then not for a while")
	}
	if !w.due(now.Add(-time.Hour), believeFor) || w.due(now.Add(-time.Hour), believeFor) {
		t.Error("not asked again, once, after the clock went back")
	}
}

// TestFragmentBeyondAllOffsets: such a fragment is not cut into pieces, since one
// could pose as the first of its packet.
func TestFragmentBeyondAllOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _, _ := narrowed(t)
		packet := packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400)
		packet[6], packet[7] = 0x1f, 0xff
		near.nic.Inject(packet)
		if got := drain(far); len(got) > 0 {
			t.Errorf("%d pieces: %x", len(got), got)
		}
	})
}

func TestTooBigIsNotAnswered(t *testing.T) {
	icmpError := packettest.Echo("10.8.0.2", "10.8.0.1", 1400)
	icmpError[20] = icmpUnreachable
	fragment := packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400)
	fragment[7] = 9
	icmp6Error := packettest.Echo("fd00::2", "fd00::1", 1400)
	icmp6Error[40] = icmpv6PacketTooBig
	for name, packet := range map[string][]byte{
		"an ICMP error": icmpError, "a later fragment": fragment, "an ICMPv6 error": icmp6Error,
		"multicast":  packettest.UDP("10.8.0.2:1", "224.0.0.9:2", 1400),
		"no address": packettest.UDP("0.0.0.0:1", "10.8.0.1:2", 1400),
		"multicast6": packettest.UDP("[fd00::2]:1", "[ff02::5]:2", 1400),
		"short":      {0x45},
	} {
		if tooBig(buf.New(2000), packet, 1200) {
			t.Error("answered:", name)
		}
	}
	bare, bare6 := bytes.Clone(icmpError[:20]), bytes.Clone(icmp6Error[:40]) // without the byte that distinguishes an error from a ping
	last6Error := bytes.Clone(icmp6Error)
	last6Error[40] = icmpv6Informational - 1
	for _, packet := range [][]byte{bare, bare6, last6Error} {
		if tooBig(buf.New(2000), packet, 1200) {
			t.Errorf("answered: % x", packet[:20])
		}
	}
	for _, packet := range [][]byte{packettest.Echo("10.8.0.2", "10.8.0.1", 1400), packettest.Echo("fd00::2", "fd00::1", 1400)} {
		if !tooBig(buf.New(2000), packet, 1200) {
			t.Errorf("not answered: % x", packet[:20])
		}
	}
}

// TestTooBigQuotes: the beginning of the packet, whatever the buffer had in it.
func TestTooBigQuotes(t *testing.T) {
	for _, size := range []int{100, 128, 129, 512, 513, 1400} {
		for most, packet := range map[int][]byte{
			quotedIPv4: packettest.UDP("10.8.0.2:1", "10.8.0.1:2", size), quotedIPv6: packettest.UDP("[fd00::2]:1", "[fd00::1]:2", size),
		} {
			clean, used := buf.New(2000), buf.New(2000)
			used.Set(bytes.Repeat([]byte{0xff}, 1900))
			tooBig(clean, packet, 1200)
			tooBig(used, packet, 1200)
			header := ipv4HeaderLen
			if most == quotedIPv6 {
				header = ipv6HeaderLen
			}
			if !bytes.Equal(clean.Bytes()[header+icmpHeaderLen:], packet[:min(len(packet), most)]) || !bytes.Equal(clean.Bytes(), used.Bytes()) {
				t.Errorf("%d bytes: % x, or % x", len(packet), clean.Bytes(), used.Bytes())
			}
		}
	}
}

// TestFragmentBounds: what is cut to no rest, what there is no room for, and
// what has no payload.
func TestFragmentBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		for _, c := range []struct {
			payload, size int // of the packet, and of the fragments
			want          []int
		}{
			{160, 20 + 80, []int{100, 100}}, {161, 20 + 80, []int{100, 100, 21}}, {16, 20 + 15, []int{28, 28}},
			{16, 20 + 8, []int{28, 28}}, {16, 20 + 7, nil}, {16, 20, nil}, {0, 28, nil},
		} {
			p := buf.New(2000)
			p.Set(ipPacket(20 + c.payload))
			out := sender{road: &near.Road, spares: buf.NewSpares(1800)}
			drop := near.sealFragments(time.Now(), near.peer, p, c.size, &out)
			out.end()
			var sizes []int
			for _, b := range drain(far) {
				sizes = append(sizes, len(b))
			}
			if !slices.Equal(sizes, c.want) || (drop == Malformed) != (c.want == nil) {
				t.Errorf("%d bytes cut to %d: %v, %v", 20+c.payload, c.size, sizes, drop)
			}
		}
	})
}

// TestBlankOptions: those that only the first fragment has are blanked, as far
// as the options can be read.
func TestBlankOptions(t *testing.T) {
	for options, want := range map[string]string{
		"": "", "\x07\x03\x04": "\x01\x01\x01", "\x07\x02": "\x01\x01", "\x01\x07\x02": "\x01\x01\x01", "\x94\x04\x00\x00": "\x94\x04\x00\x00",
		"\x94\x03\x00\x07\x02": "\x94\x03\x00\x01\x01", "\x00\x07\x02": "\x00\x07\x02",
		"\x07": "\x07", "\x07\x01": "\x07\x01", "\x07\x00": "\x07\x00", "\x07\x04\x00": "\x07\x04\x00",
	} {
		b := []byte(options)
		if blankOptions(b); string(b) != want {
			t.Errorf("% x became % x, want % x", options, b, want)
		}
	}
}

func TestInternetChecksum(t *testing.T) {
	for text, want := range map[string]uint16{"": 0xffff, "\x01": 0xfeff, "\x01\x02": 0xfefd, "\x01\x02\x03": 0xfbfd, "\x01\x02\x03\x04": 0xfbf9, "\xff\xff\x00\x01": 0xfffe} {
		if got := ^checksum.Sum([]byte(text)); got != want {
			t.Errorf("% x: %#x, want %#x", text, got, want)
		}
	}
}

func FuzzTooLong(f *testing.F) {
	f.Add(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400), uint16(1200))
	f.Add(packettest.UDP("[fd00::2]:1", "[fd00::1]:2", 1400), uint16(1200))
	f.Fuzz(func(t *testing.T, packet []byte, mtu uint16) {
		if len(packet) > 4000 {
			return
		}
		tooBig(buf.New(4000), packet, int(mtu))
		if len(packet) >= ipv4HeaderLen {
			header := int(packet[0]&0x0f) * 4
			if header >= ipv4HeaderLen && header < len(packet) {
				setFragment(bytes.Clone(packet), header, 8, true)
			}
		}
	})
}

// TestWidthBounds: what is asked of the system for packets that just fit and
// just do not, over IPv4 and IPv6.
func TestWidthBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, _, _ := roads(t)
		p, l := near.peer, &narrowLink{Link: near.link, mtu: 1300}
		p.link = l
		for _, c := range []struct {
			headers int
			remote  string
		}{{28, "192.0.2.9:1"}, {48, "[2001:db8::9]:1"}} {
			p.SetPath(buf.Path{Remote: netip.MustParseAddrPort(c.remote)})
			var told []int
			near.OnPath = func(_ *Peer, mtu, inner int) { told = append(told, mtu, inner) }
			for range 2 { // told of a change alone
				near.look(p)
			}
			if want := []int{1300, p.Data.Fit(1300 - c.headers)}; !slices.Equal(told, want) {
				t.Errorf("%s: told %v, want %v", c.remote, told, want)
			}
		}
		inner := int(p.width.inner.Load())
		l.asked = 0
		if near.tooNarrow(time.Now(), p, inner) || l.asked != 0 {
			t.Errorf("%d bytes do not fit, or the system was asked", inner)
		}
		l.mtu++ // room for a byte more
		p.width.asked.Store(0)
		if wide := p.Data.Fit(l.mtu - 48); wide != inner+1 {
			t.Fatalf("%d bytes fit", wide)
		}
		if near.tooNarrow(time.Now(), p, inner+1) || l.asked != 1 {
			t.Errorf("the path is not found to have widened; asked %d times", l.asked)
		}
		near.OnPath = func(_ *Peer, mtu, inner int) {
			if inner <= 0 {
				t.Errorf("a path of %d bytes carries %d inside", mtu, inner)
			}
		}
		for mtu := range 100 { // less than the headers take says nothing
			l.mtu = mtu
			p.width.inner.Store(1)
			near.look(p)
			if p.width.inner.Load() <= 0 {
				t.Fatalf("a path of %d bytes has no limit", mtu)
			}
		}
	})
}

// TestTooLongForNothing: a packet that was too long for a path that was forgotten meanwhile is
// dropped, and nobody is told of a size.
func TestTooLongForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		for _, packet := range [][]byte{
			packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400), packettest.UDP("[fd00::2]:1", "[fd00::1]:2", 1400),
			fragmentable(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1400), false),
		} {
			p := buf.New(2000)
			p.Set(packet)
			out := sender{road: &near.Road, spares: buf.NewSpares(1800)}
			drop := near.tooLong(time.Now(), near.peer, p, &out)
			out.end()
			if told, sent := near.nic.Drain(), drain(far); drop != TooLarge || len(told) > 0 || len(sent) > 0 {
				t.Errorf("%v, %d answers, %d sent", drop, len(told), len(sent))
			}
		}
	})
}
