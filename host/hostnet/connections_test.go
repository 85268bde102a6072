package hostnet

import (
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
