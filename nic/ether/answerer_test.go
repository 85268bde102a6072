package ether

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"

	"culvert/nic/ether/datagram"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// pushed is what a server pushed.
var pushed = Network{
	MTU: 1400, DHCP: true, Lease: time.Hour,
	IPv4: IPv4{Address: netip.MustParsePrefix("10.8.0.6/24"), Server: netip.MustParseAddr("10.8.0.254"), Gateway: netip.MustParseAddr("10.8.0.1"),
		Routes: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}},
	IPv6: IPv6{Address: netip.MustParsePrefix("fd00:8::6/64"), Peer: netip.MustParseAddr("fd00:9::1"), Default: true,
		Routes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
	DNS:    []netip.Addr{netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("fd00:8::1"), netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::9")},
	NTP:    []netip.Addr{netip.MustParseAddr("198.51.100.1")},
	Domain: "corp.example", Search: []string{"corp.example"},
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newMachine(n Network) *answerer {
	m := &answerer{framer: newFramer(), counts: new(Counters), log: slog.New(slog.DiscardHandler)}
	m.update(start, n)
	return m
}

// tell hands a frame of the host to the machine and returns its answers.
func (a *answerer) tell(t *testing.T, b []byte) [][]byte {
	t.Helper()
	p := pkt(b)
	k, why := a.sort(p)
	if k == carried || k == dropped {
		t.Fatalf("%x is no question: %v", b, why)
	}
	return a.ask(k, p.Bytes())
}

func arp(sender, target string) []byte {
	q := neighbor.ARP{Op: neighbor.OpRequest, SenderMAC: host, Sender: netip.MustParseAddr(sender), Target: netip.MustParseAddr(target)}
	return with(framed(frame.TypeARP, q.Append(nil)), 0, frame.Broadcast[:]...)
}

func nd(src, dst netip.Addr, m ndp.Message) []byte {
	b, err := neighbor.ND{Src: src, Dst: dst, Message: m}.Append(nil, host, neighbor.GroupMAC(dst))
	if err != nil {
		panic(err)
	}
	return b
}

func solicit(src netip.Addr, target string) []byte {
	addr := netip.MustParseAddr(target)
	return nd(src, neighbor.SolicitedNode(addr), &ndp.NeighborSolicitation{TargetAddress: addr})
}

// TestNeighbours: the gateway answers for all of the network but the adapter.
func TestNeighbours(t *testing.T) {
	none := netip.IPv6Unspecified()
	for name, c := range map[string]struct {
		question []byte
		answered Count
	}{
		"the router":            {arp("10.8.0.6", "10.8.0.1"), AnsweredARP},
		"the server":            {arp("10.8.0.6", "10.8.0.254"), AnsweredARP},
		"a neighbour":           {arp("10.8.0.6", "10.8.0.99"), AnsweredARP},
		"a neighbour's probe":   {arp("0.0.0.0", "10.8.0.99"), AnsweredARP},
		"its own probe":         {arp("0.0.0.0", "10.8.0.6"), Unanswered},
		"its announcement":      {arp("10.8.0.6", "10.8.0.6"), Unanswered},
		"another network":       {arp("10.8.0.6", "192.168.1.1"), Unanswered},
		"the network":           {arp("10.8.0.6", "10.8.0.0"), Unanswered},
		"the broadcast address": {arp("10.8.0.6", "10.8.0.255"), Unanswered},
		"a name server":         {arp("10.8.0.6", "9.9.9.9"), AnsweredARP},
		"a time server":         {arp("10.8.0.6", "198.51.100.1"), AnsweredARP},
		"a name server, 6":      {solicit(own6, "2620:fe::9"), AnsweredND},
		"self-assigned":         {arp("0.0.0.0", "169.254.3.4"), Unanswered},
		"forged ARP":            {with(arp("10.8.0.6", "10.8.0.1"), 22, 9), BadARP},
		"cut ARP":               {arp("10.8.0.6", "10.8.0.1")[:30], BadARP},
		"a neighbour, 6":        {solicit(own6, "fd00:8::99"), AnsweredND},
		"the peer":              {solicit(own6, "fd00:9::1"), AnsweredND},
		"the gateway":           {solicit(ll, "fe80::8"), AnsweredND},
		"DAD of its own":        {solicit(none, "fd00:8::6"), Unanswered},
		"DAD of its link-local": {solicit(none, "fe80::10"), Unanswered},
		"DAD of a neighbour's":  {solicit(none, "fd00:8::99"), AnsweredND},
		"another network, 6":    {solicit(own6, "2001:db8::1"), Unanswered},
		"an advertisement":      {nd(own6, neighbor.AllNodes, &ndp.NeighborAdvertisement{TargetAddress: own6}), Unanswered},
		"a redirect":            {framed(frame.TypeIPv6, ip6(58, "ff02::1", icmp(137))), BadND},
	} {
		m := newMachine(pushed)
		answers := m.tell(t, c.question)
		if m.counts.Of(c.answered) != 1 || (len(answers) == 1) != (c.answered >= AnsweredARP) {
			t.Errorf("%s: %d answers, %v; want %v", name, len(answers), m.counts.Snapshot(), c.answered)
		}
		if m := newMachine(Network{}); len(m.tell(t, c.question)) > 0 {
			t.Errorf("%s: answered where nothing was pushed", name)
		}
	}
}

// solicitRouter asks for an advertisement and returns it in short.
func (a *answerer) solicitRouter(t *testing.T, from netip.Addr) string {
	t.Helper()
	return raText(t, a.tell(t, nd(from, netip.MustParseAddr("ff02::2"), &ndp.RouterSolicitation{})))
}

func raText(t *testing.T, frames [][]byte) string {
	t.Helper()
	if len(frames) == 0 {
		return ""
	}
	h, _ := frame.Parse(frames[0])
	p, ok := neighbor.ParseND(frames[0][h.Len:])
	ra, isRA := p.Message.(*ndp.RouterAdvertisement)
	if !ok || !isRA || p.Src != GatewayIPv6 || h.Src != gateway {
		t.Fatalf("%x is no advertisement of the gateway", frames[0])
	}
	s := []string{fmt.Sprintf("to %v m %v o %v default %v %v", p.Dst, ra.ManagedConfiguration, ra.OtherConfiguration, ra.RouterLifetime, ra.RouterSelectionPreference)}
	seen := 0
	for _, o := range ra.Options {
		switch o := o.(type) {
		case *ndp.MTU:
			s = append(s, fmt.Sprint("mtu ", o.MTU))
		case *ndp.PrefixInformation:
			s = append(s, fmt.Sprintf("%v/%d l %v a %v %v", o.Prefix, o.PrefixLength, o.OnLink, o.AutonomousAddressConfiguration, o.ValidLifetime))
		case *ndp.RouteInformation:
			s = append(s, "route "+routeText(frames[0], &seen))
		case *ndp.RecursiveDNSServer:
			s = append(s, fmt.Sprint("dns ", o.Servers))
		case *ndp.DNSSearchList:
			s = append(s, fmt.Sprint("search ", o.DomainNames))
		case *ndp.LinkLayerAddress:
			if frame.MAC(o.Addr) != gateway {
				t.Errorf("the router's MAC is %v", o.Addr)
			}
		}
	}
	return strings.Join(s, "; ")
}

// routeText reads the next route information option off the wire: package ndp
// loses the bits of a prefix beyond its whole bytes.
func routeText(frame []byte, seen *int) string {
	const ra, kind = 14 + 40 + 16, 24
	n := 0
	for at := ra; at < len(frame); at += int(frame[at+1]) * 8 {
		if frame[at] != kind {
			continue
		}
		if n++; n > *seen {
			*seen = n
			var a [16]byte
			copy(a[:], frame[at+8:at+int(frame[at+1])*8])
			return netip.PrefixFrom(netip.AddrFrom16(a), int(frame[at+2])).String()
		}
	}
	return "none"
}

func TestRouterAnswers(t *testing.T) {
	const full = "m true o true default 30m0s High; mtu 1400; fd00:8::/64 l true a false 30m0s; dns [fd00:8::1 2620:fe::9]; search [corp.example]; " +
		"route ::/1; route 8000::/1; route 2001:db8::/32"
	private := pushed
	private.IPv6.Default = false
	static := pushed
	static.DHCP = false
	only4 := pushed
	only4.IPv6 = IPv6{}
	for name, c := range map[string]struct {
		network Network
		from    netip.Addr
		want    string
	}{
		"all":               {pushed, ll, "to fe80::10 " + full},
		"from nowhere":      {pushed, netip.IPv6Unspecified(), "to ff02::1 " + full},
		"no default route":  {private, ll, "to fe80::10 m true o true default 0s Medium; mtu 1400; fd00:8::/64 l true a false 30m0s; dns [fd00:8::1 2620:fe::9]; search [corp.example]; route 2001:db8::/32"},
		"set by other ways": {static, ll, "to fe80::10 m false o false default 0s Medium; mtu 1400"},
		"IPv4 alone":        {only4, ll, ""},
	} {
		if got := newMachine(c.network).solicitRouter(t, c.from); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestManyRoutes: an advertisement stays within what any IPv6 link carries.
func TestManyRoutes(t *testing.T) {
	n := pushed
	n.Search = slices.Repeat([]string{strings.Repeat("label.", 12) + "example"}, 50)
	for i := range 200 {
		n.IPv6.Routes = append(n.IPv6.Routes, netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, byte(i)}), 48))
	}
	frames := newMachine(n).tick(start.Add(time.Hour))
	if len(frames) != 1 || len(frames[0]) > leastMTU+frame.HeaderLen || len(frames[0]) < 900 {
		t.Errorf("%d frames, the first of %d bytes", len(frames), len(frames[0]))
	}
}

// TestAdvertisesUnasked in virtual time: soon after a change, then seldom; and
// what was before is withdrawn.
func TestAdvertisesUnasked(t *testing.T) {
	m := newMachine(pushed)
	now := start
	var gaps []time.Duration
	for range 4 {
		next := m.next()
		gaps = append(gaps, next.Sub(now))
		if len(m.tick(next.Add(-1))) > 0 {
			t.Error("told before it was time")
		}
		if now = next; len(m.tick(now)) != 1 {
			t.Errorf("not told at %v", now)
		}
	}
	if want := []time.Duration{advertiseSoon, advertiseSoon, advertiseOften, advertiseOften}; !slices.Equal(gaps, want) {
		t.Errorf("told after %v, want %v", gaps, want)
	}
	other := pushed
	other.IPv6.Address = netip.MustParsePrefix("fd00:77::6/64")
	got := raText(t, m.update(now, other))
	if !strings.Contains(got, "fd00:8::/64 l true a false 0s; fd00:77::/64 l true a false 30m0s") {
		t.Errorf("after a change: %s", got)
	}
	got = raText(t, m.update(now, Network{MTU: 1400, DHCP: true}))
	if !strings.Contains(got, "default 0s") || !strings.Contains(got, "fd00:77::/64 l true a false 0s") || strings.Count(got, "route ") != 3 || !strings.Contains(got, "search [corp.example]") {
		t.Errorf("after IPv6 went: %s", got)
	}
	for range advertiseFirst {
		m.tick(m.next())
	}
	if !m.next().IsZero() {
		t.Error("goes on about IPv6 where there is none")
	}
}

// TestWithdraws: routes, servers and domains that are not pushed any more end
// at once, and those that are go on.
func TestWithdraws(t *testing.T) {
	m := newMachine(pushed)
	other := pushed
	other.IPv6.Routes = []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/48")}
	other.DNS, other.Search = []netip.Addr{netip.MustParseAddr("fd00:8::1")}, nil
	ra := m.router
	ra.changed(start, other, pushed)
	var got []string
	for _, o := range ra.advertisement(other, gateway).Options {
		switch o := o.(type) {
		case *ndp.RouteInformation:
			got = append(got, fmt.Sprint(o.Prefix, " ", o.RouteLifetime))
		case *ndp.RecursiveDNSServer:
			got = append(got, fmt.Sprint(o.Servers, " ", o.Lifetime))
		case *ndp.DNSSearchList:
			got = append(got, fmt.Sprint(o.DomainNames, " ", o.Lifetime))
		case *ndp.PrefixInformation:
			got = append(got, fmt.Sprint(o.Prefix, " ", o.ValidLifetime))
		}
	}
	want := []string{"[2620:fe::9] 0s", "[corp.example] 0s", "fd00:8:: 30m0s", "[fd00:8::1] 30m0s", ":: 30m0s", "8000:: 30m0s", "2001:db8:1:: 30m0s", "2001:db8:: 0s"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// from4 is a DHCP message of the host.
func from4(src, dst string, kind dhcpv4.MessageType, set ...dhcpv4.Modifier) []byte {
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, ClientHWAddr: host[:], Options: dhcpv4.Options{}}
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	for _, f := range set {
		f(m)
	}
	d := datagram.Datagram{Src: netip.AddrPortFrom(netip.MustParseAddr(src), 68), Dst: netip.AddrPortFrom(netip.MustParseAddr(dst), 67), Payload: m.ToBytes()}
	return d.Append(nil, host, gateway)
}

// discover is the packet of a client's first message.
func discover(set dhcpv4.Modifier) []byte {
	if set == nil {
		set = func(*dhcpv4.DHCPv4) {}
	}
	return from4("0.0.0.0", "255.255.255.255", dhcpv4.MessageTypeDiscover, set)[frame.HeaderLen:]
}

// reply4 reads the one answer.
func reply4(t *testing.T, frames [][]byte) (frame.Header, datagram.Datagram, *dhcpv4.DHCPv4) {
	t.Helper()
	if len(frames) != 1 {
		t.Fatalf("%d answers", len(frames))
	}
	h, _ := frame.Parse(frames[0])
	d, ok := datagram.Parse(frames[0][h.Len:])
	m, err := dhcpv4.FromBytes(d.Payload)
	if !ok || err != nil {
		t.Fatalf("%x: %v", frames[0], err)
	}
	return h, d, m
}

func TestDHCPFrames(t *testing.T) {
	m := newMachine(pushed)
	h, d, offer := reply4(t, m.tell(t, framed(frame.TypeIPv4, discover(nil))))
	if h.Dst != host || h.Src != gateway || d.Src.String() != "10.8.0.254:67" || d.Dst.String() != "10.8.0.6:68" || offer.MessageType() != dhcpv4.MessageTypeOffer {
		t.Errorf("%+v %v %v", h, d, offer)
	}
	h, d, _ = reply4(t, m.tell(t, framed(frame.TypeIPv4, discover(dhcpv4.WithBroadcast(true)))))
	if h.Dst != frame.Broadcast || d.Dst.String() != "255.255.255.255:68" {
		t.Errorf("to a client that asked for a broadcast: %+v %v", h, d.Dst)
	}
	if m := newMachine(Network{IPv4: pushed.IPv4}); len(m.tell(t, framed(frame.TypeIPv4, discover(nil)))) > 0 {
		t.Error("answered though the host is set by other ways")
	}
	sum := framed(frame.TypeIPv4, discover(nil))
	sum[frame.HeaderLen+26] ^= 1
	for name, b := range map[string][]byte{
		"a wrong sum": sum,
		"a fragment":  framed(frame.TypeIPv4, with(discover(nil), 6, 0x20)),
		"rubbish":     framed(frame.TypeIPv4, ip4(17, "255.255.255.255", append(ports(68, 67), "rubbish"...))),
	} {
		m := newMachine(pushed)
		if answers := m.tell(t, b); len(answers) > 0 || m.counts.Of(BadDHCP) != 1 {
			t.Errorf("%s: %d answers, %v", name, len(answers), m.counts.Snapshot())
		}
	}
}

// TestChangeReachesTheHost: a client that renews what was pushed before is refused
// by the server it knows, and is given the new address.
func TestChangeReachesTheHost(t *testing.T) {
	pair := func(address, other string) Network {
		return Network{MTU: 1400, DHCP: true, Lease: time.Hour,
			IPv4: IPv4{Address: netip.MustParsePrefix(address), Server: netip.MustParseAddr(other), Gateway: netip.MustParseAddr(other)}}
	}
	m := newMachine(pair("10.8.0.6/30", "10.8.0.5"))
	m.update(start, pair("10.8.0.10/30", "10.8.0.9"))
	if len(m.tell(t, arp("10.8.0.6", "10.8.0.5"))) != 1 {
		t.Error("the server that the host will ask is gone")
	}
	if len(m.tell(t, arp("0.0.0.0", "10.8.0.6"))) > 0 || len(m.tell(t, arp("0.0.0.0", "10.8.0.10"))) > 0 {
		t.Error("the host is told that an address of its own is in use")
	}
	naks := m.tell(t, from4("10.8.0.6", "10.8.0.5", dhcpv4.MessageTypeRequest, dhcpv4.WithClientIP(net.IPv4(10, 8, 0, 6))))
	if len(naks) != 2 {
		t.Fatalf("renewing: %d answers", len(naks))
	}
	for i, to := range []string{"255.255.255.255:68", "10.8.0.6:68"} {
		h, d, nak := reply4(t, naks[i:i+1])
		if nak.MessageType() != dhcpv4.MessageTypeNak || d.Src.Addr().String() != "10.8.0.5" || d.Dst.String() != to || h.Dst.IsGroup() != (i == 0) {
			t.Errorf("renewing: %v from %v to %v at %v", nak.MessageType(), d.Src, d.Dst, h.Dst)
		}
	}
	wants := dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 8, 0, 10)))
	_, d, ack := reply4(t, m.tell(t, from4("0.0.0.0", "255.255.255.255", dhcpv4.MessageTypeRequest, wants)))
	if ack.MessageType() != dhcpv4.MessageTypeAck || ack.YourIPAddr.String() != "10.8.0.10" || d.Src.Addr().String() != "10.8.0.9" {
		t.Errorf("asking again: %v", ack)
	}
	if len(m.tell(t, arp("10.8.0.10", "10.8.0.5"))) > 0 {
		t.Error("the former server is still there")
	}
}

