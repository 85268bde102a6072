package session

import (
	"time"

	"culvert/internal/buf"
	"culvert/session/framing"
	"culvert/session/seal"
)

// NewStatic starts a session of two hosts that share a static key: there is no
// control channel and no handshake, and data can pass at once. keys outlive
// the session, so that packets of one cannot be replayed to the next.
func NewStatic(cfg Config, keys *seal.Static, now time.Time) *Session {
	s := newSession(cfg, now)
	s.static = keys
	s.params.Compression, s.params.CompressionSet = cfg.Compression, true
	s.params.Fragments = cfg.Fragment > 0
	s.stage.Store(framing.New(framing.Config{
		Compression: cfg.Compression, Refuse: cfg.RefuseCompressed, Fragments: s.params.Fragments,
	}))
	return s
}

// carries reports that there are keys to seal and open data with.
func (s *Session) carries() bool { return s.active != nil || s.static != nil }

func (s *Session) sealData(now time.Time, p *buf.Packet) error {
	if s.static != nil {
		return s.static.Seal(now, p)
	}
	return s.ring.Seal(p)
}

func (s *Session) openData(now time.Time, p *buf.Packet) error {
	if s.static != nil {
		return s.static.Open(p, int64(now.Sub(s.born)))
	}
	return s.ring.Open(p, int64(now.Sub(s.born)))
}

// fitData is the longest plaintext of a packet of size bytes; ok is false while
// that cannot be known.
func (s *Session) fitData(size int) (n int, ok bool) {
	if s.static != nil {
		return s.static.Fit(size), true
	}
	return s.ring.Fit(size)
}
