package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"culvert/nic/userstack/relay"
)

// Values of RFC 1928.
const (
	socksVersion = 5

	methodNone         = 0x00
	methodUnacceptable = 0xff

	commandConnect   = 1
	commandAssociate = 3

	replySucceeded          = 0
	replyFailure            = 1
	replyNotAllowed         = 2
	replyNetworkUnreachable = 3
	replyHostUnreachable    = 4
	replyRefused            = 5
	replyCommand            = 7
	replyAddressType        = 8
)

// SOCKS is a SOCKS5 server with CONNECT and UDP ASSOCIATE, for IPv4, IPv6 and
// names. It has no authentication.
type SOCKS struct {
	dialer Dialer
	words  *words
	conns  connSet
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// NewSOCKS makes a server that connects through d. A nil logger means
// slog.Default.
func NewSOCKS(d Dialer, logger *slog.Logger) *SOCKS {
	if logger == nil {
		logger = slog.Default()
	}
	s := &SOCKS{dialer: d, words: &words{log: logger}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve accepts connections until Close, and then returns net.ErrClosed, or until
// the listener fails.
func (s *SOCKS) Serve(l net.Listener) error {
	defer l.Close()
	defer context.AfterFunc(s.ctx, func() { l.Close() })()
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			s.conns.run(conn, func() { s.serve(conn) })
		case s.ctx.Err() != nil:
			return net.ErrClosed
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			s.words.log.Warn("SOCKS: too many open files; raise the limit (ulimit -n)", "error", err)
			time.Sleep(100 * time.Millisecond)
		default:
			return err
		}
	}
}

// Close ends the listeners and all connections and waits for them.
func (s *SOCKS) Close() error {
	s.cancel()
	s.conns.close()
	s.words.sum()
	return nil
}

func (s *SOCKS) serve(conn net.Conn) {
	if err := s.handle(conn); err != nil && s.ctx.Err() == nil {
		s.words.say("SOCKS: "+err.Error(), "program", conn.RemoteAddr())
	}
}

// handle serves one connection: greeting, request, then bytes or datagrams.
func (s *SOCKS) handle(conn net.Conn) error {
	conn.SetReadDeadline(time.Now().Add(dialTimeout))
	if err := greet(conn); err != nil {
		return err
	}
	command, target, err := readRequest(conn)
	if err != nil {
		if errors.Is(err, errAddressType) {
			reply(conn, replyAddressType, nil)
		}
		return err
	}
	conn.SetReadDeadline(time.Time{})
	switch command {
	case commandConnect:
		return s.connect(conn, target)
	case commandAssociate:
		return s.associate(conn)
	}
	reply(conn, replyCommand, nil)
	return fmt.Errorf("command %d is not supported; only CONNECT (1) and UDP ASSOCIATE (3) are", command)
}

// greet agrees with the program on no authentication.
func greet(conn io.ReadWriter) error {
	var b [256]byte
	if _, err := io.ReadFull(conn, b[:2]); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if b[0] != socksVersion {
		return fmt.Errorf("the program speaks SOCKS version %d or something else; set it to SOCKS5", b[0])
	}
	methods := b[:b[1]]
	if _, err := io.ReadFull(conn, methods); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	for _, m := range methods {
		if m == methodNone {
			_, err := conn.Write([]byte{socksVersion, methodNone})
			return err
		}
	}
	conn.Write([]byte{socksVersion, methodUnacceptable})
	return errors.New("the program insists on a password; set it to SOCKS5 without one")
}

func readRequest(r io.Reader) (command byte, target string, err error) {
	var b [3]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, "", fmt.Errorf("request: %w", err)
	}
	if b[0] != socksVersion {
		return 0, "", fmt.Errorf("request of SOCKS version %d, want 5", b[0])
	}
	target, err = readAddress(r)
	if err != nil {
		return 0, "", fmt.Errorf("request: %w", err)
	}
	return b[1], target, nil
}

func (s *SOCKS) connect(conn net.Conn, target string) error {
	ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
	defer cancel()
	outer, err := s.dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		reply(conn, replyCode(err), nil)
		return err
	}
	defer outer.Close()
	if err := reply(conn, replySucceeded, outer.LocalAddr()); err != nil {
		return err
	}
	relay.Run(conn, outer, nil)
	return nil
}

func reply(w io.Writer, code byte, bound net.Addr) error {
	_, err := w.Write(appendAddress([]byte{socksVersion, code, 0}, bound))
	return err
}

func replyCode(err error) byte {
	switch {
	case errors.Is(err, syscall.EACCES):
		return replyNotAllowed
	case errors.Is(err, syscall.ECONNREFUSED):
		return replyRefused
	case errors.Is(err, syscall.ENETUNREACH):
		return replyNetworkUnreachable
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded):
		return replyHostUnreachable
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return replyHostUnreachable
	}
	return replyFailure
}
