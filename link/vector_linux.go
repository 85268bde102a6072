package link

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

// vectorLen is the most datagrams that a system call sends.
const vectorLen = 128

// vector holds the arrays that recvmmsg and sendmmsg work on. Message i uses
// element i of each except parts. A vector must not be copied: the headers point
// into it.
type vector struct {
	headers  [vectorLen]message
	parts    [vectorLen]unix.Iovec // a run's are consecutive
	names    [vectorLen]sockaddr
	controls [vectorLen]control
	runs     [vectorLen]run // when sending
	zones    zones
}

// message is the kernel's struct mmsghdr.
type message struct {
	unix.Msghdr
	n uint32 // bytes received or sent
}

// sockaddr is a socket address of either family, in the space of an IPv6 one.
type sockaddr unix.RawSockaddrInet6

var errNoWay = errors.New("link: a packet without a destination in the socket's address family: " +
	"want Path.Remote with address and port, IPv6 only on a socket bound for it")

func newVector() *vector {
	v := new(vector)
	for i := range v.headers {
		h := &v.headers[i]
		h.Name = (*byte)(unsafe.Pointer(&v.names[i]))
	}
	return v
}

// prepareRead sets the vector to receive messages in the inbox's buffers.
func (v *vector) prepareRead(x *inbox, messages int) {
	for i := range messages {
		v.setPart(i, x.message(i))
		h := &v.headers[i]
		h.Iov = &v.parts[i]
		h.SetIovlen(1)
		h.Namelen = unix.SizeofSockaddrInet6
		h.Control = (*byte)(unsafe.Pointer(&v.controls[i]))
		h.SetControllen(int(unsafe.Sizeof(control{})))
	}
}

func (v *vector) setPart(i int, b []byte) {
	v.parts[i].Base = unsafe.SliceData(b)
	v.parts[i].SetLen(len(b))
}

// prepareWrite sets the vector to send the packets of batch, which must not be
// longer than the vector. It returns the number of messages, and how many packets
// it left out because they have no usable address.
func (v *vector) prepareWrite(batch []*buf.Packet, ipv6 bool, limits *runLimits) (n, stray int) {
	for i, p := range batch {
		v.setPart(i-stray, p.Bytes())
		if n > 0 && v.runs[n-1].joins(p) {
			v.extend(n-1, p, i+1)
			continue
		}
		h := &v.headers[n]
		if h.Namelen = v.names[n].set(p.Path.Remote, ipv6, &v.zones); h.Namelen == 0 {
			stray++
			continue
		}
		size := v.controls[n].setLocal(p.Path.Local, ipv6)
		if p.Class != 0 {
			size = v.controls[n].setClass(size, p.Class, p.Path.Remote.Addr())
		}
		v.runs[n] = run{count: 1, class: p.Class, bytes: p.Len(), segment: p.Len(), limit: limits.of(p.Path.Remote.Addr()), path: p.Path, end: i + 1}
		h.Iov = &v.parts[i-stray]
		h.SetIovlen(1)
		v.setControl(n, size)
		n++
	}
	return n, stray
}

// extend adds p, whose part is the next, to the run of message i.
func (v *vector) extend(i int, p *buf.Packet, end int) {
	r := &v.runs[i]
	r.bytes += p.Len()
	r.count++
	r.end = end
	h := &v.headers[i]
	h.SetIovlen(r.count)
	if r.count == 2 {
		v.setControl(i, v.controls[i].setSegment(int(h.Controllen), r.segment))
	}
}

// setControl sets how many bytes of control messages message i has.
func (v *vector) setControl(i, size int) {
	h := &v.headers[i]
	h.Control = nil
	if size > 0 {
		h.Control = (*byte)(unsafe.Pointer(&v.controls[i]))
	}
	h.SetControllen(size)
}

// addrPort reads the address of a socket of the given family.
func (s *sockaddr) addrPort(ipv6 bool, z *zones) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.Port))[:])
	if !ipv6 {
		s4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(s))
		return netip.AddrPortFrom(netip.AddrFrom4(s4.Addr), port)
	}
	addr := netip.AddrFrom16(s.Addr).Unmap()
	if s.Scope_id != 0 && addr.Is6() {
		addr = addr.WithZone(z.name(s.Scope_id))
	}
	return netip.AddrPortFrom(addr, port)
}

// set writes an address for a socket of the given family and returns its
// length in bytes, or 0 when the socket cannot send there.
func (s *sockaddr) set(to netip.AddrPort, ipv6 bool, z *zones) uint32 {
	addr := to.Addr()
	port := (*[2]byte)(unsafe.Pointer(&s.Port))
	switch {
	case !to.IsValid() || to.Port() == 0 || !ipv6 && !addr.Unmap().Is4():
		return 0
	case !ipv6:
		s4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(s))
		*s4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.Unmap().As4()}
		binary.BigEndian.PutUint16(port[:], to.Port())
		return unix.SizeofSockaddrInet4
	}
	*s = sockaddr{Family: unix.AF_INET6, Addr: addr.As16(), Scope_id: z.index(addr.Zone())}
	binary.BigEndian.PutUint16(port[:], to.Port())
	return unix.SizeofSockaddrInet6
}

// The socket never blocks, so the runtime is not told about these calls: it would
// take them for long ones, and wake a thread every 20 microseconds to hand the
// processor to others.

// recvmmsg fills messages up to count, without waiting, and returns how many.
func (v *vector) recvmmsg(fd uintptr, count int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&v.headers)), uintptr(count), 0, 0, 0)
	return int(n), errno
}

// sendmmsg sends messages from first up to count, without waiting, and returns how
// many were sent before one failed. The error is the first message's.
func (v *vector) sendmmsg(fd uintptr, first, count int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&v.headers[first])), uintptr(count-first), 0, 0, 0)
	return int(n), errno
}
