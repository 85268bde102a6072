package p2p

import (
	"crypto/x509"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access/hooks"
	"culvert/internal/buf"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// side is a session with the other host.
type side struct {
	*tunnel.Peer
	settings *profile.Settings
	near     netip.AddrPort // of a proxy, or the other host where it was known
	began    time.Time
	// presented is the way from the certificate that the other host showed last up
	// to its authority. It belongs to the control goroutine.
	presented []*x509.Certificate
	// told is what programs are told of the other host, nil until it is known.
	told atomic.Pointer[hooks.Env]
	// remote is the session id the other host chose, nil until it is known. It may be
	// another one until the other host has acknowledged this side's: settled.
	remote  atomic.Pointer[wire.SessionID]
	settled atomic.Bool
	// heir is the side that took this one's place while it was the current one; nil: none.
	heir atomic.Pointer[side]
}

// passedTo reports whether a side carries packets in this one's place, and there was
// always one that did.
func (s *side) passedTo(current *side) bool {
	for s != nil && s != current {
		s = s.heir.Load()
	}
	return s != nil
}

// own is the side's connection, nil when it shares the socket.
func (s *side) own() *connection {
	c, _ := s.Link().(*connection)
	return c
}

// nearest is the address that packets go to, past the tunnel.
func (s *side) nearest() netip.Addr {
	if s.near.IsValid() {
		return s.near.Addr()
	}
	return s.Path().Remote.Addr()
}

// reported is where the other host is, as events have it.
func (s *side) reported() event.Remote {
	r := event.Remote{Proto: "udp", Addr: s.Path().Remote}
	if c := s.own(); c != nil && c.tcp {
		r.Proto = "tcp"
	}
	return r
}

// end stops a side, and its connection with it.
func (s *side) end() {
	s.Stop()
	if c := s.own(); c != nil {
		c.Close()
	}
}

// deliver hands over a control packet that came by path, and notes the peer's
// session id once a packet that names it has proven authentic. It reports false
// where the packet came from elsewhere.
func (s *side) deliver(path buf.Path, float bool, packet []byte, onError func(error)) bool {
	if !s.DeliverFrom(path, float, packet, onError) {
		return false
	}
	if !s.settled.Load() {
		s.Do(func(time.Time) { s.bind() })
	}
	return true
}

func (s *side) bind() {
	if id := s.Session.RemoteID(); !id.IsZero() {
		s.remote.Store(&id)
		s.settled.Store(session.Confirmed(s.Session))
	}
}

func (s *side) is(id wire.SessionID) bool {
	remote := s.remote.Load()
	return remote != nil && *remote == id
}

// sides are the sessions there are: current carries packets, next is in its
// handshake on the socket that all share, and apart are those in their
// handshakes on connections of their own, which are bounded by link.Acceptor.
type sides struct {
	current atomic.Pointer[side]

	mu    sync.Mutex
	next  *side
	apart map[*side]bool
}

// idle reports that there are none.
func (s *sides) idle() bool { return len(s.all()) == 0 }

func (s *sides) all() (all []*side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range []*side{s.next, s.current.Load()} {
		if one != nil {
			all = append(all, one)
		}
	}
	for one := range s.apart {
		all = append(all, one)
	}
	return all
}

// find is the side, of those on the socket, whose peer is at an address and
// chose a session id.
func (s *sides) find(id wire.SessionID, at netip.AddrPort) *side {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range []*side{s.next, s.current.Load()} {
		if one != nil && one.is(id) && one.Path().Remote == at {
			return one
		}
	}
	return nil
}

// unsettled is the side in its handshake of which the other host has acknowledged
// nothing: a packet of a session id that nobody knows may be for it.
func (s *sides) unsettled() *side {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil || s.next.settled.Load() {
		return nil
	}
	return s.next
}

// handshakeTime is how long a handshake under way is left alone before one
// from another address may take its place.
const handshakeTime = 10 * time.Second

// progressTime is how long a handshake that goes on keeps its place from a session
// that this host begins. Both hosts may begin, each twice (its own, and an answer to the
// other's), and have to keep the same one. A host that was started anew asks again
// later than that.
const progressTime = 2 * time.Second

// givesWay reports whether another side may take the place of one in its handshake.
// called: the other host asked for that session.
func (s *side) givesWay(to *side, called bool) bool {
	switch {
	case s.remote.Load() == nil:
		return true
	case s.Path().Remote != to.Path().Remote:
		return to.began.Sub(s.began) >= handshakeTime
	}
	return called || to.began.Sub(s.Data.LastReceived()) >= progressTime
}

// enter makes a side the next, unless the one in its handshake does not give way.
// called: the other host asked for the side's session. It returns the one whose place it
// took.
func (s *sides) enter(one *side, called bool) (before *side, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := one.own(); c != nil {
		if !c.side.CompareAndSwap(nil, one) {
			return nil, false
		}
		if s.apart == nil {
			s.apart = make(map[*side]bool)
		}
		s.apart[one] = true
		return nil, true
	}
	if s.next != nil && !s.next.givesWay(one, called) {
		return nil, false
	}
	before, s.next = s.next, one
	return before, true
}

// promote makes a side the current one, and returns the one before, nil if
// there was none or one took its own place. Over TCP that has no heir: as with OpenVPN,
// a connection is lost before there is another.
func (s *sides) promote(one *side) (before *side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(one)
	if before = s.current.Load(); before == one {
		return nil
	}
	if before != nil && !overTCP(one.Link()) {
		before.heir.Store(one) // who sees the new one has to know
	}
	s.current.Store(one)
	return before
}

// forget takes a side from those in their handshakes. The caller holds mu.
func (s *sides) forget(one *side) {
	delete(s.apart, one)
	if s.next == one {
		s.next = nil
	}
}

// drop forgets a side, and reports whether it was the current one.
func (s *sides) drop(one *side) (wasCurrent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(one)
	return s.current.CompareAndSwap(one, nil)
}
