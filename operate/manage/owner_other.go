//go:build !unix

package manage

import "syscall"

// Sockets of Windows have numbers of their own for these.
const (
	addressInUse      = syscall.Errno(10048) // WSAEADDRINUSE
	connectionRefused = syscall.Errno(10061) // WSAECONNREFUSED
)

// userSuffix is "", since each user has their own temporary directory.
func userSuffix() string { return "" }
