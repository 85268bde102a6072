package segment

import (
	"culvert/config"
	"culvert/internal/buf"
	"culvert/nic/frame"
	"culvert/tunnel"
)

// VLANs says how a server handles VLAN tags (man page, vlan-tagging, vlan-accept,
// vlan-pvid). Without Tagging, frames pass whatever their tags.
type VLANs struct {
	Tagging bool
	Accept  config.VLANAccept
	PVID    uint16 // of untagged frames from the adapter
}

// admit finds the VLAN of a frame from the adapter, and takes its tag off.
func (v VLANs) admit(p *buf.Packet, h frame.Header) (vlan uint16, drop tunnel.Drop) {
	switch {
	case !v.Tagging:
		return 0, tunnel.Kept
	case stacked(h) || h.VLAN > frame.MaxVLAN:
		return 0, tunnel.Malformed
	case h.VLAN != 0 && v.Accept == config.VLANUntagged, h.VLAN == 0 && v.Accept == config.VLANTagged:
		return 0, tunnel.WrongVLAN
	}
	if h.Tagged {
		frame.Untag(p)
	}
	if h.VLAN == 0 {
		return v.PVID, tunnel.Kept
	}
	return h.VLAN, tunnel.Kept
}

// untagged admits a client's frame that names no VLAN, and takes off a tag that has
// only a priority.
func (v VLANs) untagged(p *buf.Packet, h frame.Header) tunnel.Drop {
	switch {
	case !v.Tagging:
		return tunnel.Kept
	case stacked(h):
		return tunnel.Malformed
	case h.VLAN != 0:
		return tunnel.WrongVLAN
	case h.Tagged:
		frame.Untag(p)
	}
	return tunnel.Kept
}

// stacked reports whether a frame still has a tag after one is taken off.
func stacked(h frame.Header) bool { return h.Type == frame.TypeVLAN || h.Type == frame.TypeQinQ }

// tag returns the tag of a VLAN's frames at the adapter; 0 for none.
func (v VLANs) tag(vlan uint16) uint16 {
	if vlan == v.PVID && v.Accept != config.VLANTagged {
		return 0
	}
	return vlan
}
