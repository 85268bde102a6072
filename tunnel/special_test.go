package tunnel

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
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

// set has a half do something special from the next batch on. It lets one packet
// through first, since a batch is being waited for.
func (h *half) set(t *testing.T, s Special, other *half) {
	t.Helper()
	h.SetSpecial(s)
	for _, end := range []*half{h, other} {
		end.nic.Inject(packettest.UDP("10.99.0.1:1", "10.99.0.2:1", 1))
	}
	synctest.Wait()
	h.nic.Drain()
	other.nic.Drain()
}

// TestShaper measures that the rate holds, from the slowest to the fastest, and that
// nothing is lost that waits.
func TestShaper(t *testing.T) {
	for _, rate := range []int{100, 10_000, 1_000_000, 100_000_000} {
		synctest.Test(t, func(t *testing.T) {
			near, far, _ := roads(t)
			near.set(t, Special{Shaper: NewShaper(rate, time.Now())}, far)
			const packets, size = 40, 1000
			began := time.Now()
			before := near.peer.Counters.LinkOut.Load()
			for range packets {
				near.nic.Inject(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", size))
			}
			arrived := 0
			for arrived < packets && time.Since(began) < time.Hour {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
				arrived += len(far.nic.Drain())
			}
			took := time.Since(began)
			bytes := near.peer.Counters.LinkOut.Load() - before
			last := bytes / packets // the last one is not waited for
			want := time.Duration(bytes-last) * time.Second / time.Duration(rate)
			if arrived != packets || took < want-shaperSlack-time.Millisecond || took > want+want/50+25*time.Millisecond {
				t.Errorf("%d bytes/s: %d packets of %d bytes in %v, want %v", rate, arrived, bytes, took, want)
			}
		})
	}
}

// TestShaperDelaysNobodyElse: what comes from the peer passes while packets to it wait,
// and closing the adapter ends the wait.
func TestShaperDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		near.set(t, Special{Shaper: NewShaper(100, time.Now())}, far)
		for range 3 {
			near.nic.Inject(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 1000))
		}
		began := time.Now()
		for range 20 {
			far.nic.Inject(packettest.UDP("10.8.0.1:1", "10.8.0.2:2", 100))
		}
		if got := len(drain(near)); got != 20 || time.Since(began) > time.Second {
			t.Errorf("%d packets came in %v", got, time.Since(began))
		}
	})
}

// TestShaperDropsWhatItCannotHold: packets from one peer to another cannot wait.
func TestShaperDropsWhatItCannotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		far.role.forward = func(_ []byte, to *Receivers) Drop { to.Add(far.peer); return Kept }
		far.set(t, Special{Shaper: NewShaper(10_000, time.Now())}, near)
		for range 20 {
			near.nic.Inject(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 500))
		}
		back := len(drain(near))
		if dropped := far.Counters.Of(Shaped); back == 0 || back > 5 || back+int(dropped) != 20 {
			t.Errorf("%d came back, %d dropped", back, dropped)
		}
	})
}

var natRules = func() (n NAT) {
	n.Add(true, netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("10.64.0.0/16"))
	n.Add(false, netip.MustParsePrefix("10.70.0.0/16"), netip.MustParsePrefix("192.168.0.0/16"))
	n.Add(false, netip.MustParsePrefix("10.70.5.0/24"), netip.MustParsePrefix("172.16.0.0/24")) // the first fits
	n.Add(true, netip.MustParsePrefix("10.9.9.9/32"), netip.MustParsePrefix("10.3.2.1/32"))
	return n
}()

// icmpError is an answer to a packet.
func icmpError(src, dst string, quoted []byte) []byte {
	b := gopacket.NewSerializeBuffer()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: netip.MustParseAddr(src).AsSlice(), DstIP: netip.MustParseAddr(dst).AsSlice()}
	icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodePort)}
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ip, icmp, gopacket.Payload(quoted))
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

