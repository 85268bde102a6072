package link

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
)

// SOCKSProxy is a SOCKS version 5 proxy (RFC 1928), with a password (RFC 1929) if
// Username is not "".
type SOCKSProxy struct{ Username, Password string }

// SOCKSError is what a SOCKS proxy, or what is at its address, did not do.
type SOCKSError struct{ Err error }

func (e *SOCKSError) Error() string { return "SOCKS proxy: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *SOCKSError) Unwrap() error { return e.Err }

// Values of RFC 1928 and 1929.
const (
	socksVersion    = 5
	socksNoAuth     = 0
	socksPassword   = 2
	socksNoneFits   = 0xff
	passwordVersion = 1

	socksConnect   = 1
	socksAssociate = 3

	socksIPv4 = 1
	socksName = 3
	socksIPv6 = 4
)

// socksReplies are the reasons for a refusal (RFC 1928, section 6).
var socksReplies = []string{
	"granted", "general failure of the proxy", "its rules do not allow it: permit the server's address and port there",
	"network unreachable from the proxy", "the server's host cannot be reached from the proxy",
	"the server refuses the connection: check host and port", "time to live ran out",
	"the proxy does not know the command: one that carries TCP only cannot be used with proto udp",
	"the proxy does not know this kind of address",
}

// Connect makes the proxy at the other end of conn connect to a port of a host,
// which is a name or an address.
func (s *SOCKSProxy) Connect(ctx context.Context, conn net.Conn, host string, port uint16) error {
	defer interrupt(ctx, conn)()
	request, err := appendSOCKSHost([]byte{socksVersion, socksConnect, 0}, host, port)
	if err == nil {
		_, err = s.command(conn, request)
	}
	if err != nil {
		return &SOCKSError{err}
	}
	return nil
}

// associate makes the proxy relay datagrams as long as conn lasts, and returns the
// address to send them to.
func (s *SOCKSProxy) associate(ctx context.Context, conn net.Conn) (relay netip.AddrPort, err error) {
	defer interrupt(ctx, conn)()
	wildcard := netip.IPv4Unspecified()
	proxy := tcpAddr(conn.RemoteAddr()).Addr()
	if proxy.Is6() {
		wildcard = netip.IPv6Unspecified()
	}
	relay, err = s.command(conn, appendSOCKSAddr([]byte{socksVersion, socksAssociate, 0}, netip.AddrPortFrom(wildcard, 0)))
	if err != nil {
		return relay, &SOCKSError{err}
	}
	switch a := relay.Addr(); {
	case a.IsUnspecified():
		relay = netip.AddrPortFrom(proxy, relay.Port())
	case a.Is6() && a.IsLinkLocalUnicast(): // on the network that the proxy is on
		relay = netip.AddrPortFrom(a.WithZone(proxy.Zone()), relay.Port())
	}
	return relay, nil
}

// command greets the proxy, sends a request and returns the address in the
// answer.
func (s *SOCKSProxy) command(conn io.ReadWriter, request []byte) (bound netip.AddrPort, err error) {
	if err := s.greet(conn); err != nil {
		return bound, err
	}
	if _, err := conn.Write(request); err != nil {
		return bound, err
	}
	var head [3]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return bound, fmt.Errorf("no answer to the request: %w", err)
	}
	switch code := int(head[1]); {
	case head[0] != socksVersion:
		return bound, fmt.Errorf("the answer is not of SOCKS version 5: %q", head)
	case code >= len(socksReplies):
		return bound, fmt.Errorf("it refuses with code %d, which is not known", code)
	case code > 0:
		return bound, fmt.Errorf("it refuses: %s", socksReplies[code])
	}
	return readSOCKSAddr(conn)
}

// greet agrees on how to show who we are, and does so.
func (s *SOCKSProxy) greet(conn io.ReadWriter) error {
	method := byte(socksNoAuth)
	if s.Username != "" {
		method = socksPassword
	}
	if _, err := conn.Write([]byte{socksVersion, 1, method}); err != nil {
		return err
	}
	var reply [2]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return fmt.Errorf("no answer to the greeting: is there a SOCKS proxy at this address? %w", err)
	}
	switch {
	case reply[0] != socksVersion:
		return fmt.Errorf("the answer is not of SOCKS version 5 (%q): is there a SOCKS proxy at this address?", reply)
	case reply[1] == socksNoneFits && method == socksNoAuth:
		return errors.New("it requires a user name and password: name a file with both as the third value of socks-proxy")
	case reply[1] != method:
		return errors.New("it takes no user name and password: leave out the third value of socks-proxy")
	case method == socksPassword:
		return s.logIn(conn)
	}
	return nil
}

// logIn sends the password (RFC 1929).
func (s *SOCKSProxy) logIn(conn io.ReadWriter) error {
	const most = 255
	if len(s.Username) > most || len(s.Password) > most {
		return fmt.Errorf("user name or password is longer than the %d bytes that SOCKS takes", most)
	}
	message := append([]byte{passwordVersion, byte(len(s.Username))}, s.Username...)
	message = append(append(message, byte(len(s.Password))), s.Password...)
	if _, err := conn.Write(message); err != nil {
		return err
	}
	var reply [2]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return fmt.Errorf("no answer to user name and password: %w", err)
	}
	if reply[1] != 0 {
		return fmt.Errorf("%w and refuses the user name or password", ErrProxyAuth)
	}
	return nil
}

// appendSOCKSHost appends a host and port. The proxy resolves names.
func appendSOCKSHost(b []byte, host string, port uint16) ([]byte, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return appendSOCKSAddr(b, netip.AddrPortFrom(a, port)), nil
	}
	if len(host) == 0 || len(host) > 255 {
		return nil, fmt.Errorf("the server's name has %d bytes, expected 1 to 255", len(host))
	}
	b = append(b, socksName, byte(len(host)))
	return binary.BigEndian.AppendUint16(append(b, host...), port), nil
}

func appendSOCKSAddr(b []byte, a netip.AddrPort) []byte {
	kind := byte(socksIPv4)
	if a.Addr().Unmap().Is6() {
		kind = socksIPv6
	}
	b = append(append(b, kind), a.Addr().Unmap().AsSlice()...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// readSOCKSAddr reads an address with its port. A name is not resolved and gives an
// invalid address.
func readSOCKSAddr(r io.Reader) (a netip.AddrPort, err error) {
	var scratch [256 + 2]byte
	read := func(n int) []byte {
		if err == nil {
			_, err = io.ReadFull(r, scratch[:n])
		}
		return scratch[:n]
	}
	size := 0
	switch kind := read(1)[0]; {
	case err != nil:
	case kind == socksIPv4:
		size = 4
	case kind == socksIPv6:
		size = 16
	case kind == socksName:
		size = int(read(1)[0])
		read(size + 2)
		return a, err
	default:
		err = fmt.Errorf("the answer has an address of unknown kind %d", kind)
	}
	b := read(size + 2)
	if err != nil {
		return a, err
	}
	ip, _ := netip.AddrFromSlice(b[:size])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[size:])), nil
}
