package userstack

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/icmp"
)

const (
	echoWindow    = 8192             // echo requests that may be under way
	echoPerClient = 256              // from one client
	echoTimeout   = 10 * time.Second // after which a reply comes too late
)

// echoSocket sends echo requests of one family to the outside.
type echoSocket struct {
	net.PacketConn
	// id is the identifier to send and expect; zero lets the kernel choose
	// one and filter replies by it (a ping socket).
	id int
	// raw sockets take addresses without a port.
	raw bool
}

// echoer sends echo requests of one family through one socket. It gives each a
// sequence number of its own, by which it recognizes the reply.
type echoer struct {
	open   func() (echoSocket, error)
	denied func(error) // called when open fails
	reply  func(packet []byte)

	mu      sync.Mutex
	tried   bool
	socket  echoSocket
	done    chan struct{} // closed when the reader ended
	next    uint16        // number of the next request
	oldest  uint16        // number of the oldest that may be under way
	pending [echoWindow]pendingEcho
	client  map[netip.Addr]int // requests under way
}

// pendingEcho is a request under way; the zero value is none.
type pendingEcho struct {
	src, dst netip.Addr
	id, seq  int
	sent     time.Time
}

// request sends a client's request on. It returns false if it dropped the request.
func (e *echoer) request(src, dst netip.Addr, echo *icmp.Echo) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ready() {
		return false
	}
	e.expire(time.Now())
	if e.client[src] >= echoPerClient || e.next-e.oldest >= echoWindow {
		return false
	}
	number := e.next
	m, err := echoMessage(dst, icmp.Echo{ID: e.socket.id, Seq: int(number), Data: echo.Data}, false)
	if err != nil {
		return false
	}
	if _, err := e.socket.WriteTo(m, e.socket.address(dst)); err != nil {
		return false
	}
	e.next++
	e.client[src]++
	e.pending[number%echoWindow] = pendingEcho{src: src, dst: dst, id: echo.ID, seq: echo.Seq, sent: time.Now()}
	return true
}

func (s echoSocket) address(a netip.Addr) net.Addr {
	if s.raw {
		return &net.IPAddr{IP: a.AsSlice()}
	}
	return &net.UDPAddr{IP: a.AsSlice()}
}

// ready opens the socket at the first request.
func (e *echoer) ready() bool {
	if e.tried {
		return e.socket.PacketConn != nil
	}
	e.tried = true
	socket, err := e.open()
	if err != nil {
		e.denied(err)
		return false
	}
	e.socket = socket
	e.client = make(map[netip.Addr]int)
	e.done = make(chan struct{})
	go e.receive(socket)
	return true
}

// expire forgets the oldest requests if they are answered or too old.
func (e *echoer) expire(now time.Time) {
	for ; e.oldest != e.next; e.oldest++ {
		p := &e.pending[e.oldest%echoWindow]
		if p.src.IsValid() && now.Sub(p.sent) < echoTimeout {
			return
		}
		e.forget(p)
	}
}

func (e *echoer) forget(p *pendingEcho) {
	if !p.src.IsValid() {
		return
	}
	if e.client[p.src]--; e.client[p.src] == 0 {
		delete(e.client, p.src)
	}
	*p = pendingEcho{}
}

// receive sends replies to clients until the socket is closed.
func (e *echoer) receive(socket echoSocket) {
	defer close(e.done)
	b := make([]byte, maxMTU)
	for {
		n, from, err := socket.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		e.answer(addrOf(from), b[:n])
	}
}

// answer gives a reply to the client whose request it answers, if any.
func (e *echoer) answer(from netip.Addr, b []byte) {
	echo, ok := parseEcho(from, b, true)
	if !ok || e.socket.id != 0 && echo.ID != e.socket.id {
		return
	}
	p, ok := e.match(from, uint16(echo.Seq))
	if !ok {
		return
	}
	m, err := echoMessage(from, icmp.Echo{ID: p.id, Seq: p.seq, Data: echo.Data}, true)
	if err != nil {
		return
	}
	e.reply(icmpPacket(flow{src: netip.AddrPortFrom(p.dst, 0), dst: netip.AddrPortFrom(p.src, 0)}, m))
}

// match finds and forgets the request a reply answers.
func (e *echoer) match(from netip.Addr, number uint16) (pendingEcho, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if number-e.oldest >= e.next-e.oldest {
		return pendingEcho{}, false
	}
	slot := &e.pending[number%echoWindow]
	p := *slot
	if !p.src.IsValid() || p.dst != from {
		return pendingEcho{}, false
	}
	e.forget(slot)
	return p, true
}

func (e *echoer) close() {
	e.mu.Lock()
	e.tried = true
	socket := e.socket
	e.mu.Unlock()
	if socket.PacketConn != nil {
		socket.Close()
		<-e.done
	}
}

func addrOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case *net.IPAddr:
		addr, _ := netip.AddrFromSlice(a.IP)
		return addr.Unmap()
	}
	return netip.Addr{}
}

func openEcho4() (echoSocket, error) { return openEcho("udp4", "ip4:icmp", "0.0.0.0") }
func openEcho6() (echoSocket, error) { return openEcho("udp6", "ip6:ipv6-icmp", "::") }

// openEcho opens a ping socket, or a raw one if only that is permitted.
func openEcho(ping, raw, address string) (echoSocket, error) {
	conn, pingErr := icmp.ListenPacket(ping, address)
	if pingErr == nil {
		return echoSocket{PacketConn: conn}, nil
	}
	conn, err := icmp.ListenPacket(raw, address)
	if err != nil {
		return echoSocket{}, errors.Join(pingErr, err)
	}
	var id [2]byte
	rand.Read(id[:])
	return echoSocket{PacketConn: conn, raw: true, id: int(binary.BigEndian.Uint16(id[:])) | 1}, nil
}
