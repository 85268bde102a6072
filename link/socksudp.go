package link

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"

	"culvert/internal/buf"
)

// socksUDP is a UDP link through a proxy: each datagram goes to the proxy's relay,
// after a header with the server's address (RFC 1928, section 7). It forwards none
// of the optional interfaces of the link below: what the system knows about the
// path to the relay (Path) does not hold for the server, and a client needs neither
// Queued nor Crowder.
type socksUDP struct {
	Link
	control net.Conn // the association lasts as long as control
	relay   netip.AddrPort
	server  netip.AddrPort
	header  []byte // of datagrams to server
}

// UDP returns a link that carries datagrams to server through the proxy at the
// other end of control. It takes over control and under. Packets have server as
// their Path.
func (s *SOCKSProxy) UDP(ctx context.Context, control net.Conn, under Link, server netip.AddrPort) (Link, error) {
	relay, err := s.associate(ctx, control)
	if err == nil && (!relay.Addr().IsValid() || relay.Port() == 0) {
		err = fmt.Errorf("SOCKS proxy: the answer names no address to send datagrams to")
	}
	if err != nil {
		control.Close()
		under.Close()
		return nil, err
	}
	u := &socksUDP{Link: under, control: control, relay: relay, server: server,
		header: appendSOCKSAddr([]byte{0, 0, 0}, server)}
	go func() {
		// Nothing more arrives; only the end matters.
		_, _ = io.Copy(io.Discard, control)
		u.Close()
	}()
	return u, nil
}

// ReadBatch strips the header that the relay puts before each datagram, and drops
// datagrams from anyone but the relay. See Link.
func (u *socksUDP) ReadBatch(batch []*buf.Packet) (int, error) {
	for {
		n, err := u.Link.ReadBatch(batch)
		kept := 0
		for i, p := range batch[:n] {
			if u.strip(p) {
				batch[kept], batch[i] = p, batch[kept]
				kept++
			}
		}
		if kept > 0 || err != nil {
			return kept, err
		}
	}
}

func (u *socksUDP) strip(p *buf.Packet) bool {
	if p.Path.Remote != u.relay {
		return false
	}
	n, from, ok := parseSOCKSHeader(p.Bytes())
	if !ok || from != netip.AddrPortFrom(u.server.Addr().WithZone(""), u.server.Port()) {
		return false
	}
	p.TrimFront(n)
	p.Path = buf.Path{Remote: u.server}
	return true
}

// parseSOCKSHeader reads the header of a datagram that is whole and comes from an
// IP address. n is the header's length.
func parseSOCKSHeader(b []byte) (n int, from netip.AddrPort, ok bool) {
	const fixed, port = 4, 2
	if len(b) < fixed || b[2] != 0 {
		return 0, from, false
	}
	size := map[byte]int{socksIPv4: 4, socksIPv6: 16}[b[3]]
	n = fixed + size + port
	if size == 0 || len(b) < n {
		return 0, from, false
	}
	ip, _ := netip.AddrFromSlice(b[fixed : fixed+size])
	return n, netip.AddrPortFrom(ip.Unmap(), uint16(b[n-2])<<8|uint16(b[n-1])), true
}

// WriteBatch puts the server's address before each packet. See Link.
func (u *socksUDP) WriteBatch(batch []*buf.Packet) (int, error) {
	for _, p := range batch {
		copy(p.Prepend(len(u.header)), u.header)
		p.Path = buf.Path{Remote: u.relay}
	}
	return u.Link.WriteBatch(batch)
}

// Close also ends the association.
func (u *socksUDP) Close() error {
	u.control.Close()
	return u.Link.Close()
}
