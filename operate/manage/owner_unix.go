//go:build unix

package manage

import (
	"os"
	"strconv"
	"syscall"
)

const (
	addressInUse      = syscall.EADDRINUSE
	connectionRefused = syscall.ECONNREFUSED
)

// userSuffix parts the users of a common temporary directory.
func userSuffix() string { return "-" + strconv.Itoa(os.Getuid()) }
