package userstack

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/internal/buf"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// endless is an outer connection that gives as much as is taken, until closed.
type endless struct {
	net.Conn
	given  *atomic.Int64
	closed chan struct{}
	once   sync.Once
}

func newEndless(given *atomic.Int64) *endless {
	return &endless{given: given, closed: make(chan struct{})}
}

func (e *endless) Read(b []byte) (int, error) {
	select {
	case <-e.closed:
		return 0, net.ErrClosed
	default:
		e.given.Add(int64(len(b)))
		return len(b), nil
	}
}
func (e *endless) Write(b []byte) (int, error) { return len(b), nil }
func (e *endless) CloseWrite() error           { return nil }
func (e *endless) Close() error                { e.once.Do(func() { close(e.closed) }); return nil }

// rawClient speaks TCP to a stack by hand, and takes nothing that it is sent.
type rawClient struct {
	t      testing.TB
	server *Stack
	batch  []*buf.Packet
	ends   bool // closes its half of what is accepted
}

func newRawClient(t testing.TB, server *Stack) *rawClient {
	return &rawClient{t: t, server: server, batch: buf.NewBatch(1, buf.DefaultSize)}
}

func (c *rawClient) send(packet []byte) {
	c.batch[0].Set(packet)
	if _, err := c.server.WriteBatch(c.batch); err != nil {
		c.t.Error(err)
	}
}

// segment is a TCP segment of fl.
func segment(fl flow, flags header.TCPFlags, seq, ack uint32, window uint16) []byte {
	h := header.TCP(make([]byte, header.TCPMinimumSize))
	h.Encode(&header.TCPFields{SrcPort: fl.src.Port(), DstPort: fl.dst.Port(), SeqNum: seq, AckNum: ack,
		DataOffset: header.TCPMinimumSize, Flags: flags, WindowSize: window})
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, fromAddr(fl.src.Addr()), fromAddr(fl.dst.Addr()), uint16(len(h)))
	h.SetChecksum(^h.CalculateChecksum(sum))
	return ipPacket(fl, header.TCPProtocolNumber, h)
}

// answer acknowledges a connection that the stack accepts, and nothing else.
func (c *rawClient) answer(packet []byte) (accepted bool) {
	h := tcpSegmentOf(packet)
	if len(h) < header.TCPMinimumSize || h.Flags() != header.TCPFlagSyn|header.TCPFlagAck {
		return false
	}
	src, _ := netip.AddrFromSlice(packet[16:20])
	dst, _ := netip.AddrFromSlice(packet[12:16])
	fl := flow{netip.AddrPortFrom(src, h.DestinationPort()), netip.AddrPortFrom(dst, h.SourcePort())}
	flags := header.TCPFlagAck
	if c.ends {
		flags |= header.TCPFlagFin
	}
	c.send(segment(fl, flags, h.AckNumber(), h.SequenceNumber()+1, 0))
	return true
}

