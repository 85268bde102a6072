package profile

import (
	"culvert/config"
	"culvert/link"
	"culvert/nic"
	"culvert/nic/frame"
	"runtime"
)

// Kind is what the adapter of c carries.
func Kind(c config.Adapter) nic.Kind {
	if c.DevType == config.DevTap {
		return nic.Ethernet
	}
	return nic.IP
}

// headerLen is what stands before IP inside the tunnel, in bytes.
func headerLen(c config.Adapter) int {
	if Kind(c) == nic.Ethernet {
		return frame.HeaderLen
	}
	return 0
}

// LinkOptions are the settings of c for every outer socket, all but its
// address.
func LinkOptions(c *config.Config) link.Options {
	return link.Options{
		Mark: uint32(c.Link.Mark), Device: c.Link.BindDev, MTUDiscovery: mtuDiscovery[c.Link.MTUDiscovery],
		ReceiveBuffer: c.Link.ReceiveBuffer, SendBuffer: c.Link.SendBuffer, Queues: Queues(c),
	}
}

// mtuDiscovery are the link's names for the words of `mtu-disc`.
var mtuDiscovery = map[config.MTUDiscovery]link.MTUDiscovery{
	config.MTUDiscoverySystem: link.SystemMTU, config.MTUDiscoveryNo: link.CutAlways,
	config.MTUDiscoveryMaybe: link.CutHere, config.MTUDiscoveryYes: link.CutNever,
}

// maxQueues bounds what each queue's buffers come to, a megabyte and a half.
const maxQueues = 16

// Queues is how many queues adapter and outer sockets have: on a server one for
// each two cores, since each has a goroutine inbound and one outbound. One
// peer's packets stay in order on one core, so that others have one queue.
func Queues(c *config.Config) int {
	if c.Mode != config.ModeServer {
		return 1
	}
	return min((runtime.GOMAXPROCS(0)+1)/2, maxQueues)
}

// PacketSize is the largest packet of adapter or link that buffers are made
// for: the MTU, or the largest a peer may push, and room for what is added.
func PacketSize(c config.Adapter) int { return max(c.MTU, buffersMTU) + 256 }

// optionsExtra is what OpenVPN adds to the MTU that it names in the options
// string (tun-mtu-extra, 32 with tap).
func optionsExtra(c config.Adapter) int {
	if Kind(c) == nic.Ethernet {
		return 32
	}
	return 0
}
