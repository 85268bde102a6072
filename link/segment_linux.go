package link

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

// This file moves many datagrams at a time through the kernel's network stack. A
// run of datagrams of one size to one path goes out in one message (UDP_SEGMENT),
// which the kernel or the network adapter cuts. Datagrams that the kernel joined in
// one buffer (UDP_GRO) are cut here.

const (
	// maxRun and maxRunBytes bound a run. Kernels before 6.9 take 64
	// datagrams; the bytes stay below an IP packet's 65,535 with its headers.
	maxRun      = 64
	maxRunBytes = 65000
)

// segments reports whether this kernel has UDP_SEGMENT.
func segments(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_UDP, unix.UDP_SEGMENT)
	return err == nil
}

// receiveRuns lets the kernel join datagrams. A kernel that cannot gives them
// singly.
func receiveRuns(fd int) { _ = unix.SetsockoptInt(fd, unix.SOL_UDP, unix.UDP_GRO, 1) }

// runLimits are the largest datagrams to send in runs.
type runLimits struct {
	none  bool
	hosts map[netip.Addr]int // those that took less than maxRunBytes
}

// maxHosts bounds how many hosts are remembered. Beyond it all are tried again.
const maxHosts = 1024

func (l *runLimits) of(host netip.Addr) int {
	if l.none {
		return 0
	}
	if len(l.hosts) > 0 {
		if limit, ok := l.hosts[host]; ok {
			return limit
		}
	}
	return maxRunBytes
}

// refused notes, after a failed run, what not to send to its host again. It reports
// whether the run's datagrams should be tried singly.
func (l *runLimits) refused(r *run, errno unix.Errno) bool {
	if r.count == 1 {
		return false
	}
	limit := r.segment - 1
	switch errno {
	case unix.EINVAL, unix.EMSGSIZE: // they need fragments, which runs cannot be
	case unix.EIO: // a way out that cannot make checksums, such as IPsec
		limit = 0
	default:
		return false
	}
	if len(l.hosts) >= maxHosts {
		clear(l.hosts)
	}
	l.hosts[r.path.Remote.Addr()] = limit
	return true
}

// run is the datagrams of one message.
type run struct {
	count   int
	bytes   int
	segment int // bytes of each but the last
	limit   int // of segment
	path    buf.Path
	class   uint8
	end     int // index in the batch after the last
}

// joins reports whether the run may take another datagram.
func (r *run) joins(p *buf.Packet) bool {
	return p.Len() > 0 && p.Len() <= r.segment && r.segment <= r.limit && // none follows a shorter one:
		r.bytes == r.count*r.segment && r.count < maxRun && r.bytes+p.Len() <= maxRunBytes && p.Path == r.path && p.Class == r.class
}

const (
	// maxInbox is how many messages a read takes at most, and inboxSize what each
	// may hold: all that the kernel joins. If the kernel joins none, only the first
	// page of each is ever touched and takes memory.
	maxInbox  = 64
	inboxSize = 1 << 16
	// inboxStride keeps the buffers' fronts out of each other's cache lines.
	inboxStride = inboxSize + 5*64
)

// inbox holds received messages, and how far they have been cut into datagrams.
// What a batch had no room for waits here for the next.
type inbox struct {
	store    []byte
	received int // messages
	at       int // the message to cut next
	offset   int // bytes of it that are cut
	joined   int // datagrams a message had in the last batch, about
}

func (x *inbox) message(i int) []byte { return x.store[i*inboxStride:][:inboxSize] }

// wanted returns how many messages to ask for to get n datagrams: not many more, so
// that they stay in the processor's cache until they are cut.
func (x *inbox) wanted(n int) int {
	return min(1+(n-1)/max(x.joined, 1), maxInbox)
}

// cut fills packets from the messages of v. It returns how many it filled, and how
// many datagrams were lost because they were too large.
func (x *inbox) cut(v *vector, batch []*buf.Packet, ipv6 bool) (n, oversize int) {
	first := x.at
	for x.at < x.received && n < len(batch) {
		filled, cut := x.cutMessage(v, batch[n:], ipv6)
		n += filled
		oversize += cut
	}
	if messages := x.at - first; messages > 0 {
		x.joined = n / messages
	}
	return n, oversize
}

// cutMessage does so for one message, as far as batch has room.
func (x *inbox) cutMessage(v *vector, batch []*buf.Packet, ipv6 bool) (n, oversize int) {
	h := &v.headers[x.at]
	b := x.message(x.at)[:h.n]
	path := buf.Path{Remote: v.names[x.at].addrPort(ipv6, &v.zones)}
	var segment int
	path.Local, segment = v.controls[x.at].parse(int(h.Controllen))
	if segment <= 0 {
		segment = len(b)
	}
	for n < len(batch) {
		d := b[x.offset:min(x.offset+segment, len(b))]
		x.offset += len(d)
		if p := batch[n]; h.Flags&unix.MSG_TRUNC != 0 || len(d) > len(p.Room()) {
			oversize++
		} else {
			p.Reset()
			p.Set(d)
			p.Path = path
			n++
		}
		if x.offset == len(b) {
			x.at++
			x.offset = 0
			break
		}
	}
	return n, oversize
}
