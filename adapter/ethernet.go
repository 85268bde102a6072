package adapter

import (
	"errors"
	"log/slog"

	"culvert/nic"
	"culvert/nic/ether"
	"culvert/nic/tuntap"
)

var errNoEthernet = errors.New("`adapter ethernet`: in user space the adapter is this program's own, and nobody needs the Ethernet before it; remove the line, or leave out --userspace")

// device are the settings of the device that a state asks for. An Ethernet
// adapter over a tunnel of IP that has no name of its own is called as one.
func (o Options) device(want State) tuntap.Options {
	d := tuntap.Options{Kind: o.Kind, Name: want.Device, MTU: want.MTU, Node: o.Node, Queues: o.Queues}
	if want.Ethernet == nil {
		return d
	}
	d.Queues = 1 // the segment reads one
	d.Kind = nic.Ethernet
	if d.Name == nic.IP.String() {
		d.Name = ""
	}
	return d
}

// addEthernet puts the segment before a device that is up, since only then its
// MAC is the one it keeps. Frames of the host wait in the device until now.
func (a *Adapter) addEthernet(network ether.Network, log *slog.Logger) error {
	n, err := ether.New(a.NIC, ether.Options{Adapter: a.MAC, Network: network, Log: log})
	if err != nil {
		return err
	}
	a.NIC, a.ethernet = n, n
	return nil
}

// refreshMAC follows the device, whose MAC a push may have changed (lladdr).
func (a *Adapter) refreshMAC() error {
	if a.ethernet == nil {
		return nil
	}
	a.MAC = a.device.MAC()
	return a.ethernet.SetMAC(a.MAC)
}

// updateEthernet comes before the host is changed: a new address must be known
// as the host's own when the host asks whether anybody has it.
func (a *Adapter) updateEthernet(network *ether.Network) {
	if a.ethernet != nil && network != nil {
		a.ethernet.Update(*network)
	}
}
