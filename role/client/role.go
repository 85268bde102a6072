package client

import (
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/session"
	"culvert/tunnel"
)

// role is a client's part in the road: there is one peer, the server.
type role struct{ *tunnel.OnePeer }

// onePeer is what the client has of the road in common with other roles.
func (c *Client) onePeer() *tunnel.OnePeer {
	return &tunnel.OnePeer{
		Road: &c.road, Float: c.cfg.Link.Float, Recursive: c.cfg.Routing.AllowRecursive,
		Current: c.sessions.carrying, On: c.sessions.on,
		Isolated: func() bool {
			a := c.adapter.Load()
			return a != nil && a.Stack != nil
		},
		OnLoop: func(to netip.Addr) { c.emit(event.Looped{Addr: to}) },
		OnMoved: func(p *tunnel.Peer, before netip.AddrPort) {
			if p == c.sessions.present() {
				c.emit(event.Moved{From: before, To: p.Path().Remote})
				c.moved.note()
			}
		},
		OnForged: func(err error) { c.log.Debug("control packet dropped", "error", err) },
	}
}

// Control hands control packets to the session.
func (r role) Control(l link.Link, p *buf.Packet) {
	peer := r.On(l)
	if peer == nil || !r.From(peer, l, p) || !peer.DeliverFrom(p.Path, r.Float, p.Bytes(), r.Refused) {
		r.Road.Counters.Add(tunnel.UnknownPeer)
	}
}

// onEvent passes what the session reports to the attempt that started it.
func (a *attempt) onEvent(_ *tunnel.Peer, now time.Time, e session.Event) {
	a.noteShown(now, e)
	select {
	case a.events <- e:
	case <-a.done:
	}
}
