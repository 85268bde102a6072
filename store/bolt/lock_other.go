//go:build !unix

package bolt

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// mapped is 0: a file would be as large as that.
const mapped = 0

// verified is verify for a file that is not locked yet: somebody may be writing, and done
// soon.
func verified(f *os.File) (err error) {
	const tries, pause = 10, 50 * time.Millisecond
	for range tries {
		if err = verifyFile(f); err == nil {
			return nil
		}
		time.Sleep(pause)
	}
	return err
}

// contents is what a file holds, until done is called.
func contents(f *os.File) (all []byte, done func(), err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	all, err = io.ReadAll(io.NewSectionReader(f, 0, info.Size()))
	return all, func() {}, err
}

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
