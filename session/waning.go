package session

import (
	"slices"
	"time"

	"culvert/session/wire"
)

// waning are the keys from before s.old, which only open packets: OpenVPN 3
// seals with what it had for a minute after a server renewed keys, however often
// that happens meanwhile.
type waning struct {
	key   wire.KeyID
	until time.Time // the end of their transition window
}

// wane drops a generation's TLS connection and keeps its keys for a while. Call
// it before another follows s.active.
func (s *Session) wane(g *generation) {
	if g == nil {
		return
	}
	g.close()
	s.waning = append(s.waning, waning{g.id, s.active.installed.Add(s.cfg.TranWindow)})
}

// revive notes that new keys took the place of those with their id.
func (s *Session) revive(key wire.KeyID) {
	s.waning = slices.DeleteFunc(s.waning, func(w waning) bool { return w.key == key })
}

// advanceWaning retires keys whose time is over.
func (s *Session) advanceWaning(now time.Time) {
	for len(s.waning) > 0 && !now.Before(s.waning[0].until) {
		s.data.ring.Retire(s.waning[0].key)
		s.waning = s.waning[1:]
	}
	if len(s.waning) == 0 {
		s.waning = nil
	}
}
