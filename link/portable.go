package link

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"culvert/internal/buf"
	"culvert/internal/sockerr"
)

// portable is a UDP socket of package net: one datagram per call. The system
// chooses the address that a reply leaves from.
type portable struct {
	conn     *net.UDPConn
	oversize atomic.Uint64
	closed   atomic.Bool
}

func newPortable(conn *net.UDPConn, o Options) *portable {
	// It is no error if the system's limits are lower.
	if n := bufferSize(o.ReceiveBuffer); n > 0 {
		_ = conn.SetReadBuffer(n)
	}
	if n := bufferSize(o.SendBuffer); n > 0 {
		_ = conn.SetWriteBuffer(n)
	}
	return &portable{conn: conn}
}

var _ buf.BatchSizer = (*portable)(nil)

// BatchSize is 1. See buf.BatchSizer.
func (u *portable) BatchSize() (first, most int) { return 1, 1 }

// ReadBatch reads one datagram. See Link.
func (u *portable) ReadBatch(batch []*buf.Packet) (int, error) {
	for len(batch) > 0 {
		p := batch[0]
		p.Reset()
		room := p.Room()
		// One byte of tailroom shows that a datagram was cut.
		n, from, err := u.conn.ReadFromUDPAddrPort(room[:len(room)+1])
		switch {
		case n > len(room), isTooLong(err):
			u.oversize.Add(1)
		case err != nil:
			return 0, u.final(err)
		default:
			p.SetLen(n)
			p.Path.Remote = unmap(from)
			return 1, nil
		}
	}
	return 0, nil
}

// WriteBatch sends each packet to its Path.Remote. See Link.
func (u *portable) WriteBatch(batch []*buf.Packet) (sent int, err error) {
	var failures buf.Failures
	for _, p := range batch {
		_, err := u.conn.WriteToUDPAddrPort(p.Bytes(), p.Path.Remote)
		if err == nil {
			sent++
		} else if u.closed.Load() {
			return sent, errClosed
		} else {
			failures.Add(sendError(p.Path.Remote, err), 1)
		}
	}
	return sent, failures.Err()
}

func (u *portable) final(err error) error {
	if u.closed.Load() {
		return errClosed
	}
	if isReport(err) {
		return &ReportedError{Err: sockerr.Named(rootCause(err))}
	}
	return fmt.Errorf("link: %w", err)
}

// Oversize returns how many datagrams were dropped because they were larger than
// their buffer.
func (u *portable) Oversize() uint64 { return u.oversize.Load() }

// LocalAddr is the address the socket is bound to.
func (u *portable) LocalAddr() netip.AddrPort { return localAddr(u.conn) }

// Close ends pending reads and writes. Closing twice is harmless.
func (u *portable) Close() error {
	if u.closed.Swap(true) {
		return nil
	}
	return u.conn.Close()
}
