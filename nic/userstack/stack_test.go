package userstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/internal/buf"
)

var (
	clientPrefixes = []netip.Prefix{netip.MustParsePrefix("10.8.0.2/24"), netip.MustParsePrefix("fd00::2/64")}
	serverPrefixes = []netip.Prefix{netip.MustParsePrefix("10.8.0.1/24"), netip.MustParsePrefix("fd00::1/64")}
	serverAddrs    = []netip.Addr{netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("fd00::1")}
)

// pump carries packets one way until either end closes.
func pump(from, to *Stack) {
	batch := buf.NewBatch(64, buf.DefaultSize)
	for {
		n, err := from.ReadBatch(batch)
		if err != nil {
			return
		}
		if _, err := to.WriteBatch(batch[:n]); errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

func newStack(t testing.TB, o Options) *Stack {
	t.Helper()
	if o.MTU == 0 {
		o.MTU = 1500
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// pair is two stacks back to back; the client's options may add DNS.
func pair(t testing.TB, clientOptions Options) (client, server *Stack) {
	t.Helper()
	clientOptions.Name, clientOptions.Addresses = "client", clientPrefixes
	client = newStack(t, clientOptions)
	server = newStack(t, Options{Name: "server", Addresses: serverPrefixes})
	go pump(client, server)
	go pump(server, client)
	return client, server
}

// patience is how long a test waits for what a busy machine may be late with.
const patience = 30 * time.Second

func timeout(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// echoTCP sends back what comes on every connection, half-close included.
func echoTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(c, c)
			c.Close()
		}()
	}
}

func echoUDP(c net.PacketConn) {
	b := make([]byte, maxMTU)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		c.WriteTo(b[:n], from)
	}
}

func listenTCP(t testing.TB, s *Stack, at netip.AddrPort) net.Listener {
	t.Helper()
	l, err := s.ListenTCP(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

type closeWriter interface{ CloseWrite() error }

// checkEchoTCP sends size bytes, closes that half and expects them back, then
// the end.
func checkEchoTCP(t *testing.T, c net.Conn, size int64) {
	t.Helper()
	defer c.Close()
	sent, received := sha256.New(), sha256.New()
	failed := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.MultiWriter(c, sent), io.LimitReader(rand.New(rand.NewSource(1)), size))
		if err == nil {
			err = c.(closeWriter).CloseWrite()
		}
		failed <- err
	}()
	n, err := io.Copy(received, c)
	if err != nil || n != size {
		t.Fatalf("received %d of %d bytes: %v", n, size, err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if string(sent.Sum(nil)) != string(received.Sum(nil)) {
		t.Fatal("received bytes differ from those sent")
	}
}

func checkEchoUDP(t *testing.T, c net.Conn, payload string) {
	t.Helper()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte(payload)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, maxMTU)
	n, err := c.Read(b)
	if err != nil || string(b[:n]) != payload {
		t.Fatalf("echo of %d bytes: %d bytes, %v", len(payload), n, err)
	}
}

func TestTCP(t *testing.T) {
	client, server := pair(t, Options{})
	for _, a := range serverAddrs {
		at := netip.AddrPortFrom(a, 7)
		go echoTCP(listenTCP(t, server, at))
		c, err := client.DialContext(timeout(t), "tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		checkEchoTCP(t, c, 10<<20)
	}
}

func TestUDP(t *testing.T) {
	client, server := pair(t, Options{})
	for _, a := range serverAddrs {
		at := netip.AddrPortFrom(a, 7)
		l, err := server.ListenUDP(at)
		if err != nil {
			t.Fatal(err)
		}
		go echoUDP(l)
		c, err := client.DialContext(timeout(t), "udp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		checkEchoUDP(t, c, "short")
		checkEchoUDP(t, c, strings.Repeat("fragmented", 800))
	}
}

func TestPing(t *testing.T) {
	client, _ := pair(t, Options{})
	for _, a := range serverAddrs {
		if rtt, err := client.Ping(timeout(t), a); err != nil || rtt < 0 || rtt == 0 && runtime.GOOS != "windows" { // whose clock is coarse
			t.Errorf("ping %v: %v, %v", a, rtt, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Ping(ctx, netip.MustParseAddr("192.0.2.1")); !errors.Is(err, context.Canceled) {
		t.Errorf("ping without an answer: %v", err)
	}
}

func TestDialErrors(t *testing.T) {
	client, _ := pair(t, Options{})
	for _, c := range []struct {
		network, address string
		want             error
	}{
		{"tcp", "10.8.0.1:9", syscall.ECONNREFUSED},
		{"tcp", "[fd00::1]:9", syscall.ECONNREFUSED},
		{"tcp", "web.example:80", ErrNoDNS},
		{"sctp", "10.8.0.1:9", net.UnknownNetworkError("sctp")},
	} {
		conn, err := client.DialContext(timeout(t), c.network, c.address)
		if conn != nil || !errors.Is(err, c.want) {
			t.Errorf("dial %s %s: %v, want %v", c.network, c.address, err, c.want)
		}
	}
	if _, err := client.DialContext(timeout(t), "tcp4", "[fd00::1]:9"); err == nil {
		t.Error("tcp4 connected to IPv6")
	}
}

func TestDialCanceled(t *testing.T) {
	lonely := newStack(t, Options{Addresses: clientPrefixes})
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() {
		_, err := lonely.DialContext(ctx, "tcp", "10.8.0.1:80")
		result <- err
	}()
	batch := buf.NewBatch(4, buf.DefaultSize)
	if n, err := lonely.ReadBatch(batch); n != 1 || err != nil {
		t.Fatalf("SYN: %d packets, %v", n, err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestNothingSentUnasked(t *testing.T) {
	s := newStack(t, Options{Addresses: clientPrefixes})
	s.dev.mu.Lock()
	defer s.dev.mu.Unlock()
	if len(s.dev.queue) != 0 {
		t.Fatalf("a new stack sent %d packets", len(s.dev.queue))
	}
}

func TestClose(t *testing.T) {
	s := newStack(t, Options{Addresses: clientPrefixes})
	ended := make(chan error, 1)
	go func() {
		_, err := s.ReadBatch(buf.NewBatch(1, buf.DefaultSize))
		ended <- err
	}()
	s.Close()
	if err := <-ended; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("pending read: %v", err)
	}
	if _, err := s.WriteBatch(buf.NewBatch(1, buf.DefaultSize)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write: %v", err)
	}
	if _, err := s.DialContext(timeout(t), "tcp", "10.8.0.1:80"); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
	if _, err := s.Ping(timeout(t), serverAddrs[0]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("ping: %v", err)
	}
}

func TestWriteBatchSkipsGarbage(t *testing.T) {
	s := newStack(t, Options{Addresses: clientPrefixes})
	batch := buf.NewBatch(3, buf.DefaultSize)
	batch[0].Set([]byte{0x45})
	batch[1].Set([]byte{0x75, 0, 0})
	if n, err := s.WriteBatch(batch); n != 1 || !errors.Is(err, errNotIP) {
		t.Fatalf("took %d packets, %v", n, err)
	}
}

func TestReadDropsWhatDoesNotFit(t *testing.T) {
	s := newStack(t, Options{Addresses: clientPrefixes})
	s.dev.sendRaw(make([]byte, 1400))
	s.dev.sendRaw([]byte{0x45, 1, 2, 3})
	n, err := s.ReadBatch(buf.NewBatch(2, 100))
	if n != 1 || err != nil || s.Drops() != 1 {
		t.Fatalf("%d packets, %v, %d drops", n, err, s.Drops())
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"MTU 0":              {},
		"huge MTU":           {MTU: 1 << 17},
		"small MTU for IPv6": {MTU: 1200, Addresses: clientPrefixes},
		"no prefix":          {MTU: 1500, Addresses: []netip.Prefix{{}}},
	} {
		if s, err := New(o); err == nil {
			s.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkTCP(b *testing.B) {
	client, server := pair(b, Options{})
	at := netip.AddrPortFrom(serverAddrs[0], 9)
	l := listenTCP(b, server, at)
	const block = 1 << 20
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, 256<<10))
		}
		done <- err
	}()
	c, err := client.DialContext(timeout(b), "tcp", at.String())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(block)
	data := make([]byte, block)
	b.ResetTimer()
	for range b.N {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	c.(closeWriter).CloseWrite()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)*block*8/1e9/b.Elapsed().Seconds(), "Gbit/s")
	b.ReportMetric(float64(client.Drops()+server.Drops()), "drops")
}

// A program that writes what it reads stops reading when it cannot write. The
// connection must get out of that with both windows closed. Without
// narrowWindow about one in fifteen stands still.
func TestBothDirectionsFull(t *testing.T) {
	const size = 10 << 20
	for range 15 {
		client, server := pair(t, Options{})
		at := netip.AddrPortFrom(serverAddrs[0], 7)
		go echoTCP(listenTCP(t, server, at))
		c, err := client.DialContext(timeout(t), "tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Minute)) // a standstill lasts longer than any slowness
		go io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(zeros{}, size), make([]byte, 32<<10))
		if n, err := io.CopyN(io.Discard, c, size); err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		client.Close()
		server.Close()
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
