package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
)

// tcpPair are both ends of a connection over the loopback.
func tcpPair(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

const dataOp, controlOp = 9 << 3, 4 << 3

func framePackets(first byte, contents ...string) (batch []*buf.Packet) {
	for _, c := range contents {
		p := buf.New(buf.DefaultSize)
		p.Set(append([]byte{first}, c...))
		batch = append(batch, p)
	}
	return batch
}

func framed(packets ...string) (b []byte) {
	for _, p := range packets {
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
	}
	return b
}

func TestTCPCarriesPackets(t *testing.T) {
	a, b := tcpPair(t)
	from, to := NewTCP(a, TCPOptions{}), NewTCP(b, TCPOptions{})
	sizes := []int{1, 2, 511, 512, 513, 1400, 1749, 3, 1700}
	var batch []*buf.Packet
	for i, n := range sizes {
		batch = append(batch, framePackets(dataOp, strings.Repeat(string(rune('a'+i)), n-1))...)
	}
	if n, err := from.WriteBatch(batch); n != len(batch) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(batch), err)
	}
	in := buf.NewBatch(4, buf.DefaultSize)
	for got := 0; got < len(sizes); {
		n, err := to.ReadBatch(in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range in[:n] {
			if !bytes.Equal(p.Bytes(), batch[got].Bytes()) {
				t.Fatalf("packet %d has %d bytes, not %d, or other ones", got, p.Len(), sizes[got])
			}
			if p.Path.Remote != from.LocalAddr() || p.Path.Local != to.LocalAddr().Addr() {
				t.Errorf("path %+v", p.Path)
			}
			got++
		}
	}
	if err := from.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := to.ReadBatch(in); !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), "peer closed") {
		t.Errorf("after the peer closed: %v", err)
	}
	if _, err := from.WriteBatch(batch); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("writing when closed: %v", err)
	}
}

// TestTCPSplit: packets that arrive byte by byte are put together.
// TestTCPTooLong: a packet whose length has no room is refused, and the stream
// goes on.
func TestTCPTooLong(t *testing.T) {
	a, b := tcpPair(t)
	from, to := NewTCP(a, TCPOptions{}), NewTCP(b, TCPOptions{})
	var batch []*buf.Packet
	for _, n := range []int{maxLength, maxLength + 1, 5} {
		p := buf.New(n)
		p.Set(append([]byte{dataOp}, make([]byte, n-1)...))
		batch = append(batch, p)
	}
	if n, err := from.WriteBatch(batch); n != 2 || !errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, fs.ErrClosed) {
		t.Fatalf("wrote %d: %v; want 2, and EMSGSIZE", n, err)
	}
	in := buf.NewBatch(1, maxLength)
	for _, want := range []int{maxLength, 5} {
		if n, err := to.ReadBatch(in); n != 1 || in[0].Len() != want {
			t.Fatalf("%d packets, of %d bytes, %v; want %d bytes", n, in[0].Len(), err, want)
		}
	}
}

func TestTCPSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		to := NewTCP(b, TCPOptions{})
		go func() {
			for _, c := range framed("Hello", strings.Repeat("x", 1000)) {
				a.Write([]byte{c})
			}
			a.Close()
		}()
		in := buf.NewBatch(2, buf.DefaultSize)
		var lengths []int
		for {
			n, err := to.ReadBatch(in)
			if err != nil {
				break
			}
			for _, p := range in[:n] {
				lengths = append(lengths, p.Len())
			}
		}
		if len(lengths) != 2 || lengths[0] != 5 || lengths[1] != 1000 {
			t.Errorf("packets of %v bytes", lengths)
		}
	})
}

// TestTCPReadsMore: a connection that fills its buffer with packets that do not
// end where it does reads more at a time.
func TestTCPReadsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		to := NewTCP(b, TCPOptions{})
		go func() {
			a.Write(bytes.Repeat(framed(strings.Repeat("x", 1000)), 500))
			a.Close()
		}()
		in := buf.NewBatch(32, buf.DefaultSize)
		for packets := 0; packets < 500; {
			n, err := to.ReadBatch(in)
			if err != nil {
				t.Fatal(err)
			}
			packets += n
		}
		if len(to.in) != mostRead {
			t.Errorf("reads %d bytes at once, not %d", len(to.in), mostRead)
		}
	})
}

// TestTCPDoesNotAllocate: packets do not allocate, and an empty queue holds no
// memory, where the sender writes and where its goroutine does, for there is no
// socket to try or no such system call.
func TestTCPDoesNotAllocate(t *testing.T) {
	t.Run("sender", func(t *testing.T) {
		a, b := tcpPair(t)
		doesNotAllocate(t, a, b)
	})
	t.Run("goroutine", func(t *testing.T) {
		a, b := tcpPair(t)
		doesNotAllocate(t, struct{ net.Conn }{a}, b)
	})
}

