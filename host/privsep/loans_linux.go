package privsep

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"culvert/host/splitdns"
	"culvert/link"
)

// maxBuffer bounds the buffers that a worker may have, in bytes: several times
// link.DefaultBuffer.
const maxBuffer = 64 << 20

// A request is a socket and what to do with it: an option to set, with how many bytes, or
// an address to bind it to. The answer is one byte, 0 when it was done, else why not.
const requestSize = 8

// What is asked for, in the first byte of a request. The argument is in the last four.
const (
	largerSend = iota
	largerReceive
	bindNames // to the port of DNS at an address of splitdns
)

// lendAll gives sockets of the worker larger buffers than any process may give
// its own, and the port of DNS on loopback, until the worker is gone.
func lendAll(worker net.Conn) {
	conn := worker.(*net.UnixConn)
	request, oob := make([]byte, requestSize), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := conn.ReadMsgUnix(request, oob)
		if err != nil {
			return
		}
		if _, err := conn.Write([]byte{answerTo(lend(request[:n], oob[:oobn]))}); err != nil {
			return
		}
	}
}

// refused is the answer to what is not lent; others are numbers of the system's errors.
const refused = 255

func answerTo(err error) byte {
	var number unix.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &number) && 0 < number && number < refused:
		return byte(number)
	}
	return refused
}

var errRequest = errors.New("refused by the process that keeps root's rights")

func lend(request, oob []byte) error {
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
	size := int(min(binary.NativeEndian.Uint32(request[4:]), maxBuffer))
	switch request[0] {
	case largerSend:
		return unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, size)
	case largerReceive:
		return unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	case bindNames:
		if at := netip.AddrFrom4([4]byte(request[4:])); splitdns.IsLocal(at) {
			return unix.Bind(fds[0], &unix.SockaddrInet4{Port: splitdns.Port, Addr: at.As4()})
		}
	}
	return errRequest
}

// borrow has the keeper enlarge this process's sockets, and bind those that answer for names.
func borrow(keeper net.Conn) {
	b := &borrower{conn: keeper.(*net.UnixConn)}
	link.Enlarge = func(socket int, receive bool, size int) error {
		request := make([]byte, requestSize)
		if receive {
			request[0] = largerReceive
		}
		binary.NativeEndian.PutUint32(request[4:], uint32(size))
		return b.ask(socket, request)
	}
	splitdns.Bind = func(socket int, to netip.Addr) error {
		ip := to.As4()
		return b.ask(socket, append([]byte{bindNames, 0, 0, 0}, ip[:]...))
	}
}

// borrower is the worker's end.
type borrower struct {
	mu   sync.Mutex
	conn *net.UnixConn
}

func (b *borrower) ask(socket int, request []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, _, err := b.conn.WriteMsgUnix(request, unix.UnixRights(socket), nil); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := b.conn.Read(answer); err != nil {
		return err
	}
	switch answer[0] {
	case 0:
		return nil
	case refused:
		return errRequest
	}
	return unix.Errno(answer[0])
}
