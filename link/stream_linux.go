package link

import (
	"io"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"culvert/internal/nap"
)

// reading reads a stream's socket without the runtime's scheduler, and naps while
// packets come one by one.
type reading struct {
	raw    syscall.RawConn // nil where there is no socket of ours
	step   func(fd uintptr) bool
	nap    nap.Policy
	opened time.Time

	into []byte
	n    int
	err  error
}

func (r *reading) init(raw syscall.RawConn) {
	r.raw, r.opened = raw, time.Now()
	r.step = r.try
}

// took notes that so many packets were taken from what was read.
func (r *reading) took(packets int) { r.nap.Read(packets) }

func (t *TCP) read(b []byte) (int, error) {
	r := &t.reading
	if r.raw == nil {
		return t.conn.Read(b)
	}
	r.into, r.n, r.err = b, 0, nil
	err := r.raw.Read(r.step)
	r.into = nil
	switch {
	case r.err != nil:
		return 0, r.err
	case err != nil:
		return 0, err
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

func (r *reading) try(fd uintptr) bool {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(r.into))), uintptr(len(r.into)))
		switch errno {
		case 0:
			r.n = int(n)
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			if !r.nap.Nap(time.Since(r.opened)) {
				return false
			}
			nap.Sleep()
		default:
			r.err = errno
			return true
		}
	}
}
