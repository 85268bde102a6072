package hostnet

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
)

// TestConnections: those of an address are found, of TCP and UDP, and no listeners.
func TestConnections(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lists them")
	}
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listener := l.Addr().(*net.TCPAddr).AddrPort()
	tcp, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IP{127, 0, 0, 3}}}).Dial("tcp", listener.String())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IP{127, 0, 0, 3}}, &net.UDPAddr{IP: net.IP{127, 0, 0, 2}, Port: 9})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	var n Network
	list := n.Connections(netip.MustParseAddr("127.0.0.3"))
	for _, want := range []Connection{
		{"tcp", tcp.LocalAddr().(*net.TCPAddr).AddrPort(), listener},
		{"udp", udp.LocalAddr().(*net.UDPAddr).AddrPort(), netip.MustParseAddrPort("127.0.0.2:9")},
	} {
		if !slices.Contains(list, want) {
			t.Errorf("%v is not in %v", want, list)
		}
	}
	if len(n.Connections(netip.MustParseAddr("127.0.0.77"))) != 0 {
		t.Error("there are some of an address that nobody uses")
	}
}

// TestConnectionsOfBothFamilies: what a socket for both families accepted by IPv4 is found by
// its IPv4 address.
func TestConnectionsOfBothFamilies(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lists them")
	}
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	out, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IP{127, 0, 0, 3}}}).Dial("tcp4", fmt.Sprintf("127.0.0.9:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	near, far := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), port), out.LocalAddr().(*net.TCPAddr).AddrPort()
	if list := (Network{}).Connections(near.Addr()); !slices.Equal(list, []Connection{{"tcp", near, far}}) {
		t.Errorf("accepted from %v, found %v", far, list)
	}
}
