package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/internal/mute"
	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
	"culvert/tunnel"
)

// sessions are those with the other host, from their beginning to their end.
type sessions struct {
	*keys
	signals
	cfg  *config.Config
	log  *slog.Logger
	ctx  context.Context // Run's, for as long as sessions last
	one  *tunnel.OnePeer
	emit func(Event)
	onUp func(*side) // a connection is up
	// reload has the configuration read again; nil: nobody does.
	reload func()

	sides     sides
	strangers mute.Strangers
	traffic   tunnel.Traffic
}

// current is the one that carries packets, nil while there is none.
func (s *sessions) current() *tunnel.Peer {
	if one := s.sides.current.Load(); one != nil {
		return one.Peer
	}
	return nil
}

// taken reports whether the other host is connected and may not connect anew
// (`single-session`).
func (s *sessions) taken() bool { return s.cfg.Link.SingleSession && s.sides.current.Load() != nil }

// begin starts a session towards the other host on a link.
func (s *sessions) begin(l link.Link, p *profile.Settings, path buf.Path, near netip.AddrPort) {
	if s.static != nil {
		s.beginStatic(l, p, path, near)
		return
	}
	one := s.newSide(session.NewP2P(p.For(s.ctx, path.Remote, overTCP(l)), time.Now()), l, p, path, near)
	s.start(one, nil)
	if limit := p.Config.Link.ConnectTimeout; limit > 0 && limit < p.Config.Timers.HandWindow {
		time.AfterFunc(limit, func() { giveUp(one, limit) })
	}
}

// giveUp ends a session that is not up in time.
func giveUp(s *side, limit time.Duration) {
	s.Do(func(time.Time) {
		if !s.Session.Established() {
			s.Session.LinkClosed(fmt.Errorf("no connection within %v (connect-timeout)", limit))
		}
	})
}

// newSide sets a session to work. Nothing happens before its first Do.
func (s *sessions) newSide(of *session.Session, l link.Link, p *profile.Settings, path buf.Path, near netip.AddrPort) *side {
	one := &side{settings: p, near: near, began: time.Now()}
	one.Peer = tunnel.NewPeer(of, l, path, s.onEvent)
	one.Owner, one.Observer = one, &s.one.Road.Observer
	one.bind()
	return one
}

// start enters a side and lets it speak. first is the packet by which the other host
// asked for it, nil where this one begins.
func (s *sessions) start(one *side, first []byte) {
	before, ok := s.sides.enter(one, first != nil)
	if !ok {
		one.Session.Close()
		s.one.Road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	if before != nil {
		before.end()
	}
	if first != nil {
		one.deliver(one.Path(), false, first, s.one.Refused)
		return
	}
	one.Do(func(time.Time) {})
}

// promote makes a side the one that carries packets.
func (s *sessions) promote(one *side) {
	profile.MeasurePath(one.settings.Config, one.Peer, profile.EchoOf(one.settings.Config))
	s.remark(profile.MTUUntested(one.settings.Config, one.Peer))
	if c := one.own(); c != nil {
		c.prove()
	}
	if before := s.sides.promote(one); before != nil {
		s.emit(event.Replaced{Remote: before.reported(), Err: errReplaced})
		s.traffic.Ended(before.Peer)
		before.end()
	}
}

// errReplaced is why a session ends whose place another one takes.
var errReplaced = errors.New("a newer session takes its place")

// restart ends all sessions. New ones begin then.
func (s *sessions) restart() {
	for _, one := range s.sides.all() {
		one.Do(func(time.Time) { one.Session.Close() })
	}
}

// leaveTime is how long to wait for the other host to hear that this one leaves.
const leaveTime = 3 * time.Second

// leave ends the connection. With explicit-exit-notify it tells the other host.
func (s *sessions) leave() {
	current := s.sides.current.Load()
	if current == nil {
		return
	}
	current.Do(func(now time.Time) { current.Session.Exit(now, s.cfg.Timers.ExplicitExitNotify) })
	limit := time.NewTimer(leaveTime)
	defer limit.Stop()
	for s.sides.current.Load() == current {
		select {
		case <-s.changed:
		case <-limit.C:
			return
		}
	}
}

// close ends all of them at once.
func (s *sessions) close() {
	s.strangers.Stop()
	for _, one := range s.sides.all() {
		one.end()
	}
}
