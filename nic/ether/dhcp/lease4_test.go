package dhcp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"culvert/nic/frame"
)

var host = frame.MAC{2, 0, 0, 0, 0, 1}

func addrs(list ...string) (all []netip.Addr) {
	for _, s := range list {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

// pushed4 is a server's push with everything that DHCP can say.
var pushed4 = Lease4{
	Address: netip.MustParsePrefix("10.8.0.6/24"), Server: netip.MustParseAddr("10.8.0.254"), Time: time.Hour,
	Router: netip.MustParseAddr("10.8.0.1"), MTU: 1400,
	Routes: []Route{
		{netip.MustParsePrefix("172.16.0.0/12"), netip.MustParseAddr("10.8.0.1")},
		{netip.MustParsePrefix("10.9.0.1/32"), netip.Addr{}},
	},
	DNS: addrs("10.8.0.1", "fd00:8::1", "9.9.9.9"), Domain: "corp.example", Search: []string{"corp.example", "a.example"},
	NTP: addrs("10.8.0.2"),
	NetBIOS: NetBIOS{Names: addrs("10.8.0.3"), Distributions: addrs("10.8.0.4"), NodeType: 8, Scope: "scope",
		Disable: true},
}

// ask makes a message of the client; set changes it.
func ask(kind dhcpv4.MessageType, set ...dhcpv4.Modifier) []byte {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: iana.HWTypeEthernet, ClientHWAddr: host[:],
		TransactionID: dhcpv4.TransactionID{1, 2, 3, 4}, Options: dhcpv4.Options{},
		ClientIPAddr: net.IPv4zero, YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero,
	}
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	for _, f := range set {
		f(m)
	}
	return m.ToBytes()
}

func from(a string) dhcpv4.Modifier { return dhcpv4.WithClientIP(net.ParseIP(a)) }
func wants(a string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(a)))
}
func server(a string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(a)))
}

func TestAnswers4(t *testing.T) {
	broadcast, unicast := "255.255.255.255", "10.8.0.254"
	for name, c := range map[string]struct {
		message []byte
		sentTo  string
		outcome Outcome
		reply   string // kind, addresses, times
	}{
		"discover": {ask(dhcpv4.MessageTypeDiscover), broadcast, Offered,
			"OFFER 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"discover, deaf to unicast": {ask(dhcpv4.MessageTypeDiscover, dhcpv4.WithBroadcast(true)), broadcast, Offered,
			"OFFER 10.8.0.254 to all, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"discover another": {ask(dhcpv4.MessageTypeDiscover, wants("10.8.0.7")), broadcast, Offered,
			"OFFER 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"select": {ask(dhcpv4.MessageTypeRequest, server("10.8.0.254"), wants("10.8.0.6")), broadcast, Leased,
			"ACK 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"select a wrong address": {ask(dhcpv4.MessageTypeRequest, server("10.8.0.254"), wants("10.8.0.7")), broadcast, Refused,
			"NAK 10.8.0.254 to all"},
		"select another server": {ask(dhcpv4.MessageTypeRequest, server("10.8.0.9"), wants("10.8.0.6")), broadcast, Ignored, ""},
		"reboot":                {ask(dhcpv4.MessageTypeRequest, wants("10.8.0.6")), broadcast, Leased, "ACK 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"reboot elsewhere":      {ask(dhcpv4.MessageTypeRequest, wants("192.168.1.9")), broadcast, Refused, "NAK 10.8.0.254 to all"},
		"renew": {ask(dhcpv4.MessageTypeRequest, from("10.8.0.6")), unicast, Leased,
			"ACK 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"renew what was pushed before": {ask(dhcpv4.MessageTypeRequest, from("10.7.0.6")), "10.7.0.254", Refused,
			"NAK 10.7.0.254 to all and 10.7.0.6"},
		"rebind":                       {ask(dhcpv4.MessageTypeRequest, from("10.8.0.6")), broadcast, Leased, "ACK 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
		"rebind another":               {ask(dhcpv4.MessageTypeRequest, from("10.8.0.7")), broadcast, Refused, "NAK 10.8.0.254 to all and 10.8.0.7"},
		"request without an address":   {ask(dhcpv4.MessageTypeRequest), broadcast, Refused, "NAK 10.8.0.254 to all"},
		"inform":                       {ask(dhcpv4.MessageTypeInform, from("10.8.0.77")), broadcast, Informed, "ACK 10.8.0.254 to 10.8.0.77"},
		"release":                      {ask(dhcpv4.MessageTypeRelease, from("10.8.0.6"), server("10.8.0.254")), unicast, Released, ""},
		"decline":                      {ask(dhcpv4.MessageTypeDecline, wants("10.8.0.6"), server("10.8.0.254")), broadcast, Declined, ""},
		"decline another server":       {ask(dhcpv4.MessageTypeDecline, wants("10.8.0.6"), server("10.8.0.9")), broadcast, Ignored, ""},
		"discover with an identifier":  {ask(dhcpv4.MessageTypeDiscover, dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte{1, 9}))), broadcast, Offered, "OFFER 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s id 0109"},
		"discover, nobody's parameter": {ask(dhcpv4.MessageTypeDiscover, dhcpv4.WithRequestedOptions()), broadcast, Offered, "OFFER 10.8.0.254 to 10.8.0.6, yours 10.8.0.6 for 1h0m0s 30s 1m0s"},
	} {
		reply, outcome, err := pushed4.Answer(c.message, netip.MustParseAddr(c.sentTo))
		if err != nil || outcome != c.outcome {
			t.Errorf("%s: %v, %v; want %v", name, outcome, err, c.outcome)
		}
		if got := text4(t, reply); got != c.reply {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.reply)
		}
		if outcome, err := served(Lease4{}, c.message); err != nil || outcome != Ignored {
			t.Errorf("%s, nothing pushed: %v, %v", name, outcome, err)
		}
	}
}

