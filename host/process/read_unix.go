//go:build unix

package process

import "golang.org/x/sys/unix"

// NonBlocking is a flag for os.OpenFile that keeps the opening of a named pipe
// from waiting for its other end.
const NonBlocking = unix.O_NONBLOCK