// TestSmallNetworks: which addresses are a station's.
func TestSmallNetworks(t *testing.T) {
	for network, want := range map[string]map[string]bool{
		"10.8.0.1/30": {"10.8.0.0": false, "10.8.0.1": false, "10.8.0.2": true, "10.8.0.3": false},
		"10.8.0.2/31": {"10.8.0.2": false, "10.8.0.3": true},
		"10.8.0.2/32": {"10.8.0.2": false, "10.8.0.3": false},
		"10.8.1.2/23": {"10.8.0.0": false, "10.8.0.255": true, "10.8.1.0": true, "10.8.1.255": false},
		"10.8.0.1/0":  {"0.0.0.0": false, "255.255.255.255": false, "10.8.0.2": true},
	} {
		n := IPv4{Address: netip.MustParsePrefix(network)}
		for addr, want := range want {
			if got := n.holds(netip.MustParseAddr(addr)); got != want {
				t.Errorf("%s holds %s: %v", network, addr, got)
			}
		}
	}
	// The DHCP server may be at the network's own address (ip-win32 dynamic 0).
	n := IPv4{Address: netip.MustParsePrefix("10.8.0.2/24"), Server: netip.MustParseAddr("10.8.0.0")}
	if !n.holds(n.Server) {
		t.Error("the DHCP server is not there")
	}
}

