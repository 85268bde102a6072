package ether

import (
	"fmt"
	"time"

	"culvert/internal/buf"
	"culvert/nic/frame"
)

// strangers are who sends frames by the adapter that are not from it.
type strangers struct {
	since time.Time // of the first frame; zero: none yet
	told  bool
}

// stray is for how long frames from another address may be ones that were on
// their way when the adapter's address changed.
const stray = time.Second

// stranger takes note of a frame that was dropped for its source, and says once
// what that means.
func (n *NIC) stranger(p *buf.Packet) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &n.strange
	if s.told {
		return
	}
	now := time.Now()
	if s.since.IsZero() {
		s.since = now
	}
	if now.Sub(s.since) < stray {
		return
	}
	s.told = true
	h, _ := frame.Parse(p.Bytes())
	adapter := n.segment.macs.Load().adapter
	n.machine.log.Warn(fmt.Sprintf("frames from %v are dropped, the adapter is %v: the tunnel behind it carries IP, for this host alone. "+
		"A bridge that the adapter is a port of needs the adapter's address (`ip link set dev BRIDGE address %v`) or the adapter the bridge's (`lladdr %v`); "+
		"a macvlan on top needs mode passthru, which has the adapter's address; machines behind a bridge need a tunnel of Ethernet (`dev tap`)",
		h.Src, adapter, adapter, h.Src), "adapter", n.Name())
}
