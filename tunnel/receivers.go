package tunnel

import (
	"time"

	"culvert/internal/buf"
)

// Receivers are who gets a packet: any number of peers, and also the adapter if the
// packet comes from a peer.
type Receivers struct {
	Peers   []*Peer
	Adapter bool
	// Tag is the VLAN that the adapter's frame is tagged with; 0 for none.
	Tag uint16
	// Why says more about why nobody gets it, such as the line of a file; "": nothing.
	Why string
}

// Add adds a peer.
func (to *Receivers) Add(p *Peer) { to.Peers = append(to.Peers, p) }

func (to *Receivers) reset() { to.Peers, to.Adapter, to.Tag, to.Why = to.Peers[:0], false, 0, "" }

// sealForAll sends a packet to the peers among its receivers, and counts those that
// do not get it. Each gets a copy, except the last receiver.
func (r *Road) sealForAll(now time.Time, to *Receivers, p *buf.Packet, out *sender) {
	for i, peer := range to.Peers {
		own := p
		if to.Adapter || i < len(to.Peers)-1 {
			own = out.copyOf(p)
		}
		if drop := r.sealFor(now, peer, own, out); drop != Kept {
			r.Counters.Add(drop)
		}
	}
}
