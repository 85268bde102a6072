package link

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

// A host with several addresses answers from the one that was asked, whatever its
// routes prefer.
func TestRepliesLeaveFromAddressAsked(t *testing.T) {
	for name, addr := range map[string]netip.AddrPort{
		"IPv4": addrPort("0.0.0.0:0"),
		"both": {},
	} {
		t.Run(name, func(t *testing.T) {
			server := listen(t, Options{Addr: addr})
			client := listen(t, Options{Addr: addrPort(loopback4)})
			asked := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.42"), server.LocalAddr().Port())
			write(t, client, packets(asked, "question"))
			_, path := read(t, server, 1)
			if path != (buf.Path{Remote: client.LocalAddr(), Local: asked.Addr()}) {
				t.Errorf("path %v", path)
			}
			answer := packets(asked, "answer", "answer")
			answer[0].Path = path
			answer[1].Path = buf.Path{Remote: path.Remote}
			write(t, server, answer)
			if _, back := read(t, client, 1); back.Remote != asked {
				t.Errorf("answered from %v, asked at %v", back.Remote, asked)
			}
			if _, back := read(t, client, 1); back.Remote.Addr() != netip.MustParseAddr("127.0.0.1") {
				t.Errorf("left to the system, answered from %v", back.Remote)
			}
		})
	}
}

func TestLocalAddress(t *testing.T) {
	for _, addr := range loopbacks(t) {
		client := listen(t, Options{Addr: addrPort(addr)})
		host := client.LocalAddr().Addr()
		wildcard := netip.IPv4Unspecified()
		if host.Is6() {
			wildcard = netip.IPv6Unspecified()
		}
		server := listen(t, Options{Addr: netip.AddrPortFrom(wildcard, 0)})
		write(t, client, packets(netip.AddrPortFrom(host, server.LocalAddr().Port()), "question"))
		if _, path := read(t, server, 1); path != (buf.Path{Remote: client.LocalAddr(), Local: host}) {
			t.Errorf("path %v", path)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, addr := range loopbacks(t) {
		testRefusals(t, Options{Addr: addrPort(addr), Refusals: true}, addrPort(addr))
		testRefusals(t, Options{Refusals: true}, addrPort(addr))
	}
}

// testRefusals writes from a socket of o to sockets at addr.
func testRefusals(t *testing.T, o Options, addr netip.AddrPort) {
	client, server, gone := listen(t, o), listen(t, Options{Addr: addr}), listen(t, Options{Addr: addr})
	gone.Close()
	write(t, client, packets(gone.LocalAddr(), "hello?"))
	_, err := client.ReadBatch(buf.NewBatch(1, 100))
	if !errors.As(err, new(*ReportedError)) || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), gone.LocalAddr().String()) {
		t.Errorf("ReadBatch: %v; want a refusal by %v", err, gone.LocalAddr())
	}
	// A refusal reported to a writer costs no other datagram.
	write(t, client, packets(gone.LocalAddr(), "hello?"))
	n, err := client.WriteBatch(packets(server.LocalAddr(), "one", "two"))
	if n != 2 || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("WriteBatch: %d, %v; want 2 and a refusal", n, err)
	}
	write(t, client, packets(server.LocalAddr(), "three"))
	if got, _ := read(t, server, 3); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("%q", got)
	}
}

// Without Refusals, a peer that vanished disturbs nobody.
func TestNoRefusalsForServers(t *testing.T) {
	server, other := listen(t, Options{}), listen(t, Options{Addr: addrPort(loopback4)})
	gone := listen(t, Options{Addr: addrPort(loopback4)})
	gone.Close()
	for range 3 {
		write(t, server, packets(gone.LocalAddr(), "hello?"))
	}
	write(t, server, packets(other.LocalAddr(), "hello"))
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.LocalAddr().Port())
	write(t, other, packets(to, "hello"))
	if got, _ := read(t, server, 1); got[0] != "hello" {
		t.Errorf("%q", got)
	}
}

func option(t *testing.T, u *UDP, name int) (value int) {
	t.Helper()
	err := u.raw.Control(func(fd uintptr) {
		var err error
		if value, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, name); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestSocketBuffers(t *testing.T) {
	u := listen(t, Options{Addr: addrPort(loopback4), ReceiveBuffer: 20000, SendBuffer: -1})
	if n := option(t, u, unix.SO_RCVBUF); n != 2*20000 { // the kernel doubles it
		t.Errorf("receive buffer %d", n)
	}
	plain, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(plain)
	want, _ := unix.GetsockoptInt(plain, unix.SOL_SOCKET, unix.SO_SNDBUF)
	if n := option(t, u, unix.SO_SNDBUF); n != want {
		t.Errorf("send buffer %d, the system's is %d", n, want)
	}
	if n := option(t, listen(t, Options{}), unix.SO_RCVBUF); n < want {
		t.Errorf("receive buffer %d by default, less than the system's", n)
	}
}

func TestMissingDevice(t *testing.T) {
	_, err := ListenUDP(Options{Device: "absent0"})
	if !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "absent0") {
		t.Errorf("%v", err)
	}
	u := listen(t, Options{Device: "lo"})
	name := ""
	_ = u.raw.Control(func(fd uintptr) { name, _ = unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE) })
	if name != "lo" {
		t.Errorf("bound to %q", name)
	}
}

