//go:build linux

package load

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketBuffer is large enough that packets are lost in the tunnel, not here.
const socketBuffer = 16 << 20

// openUDP opens a blocking socket for UDP over IPv4.
func openUDP(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	for _, option := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, socketBuffer); err != nil {
			return -1, err
		}
	}
	return fd, unix.Bind(fd, &unix.SockaddrInet4{Port: port})
}

// message is struct mmsghdr (recvmmsg(2)) on 64-bit systems.
type message struct {
	header unix.Msghdr
	length uint32
	_      [4]byte
}

// vector is packets that are sent or received in one call. No offload is
// asked for: every packet is one of its own to the kernel.
type vector struct {
	messages []message
	vectors  []unix.Iovec
	names    []unix.RawSockaddrInet4
	store    [][]byte
}

func newVector(n, size int) *vector {
	v := &vector{make([]message, n), make([]unix.Iovec, n), make([]unix.RawSockaddrInet4, n), make([][]byte, n)}
	for i := range n {
		v.store[i] = make([]byte, size)
		v.vectors[i].Base = &v.store[i][0]
		v.vectors[i].SetLen(size)
		v.messages[i].header.Iov = &v.vectors[i]
		v.messages[i].header.SetIovlen(1)
	}
	return v
}

// receive waits for packets and takes what is there.
func (v *vector) receive(fd int) (int, error) {
	for i := range v.messages {
		v.messages[i].header.Name = (*byte)(unsafe.Pointer(&v.names[i]))
		v.messages[i].header.Namelen = uint32(unsafe.Sizeof(v.names[i]))
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&v.messages[0])), uintptr(len(v.messages)), unix.MSG_WAITFORONE, 0, 0)
		runtime.KeepAlive(v)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// send sends the first n packets on a connected socket and returns how many
// the system took.
func (v *vector) send(fd, n int) (int, error) {
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&v.messages[0])), uintptr(n), 0, 0, 0)
	runtime.KeepAlive(v)
	switch errno {
	case 0:
		return int(sent), nil
	case unix.EINTR, unix.ENOBUFS, unix.EAGAIN:
		return 0, nil
	}
	return 0, errno
}

func (v *vector) packet(i int) []byte { return v.store[i][:v.messages[i].length] }

func (v *vector) from(i int) *unix.SockaddrInet4 {
	port := (*[2]byte)(unsafe.Pointer(&v.names[i].Port))
	return &unix.SockaddrInet4{Port: int(binary.BigEndian.Uint16(port[:])), Addr: v.names[i].Addr}
}
