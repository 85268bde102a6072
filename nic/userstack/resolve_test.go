package userstack

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"culvert/nic/userstack/proxy"

	"golang.org/x/net/dns/dnsmessage"
	xproxy "golang.org/x/net/proxy"
)

// serveDNS answers for names under example and knows no others.
func serveDNS(t *testing.T, s *Stack, at netip.AddrPort) {
	t.Helper()
	l, err := s.ListenUDP(at)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			if answer, err := answerDNS(b[:n]); err == nil {
				l.WriteTo(answer, from)
			}
		}
	}()
}

func answerDNS(b []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(b); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	q := m.Questions[0]
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type, TTL: 60}
	switch {
	case !strings.HasSuffix(q.Name.String(), ".example."):
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: serverAddrs[0].As4()}}}
	case q.Type == dnsmessage.TypeAAAA:
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: serverAddrs[1].As16()}}}
	}
	return m.Pack()
}

func TestNamesThroughTheTunnel(t *testing.T) {
	refusing := netip.AddrPortFrom(serverAddrs[0], 54)
	at := netip.AddrPortFrom(serverAddrs[0], 53)
	client, server := pair(t, Options{DNS: []netip.AddrPort{at, refusing}})
	serveDNS(t, server, at)
	for i, a := range serverAddrs {
		go echoTCP(listenTCP(t, server, netip.AddrPortFrom(a, 7)))
		c, err := client.DialContext(timeout(t), []string{"tcp4", "tcp6"}[i], "echo.example:7")
		if err != nil {
			t.Fatal(err)
		}
		checkEchoTCP(t, c, 1000)
	}
	_, err := client.DialContext(timeout(t), "tcp", "echo.invalid:7")
	var dns *net.DNSError
	if !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("a name that is not: %v", err)
	}
	if dns != nil && dns.Server != at.String() {
		t.Errorf("the server that was asked is named %s, not %v", dns.Server, at)
	}
}

// A program, the proxy, the tunnel, the forwarder and a service of the host.
func TestSOCKSThroughTheTunnel(t *testing.T) {
	service := loopbackTCP(t)
	go echoTCP(service)
	dns := netip.AddrPortFrom(serverAddrs[0], 53)
	client, server := pair(t, Options{DNS: []netip.AddrPort{dns}})
	serveDNS(t, server, dns)
	if _, err := Forward(server, ForwardOptions{Local: toPort(service.Addr())}); err != nil {
		t.Fatal(err)
	}
	l := loopbackTCP(t)
	socks := proxy.NewSOCKS(client, slog.New(slog.NewTextHandler(io.Discard, nil)))
	go socks.Serve(l)
	defer socks.Close()
	dialer, err := xproxy.SOCKS5("tcp", l.Addr().String(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"echo.example:7", "198.51.100.7:7", "[2001:db8::7]:7"} {
		c, err := dialer.Dial("tcp", target)
		if err != nil {
			t.Fatal(err)
		}
		checkEchoTCP(t, c, 1<<20)
	}
}
