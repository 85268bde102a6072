// Package segment is the Ethernet that a TAP server makes of its adapter and
// its clients: a switch that decides, for each frame, who gets it. It keeps no
// frames and runs nothing; the road calls it from several goroutines.
//
// Every client is a port in one VLAN, and sees untagged frames only. The
// adapter is a port that has all VLANs, tagged except its own (vlan.go).
package segment

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"culvert/internal/buf"
	"culvert/nic/bridge"
	"culvert/nic/frame"
	"culvert/tunnel"
)

// Options say how a Segment switches.
type Options struct {
	VLANs VLANs
	// ClientToClient lets frames go from one client to another. Without it,
	// all that clients send goes to the adapter only.
	ClientToClient bool
	// Age is how long an address is known; 0 for bridge.DefaultAge.
	Age time.Duration
	// Moved is called for an address that is at another port than before.
	Moved func(vlan uint16, mac frame.MAC, before, port *Port)
	// Contested is called for an address that taker had taken from port, and that
	// is back at port.
	Contested func(vlan uint16, mac frame.MAC, port, taker *Port)
	// Admit reports whether an address, which is not known at a client's port, may be
	// learned there; elsewhere says that it is known at another client's. Until it may,
	// frames from it are dropped. nil: every address may.
	Admit func(now time.Time, vlan uint16, mac frame.MAC, port *Port, elsewhere bool) bool
	// Spoofed is called for a frame that was dropped because its source is the
	// adapter's, in use behind another port, or not for this client to use.
	Spoofed func(port *Port, mac frame.MAC)
}

// Segment is the switch.
type Segment struct {
	Options
	together atomic.Bool // ClientToClient, as it is by now
	table    *bridge.Table[*Port]
	adapter  *Port
	own      atomic.Pointer[frame.MAC] // the adapter's address; nil while not known

	changing sync.Mutex
	clients  atomic.Pointer[[]*Port] // replaced as a whole
}

// Port is a client, or the adapter.
type Port struct {
	Peer     *tunnel.Peer // nil for the adapter
	vlan     uint16       // 0 without tagging
	stations int          // how many addresses it may show
	own      owned
	storm    *rate.Limiter
	left     atomic.Bool
}

// adapterStations is how many addresses the adapter may show: a LAN's.
const adapterStations = bridge.DefaultTotal / 2

// New makes a segment without clients.
func New(o Options) *Segment {
	s := &Segment{Options: o, adapter: &Port{stations: adapterStations, storm: bridge.NewStorm(0)}}
	s.table = bridge.NewTable(bridge.Limits[*Port]{PortLimit: func(p *Port) int { return p.stations }, Rank: (*Port).rank, Age: o.Age})
	s.clients.Store(new([]*Port))
	s.together.Store(o.ClientToClient)
	return s
}

// SetClientToClient says anew whether frames go from one client to another.
func (s *Segment) SetClientToClient(together bool) { s.together.Store(together) }

// rank puts the adapter before clients when both show an address.
func (p *Port) rank() int {
	if p.Peer == nil {
		return 1
	}
	return 0
}

// SetMAC sets the adapter's own address, which no client can have.
func (s *Segment) SetMAC(m frame.MAC) { s.own.Store(&m) }

// Join makes a client a port of a VLAN. The port may show as many addresses as
// stations says. Nobody else can have those that it owns.
func (s *Segment) Join(peer *tunnel.Peer, vlan uint16, stations int, own Own) *Port {
	if !s.VLANs.Tagging {
		vlan = 0
	}
	p := &Port{Peer: peer, vlan: vlan, stations: stations, own: owned{Own: own}, storm: bridge.NewStorm(0)}
	s.changing.Lock()
	defer s.changing.Unlock()
	for _, mac := range own.MACs {
		s.table.Pin(vlan, mac, p)
	}
	s.replace(append(slices.Clone(*s.clients.Load()), p))
	return p
}

