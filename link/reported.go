package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ReportedError is what the network reported about datagrams sent earlier (ICMP):
// nobody listens at their destination, or there is no way to it. It does not mean
// that the link is broken, and each report follows a datagram that was sent.
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

// reports are the errors that a socket returns because of ICMP messages.
var reports = []error{syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EMSGSIZE}

// isReport reports whether a socket's error comes from an ICMP message. On Windows
// a read fails with WSAECONNRESET or WSAENETRESET after one, whatever options are
// set (recvfrom).
func isReport(err error) bool {
	if slices.ContainsFunc(reports, func(r error) bool { return errors.Is(err, r) }) {
		return true
	}
	const connectionReset, netReset = 10054, 10052
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && (errno == connectionReset || errno == netReset)
}

// isTooLong reports whether a read failed because the datagram has more bytes than there
// was room, of which only Windows makes an error (WSAEMSGSIZE of recvfrom).
func isTooLong(err error) bool {
	const messageSize = 10040
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && errno == messageSize
}
