package session

import (
	"errors"
	"time"
)

// Timers are how a session watches its peer and the traffic; 0 turns one off.
type Timers struct {
	Ping time.Duration // idle time before a ping is sent
	// PingRestart is silence that ends the session, for a client in its
	// handshake too.
	PingRestart time.Duration
	// PingExit is silence that ends it for good, in its handshake too.
	PingExit time.Duration
	// Inactive is the time in which less than InactiveBytes of packets, both
	// ways together, make a session Idle; 0 bytes: no packet at all.
	Inactive      time.Duration
	InactiveBytes int64
}

// Idle says that the tunnel carried less than Timers.Inactive asks for. What
// becomes of the session is for its owner to say.
type Idle struct{}

func (Idle) event() {}

// What ends a session by its timers.
var (
	ErrPingTimeout = errors.New("no packet from the peer for the time of ping-restart")
	ErrPingExit    = errors.New("no packet from the peer for the time of ping-exit")
)

// SetTimers replaces them all.
func (s *Session) SetTimers(t Timers) { s.cfg.Timers = t }

// quota is the use that was made of the tunnel when it was last looked at.
type quota struct {
	bytes int64
	since time.Time
}

// minds reports whether ping-restart holds by now: for a client, it does from
// the start.
func (s *Session) minds() bool { return s.carries() || s.pulls() }

// pushSilence is how long a server may say nothing at all while it is asked for
// a push, which it would acknowledge. It is longer than what a server's slow
// login script holds it up for, if that runs in the foreground.
const pushSilence = 15 * time.Second

var errFellSilent = errors.New("the server fell silent while it was asked for its push; it may have been started anew, and no longer know of this session")

// silenceLimit is how long a client in its first handshake waits while nothing
// is heard; 0: for as long as the handshake may take.
func (s *Session) silenceLimit(g *generation) time.Duration {
	switch {
	case g.pending:
		return s.cfg.HandWindow
	case g.phase == phasePush && s.pulls():
		return min(pushSilence, s.cfg.HandWindow)
	}
	return 0
}

// advanceWatch ends a session whose peer fell silent.
func (s *Session) advanceWatch(now time.Time) {
	silence, t := now.Sub(s.data.LastReceived()), &s.cfg.Timers
	switch {
	case t.PingExit > 0 && silence >= t.PingExit:
		s.fail(ErrPingExit)
	case s.minds() && t.PingRestart > 0 && silence >= t.PingRestart:
		s.fail(ErrPingTimeout)
	case s.carries() && t.Inactive > 0:
		s.advanceInactive(now)
	}
}

func (s *Session) advanceInactive(now time.Time) {
	if s.quota.since.IsZero() {
		s.quota.since = now
	}
	if now.Before(s.inactiveAt()) {
		return
	}
	bytes, _ := s.data.traffic()
	if least := s.cfg.Timers.InactiveBytes; least == 0 || bytes-s.quota.bytes < least {
		s.emit(Idle{})
	}
	s.quota = quota{bytes, now}
}

// inactiveAt is when the traffic has to be looked at again.
func (s *Session) inactiveAt() time.Time {
	at := s.quota.since
	if _, last := s.data.traffic(); s.cfg.Timers.InactiveBytes == 0 && last.After(at) {
		at = last
	}
	return at.Add(s.cfg.Timers.Inactive)
}

func (s *Session) watchDeadlines(by func(time.Time)) {
	heard, t := s.data.LastReceived(), &s.cfg.Timers
	if t.PingExit > 0 {
		by(heard.Add(t.PingExit))
	}
	if s.minds() && t.PingRestart > 0 {
		by(heard.Add(t.PingRestart))
	}
	if !s.carries() {
		return
	}
	if t.Ping > 0 {
		by(s.data.LastSent().Add(t.Ping))
	}
	if t.Inactive > 0 && !s.quota.since.IsZero() {
		by(s.inactiveAt())
	}
}