// sound reports whether all checksums of an IPv4 packet are right.
func sound(packet []byte) bool {
	header := int(packet[0]&15) * 4
	rest := packet[header:]
	if checksum.Sum(packet[:header]) != 0xffff {
		return false
	}
	switch packet[9] {
	case protocolICMP:
		return checksum.Sum(rest) == 0xffff
	case protocolUDP:
		if binary.BigEndian.Uint16(rest[6:]) == 0 {
			return true
		}
	}
	return checksum.Add(checksum.PseudoHeader(packet, packet[9]), uint16(len(rest)), checksum.Sum(rest)) == 0xffff
}

func TestNAT(t *testing.T) {
	quoted := packettest.UDP("10.70.5.1:53", "192.168.3.4:9", 30)
	translated := packettest.UDP("192.168.5.1:53", "10.64.3.4:9", 30)
	for name, c := range map[string]struct{ here, there []byte }{
		"source":       {packettest.UDP("192.168.3.4:9", "10.1.1.1:53", 30), packettest.UDP("10.64.3.4:9", "10.1.1.1:53", 30)},
		"both, in TCP": {packettest.TCP("192.168.3.4:9", "10.70.5.1:53", "S", 30), packettest.TCP("10.64.3.4:9", "192.168.5.1:53", "S", 30)},
		"ping":         {packettest.Echo("192.168.3.4", "10.70.255.1", 30), packettest.Echo("10.64.3.4", "192.168.255.1", 30)},
		"one host":     {packettest.UDP("10.9.9.9:9", "10.1.1.1:53", 31), packettest.UDP("10.3.2.1:9", "10.1.1.1:53", 31)},
		"neither":      {packettest.UDP("10.9.9.8:9", "10.1.1.1:53", 31), packettest.UDP("10.9.9.8:9", "10.1.1.1:53", 31)},
		"an error":     {icmpError("192.168.3.4", "10.70.5.1", quoted), icmpError("10.64.3.4", "192.168.5.1", translated)},
		"of IPv6":      {packettest.UDP("[fd00::1]:9", "[fd00::2]:53", 30), packettest.UDP("[fd00::1]:9", "[fd00::2]:53", 30)},
	} {
		there := bytes.Clone(c.here)
		natRules.translate(there, toPeer)
		if !bytes.Equal(there, c.there) {
			t.Errorf("%s: to the peer\n% x, want\n% x", name, there, c.there)
		}
		// What comes from the peer has its addresses the other way round.
		turned := bytes.Clone(c.here)
		swap(turned)
		from := bytes.Clone(c.there)
		swap(from)
		natRules.translate(from, fromPeer)
		if name != "an error" && !bytes.Equal(from, turned) {
			t.Errorf("%s: from the peer\n% x, want\n% x", name, from, turned)
		}
	}
}

// swap exchanges the addresses of an IPv4 packet, which changes no checksum.
func swap(packet []byte) {
	if packet[0]>>4 == 4 {
		var src [4]byte
		copy(src[:], packet[srcAt:])
		copy(packet[srcAt:], packet[dstAt:][:4])
		copy(packet[dstAt:], src[:])
	}
}

// TestNATKeepsChecksums tries many packets: there and back is the same, and sound.
func TestNATKeepsChecksums(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a := netip.AddrFrom4([4]byte{192, 168, byte(random.Int()), byte(random.Int())})
		b := netip.AddrFrom4([4]byte{10, 70, byte(random.Int()), byte(random.Int())})
		for _, packet := range [][]byte{
			packettest.UDP(a.String()+":1", b.String()+":2", random.IntN(40)),
			packettest.TCP(a.String()+":1", b.String()+":2", "A", random.IntN(40)),
			icmpError(a.String(), b.String(), packettest.UDP(b.String()+":2", a.String()+":1", random.IntN(40))),
		} {
			if !sound(packet) {
				t.Fatalf("the test's own packet: % x", packet)
			}
			p := bytes.Clone(packet)
			natRules.translate(p, toPeer)
			if bytes.Equal(p, packet) || !sound(p) || packet[9] == protocolICMP && checksum.Sum(p[28:48]) != 0xffff {
				t.Fatalf("% x became % x", packet, p)
			}
		}
	}
}

