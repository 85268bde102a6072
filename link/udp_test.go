package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
)

var _ Link = (*simnet.Endpoint)(nil)

const (
	loopback4 = "127.0.0.1:0"
	loopback6 = "[::1]:0"
)

// loopbacks are the addresses to test on: one of each protocol this host has.
func loopbacks(t testing.TB) []string {
	t.Helper()
	conn, err := net.ListenPacket("udp6", loopback6)
	if err != nil {
		t.Logf("IPv4 only: %v", err)
		return []string{loopback4}
	}
	conn.Close()
	return []string{loopback4, loopback6}
}

// socket is what UDP and portable share.
type socket interface {
	Link
	Oversize() uint64
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

func listen(t testing.TB, o Options) *UDP {
	t.Helper()
	u, err := ListenUDP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.Close() })
	limit(t, u.conn)
	return u
}

// limit makes a read of what never comes fail rather than hang.
func limit(t testing.TB, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

func listenPortable(t testing.TB, o Options) *portable {
	t.Helper()
	network, addr := o.network()
	conn, err := net.ListenPacket(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	limit(t, conn.(*net.UDPConn))
	return newPortable(conn.(*net.UDPConn), o)
}

// both runs a test on the implementation of this system and on the portable
// one.
func both(t *testing.T, test func(t *testing.T, listen func(addr string) socket)) {
	t.Run("system", func(t *testing.T) {
		test(t, func(addr string) socket { return listen(t, Options{Addr: addrPort(addr)}) })
	})
	t.Run("portable", func(t *testing.T) {
		test(t, func(addr string) socket { return listenPortable(t, Options{Addr: addrPort(addr)}) })
	})
}

// packets are for to, each with the text given.
func packets(to netip.AddrPort, texts ...string) []*buf.Packet {
	batch := buf.NewBatch(len(texts), 100)
	for i, s := range texts {
		batch[i].Set([]byte(s))
		batch[i].Path.Remote = to
	}
	return batch
}

func write(t testing.TB, l Link, batch []*buf.Packet) {
	t.Helper()
	if n, err := l.WriteBatch(batch); n != len(batch) || err != nil {
		t.Fatalf("WriteBatch: %d of %d, %v", n, len(batch), err)
	}
}

// read returns copies of the next n datagrams' text and the last one's path.
func read(t testing.TB, l Link, n int) (texts []string, path buf.Path) {
	t.Helper()
	batch := buf.NewBatch(n, 100)
	for len(texts) < n {
		got, err := l.ReadBatch(batch[:n-len(texts)])
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range batch[:got] {
			texts = append(texts, string(p.Bytes()))
			path = p.Path
		}
	}
	return texts, path
}

func numbered(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("datagram ", i))
	}
	return texts
}

func TestBatches(t *testing.T) {
	both(t, func(t *testing.T, listen func(string) socket) {
		for _, addr := range loopbacks(t) {
			a, b := listen(addr), listen(addr)
			// More than a vector.
			want := numbered(300)
			write(t, a, packets(b.LocalAddr(), want...))
			got, path := read(t, b, len(want))
			if !slices.Equal(got, want) || path.Remote != a.LocalAddr() {
				t.Errorf("%s: read %d datagrams from %v, sent from %v", addr, len(got), path.Remote, a.LocalAddr())
			}
		}
	})
}

