package segment

import (
	"culvert/config"
	"culvert/internal/buf"
	"culvert/nic/frame"
	"culvert/tunnel"
)

// VLANs is how a server goes about VLAN tags (man page, vlan-tagging,
// vlan-accept, vlan-pvid). Without Tagging, frames pass whatever their tags.
type VLANs struct {
	Tagging bool
	Accept  config.VLANAccept
	PVID    uint16 // of untagged frames of the adapter
}

// admit finds the VLAN of a frame of the adapter's and takes its tag off.
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

// untagged admits a client's frame that is in no VLAN by its own account, and
// takes a tag off that has a priority only.
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

// stacked reports whether a frame would still have a tag when one is taken off.
func stacked(h frame.Header) bool { return h.Type == frame.TypeVLAN || h.Type == frame.TypeQinQ }

// tag is what a VLAN's frames are tagged with at the adapter; 0 for none.
func (v VLANs) tag(vlan uint16) uint16 {
	if vlan == v.PVID && v.Accept != config.VLANTagged {
		return 0
	}
	return vlan
}