// Leave forgets a client, and does nothing for nil.
func (s *Segment) Leave(p *Port) {
	if p == nil {
		return
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	p.left.Store(true)
	s.replace(slices.DeleteFunc(slices.Clone(*s.clients.Load()), func(o *Port) bool { return o == p }))
	s.table.Forget(p)
}

func (s *Segment) replace(clients []*Port) { s.clients.Store(&clients) }

// Stations calls yield for each address known behind a client, with the time of its
// last frame, until yield returns false.
func (s *Segment) Stations(now time.Time, yield func(vlan uint16, mac frame.MAC, port *Port, seen time.Time) bool) {
	s.table.Each(now, func(vlan uint16, mac frame.MAC, port *Port, seen time.Time) bool {
		return port == s.adapter || yield(vlan, mac, port, seen)
	})
}

// Knows reports whether an address is known behind a port.
func (s *Segment) Knows(now time.Time, vlan uint16, mac frame.MAC, port *Port) bool {
	at, known := s.table.Lookup(now, vlan, mac)
	return known && at == port
}

// FromAdapter finds who gets a frame from the adapter, and takes off its tag.
func (s *Segment) FromAdapter(now time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	h, ok := parse(p)
	if !ok {
		return tunnel.Malformed
	}
	vlan, drop := s.VLANs.admit(p, h)
	if drop != tunnel.Kept {
		return drop
	}
	// A client's frame may come back through a bridge that sends clients' frames
	// to one another. It is still the client's.
	source := s.adapter
	switch o, holder := s.table.Learn(now, vlan, h.Src, s.adapter); {
	case o == bridge.Moved:
		s.Moved(vlan, h.Src, holder, s.adapter)
	case o == bridge.Returned, o == bridge.Held && s.isFromOutside(now, vlan, h.Dst) && s.table.Take(now, vlan, h.Src, s.adapter):
		s.Contested(vlan, h.Src, s.adapter, holder)
	case o == bridge.Held:
		source = holder
	}
	if !h.Dst.IsGroup() {
		if port, known := s.table.Lookup(now, vlan, h.Dst); known {
			return deliver(port, source, to)
		}
	}
	drop = s.flood(now, s.adapter, vlan, source, to)
	if drop == tunnel.NoRoute && !h.Dst.IsGroup() {
		return tunnel.UnknownMAC
	}
	return drop
}

// isFromOutside reports whether a frame from the adapter for dst cannot be one of a
// client that a bridge sends back: dst is a client, to which the segment would have
// given the frame itself.
func (s *Segment) isFromOutside(now time.Time, vlan uint16, dst frame.MAC) bool {
	if !s.together.Load() || dst.IsGroup() {
		return false
	}
	to, known := s.table.Lookup(now, vlan, dst)
	return known && to != s.adapter
}

// FromClient finds who gets a frame from a client.
func (s *Segment) FromClient(now time.Time, from *Port, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	h, ok := parse(p)
	if !ok {
		return tunnel.Malformed
	}
	if drop := s.VLANs.untagged(p, h); drop != tunnel.Kept {
		return drop
	}
	if s.Admit != nil && !s.admits(now, from, h.Src) {
		return tunnel.Unlearned
	}
	if !s.learn(now, from, h.Src) {
		return tunnel.SpoofedMAC
	}
	to.Tag = s.VLANs.tag(from.vlan)
	if h.Dst.IsGroup() {
		to.Adapter = true
		return s.flood(now, from, from.vlan, from, to)
	}
	port, known := s.table.Lookup(now, from.vlan, h.Dst)
	toClients := s.together.Load() && !s.isOwn(h.Dst)
	if toClients && known && port != s.adapter {
		return deliver(port, from, to)
	}
	to.Adapter = true
	if toClients && !known {
		s.flood(now, from, from.vlan, from, to) // beyond the limit, the adapter still gets it
	}
	return tunnel.Kept
}

// parse reads the header of a frame that anybody may send.
func parse(p *buf.Packet) (h frame.Header, ok bool) {
	h, ok = frame.Parse(p.Bytes())
	return h, ok && h.Src.IsStation() && h.Dst != frame.MAC{}
}

func (s *Segment) isOwn(m frame.MAC) bool {
	own := s.own.Load()
	return own != nil && *own == m
}

// admits reports whether a client's address is known, or may be learned.
func (s *Segment) admits(now time.Time, from *Port, mac frame.MAC) bool {
	if s.isOwn(mac) || !from.own.allows(mac) {
		return true // learn refuses it
	}
	port, known := s.table.Lookup(now, from.vlan, mac)
	return known && port == from || s.Admit(now, from.vlan, mac, from, known && port != s.adapter)
}

// learn notes a client's address. It returns false if the client may not use it.
func (s *Segment) learn(now time.Time, from *Port, mac frame.MAC) bool {
	if s.isOwn(mac) || !from.own.allows(mac) {
		s.Spoofed(from, mac)
		return false
	}
	o, before := s.table.Learn(now, from.vlan, mac, from)
	switch o {
	case bridge.Held:
		s.Spoofed(from, mac)
		return false
	case bridge.Moved:
		s.Moved(from.vlan, mac, before, from)
	case bridge.Returned:
		s.Contested(from.vlan, mac, from, before)
	}
	from.own.uses(mac)
	if o != bridge.Known && from.left.Load() {
		s.table.Forget(from) // it left while the frame was on its way
	}
	return true
}

// deliver gives a frame to one client, unless it is where the frame came from.
func deliver(port, source *Port, to *tunnel.Receivers) tunnel.Drop {
	if port == source || port.Peer == nil {
		return tunnel.Local
	}
	to.Add(port.Peer)
	return tunnel.Kept
}

// flood gives a frame to every client of a VLAN except its source, as far as the port
// that it came by may do that.
func (s *Segment) flood(now time.Time, by *Port, vlan uint16, source *Port, to *tunnel.Receivers) tunnel.Drop {
	if !by.storm.AllowN(now, 1) {
		return tunnel.Storm
	}
	if by != s.adapter && !s.together.Load() {
		return tunnel.Kept
	}
	for _, c := range *s.clients.Load() {
		if c != source && c.vlan == vlan {
			to.Add(c.Peer)
		}
	}
	if len(to.Peers) == 0 && !to.Adapter {
		return tunnel.NoRoute
	}
	return tunnel.Kept
}
