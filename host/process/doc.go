// Package process is what a configuration says about the process itself: whom
// it runs as (`user`, `group`, `chroot`), where (`daemon`, `writepid`), and
// what signals mean to it. It knows nothing of tunnels.
package process

import "errors"

// ErrUnsupported: this operating system has no such thing.
var ErrUnsupported = errors.New("not supported on this operating system")