func served(l Lease4, message []byte) (Outcome, error) {
	_, outcome, err := l.Answer(message, broadcast4)
	return outcome, err
}

// text4 is a reply in short.
func text4(t *testing.T, r Reply4) string {
	t.Helper()
	if r.Message == nil {
		return ""
	}
	m, err := dhcpv4.FromBytes(r.Message)
	if err != nil {
		t.Fatal(err)
	}
	if m.OpCode != dhcpv4.OpcodeBootReply || m.TransactionID != (dhcpv4.TransactionID{1, 2, 3, 4}) || !bytes.Equal(m.ClientHWAddr, host[:]) {
		t.Errorf("not an answer to the question: %v", m)
	}
	if m.ServerIdentifier().String() != r.From.String() {
		t.Errorf("server identifier %v, sent from %v", m.ServerIdentifier(), r.From)
	}
	var to []string
	if r.Broadcast {
		to = append(to, "all")
	}
	if r.To.IsValid() {
		to = append(to, r.To.String())
	}
	s := fmt.Sprintf("%v %v to %v", m.MessageType(), r.From, strings.Join(to, " and "))
	if !m.YourIPAddr.IsUnspecified() {
		s += fmt.Sprintf(", yours %v for %v %v %v", m.YourIPAddr, m.IPAddressLeaseTime(0), m.IPAddressRenewalTime(0), m.IPAddressRebindingTime(0))
	}
	if id := m.Options.Get(dhcpv4.OptionClientIdentifier); id != nil {
		s += fmt.Sprintf(" id %x", id)
	}
	return s
}

// TestOptions4: what was pushed is said, and nothing else.
func TestOptions4(t *testing.T) {
	options := func(l Lease4) string {
		r, _, err := l.Answer(ask(dhcpv4.MessageTypeDiscover), broadcast4)
		m, err2 := dhcpv4.FromBytes(r.Message)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, code := range slices.Sorted(maps(m.Options)) {
			if code < 50 || code > 60 {
				lines = append(lines, fmt.Sprintf("%d: %x", code, m.Options[code]))
			}
		}
		return strings.Join(lines, "\n")
	}
	const everything = `1: ffffff00
3: 0a080001
6: 0a08000109090909
15: 636f72702e6578616d706c65
26: 0578
42: 0a080002
43: 010400000002
44: 0a080003
45: 0a080004
46: 08
47: 73636f7065
119: 04636f7270076578616d706c6500016107` + `6578616d706c6500
121: 0cac100a0800012` + `00a09000100000000`
	if got := options(pushed4); got != everything {
		t.Errorf("got\n%s\nwant\n%s", got, everything)
	}
	if got := options(Lease4{Address: pushed4.Address, Server: pushed4.Server, Time: time.Hour}); got != "1: ffffff00" {
		t.Errorf("with an address alone:\n%s", got)
	}
}

func maps(o dhcpv4.Options) func(func(uint8) bool) {
	return func(yield func(uint8) bool) {
		for code := range o {
			if !yield(code) {
				return
			}
		}
	}
}

// TestRoom4: routes are sent whole if the client has room, and options without room
// are named.
func TestRoom4(t *testing.T) {
	l := pushed4
	for i := range 60 {
		l.Routes = append(l.Routes, Route{netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 20, byte(i), 0}), 24), l.Router})
	}
	for size, want := range map[uint16]int{0: 62, 1500: 62, 576: 0, 100: 0} {
		set := dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(size))
		if size == 0 {
			set = dhcpv4.WithoutOption(dhcpv4.OptionMaximumDHCPMessageSize)
		}
		r, _, err := l.Answer(ask(dhcpv4.MessageTypeDiscover, set), broadcast4)
		if err != nil {
			t.Fatal(err)
		}
		m, err := dhcpv4.FromBytes(r.Message)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(m.ClasslessStaticRoute()); got != want || slices.Contains(r.Omitted, 121) != (want == 0) {
			t.Errorf("a client that takes %d: %d routes, %v left out; want %d", size, got, r.Omitted, want)
		}
		if most := 1400 - 28; len(r.Message) > most || size >= 576 && len(r.Message) > int(size) {
			t.Errorf("a client that takes %d: %d bytes", size, len(r.Message))
		}
	}
}

