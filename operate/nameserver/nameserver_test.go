package nameserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
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
		{"alice.vpn", dns.TypeA, "NOERROR A 10.8.0.8 A 10.8.0.7"},
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
		m := s.reply(v4, question(test.name, test.kind), false)
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
	ask := func(name string, kind uint16) string { return said(s.reply(v4, question(name, kind), false)) }
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
	moved := netip.MustParseAddr("10.8.0.70")
	z.Enter(11, "phone.alice", "alice", moved) // and again, with another address
	if got := ask("phone.alice.vpn", dns.TypeA); !strings.HasPrefix(got, "NOERROR A 10.8.0.70") {
		t.Errorf("with another address: %s", got)
	}
	z.Leave(9)
	if got := ask("phone.alice.vpn", dns.TypeA) + ", " + ask("7.0.8.10.in-addr.arpa", dns.TypePTR); got != "NOERROR A 10.8.0.70, NXDOMAIN SOA" {
		t.Errorf("after the session with the former address went: %s", got)
	}
	z.Enter(9, "phone.alice", "alice", v4)
	z.Leave(11)
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
	if got := said(s.reply(v4, question("server.vpn", dns.TypeA), false)); got != "NOERROR A 10.8.0.1" {
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
	if m := s.reply(v4, q, false); !m.Truncated || m.Len() > 512 {
		t.Errorf("by UDP: %d bytes, truncated %v", m.Len(), m.Truncated)
	}
	if m := s.reply(v4, q, true); m.Truncated || len(m.Answer) != 60 {
		t.Errorf("by TCP: %d addresses", len(m.Answer))
	}
	q.SetEdns0(4096, false)
	if m := s.reply(v4, q, false); m.Len() > maxUDP || len(m.Answer) < 40 || m.IsEdns0() == nil {
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
	m := s.reply(v4, q, false)
	if got := said(m); got != "NOERROR A 192.0.2.1" || m.Id != q.Id {
		t.Errorf("%s, id %d for %d", got, m.Id, q.Id)
	}
	none := New(zone(), []netip.AddrPort{dead}, dial, slog.New(slog.DiscardHandler))
	if got := said(none.reply(v4, q, false)); got != "SERVFAIL" {
		t.Errorf("where nobody answers: %s", got)
	}
}

// TestPassesOnLong passes an answer on that fits because it is compressed.
func TestPassesOnLong(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("abcdefghijklmnopqrstuvwxyz.", 5) + "example.org."
	server := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		m.Compress = true
		for i := range 15 {
			m.Answer = append(m.Answer, &dns.A{Hdr: dns.RR_Header{Name: long, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(192, 0, 2, byte(i))})
		}
		w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	defer server.Shutdown()
	s := New(zone(), []netip.AddrPort{netip.MustParseAddrPort(packets.LocalAddr().String())}, nil, slog.New(slog.DiscardHandler))
	m := s.reply(v4, question(long, dns.TypeA), false)
	text, err := m.Pack()
	if err != nil || len(text) > dns.MinMsgSize || len(m.Answer) != 15 {
		t.Errorf("%d bytes, %d answers, %v", len(text), len(m.Answer), err)
	}
}

// TestShares leaves room for others when one client asks without end, or opens connections.
func TestShares(t *testing.T) {
	asked := make(chan bool, passedOn)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		asked <- true
		<-ctx.Done()
		return nil, ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) {
		s := New(zone(), []netip.AddrPort{netip.MustParseAddrPort("192.0.2.66:53")}, dial, slog.New(slog.DiscardHandler))
		for range 3 * passedOnEach {
			go s.reply(v4, question("example.org", dns.TypeA), false)
		}
		synctest.Wait()
		if n := len(asked); n != passedOnEach {
			t.Errorf("%d questions of one client wait", n)
		}
		go s.reply(netip.MustParseAddr("10.8.0.8"), question("example.org", dns.TypeA), false)
		synctest.Wait()
		if n := len(asked); n != passedOnEach+1 {
			t.Errorf("with another client's, %d wait", n)
		}
		time.Sleep(allTime)
		synctest.Wait()
		if s.waiting.sum != 0 || len(s.waiting.taken) != 0 {
			t.Errorf("after the end: %+v", s.waiting)
		}
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(NewZone("vpn", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, netip.MustParseAddr("127.0.0.1")), nil, nil, slog.New(slog.DiscardHandler))
	s.Listen(packets, listener)
	defer s.Close()
	for range streamsEach {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if m, _, err := new(dns.Client).ExchangeWithConn(question("server.vpn", dns.TypeA), &dns.Conn{Conn: c}); err != nil || len(m.Answer) != 1 {
			t.Fatal(m, err)
		}
	}
	client := dns.Client{Net: "tcp"}
	if m, _, err := client.Exchange(question("server.vpn", dns.TypeA), listener.Addr().String()); err == nil {
		t.Errorf("one connection more is answered: %v", m)
	}
	other := dns.Client{Net: "tcp", Dialer: &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}}
	if m, _, err := other.Exchange(question("server.vpn", dns.TypeA), listener.Addr().String()); err != nil || len(m.Answer) != 1 {
		t.Errorf("another client: %v %v", m, err)
	}
}

// TestOutside answers nothing at all to what is from outside, nor to what is no question.
func TestOutside(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(zone(), nil, nil, slog.New(slog.DiscardHandler))
	s.Listen(packets, streams)
	defer s.Close()
	c, err := net.Dial("udp", packets.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Write([]byte{1, 2, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0xc0, 12}) // which the library answers itself
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := c.Read(make([]byte, 512)); err == nil {
		t.Errorf("%d bytes in answer", n)
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
		m := s.reply(v4, q, false)
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
