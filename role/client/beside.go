package client

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"culvert/link"
	"culvert/tunnel"
)

// sessions are those that the road knows. The zero value has none. Any goroutine may ask;
// Run's and those of moves change it.
type sessions struct {
	now atomic.Pointer[those]

	mu      sync.Mutex // of changes
	traffic tunnel.Traffic
}

// those are the sessions at one time. Each may be nil, and packets are taken from all.
type those struct {
	present *tunnel.Peer // by which packets go out
	beside  *tunnel.Peer // which may take its place
	former  *tunnel.Peer // which was left, and is kept
	left    *tunnel.Peer // which was left last, and is not kept
	// from are addresses of the adapter that packets leave from by former.
	from []netip.Addr
}

func (s *sessions) load() those {
	if t := s.now.Load(); t != nil {
		return *t
	}
	return those{}
}

// present is the peer that packets go out to, nil for none.
func (s *sessions) present() *tunnel.Peer {
	if t := s.now.Load(); t != nil {
		return t.present
	}
	return nil
}

// carrying is the peer that packets from an inner address go out to, nil for none.
func (s *sessions) carrying(from netip.Addr) *tunnel.Peer {
	t := s.now.Load()
	switch {
	case t == nil:
		return nil
	case t.from != nil && slices.Contains(t.from, from):
		return t.former
	}
	return t.present
}

// on is the peer whose packets come by a link, nil for none.
func (s *sessions) on(l link.Link) *tunnel.Peer {
	t := s.now.Load()
	switch {
	case t == nil:
		return nil
	case t.beside != nil && t.beside.Link() == l:
		return t.beside
	case t.former != nil && t.former.Link() == l:
		return t.former
	case t.left != nil && t.left.Link() == l:
		return t.left
	}
	return t.present
}

// add adds a session: as the present one if there is none.
func (s *sessions) add(p *tunnel.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.load()
	if now.present == nil {
		now.present = p
	} else {
		now.beside = p
	}
	s.now.Store(&now)
}

// promote makes a session the present one. Packets from some addresses go on to leave by
// the one that is kept, which is the present one before, or was kept already, unless it is over;
// nil: there is none. Nothing waits any more for the present one before: it may be dead, or
// slow. Others that were left for either have been removed.
func (s *sessions) promote(p, kept *tunnel.Peer, from []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.load()
	before := now.present
	next := those{present: p, left: now.left}
	if before == p {
		next.beside = now.beside
	}
	if kept != nil && (kept == before || kept == now.former) {
		next.former, next.from = kept, from
	}
	if before != nil && before != p {
		if before != kept {
			next.left = before
		}
		link.Hurry(before.Link())
	}
	s.now.Store(&next)
}

// remove removes a session that is over, and counts what it carried.
func (s *sessions) remove(p *tunnel.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.load()
	switch p {
	case now.present:
		now.present = nil
	case now.beside:
		now.beside = nil
	case now.former:
		now.former, now.from = nil, nil
	case now.left:
		now.left = nil
	default:
		return
	}
	s.traffic.Ended(p)
	s.now.Store(&now)
}

// statistics are what all sessions have carried so far.
func (s *sessions) statistics() tunnel.Statistics {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.load()
	return s.traffic.With(now.present).Plus(now.beside).Plus(now.former).Plus(now.left)
}
