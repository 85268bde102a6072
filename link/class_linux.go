package link

import "golang.org/x/sys/unix"

// setClass gives what a connection sends from now on a class. It is no error if the
// system does not take it: packets then leave without one.
func (q *queue) setClass(class uint8) {
	q.class = class
	if q.raw != nil {
		_ = q.raw.Control(func(fd uintptr) { _ = setBoth(int(fd), unix.IP_TOS, unix.IPV6_TCLASS, int(class)) })
	}
}
