//go:build linux

package load

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/proxy"
	"golang.org/x/sys/unix"
)

// chunk is how much is written and read at once.
const chunk = 128 << 10

// Amount is what came over a connection, and in what time.
type Amount struct {
	Bytes int64
	Time  time.Duration
}

// BitsPerSecond is the rate.
func (a Amount) BitsPerSecond() float64 { return 8 * float64(a.Bytes) / a.Time.Seconds() }

// add makes the sum of connections that ran side by side.
func (a *Amount) add(b Amount) {
	a.Bytes += b.Bytes
	a.Time = max(a.Time, b.Time)
}

// tcpLoad is a number of connections that send in one direction.
type tcpLoad struct {
	to, proxy string
	down      bool
	streams   int
	devices   []string
	length    time.Duration
}

// runTCP measures where the bytes arrive.
func runTCP(l tcpLoad) (sum Amount, err error) {
	var connections []net.Conn
	for i := range l.streams {
		c, err := l.dial(i)
		if err != nil {
			return sum, err
		}
		defer c.Close()
		connections = append(connections, c)
	}
	type result struct {
		Amount
		err error
	}
	results := make(chan result, len(connections))
	for _, c := range connections {
		go func() {
			a, err := l.exchange(c)
			results <- result{a, err}
		}()
	}
	for range connections {
		r := <-results
		err = errors.Join(err, r.err)
		sum.add(r.Amount)
	}
	return sum, err
}

func (l tcpLoad) dial(i int) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, _ string, c syscall.RawConn) (err error) {
		return errors.Join(c.Control(func(fd uintptr) { err = l.prepare(int(fd), i) }), err)
	}}
	if l.proxy == "" {
		return dialer.Dial("tcp4", l.to)
	}
	c, err := dialer.Dial("tcp4", l.proxy)
	if err != nil {
		return nil, err
	}
	return c, throughSOCKS(c, l.to)
}

// prepare sets connection i up.
func (l tcpLoad) prepare(fd, i int) error {
	if len(l.devices) > 0 {
		if err := unix.BindToDevice(fd, l.devices[i%len(l.devices)]); err != nil {
			return err
		}
	}
	return setCongestion(fd)
}

// Congestion is the congestion control of every stream, Linux's own default:
// what a host has set instead, such as BBR with its timer for each few packets,
// would be measured beside the tunnel.
const Congestion = "cubic"

func setCongestion(fd int) error {
	if err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, Congestion); err != nil {
		return fmt.Errorf("congestion control %s: %w", Congestion, err)
	}
	return nil
}

// throughSOCKS has a SOCKS5 proxy connect to an address. The connection itself
// stays as it is, so that it can be closed for writing alone.
func throughSOCKS(c net.Conn, to string) error {
	socks, err := proxy.SOCKS5("tcp", c.RemoteAddr().String(), nil, nil)
	if err != nil {
		return err
	}
	_, err = socks.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	}).DialWithConn(context.Background(), c, "tcp", to)
	return err
}

// A connection begins with the number of nanoseconds for which the sink is to
// send; with 0 the sink reads to the end and answers with an Amount in JSON.
func (l tcpLoad) exchange(c net.Conn) (a Amount, err error) {
	var head [8]byte
	if l.down {
		binary.BigEndian.PutUint64(head[:], uint64(l.length))
	}
	if _, err := c.Write(head[:]); err != nil {
		return a, err
	}
	if l.down {
		return receive(c)
	}
	if err := send(c, l.length); err != nil {
		return a, err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return a, err
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return a, json.NewDecoder(c).Decode(&a)
}

func serveTCP(c *net.TCPConn) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { err = setCongestion(int(fd)) }), err)
	}
	if err == nil {
		err = answerTCP(c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tcp:", err)
	}
}

func answerTCP(c *net.TCPConn) error {
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return err
	}
	if length := time.Duration(binary.BigEndian.Uint64(head[:])); length > 0 {
		return send(c, length)
	}
	a, err := receive(c)
	if err != nil {
		return err
	}
	return json.NewEncoder(c).Encode(a)
}

func send(c net.Conn, length time.Duration) error {
	data := make([]byte, chunk)
	for end := time.Now().Add(length); time.Now().Before(end); {
		c.SetWriteDeadline(end.Add(20 * time.Second))
		if _, err := c.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// receive reads to the end, and counts from the first byte on.
func receive(c net.Conn) (a Amount, err error) {
	data := make([]byte, chunk)
	var began time.Time
	for {
		n, err := c.Read(data)
		if began.IsZero() {
			began = time.Now()
		}
		a.Bytes += int64(n)
		if err == io.EOF {
			a.Time = time.Since(began)
			return a, nil
		}
		if err != nil {
			return a, err
		}
	}
}
