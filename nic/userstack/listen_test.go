package userstack

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

// TestListenAddresses: a listener is at one address of the stack, and no other.
func TestListenAddresses(t *testing.T) {
	s := newStack(t, Options{Addresses: serverPrefixes})
	for _, c := range []struct {
		network, address, want string
		err                    error
	}{
		{"tcp", ":80", "10.8.0.1:80", nil},
		{"tcp6", ":80", "[fd00::1]:80", nil},
		{"tcp", "[fd00::1]:81", "[fd00::1]:81", nil},
		{"tcp4", ":http-alt", "10.8.0.1:8080", nil},
		{"tcp", "10.8.0.2:80", "", syscall.EADDRNOTAVAIL},
		{"tcp4", "[fd00::1]:82", "", syscall.EADDRNOTAVAIL},
		{"tcp", "0.0.0.0:83", "", syscall.EADDRNOTAVAIL},
		{"udp", ":80", "", net.UnknownNetworkError("udp")},
		{"tcp5", ":80", "", net.UnknownNetworkError("tcp5")},
	} {
		l, err := s.Listen(c.network, c.address)
		var op *net.OpError
		if c.err != nil {
			if !errors.Is(err, c.err) || !errors.As(err, &op) || op.Op != "listen" {
				t.Errorf("%s %s: %v", c.network, c.address, err)
			}
			continue
		}
		if err != nil || l.Addr().String() != c.want {
			t.Errorf("%s %s: %v, %v", c.network, c.address, l, err)
		}
	}
	if _, err := s.Listen("tcp", ":80"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("an address in use: %v", err)
	}
	s.Close()
	if _, err := s.Listen("tcp", ":90"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed stack: %v", err)
	}
}

// TestListenBesideForward: a listener without a host leaves connections to
// other hosts to the forwarder.
func TestListenBesideForward(t *testing.T) {
	client, server := pair(t, Options{})
	outside, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	at := outside.Addr().(*net.TCPAddr).AddrPort()
	other := netip.MustParseAddrPort("192.0.2.1:80")
	if _, err := Forward(server, ForwardOptions{Local: func(to netip.AddrPort) (netip.AddrPort, bool) { return at, to == other }}); err != nil {
		t.Fatal(err)
	}
	inside, err := server.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	for to, l := range map[string]net.Listener{other.String(): outside, "10.8.0.1:80": inside} {
		conn, err := client.DialContext(timeout(t), "tcp", to)
		if err != nil {
			t.Fatal(to, err)
		}
		defer conn.Close()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(to, err)
		}
		accepted.Close()
	}
}

// TestListenPacket answers by the address that was asked.
func TestListenPacket(t *testing.T) {
	client, server := pair(t, Options{})
	for network, host := range map[string]string{"udp": "10.8.0.1", "udp6": "fd00::1"} {
		c, err := server.ListenPacket(network, ":53")
		if err != nil {
			t.Fatal(err)
		}
		go echoUDP(c)
		conn, err := client.DialContext(timeout(t), network, net.JoinHostPort(host, "53"))
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte("ping"))
		b := make([]byte, 16)
		if n, err := conn.Read(b); err != nil || string(b[:n]) != "ping" {
			t.Errorf("%s: %q, %v", network, b[:n], err)
		}
		conn.Close()
		c.Close()
	}
}
