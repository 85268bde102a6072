package bringup

import (
	"errors"
	"log/slog"

	"culvert/host/process"
	"culvert/nic"
	"culvert/nic/ether"
	"culvert/nic/frame"
	"culvert/nic/tuntap"
)

var errNoEthernet = errors.New("`adapter ethernet`: in user space the adapter is inside this program, and nothing there uses Ethernet; remove the line, or leave out --userspace")

// device are the settings of the device that a state asks for. An Ethernet
// adapter over a tunnel of IP that has no name of its own is called as one.
func (o Options) device(want State) tuntap.Options {
	d := tuntap.Options{Kind: o.Kind, Name: want.Device, MTU: want.MTU, Node: o.Node, Queues: o.Queues}
	d.MAC = func(name string) frame.MAC { return o.mac(want.LLAddr, name) }
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

// mac is the address of a new Ethernet device: the one asked for, or one that is
// the same each time for this host, name and profile. It is zero if these are not
// known, and any address will do.
func (o Options) mac(asked, name string) frame.MAC {
	if mac, err := frame.ParseMAC(asked); err == nil {
		return mac
	}
	place, ok := process.Place()
	if !ok || o.Profile == "" {
		return frame.MAC{}
	}
	return frame.StableMAC(append(place, name, o.Profile)...)
}

// addEthernet puts the segment before a device. Frames of the host wait in the
// device until now.
func (a *Adapter) addEthernet(network ether.Network, log *slog.Logger) error {
	n, err := ether.New(a.NIC, ether.Options{FollowMAC: a.FollowMAC, FormerMACs: a.device.FormerMACs(), Network: network, Log: log})
	if err != nil {
		return err
	}
	a.NIC, a.ethernet = n, n
	return nil
}

// updateEthernet comes before the host is changed: a new address must be known as
// the host's own when the host asks whether anybody has it. It reports whether the
// host must ask for its settings again.
func (a *Adapter) updateEthernet(network *ether.Network) (changed bool) {
	return a.ethernet != nil && network != nil && a.ethernet.Update(*network)
}
