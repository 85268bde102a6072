package client

import (
	"context"
	"net/netip"

	"culvert/host/hostnet"
)

// Network is what a client asks about its host's network. hostnet.Network is one.
type Network interface {
	Changes(ctx context.Context) <-chan struct{}
	WayTo(dst netip.Addr) (hostnet.Way, bool)
	Has(a netip.Addr) bool
	Connections(from netip.Addr) []hostnet.Connection
	Default(six bool) (hostnet.Way, bool)
}

// uplink is the way past the tunnel to the server. It belongs to Run.
type uplink struct {
	network Network // nil: nobody is asked
	changes <-chan struct{}
	own     func() string // the tunnel's adapter, "" without one

	server netip.Addr
	source netip.Addr  // packets went out with last
	way    hostnet.Way // when last looked; zero: there was none
	tried  hostnet.Way // that the server was to be pinned to because of unpinned, last
}

// listen begins to hear of changes, until ctx ends.
func (u *uplink) listen(ctx context.Context) {
	if u.network != nil {
		u.changes = u.network.Changes(ctx)
	}
}

// to sets the server that is tried from now on.
func (u *uplink) to(server netip.Addr) {
	u.server, u.source, u.tried = server, netip.Addr{}, hostnet.Way{}
	u.way = u.look()
}

// moved is called when changes has received. It reports whether the server is
// reached again or by another way, and whether the address of before is gone,
// and with it every connection from there. While the server is not reached at
// all, nothing has moved.
func (u *uplink) moved() (moved, gone bool) {
	before, now := u.way, u.look()
	u.way = now
	if before.Source.IsValid() {
		u.source = before.Source
	}
	if now == (hostnet.Way{}) || now == before {
		return false, false
	}
	return true, u.source.IsValid() && !u.network.Has(u.source)
}

// wayMoved is uplink.moved, and has the server follow whose connection is kept beside the
// present one.
func wayMoved(c *Client) (moved, gone bool) {
	c.mover.past.wayChanged(c.opts.Network)
	return c.uplink.moved()
}

// unpinned reports whether the way to the server leads into the tunnel, because the way past it
// is gone, while this host has a new one: once for each of these.
func (u *uplink) unpinned() bool {
	if u.network == nil || !u.server.IsValid() {
		return false
	}
	if way, ok := u.network.WayTo(u.server); !ok || way.Device != u.own() {
		u.tried = hostnet.Way{}
		return false
	}
	now, ok := u.network.Default(u.server.Is6() && !u.server.Is4In6())
	if !ok || now.Device == u.own() || now == u.tried {
		return false
	}
	u.tried = now
	return true
}

// anotherSource reports whether packets to the server now leave from another address than
// before, so that a TCP connection cannot go on.
func (u *uplink) anotherSource() bool { return u.source.IsValid() && u.source != u.way.Source }

// look returns the way to the server. There is none if it leads into the tunnel, as
// it does while a route past the tunnel is missing.
func (u *uplink) look() (way hostnet.Way) {
	if u.network == nil || !u.server.IsValid() {
		return way
	}
	way, ok := u.network.WayTo(u.server)
	if !ok || way.Device == u.own() {
		return hostnet.Way{}
	}
	return way
}
