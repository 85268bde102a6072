package p2p

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
)

// signals wake Run's goroutine.
type signals struct {
	changed chan struct{}          // a connection came up or ended, or its path was measured; capacity 1
	finish  chan error             // there is a reason to end; capacity 1
	why     *atomic.Pointer[error] // the connection ended last
}

func newSignals() signals {
	return signals{changed: make(chan struct{}, 1), finish: make(chan error, 1), why: new(atomic.Pointer[error])}
}

// notify says that a connection came up or ended, or that its path was measured.
func (s signals) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// lastEnd returns why the connection ended last.
func (s signals) lastEnd() error {
	if why := s.why.Load(); why != nil {
		return *why
	}
	return errReplaced
}

// end has Run end, for a reason that trying again would not mend.
func (s signals) end(why error) {
	select {
	case s.finish <- why:
	default: // it ends already
	}
}

// judge ends the tunnel with a session where the configuration asks for that.
func (s *sessions) judge(err error) {
	switch {
	case errors.Is(err, session.ErrPingExit):
		s.end(err)
	case s.cfg.Timers.TLSExit && errors.As(err, new(*session.HandshakeError)):
		s.end(fmt.Errorf("%w; tls-exit forbids another try", err))
	case errors.Is(err, session.ErrPingTimeout), errors.As(err, new(*session.HandshakeError)):
		if end := profile.Remap(s.cfg, err, s.reload); end != nil {
			s.end(end)
		}
	}
}

// saysGoodbye reports whether the end of this host is told to the other one.
func saysGoodbye(c *config.Config) bool {
	return c.Timers.ExplicitExitNotify > 0 &&
		!slices.ContainsFunc(c.Link.Remotes, func(r config.Remote) bool { return r.Proto.TCP }) &&
		!slices.ContainsFunc(c.Listens(), func(l config.Listen) bool { return l.Proto.TCP })
}
