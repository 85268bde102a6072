//go:build unix

package remote

import (
	"errors"
	"syscall"
)

// isNobody reports whether an error of a connection says that nobody listens.
func isNobody(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTSOCK)
}