func TestBatchesDoNotAllocate(t *testing.T) {
	for _, addr := range loopbacks(t) {
		from, to := listen(t, Options{Addr: addrPort(addr)}), listen(t, Options{Addr: addrPort(addr)})
		out := packets(to.LocalAddr(), numbered(8)...)
		for _, p := range out {
			p.Path.Local = from.LocalAddr().Addr()
		}
		in := buf.NewBatch(8, 100)
		allocs := testing.AllocsPerRun(100, func() {
			write(t, from, out)
			for got := 0; got < len(out); {
				n, err := to.ReadBatch(in)
				if err != nil {
					t.Fatal(err)
				}
				got += n
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations a batch", addr, allocs)
		}
	}
}

func TestAddressesSurviveSockaddr(t *testing.T) {
	for _, c := range []struct {
		addr string
		ipv6 bool
		want string // "" for none
	}{
		{"192.0.2.1:1194", false, "192.0.2.1:1194"},
		{"192.0.2.1:1194", true, "192.0.2.1:1194"},
		{"[::ffff:192.0.2.1]:1194", false, "192.0.2.1:1194"},
		{"[2001:db8::1]:1194", true, "[2001:db8::1]:1194"},
		{"[fe80::1%1000007]:1194", true, "[fe80::1%1000007]:1194"},
		{"[fe80::1%lo]:1194", true, "[fe80::1%lo]:1194"},
		{"[fe80::1%1]:1194", true, "[fe80::1%lo]:1194"},
		{"[2001:db8::1]:1194", false, ""},
		{"192.0.2.1:0", false, ""},
	} {
		var s sockaddr
		size := s.set(addrPort(c.addr), c.ipv6, new(zones))
		if (size == 0) != (c.want == "") {
			t.Errorf("%s: length %d", c.addr, size)
		}
		if got := s.addrPort(c.ipv6, new(zones)); size != 0 && got != addrPort(c.want) {
			t.Errorf("%s became %v, want %s", c.addr, got, c.want)
		}
	}
}

// TestMTUDiscovery: the option is set for each protocol that a socket carries, on
// UDP and TCP.
func TestMTUDiscovery(t *testing.T) {
	for want, discovery := range map[int]MTUDiscovery{unix.IP_PMTUDISC_DONT: CutAlways, unix.IP_PMTUDISC_WANT: CutHere, unix.IP_PMTUDISC_DO: CutNever} {
		for _, addr := range append(loopbacks(t), "") {
			o := Options{MTUDiscovery: discovery}
			if addr != "" {
				o.Addr = addrPort(addr)
			}
			u := listen(t, o)
			tcp, err := ListenTCP(o)
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			for kind, socket := range map[string]syscall.Conn{"UDP": u.conn, "TCP": tcp.listener} {
				if v4, v6, ipv6 := mtuDiscovery(t, socket); v4 != want && addr != loopback6 || v6 != want && ipv6 {
					t.Errorf("%s on %q: %d for IPv4, %d for IPv6; want %d", kind, addr, v4, v6, want)
				}
			}
		}
	}
}

// TestDatagramsMayBeCut: also if no option says so, for single datagrams as for
// runs.
func TestDatagramsMayBeCut(t *testing.T) {
	for _, addr := range append(loopbacks(t), "") {
		var o Options
		if addr != "" {
			o.Addr = addrPort(addr)
		}
		u := listen(t, o)
		if v4, v6, ipv6 := mtuDiscovery(t, u.conn); v4 != unix.IP_PMTUDISC_DONT && addr != loopback6 || v6 != unix.IP_PMTUDISC_DONT && ipv6 {
			t.Errorf("on %q: %d for IPv4, %d for IPv6; want %d", addr, v4, v6, unix.IP_PMTUDISC_DONT)
		}
	}
}

// TestPathMTU: for a host's own addresses it is the MTU of the loopback device, and
// for IPv4 at most what a packet's length field can say.
func TestPathMTU(t *testing.T) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if mtu, ok := listen(t, Options{}).PathMTU(addrPort("127.0.0.1:9")); ok {
		t.Errorf("where this host may cut packets: %d", mtu)
	}
	u := listen(t, Options{MTUDiscovery: CutNever})
	for _, addr := range append(loopbacks(t), "[::ffff:127.0.0.1]:9") {
		if mtu, ok := u.PathMTU(addrPort(addr)); !ok || mtu != lo.MTU && mtu != min(lo.MTU, math.MaxUint16) {
			t.Errorf("to %s: %d, %t; want %d", addr, mtu, ok, lo.MTU)
		}
	}
}

// mtuDiscovery reads what a socket does; v6 is not meant where ipv6 is false.
func mtuDiscovery(t *testing.T, socket syscall.Conn) (v4, v6 int, ipv6 bool) {
	t.Helper()
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		domain, _ := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		ipv6 = domain == unix.AF_INET6
		v4, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER)
		v6, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER)
	}); err != nil {
		t.Fatal(err)
	}
	return v4, v6, ipv6
}

