package ether

import (
	"time"

	"culvert/nic"
)

// unplugged is longer than the time for which Linux collects changes of a link
// before it reports them (a second, net/core/link_watch.c). If the cable came back
// sooner, nobody would notice.
const unplugged = 1200 * time.Millisecond

// Replug shows the host a cable that is pulled and plugged in again. DHCP clients
// then ask whether their lease still holds, and hosts look for routers; otherwise
// they would not until they renew. On adapters that cannot show a cable it does
// nothing.
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
