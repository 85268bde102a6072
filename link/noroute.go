package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"culvert/internal/sockerr"
)

// NoRouteError means that nothing left this host, because it has no way to an
// address.
type NoRouteError struct {
	To  netip.Addr
	Err error // the system's
}

func (e *NoRouteError) Error() string {
	mend := "is there a network?"
	if e.To.Is6() {
		mend = "is there a network, and does it have IPv6?"
	}
	return fmt.Sprintf("this host has no route to %v (%v): %s", e.To, e.Err, mend)
}

func (e *NoRouteError) Unwrap() error { return e.Err }

// sendError returns why a datagram was not sent.
func sendError(to netip.AddrPort, err error) error {
	err = sockerr.Named(rootCause(err))
	for _, none := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN} {
		if errors.Is(err, none) {
			return &NoRouteError{To: to.Addr(), Err: err}
		}
	}
	return fmt.Errorf("link: send to %v: %w", to, err)
}

// rootCause returns the cause in an error of package net, without its addresses: we
// say those better, and some change with each try, such as our own port.
func rootCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}
