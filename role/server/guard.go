package server

import (
	"net/netip"
	"slices"
	"time"

	"culvert/access/policy"
	"culvert/internal/buf"
	"culvert/nic/frame"
	"culvert/tunnel"
)

// judge asks the guard about a packet between two clients, or one and what is behind the
// server (nil). A packet that goes from client to client by way of this host is judged as
// theirs in both places.
func (r traffic) judge(now time.Time, from, to *client, p *buf.Packet, who *tunnel.Receivers) (drop tunnel.Drop) {
	drop, who.Why = r.guard.Judge(now, from.seatAt(), to.seatAt(), p.Bytes())
	return drop
}

// introduce has the guard find clients by their addresses.
func (r traffic) introduce() {
	if r.guard != nil {
		r.guard.FindBy(func(a netip.Addr) *policy.Seat { return r.table.route(a).seatAt() })
	}
}

// seatAt returns the client's seat at the guard; nil for nobody.
func (c *client) seatAt() *policy.Seat {
	if c == nil {
		return nil
	}
	return c.seat
}

// sift takes out of a frame's receivers those that its sender (nil: the adapter) may not
// reach. It judges the IP packet in the frame. A frame without one passes, and what is to
// IPv6 as ARP is to IPv4.
func (r frames) sift(now time.Time, from *client, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	packet := frame.IP(p.Bytes())
	if packet == nil || policy.Neighbours(packet, from != nil) {
		return tunnel.Kept
	}
	last := tunnel.Kept
	refused := func(c *client) bool {
		drop, why := r.guard.Judge(now, from.seatAt(), c.seatAt(), packet)
		if drop != tunnel.Kept {
			last, to.Why = drop, why
		}
		return drop != tunnel.Kept
	}
	to.Peers = slices.DeleteFunc(to.Peers, func(peer *tunnel.Peer) bool { return refused(peer.Owner.(*client)) })
	if to.Adapter && refused(nil) {
		to.Adapter = false
	}
	if to.Adapter || len(to.Peers) > 0 {
		return tunnel.Kept
	}
	return last
}

// take gives a client that comes in a seat at the guard.
func (r *roster) take(c *client) {
	if r.guard != nil {
		c.seat = r.guard.Enter(c.visit.Applicant())
	}
}

// giveUp takes a client's seat back, if it has one.
func (r *roster) giveUp(c *client) {
	if c.seat != nil {
		r.guard.Leave(c.seat)
	}
}
