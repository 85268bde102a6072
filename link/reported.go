package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ReportedError is what the network reported of datagrams sent earlier (ICMP):
// nobody listens at their destination, or there is no way to it. It says nothing
// against the link, and each takes a datagram sent.
type ReportedError struct {
	To  netip.AddrPort // not valid where the system does not say
	Err error          // the system's
}

func (e *ReportedError) Error() string {
	switch {
	case !e.To.IsValid():
		return fmt.Sprintf("link: %v", e.Err)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("link: nothing listens at %v over UDP, or a firewall answers for it (%v)", e.To, e.Err)
	}
	return fmt.Sprintf("link: %v cannot be reached: %v", e.To, e.Err)
}

func (e *ReportedError) Unwrap() error { return e.Err }

// reports are the errors that a socket has of ICMP messages.
var reports = []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EMSGSIZE}

// isReport reports whether a socket's error is of an ICMP message. On Windows a
// read fails with WSAECONNRESET or WSAENETRESET after one, whatever was asked for
// (recvfrom).
func isReport(err error) bool {
	if slices.ContainsFunc(reports, func(r error) bool { return errors.Is(err, r) }) {
		return true
	}
	const connectionReset, netReset = 10054, 10052
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && (errno == connectionReset || errno == netReset)
}
