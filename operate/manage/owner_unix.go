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

// userSuffix tells users of a shared temporary directory apart.
func userSuffix() string { return "-" + strconv.Itoa(os.Getuid()) }
