//go:build !linux

package link

import (
	"errors"
	"net"
)

// UDP is a socket. On this system a call carries one datagram.
type UDP struct{ *portable }

func newUDP(conn *net.UDPConn, o Options) (*UDP, error) {
	return &UDP{newPortable(conn, o)}, nil
}

func (*UDP) addQueues(Options) error { return nil }

// before runs on the socket before it is bound.
func (o *Options) before(uintptr) error {
	switch {
	case o.Mark != 0:
		return errors.New("marks on packets (`mark`) exist on Linux only: leave it out")
	case o.MTUDiscovery != SystemMTU:
		return errors.New("path MTU discovery is set (`mtu-disc`) on Linux only: leave it out")
	case o.Device != "":
		return errors.New("binding to a device (`bind-dev`) exists on Linux only: give the address to listen on")
	}
	return nil
}