func doesNotAllocate(t *testing.T, a, b net.Conn) {
	from, to := NewTCP(a, TCPOptions{}), NewTCP(b, TCPOptions{})
	out, in := framePackets(dataOp, strings.Repeat("x", 1000), "short"), buf.NewBatch(2, buf.DefaultSize)
	exchange := func() {
		if n, err := from.WriteBatch(out); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		for read := 0; read < 2; {
			n, err := to.ReadBatch(in)
			if err != nil {
				t.Fatal(err)
			}
			read += n
		}
	}
	for range 10 { // to the buffers' final sizes
		exchange()
	}
	// The race detector has sync.Pool lose some of what it is given, by chance. An
	// allocation of ours would be in every run.
	allocs := testing.AllocsPerRun(100, exchange)
	for range 9 {
		allocs = min(allocs, testing.AllocsPerRun(100, exchange))
	}
	if allocs != 0 {
		t.Errorf("%v allocations a batch", allocs)
	}
	from.queue.mu.Lock()
	defer from.queue.mu.Unlock()
	if from.queue.pending() {
		t.Error("an empty queue has frames")
	}
}

// TestTCPSlowPeer: a peer that does not read costs a bounded queue and no
// waiting; control packets still find room, and come first.
func TestTCPSlowPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		from := NewTCP(a, TCPOptions{QueueLimit: 3, Drop: true})
		sent := 0
		for range 10 {
			n, _ := from.WriteBatch(framePackets(dataOp, "data"))
			sent += n
			synctest.Wait()
		}
		if sent != 3 || from.Dropped() != 7 {
			t.Errorf("%d queued and %d dropped, not 3 and 7", sent, from.Dropped())
		}
		if n, _ := from.WriteBatch(framePackets(controlOp, "control")); n != 1 {
			t.Error("no room for a control packet")
		}
		to := NewTCP(b, TCPOptions{})
		var order []byte
		in := buf.NewBatch(8, buf.DefaultSize)
		for len(order) < 4 {
			n, err := to.ReadBatch(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range in[:n] {
				order = append(order, p.Bytes()[0])
			}
		}
		if want := []byte{dataOp, controlOp, dataOp, dataOp}; !bytes.Equal(order, want) {
			t.Errorf("opcodes came as %v, not %v", order, want)
		}
		from.Close()
		to.Close()
	})
}

// TestTCPBatchBeyondLimit: the limit is for what the socket does not take, not
// for what is written at once.
func TestTCPBatchBeyondLimit(t *testing.T) {
	if !canTry {
		t.Skip("on this system a write does not say that the socket is full, so that all is queued first")
	}
	a, _ := tcpPair(t)
	from := NewTCP(a, TCPOptions{QueueLimit: 3, Drop: true})
	batch := framePackets(dataOp, strings.Split(strings.Repeat("x", 100), "")...)
	if n, err := from.WriteBatch(batch); n != len(batch) || err != nil || from.Dropped() != 0 {
		t.Errorf("wrote %d of %d, dropped %d: %v", n, len(batch), from.Dropped(), err)
	}
}

// TestTCPWaits: without Drop a writer waits for a slow peer, until Close ends the
// wait.
func TestTCPWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		from := NewTCP(a, TCPOptions{QueueLimit: 2})
		done := make(chan int)
		go func() {
			n, _ := from.WriteBatch(framePackets(dataOp, "1", "2", "3", "4", "5", "6"))
			done <- n
		}()
		synctest.Wait()
		select {
		case n := <-done:
			t.Errorf("wrote %d to a peer that does not read", n)
		default:
		}
		to := NewTCP(b, TCPOptions{})
		in := buf.NewBatch(1, buf.DefaultSize)
		for i := range 6 {
			if _, err := to.ReadBatch(in); err != nil || in[0].Bytes()[1] != byte('1'+i) {
				t.Fatalf("packet %d: %q, %v", i, in[0].Bytes(), err)
			}
		}
		if n := <-done; n != 6 {
			t.Errorf("wrote %d", n)
		}
		go func() {
			n, _ := from.WriteBatch(framePackets(dataOp, "1", "2", "3", "4", "5", "6"))
			done <- n
		}()
		synctest.Wait()
		from.Close()
		<-done
		to.Close()
		time.Sleep(2 * lingerTime)
	})
}

// TestTCPHurry: after Hurry a writer that waits for a slow peer goes on, and none waits
// again. What is queued is still sent.
func TestTCPHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		from := NewTCP(a, TCPOptions{QueueLimit: 2})
		done := make(chan int, 1)
		go func() {
			n, _ := from.WriteBatch(framePackets(dataOp, "1", "2", "3", "4", "5", "6"))
			done <- n
		}()
		synctest.Wait()
		Hurry(from)
		synctest.Wait()
		select {
		case n := <-done:
			if n != 2 || from.Dropped() != 4 {
				t.Errorf("%d queued and %d dropped, not 2 and 4", n, from.Dropped())
			}
		default:
			t.Fatal("it still waits")
		}
		if n, err := from.WriteBatch(framePackets(dataOp, "7")); n != 0 || err != nil {
			t.Errorf("wrote %d: %v", n, err)
		}
		from.WriteBatch(framePackets(controlOp, "bye"))
		from.Close()
		got, _ := io.ReadAll(b)
		if want := framed("\x481", "\x482", "\x20bye"); !bytes.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestTCPCloseSends: what was queued before Close still goes out, and a peer