// TestRoutesUnasked: a client that lists what it wants, without routes, does not
// set those that only their option carries.
func TestRoutesUnasked(t *testing.T) {
	list := func(codes ...dhcpv4.OptionCode) dhcpv4.Modifier {
		return dhcpv4.WithOption(dhcpv4.OptParameterRequestList(codes...))
	}
	defaultOnly := pushed4
	defaultOnly.Routes = []Route{{netip.MustParsePrefix("0.0.0.0/1"), pushed4.Router}, {netip.MustParsePrefix("128.0.0.0/1"), pushed4.Router}, pushed4.Routes[1]}
	for name, c := range map[string]struct {
		lease Lease4
		list  dhcpv4.Modifier
		want  bool
	}{
		"no list":       {pushed4, nil, false},
		"asked":         {pushed4, list(dhcpv4.OptionRouter, dhcpv4.OptionClasslessStaticRoute), false},
		"unasked":       {pushed4, list(dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer), true},
		"default alone": {defaultOnly, list(dhcpv4.OptionRouter), false},
	} {
		for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeInform} {
			set := []dhcpv4.Modifier{from("10.8.0.6")}
			if c.list != nil {
				set = append(set, c.list)
			}
			reply, _, err := c.lease.Answer(ask(kind, set...), broadcast4)
			if err != nil || reply.RoutesUnasked != c.want {
				t.Errorf("%s, %v: %v, %v", name, kind, reply.RoutesUnasked, err)
			}
		}
	}
}

func TestShortLeases(t *testing.T) {
	for lease, want := range map[time.Duration][2]time.Duration{
		10 * time.Second: {5 * time.Second, 8750 * time.Millisecond}, time.Minute: {30 * time.Second, 52500 * time.Millisecond}, 365 * 24 * time.Hour: {30 * time.Second, time.Minute},
	} {
		if t1, t2 := times(lease); t1 != want[0] || t2 != want[1] {
			t.Errorf("%v: %v %v, want %v", lease, t1, t2, want)
		}
	}
}

func TestMalformed4(t *testing.T) {
	good := ask(dhcpv4.MessageTypeDiscover)
	change := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"a reply":           change(0, 2),
		"not Ethernet":      change(1, 6),
		"a short MAC":       change(2, 5),
		"by a relay":        change(24, 10),
		"no cookie":         change(236, 0),
		"an unknown kind":   change(242, 99),
		"a server's kind":   change(242, byte(dhcpv4.MessageTypeOffer)),
		"no kind":           change(240, 0),
		"inform, nobody's":  ask(dhcpv4.MessageTypeInform),
		"cut":               good[:200],
		"an option too far": change(241, 200),
		"empty":             {},
	} {
		reply, outcome, err := pushed4.Answer(b, broadcast4)
		if !errors.Is(err, ErrMalformed) || reply.Message != nil || outcome != Ignored {
			t.Errorf("%s: %v, %v, %v", name, reply, outcome, err)
		}
	}
}

// TestAnswersTheAddressOfTheMessage: a client that keeps using its device's former
// MAC address gets answers that name it.
func TestAnswersTheAddressOfTheMessage(t *testing.T) {
	before := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	r, outcome, err := pushed4.Answer(ask(dhcpv4.MessageTypeDiscover, dhcpv4.WithHwAddr(before)), broadcast4)
	if err != nil || outcome != Offered {
		t.Fatalf("%v, %v", outcome, err)
	}
	m, err := dhcpv4.FromBytes(r.Message)
	if err != nil || !slices.Equal(m.ClientHWAddr, before) {
		t.Errorf("%v, %v", m, err)
	}
}

func FuzzAnswer4(f *testing.F) {
	for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeInform, dhcpv4.MessageTypeDecline} {
		f.Add(ask(kind, from("10.8.0.6")))
		f.Add(ask(kind, wants("10.8.0.6"), dhcpv4.WithOption(dhcpv4.OptClientIdentifier(make([]byte, 255)))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		reply, _, err := pushed4.Answer(b, broadcast4)
		if reply.Message == nil {
			return
		}
		m, err2 := dhcpv4.FromBytes(reply.Message)
		if err != nil || err2 != nil || m.OpCode != dhcpv4.OpcodeBootReply {
			t.Errorf("%x: %v, %v, %v", b, m, err, err2)
		}
	})
}
