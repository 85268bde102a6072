package userstack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"culvert/internal/buf"

	"golang.org/x/net/icmp"
)

// outside are addresses of documentation: nothing may really reach them.
var outside = []netip.Addr{netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7")}

// forwarding is a client whose server forwards.
func forwarding(t *testing.T, o ForwardOptions) (*Stack, *Forwarder) {
	t.Helper()
	client, server := pair(t, Options{})
	f, err := Forward(server, o)
	if err != nil {
		t.Fatal(err)
	}
	return client, f
}

// toPort maps everything to a port of loopback.
func toPort(a net.Addr) func(netip.AddrPort) (netip.AddrPort, bool) {
	var to netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		to = a.AddrPort()
	case *net.UDPAddr:
		to = a.AddrPort()
	}
	return func(netip.AddrPort) (netip.AddrPort, bool) { return to, true }
}

func loopbackTCP(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func loopbackUDP(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func dialOutside(t *testing.T, s *Stack, network string, a netip.Addr) (net.Conn, error) {
	t.Helper()
	c, err := s.DialContext(timeout(t), network, netip.AddrPortFrom(a, 80).String())
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func mustDialOutside(t *testing.T, s *Stack, network string, a netip.Addr) net.Conn {
	t.Helper()
	c, err := dialOutside(t, s, network, a)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestForwardTCP(t *testing.T) {
	l := loopbackTCP(t)
	go echoTCP(l)
	client, _ := forwarding(t, ForwardOptions{Local: toPort(l.Addr())})
	for _, a := range outside {
		checkEchoTCP(t, mustDialOutside(t, client, "tcp", a), 4<<20)
	}
}

func TestForwardRefusedTCP(t *testing.T) {
	l := loopbackTCP(t)
	l.Close()
	client, _ := forwarding(t, ForwardOptions{Local: toPort(l.Addr())})
	for _, a := range outside {
		if _, err := dialOutside(t, client, "tcp", a); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial %v: %v", a, err)
		}
	}
}

func TestForwardUnreachable(t *testing.T) {
	client, _ := forwarding(t, ForwardOptions{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, syscall.EHOSTUNREACH },
	})
	for i, want := range []error{syscall.EHOSTUNREACH, syscall.ENETUNREACH} {
		if _, err := dialOutside(t, client, "tcp", outside[i]); !errors.Is(err, want) {
			t.Errorf("dial %v: %v", outside[i], err)
		}
	}
}

func TestForwardKeepsClientsOffTheHost(t *testing.T) {
	client, f := forwarding(t, ForwardOptions{
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			t.Errorf("dialled %s", address)
			return nil, syscall.ECONNREFUSED
		},
	})
	for i, a := range []string{"10.8.0.1", "fd00::1", "169.254.169.254"} {
		if _, err := dialOutside(t, client, "tcp", netip.MustParseAddr(a)); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial %s: %v", a, err)
		}
		if got := f.Stats().Refused; got != uint64(i+1) {
			t.Errorf("after %s: %d refused", a, got)
		}
	}
}

func TestReachable(t *testing.T) {
	for a, want := range map[string]bool{
		"192.0.2.1": true, "10.0.0.1": true, "2001:db8::1": true, "fd00::5": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "::ffff:127.0.0.1": false,
		"0.0.0.0": false, "0.0.0.1": false, "::": false, "169.254.1.1": false, "fe80::1": false,
		"224.0.0.251": false, "ff02::fb": false, "255.255.255.255": false, "::ffff:0.0.0.0": false,
	} {
		if got := reachable(netip.MustParseAddr(a)); got != want {
			t.Errorf("reachable(%s) = %v", a, got)
		}
	}
}

func TestForwardReset(t *testing.T) {
	l := loopbackTCP(t)
	client, _ := forwarding(t, ForwardOptions{Local: toPort(l.Addr())})
	c := mustDialOutside(t, client, "tcp", outside[0])
	outer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	outer.(*net.TCPConn).SetLinger(0)
	outer.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Fatalf("a reset outside reads as %v inside", err)
	}
}