// TestWriteWhole: the packet arrives, and afterwards the socket's packets may be cut as
// before.
func TestWriteWhole(t *testing.T) {
	for _, how := range []MTUDiscovery{SystemMTU, CutAlways, CutHere, CutNever} {
		u, far := listen(t, Options{MTUDiscovery: how, Addr: addrPort("127.0.0.1:0")}), listen(t, Options{Addr: addrPort("127.0.0.1:0")})
		before, _, _ := mtuDiscovery(t, u.conn)
		p := buf.New(buf.DefaultSize)
		p.Set([]byte("whole"))
		p.Path.Remote = far.LocalAddr()
		if err := u.WriteWhole(p); err != nil {
			t.Fatal(err)
		}
		in := []*buf.Packet{buf.New(buf.DefaultSize)}
		if _, err := far.ReadBatch(in); err != nil || string(in[0].Bytes()) != "whole" {
			t.Errorf("%q, %v", in[0].Bytes(), err)
		}
		if after, _, _ := mtuDiscovery(t, u.conn); after != before {
			t.Errorf("%v: discovery %d, before %d", how, after, before)
		}
	}
}

// observedConn calls before each call on the socket that is not a read.
type observedConn struct {
	syscall.RawConn
	control, write func()
}

func (c observedConn) Control(f func(uintptr)) error {
	c.control()
	return c.RawConn.Control(f)
}

func (c observedConn) Write(f func(uintptr) bool) error {
	c.write()
	return c.RawConn.Write(f)
}

// TestWriteWholeAlone: nobody else writes between the change of the option and the change
// back, since packets of theirs that are too large would be refused; and only meanwhile
// nobody may cut.
func TestWriteWholeAlone(t *testing.T) {
	u, far := listen(t, Options{Addr: addrPort("127.0.0.1:0")}), listen(t, Options{Addr: addrPort("127.0.0.1:0")})
	before, _, _ := mtuDiscovery(t, u.conn)
	raw := u.raw
	var calls []int // what the option is before each call
	look := func() {
		if u.writing.TryLock() {
			u.writing.Unlock()
			t.Error("another writer could come between")
		}
		now, _, _ := mtuDiscovery(t, u.conn)
		calls = append(calls, now)
	}
	u.raw = observedConn{raw, look, look}
	p := buf.New(buf.DefaultSize)
	p.Set([]byte("whole"))
	p.Path.Remote = far.LocalAddr()
	err := u.WriteWhole(p)
	u.raw = raw
	after, _, _ := mtuDiscovery(t, u.conn)
	if want := []int{before, unix.IP_PMTUDISC_PROBE, unix.IP_PMTUDISC_PROBE}; err != nil || !slices.Equal(calls, want) || after != before {
		t.Errorf("discovery was %v, then %d, want %v, then %d (%v)", calls, after, want, before, err)
	}
	if !u.writing.TryLock() {
		t.Fatal("nobody can write afterwards")
	}
	u.writing.Unlock()
}

// TestBelieved: what the system believes of a path is known also where it may cut.
func TestBelieved(t *testing.T) {
	for _, addr := range loopbacks(t) {
		u := listen(t, Options{Addr: addrPort(addr)})
		bytes, ok := u.Believed(u.LocalAddr())
		if !ok || bytes < 1280 {
			t.Errorf("%s: %d, %v", addr, bytes, ok)
		}
		if _, ok := u.PathMTU(u.LocalAddr()); ok {
			t.Errorf("%s: the system is believed", addr)
		}
		if _, ok := u.Believed(netip.AddrPort{}); ok {
			t.Error("believed without an address")
		}
	}
}