func TestEmptyDatagram(t *testing.T) {
	both(t, func(t *testing.T, listen func(string) socket) {
		a, b := listen(loopback4), listen(loopback4)
		write(t, a, packets(b.LocalAddr(), "", "next"))
		if got, _ := read(t, b, 2); !slices.Equal(got, []string{"", "next"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestOversizeIsDropped(t *testing.T) {
	both(t, func(t *testing.T, listen func(string) socket) {
		a, b := listen(loopback4), listen(loopback4)
		write(t, a, packets(b.LocalAddr(), "12345678", "123456789", "12345", "1234567890"))
		write(t, a, packets(b.LocalAddr(), "after"))
		var got []string
		for len(got) < 3 {
			batch := buf.NewBatch(4, 8)
			n, err := b.ReadBatch(batch)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range batch[:n] {
				got = append(got, string(p.Bytes()))
			}
		}
		if want := []string{"12345678", "12345", "after"}; !slices.Equal(got, want) || b.Oversize() != 2 {
			t.Errorf("%q, %d oversize", got, b.Oversize())
		}
	})
}

func TestOneFailureDoesNotStopBatch(t *testing.T) {
	both(t, func(t *testing.T, listen func(string) socket) {
		a, b := listen(loopback4), listen(loopback4)
		batch := packets(b.LocalAddr(), "one", "no address", "two", "IPv6", "three", "too big", "four")
		batch[1].Path.Remote = netip.AddrPort{}
		batch[3].Path.Remote = addrPort("[2001:db8::1]:1")
		big := buf.New(66000)
		big.Set(make([]byte, 66000))
		big.Path.Remote = b.LocalAddr()
		batch[5] = big
		if n, err := a.WriteBatch(batch); n != 4 || err == nil || errors.Is(err, fs.ErrClosed) {
			t.Errorf("WriteBatch: %d, %v; want 4 and a passing error", n, err)
		} else if large, others := failed(t, err, syscall.EMSGSIZE); large != 1 || others != 2 {
			t.Errorf("%d are too large, %d fail otherwise; want 1 and 2", large, others)
		}
		if n, err := a.WriteBatch(batch[5:6]); n != 0 || !errors.Is(err, syscall.EMSGSIZE) {
			t.Errorf("the large one: %d, %v; want EMSGSIZE", n, err)
		}
		if got, _ := read(t, b, 4); !slices.Equal(got, []string{"one", "two", "three", "four"}) {
			t.Errorf("%q", got)
		}
	})
}

// failed is how many packets of a batch met an error, and another one.
func failed(t *testing.T, err, want error) (these, others int) {
	t.Helper()
	var e *buf.WriteError
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T) does not tell of each packet", err, err)
	}
	for _, f := range e.Failures {
		if errors.Is(f.Err, want) {
			these += f.Packets
		} else {
			others += f.Packets
		}
	}
	return these, others
}

func TestManyWriters(t *testing.T) {
	both(t, func(t *testing.T, listen func(string) socket) {
		a, b := listen(loopback4), listen(loopback4)
		const writers, each = 4, 50
		done := make(chan error)
		for w := range writers {
			go func() {
				n, err := a.WriteBatch(packets(b.LocalAddr(), slices.Repeat([]string{fmt.Sprint(w)}, each)...))
				if n != each && err == nil {
					err = fmt.Errorf("sent %d", n)
				}
				done <- err
			}()
		}
		for range writers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		count := make(map[string]int)
		texts, _ := read(t, b, writers*each)
		for _, s := range texts {
			count[s]++
		}
		for w := range writers {
			if n := count[fmt.Sprint(w)]; n != each {
				t.Errorf("writer %d: %d arrived", w, n)
			}
		}
	})
}

func TestClose(t *testing.T) {
	both(t, func(t *testing.T, listen func(string) socket) {
		a := listen(loopback4)
		failed := make(chan error)
		go func() {
			_, err := a.ReadBatch(buf.NewBatch(1, 100))
			failed <- err
		}()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("pending read: %v", err)
		}
		if _, err := a.WriteBatch(packets(addrPort("127.0.0.1:9"), "x")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("write: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestBothProtocolsOnOneSocket(t *testing.T) {
	server := listen(t, Options{})
	if !server.LocalAddr().Addr().IsUnspecified() {
		t.Errorf("bound to %v", server.LocalAddr())
	}
	for _, addr := range loopbacks(t) {
		client := listen(t, Options{Addr: addrPort(addr)})
		to := netip.AddrPortFrom(client.LocalAddr().Addr(), server.LocalAddr().Port())
		write(t, client, packets(to, "question"))
		_, path := read(t, server, 1)
		if path.Remote != client.LocalAddr() {
			t.Errorf("from %v, sent from %v", path.Remote, client.LocalAddr())
		}
		answer := packets(to, "answer")
		answer[0].Path = path
		write(t, server, answer)
		if _, back := read(t, client, 1); back.Remote != to {
			t.Errorf("the answer is from %v, want %v", back.Remote, to)
		}
	}
}

func TestFamilies(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:0":            "0.0.0.0",
		"[::]:0":               "::",
		"[::ffff:127.0.0.1]:0": "127.0.0.1",
	} {
		u := listen(t, Options{Addr: addrPort(addr)})
		if got := u.LocalAddr().Addr().String(); got != want {
			t.Errorf("%s: bound to %s, want %s", addr, got, want)
		}
	}
	// One port, both protocols apart: :: alone takes no IPv4.
	six := listen(t, Options{Addr: addrPort("[::]:0")})
	listen(t, Options{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), six.LocalAddr().Port())})
}

func TestListenErrors(t *testing.T) {
	taken := listen(t, Options{Addr: addrPort(loopback4)})
	for _, c := range []struct {
		addr  netip.AddrPort
		cause error
		mend  string
	}{
		{taken.LocalAddr(), syscall.EADDRINUSE, "choose another port"},
		{addrPort("192.0.2.77:0"), syscall.EADDRNOTAVAIL, "no adapter of this host"},
	} {
		if _, err := ListenUDP(Options{Addr: c.addr}); !errors.Is(err, c.cause) || !strings.Contains(err.Error(), c.mend) {
			t.Errorf("ListenUDP(%v): %v; want %v and %q", c.addr, err, c.cause, c.mend)
		}
	}
}

func BenchmarkUDP(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("batch ", n), func(b *testing.B) { benchmark(b, n) })
	}
}

// benchmark sends n datagrams of 1400 bytes over loopback and reads them.
func benchmark(b *testing.B, n int) {
	from := listen(b, Options{Addr: addrPort(loopback4)})
	to := listen(b, Options{Addr: addrPort(loopback4)})
	if err := to.conn.SetReadDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	out, in := buf.NewBatch(n, buf.DefaultSize), buf.NewBatch(n, buf.DefaultSize)
	for _, p := range out {
		p.Set(make([]byte, 1400))
		p.Path = buf.Path{Remote: to.LocalAddr(), Local: from.LocalAddr().Addr()}
	}
	b.SetBytes(int64(n) * 1400)
	b.ReportAllocs()
	for b.Loop() {
		write(b, from, out)
		for got := 0; got < n; {
			m, err := to.ReadBatch(in)
			if err != nil {
				b.Fatal(err)
			}
			got += m
		}
	}
}