// TestNATLeavesFragments: a later fragment has no transport header to adjust.
func TestNATLeavesFragments(t *testing.T) {
	packet := packettest.LaterFragment("192.168.1.1", "10.70.0.1")
	rest := bytes.Clone(packet[20:])
	natRules.translate(packet, toPeer)
	if !bytes.Equal(packet[20:], rest) || checksum.Sum(packet[:20]) != 0xffff || packet[12] != 10 {
		t.Errorf("% x", packet)
	}
}

func TestNATOnTheRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		near.set(t, Special{NAT: natRules}, far)
		near.nic.Inject(packettest.UDP("192.168.3.4:9", "10.70.5.1:53", 30))
		far.nic.Inject(packettest.UDP("192.168.5.1:53", "10.64.3.4:9", 30))
		if got := drain(far); len(got) != 1 || !bytes.Equal(got[0], packettest.UDP("10.64.3.4:9", "192.168.5.1:53", 30)) {
			t.Errorf("there: % x", got)
		}
		if got := drain(near); len(got) != 1 || !bytes.Equal(got[0], packettest.UDP("10.70.5.1:53", "192.168.3.4:9", 30)) {
			t.Errorf("back: % x", got)
		}
	})
}

// FuzzNAT: whatever a packet holds, translating it neither panics nor changes its length.
func FuzzNAT(f *testing.F) {
	f.Add(packettest.UDP("192.168.3.4:9", "10.70.5.1:53", 30), true)
	f.Add(packettest.TCP("192.168.3.4:9", "10.70.5.1:53", "S", 0), false)
	f.Add(icmpError("192.168.3.4", "10.70.5.1", packettest.UDP("10.70.5.1:53", "192.168.3.4:9", 3)), true)
	f.Fuzz(func(t *testing.T, b []byte, out bool) {
		natRules.translate(b, natWay(out))
	})
}

var refusing = netip.MustParseAddr("fe80::7")

// checkRefusal checks an answer to an IPv6 packet: what OpenVPN 2.6 answers, but never
// more than 1,280 bytes.
func checkRefusal(t *testing.T, answer, to []byte) {
	t.Helper()
	if len(answer) < 48 || len(answer) > 1280 {
		t.Fatalf("%d bytes", len(answer))
	}
	want := []byte{1, 0}
	src := refusing.As16()
	sum := checksum.Add(checksum.PseudoHeader(answer, protocolICMPv6), uint16(len(answer)-40), checksum.Sum(answer[40:]))
	if answer[6] != protocolICMPv6 || answer[7] != to[7] || !bytes.Equal(answer[:4], to[:4]) || !bytes.Equal(answer[8:24], src[:]) || !bytes.Equal(answer[24:40], to[8:24]) ||
		!bytes.Equal(answer[40:42], want) || sum != 0xffff || !bytes.HasPrefix(to, answer[48:]) || len(answer) < min(1280, len(to)+48) {
		t.Errorf("% x", answer)
	}
}

func TestIPv6IsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		near.set(t, Special{NoIPv6: refusing}, far)
		for _, size := range []int{10, 1400} {
			packet := packettest.UDP("[fd00::2]:1", "[2001:db8::1]:2", size)
			near.nic.Inject(packet)
			if got := drain(near); len(got) != 1 {
				t.Fatalf("%d answers", len(got))
			} else {
				checkRefusal(t, got[0], packet)
			}
		}
		for _, silent := range [][]byte{
			packettest.UDP("[fd00::2]:1", "[ff02::1]:2", 10), packettest.UDP("[::]:1", "[fd00::1]:2", 10),
			append([]byte{0x60, 0, 0, 0, 0, 8, 58, 64}, make([]byte, 40)...), // an ICMPv6 error
		} {
			near.nic.Inject(silent)
			if got := drain(near); len(got) != 0 {
				t.Errorf("% x is answered", silent)
			}
		}
		near.nic.Inject(packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 10))
		far.nic.Inject(packettest.UDP("[fd00::1]:1", "[fd00::2]:2", 10))
		if there, back := len(drain(far)), len(drain(near)); there != 1 || back != 1 || near.Counters.Of(Refused) != 5 {
			t.Errorf("%d and %d packets passed, %d refused", there, back, near.Counters.Of(Refused))
		}
	})
}

