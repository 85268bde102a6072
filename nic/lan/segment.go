// Package lan lets this host stand in for others on an Ethernet segment
// that one of its adapters is on: who asks there for an address that was claimed
// is answered with the adapter's MAC, so that packets for it come here, and an
// address can be leased from the segment's own DHCP server for each of them.
//
// What packets do next is for routes. Nothing here carries any.
package lan

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/mdlayher/ndp"

	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// port is an adapter on a segment, as far as this package needs one: frames of
// ARP, neighbour discovery and DHCP.
type port interface {
	// Receive waits for a frame. It stays valid until the next call. An error
	// that wraps net.ErrClosed is final.
	Receive() ([]byte, error)
	Send(frame []byte) error
	// Listen has frames for a group's MAC come in from now on, or no more.
	Listen(group frame.MAC, on bool) error
	io.Closer
}

// Segment is a segment at work. Open makes one.
type Segment struct {
	Interface
	log  *slog.Logger
	port port
	done chan struct{} // closed when nothing is read any more

	mu        sync.RWMutex
	claims    map[netip.Addr]bool // true once a conflict was told
	exchanges map[exchange]*lessee
}

// newSegment starts reading.
func newSegment(i Interface, p port, log *slog.Logger) *Segment {
	s := &Segment{Interface: i, log: log, port: p, done: make(chan struct{}),
		claims: make(map[netip.Addr]bool), exchanges: make(map[exchange]*lessee)}
	go s.run()
	return s
}

// Close stops answering. Leases that were not released stay with the DHCP
// server until they end.
func (s *Segment) Close() error {
	err := s.port.Close()
	<-s.done
	return err
}

// Claim has this host answer for an address of the segment, and says so to all.
func (s *Segment) Claim(a netip.Addr) error {
	if network := s.network(a); !network.Contains(a) {
		return fmt.Errorf("%v is no address of the segment of %s, which is %v", a, s.Name, network)
	}
	s.mu.Lock()
	_, had := s.claims[a]
	s.claims[a] = false
	s.mu.Unlock()
	if had {
		return nil
	}
	if a.Is6() {
		if err := s.port.Listen(neighbor.GroupMAC(neighbor.SolicitedNode(a)), true); err != nil {
			return fmt.Errorf("%s: listen for who asks for %v: %w", s.Name, a, err)
		}
	}
	return s.announce(a)
}

// Release ends a claim.
func (s *Segment) Release(a netip.Addr) {
	s.mu.Lock()
	_, had := s.claims[a]
	delete(s.claims, a)
	group := neighbor.SolicitedNode(a)
	shared := slices.ContainsFunc(s.claimed(), func(other netip.Addr) bool {
		return other.Is6() && neighbor.SolicitedNode(other) == group
	})
	s.mu.Unlock()
	if had && a.Is6() && !shared {
		_ = s.port.Listen(neighbor.GroupMAC(group), false)
	}
}

// claimed are the addresses claimed. The caller holds mu.
func (s *Segment) claimed() []netip.Addr {
	list := make([]netip.Addr, 0, len(s.claims))
	for a := range s.claims {
		list = append(list, a)
	}
	return list
}

func (s *Segment) network(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return s.IPv4
	}
	return s.IPv6
}

// announce tells every station where an address is now (RFC 5227 section 2.3,
// RFC 4861 section 7.2.6).
func (s *Segment) announce(a netip.Addr) error {
	if a.Is4() {
		b := frame.Header{Dst: frame.Broadcast, Src: s.MAC, Type: frame.TypeARP}.Append(nil)
		return s.port.Send(neighbor.ARP{Op: neighbor.OpRequest, SenderMAC: s.MAC, Sender: a, Target: a}.Append(b))
	}
	nd := neighbor.ND{Src: a, Dst: neighbor.AllNodes, Message: &ndp.NeighborAdvertisement{Override: true, TargetAddress: a,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: s.MAC[:]}}}}
	b, err := nd.Append(nil, s.MAC, neighbor.GroupMAC(neighbor.AllNodes))
	if err != nil {
		return err
	}
	return s.port.Send(b)
}

// run answers until the port is closed.
func (s *Segment) run() {
	defer close(s.done)
	for {
		b, err := s.port.Receive()
		if err != nil {
			if !closed(err) {
				s.log.Error("the clients of this server are no more answered for on the segment", "interface", s.Name, "error", err)
			}
			return
		}
		s.receive(b)
	}
}

// receive takes one frame of the segment.
func (s *Segment) receive(b []byte) {
	h, ok := frame.Parse(b)
	if !ok || h.Tagged || h.Src == s.MAC || !h.Src.IsStation() {
		return
	}
	payload := b[h.Len:]
	switch h.Type {
	case frame.TypeARP:
		if q, ok := neighbor.ParseARP(payload); ok && q.SenderMAC == h.Src {
			s.conflict(q.Sender, h.Src)
			s.answer(q.Answer(nil, s.who))
		}
	case frame.TypeIPv6:
		if nd, ok := neighbor.ParseND(payload); ok {
			if m, ok := nd.Message.(*ndp.NeighborAdvertisement); ok {
				s.conflict(m.TargetAddress, h.Src)
			}
			s.answer(nd.Answer(nil, h.Src, s.who))
		}
	case frame.TypeIPv4:
		s.dhcp(h, payload)
	}
}

// who is this host for every address claimed.
func (s *Segment) who(a netip.Addr) (neighbor.Station, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.claims[a]
	return neighbor.Station{MAC: s.MAC}, ok
}

func closed(err error) bool { return errors.Is(err, net.ErrClosed) }

func (s *Segment) answer(b []byte, ok bool) {
	if !ok {
		return
	}
	if err := s.port.Send(b); err != nil && !closed(err) {
		s.log.Debug("an answer on the segment was not sent", "interface", s.Name, "error", err)
	}
}

// conflict says once for each claim that another station has the address, too.
func (s *Segment) conflict(a netip.Addr, station frame.MAC) {
	s.mu.RLock()
	told, ours := s.claims[a]
	s.mu.RUnlock()
	if !ours || told {
		return
	}
	s.mu.Lock()
	s.claims[a] = true
	s.mu.Unlock()
	s.log.Warn("a client of this server has an address that another station of the segment uses, too: take it out of the pool, or give that station another",
		"address", a, "interface", s.Name, "station", station)
}
