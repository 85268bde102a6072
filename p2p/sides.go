package p2p

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// side is a session with the other host.
type side struct {
	*tunnel.Peer
	began time.Time
	// remote is the session id the other host chose, nil until it is known.
	remote atomic.Pointer[wire.SessionID]
}

// deliver hands over a control packet, and notes the peer's session id once a
// packet that names it has proven authentic.
func (s *side) deliver(packet []byte, onError func(error)) {
	s.Deliver(packet, onError)
	if s.remote.Load() == nil {
		s.Do(func(time.Time) { s.bind() })
	}
}

func (s *side) bind() {
	if id := s.Session.RemoteID(); !id.IsZero() {
		s.remote.Store(&id)
	}
}

func (s *side) is(id wire.SessionID) bool {
	remote := s.remote.Load()
	return remote != nil && *remote == id
}

// sides are the sessions there are: current carries packets, next is in its
// handshake.
type sides struct {
	current atomic.Pointer[side]

	mu   sync.Mutex
	next *side
}

// idle reports that there is neither.
func (s *sides) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next == nil && s.current.Load() == nil
}

func (s *sides) all() (all []*side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range []*side{s.next, s.current.Load()} {
		if one != nil {
			all = append(all, one)
		}
	}
	return all
}

// find is the side whose peer chose a session id.
func (s *sides) find(id wire.SessionID) *side {
	for _, one := range s.all() {
		if one.is(id) {
			return one
		}
	}
	return nil
}

// waiting is the side that this host began and nobody has answered yet.
func (s *sides) waiting() *side {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil || s.next.remote.Load() != nil {
		return nil
	}
	return s.next
}

// handshakeTime is how long a handshake under way is left alone before one
// from another address may take its place.
const handshakeTime = 10 * time.Second

// enter makes a side the next, unless a handshake with somebody else is under
// way. It returns the one whose place it took.
func (s *sides) enter(one *side) (before *side, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.next; n != nil && n.remote.Load() != nil && n.Path().Remote != one.Path().Remote && one.began.Sub(n.began) < handshakeTime {
		return nil, false
	}
	before, s.next = s.next, one
	return before, true
}

// promote makes a side the current one, and returns the one before.
func (s *sides) promote(one *side) (before *side) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == one {
		s.next = nil
	}
	return s.current.Swap(one)
}

// drop forgets a side, and reports whether it was the current one.
func (s *sides) drop(one *side) (wasCurrent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == one {
		s.next = nil
	}
	return s.current.CompareAndSwap(one, nil)
}

// newSide sets a session to work. Nothing happens before its first Do.
func (h *Host) newSide(s *session.Session, l link.Link, path buf.Path) *side {
	one := &side{began: time.Now()}
	one.Peer = tunnel.NewPeer(s, l, path, h.onEvent)
	one.Owner, one.Observer = one, &h.road.Observer
	one.bind()
	return one
}

// start enters a side and lets it speak.
func (h *Host) start(one *side, first []byte) {
	before, ok := h.sides.enter(one)
	if !ok {
		one.Session.Close()
		h.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	if before != nil {
		before.Stop()
	}
	if first != nil {
		one.deliver(first, h.badControl)
		return
	}
	one.Do(func(time.Time) {})
}

// expected reports whether packets from an address can be the other host's.
func (h *Host) expected(from netip.AddrPort) bool {
	return h.cfg.Float || h.remotes.any() || h.remotes.has(from)
}
