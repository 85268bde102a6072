package client

import (
	"errors"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/session"
	"culvert/tunnel"
)

// role is a client's part in the road: there is one peer, the server.
type role struct{ *Client }

// Route sends every packet to the server, but for those to the server's own
// outer address, which would go round in circles.
func (r role) Route(_ time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	_, dst, ok := r.road.Addresses(p.Bytes())
	if !ok {
		return tunnel.Malformed
	}
	peer := r.peer.Load()
	if peer == nil {
		return tunnel.NoKey
	}
	if dst == peer.Path().Remote.Addr() && !r.inUserSpace() {
		if r.pinned.Load() { // while the host has no way there
			return tunnel.NoRoute
		}
		r.loop.Do(func() {
			r.emit(event.Looped{Addr: dst})
		})
		return tunnel.NoRoute
	}
	to.Add(peer)
	return tunnel.Kept
}

// inUserSpace is whether no packet of this process can come back by the
// adapter, since no route of the host leads there.
func (r role) inUserSpace() bool {
	a := r.adapter.Load()
	return a != nil && a.Stack != nil
}

// Demultiplex takes data packets from the server's address, or with `float`
// from any that can seal them.
func (r role) Demultiplex(l link.Link, p *buf.Packet) (*tunnel.Peer, tunnel.Drop) {
	peer := r.from(l, p)
	if peer == nil {
		return nil, tunnel.UnknownPeer
	}
	return peer, tunnel.Kept
}

// from is the server's peer if a packet can be from it.
func (r role) from(l link.Link, p *buf.Packet) *tunnel.Peer {
	peer := r.peer.Load()
	if peer == nil || peer.Link() != l || !r.cfg.Link.Float && p.Path.Remote != peer.Path().Remote {
		return nil
	}
	// A client's way out may change; the system chooses it anew each time.
	p.Path.Local = peer.Path().Local
	return peer
}

// Control hands control packets to the session.
func (r role) Control(l link.Link, p *buf.Packet) {
	peer := r.from(l, p)
	if peer == nil || !peer.DeliverFrom(p.Path, r.cfg.Link.Float, p.Bytes(), r.badControl) {
		r.road.Counters.Add(tunnel.UnknownPeer)
	}
}

func (r role) badControl(err error) {
	if !errors.Is(err, session.ErrStray) {
		r.road.Counters.Add(tunnel.Forged)
		r.log.Debug("control packet dropped", "error", err)
	}
}

// Admit takes every packet the server sends.
func (r role) Admit(_ time.Time, _ *tunnel.Peer, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	if _, _, ok := r.road.Addresses(p.Bytes()); !ok {
		return tunnel.Malformed
	}
	to.Adapter = true
	return tunnel.Kept
}

// Moved follows the server to another address (`float`).
func (r role) Moved(p *tunnel.Peer, path buf.Path) {
	before := p.Path().Remote
	p.SetPath(path)
	r.emit(event.Moved{From: before, To: path.Remote})
}

// onEvent passes what the session reports to the attempt that started it.
func (a *attempt) onEvent(_ *tunnel.Peer, now time.Time, e session.Event) {
	a.noteShown(now, e)
	select {
	case a.events <- e:
	case <-a.done:
	}
}
