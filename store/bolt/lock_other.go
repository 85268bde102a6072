//go:build !unix

package bolt

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// mapped is 0: a file would be as large as that.
const mapped = 0

// verifyFirst says that the file is locked before bbolt opens it. It is not: somebody may be
// writing.
const verifyFirst = false

// lock leaves the file to bbolt, which locks it.
func lock(f *os.File, _ string, _ bool, _ time.Duration) (*os.File, error) { return f, nil }

// Windows' errors of a full disk, and of one that can only be read.
const (
	errorHandleDiskFull = syscall.Errno(39)
	errorDiskFull       = syscall.Errno(112)
	errorWriteProtect   = syscall.Errno(19)
)

func isFull(err error) bool {
	return errors.Is(err, errorDiskFull) || errors.Is(err, errorHandleDiskFull)
}

func isReadOnly(err error) bool { return errors.Is(err, errorWriteProtect) }