func from6(dst netip.Addr, kind dhcpv6.MessageType) []byte {
	m := &dhcpv6.Message{MessageType: kind}
	dhcpv6.WithClientID(&dhcpv6.DUIDUUID{})(m)
	m.AddOption(&dhcpv6.OptIANA{})
	d := datagram.Datagram{Src: netip.AddrPortFrom(ll, 546), Dst: netip.AddrPortFrom(dst, 547), Payload: m.ToBytes()}
	return d.Append(nil, host, neighbor.GroupMAC(dst))
}

func solicitAddress() []byte {
	return from6(netip.MustParseAddr("ff02::1:2"), dhcpv6.MessageTypeSolicit)[frame.HeaderLen:]
}

func TestDHCPv6Frames(t *testing.T) {
	m := newMachine(pushed)
	frames := m.tell(t, framed(frame.TypeIPv6, solicitAddress()))
	h, _ := frame.Parse(frames[0])
	d, ok := datagram.Parse(frames[0][h.Len:])
	reply, err := dhcpv6.MessageFromBytes(d.Payload)
	if !ok || err != nil || h.Dst != host || d.Src.String() != "[fe80::8]:547" || d.Dst.String() != "[fe80::10]:546" ||
		reply.MessageType != dhcpv6.MessageTypeAdvertise || reply.Options.OneIANA().Options.OneAddress().IPv6Addr.String() != "fd00:8::6" {
		t.Errorf("%+v %v %v %v", h, d, reply, err)
	}
	to := netip.MustParseAddr("fd00:8::1")
	if p := with(framed(frame.TypeIPv6, from6(to, dhcpv6.MessageTypeSolicit)[frame.HeaderLen:]), 0, gateway[:]...); len(m.tell(t, p)) > 0 || m.counts.Of(BadDHCP) != 1 {
		t.Errorf("to one server alone: %v", m.counts.Snapshot())
	}
	if m := newMachine(Network{IPv6: pushed.IPv6}); len(m.tell(t, framed(frame.TypeIPv6, solicitAddress()))) > 0 {
		t.Error("answered though the host is set by other ways")
	}
}

