package ether

import (
	"time"

	"culvert/nic"
)

// unplugged is longer than Linux collects changes of a link for before it tells
// of them (a second, net/core/link_watch.c): of a cable plugged in again before
// that, nobody would hear.
const unplugged = 1200 * time.Millisecond

// Replug shows the host a cable that is pulled and plugged in again, on which
// DHCP clients ask whether their lease still holds, and hosts ask for routers.
// Else they would not before they renew. Adapters without one do nothing.
func (n *NIC) Replug() {
	c, ok := n.NIC.(nic.Cable)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !ok || n.closed {
		return
	}
	if err := c.SetCarrier(false); err != nil {
		n.machine.log.Debug("this kernel shows no pulled cable; the host learns of the change when its DHCP client renews", "error", err)
		return
	}
	if n.plug != nil {
		n.plug.Stop()
	}
	n.plug = time.AfterFunc(unplugged, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.closed {
			return
		}
		if err := c.SetCarrier(true); err != nil {
			n.machine.log.Error("the adapter's cable cannot be shown as plugged in again; restart the tunnel", "error", err)
		}
	})
}
