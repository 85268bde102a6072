package server

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/role/profile"
	"culvert/role/server/segment"
	"culvert/tunnel"
)

// frames is a server's part in the road where it carries Ethernet (dev tap):
// the segment says which client a frame is for or from.
type frames struct{ role }

// Route finds the clients that a frame of the adapter's is for.
func (r frames) Route(now time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	return r.segment.FromAdapter(now, p, to)
}

// Forward finds who gets a client's frame.
func (r frames) Forward(now time.Time, from *tunnel.Peer, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	port := from.Owner.(*client).port.Load()
	if port == nil {
		return tunnel.NoKey // it is not in yet
	}
	return r.segment.FromClient(now, port, p, to)
}

// newRole is the server's part in the road, by what its adapter carries.
func (s *Server) newRole() tunnel.Role {
	if profile.Kind(s.cfg) == nic.IP {
		return role{s}
	}
	s.segment = segment.New(segment.Options{
		VLANs:          segment.VLANs{Tagging: s.cfg.Server.VLANTagging, Accept: s.cfg.Server.VLANAccept, PVID: uint16(s.cfg.Server.VLANPVID)},
		ClientToClient: s.cfg.Server.ClientToClient,
		Age:            s.cfg.Server.StaleRoutes,
		Moved:          s.stationMoved,
		Contested:      s.stationContested,
		Spoofed:        s.stationSpoofed,
	})
	return frames{role{s}}
}

// join gives a client its place on the segment, if there is one.
func (s *Server) join(c *client) {
	if s.segment == nil {
		return
	}
	vlan, stations := s.cfg.Server.VLANPVID, s.cfg.Server.MaxRoutesPerClient
	if c.own.VLANPVID != 0 {
		vlan = c.own.VLANPVID
	}
	if c.own.MaxRoutes != 0 {
		stations = c.own.MaxRoutes
	}
	c.port.Store(s.segment.Join(c.Peer, uint16(vlan), stations, s.ownMACs(c)))
}

// ownMACs are the addresses that are a client's to use (own-mac-only).
func (s *Server) ownMACs(c *client) segment.Own {
	own := segment.Own{Only: s.cfg.Server.OwnMACOnly || c.own.OwnMACOnly}
	for _, text := range c.own.OwnMACs {
		if mac, err := frame.ParseMAC(text); err == nil { // config has seen to that
			own.MACs = append(own.MACs, mac)
		}
	}
	return own
}

// leave takes a client off the segment.
func (s *Server) leave(c *client) {
	if s.segment != nil {
		s.segment.Leave(c.port.Load())
	}
}

// holder is how the log calls whoever is behind a port.
func holder(p *segment.Port) string {
	if p.Peer == nil {
		return "the adapter"
	}
	return p.Peer.Owner.(*client).name
}

func (s *Server) stationMoved(vlan uint16, mac frame.MAC, before, port *segment.Port) {
	s.moves.Do(func() {
		s.happened(StationMoved{Station: stationName(vlan, mac), From: holder(before), To: holder(port)})
	})
}

func (s *Server) stationContested(vlan uint16, mac frame.MAC, port, taker *segment.Port) {
	s.contests.Do(func() {
		s.happened(StationReturned{Station: stationName(vlan, mac), From: holder(taker), To: holder(port)})
	})
}

func (s *Server) stationSpoofed(p *segment.Port, mac frame.MAC) {
	if c := p.Peer.Owner.(*client); !c.warnedSource.Swap(true) {
		s.happened(BadMAC{About: c.about(time.Now()), MAC: mac})
	}
}

// stationName is an address as OpenVPN writes it: VLAN 0 without tagging.
func stationName(vlan uint16, mac frame.MAC) string { return fmt.Sprintf("%v@%d", mac, vlan) }

// stations are the MAC addresses behind each client.
func (s *Server) stations(now time.Time) map[*client][]Station {
	if s.segment == nil {
		return nil
	}
	behind := make(map[*client][]Station)
	s.segment.Stations(now, func(vlan uint16, mac frame.MAC, port *segment.Port, seen time.Time) bool {
		c := port.Peer.Owner.(*client)
		behind[c] = append(behind[c], Station{Address: stationName(vlan, mac), LastRef: seen})
		return true
	})
	for _, list := range behind {
		slices.SortFunc(list, func(a, b Station) int { return cmp.Compare(a.Address, b.Address) })
	}
	return behind
}
