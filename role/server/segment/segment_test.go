package segment

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/nic/bridge"
	"culvert/nic/frame"
	"culvert/tunnel"
)

var (
	start   = time.Unix(1e9, 0)
	adapter = frame.MAC{2, 0xff}
)

// station is the address of a client's host.
func station(n int) frame.MAC { return frame.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)} }

// bench is a segment with clients, at a time.
type bench struct {
	t *testing.T
	*Segment
	ports          []*Port
	now            time.Time
	moved, spoofed []string
	contested      []string
	out            *buf.Packet // the last frame, as the road left it
}

// newBench has a client for each VLAN.
func newBench(t *testing.T, o Options, vlans ...uint16) *bench {
	b := &bench{t: t, now: start}
	o.Moved = func(vlan uint16, mac frame.MAC, before, port *Port) {
		b.moved = append(b.moved, fmt.Sprintf("%v@%d %s→%s", mac, vlan, b.name(before), b.name(port)))
	}
	o.Spoofed = func(port *Port, mac frame.MAC) {
		b.spoofed = append(b.spoofed, fmt.Sprintf("%v by %s", mac, b.name(port)))
	}
	o.Contested = func(vlan uint16, mac frame.MAC, port, taker *Port) {
		b.contested = append(b.contested, fmt.Sprintf("%v@%d %s, not %s", mac, vlan, b.name(port), b.name(taker)))
	}
	b.Segment = New(o)
	b.SetMAC(adapter)
	for _, vlan := range vlans {
		b.ports = append(b.ports, b.Join(new(tunnel.Peer), vlan, 10, Own{}))
	}
	return b
}

func (b *bench) name(p *Port) string {
	if p == b.adapter {
		return "adapter"
	}
	return fmt.Sprint("client ", slices.Index(b.ports, p))
}

// header is a frame between two stations with an IP payload.
func header(dst, src frame.MAC) frame.Header {
	return frame.Header{Dst: dst, Src: src, Type: frame.TypeIPv4}
}

func tagged(h frame.Header, vlan uint16, priority uint8) frame.Header {
	h.Tagged, h.VLAN, h.Priority = true, vlan, priority
	return h
}

// from sends a frame, by a client or with -1 by the adapter, and says who got
// it or why nobody did.
func (b *bench) from(port int, h frame.Header) string {
	b.t.Helper()
	return b.raw(port, append(h.Append(nil), "payload"...))
}

func (b *bench) raw(port int, bytes []byte) string {
	b.t.Helper()
	var to tunnel.Receivers
	b.out = buf.New(200)
	b.out.Set(bytes)
	var drop tunnel.Drop
	if port < 0 {
		drop = b.FromAdapter(b.now, b.out, &to)
	} else {
		drop = b.FromClient(b.now, b.ports[port], b.out, &to)
	}
	if drop != tunnel.Kept {
		return drop.String()
	}
	got := ""
	for i, p := range b.ports {
		if slices.Contains(to.Peers, p.Peer) {
			got += fmt.Sprint(i, " ")
		}
	}
	if to.Adapter {
		got += "adapter"
		if to.Tag != 0 {
			got += fmt.Sprint(" tag ", to.Tag)
		}
	}
	return got
}

func (b *bench) expect(port int, h frame.Header, want string) {
	b.t.Helper()
	if got := b.from(port, h); got != want {
		b.t.Errorf("%v → %v by %d: %q, want %q", h.Src, h.Dst, port, got, want)
	}
}

func TestLearning(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true}, 1, 1, 1)
	lan := frame.MAC{2, 0xee}
	b.expect(0, header(frame.Broadcast, station(0)), "1 2 adapter")
	b.expect(0, header(station(1), station(0)), "1 2 adapter") // not known yet
	b.expect(1, header(station(0), station(1)), "0 ")
	b.expect(0, header(station(1), station(0)), "1 ")
	b.expect(0, header(station(0), station(0)), tunnel.Local.String())
	b.expect(0, header(adapter, station(0)), "adapter")
	b.expect(0, header(frame.MAC{0x33, 0x33, 0, 0, 0, 1}, station(0)), "1 2 adapter") // multicast
	b.expect(-1, header(station(0), adapter), "0 ")
	b.expect(-1, header(frame.Broadcast, adapter), "0 1 2 ")
	b.expect(-1, header(station(9), lan), "0 1 2 ") // unknown
	b.expect(0, header(lan, station(0)), "adapter") // known now
	b.expect(-1, header(lan, adapter), tunnel.Local.String())
	b.Leave(b.ports[1])
	b.expect(0, header(station(1), station(0)), "2 adapter")
	b.expect(-1, header(frame.Broadcast, adapter), "0 2 ")
	b.now = b.now.Add(bridge.DefaultAge + time.Second)
	b.expect(-1, header(station(0), adapter), "0 2 ")
	if b.moved != nil || b.spoofed != nil {
		t.Errorf("moved %v, spoofed %v", b.moved, b.spoofed)
	}
}

