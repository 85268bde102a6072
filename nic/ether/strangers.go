package ether

import (
	"fmt"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/nic/frame"
)

// strangers notes frames on the adapter that come from another address than the
// adapter's, or that belong to a VLAN.
type strangers struct {
	since      time.Time   // of the first frame from another address; zero: none yet
	told, vlan atomic.Bool // what was logged; read without a lock, for each such frame
}

// stray is how long frames from another address may still be ones that were on
// their way when the adapter's address changed.
const stray = time.Second

// explain logs once, for each reason, what to do about devices on top of the
// adapter whose frames are dropped.
func (n *NIC) explain(why Count, p *buf.Packet) {
	s := &n.strange
	if !(why == SpoofedMAC && !s.told.Load() || why == Tagged && !s.vlan.Load()) {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case why == SpoofedMAC && !s.told.Load():
		s.told.Store(n.stranger(p))
	case why == Tagged && s.vlan.CompareAndSwap(false, true):
		n.machine.log.Warn("frames with a VLAN tag are dropped: the tunnel behind the adapter carries IP, and has no VLANs; remove the VLAN device from the adapter, or use a tunnel of Ethernet (`dev tap`)", "adapter", n.Name())
	}
}

// stranger notes a frame from another address, and reports whether that has been
// explained in the log.
func (n *NIC) stranger(p *buf.Packet) (told bool) {
	now := time.Now()
	if n.strange.since.IsZero() {
		n.strange.since = now
	}
	if now.Sub(n.strange.since) < stray {
		return false
	}
	h, _ := frame.Parse(p.Bytes())
	adapter := n.framer.macs.Load().adapter
	n.machine.log.Warn(fmt.Sprintf("frames from %v are dropped, the adapter is %v: the tunnel behind it carries IP, for this host alone. "+
		"A bridge that the adapter is a port of needs the adapter's address (`ip link set dev BRIDGE address %v`) or the adapter the bridge's (`lladdr %v`); "+
		"a macvlan on top needs mode passthru, which has the adapter's address; machines behind a bridge need a tunnel of Ethernet (`dev tap`)",
		h.Src, adapter, adapter, h.Src), "adapter", n.Name())
	return true
}
