package lan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// claim is an address that this host answers for, or is about to.
type claim struct {
	tentative bool           // nobody gets an answer yet
	found     chan frame.MAC // while tentative: a station that also has it
	lost      func()
	defended  time.Time // last, zero for never
}

// ErrTaken is wrapped by errors about an address that another station has.
var ErrTaken = errors.New("the address is in use on the segment")

// Times of conflict detection. RFC 5227 section 1.1 has probes a second or two
// apart, with seconds before and after them, and RFC 4862 has one probe in a
// second. Here somebody waits to be connected, so we wait less, like network
// managers that ask for 200 ms. A conflict found later is dealt with later.
const (
	probes         = 3
	probeGap       = 200 * time.Millisecond
	defendInterval = 10 * time.Second // RFC 5227
)

// Claim makes this host answer for an address of the segment until release. First
// it asks whether any station has the address, then it announces to all that this
// host has it. If the address must be given up because another station keeps using
// it, the claim ends and lost is called on a goroutine of its own.
func (s *Proxy) Claim(ctx context.Context, a netip.Addr, lost func()) (release func(), err error) {
	if err := s.fit(a); err != nil {
		return nil, err
	}
	c := &claim{tentative: true, found: make(chan frame.MAC, 1), lost: lost}
	s.mu.Lock()
	taken := s.claims[a] != nil
	if !taken {
		s.claims[a] = c
	}
	s.mu.Unlock()
	if taken {
		return nil, fmt.Errorf("%v is another client's: %w", a, ErrTaken)
	}
	if err := s.settle(ctx, a, c); err != nil {
		s.release(a, c)
		return nil, err
	}
	return func() { s.release(a, c) }, nil
}

// settle makes a tentative claim final.
func (s *Proxy) settle(ctx context.Context, a netip.Addr, c *claim) error {
	if a.Is6() {
		if err := s.port.Listen(neighbor.GroupMAC(neighbor.SolicitedNode(a)), true); err != nil {
			return fmt.Errorf("%s: listen for who asks for %v: %w", s.Name, a, err)
		}
	}
	if err := s.probe(ctx, a, c); err != nil {
		return err
	}
	s.mu.Lock()
	c.tentative = false
	s.mu.Unlock()
	return s.announce(a)
}

// has reports whether an address is already claimed.
func (s *Proxy) has(a netip.Addr) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.claims[a] != nil
}

// fit returns why an address of the segment cannot be a client's.
func (s *Proxy) fit(a netip.Addr) error {
	network := s.network(a)
	switch {
	case !network.Contains(a):
		return fmt.Errorf("%v is no address of the segment of %s, which is %v", a, s.Name, network)
	case IsReserved(network, a):
		return fmt.Errorf("%v is the first or the last of %v, which stand for the network and for all its hosts", a, network)
	}
	own, err := s.port.Own()
	if err != nil {
		return fmt.Errorf("the addresses of this host: %w", err)
	}
	if slices.Contains(own, a) {
		return fmt.Errorf("%v is this host's own", a)
	}
	return nil
}

// IsReserved reports whether an address cannot be a host's: the first and last of
// an IPv4 network (RFC 1122 section 3.2.1.3, except RFC 3021), or the first of an
// IPv6 network (RFC 4291 section 2.6.1).
func IsReserved(network netip.Prefix, a netip.Addr) bool {
	if a.BitLen()-network.Bits() <= 1 {
		return false
	}
	return a == network.Masked().Addr() || a.Is4() && !network.Contains(a.Next())
}

// probe asks the segment for an address, and returns an error if a station has it
// or also wants it (RFC 5227 section 2.1.1, RFC 4862 section 5.4).
func (s *Proxy) probe(ctx context.Context, a netip.Addr, c *claim) error {
	timer := time.NewTicker(probeGap)
	defer timer.Stop()
	for range probes {
		if err := s.port.Send(s.question(a)); err != nil {
			return fmt.Errorf("%s: ask for %v: %w", s.Name, a, err)
		}
		select {
		case station := <-c.found:
			return fmt.Errorf("%v is the address of %v: %w", a, station, ErrTaken)
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// question makes a probe for an address.
func (s *Proxy) question(a netip.Addr) []byte {
	if a.Is4() {
		b := frame.Header{Dst: frame.Broadcast, Src: s.MAC, Type: frame.TypeARP}.Append(nil)
		return neighbor.ARP{Op: neighbor.OpRequest, SenderMAC: s.MAC, Sender: netip.IPv4Unspecified(), Target: a}.Append(b)
	}
	group := neighbor.SolicitedNode(a)
	nd := neighbor.ND{Src: netip.IPv6Unspecified(), Dst: group, Message: &ndp.NeighborSolicitation{TargetAddress: a}}
	b, _ := nd.Append(nil, s.MAC, neighbor.GroupMAC(group)) // without options it always has a form
	return b
}

// release ends a claim of an address, if it has not ended.
func (s *Proxy) release(a netip.Addr, c *claim) {
	s.mu.Lock()
	had := s.claims[a] == c
	if had {
		delete(s.claims, a)
	}
	group := neighbor.SolicitedNode(a)
	shared := slices.ContainsFunc(s.claimed(), func(other netip.Addr) bool {
		return other.Is6() && neighbor.SolicitedNode(other) == group
	})
	s.mu.Unlock()
	if had && a.Is6() && !shared {
		_ = s.port.Listen(neighbor.GroupMAC(group), false)
	}
}

// claimed returns the claimed addresses. The caller holds mu.
func (s *Proxy) claimed() []netip.Addr {
	list := make([]netip.Addr, 0, len(s.claims))
	for a := range s.claims {
		list = append(list, a)
	}
	return list
}

// announce tells every station where an address is now (RFC 5227 section 2.3,
// RFC 4861 section 7.2.6).
func (s *Proxy) announce(a netip.Addr) error {
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

// contender notes a station that asks whether it may have an address. That matters
// while this host asks the same.
func (s *Proxy) contender(a netip.Addr, station frame.MAC) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.claims[a]; c != nil && c.tentative {
		c.note(station)
	}
}

func (c *claim) note(station frame.MAC) {
	select {
	case c.found <- station:
	default:
	}
}

// conflict notes a station that has an address. If this host answers for the
// address, it defends it once, and gives it up if the station goes on (RFC 5227
// section 2.4, b).
func (s *Proxy) conflict(a netip.Addr, station frame.MAC) {
	s.mu.RLock()
	c := s.claims[a]
	s.mu.RUnlock()
	if c == nil {
		return
	}
	switch told, what := s.respond(c, station, time.Now()); what {
	case defend:
		if !told {
			s.log.Warn("a client of this server has an address that another station of the segment also uses: take it out of the pool, or give that station another",
				"address", a, "interface", s.Name, "station", station)
		}
		if err := s.announce(a); err != nil && !closed(err) {
			s.log.Debug("an address was not defended", "address", a, "interface", s.Name, "error", err)
		}
	case give:
		s.release(a, c)
		s.log.Warn("a client's address is given up because another station of the segment keeps using it",
			"address", a, "interface", s.Name, "station", station)
		go c.lost()
	}
}

// What to do about a conflict.
type response int

const (
	nothing response = iota
	defend
	give
)

// respond returns what to do about a conflict now, and whether there was one
// before.
func (s *Proxy) respond(c *claim, station frame.MAC, now time.Time) (again bool, what response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	again = !c.defended.IsZero()
	switch {
	case c.tentative:
		c.note(station)
		return again, nothing
	case again && now.Sub(c.defended) < defendInterval:
		return again, give
	}
	c.defended = now
	return again, defend
}