// TestUnknown: a frame from the adapter for a station that nobody has shown is
// for every client, and dropped where there is none. One from a client may be
// for a station of the adapter's LAN.
func TestUnknown(t *testing.T) {
	for _, clientToClient := range []bool{true, false} {
		b := newBench(t, Options{ClientToClient: clientToClient}, 1)
		b.expect(-1, header(station(7), adapter), "0 ")
		b.expect(0, header(station(7), station(0)), "adapter")
		b.Leave(b.ports[0])
		for range 10 {
			b.expect(-1, header(station(0), adapter), tunnel.UnknownMAC.String())
		}
		b.expect(-1, header(frame.Broadcast, adapter), tunnel.NoRoute.String())
	}
}

// TestApart: without client-to-client, what clients send goes to the adapter
// alone, as in OpenVPN.
func TestApart(t *testing.T) {
	b := newBench(t, Options{}, 1, 1)
	b.expect(1, header(frame.Broadcast, station(1)), "adapter")
	b.expect(0, header(frame.Broadcast, station(0)), "adapter")
	b.expect(0, header(station(1), station(0)), "adapter")
	b.expect(0, header(station(7), station(0)), "adapter")
	// A bridge that sends it back reaches the other client, and the source
	// stays where it is.
	b.expect(-1, header(station(1), station(0)), "1 ")
	b.expect(-1, header(frame.Broadcast, station(0)), "1 ")
	b.expect(-1, header(station(0), adapter), "0 ")
}

// TestSpoofedSources: the adapter's address is never a client's, and one in use
// behind another port is not either, until it falls silent there.
func TestSpoofedSources(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true}, 1, 1)
	bad := tunnel.SpoofedMAC.String()
	b.expect(0, header(frame.Broadcast, adapter), bad)
	b.expect(0, header(frame.Broadcast, station(0)), "1 adapter")
	b.expect(1, header(frame.Broadcast, station(0)), bad)
	b.expect(-1, header(station(0), adapter), "0 ")
	b.now = b.now.Add(bridge.DefaultHold)
	b.expect(1, header(frame.Broadcast, station(0)), "0 adapter")
	b.expect(-1, header(station(0), adapter), "1 ")
	want := []string{adapter.String() + " by client 0", station(0).String() + " by client 1"}
	if !slices.Equal(b.spoofed, want) {
		t.Errorf("spoofed %q", b.spoofed)
	}
	if want := []string{station(0).String() + "@0 client 0→client 1"}; !slices.Equal(b.moved, want) {
		t.Errorf("moved %q", b.moved)
	}
}

// TestStorm: one client's flood ends at its limit, known stations and other
// clients are none the worse.
func TestStorm(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true}, 1, 1, 1)
	b.expect(1, header(frame.Broadcast, station(1)), "0 2 adapter")
	passed := 0
	for range 10 * bridge.DefaultFlood {
		if b.from(0, header(frame.Broadcast, station(0))) != tunnel.Storm.String() {
			passed++
		}
	}
	if passed == 0 || passed > bridge.DefaultFlood {
		t.Errorf("%d frames passed at once", passed)
	}
	b.expect(0, header(station(1), station(0)), "1 ")
	b.expect(0, header(station(7), station(0)), "adapter") // unknown, without copies
	b.expect(1, header(frame.Broadcast, station(1)), "0 2 adapter")
	b.expect(-1, header(frame.Broadcast, adapter), "0 1 2 ")
	b.now = b.now.Add(time.Second)
	b.expect(0, header(frame.Broadcast, station(0)), "1 2 adapter")
}

