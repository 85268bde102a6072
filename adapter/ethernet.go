package adapter

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"culvert/nic"
	"culvert/nic/ether"
	"culvert/nic/frame"
	"culvert/nic/tuntap"
)

var errNoEthernet = errors.New("`adapter ethernet`: in user space the adapter is this program's own, and nobody needs the Ethernet before it; remove the line, or leave out --userspace")

// device are the settings of the device that a state asks for. An Ethernet
// adapter over a tunnel of IP that has no name of its own is called as one.
func (o Options) device(want State) tuntap.Options {
	d := tuntap.Options{Kind: o.Kind, Name: want.Device, MTU: want.MTU}
	if want.Ethernet == nil {
		return d
	}
	d.Kind = nic.Ethernet
	if d.Name == nic.IP.String() {
		d.Name = ""
	}
	return d
}

// addEthernet puts the segment before a device that is up, since only then its
// MAC is the one it keeps. Frames of the host wait in the device until now.
func (a *Adapter) addEthernet(network ether.Network, log *slog.Logger) error {
	device, err := net.InterfaceByName(a.Name())
	if err != nil {
		return fmt.Errorf("the MAC of the adapter %s: %w", a.Name(), err)
	}
	mac, err := frame.ParseMAC(device.HardwareAddr.String())
	if err != nil {
		return fmt.Errorf("the adapter %s: %w", a.Name(), err)
	}
	n, err := ether.New(a.NIC, ether.Options{Adapter: mac, Network: network, Log: log})
	if err != nil {
		return err
	}
	a.NIC, a.ethernet = n, n
	return nil
}

// updateEthernet comes before the host is changed: a new address must be known
// as the host's own when the host asks whether anybody has it.
func (a *Adapter) updateEthernet(network *ether.Network) {
	if a.ethernet != nil && network != nil {
		a.ethernet.Update(*network)
	}
}
