package backend

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"culvert/role/event"
	"culvert/role/server"
	"culvert/tunnel"
)

// peerRole is a role with one peer: a client, or one of two hosts.
type peerRole interface {
	Run(context.Context) error
	Road() *tunnel.Road
	Status() []byte
	Statistics() tunnel.Statistics
	Restart()
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// onePeer is the back end of a role with one peer.
type onePeer struct {
	base
	role peerRole
	peer func() *tunnel.Peer // nil while there is none
	// last is the peer that was up last.
	last atomic.Pointer[tunnel.Peer]
}

// happened publishes an event of the role, with what is known of the peer.
func (o *onePeer) happened(e event.Event) {
	out := fromRole(e, time.Now())
	switch out.Kind {
	case Up:
		if p := o.peer(); p != nil {
			o.last.Store(p)
			out.Name, out.Cipher = p.Name(), p.Data.CipherName()
		}
	case Left:
		if p := o.last.Load(); p != nil {
			c := &p.Counters
			out.Name, out.PacketsIn, out.PacketsOut = p.Name(), c.InPackets.Load(), c.OutPackets.Load()
			out.BytesIn, out.BytesOut = c.LinkIn.Load(), c.LinkOut.Load()
		}
	}
	if o.process.Peer != nil {
		o.process.Peer(e)
	}
	o.feed.Publish(out)
}

// Status is Backend's.
func (o *onePeer) Status() Status { return o.status(o.Peers()) }

// Peers is Backend's.
func (o *onePeer) Peers() []Peer {
	p := o.peer()
	if p == nil {
		return nil
	}
	return []Peer{peerOf(p)}
}

func peerOf(p *tunnel.Peer) Peer {
	return Peer{
		Name: p.Name(), Remote: p.Path().Remote.String(), Cipher: p.Data.CipherName(), LastHeard: p.Data.LastReceived(),
		BytesIn: p.Counters.LinkIn.Load(), BytesOut: p.Counters.LinkOut.Load(),
		PacketsIn: p.Counters.InPackets.Load(), PacketsOut: p.Counters.OutPackets.Load(),
		Path: pathOf(p.Found()),
	}
}

// Run is the role's.
func (o *onePeer) Run(ctx context.Context) error { return o.run(ctx, o.role.Run) }

// StatusText is Backend's.
func (o *onePeer) StatusText(int) []byte { return o.role.Status() }

// Bytes is Backend's.
func (o *onePeer) Bytes() (in, out uint64) {
	s := o.role.Statistics()
	return s.LinkRead, s.LinkWritten
}

// Traffic is what all connections carried so far.
func (o *onePeer) Traffic([]Peer) server.Traffic {
	s := o.role.Statistics()
	return server.Traffic{PacketsIn: s.PacketsWritten, PacketsOut: s.PacketsRead, BytesIn: s.LinkRead, BytesOut: s.LinkWritten}
}

// Restart is Backend's.
func (o *onePeer) Restart() { o.role.Restart() }

// DialContext connects through the tunnel. See the role's.
func (o *onePeer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return o.role.DialContext(ctx, network, address)
}

// PushUpdate is Backend's.
func (o *onePeer) PushUpdate(Update) (Updated, error) { return Updated{}, ErrUnsupported }

// Disconnect is Backend's.
func (o *onePeer) Disconnect(uint64, string) error { return ErrUnsupported }
