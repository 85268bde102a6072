package ether

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/mdlayher/ndp"

	"culvert/internal/buf"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

var (
	host    = frame.MAC{2, 0, 0, 0, 0, 0x10}
	gateway = Gateway(host)
	own6    = netip.MustParseAddr("fd00:8::6")
	ll      = netip.MustParseAddr("fe80::10")
)

const mtu = 1500

// newFramer is the framer of the tests' host.
func newFramer() *framer {
	s := &framer{}
	s.macs.Store(&macs{adapter: host, gateway: gateway})
	s.mtu.Store(mtu)
	return s
}

// framed is a frame of the host to the gateway.
func framed(etherType uint16, payload ...[]byte) []byte {
	h := frame.Header{Dst: gateway, Src: host, Type: etherType}
	return append(h.Append(nil), bytes.Join(payload, nil)...)
}

// ip4 is a packet of a protocol; payload begins with its ports.
func ip4(protocol uint8, dst string, payload []byte) []byte {
	d := netip.MustParseAddr(dst).As4()
	b := binary.BigEndian.AppendUint16([]byte{0x45, 0}, uint16(20+len(payload)))
	b = append(b, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 8, 0, 6)
	return append(append(b, d[:]...), payload...)
}

func ip6(next uint8, dst string, payload ...[]byte) []byte {
	p := bytes.Join(payload, nil)
	d, src := netip.MustParseAddr(dst).As16(), own6.As16()
	b := binary.BigEndian.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(p)))
	b = append(append(b, next, 255), src[:]...)
	return append(append(b, d[:]...), p...)
}

func ports(from, to uint16) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, from), to)
	return append(b, 0, 8, 0, 0)
}

func with(b []byte, at int, to ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], to)
	return b
}

// pkt is a packet with headroom, as the tunnel has them.
func pkt(b []byte) *buf.Packet {
	p := buf.New(max(len(b), 2048))
	p.Set(b)
	return p
}

var (
	plain4 = ip4(17, "192.0.2.1", append(ports(5000, 53), "question"...))
	plain6 = ip6(17, "2001:db8::1", ports(5000, 53))
	// Extension headers of eight bytes, except the type of the next.
	empty     = []byte{1, 4, 0, 0, 0, 0}
	icmp      = func(kind byte) []byte { return []byte{kind, 0, 0, 0, 0, 0, 0, 0} }
	extension = func(next uint8) []byte { return append([]byte{next, 0}, empty...) }
)

