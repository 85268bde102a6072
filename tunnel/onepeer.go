package tunnel

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/session"
)

// OnePeer is what roles with a single peer, a client and either of two hosts, have
// in common on the road: all of Role except Control. Set its fields before the road
// is used.
type OnePeer struct {
	Road *Road
	// Float lets the peer come from any address.
	Float bool
	// Recursive lets packets to the peer's outer address into the tunnel.
	Recursive bool
	// Current returns the peer that packets from an inner address go to, nil while there is
	// none.
	Current func(from netip.Addr) *Peer
	// On returns the peer that sends data packets on a link, nil for none.
	On func(l link.Link) *Peer
	// Isolated reports whether packets that this process sends can never come back
	// by the adapter, because no route of this host leads there: the adapter is in
	// user space.
	Isolated func() bool
	// OnLoop is called once, when packets to the peer's outer address come out of
	// the adapter although nothing keeps them away from it.
	OnLoop func(to netip.Addr)
	// OnMoved is called when the peer has another address than before. The address
	// before is invalid if none was known.
	OnMoved func(p *Peer, before netip.AddrPort)
	// OnForged is called for control packets that do not come from the peer.
	OnForged func(error)

	// Pinned is true if this host routes packets to the peer's outer address past
	// the tunnel, or soon will: those that come out of the adapter until then are
	// no fault.
	Pinned atomic.Bool

	looped sync.Once
}

// Route sends every packet to the peer, except those to its outer address, which
// would go round in circles.
func (o *OnePeer) Route(_ time.Time, p *buf.Packet, to *Receivers) Drop {
	src, dst, ok := o.Road.Addresses(p.Bytes())
	if !ok {
		return Malformed
	}
	peer := o.Current(src)
	if peer == nil {
		return NoKey
	}
	remote := peer.path.Load().Remote
	switch {
	case !remote.IsValid():
		return NoKey
	case dst == remote.Addr() && !o.Recursive && !o.Isolated():
		if !o.Pinned.Load() {
			o.looped.Do(func() { o.OnLoop(dst) })
		}
		return NoRoute
	}
	to.Add(peer)
	return Kept
}

// Demultiplex takes data packets from the peer's address, or with Float from
// anyone who can seal them.
func (o *OnePeer) Demultiplex(l link.Link, p *buf.Packet) (*Peer, Drop) {
	peer := o.On(l)
	if peer == nil || !o.From(peer, l, p) {
		return nil, UnknownPeer
	}
	return peer, Kept
}

// From reports whether a packet that came by a link can be from a peer. It ignores
// which address of this host the packet came to: the system chooses the way out
// anew for each packet.
func (o *OnePeer) From(peer *Peer, l link.Link, p *buf.Packet) bool {
	path := peer.path.Load()
	switch {
	case peer.link != l:
		return false
	case !path.Remote.IsValid():
		return true
	case !o.Float && p.Path.Remote != path.Remote:
		return false
	}
	p.Path.Local = path.Local
	return true
}

// Forward takes every packet that the peer sends.
func (o *OnePeer) Forward(_ time.Time, _ *Peer, p *buf.Packet, to *Receivers) Drop {
	if _, _, ok := o.Road.Addresses(p.Bytes()); !ok {
		return Malformed
	}
	to.Adapter = true
	return Kept
}

// Moved follows the peer to another address.
func (o *OnePeer) Moved(p *Peer, path buf.Path) {
	before := p.Path().Remote
	p.SetPath(path)
	o.OnMoved(p, before)
}

// Refused counts a control packet that a session did not accept as its own, unless
// the packet belongs to a session that is over.
func (o *OnePeer) Refused(err error) {
	if !errors.Is(err, session.ErrStray) {
		o.Road.Counters.Add(Forged)
		o.OnForged(err)
	}
}