// openAll tries to open n connections, and returns when want are accepted.
func (c *rawClient) openAll(n, want int) (accepted int) {
	answers := make(chan bool, n)
	go func() {
		batch := buf.NewBatch(64, buf.DefaultSize)
		for {
			got, err := c.server.ReadBatch(batch)
			if err != nil {
				return
			}
			for _, p := range batch[:got] {
				if c.answer(p.Bytes()) {
					answers <- true
				}
			}
		}
	}()
	for i := range n {
		src := netip.AddrPortFrom(clientPrefixes[0].Addr(), uint16(1024+i))
		newRawClient(c.t, c.server).send(segment(flow{src, netip.MustParseAddrPort("198.51.100.7:80")}, header.TCPFlagSyn, 1, 0, 65535))
	}
	for accepted < want {
		select {
		case <-answers:
			accepted++
		case <-time.After(patience):
			return accepted
		}
	}
	return accepted
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// quietHeap returns the heap size once the stacks of earlier tests, which go on
// freeing memory for a while, are gone. What they free later would hide what a test
// takes.
func quietHeap() int64 {
	least := heap()
	for looks := 0; looks < 8; looks++ {
		time.Sleep(25 * time.Millisecond)
		if h := heap(); h < least-16<<10 {
			least, looks = h, -1
		}
	}
	return least
}

// TestNothingRead: a client can open connections to fast senders and read nothing.
// What that makes a server hold is bounded for each connection.
func TestNothingRead(t *testing.T) {
	var given atomic.Int64
	holdsLittle(t, 200, &given, func() net.Conn { return newEndless(&given) })
}

// holdsLittle fails if conns connections that nobody reads make a server hold more
// than they are charged for. open returns what each connection leads to, which
// counts in given the bytes it gives.
func holdsLittle(t *testing.T, conns int, given *atomic.Int64, open func() net.Conn) {
	t.Helper()
	server := newStack(t, Options{Addresses: serverPrefixes})
	defer server.Close()
	if _, err := Forward(server, ForwardOptions{
		OpenRate: conns, HalfOpenPerClient: conns,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return open(), nil },
	}); err != nil {
		t.Fatal(err)
	}
	before := quietHeap()
	if n := newRawClient(t, server).openAll(conns, conns); n != conns {
		t.Fatalf("%d connections accepted", n)
	}
	// All there is to take has been when two looks find no more taken.
	for last := int64(-1); given.Load() != last; time.Sleep(50 * time.Millisecond) {
		last = given.Load()
	}
	each := (heap() - before) / int64(conns)
	t.Logf("%d KiB a connection, %d bytes given to each", each>>10, given.Load()/int64(conns))
	if each > connCost {
		t.Errorf("a connection that nobody reads holds %d KiB; it is reckoned at %d", each>>10, connCost>>10)
	}
}