func TestForwardUDP(t *testing.T) {
	l := loopbackUDP(t)
	go echoUDP(l)
	client, f := forwarding(t, ForwardOptions{Local: toPort(l.LocalAddr())})
	for _, a := range outside {
		c := mustDialOutside(t, client, "udp", a)
		checkEchoUDP(t, c, "short")
		checkEchoUDP(t, c, strings.Repeat("fragmented", 800))
	}
	if got := f.Stats().UDP; got != len(outside) {
		t.Errorf("%d flows", got)
	}
}

func TestForwardUDPPortUnreachable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Go has Windows keep to itself that nobody listens (SIO_UDP_CONNRESET)")
	}
	l := loopbackUDP(t)
	l.Close()
	client, _ := forwarding(t, ForwardOptions{Local: toPort(l.LocalAddr())})
	for _, a := range outside {
		c := mustDialOutside(t, client, "udp", a)
		// gVisor reports ICMP errors at the next write.
		var err error
		for deadline := time.Now().Add(patience); err == nil && time.Now().Before(deadline); {
			_, err = c.Write([]byte("anyone?"))
			time.Sleep(time.Millisecond)
		}
		if err == nil {
			t.Errorf("%v: nobody said that nobody listens", a)
		}
	}
}

// closeNotice reports when a connection is closed.
type closeNotice struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

func (c *closeNotice) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// noticing dials, and hands out each connection to watch it close.
func noticing(opened chan *closeNotice) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		n := &closeNotice{Conn: c, closed: make(chan struct{})}
		opened <- n
		return n, nil
	}
}

func TestForwardUDPEndsFlows(t *testing.T) {
	for name, o := range map[string]ForwardOptions{
		"idle":     {UDPIdle: 20 * time.Millisecond},
		"too many": {FlowsPerClient: 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := loopbackUDP(t)
			go echoUDP(l)
			opened := make(chan *closeNotice, 2)
			o.Local, o.DialContext = toPort(l.LocalAddr()), noticing(opened)
			client, _ := forwarding(t, o)
			first := mustDialOutside(t, client, "udp", outside[0])
			if name == "too many" {
				checkEchoUDP(t, first, "first")
				checkEchoUDP(t, mustDialOutside(t, client, "udp", outside[0]), "second")
			} else if _, err := first.Write([]byte("the answer may come when the flow has ended")); err != nil {
				t.Fatal(err)
			}
			select {
			case <-(<-opened).closed:
			case <-time.After(patience):
				t.Fatal("the first flow goes on")
			}
		})
	}
}

func TestCloseEndsForwarding(t *testing.T) {
	l := loopbackTCP(t)
	server := newStack(t, Options{Addresses: serverPrefixes})
	if _, err := Forward(server, ForwardOptions{Local: toPort(l.Addr())}); err != nil {
		t.Fatal(err)
	}
	// The client never completes the handshake.
	client := newStack(t, Options{Addresses: clientPrefixes})
	go client.DialContext(timeout(t), "tcp", "198.51.100.7:80")
	batch := buf.NewBatch(1, buf.DefaultSize)
	if _, err := client.ReadBatch(batch); err != nil {
		t.Fatal(err)
	}
	if _, err := server.WriteBatch(batch); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ReadBatch(batch); err != nil { // SYN and ACK
		t.Fatal(err)
	}
	server.Close()
	outer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	if _, err := outer.Read(make([]byte, 1)); err == nil {
		t.Error("the outer connection lives on")
	}
}

// fakeEcho is an outer ICMP socket whose peers all answer.
type fakeEcho struct {
	net.PacketConn
	replies chan fakeReply
	closed  chan struct{}
}

type fakeReply struct {
	from net.Addr
	b    []byte
}

func (f *fakeEcho) WriteTo(b []byte, to net.Addr) (int, error) {
	peer := addrOf(to)
	echo, ok := parseEcho(peer, b, false)
	if !ok {
		return 0, errors.New("not an echo request")
	}
	m, err := echoMessage(peer, *echo, true)
	f.replies <- fakeReply{to, m}
	return len(b), err
}

func (f *fakeEcho) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case r := <-f.replies:
		return copy(b, r.b), r.from, nil
	case <-f.closed:
		return 0, nil, net.ErrClosed
	}
}

func (f *fakeEcho) Close() error {
	close(f.closed)
	return nil
}

