package endpoint

import (
	"culvert/config"
	"culvert/link"
)

// LinkOptions are the settings of c for every outer socket, all but its
// address.
func LinkOptions(c *config.Config) link.Options {
	return link.Options{Mark: uint32(c.Mark), Device: c.BindDev, ReceiveBuffer: c.ReceiveBuffer, SendBuffer: c.SendBuffer}
}

// PacketSize is the largest packet of adapter or link that buffers are made
// for: the MTU, or the largest a peer may push, and room for what is added.
func PacketSize(c *config.Config) int { return max(c.MTU, buffersMTU) + 256 }
