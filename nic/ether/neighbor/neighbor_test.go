package neighbor

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"github.com/mdlayher/ndp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"culvert/nic/frame"
)

var (
	host    = frame.MAC{2, 0, 0, 0, 0, 1}
	gateway = frame.MAC{2, 0, 0, 0, 0, 2}

	own4, other4, foreign4 = netip.MustParseAddr("10.8.0.6"), netip.MustParseAddr("10.8.0.5"), netip.MustParseAddr("192.0.2.1")
	own6, other6           = netip.MustParseAddr("fd00:8::6"), netip.MustParseAddr("fd00:8::5")
)

// who is a segment on which the gateway holds the others.
func who(a netip.Addr) (Holder, bool) {
	return Holder{gateway, a == other6}, a == other4 || a == other6
}

func TestARPAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		ask    ARP
		answer bool
	}{
		"the gateway":                {ARP{Op: OpRequest, SenderMAC: host, Sender: own4, Target: other4}, true},
		"a probe for another's":      {ARP{Op: OpRequest, SenderMAC: host, Sender: netip.IPv4Unspecified(), Target: other4}, true},
		"a probe for its own":        {ARP{Op: OpRequest, SenderMAC: host, Sender: netip.IPv4Unspecified(), Target: own4}, false},
		"its own":                    {ARP{Op: OpRequest, SenderMAC: host, Sender: other4, Target: own4}, false},
		"of no network here":         {ARP{Op: OpRequest, SenderMAC: host, Sender: own4, Target: foreign4}, false},
		"an announcement":            {ARP{Op: OpRequest, SenderMAC: host, Sender: own4, Target: own4}, false},
		"an announcement of another": {ARP{Op: OpRequest, SenderMAC: host, Sender: other4, Target: other4}, false},
		"a reply":                    {ARP{Op: OpReply, SenderMAC: host, Sender: own4, Target: other4}, false},
		"nothing":                    {ARP{Op: OpRequest, SenderMAC: host, Sender: own4, Target: netip.IPv4Unspecified()}, false},
	} {
		got, ok := c.ask.Answer(nil, who)
		if ok != c.answer {
			t.Errorf("%s: answered %v, want %v", name, ok, c.answer)
		}
		if !ok {
			continue
		}
		h, _ := frame.Parse(got)
		if want := (frame.Header{Dst: host, Src: gateway, Type: frame.TypeARP, Len: frame.HeaderLen}); h != want {
			t.Errorf("%s: header %+v, want %+v", name, h, want)
		}
		a, ok := ParseARP(got[h.Len:])
		if want := (ARP{OpReply, gateway, c.ask.Target, host, c.ask.Sender}); !ok || a != want {
			t.Errorf("%s: %+v, want %+v", name, a, want)
		}
	}
}

func TestParseARPRefuses(t *testing.T) {
	good := ARP{Op: OpRequest, SenderMAC: host, Sender: own4, Target: other4}.Append(nil)
	if _, ok := ParseARP(append(good, make([]byte, 18)...)); !ok {
		t.Error("refused for the padding of a short frame")
	}
	for n := range good {
		if _, ok := ParseARP(good[:n]); ok {
			t.Errorf("%d bytes pass for ARP", n)
		}
	}
	for i := range arpStart {
		bad := bytes.Clone(good)
		bad[i]++
		if _, ok := ParseARP(bad); ok {
			t.Errorf("passes with byte %d being %d", i, bad[i])
		}
	}
}

// packet is the IPv6 packet of a message.
func packet(t testing.TB, src, dst netip.Addr, m ndp.Message) []byte {
	t.Helper()
	b, err := ND{src, dst, m}.Append(nil, host, GroupMAC(dst))
	if err != nil {
		t.Fatal(err)
	}
	return b[frame.HeaderLen:]
}

func solicit(target netip.Addr) *ndp.NeighborSolicitation {
	return &ndp.NeighborSolicitation{TargetAddress: target}
}

func TestNeighbourAnswers(t *testing.T) {
	ll := netip.MustParseAddr("fe80::1234")
	for name, c := range map[string]struct {
		src, target netip.Addr
		answer      bool
	}{
		"another's":                {own6, other6, true},
		"another's, by link-local": {ll, other6, true},
		"its own":                  {own6, own6, false},
		"DAD of its own":           {netip.IPv6Unspecified(), own6, false},
		"DAD of another's":         {netip.IPv6Unspecified(), other6, true},
	} {
		nd, ok := ParseND(packet(t, c.src, SolicitedNode(c.target), solicit(c.target)))
		if !ok {
			t.Fatalf("%s: the question is not understood", name)
		}
		got, ok := nd.Answer(nil, host, who)
		if ok != c.answer {
			t.Errorf("%s: answered %v, want %v", name, ok, c.answer)
		}
		if !ok {
			continue
		}
		h, _ := frame.Parse(got)
		answer, ok := ParseND(got[h.Len:])
		na, isNA := answer.Message.(*ndp.NeighborAdvertisement)
		if !ok || !isNA {
			t.Fatalf("%s: %x is no advertisement", name, got)
		}
		dad := c.src.IsUnspecified()
		if h.Src != gateway || na.TargetAddress != c.target || !na.Router || !na.Override || na.Solicited == dad {
			t.Errorf("%s: %v %+v", name, h, na)
		}
		if dst, mac := answer.Dst, h.Dst; dad && (dst != AllNodes || mac != GroupMAC(AllNodes)) || !dad && (dst != c.src || mac != host) {
			t.Errorf("%s: to %v at %v", name, dst, mac)
		}
		if lla := na.Options[0].(*ndp.LinkLayerAddress); frame.MAC(lla.Addr) != gateway || lla.Direction != ndp.Target {
			t.Errorf("%s: %+v", name, lla)
		}
	}
}

