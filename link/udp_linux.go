package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
	"culvert/internal/nap"
)

// UDP is a socket that moves a batch of datagrams per system call. On a host
// with several addresses a datagram's Path.Local is the one it came to, and a
// reply to that Path leaves from it.
type UDP struct {
	conn     *net.UDPConn
	raw      syscall.RawConn
	ipv6     bool // the socket's family; IPv4 addresses are mapped on it
	refusals bool
	oversize atomic.Uint64
	closed   atomic.Bool
	opened   time.Time
	route    Options // what the route of its packets depends on
	queues   []Link  // the first is this one

	in receiving
	// All writers share one lock instead of having arrays of their own: the poller
	// lets only one write to a socket at a time anyway, and filling the arrays
	// takes little time compared with the system call.
	writing sync.Mutex
	out     sending
}

// receiving is a batch being read. It and step live as long as the socket, so
// that a batch allocates nothing.
type receiving struct {
	*vector
	inbox
	step  func(fd uintptr) bool // runs when the socket is readable; false waits
	nap   nap.Policy
	asked int // messages the vector is set for
	err   error
}

// sending is a batch being written.
type sending struct {
	*vector
	step     func(fd uintptr) bool // runs when the socket is writable; false waits
	next     int                   // messages before it are dealt with
	count    int                   // messages in the vector
	again    int                   // the message tried a second time, or -1
	limits   runLimits
	refused  bool // the next message, as a run
	accepted int  // by the system, in all vectors of the batch
	failures buf.Failures
}

func newUDP(conn *net.UDPConn, o Options) (*UDP, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	u := &UDP{conn: conn, raw: raw, refusals: o.Refusals, route: o, opened: time.Now()}
	limits := runLimits{hosts: make(map[netip.Addr]int)}
	controlErr := raw.Control(func(fd uintptr) {
		u.ipv6, err = o.after(int(fd))
		receiveRuns(int(fd))
		limits.none = !segments(int(fd))
	})
	if err == nil {
		err = controlErr
	}
	if err != nil {
		return nil, fmt.Errorf("link: set up the socket: %w", err)
	}
	u.in = receiving{vector: newVector(), inbox: inbox{store: make([]byte, maxInbox*inboxStride)}, step: u.receive}
	u.out = sending{vector: newVector(), step: u.send, limits: limits}
	u.queues = []Link{u}
	return u, nil
}

// ReadBatch waits for a datagram and takes whatever else is there, in one system
// call. A datagram larger than its buffer is dropped and counted. See Link.
func (u *UDP) ReadBatch(batch []*buf.Packet) (int, error) {
	r := &u.in
	for len(batch) > 0 {
		n, oversize := r.cut(r.vector, batch, u.ipv6)
		u.oversize.Add(uint64(oversize))
		if n > 0 {
			return n, nil
		}
		r.asked = r.wanted(len(batch))
		r.prepareRead(&r.inbox, r.asked)
		r.received, r.at, r.err = 0, 0, nil
		if err := u.raw.Read(r.step); r.received == 0 {
			return 0, u.final(err, r.err)
		}
	}
	return 0, nil
}

func (u *UDP) receive(fd uintptr) bool {
	r := &u.in
	for {
		n, errno := r.recvmmsg(fd, r.asked)
		switch errno {
		case 0:
			r.received = n
			r.nap.Read(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			if !r.nap.Nap(time.Since(u.opened)) {
				return false
			}
			nap.Sleep()
		default:
			r.err = u.refusal(fd, errno)
			return true
		}
	}
}

// WriteBatch sends each packet to its Path, as many as possible in one system
// call. See Link.
func (u *UDP) WriteBatch(batch []*buf.Packet) (int, error) {
	u.writing.Lock()
	defer u.writing.Unlock()
	return u.write(batch)
}

// write is WriteBatch for a caller that holds writing.
func (u *UDP) write(batch []*buf.Packet) (int, error) {
	s := &u.out
	s.accepted, s.failures = 0, nil // the last caller keeps its failures
	var poll error
	for len(batch) > 0 && poll == nil {
		part := batch[:min(len(batch), vectorLen)]
		var stray int
		s.next, s.again, s.refused = 0, -1, false
		s.count, stray = s.prepareWrite(part, u.ipv6, &s.limits)
		if stray > 0 {
			s.failures.Add(errNoWay, stray)
		}
		poll = u.raw.Write(s.step)
		batch = batch[s.handled(len(part)):]
	}
	return s.accepted, u.final(poll, s.failures.Err())
}

// handled returns how many packets of a part are done: all, unless a run was
// refused.
func (s *sending) handled(all int) int {
	switch {
	case !s.refused:
		return all
	case s.next == 0:
		return 0
	}
	return s.runs[s.next-1].end
}

func (u *UDP) send(fd uintptr) bool {
	s := &u.out
	for s.next < s.count && !s.refused {
		n, errno := s.sendmmsg(fd, s.next, s.count)
		switch errno {
		case 0:
			for _, r := range s.runs[s.next : s.next+n] {
				s.accepted += r.count
			}
			s.next += n
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			u.sendFailed(fd, errno)
		}
	}
	return true
}

// sendFailed handles the failure to send the next message.
func (u *UDP) sendFailed(fd uintptr, errno syscall.Errno) {
	s := &u.out
	if u.refusals && s.again != s.next {
		// The error may be for an earlier datagram; then this one was not tried.
		s.failures.Add(u.refusal(fd, errno), 0)
		s.again = s.next
		return
	}
	if s.refused = s.limits.refused(&s.runs[s.next], errno); s.refused {
		return
	}
	s.failures.Add(sendError(s.names[s.next].addrPort(u.ipv6, &s.zones), errno), s.runs[s.next].count)
	s.next++
}

// refusal explains a call's error. If the socket reports what the network refused,
// it empties the queue of reports, which would otherwise take the place of
// datagrams, and names the destination of the first.
func (u *UDP) refusal(fd uintptr, errno syscall.Errno) error {
	var to netip.AddrPort
	for u.refusals {
		_, _, _, name, err := unix.Recvmsg(int(fd), nil, make([]byte, 128), unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			break
		}
		if !to.IsValid() {
			to = destination(name)
		}
	}
	if to.IsValid() || u.refusals && isReport(errno) {
		return &ReportedError{To: to, Err: errno}
	}
	return fmt.Errorf("link: %w", errno)
}

func destination(name unix.Sockaddr) netip.AddrPort {
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// final turns the error of the poller or the calls into the error that the contract
// of Link wants.
func (u *UDP) final(poll, call error) error {
	switch {
	case u.closed.Load():
		return errClosed
	case call != nil:
		return call
	case poll != nil:
		return fmt.Errorf("link: %w", poll)
	}
	return nil
}

// Oversize returns how many datagrams were dropped because they were larger than
// their buffer.
func (u *UDP) Oversize() uint64 { return u.oversize.Load() }

// LocalAddr is the address the socket is bound to. A socket for both protocols has
// [::] and a port.
func (u *UDP) LocalAddr() netip.AddrPort { return localAddr(u.conn) }

// Close ends pending reads and writes. Closing twice is harmless.
func (u *UDP) Close() error {
	if u.closed.Swap(true) {
		return nil
	}
	err := u.conn.Close()
	for _, q := range u.queues[1:] {
		err = errors.Join(err, q.Close())
	}
	return err
}