func TestForwardEcho(t *testing.T) {
	client, f := forwarding(t, ForwardOptions{})
	open := func() (echoSocket, error) {
		return echoSocket{PacketConn: &fakeEcho{replies: make(chan fakeReply, 1), closed: make(chan struct{})}}, nil
	}
	f.echo4.open, f.echo6.open = open, open
	for _, a := range append(outside, serverAddrs...) {
		for range 2 {
			if _, err := client.Ping(timeout(t), a); err != nil {
				t.Error(err)
			}
		}
	}
	if n := len(f.echo4.client) + len(f.echo6.client); n != 0 {
		t.Errorf("%d clients have requests under way", n)
	}
}

func TestForwardEchoDenied(t *testing.T) {
	var log bytes.Buffer
	client, f := forwarding(t, ForwardOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	denied := make(chan struct{}, 8)
	open := func() (echoSocket, error) {
		denied <- struct{}{}
		return echoSocket{}, syscall.EACCES
	}
	f.echo4.open, f.echo6.open = open, open
	ctx, cancel := context.WithCancel(context.Background())
	for _, a := range outside {
		go client.Ping(ctx, a)
		<-denied
	}
	cancel()
	client.Close()
	f.stack.Close()
	if got := strings.Count(log.String(), "net.ipv4.ping_group_range"); got != 1 {
		t.Errorf("%d messages: %s", got, &log)
	}
}

func TestEchoerBoundsClients(t *testing.T) {
	sent := 0
	e := &echoer{reply: func([]byte) {}, open: func() (echoSocket, error) {
		return echoSocket{PacketConn: countEcho{&sent, make(chan struct{})}}, nil
	}}
	ask := func(src string) bool {
		return e.request(netip.MustParseAddr(src), outside[0], &icmp.Echo{})
	}
	for range echoPerClient {
		if !ask("10.8.0.2") {
			t.Fatal("dropped too early")
		}
	}
	if ask("10.8.0.2") || !ask("10.8.0.3") || sent != echoPerClient+1 {
		t.Errorf("%d sent", sent)
	}
	e.mu.Lock()
	e.expire(time.Now().Add(echoTimeout))
	e.mu.Unlock()
	if !ask("10.8.0.2") {
		t.Error("still full after the time limit")
	}
	e.close()
}

// countEcho counts requests and never answers.
type countEcho struct {
	n      *int
	closed chan struct{}
}

func (c countEcho) WriteTo(b []byte, _ net.Addr) (int, error) { *c.n++; return len(b), nil }
func (c countEcho) ReadFrom([]byte) (int, net.Addr, error) {
	<-c.closed
	return 0, nil, net.ErrClosed
}
func (c countEcho) Close() error                     { close(c.closed); return nil }
func (c countEcho) LocalAddr() net.Addr              { return nil }
func (c countEcho) SetDeadline(time.Time) error      { return nil }
func (c countEcho) SetReadDeadline(time.Time) error  { return nil }
func (c countEcho) SetWriteDeadline(time.Time) error { return nil }

func TestFlowTableIsFair(t *testing.T) {
	table := newFlowTable(3, 4)
	ended := make(map[string]bool)
	add := func(client, name string, active int64) {
		u := &udpFlow{flow: flow{src: netip.MustParseAddrPort(client + ":1")}, end: func() { ended[name] = true }}
		u.active.Store(active)
		table.add(u)
	}
	add("10.8.0.2", "a1", 5)
	add("10.8.0.2", "a2", 1)
	add("10.8.0.2", "a3", 3)
	add("10.8.0.2", "a4", 4) // over a's own limit: a2 is its idlest
	add("10.8.0.3", "b1", 0)
	add("10.8.0.4", "c1", 0) // over the limit of all: a has most, a3 is its idlest
	if len(ended) != 2 || !ended["a2"] || !ended["a3"] || table.count() != 4 {
		t.Errorf("ended %v, %d left", ended, table.count())
	}
}

func TestForwardTwice(t *testing.T) {
	s := newStack(t, Options{Addresses: serverPrefixes})
	if _, err := Forward(s, ForwardOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := Forward(s, ForwardOptions{}); err == nil {
		t.Error("two forwarders")
	}
	s.Close()
	if _, err := Forward(s, ForwardOptions{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
