package privsep

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"culvert/host/splitdns"
	"culvert/link"
)

// loanPair is both ends of the socket for loans, in one process.
func loanPair(t *testing.T) (keeper, worker net.Conn) {
	t.Helper()
	near, file, err := socketPair(packets)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	far, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// TestEnlarge: a socket handed over gets the buffers that were asked for, by one
// who may; and refused where not, so that the worker takes what it can have.
func TestEnlarge(t *testing.T) {
	keeper, worker := loanPair(t)
	go lendAll(keeper)
	borrow(worker)
	defer func() { link.Enlarge = nil }()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const size = 3 << 20
	for option, receive := range map[int]bool{unix.SO_RCVBUF: true, unix.SO_SNDBUF: false} {
		err := link.Enlarge(fd, receive, size)
		if got, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); (err == nil) != (os.Geteuid() == 0) || err == nil && got < size {
			t.Errorf("receive %v: %v, %d bytes", receive, err, got)
		}
	}
}

// TestEnlargeWhatever: nothing that a worker may send disturbs its keeper.
func TestEnlargeWhatever(t *testing.T) {
	keeper, worker := loanPair(t)
	go lendAll(keeper)
	conn := worker.(*net.UnixConn)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	huge := make([]byte, requestSize)
	binary.NativeEndian.PutUint32(huge[4:], 1<<32-1)
	for _, request := range []struct{ text, oob []byte }{
		{nil, nil}, {[]byte{1}, unix.UnixRights(int(file.Fd()))}, {huge, nil}, {huge, unix.UnixRights(int(file.Fd()))},
		{huge, unix.UnixRights(int(file.Fd()), int(file.Fd()))}, {make([]byte, 99), []byte{}},
	} {
		if _, _, err := conn.WriteMsgUnix(request.text, request.oob, nil); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 2)
		if n, err := conn.Read(answer); err != nil || n != 1 || answer[0] == 0 {
			t.Errorf("%v: answer %v, %v", request, answer[:n], err)
		}
	}
}

// TestBindNames: a socket gets the port of DNS at an address of the resolver on loopback, and
// at no other.
func TestBindNames(t *testing.T) {
	keeper, worker := loanPair(t)
	go lendAll(keeper)
	borrow(worker)
	defer func() { link.Enlarge, splitdns.Bind = nil, nil }()
	for at, want := range map[string]bool{"127.94.0.7": os.Geteuid() == 0, "127.0.0.1": false, "127.94.0.200": false, "0.0.0.0": false} {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		err = splitdns.Bind(fd, netip.MustParseAddr(at))
		if name, _ := unix.Getsockname(fd); (err == nil) != want || want && name.(*unix.SockaddrInet4).Port != splitdns.Port {
			t.Errorf("%s: %v, %+v", at, err, name)
		}
		if again, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); want {
			if err := splitdns.Bind(again, netip.MustParseAddr(at)); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("%s again: %v", at, err)
			}
			unix.Close(again)
		}
	}
}