func TestParseNDRefuses(t *testing.T) {
	good := packet(t, own6, SolicitedNode(other6), solicit(other6))
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	own := &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: host[:]}
	for name, b := range map[string][]byte{
		"routed":               change(7, 254),
		"a wrong sum":          change(42, good[42]+1),
		"a code":               change(41, 1),
		"another protocol":     change(6, 17),
		"too long a length":    change(5, 200),
		"DAD to one host":      packet(t, netip.IPv6Unspecified(), other6, solicit(other6)),
		"DAD with a MAC":       packet(t, netip.IPv6Unspecified(), SolicitedNode(other6), &ndp.NeighborSolicitation{TargetAddress: other6, Options: []ndp.Option{own}}),
		"for a group":          packet(t, own6, AllNodes, solicit(AllNodes)),
		"RS from nowhere, MAC": packet(t, netip.IPv6Unspecified(), netip.MustParseAddr("ff02::2"), &ndp.RouterSolicitation{Options: []ndp.Option{own}}),
		"solicited by a group": packet(t, own6, AllNodes, &ndp.NeighborAdvertisement{Solicited: true, TargetAddress: own6}),
	} {
		if nd, ok := ParseND(b); ok {
			t.Errorf("%s: passes as %+v", name, nd)
		}
	}
	for n := range good {
		if _, ok := ParseND(good[:n]); ok {
			t.Errorf("%d bytes of %d pass", n, len(good))
		}
	}
}

func TestGroupMAC(t *testing.T) {
	for a, want := range map[string]string{
		"224.0.0.251": "01:00:5e:00:00:fb", "239.255.255.250": "01:00:5e:7f:ff:fa", "ff02::1:ff00:5": "33:33:ff:00:00:05",
	} {
		if got := GroupMAC(netip.MustParseAddr(a)).String(); got != want {
			t.Errorf("%s is sent to %s, want %s", a, got, want)
		}
	}
}

func FuzzARP(f *testing.F) {
	f.Add(ARP{Op: OpRequest, SenderMAC: host, Sender: own4, Target: other4}.Append(nil))
	f.Add(ARP{Op: OpReply, SenderMAC: host, Sender: own4, TargetMAC: gateway, Target: other4}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := ParseARP(b)
		if !ok {
			return
		}
		if again := a.Append(nil); !bytes.Equal(again, b[:len(again)]) {
			t.Errorf("%x came back as %x", b, again)
		}
		a.Answer(nil, who)
	})
}

func FuzzND(f *testing.F) {
	// A solicitation with a nonce that is always the same.
	nonced, err := ndp.ParseMessage(slices.Concat([]byte{135, 0, 0, 0, 0, 0, 0, 0}, other6.AsSlice(), []byte{14, 1, 1, 2, 3, 4, 5, 6}))
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []ndp.Message{
		solicit(other6), &ndp.RouterSolicitation{}, nonced,
		&ndp.NeighborSolicitation{TargetAddress: other6, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: host[:]}}},
		&ndp.NeighborAdvertisement{TargetAddress: own6}, &ndp.RouterAdvertisement{Options: []ndp.Option{ndp.NewMTU(1400)}},
	} {
		b, err := ND{own6, AllNodes, m}.Append(nil, host, gateway)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[frame.HeaderLen+40:])
	}
	// What is fuzzed is the message; header and sum are made right, or nothing
	// would get past them.
	f.Fuzz(func(t *testing.T, icmp []byte) {
		nd, ok := ParseND(sealed(own6, AllNodes, icmp))
		if !ok {
			return
		}
		if _, err := nd.Append(nil, host, gateway); err != nil {
			t.Logf("%+v: %v", nd.Message, err)
		}
		nd.Answer(nil, host, func(netip.Addr) (Holder, bool) { return Holder{MAC: gateway}, true })
	})
}

// sealed is an IPv6 packet of any ICMPv6 message, with the right checksum.
func sealed(src, dst netip.Addr, icmp []byte) []byte {
	if len(icmp) < 4 || len(icmp) > 1400 {
		return icmp
	}
	b := make([]byte, header.IPv6MinimumSize, header.IPv6MinimumSize+len(icmp))
	header.IPv6(b).Encode(&header.IPv6Fields{
		PayloadLength: uint16(len(icmp)), TransportProtocol: header.ICMPv6ProtocolNumber, HopLimit: hopLimit,
		SrcAddr: tcpip.AddrFrom16(src.As16()), DstAddr: tcpip.AddrFrom16(dst.As16()),
	})
	b = append(b, icmp...)
	m := header.ICMPv6(b[header.IPv6MinimumSize:])
	m.SetChecksum(header.ICMPv6Checksum(header.ICMPv6ChecksumParams{Header: m, Src: header.IPv6(b).SourceAddress(), Dst: header.IPv6(b).DestinationAddress()}))
	return b
}
