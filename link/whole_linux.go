package link

import (
	"cmp"
	"errors"

	"golang.org/x/sys/unix"

	"culvert/internal/buf"
)

var _ Whole = (*UDP)(nil)

// WriteWhole implements Whole. The system knows this as an option of the socket, so nobody
// else writes meanwhile: larger packets of theirs would be refused.
func (u *UDP) WriteWhole(p *buf.Packet) error {
	u.writing.Lock()
	defer u.writing.Unlock()
	if err := u.discover(unix.IP_PMTUDISC_PROBE); err != nil {
		return err
	}
	_, err := u.write([]*buf.Packet{p})
	return errors.Join(err, u.discover(u.route.discovery()))
}

func (u *UDP) discover(value int) (err error) {
	controlErr := u.raw.Control(func(fd uintptr) { err = setDiscovery(int(fd), value) })
	return cmp.Or(err, controlErr)
}
