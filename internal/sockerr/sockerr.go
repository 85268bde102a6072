// Package sockerr gives the errors of sockets their POSIX names on Windows, whose
// numbers package syscall does not know by them.
package sockerr

import (
	"errors"
	"syscall"
)

// names are the numbers of winerror.h and winsock2.h for what POSIX has a name for. No
// other system has errors with these numbers.
var names = map[syscall.Errno]syscall.Errno{
	1225:  syscall.ECONNREFUSED, // ERROR_CONNECTION_REFUSED
	1231:  syscall.ENETUNREACH,  // ERROR_NETWORK_UNREACHABLE
	1232:  syscall.EHOSTUNREACH, // ERROR_HOST_UNREACHABLE
	1234:  syscall.ECONNREFUSED, // ERROR_PORT_UNREACHABLE
	10013: syscall.EACCES,
	10040: syscall.EMSGSIZE,
	10048: syscall.EADDRINUSE,
	10049: syscall.EADDRNOTAVAIL,
	10050: syscall.ENETDOWN,
	10051: syscall.ENETUNREACH,
	10054: syscall.ECONNRESET,
	10055: syscall.ENOBUFS,
	10060: syscall.ETIMEDOUT,
	10061: syscall.ECONNREFUSED,
	10065: syscall.EHOSTUNREACH,
}

// Named returns err, for which errors.Is finds the POSIX name as well, such as
// syscall.ECONNREFUSED for WSAECONNREFUSED. Its text stays.
func Named(err error) error {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return err
	}
	name, ok := names[errno]
	if !ok {
		return err
	}
	return &named{err, name}
}

type named struct {
	error
	name syscall.Errno
}

// Unwrap gives what the system said first.
func (n *named) Unwrap() []error { return []error{n.error, n.name} }
