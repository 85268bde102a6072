//go:build unix

package bolt

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mapped is how much of a file can be read at once, in bytes, before whoever writes has to
// wait for those who read: room in the address space, and no memory.
const mapped = 1 << (18 + 10*(strconv.IntSize/64)) // 256 MiB; with 32 bits 256 KiB

// verified is verify for a file that is locked.
func verified(f *os.File) error { return verifyFile(f) }

// contents is what a file holds, until done is called: no copy. A file that becomes shorter
// meanwhile is a fault of memory, as guard takes it.
func contents(f *os.File) (all []byte, done func(), err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if int64(int(info.Size())) != info.Size() {
		return nil, nil, fmt.Errorf("it has %d bytes, and this machine can address less", info.Size())
	}
	all, err = unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	return all, func() { unix.Munmap(all) }, err
}

// pause is how long lock waits between two tries.
const pause = 20 * time.Millisecond

// lock has a file to itself, or with others that only read, as bbolt does; the lock is the
// open file's and bbolt's own finds it there. It returns the file that has the path then.
func lock(f *os.File, path string, shared bool, wait time.Duration) (*os.File, error) {
	how := unix.LOCK_NB | unix.LOCK_EX
	if shared {
		how = unix.LOCK_NB | unix.LOCK_SH
	}
	for until := time.Now().Add(wait); ; time.Sleep(pause) {
		err := unix.Flock(int(f.Fd()), how)
		late := time.Now().After(until)
		switch {
		case err == nil:
			if current(f, path) {
				return f, nil
			}
			f.Close() // another took its place meanwhile
			if f, _, err = openFile(path, shared); err != nil {
				return nil, err
			}
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			f.Close()
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		case late:
			err := lockedBy(path, whoLocked(f))
			f.Close()
			return nil, err
		}
	}
}

// current reports whether a path leads to an open file.
func current(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
