package session

import (
	"time"

	"culvert/session/framing"
	"culvert/session/seal"
)

// NewStatic starts a session of two hosts that share a static key: there is no
// control channel and no handshake, and data can pass at once. keys outlive
// the session, so that packets of one cannot be replayed to the next.
func NewStatic(cfg Config, keys *seal.Static, now time.Time) *Session {
	s := newSession(cfg, keys, now)
	s.params.Compression, s.params.CompressionSet = cfg.Compression, true
	s.params.Fragments = cfg.Fragment > 0
	s.data.stage.Store(framing.New(framing.Config{
		Compression: cfg.Compression, Refuse: cfg.RefuseCompressed, Fragments: s.params.Fragments,
	}))
	return s
}

// carries reports that there are keys to seal and open data with.
func (s *Session) carries() bool { return s.active != nil || s.data.static != nil }