// that never reads does not hold the connection.
func TestTCPCloseSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		from := NewTCP(a, TCPOptions{})
		from.WriteBatch(framePackets(controlOp, "last words"))
		from.Close()
		got, _ := io.ReadAll(b)
		if want := framed("\x20last words"); !bytes.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		a, b = net.Pipe()
		from = NewTCP(a, TCPOptions{})
		from.WriteBatch(framePackets(controlOp, "nobody listens"))
		from.Close()
		time.Sleep(2 * lingerTime)
		if _, err := b.Write([]byte("x")); err == nil {
			t.Error("the connection is still there")
		}
	})
}

// TestTCPForeign: what is not OpenVPN ends the connection, in words.
func TestTCPForeign(t *testing.T) {
	for start, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n": "(packet length 18516): an HTTP answer",
		"HT":                           "(packet length 18516): an HTTP answer",
		"GET / HTTP/1.1\r\n":           "an HTTP request",
		"PO":                           "an HTTP request",
		"\x16\x03\x01\x02\x00":         "(packet length 5635): a TLS handshake",
		"<html>":                       "(packet length 15464): HTML",
		"<!DOCTYPE html>":              "HTML",
		"SSH-2.0-x":                    "SSH",
		"PROXY TCP4 ":                  "PROXY protocol",
		"\r\n\r\n\x00\r\nQUIT\n":       "PROXY protocol",
		"\xff\xff\xff":                 "bad packet length 65535",
		"\x00\x00":                     "bad packet length 0, expected 1 to 1856",
	} {
		a, b := net.Pipe()
		go func() { a.Write([]byte(start)) }()
		_, err := NewTCP(b, TCPOptions{}).ReadBatch(buf.NewBatch(1, buf.DefaultSize))
		if err == nil || !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, wanted %q", start, err, want)
		}
		a.Close()
		b.Close()
	}
}

// TestTCPForeignEnds: another protocol is named even if its first bytes could be
// the length of a large packet, and then the stream ends.
func TestTCPForeignEnds(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	go func() {
		a.Write([]byte("\x15\x03\x01\x00\x02\x02\x46"))
		a.Close()
	}()
	_, err := NewTCP(b, TCPOptions{}).ReadBatch(buf.NewBatch(1, 9000))
	if !errors.As(err, new(*LengthError)) || !strings.Contains(err.Error(), "a TLS alert") {
		t.Error(err)
	}
}

func TestTCPDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		to := NewTCP(b, TCPOptions{})
		to.SetReadDeadline(time.Now().Add(time.Second))
		_, err := to.ReadBatch(buf.NewBatch(1, buf.DefaultSize))
		if !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), "in time") {
			t.Errorf("a silent peer: %v", err)
		}
		if len(to.in) != leastRead {
			t.Errorf("a silent peer costs %d bytes", len(to.in))
		}
		a.Close()
		b.Close()
	})
}

func TestTCPPeek(t *testing.T) {
	a, b := net.Pipe()
	go func() { a.Write([]byte("GE")); a.Write([]byte("T / ")); a.Close() }()
	to := NewTCP(b, TCPOptions{})
	if got, err := to.Peek(3); string(got[:3]) != "GET" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	conn, read := to.Detach()
	rest, _ := io.ReadAll(conn)
	if got := string(read) + string(rest); got != "GET / " {
		t.Errorf("%q", got)
	}
	if _, err := to.Peek(9); err == nil {
		t.Error("peeked past the end")
	}
}

// FuzzTCP compares the packets read with the stream that held them.
func FuzzTCP(f *testing.F) {
	f.Add(framed("a", "bc", ""), uint8(1))
	f.Add(framed(strings.Repeat("x", 1800)), uint8(7))
	f.Add([]byte("HTTP/1.0 200"), uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, chunk uint8) {
		a, b := net.Pipe()
		defer b.Close()
		go func() {
			defer a.Close()
			for rest := stream; len(rest) > 0; {
				n := min(len(rest), int(chunk)+1)
				if _, err := a.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		to := NewTCP(b, TCPOptions{})
		in := buf.NewBatch(3, buf.DefaultSize)
		var again []byte
		for {
			n, err := to.ReadBatch(in)
			for _, p := range in[:n] {
				again = append(again, framed(string(p.Bytes()))...)
			}
			if err != nil {
				_ = err.Error()
				break
			}
		}
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("read %q of %q", again, stream)
		}
	})
}
