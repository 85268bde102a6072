package session

import (
	"math/rand/v2"
	"time"

	"culvert/session/seal"
)

// How often the use of keys is compared with its limits: of their ciphers, and
// of reneg-bytes and reneg-pkts where given.
const (
	cipherUsageInterval = time.Minute
	usageInterval       = time.Second
)

// refusalTime is how long a refused client is given to hear of it.
const refusalTime = 5 * time.Second

// Advance does what the time demands: ends handshakes that take too long,
// renews keys, retires old ones, notices silence. Follow it with Output.
func (s *Session) Advance(now time.Time) {
	if s.err != nil {
		return
	}
	s.advanceHandshake(now)
	s.advanceKeys(now)
	s.advanceLeaving(now)
	s.advanceReport(now)
	s.advanceWatch(now)
}

func (s *Session) advanceHandshake(now time.Time) {
	g := s.next
	if g == nil {
		return
	}
	if g.phase == phasePush {
		s.askForPush(now)
	}
	if s.takesLong(g) && !now.Before(g.started.Add(explainAfter)) {
		g.explained = true
		s.emit(Delayed{g.stage()})
	}
	if !now.Before(g.until) {
		s.failGeneration(g, nil)
	} else if limit := s.silenceLimit(g); limit > 0 && now.Sub(s.data.LastReceived()) >= limit {
		s.failGeneration(g, errFellSilent)
	}
}

// explainAfter is when a handshake that does not end is explained.
const explainAfter = 5 * time.Second

// takesLong reports a first handshake that is to be explained once it has gone on
// for explainAfter: one that waits for the path or the peer's program, not for a
// login.
func (s *Session) takesLong(g *generation) bool {
	last := phasePush
	if s.cfg.Server {
		last = phaseKeys
	}
	return s.active == nil && !g.explained && g.phase <= last && !g.pending
}

func (s *Session) advanceKeys(now time.Time) {
	g := s.active
	if g == nil {
		return
	}
	if !g.sending && (g.ch.Idle() && (g.tls == nil || g.tls.out.empty()) || g.keys.Received() > 0) {
		s.startSending(g)
	}
	if s.old != nil {
		s.advanceOld(now)
	}
	s.advanceWaning(now)
	if s.next == nil && s.due(now) {
		s.softReset(now)
	}
}

// advanceOld drops the TLS connection of the generation before once it has
// nothing left to say, and its keys at the end of the transition window.
func (s *Session) advanceOld(now time.Time) {
	age := now.Sub(s.active.installed)
	if age >= s.cfg.HandWindow && s.old.tls != nil {
		s.old.close()
		s.old.ch = nil
	}
	if age >= s.cfg.TranWindow {
		s.retire(s.old)
		s.old = nil
	}
}

// due reports that keys are to be renewed, by age or by use.
func (s *Session) due(now time.Time) bool {
	if !s.renegotiate.IsZero() && !now.Before(s.renegotiate) {
		return true
	}
	if now.Before(s.nextUsage()) {
		return false
	}
	s.usageSeen = now
	u := s.active.keys.Usage()
	return s.active.keys.Due() ||
		s.cfg.RenegBytes > 0 && int64(u.SentBytes+u.ReceivedBytes) >= s.cfg.RenegBytes ||
		s.cfg.RenegPackets > 0 && int64(u.Sent+u.Received) >= s.cfg.RenegPackets
}

// nextUsage is when due looks at the counters again.
func (s *Session) nextUsage() time.Time {
	if s.cfg.RenegBytes > 0 || s.cfg.RenegPackets > 0 || s.cfg.Limits != (seal.Limits{}) {
		return s.usageSeen.Add(usageInterval)
	}
	return s.usageSeen.Add(cipherUsageInterval)
}

// scheduleRenegotiation sets the age at which the new keys are renewed.
func (s *Session) scheduleRenegotiation(now time.Time) {
	s.renegotiate, s.usageSeen = time.Time{}, now
	if after := s.cfg.RenegAfter; after > 0 {
		if least := s.cfg.RenegLeast; least > 0 && least < after {
			after -= time.Duration(rand.Int64N(int64(after-least) + 1))
		}
		s.renegotiate = now.Add(after)
	}
}

// Deadline is when to Advance again, were nothing to arrive before. It is the
// zero time once the session has ended.
func (s *Session) Deadline() time.Time {
	var first time.Time
	by := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if s.err != nil {
		return first
	}
	if g := s.next; g != nil {
		by(g.until)
		if s.takesLong(g) {
			by(g.started.Add(explainAfter))
		}
		if limit := s.silenceLimit(g); limit > 0 {
			by(s.data.LastReceived().Add(limit))
		}
		by(s.push.nextRequest)
	}
	for _, g := range []*generation{s.next, s.active, s.old} {
		if g != nil && g.ch != nil && s.maySend() {
			by(g.ch.Deadline())
		}
	}
	s.keyDeadlines(by)
	s.watchDeadlines(by)
	if s.leaving != nil {
		by(s.leaving.next())
	}
	return first
}

func (s *Session) keyDeadlines(by func(time.Time)) {
	if s.active == nil {
		return
	}
	if s.next == nil {
		by(s.renegotiate)
		by(s.nextUsage())
	}
	if len(s.waning) > 0 {
		by(s.waning[0].until)
	}
	if s.old != nil {
		if s.old.tls != nil {
			by(s.active.installed.Add(s.cfg.HandWindow))
		}
		by(s.active.installed.Add(s.cfg.TranWindow))
	}
}

// Stage tells in words how far the handshake under way has come.
func (s *Session) Stage() string {
	for _, g := range []*generation{s.next, s.active} {
		if g != nil {
			return g.stage()
		}
	}
	return "no handshake under way"
}
