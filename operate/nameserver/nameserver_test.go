package nameserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var (
	v4 = netip.MustParseAddr("10.8.0.7")
	v6 = netip.MustParseAddr("fd00:8::7")
)

func zone() *Zone {
	z := NewZone("vpn", []netip.Prefix{netip.MustParsePrefix("10.8.0.0/24"), netip.MustParsePrefix("fd00:8::/64")}, netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("fd00:8::1"))
	z.Enter(1, "phone.alice", "alice", v4, v6)
	z.Enter(2, "laptop.alice", "alice", netip.MustParseAddr("10.8.0.8"))
	z.Enter(3, "Old Client!", "", netip.MustParseAddr("10.8.0.9"))
	return z
}

func question(name string, kind uint16) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), kind)
	return q
}

// said is an answer in short.
func said(m *dns.Msg) string {
	if m == nil {
		return "nothing"
	}
	words := []string{dns.RcodeToString[m.Rcode]}
	for _, rr := range m.Answer {
		words = append(words, strings.Join(strings.Fields(rr.String())[3:], " "))
	}
	for _, rr := range m.Ns {
		words = append(words, dns.TypeToString[rr.Header().Rrtype])
	}
	return strings.Join(words, " ")
}

func TestAnswers(t *testing.T) {
	s := New(zone(), nil, nil, slog.New(slog.DiscardHandler))
	for _, test := range []struct {
		name string
		kind uint16
		want string
	}{
		{"phone.alice.vpn", dns.TypeA, "NOERROR A 10.8.0.7"},
		{"PHONE.alice.VPN", dns.TypeAAAA, "NOERROR AAAA fd00:8::7"},
		{"laptop.alice.vpn", dns.TypeAAAA, "NOERROR SOA"},
		{"alice.vpn", dns.TypeA, "NOERROR A 10.8.0.7 A 10.8.0.8"},
		{"old-client.vpn", dns.TypeA, "NOERROR A 10.8.0.9"},
		{"server.vpn", dns.TypeA, "NOERROR A 10.8.0.1"},
		{"vpn", dns.TypeA, "NOERROR SOA"},
		{"nobody.vpn", dns.TypeA, "NXDOMAIN SOA"},
		{"phone.alice.vpn", dns.TypeMX, "NOERROR SOA"},
		{"phone.alice.vpn", dns.TypeANY, "REFUSED"},
		{"vpn", dns.TypeAXFR, "REFUSED"},
		{"7.0.8.10.in-addr.arpa", dns.TypePTR, "NOERROR PTR phone.alice.vpn."},
		{"200.0.8.10.in-addr.arpa", dns.TypePTR, "NXDOMAIN SOA"},
		{"1.0.0.127.in-addr.arpa", dns.TypePTR, "REFUSED"},
		{must(dns.ReverseAddr("fd00:8::7")), dns.TypePTR, "NOERROR PTR phone.alice.vpn."},
		{"example.org", dns.TypeA, "REFUSED"},
		{"evilvpn", dns.TypeA, "REFUSED"},
	} {
		m := s.reply(question(test.name, test.kind), false)
		if got := said(m); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.name, dns.TypeToString[test.kind], got, test.want)
		}
		if m != nil && len(m.Question) > 0 && m.Question[0].Name != dns.Fqdn(test.name) {
			t.Errorf("%s: the question came back as %s", test.name, m.Question[0].Name)
		}
	}
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// TestComeAndGo: names and addresses are those of the clients that are there, also where
// one takes another's place.
func TestComeAndGo(t *testing.T) {
	z := zone()
	s := New(z, nil, nil, slog.New(slog.DiscardHandler))
	ask := func(name string, kind uint16) string { return said(s.reply(question(name, kind), false)) }
	z.Leave(2)
	if got := ask("laptop.alice.vpn", dns.TypeA); got != "NXDOMAIN SOA" {
		t.Error(got)
	}
	if got := ask("alice.vpn", dns.TypeA); got != "NOERROR A 10.8.0.7" {
		t.Error(got)
	}
	z.Enter(9, "phone.alice", "alice", v4) // the same device again, before the session of before is gone
	z.Leave(1)
	if got := ask("phone.alice.vpn", dns.TypeA); got != "NOERROR A 10.8.0.7" {
		t.Errorf("after its session of before went: %s", got)
	}
	z.Enter(10, "tablet.bert", "bert", v4) // the address goes to another
	z.Leave(9)
	if got := ask("7.0.8.10.in-addr.arpa", dns.TypePTR); got != "NOERROR PTR tablet.bert.vpn." {
		t.Error(got)
	}
	for _, n := range []uint64{3, 10} {
		z.Leave(n)
	}
	if len(z.clients) != 1 || len(z.forward) != 1 || len(z.reverse) != 2 {
		t.Errorf("left behind: %v %v %v", z.clients, z.forward, z.reverse)
	}
}

