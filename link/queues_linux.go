package link

import (
	"cmp"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

var _ Queued = (*UDP)(nil)

var _ Queued = (*UDP)(nil)

// Queues returns the sockets that share the link's address (SO_REUSEPORT). The
// kernel chooses one by the addresses of a datagram.
func (u *UDP) Queues() []Link { return u.queues }

// addQueues opens the sockets after the first. The first was bound without sharing
// its port, so that a process that already has the port was noticed.
func (u *UDP) addQueues(o Options) error {
	if o.Queues <= 1 {
		return nil
	}
	var err error
	controlErr := u.raw.Control(func(fd uintptr) { err = shareAddress(fd) })
	if err := cmp.Or(controlErr, err); err != nil {
		return fmt.Errorf("link: share %v among sockets: %w", u.LocalAddr(), err)
	}
	o.Addr, o.share = u.bound(o), true
	for range o.Queues - 1 {
		conn, err := o.listen()
		if err != nil {
			return err
		}
		q, err := newUDP(conn, o)
		if err != nil {
			conn.Close()
			return err
		}
		u.queues = append(u.queues, q)
	}
	return nil
}

func shareAddress(fd uintptr) error {
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

// bound returns the address asked for, with the port that the system chose.
func (u *UDP) bound(o Options) netip.AddrPort {
	return netip.AddrPortFrom(o.Addr.Addr(), u.LocalAddr().Port())
}
