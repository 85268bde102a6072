package p2p

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/tunnel"
)

// caller makes the connections that this host begins, and takes those that are made
// to it.
type caller struct {
	*sessions
	local   *local
	sockets *sockets
	remotes *reach.Remotes // except for Knows, for Run's goroutine
	dialer  reach.Dialer
	holder  profile.Holder // nil: nobody holds connections

	called atomic.Pointer[connection] // by this host, the last while it lasts
	calls  sync.WaitGroup
}

// call begins a connection to the other host, if this one is to begin and knows its
// address.
func (c *caller) call(ctx context.Context) error {
	switch {
	case c.sockets.listener != nil:
		return c.remotes.Learn(ctx)
	case c.remotes.None():
		if c.static != nil {
			c.beginStatic(c.sockets.datagrams, c.Main, buf.Path{}, netip.AddrPort{})
		}
		return nil
	case c.called.Load() != nil:
		return nil // the other host has to begin
	}
	t, err := c.remotes.Next(ctx)
	if err != nil {
		return err
	}
	if err := c.local.refresh(ctx, t.Near().Addr()); err != nil {
		return err
	}
	return c.callTo(ctx, t)
}

func (c *caller) callTo(ctx context.Context, t reach.Target) error {
	p := c.Of(t.Remote)
	if shares(t) && c.awaited {
		c.emit(event.AwaitingKey{Remote: t.Reported()})
		return nil
	}
	c.emit(event.Connecting{Remote: t.Reported()})
	if shares(t) {
		c.begin(c.sockets.datagrams, p, buf.Path{Remote: t.Addr}, t.Near())
		return nil
	}
	l, err := c.dialer.Open(ctx, t)
	if err != nil {
		return err
	}
	own := calling(l, t.Addr, p.Config.Timers.HandWindow)
	c.called.Store(own)
	c.calls.Go(func() {
		defer own.Close()
		c.serve(own, p, buf.Path{Remote: own.remote}, t.Near())
		c.called.CompareAndSwap(own, nil)
		c.notify()
	})
	return nil
}

// accepted takes a connection that somebody made to this host. They still have to
// show that they are the other host.
func (c *caller) accepted(s *link.Stream) {
	own := &connection{Link: s, tcp: true, remote: s.RemoteAddr(), prove: s.Prove}
	if !c.expected(own, own.remote) {
		c.one.Road.Counters.Add(tunnel.UnknownPeer)
		c.log.Debug("a connection from an address that is no remote's was closed", "from", own.remote)
		c.notify() // names may have other addresses by now
		return
	}
	if c.taken() {
		c.one.Road.Counters.Add(tunnel.UnknownPeer)
		c.log.Debug("a connection was closed, since single-session allows only one", "from", own.remote)
		return
	}
	path := buf.Path{Remote: own.remote}
	if c.static != nil {
		path = buf.Path{} // until a packet shows that it has the key
	}
	c.serve(own, c.Main, path, own.remote)
}

// serve carries packets from a connection until it ends, and its session with it.
// Over TCP the TLS client begins, whoever called.
func (c *caller) serve(own *connection, p *profile.Settings, path buf.Path, near netip.AddrPort) {
	if c.greeter == nil || !own.tcp && !c.awaited {
		c.begin(own, p, path, near)
	}
	err := c.one.Road.Inbound(c.ctx, own)
	if s := own.side.Load(); s != nil {
		s.Do(func(time.Time) { s.Session.LinkClosed(err) })
		return
	}
	c.one.Road.Counters.Add(tunnel.UnknownPeer)
	if c.strangers.Allow(time.Now(), own.remote.Addr()) {
		c.emit(event.Stranger{From: own.remote, Text: "a TCP connection opened no session and was closed", Err: err})
	}
	c.notify()
}

// expected reports whether packets from an address can be the other host's.
func (c *caller) expected(l link.Link, from netip.AddrPort) bool {
	_, own := l.(*connection)
	return c.cfg.Link.Float || c.remotes.None() || c.remotes.Knows(from, own)
}

// begins reports whether this host does not wait for the other one.
func (c *caller) begins() bool {
	return c.sockets.listener == nil && !c.remotes.None() && !c.awaited
}

// close ends the connection that this host made, and waits for all that were made.
func (c *caller) close() {
	if own := c.called.Load(); own != nil {
		own.Close()
	}
	c.sockets.close()
	c.calls.Wait()
}

// final reports an error of call that trying again would not mend.
func final(err error) bool {
	return errors.Is(err, reach.ErrExhausted) || errors.Is(err, reach.ErrUnresolved) || errors.Is(err, reach.ErrFatal)
}