// TestNoServersName: no client takes the server's own name.
func TestNoServersName(t *testing.T) {
	z := zone()
	z.Enter(5, "server", "SERVER", netip.MustParseAddr("10.8.0.66"))
	s := New(z, nil, nil, slog.New(slog.DiscardHandler))
	if got := said(s.reply(question("server.vpn", dns.TypeA), false)); got != "NOERROR A 10.8.0.1" {
		t.Error(got)
	}
}

// TestSizes: an answer that is too long for UDP is cut, and whole over TCP; EDNS makes room.
func TestSizes(t *testing.T) {
	z := zone()
	for i := range 60 {
		z.Enter(uint64(100+i), fmt.Sprintf("d%d.many", i), "many", netip.AddrFrom4([4]byte{10, 8, 0, byte(100 + i)}))
	}
	s := New(z, nil, nil, slog.New(slog.DiscardHandler))
	q := question("many.vpn", dns.TypeA)
	if m := s.reply(q, false); !m.Truncated || m.Len() > 512 {
		t.Errorf("by UDP: %d bytes, truncated %v", m.Len(), m.Truncated)
	}
	if m := s.reply(q, true); m.Truncated || len(m.Answer) != 60 {
		t.Errorf("by TCP: %d addresses", len(m.Answer))
	}
	q.SetEdns0(4096, false)
	if m := s.reply(q, false); m.Len() > maxUDP || len(m.Answer) < 40 || m.IsEdns0() == nil {
		t.Errorf("with EDNS: %d bytes, %d addresses", m.Len(), len(m.Answer))
	}
}

// TestPassesOn: other questions go to the name servers in order, and their answers come
// back under the client's id.
func TestPassesOn(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, 1)})
		w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	defer server.Shutdown()
	dead := netip.MustParseAddrPort("192.0.2.66:53")
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == dead.String() {
			return nil, fmt.Errorf("no way there")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	s := New(zone(), []netip.AddrPort{dead, netip.MustParseAddrPort(packets.LocalAddr().String())}, dial, slog.New(slog.DiscardHandler))
	q := question("example.org", dns.TypeA)
	m := s.reply(q, false)
	if got := said(m); got != "NOERROR A 192.0.2.1" || m.Id != q.Id {
		t.Errorf("%s, id %d for %d", got, m.Id, q.Id)
	}
	none := New(zone(), []netip.AddrPort{dead}, dial, slog.New(slog.DiscardHandler))
	if got := said(none.reply(q, false)); got != "SERVFAIL" {
		t.Errorf("where nobody answers: %s", got)
	}
}

// TestOnlyClients: nobody outside of the tunnel gets an answer.
func TestOnlyClients(t *testing.T) {
	inside := NewZone("vpn", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, netip.MustParseAddr("127.0.0.1"))
	for z, want := range map[*Zone]bool{inside: true, zone(): false} {
		packets, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		streams, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := New(z, nil, nil, slog.New(slog.DiscardHandler))
		s.Listen(packets, streams)
		for network, at := range map[string]net.Addr{"udp": packets.LocalAddr(), "tcp": streams.Addr()} {
			client := dns.Client{Net: network, Timeout: 200 * time.Millisecond}
			m, _, err := client.Exchange(question("server.vpn", dns.TypeA), at.String())
			if (err == nil) != want || want && said(m) != "NOERROR A 127.0.0.1" {
				t.Errorf("%s, inside %v: %v, %v", network, want, said(m), err)
			}
		}
		s.Close()
	}
}

func TestLabels(t *testing.T) {
	for name, want := range map[string]string{
		"phone.alice": "phone.alice", "Anna_Example@Example.org": "anna-example-example.org", "..": "", "-x-": "x", "ärger": "rger",
		strings.Repeat("a", 64): strings.Repeat("a", 63), "a b": "a-b", "": "",
	} {
		if got := Labels(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, name := range []string{"phone.alice.vpn", "7.0.8.10.in-addr.arpa"} {
		text, err := question(name, dns.TypeA).Pack()
		if err != nil {
			f.Fatal(err)
		}
		text[0], text[1] = 0, 1
		f.Add(text)
	}
	s := New(zone(), nil, nil, slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, text []byte) {
		q := new(dns.Msg)
		if q.Unpack(text) != nil {
			return
		}
		m := s.reply(q, false)
		if m == nil {
			return
		}
		if _, err := m.Pack(); err != nil {
			t.Fatalf("an answer that cannot be sent: %v to %v", err, q)
		}
		if m.Len() > maxUDP {
			t.Fatalf("%d bytes by UDP", m.Len())
		}
	})
}
