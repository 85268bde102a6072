package tunnel

import (
	"net/netip"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/link"
)

// TestOuterAddress: packets to the peer's outer address go round in circles, unless
// no route of this host can have led them into the tunnel. They are reported once,
// and not at all if this host will route them past the tunnel.
func TestOuterAddress(t *testing.T) {
	outer := netip.MustParseAddrPort("192.0.2.1:1194")
	for name, c := range map[string]struct {
		remote           netip.AddrPort
		to               netip.Addr
		isolated, pinned bool
		want             Drop
		loops            int
	}{
		"inside":            {remote: outer, to: netip.MustParseAddr("10.8.0.1"), want: Kept},
		"outer":             {remote: outer, to: outer.Addr(), want: NoRoute, loops: 1},
		"outer, pinned":     {remote: outer, to: outer.Addr(), pinned: true, want: NoRoute},
		"outer, user space": {remote: outer, to: outer.Addr(), isolated: true, want: Kept},
		"nobody known yet":  {to: outer.Addr(), want: NoKey},
	} {
		var road Road
		peer := new(Peer)
		peer.SetPath(buf.Path{Remote: c.remote})
		loops := 0
		o := &OnePeer{Road: &road, Current: func(netip.Addr) *Peer { return peer }, On: func(link.Link) *Peer { return peer },
			Isolated: func() bool { return c.isolated }, OnLoop: func(netip.Addr) { loops++ }}
		o.Pinned.Store(c.pinned)
		packet := make([]byte, ipv4HeaderLen)
		packet[0] = 0x45
		to := c.to.As4()
		copy(packet[16:], to[:])
		for range 2 {
			p := buf.New(buf.DefaultSize)
			p.Set(packet)
			if got := o.Route(time.Now(), p, new(Receivers)); got != c.want {
				t.Errorf("%s: %v", name, got)
			}
		}
		if loops != c.loops {
			t.Errorf("%s: said %d times", name, loops)
		}
	}
}

// TestOnlyFromThePeer: data packets belong to a peer if they come by its link from
// its address; with Float from any address, and if none is known from the first
// that has the key.
func TestOnlyFromThePeer(t *testing.T) {
	outer, other := netip.MustParseAddrPort("192.0.2.1:1194"), netip.MustParseAddrPort("192.0.2.9:1194")
	here, there := &struct{ link.Link }{}, &struct{ link.Link }{}
	for name, c := range map[string]struct {
		known, from netip.AddrPort
		by          link.Link
		float, want bool
	}{
		"its own":         {known: outer, from: outer, by: here, want: true},
		"another":         {known: outer, from: other, by: here},
		"another, float":  {known: outer, from: other, by: here, float: true, want: true},
		"first":           {from: other, by: here, want: true},
		"by another link": {known: outer, from: outer, by: there, float: true},
	} {
		peer := &Peer{link: here}
		peer.SetPath(buf.Path{Remote: c.known, Local: netip.MustParseAddr("192.0.2.200")})
		o := &OnePeer{Float: c.float, On: func(link.Link) *Peer { return peer }}
		p := buf.New(buf.DefaultSize)
		p.Path.Remote = c.from
		got, drop := o.Demultiplex(c.by, p)
		if (got == peer) != c.want || (drop == Kept) != c.want {
			t.Errorf("%s: %v, %v", name, got, drop)
		}
	}
}
