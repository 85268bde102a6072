package privsep

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"culvert/link"
)

// maxBuffer bounds the buffers that a worker may have, in bytes: several times
// link.DefaultBuffer.
const maxBuffer = 64 << 20

// A request is a socket with the option to set, and how many bytes; the answer is
// one byte, 0 when it was done.
const requestSize = 8

// enlargeAll gives sockets of the worker larger buffers than any process may give
// its own, until the worker is gone.
func enlargeAll(worker net.Conn) {
	conn := worker.(*net.UnixConn)
	request, oob := make([]byte, requestSize), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := conn.ReadMsgUnix(request, oob)
		if err != nil {
			return
		}
		answer := byte(1)
		if enlarge(request[:n], oob[:oobn]) == nil {
			answer = 0
		}
		if _, err := conn.Write([]byte{answer}); err != nil {
			return
		}
	}
}

var errRequest = errors.New("not understood")

func enlarge(request, oob []byte) error {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return errRequest
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	for _, fd := range fds {
		defer unix.Close(fd)
	}
	if err != nil || len(fds) != 1 || len(request) != requestSize {
		return errRequest
	}
	option, size := unix.SO_SNDBUFFORCE, binary.NativeEndian.Uint32(request[4:])
	if request[0] != 0 {
		option = unix.SO_RCVBUFFORCE
	}
	return unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, option, int(min(size, maxBuffer)))
}

// borrow has the keeper enlarge this process's sockets.
func borrow(keeper net.Conn) {
	conn := keeper.(*net.UnixConn)
	var mu sync.Mutex
	link.Enlarge = func(socket int, receive bool, size int) error {
		mu.Lock()
		defer mu.Unlock()
		request := make([]byte, requestSize)
		if receive {
			request[0] = 1
		}
		binary.NativeEndian.PutUint32(request[4:], uint32(size))
		if _, _, err := conn.WriteMsgUnix(request, unix.UnixRights(socket), nil); err != nil {
			return err
		}
		answer := make([]byte, 1)
		if _, err := conn.Read(answer); err != nil {
			return err
		}
		if answer[0] != 0 {
			return errRequest
		}
		return nil
	}
}