// TestPeersIPv6IsRefused: a server answers its clients, wherever their packets go.
func TestPeersIPv6IsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		far.set(t, Special{NoIPv6: refusing, FromPeers: true}, near)
		packet := packettest.UDP("[fd00::2]:1", "[2001:db8::1]:2", 100)
		near.nic.Inject(packet)
		synctest.Wait()
		if got := far.nic.Drain(); len(got) != 0 {
			t.Errorf("%d got through", len(got))
		}
		if got := drain(near); len(got) != 1 {
			t.Errorf("%d answers", len(got))
		} else {
			checkRefusal(t, got[0], packet)
		}
		far.nic.Inject(packet)
		if got := drain(near); len(got) != 1 {
			t.Errorf("%d packets of the server itself arrived", len(got))
		}
	})
}

func TestIPv6IsRefusedOnEthernet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roadsOf(t, nic.Ethernet)
		near.SetSpecial(Special{NoIPv6: refusing})
		near.nic.Inject(packettest.Frame("02:00:00:00:00:01", "02:00:00:00:00:02", 0, packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 10)))
		drain(far)
		packet := packettest.UDP("[fd00::2]:1", "[2001:db8::1]:2", 100)
		asked := packettest.Frame("02:00:00:00:00:01", "02:00:00:00:00:02", 7, packet)
		near.nic.Inject(asked)
		got := drain(near)
		if len(got) != 1 {
			t.Fatalf("%d answers", len(got))
		}
		was, _ := frame.Parse(asked)
		is, _ := frame.Parse(got[0])
		if is.Src != was.Dst || is.Dst != was.Src || is.VLAN != 7 {
			t.Errorf("%+v", is)
		}
		checkRefusal(t, frame.IP(got[0]), packet)
	})
}

// classLink notes the classes of what is written.
type classLink struct {
	link.Link
	classes []uint8
}

func (l *classLink) WriteBatch(batch []*buf.Packet) (int, error) {
	for _, p := range batch {
		l.classes = append(l.classes, p.Class)
	}
	return len(batch), nil
}

func TestClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far, _ := roads(t)
		near.set(t, Special{Class: true}, far)
		l := &classLink{Link: near.link}
		near.peer.link = l
		ipv4, ipv6 := packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 10), packettest.UDP("[fd00::1]:1", "[fd00::2]:2", 10)
		ipv4[1] = 0xb9 // EF, and ECN's ECT(1)
		ipv6[0], ipv6[1] = 0x68, 0x90
		for _, p := range [][]byte{ipv4, packettest.UDP("10.8.0.2:1", "10.8.0.1:2", 10), ipv6} {
			near.nic.Inject(p)
		}
		drain(far)
		if want := []uint8{0xb8, 0, 0x88}; !bytes.Equal(l.classes, want) {
			t.Errorf("% x, want % x", l.classes, want)
		}
		near.SetSpecial(Special{})
		l.classes = nil
		near.nic.Inject(ipv4)
		drain(far)
		near.nic.Inject(ipv4)
		drain(far)
		if last := l.classes[len(l.classes)-1]; last != 0 {
			t.Errorf("%#x when it is off", last)
		}
	})
}

// TestSpecialDoesNotAllocate for a packet that is translated, marked and shaped.
func TestSpecialDoesNotAllocate(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *direction{"outbound": outbound, "inbound": inbound} {
		t.Run(name, func(t *testing.T) {
			d, in := make(t), name == "inbound"
			d.SetSpecial(Special{Shaper: NewShaper(math.MaxInt, time.Now()), NAT: natRules, Class: true, NoIPv6: refusing})
			d.run(t, 2, in)
			allocations := func(batches int) float64 {
				return testing.AllocsPerRun(10, func() { d.run(t, batches, in) })
			}
			if few, many := allocations(1), allocations(21); many != few {
				t.Errorf("%v allocations for one batch, %v for twenty more", few, many)
			}
		})
	}
}
