package client

import (
	"sync"
	"sync/atomic"

	"culvert/link"
	"culvert/tunnel"
)

// sessions are those that the road knows: the present one, by which packets go out, and
// during a move another one beside it, from which packets are taken, too. The zero value
// has none. Any goroutine may ask; Run's and those of moves change it.
type sessions struct {
	now atomic.Pointer[pair]

	mu      sync.Mutex // of changes
	traffic tunnel.Traffic
}

// pair are the sessions at one time. Either may be nil.
type pair struct{ present, beside *tunnel.Peer }

func (s *sessions) load() pair {
	if p := s.now.Load(); p != nil {
		return *p
	}
	return pair{}
}

// present is the peer that packets go out to, nil for none.
func (s *sessions) present() *tunnel.Peer {
	if p := s.now.Load(); p != nil {
		return p.present
	}
	return nil
}

// on is the peer whose packets come by a link, nil for none.
func (s *sessions) on(l link.Link) *tunnel.Peer {
	p := s.now.Load()
	switch {
	case p == nil:
		return nil
	case p.beside != nil && p.beside.Link() == l:
		return p.beside
	}
	return p.present
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

// promote makes a session the present one, and the one before is beside it.
func (s *sessions) promote(p *tunnel.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.load().present; before != p {
		s.now.Store(&pair{present: p, beside: before})
	}
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
	return s.traffic.With(now.present).Plus(now.beside)
}