// TestAddressFlood: a client that shows more addresses than it may forgets its
// own.
func TestAddressFlood(t *testing.T) {
	b := newBench(t, Options{}, 1, 1)
	b.expect(1, header(frame.Broadcast, station(1)), "adapter")
	for n := range 1000 {
		b.from(0, header(adapter, station(100+n)))
	}
	b.expect(-1, header(station(1), adapter), "1 ")
	b.expect(-1, header(station(1099), adapter), "0 ")
	count := 0
	b.Stations(b.now, func(uint16, frame.MAC, *Port, time.Time) bool {
		count++
		return true
	})
	if count != 1+10 {
		t.Errorf("%d stations", count)
	}
}

func TestMalformed(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true}, 1, 1)
	for name, bytes := range map[string][]byte{
		"nothing":         nil,
		"runt":            make([]byte, 13),
		"no source":       header(station(1), frame.MAC{}).Append(nil),
		"group as source": header(station(1), frame.MAC{3}).Append(nil),
		"no destination":  header(frame.MAC{}, station(0)).Append(nil),
		"half a tag":      tagged(header(station(1), station(0)), 1, 0).Append(nil)[:15],
	} {
		for _, port := range []int{0, -1} {
			if got := b.raw(port, bytes); got != tunnel.Malformed.String() {
				t.Errorf("%s by %d: %q", name, port, got)
			}
		}
	}
}

func TestVLANs(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true, VLANs: VLANs{Tagging: true, PVID: 1}}, 10, 20, 10, 1)
	broadcast := header(frame.Broadcast, station(0))
	b.expect(0, broadcast, "2 adapter tag 10")
	b.expect(1, header(frame.Broadcast, station(0)), "adapter tag 20") // the same address in another VLAN
	b.expect(3, header(frame.Broadcast, station(3)), "adapter")        // the adapter's own VLAN
	b.expect(2, header(station(0), station(2)), "0 ")
	b.expect(3, header(station(0), station(3)), "adapter")
	b.expect(-1, header(frame.Broadcast, adapter), "3 ")
	b.expect(-1, tagged(header(frame.Broadcast, adapter), 10, 3), "0 2 ")
	if h, _ := frame.Parse(b.out.Bytes()); h.Tagged {
		t.Error("a client gets a tag")
	}
	b.expect(-1, tagged(header(station(0), adapter), 20, 0), "1 ")
	b.expect(-1, tagged(header(frame.Broadcast, adapter), 0, 5), "3 ") // a priority alone
	b.expect(-1, tagged(header(frame.Broadcast, adapter), 30, 0), tunnel.NoRoute.String())
	// Clients are in untagged mode; a priority is taken off.
	b.expect(0, tagged(broadcast, 20, 0), tunnel.WrongVLAN.String())
	b.expect(0, tagged(broadcast, 10, 0), tunnel.WrongVLAN.String())
	b.expect(0, tagged(broadcast, 0, 7), "2 adapter tag 10")
	if h, _ := frame.Parse(b.out.Bytes()); h.Tagged {
		t.Error("a priority is left")
	}
	// Tags in tags could come out in a VLAN that is nobody's to send to.
	for _, inner := range []uint16{frame.TypeVLAN, frame.TypeQinQ} {
		h := tagged(broadcast, 0, 1)
		h.Type = inner
		b.expect(0, h, tunnel.Malformed.String())
		h.VLAN = 10
		b.expect(-1, h, tunnel.Malformed.String())
	}
	b.expect(-1, tagged(broadcast, frame.MaxVLAN, 0), tunnel.NoRoute.String())
	b.expect(-1, tagged(broadcast, frame.MaxVLAN+1, 0), tunnel.Malformed.String())
}

func TestVLANAccept(t *testing.T) {
	wrong := tunnel.WrongVLAN.String()
	for accept, want := range map[config.VLANAccept][3]string{
		// untagged by the adapter, tagged by it, and what its own VLAN's client sends it
		config.VLANAll:      {"0 ", "0 ", "adapter"},
		config.VLANUntagged: {"0 ", wrong, "adapter"},
		config.VLANTagged:   {wrong, "0 ", "adapter tag 7"},
	} {
		b := newBench(t, Options{VLANs: VLANs{Tagging: true, Accept: accept, PVID: 7}}, 7)
		b.expect(-1, header(frame.Broadcast, adapter), want[0])
		b.expect(-1, tagged(header(frame.Broadcast, adapter), 7, 0), want[1])
		b.expect(0, header(frame.Broadcast, station(0)), want[2])
	}
}

