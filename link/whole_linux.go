package link

import (
	"cmp"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

var _ Whole = (*UDP)(nil)

// WriteWhole implements Whole. The system knows this as an option of the socket, so that a
// packet that another goroutine sends at the same moment goes in one piece, too.
func (u *UDP) WriteWhole(p *buf.Packet) error {
	u.wholes.Lock()
	defer u.wholes.Unlock()
	if err := u.discover(unix.IP_PMTUDISC_PROBE); err != nil {
		return err
	}
	_, err := u.WriteBatch([]*buf.Packet{p})
	return cmp.Or(err, u.discover(u.route.discovery()))
}

func (u *UDP) discover(value int) (err error) {
	controlErr := u.raw.Control(func(fd uintptr) { err = setDiscovery(int(fd), value) })
	return cmp.Or(err, controlErr)
}