func TestSort(t *testing.T) {
	from, tag := 6, []byte{0x81, 0, 0, 5, 8, 0}
	for name, c := range map[string]struct {
		frame []byte
		kind  kind
		why   Count
	}{
		"IPv4":                     {framed(frame.TypeIPv4, plain4), carried, 0},
		"IPv4, padded":             {framed(frame.TypeIPv4, plain4, make([]byte, 18)), carried, 0},
		"IPv4 to all":              {with(framed(frame.TypeIPv4, plain4), 0, frame.Broadcast[:]...), carried, 0},
		"IPv6":                     {framed(frame.TypeIPv6, plain6), carried, 0},
		"IPv6, padded":             {framed(frame.TypeIPv6, plain6, make([]byte, 3)), carried, 0},
		"empty":                    {nil, dropped, Runt},
		"a runt":                   {framed(frame.TypeIPv4)[:13], dropped, Runt},
		"a header alone":           {framed(frame.TypeIPv4), dropped, BadIP},
		"a jumbo":                  {framed(frame.TypeIPv4, make([]byte, mtu+1)), dropped, Jumbo},
		"a VLAN":                   {append(framed(0)[:12], append(tag, plain4...)...), dropped, Tagged},
		"a VLAN cut":               {append(framed(0)[:12], tag[:4]...), dropped, Runt},
		"two VLANs":                {framed(frame.TypeQinQ, tag), dropped, Tagged},
		"a spoofed MAC":            {with(framed(frame.TypeIPv4, plain4), from+5, 9), dropped, SpoofedMAC},
		"the gateway's MAC":        {with(framed(frame.TypeIPv4, plain4), from, gateway[:]...), dropped, SpoofedMAC},
		"a group's MAC":            {with(framed(frame.TypeIPv4, plain4), from, frame.Broadcast[:]...), dropped, SpoofedMAC},
		"to another MAC":           {with(framed(frame.TypeIPv4, plain4), 5, 9), dropped, ForeignMAC},
		"to its own MAC":           {with(framed(frame.TypeIPv4, plain4), 0, host[:]...), dropped, ForeignMAC},
		"LLDP":                     {framed(0x88cc, plain4), dropped, NotIP},
		"802.3":                    {framed(100, make([]byte, 100)), dropped, NotIP},
		"ARP":                      {framed(frame.TypeARP), askARP, 0},
		"IPv4 in IPv6's type":      {framed(frame.TypeIPv6, plain4, make([]byte, 40)), dropped, BadIP},
		"IPv6 in IPv4's type":      {framed(frame.TypeIPv4, plain6), dropped, BadIP},
		"IPv4, a short header":     {framed(frame.TypeIPv4, with(plain4, 0, 0x44)), dropped, BadIP},
		"IPv4, longer than that":   {framed(frame.TypeIPv4, with(plain4, 2, 1, 0)), dropped, BadIP},
		"IPv4, shorter than that":  {framed(frame.TypeIPv4, with(plain4, 2, 0, 19)), dropped, BadIP},
		"IPv6, cut":                {framed(frame.TypeIPv6, plain6[:39]), dropped, BadIP},
		"IPv6, longer than that":   {framed(frame.TypeIPv6, with(plain6, 4, 1, 0)), dropped, BadIP},
		"DHCP":                     {framed(frame.TypeIPv4, ip4(17, "255.255.255.255", ports(68, 67))), askDHCP4, 0},
		"DHCP, one server":         {framed(frame.TypeIPv4, ip4(17, "10.8.0.254", ports(68, 67))), askDHCP4, 0},
		"a DHCP server's":          {framed(frame.TypeIPv4, ip4(17, "10.8.0.254", ports(67, 68))), carried, 0},
		"TCP of those ports":       {framed(frame.TypeIPv4, ip4(6, "10.8.0.254", ports(68, 67))), carried, 0},
		"a later fragment":         {framed(frame.TypeIPv4, with(ip4(17, "10.8.0.254", ports(68, 67)), 6, 0, 9)), carried, 0},
		"UDP, cut":                 {framed(frame.TypeIPv4, ip4(17, "10.8.0.254", ports(68, 67)[:7])), carried, 0},
		"solicitation":             {framed(frame.TypeIPv6, ip6(58, "ff02::1", icmp(135))), askND, 0},
		"solicitation, extended":   {framed(frame.TypeIPv6, ip6(0, "ff02::1", extension(60), extension(58), icmp(135))), askND, 0},
		"redirect":                 {framed(frame.TypeIPv6, ip6(58, "ff02::1", icmp(137))), askND, 0},
		"ping":                     {framed(frame.TypeIPv6, ip6(58, "fd00:8::1", icmp(128))), carried, 0},
		"ICMPv6 without a message": {framed(frame.TypeIPv6, ip6(58, "fd00:8::1")), carried, 0},
		"listener report":          {framed(frame.TypeIPv6, ip6(0, "ff02::16", extension(58), icmp(143))), dropped, Unanswered},
		"DHCPv6":                   {framed(frame.TypeIPv6, ip6(17, "ff02::1:2", ports(546, 547))), askDHCP6, 0},
		"options not first":        {framed(frame.TypeIPv6, ip6(60, "ff02::1", extension(0), extension(58), icmp(135))), dropped, BadIP},
		"a chain too long":         {framed(frame.TypeIPv6, ip6(60, "ff02::1", []byte{58, 200}, empty)), dropped, BadIP},
		"a chain cut":              {framed(frame.TypeIPv6, ip6(60, "ff02::1", []byte{58, 0})), dropped, BadIP},
		"a chain to nothing":       {framed(frame.TypeIPv6, ip6(60, "ff02::1", extension(60))), dropped, BadIP},
		"authenticated":            {framed(frame.TypeIPv6, ip6(51, "fd00:8::1", []byte{58, 0}, empty, icmp(135))), askND, 0},
		"authentication cut":       {framed(frame.TypeIPv6, ip6(51, "fd00:8::1", []byte{58})), dropped, BadIP},
		"a first fragment":         {framed(frame.TypeIPv6, ip6(44, "ff02::1", []byte{58, 0, 0, 1, 0, 0, 0, 0}, icmp(135))), askND, 0},
		"another fragment":         {framed(frame.TypeIPv6, ip6(44, "ff02::1", []byte{58, 0, 0, 9, 0, 0, 0, 0}, icmp(135))), carried, 0},
		"no next header":           {framed(frame.TypeIPv6, ip6(59, "fd00:8::1")), carried, 0},
		"unknown next header":      {framed(frame.TypeIPv6, ip6(250, "fd00:8::1", empty)), carried, 0},
	} {
		p := pkt(c.frame)
		k, why := newFramer().sort(p)
		if k != c.kind || why != c.why {
			t.Errorf("%s: %v, %v; want %v, %v", name, k, why, c.kind, c.why)
		}
		if k == carried && !bytes.HasPrefix(c.frame[frame.HeaderLen:], p.Bytes()) {
			t.Errorf("%s: %x is not what was in the frame", name, p.Bytes())
		}
	}
}

