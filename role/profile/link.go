package profile

import (
	"culvert/config"
	"culvert/host/hostnet"
	"culvert/link"
	"culvert/nic"
	"culvert/nic/frame"
	"runtime"
)

// Kind returns what the adapter of c carries.
func Kind(c config.Adapter) nic.Kind {
	if c.DevType == config.DevTap {
		return nic.Ethernet
	}
	return nic.IP
}

// headerLen returns the length of the header before IP inside the tunnel, in bytes.
func headerLen(c config.Adapter) int {
	if Kind(c) == nic.Ethernet {
		return frame.HeaderLen
	}
	return 0
}

// LinkOptions returns the settings of c for every outer socket, all except its
// address.
func LinkOptions(c *config.Config) link.Options {
	return link.Options{
		Mark: Mark(c), MarkIfAllowed: MarkIfAllowed(c), Device: c.Link.BindDev, MTUDiscovery: mtuDiscovery[c.Link.MTUDiscovery],
		ReceiveBuffer: c.Link.ReceiveBuffer, SendBuffer: c.Link.SendBuffer, Queues: Queues(c),
	}
}

// Mark returns the mark of c's own packets, by which routing rules and fences know them;
// 0: none.
func Mark(c *config.Config) uint32 {
	chooses := !c.Routing.Only.Empty() || !c.Routing.Except.Empty()
	switch {
	case c.Link.Mark != 0:
		return uint32(c.Link.Mark)
	case c.Routing.BlockOutside != nil:
		return hostnet.OwnMark
	case chooses && hostnet.CanMark:
		return hostnet.ClientMark
	}
	return 0
}

// MarkIfAllowed reports whether c can do without Mark: what it would keep outside the
// tunnel by it is led there by nobody who may not set one, and who may not set one has made
// no fence that asks for it.
func MarkIfAllowed(c *config.Config) bool {
	return c.Link.Mark == 0 && (c.Routing.BlockOutside == nil || !hostnet.MayMark())
}

// mtuDiscovery maps the words of `mtu-disc` to package link's.
var mtuDiscovery = map[config.MTUDiscovery]link.MTUDiscovery{
	config.MTUDiscoverySystem: link.SystemMTU, config.MTUDiscoveryNo: link.CutAlways,
	config.MTUDiscoveryMaybe: link.CutHere, config.MTUDiscoveryYes: link.CutNever,
}

// maxQueues limits the memory for buffers: a megabyte and a half for each queue.
const maxQueues = 16

// Queues returns how many queues the adapter and the outer sockets have. A server has
// one for every two cores, since each queue has a goroutine inbound and one outbound.
// The packets of one peer stay in order on one core, so the other roles have one
// queue.
func Queues(c *config.Config) int {
	if c.Mode != config.ModeServer {
		return 1
	}
	return min((runtime.GOMAXPROCS(0)+1)/2, maxQueues)
}

// PacketSize returns the size of packet buffers: the MTU, or the largest one that a
// peer may push, and room for what is added.
func PacketSize(c config.Adapter) int { return max(c.MTU, c.MaxMTU) + 256 }

// optionsExtra returns what OpenVPN adds to the MTU in the options string
// (tun-mtu-extra, 32 with tap).
func optionsExtra(c config.Adapter) int {
	if Kind(c) == nic.Ethernet {
		return 32
	}
	return 0
}