// TestTagsPassWithoutTagging: frames pass as they are.
func TestTagsPassWithoutTagging(t *testing.T) {
	b := newBench(t, Options{}, 10, 20)
	h := tagged(header(frame.Broadcast, station(0)), 55, 2)
	b.expect(0, h, "adapter")
	if got, _ := frame.Parse(b.out.Bytes()); !got.Tagged || got.VLAN != 55 {
		t.Errorf("came out as %+v", got)
	}
	b.expect(-1, tagged(header(frame.Broadcast, adapter), 55, 2), "0 1 ")
}

// TestLeftUnderWay: a frame that was on its way when its client left is not
// remembered.
func TestLeftUnderWay(t *testing.T) {
	b := newBench(t, Options{}, 1, 1)
	b.Leave(b.ports[0])
	b.Leave(nil)
	b.expect(0, header(frame.Broadcast, station(0)), "adapter")
	b.expect(1, header(frame.Broadcast, station(0)), "adapter")
	if b.spoofed != nil {
		t.Errorf("spoofed %v", b.spoofed)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	b := newBench(t, Options{ClientToClient: true}, 1, 1, 1)
	var to tunnel.Receivers
	p := buf.New(200)
	broadcast, unicast := header(frame.Broadcast, station(1)).Append(nil), header(station(1), station(0)).Append(nil)
	send := func(port int, bytes []byte) {
		to.Peers, to.Adapter = to.Peers[:0], false
		p.Set(bytes)
		b.FromClient(b.now, b.ports[port], p, &to)
	}
	if n := testing.AllocsPerRun(100, func() {
		send(1, broadcast)
		send(0, unicast)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(to.Peers) != 1 || to.Adapter {
		t.Errorf("the last frame went to %d clients, the adapter %v", len(to.Peers), to.Adapter)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(header(frame.Broadcast, station(0)).Append(nil), true)
	f.Add(tagged(header(station(1), station(0)), 10, 1).Append(nil), false)
	f.Add(tagged(header(station(1), station(0)), 0, 1).Append(nil), true)
	f.Fuzz(func(t *testing.T, bytes []byte, tagging bool) {
		bytes = bytes[:min(len(bytes), 200)]
		b := newBench(t, Options{ClientToClient: true, VLANs: VLANs{Tagging: tagging, PVID: 1}}, 1, 10)
		for _, port := range []int{-1, 0, 1} {
			got := b.raw(port, bytes)
			h, ok := frame.Parse(b.out.Bytes())
			if ok && tagging && h.Tagged && got[0] >= '0' && got[0] <= '9' {
				t.Errorf("a tagged frame for clients: %q of %x", got, bytes)
			}
		}
	})
}

// TestAdmission: a station's frames pass once it may be learned, and then nobody asks again
// until it is elsewhere; the adapter's stations are never asked about.
func TestAdmission(t *testing.T) {
	var asked []string
	admitted := false
	o := Options{ClientToClient: true, Admit: func(_ time.Time, _ uint16, mac frame.MAC, _ *Port, elsewhere bool) bool {
		asked = append(asked, fmt.Sprint(mac, elsewhere))
		return admitted
	}}
	b := newBench(t, o, 1, 1)
	send := func(port int, src frame.MAC) tunnel.Drop {
		p := buf.New(buf.DefaultSize)
		p.Set(append(append(slices.Clone(adapter[:]), src[:]...), 0x08, 0, 1, 2, 3, 4))
		return b.FromClient(b.now, b.ports[port], p, new(tunnel.Receivers))
	}
	if got := send(0, station(1)); got != tunnel.Unlearned {
		t.Errorf("before it is admitted: %v", got)
	}
	if _, known := b.table.Lookup(b.now, 0, station(1)); known {
		t.Error("learned all the same")
	}
	admitted = true
	for range 3 {
		if got := send(0, station(1)); got != tunnel.Kept {
			t.Errorf("admitted: %v", got)
		}
	}
	b.now = b.now.Add(time.Hour)
	if got := send(1, station(1)); got != tunnel.Kept {
		t.Errorf("at another client after a while: %v", got)
	}
	if len(asked) != 3 {
		t.Errorf("asked %q", asked)
	}
	if got := send(0, adapter); got != tunnel.SpoofedMAC || len(asked) != 3 {
		t.Errorf("the adapter's own: %v, asked %q", got, asked)
	}
}
