// Package lan lets this host stand in for others on the Ethernet segment of one of
// its adapters. Whoever asks there for a claimed address is answered with the
// adapter's MAC, so that packets for it come here. Each address can be leased from
// the segment's own DHCP server.
//
// Routes decide what packets do next. Nothing here carries any.
package lan

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/mdlayher/ndp"

	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// port is an adapter on a segment, as far as this package needs it: it moves frames
// of ARP, neighbour discovery and DHCP.
type port interface {
	// Receive waits for a frame. It stays valid until the next call. An error
	// that wraps net.ErrClosed is final.
	Receive() ([]byte, error)
	Send(frame []byte) error
	// Listen makes frames for a group's MAC come in from now on, or stops that.
	Listen(group frame.MAC, on bool) error
	// Own returns the addresses of this host.
	Own() ([]netip.Addr, error)
	io.Closer
}

// Proxy answers for addresses on a segment. Open makes one.
type Proxy struct {
	Interface
	log  *slog.Logger
	port port
	done chan struct{} // closed when nothing is read any more

	mu        sync.RWMutex
	claims    map[netip.Addr]*claim
	exchanges map[exchange]*lessee
	refusals  map[frame.MAC]*refusal
}

// newProxy starts reading.
func newProxy(i Interface, p port, log *slog.Logger) *Proxy {
	s := &Proxy{Interface: i, log: log, port: p, done: make(chan struct{}),
		claims: make(map[netip.Addr]*claim), exchanges: make(map[exchange]*lessee), refusals: make(map[frame.MAC]*refusal)}
	go s.run()
	return s
}

// Close stops answering. Leases that were not released stay with the DHCP
// server until they end.
func (s *Proxy) Close() error {
	err := s.port.Close()
	<-s.done
	return err
}

func (s *Proxy) network(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return s.IPv4
	}
	return s.IPv6
}

// run answers until the port is closed.
func (s *Proxy) run() {
	defer close(s.done)
	for {
		b, err := s.port.Receive()
		if err != nil {
			if !closed(err) {
				s.log.Error("this server no longer answers for its clients on the segment", "interface", s.Name, "error", err)
			}
			return
		}
		s.receive(b)
	}
}

// receive takes one frame of the segment.
func (s *Proxy) receive(b []byte) {
	h, ok := frame.Parse(b)
	if !ok || h.Tagged || h.Src == s.MAC || !h.Src.IsStation() {
		return
	}
	payload := b[h.Len:]
	switch h.Type {
	case frame.TypeARP:
		if q, ok := neighbor.ParseARP(payload); ok && q.SenderMAC == h.Src {
			s.conflict(q.Sender, h.Src)
			if q.IsProbe() {
				s.contender(q.Target, h.Src)
			}
			s.answer(q.Answer(nil, s.who))
		}
	case frame.TypeIPv6:
		if nd, ok := neighbor.ParseND(payload); ok {
			switch m := nd.Message.(type) {
			case *ndp.NeighborAdvertisement:
				s.conflict(m.TargetAddress, h.Src)
			case *ndp.NeighborSolicitation:
				if nd.Src.IsUnspecified() {
					s.contender(m.TargetAddress, h.Src)
				}
			}
			s.answer(nd.Answer(nil, h.Src, s.who))
		}
	case frame.TypeIPv4:
		s.dhcp(h, payload)
	}
}

// who names this host for every claimed address.
func (s *Proxy) who(a netip.Addr) (neighbor.Holder, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.claims[a]
	return neighbor.Holder{MAC: s.MAC}, c != nil && !c.tentative
}

func closed(err error) bool { return errors.Is(err, net.ErrClosed) }

func (s *Proxy) answer(b []byte, ok bool) {
	if !ok {
		return
	}
	if err := s.port.Send(b); err != nil && !closed(err) {
		s.log.Debug("an answer on the segment was not sent", "interface", s.Name, "error", err)
	}
}
