package sockerr

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

func TestNamed(t *testing.T) {
	for number, want := range map[syscall.Errno]error{10061: syscall.ECONNREFUSED, 1225: syscall.ECONNREFUSED, 10040: syscall.EMSGSIZE, 10048: syscall.EADDRINUSE, 10013: os.ErrPermission} {
		err := fmt.Errorf("listen: %w", os.NewSyscallError("bind", number))
		got := Named(err)
		if !errors.Is(got, want) || !errors.Is(got, number) || got.Error() != err.Error() {
			t.Errorf("%d: %v", number, got)
		}
		var call *os.SyscallError
		if !errors.As(got, &call) || call.Syscall != "bind" {
			t.Errorf("%d: the call is gone from %v", number, got)
		}
	}
	for _, err := range []error{nil, io.EOF, syscall.ENOENT, syscall.ECONNREFUSED, syscall.Errno(10035)} {
		if got := Named(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
