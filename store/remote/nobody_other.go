//go:build !unix

package remote

import (
	"errors"
	"io/fs"
	"syscall"
)

// isNobody reports whether an error of a connection says that nobody listens. Sockets of
// Windows have numbers of their own; a system without such sockets has nobody there either.
func isNobody(err error) bool {
	const refused, noFamily, invalid = syscall.Errno(10061), syscall.Errno(10047), syscall.Errno(10022)
	return errors.Is(err, refused) || errors.Is(err, noFamily) || errors.Is(err, invalid) || errors.Is(err, fs.ErrNotExist)
}