// TestMemoryBoundsConnections: a server without memory for more connections refuses
// them with an answer, and another client's connections go on.
func TestMemoryBoundsConnections(t *testing.T) {
	server := newStack(t, Options{Addresses: serverPrefixes, Memory: 16 * connCost})
	var given atomic.Int64
	var log lockedBuffer
	f, err := Forward(server, ForwardOptions{
		Logger:      slog.New(slog.NewTextHandler(&log, nil)),
		DialContext: func(context.Context, string, string) (net.Conn, error) { return newEndless(&given), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := newRawClient(t, server).openAll(8, 4); n != 4 {
		t.Errorf("one client has %d of 16 connections there is memory for", n)
	}
	if f.Stats().Refused != 4 || strings.Count(log.String(), "all the TCP connections that it may have") != 1 {
		t.Errorf("%+v\n%s", f.Stats(), log.String())
	}
	other := flow{netip.MustParseAddrPort("10.8.0.9:1"), netip.MustParseAddrPort("198.51.100.7:80")}
	if v := f.tcp.begin(f.ctx, other, 1); v != admitted {
		t.Errorf("another client is not admitted: %d", v)
	}
	f.tcp.ended(f.tcp.attempt(other))
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// silent is an outer datagram socket that nobody answers.
type silent struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (s *silent) Read([]byte) (int, error)        { <-s.closed; return 0, net.ErrClosed }
func (s *silent) Write(b []byte) (int, error)     { return len(b), nil }
func (s *silent) SetReadDeadline(time.Time) error { return nil }
func (s *silent) Close() error                    { s.once.Do(func() { close(s.closed) }); return nil }

// datagram is a UDP datagram of fl.
func datagram(fl flow, payload string) []byte {
	h := header.UDP(make([]byte, header.UDPMinimumSize, header.UDPMinimumSize+len(payload)))
	h.Encode(&header.UDPFields{SrcPort: fl.src.Port(), DstPort: fl.dst.Port(), Length: uint16(header.UDPMinimumSize + len(payload))})
	return ipPacket(fl, header.UDPProtocolNumber, append(h, payload...))
}

// TestFloodOfFlows: a client that begins flows as fast as it can makes the server
// open no more sockets than allowed, and another client's first datagram passes.
func TestFloodOfFlows(t *testing.T) {
	const flood = 5000
	server := newStack(t, Options{Addresses: serverPrefixes})
	dialled := make(chan string, flood+1)
	f, err := Forward(server, ForwardOptions{
		OpenRate: 10,
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled <- address
			return &silent{closed: make(chan struct{})}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, packets{server})
	client := newRawClient(t, server)
	began := time.Now()
	for i := range flood {
		dst := netip.AddrPortFrom(outside[0], uint16(1000+i))
		client.send(datagram(flow{netip.MustParseAddrPort("10.8.0.2:1000"), dst}, "flood"))
	}
	took := time.Since(began)
	client.send(datagram(flow{netip.MustParseAddrPort("10.8.0.3:1000"), netip.AddrPortFrom(outside[0], 53)}, "another's"))
	sockets := 0
	for address := ""; address != "198.51.100.7:53"; sockets++ {
		select {
		case address = <-dialled:
		case <-time.After(patience):
			t.Fatal("another client's datagram is lost")
		}
	}
	t.Logf("%d flows begun in %v: %d sockets opened before another client's", flood, took, sockets)
	if most := 40 + 10*int(1+took.Seconds()) + 1; sockets > most {
		t.Errorf("%d sockets, want at most %d", sockets, most)
	}
	if f.Stats().Ignored == 0 {
		t.Error("nothing was ignored")
	}
}

// packets reads what a stack sends, as a stream.
type packets struct{ *Stack }

func (p packets) Read(b []byte) (int, error) {
	batch := buf.NewBatch(1, buf.DefaultSize)
	if _, err := p.ReadBatch(batch); err != nil {
		return 0, err
	}
	return copy(b, batch[0].Bytes()), nil
}

// TestIdleFlowsHoldNoRoom: a flow that waits has no room for a datagram.
func TestIdleFlowsHoldNoRoom(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows each waits with its room (receive_other.go)")
	}
	l := loopbackUDP(t)
	server := newStack(t, Options{Addresses: serverPrefixes})
	f, err := Forward(server, ForwardOptions{Local: toPort(l.LocalAddr())})
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, packets{server})
	client := newRawClient(t, server)
	const flows = 200
	before := quietHeap()
	b := make([]byte, 100)
	for i := range flows {
		client.send(datagram(flow{netip.MustParseAddrPort("10.8.0.2:1000"), netip.AddrPortFrom(outside[0], uint16(1000+i))}, "x"))
		if _, _, err := l.ReadFrom(b); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap() - before) / flows
	t.Logf("%d KiB a flow", each>>10)
	if n := f.Stats().UDP; n != flows || each > 48<<10 {
		t.Errorf("%d flows, each holds %d KiB", n, each>>10)
	}
}

// TestHalfClosedMakeRoomLive: programs that close their half and are never
// answered do not keep their host from connecting.
func TestHalfClosedMakeRoomLive(t *testing.T) {
	l := loopbackTCP(t)
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	client, f := forwarding(t, ForwardOptions{Local: toPort(l.Addr()), ConnsPerClient: 2})
	for range 2 {
		c := mustDialOutside(t, client, "tcp", outside[0])
		if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		outer := <-accepted
		defer outer.Close()
		if _, err := outer.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
	}
	// The end has come out; that the pair is half-closed is noted just after.
	for f.tcp.waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	c := mustDialOutside(t, client, "tcp", outside[0])
	outer := <-accepted
	defer outer.Close()
	if _, err := c.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := outer.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}

// waiting is how many connections are half-closed.
func (a *admission) waiting() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.client {
		n += t.halfClosed.Len()
	}
	return n
}

// TestAbandonedAttempts: a client that has tried more hosts that do not answer
// than it may at a time connects to one that does.
func TestAbandonedAttempts(t *testing.T) {
	const limit = 8
	dialling := make(chan struct{}, limit)
	l := loopbackTCP(t)
	client, f := forwarding(t, ForwardOptions{
		HalfOpenPerClient: limit,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":80") {
				return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
			}
			dialling <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	for i := range limit {
		ctx, cancel := context.WithCancel(t.Context())
		go client.DialContext(ctx, "tcp", netip.AddrPortFrom(outside[0], uint16(9000+i)).String())
		<-dialling
		cancel() // no packet says so
	}
	c, err := client.DialContext(timeout(t), "tcp", "198.51.100.7:80")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if f.Stats().Ignored != 0 {
		t.Errorf("%+v", f.Stats())
	}
}

var errNotDialled = errors.New("not here")

// TestAccess: what clients may reach of a server's surroundings.
func TestAccess(t *testing.T) {
	here := func() []netip.Prefix {
		return prefixes("192.0.2.0/24", "2001:db8:1::/64", "203.0.113.9/32", "10.0.0.0/8")
	}
	pushed := Access{Interfaces: here, Networks: prefixes("192.0.2.128/25"), DNS: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	open := Access{Interfaces: here, LAN: true}
	own := Access{Own: true, Interfaces: func() []netip.Prefix { return prefixes("192.0.2.7/24", "127.0.0.1/8") }}
	for _, c := range []struct {
		access Access
		dst    string
		want   refusal
	}{
		{own, "192.0.2.7:80", ""},
		{own, "[::ffff:192.0.2.7]:80", ""},
		{own, "192.0.2.8:80", refusedBeyond},
		{own, "198.51.100.7:80", refusedBeyond},
		{own, "127.0.0.1:80", refusedHost},
		{Access{Interfaces: here}, "198.51.100.7:80", ""},
		{Access{Interfaces: here}, "[2001:db8:2::7]:80", ""},
		{Access{Interfaces: here}, "192.0.2.7:80", refusedLAN},
		{Access{Interfaces: here}, "[::ffff:192.0.2.7]:80", refusedLAN},
		{Access{Interfaces: here}, "[2001:db8:1::7]:80", refusedLAN},
		{Access{Interfaces: here}, "203.0.113.9:22", refusedLAN},
		{Access{Interfaces: here}, "10.200.0.1:22", refusedLAN},
		{Access{Interfaces: here}, "[64:ff9b::192.0.2.7]:80", refusedLAN},
		{pushed, "192.0.2.129:80", ""},
		{pushed, "192.0.2.7:80", refusedLAN},
		{pushed, "192.0.2.1:53", ""},
		{pushed, "192.0.2.1:853", ""},
		{pushed, "192.0.2.1:443", refusedLAN},
		{open, "192.0.2.7:80", ""},
		{open, "169.254.169.254:80", refusedHost},
		{open, "[fe80::1]:80", refusedHost},
		{open, "127.0.0.1:80", refusedHost},
		{open, "[::1]:80", refusedHost},
		{open, "[64:ff9b::127.0.0.1]:80", refusedHost},
		{open, "[64:ff9b::169.254.169.254]:80", refusedHost},
		{open, "[fd00:ec2::254]:80", refusedMetadata},
		{open, "[fd20:ce::254]:80", refusedMetadata},
		{open, "100.100.100.200:80", refusedMetadata},
		{open, "168.63.129.16:80", refusedMetadata},
		{open, "224.0.0.251:5353", refusedHost},
		{open, "255.255.255.255:67", refusedHost},
	} {
		if got := newGate(c.access, slog.New(slog.DiscardHandler)).refuse(netip.MustParseAddrPort(c.dst)); got != c.want {
			t.Errorf("%s: %q, want %q", c.dst, got, c.want)
		}
	}
}

// TestAccessIsOfAllKinds: access is the same for TCP, UDP and ping, and one line of
// the log says what opens the LAN.
func TestAccessIsOfAllKinds(t *testing.T) {
	var log lockedBuffer
	client, f := forwarding(t, ForwardOptions{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Access: Access{Interfaces: func() []netip.Prefix { return prefixes("198.51.100.0/24") }},
		DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
			t.Errorf("dialled %s %s", network, address)
			return nil, errNotDialled
		},
	})
	f.echo4.open = func() (echoSocket, error) {
		t.Error("a ping goes out")
		return echoSocket{}, errNotDialled
	}
	if _, err := dialOutside(t, client, "tcp", outside[0]); err == nil {
		t.Error("TCP passes")
	}
	mustDialOutside(t, client, "udp", outside[0]).Write([]byte("x"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	client.Ping(ctx, outside[0])
	for deadline := time.Now().Add(patience); f.Stats().Refused < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", f.Stats())
		}
	}
	if strings.Count(log.String(), "may not reach") != 1 {
		t.Error(log.String())
	}
}

// TestInterfaces: the system is asked, and has at least loopback.
func TestInterfaces(t *testing.T) {
	if !strings.Contains(strings.Join(texts(interfaces()), " "), "127.0.0.1/8") {
		t.Error(interfaces())
	}
}

func texts(list []netip.Prefix) (t []string) {
	for _, p := range list {
		t = append(t, p.String())
	}
	return t
}
