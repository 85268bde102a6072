package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/nic/bridge"
	"culvert/nic/frame"
	"culvert/role/server/segment"
	"culvert/tunnel"
)

// frames is the server's part in the road with Ethernet (dev tap): the segment finds
// the client that a frame is for or from.
type frames struct {
	traffic
	segment *segment.Segment
}

// Route finds the clients that a frame from the adapter is for.
func (r frames) Route(now time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	drop := r.segment.FromAdapter(now, p, to)
	if r.guard != nil && drop == tunnel.Kept {
		drop = r.sift(now, nil, p, to)
	}
	if drop == tunnel.Kept {
		drop = ration(now, len(p.Bytes()), to)
	}
	return drop
}

// Forward finds who gets a client's frame.
func (r frames) Forward(now time.Time, from *tunnel.Peer, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	sender := from.Owner.(*client)
	port := sender.port.Load()
	if port == nil {
		return tunnel.NoKey // it is not in yet
	}
	drop := r.segment.FromClient(now, port, p, to)
	if r.guard != nil && drop == tunnel.Kept {
		drop = r.sift(now, sender, p, to)
	}
	if drop == tunnel.Kept && !sender.sends(now, len(p.Bytes())) {
		drop = tunnel.OverRate
	}
	if drop == tunnel.Kept {
		drop = ration(now, len(p.Bytes()), to)
	}
	return drop
}

// ether has the clients' places on a server's Ethernet, and reports what happens
// there.
type ether struct {
	cfg     config.Server
	report  func(Event)
	segment *segment.Segment
	asked   *stations      // nil: every station is admitted
	moves   rate.Sometimes // limits the events of MAC addresses that move
	returns rate.Sometimes // likewise of addresses that two ports show
}

func newEther(c config.Server, report func(Event)) *ether {
	e := &ether{cfg: c, report: report, moves: rate.Sometimes{Interval: time.Second}, returns: rate.Sometimes{Interval: bridge.ContestInterval}}
	o := segment.Options{
		VLANs:          segment.VLANs{Tagging: c.VLANTagging, Accept: c.VLANAccept, PVID: uint16(c.VLANPVID)},
		ClientToClient: c.ClientToClient,
		Age:            c.StaleRoutes,
		Moved:          e.moved,
		Contested:      e.returned,
		Spoofed:        e.spoofed,
	}
	if c.LearnAddress != nil {
		e.asked = newStations(c.MaxRoutesPerClient, func(c *client, l Learned) {
			c.Do(func(now time.Time) {
				l.About = c.about(now)
				report(l)
			})
		})
		o.Admit = e.asked.admit
	}
	e.segment = segment.New(o)
	return e
}

// letTogether says whether clients reach one another (client-to-client), if there is an
// Ethernet.
func (e *ether) letTogether(together bool) {
	if e != nil {
		e.segment.SetClientToClient(together)
	}
}

// connect gives a client its port on the segment.
func (e *ether) connect(c *client) {
	vlan, stations := e.cfg.VLANPVID, e.cfg.MaxRoutesPerClient
	if c.own.VLANPVID != 0 {
		vlan = c.own.VLANPVID
	}
	if c.own.MaxRoutes != 0 {
		stations = c.own.MaxRoutes
	}
	if e.asked != nil {
		e.asked.join(c)
	}
	c.port.Store(e.segment.Join(c.Peer, uint16(vlan), stations, e.ownMACs(c.own)))
}

// ownMACs returns the addresses that a client may use (own-mac-only).
func (e *ether) ownMACs(own *config.PerClient) segment.Own {
	o := segment.Own{Only: e.cfg.OwnMACOnly || own.OwnMACOnly}
	for _, text := range own.OwnMACs {
		if mac, err := frame.ParseMAC(text); err == nil { // config has checked that
			o.MACs = append(o.MACs, mac)
		}
	}
	return o
}

// forgets returns the stations behind a client that is gone of which learn-address has
// to know, and asks about no more.
func (e *ether) forgets(c *client) []string {
	if e == nil || e.asked == nil {
		return nil
	}
	return e.asked.leave(c)
}

// staleTicks returns when to sweep (stale-routes-check); nil: never.
func (e *ether) staleTicks() <-chan time.Time {
	if e == nil || e.asked == nil || e.cfg.StaleCheck == 0 {
		return nil
	}
	return time.Tick(e.cfg.StaleCheck)
}

// sweep has learn-address told of stations that were silent for long.
func (e *ether) sweep(now time.Time) {
	e.asked.sweep(now, e.cfg.StaleRoutes, func(c *client, q *question) bool {
		return e.segment.Knows(now, q.vlan, q.mac, c.port.Load())
	})
}

// disconnect removes a client from the segment, if it is on it.
func (e *ether) disconnect(c *client) { e.segment.Leave(c.port.Load()) }

// holder returns the name of whoever is behind a port.
func holder(p *segment.Port) string {
	if p.Peer == nil {
		return "the adapter"
	}
	return p.Peer.Owner.(*client).name
}

func (e *ether) moved(vlan uint16, mac frame.MAC, before, port *segment.Port) {
	e.moves.Do(func() {
		e.report(StationMoved{Station: macAtVLAN(vlan, mac), From: holder(before), To: holder(port)})
	})
}

func (e *ether) returned(vlan uint16, mac frame.MAC, port, taker *segment.Port) {
	e.returns.Do(func() {
		e.report(StationReturned{Station: macAtVLAN(vlan, mac), From: holder(taker), To: holder(port)})
	})
}

func (e *ether) spoofed(p *segment.Port, mac frame.MAC) {
	if c := p.Peer.Owner.(*client); !c.warnedMAC.Swap(true) {
		e.report(BadMAC{About: c.about(time.Now()), MAC: mac})
	}
}

// macAtVLAN writes an address as OpenVPN does; without tagging the VLAN is 0.
func macAtVLAN(vlan uint16, mac frame.MAC) string { return fmt.Sprintf("%v@%d", mac, vlan) }

// stations returns the MAC addresses behind each client.
func (e *ether) stations(now time.Time) map[*client][]Station {
	behind := make(map[*client][]Station)
	e.segment.Stations(now, func(vlan uint16, mac frame.MAC, port *segment.Port, seen time.Time) bool {
		c := port.Peer.Owner.(*client)
		behind[c] = append(behind[c], Station{Address: macAtVLAN(vlan, mac), LastRef: seen})
		return true
	})
	for _, list := range behind {
		slices.SortFunc(list, func(a, b Station) int { return cmp.Compare(a.Address, b.Address) })
	}
	return behind
}