// TestPaddingIsCut: what goes into the tunnel is the packet and no more.
func TestPaddingIsCut(t *testing.T) {
	for _, b := range [][]byte{framed(frame.TypeIPv4, plain4), framed(frame.TypeIPv6, plain6)} {
		p := pkt(append(bytes.Clone(b), make([]byte, 22)...))
		if newFramer().sort(p); !bytes.Equal(p.Bytes(), b[frame.HeaderLen:]) {
			t.Errorf("%x, want %x", p.Bytes(), b[frame.HeaderLen:])
		}
	}
}

func TestWrap(t *testing.T) {
	na, err := neighbor.ND{Src: own6, Dst: own6, Message: &ndp.RouterAdvertisement{}}.Append(nil, gateway, host)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		packet []byte
		dst    frame.MAC
		why    Count
		ok     bool
	}{
		"IPv4":                         {plain4, host, 0, true},
		"IPv6":                         {plain6, host, 0, true},
		"IPv4 to all":                  {ip4(17, "255.255.255.255", ports(1, 2)), frame.Broadcast, 0, true},
		"IPv4 to a group":              {ip4(17, "224.0.0.251", ports(1, 2)), frame.MAC{1, 0, 0x5e, 0, 0, 0xfb}, 0, true},
		"IPv6 to a group":              {ip6(17, "ff05::fb", ports(1, 2)), frame.MAC{0x33, 0x33, 0, 0, 0, 0xfb}, 0, true},
		"a ping":                       {ip6(58, "fd00:8::6", icmp(128)), host, 0, true},
		"a DHCP client's":              {ip4(17, "10.8.0.6", ports(68, 67)), host, 0, true},
		"empty":                        {nil, frame.MAC{}, NotIP, false},
		"not IP":                       {[]byte("1, not IP"), frame.MAC{}, NotIP, false},
		"IPv4 cut":                     {plain4[:19], frame.MAC{}, BadIP, false},
		"IPv6 with a cut chain":        {ip6(60, "fd00:8::6", []byte{58, 9}, empty), frame.MAC{}, BadIP, false},
		"an advertisement":             {na[frame.HeaderLen:], frame.MAC{}, Intruder, false},
		"an advertisement, in a chain": {ip6(60, "fd00:8::6", extension(58), icmp(134)), frame.MAC{}, Intruder, false},
		"a DHCP server's":              {ip4(17, "10.8.0.6", ports(67, 68)), frame.MAC{}, Intruder, false},
		"a DHCPv6 server's":            {ip6(17, "fd00:8::6", ports(547, 546)), frame.MAC{}, Intruder, false},
	} {
		p := pkt(c.packet)
		why, ok := newFramer().wrap(p)
		if ok != c.ok || !ok && why != c.why {
			t.Errorf("%s: %v, %v; want %v, %v", name, why, ok, c.why, c.ok)
		}
		if !ok {
			continue
		}
		h, _ := frame.Parse(p.Bytes())
		if h.Src != gateway || h.Dst != c.dst || !bytes.Equal(p.Bytes()[h.Len:], c.packet) {
			t.Errorf("%s: %+v %x", name, h, p.Bytes())
		}
	}
}

// TestNothingAllocated on the way of IP packets, in either direction.
func TestNothingAllocated(t *testing.T) {
	s, out, in := newFramer(), framed(frame.TypeIPv6, plain6), plain4
	p := pkt(out)
	if n := testing.AllocsPerRun(100, func() {
		p.Set(out)
		s.sort(p)
		p.Set(in)
		s.wrap(p)
	}); n > 0 {
		t.Errorf("%v allocations for two packets", n)
	}
}

// FuzzFrame: any frame of the host is answered, carried or counted.
func FuzzFrame(f *testing.F) {
	for _, b := range [][]byte{
		framed(frame.TypeIPv4, plain4), framed(frame.TypeIPv6, plain6), framed(frame.TypeARP, make([]byte, 46)),
		framed(frame.TypeIPv6, ip6(0, "ff02::1", extension(60), extension(58), icmp(135))),
		framed(frame.TypeIPv4, discover(nil)), framed(frame.TypeIPv6, solicitAddress()),
	} {
		f.Add(b)
	}
	_, real := readRecordings(f)
	for _, r := range real {
		f.Add(r.frame)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := newMachine(pushed)
		if len(b) >= frame.HeaderLen {
			m.macs.Store(&macs{adapter: frame.MAC(b[6:]), gateway: gateway})
		}
		p := pkt(b)
		switch k, _ := m.sort(p); k {
		case carried:
			p.Prepend(0)
			if _, ok := m.wrap(p); ok && p.Len() > len(b) {
				t.Errorf("a frame of %d bytes came to %d", len(b), p.Len())
			}
		case dropped:
		default:
			for _, answer := range m.ask(k, p.Bytes()) {
				if h, ok := frame.Parse(answer); !ok || h.Src != gateway {
					t.Errorf("%x is answered by %x", b, answer)
				}
			}
		}
	})
}