func TestRoutesOverDHCP(t *testing.T) {
	text := func(n Network) string {
		l := n.lease4()
		s := "router " + l.Router.String()
		for _, r := range l.Routes {
			s += fmt.Sprintf(" %v via %v", r.Dst, r.Via)
		}
		return s
	}
	all := pushed
	all.IPv4.Default = true
	distant := all
	distant.IPv4.Address, distant.IPv4.Gateway, distant.IPv4.Server = netip.MustParsePrefix("10.8.0.6/32"), netip.Addr{}, netip.MustParseAddr("10.9.0.1")
	for want, n := range map[string]Network{
		"router invalid IP 172.16.0.0/12 via 10.8.0.1":                                                                          pushed,
		"router 10.8.0.1 0.0.0.0/1 via 10.8.0.1 128.0.0.0/1 via 10.8.0.1 172.16.0.0/12 via 10.8.0.1":                            all,
		"router 10.9.0.1 10.9.0.1/32 via invalid IP 0.0.0.0/1 via 10.9.0.1 128.0.0.0/1 via 10.9.0.1 172.16.0.0/12 via 10.9.0.1": distant,
		"router invalid IP": {DHCP: true, IPv4: IPv4{Address: pushed.IPv4.Address}},
	} {
		if got := text(n); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
