package hub

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"culvert/host/process"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/nic/tuntap"
)

// linux makes adapters on this machine. Whatever it makes disappears with the
// process, even if that is killed: TAP devices that are not persistent, wherever
// they were moved, and the promiscuous mode of a socket.
type linux struct{}

func newHost() host { return linux{} }

func (linux) machine() string { return process.MachineID() }

func (linux) openPhysical(name string) (nic.NIC, frame.MAC, error) {
	p, err := tuntap.OpenPhysical(name)
	if err != nil {
		return nil, frame.MAC{}, fmt.Errorf("the uplink: %w", err)
	}
	return p, p.MAC(), nil
}

// openTAP makes the device in its namespace, so that its name must be free only
// there.
func (linux) openTAP(name, namespace string, mac frame.MAC, mtu int) (n nic.NIC, err error) {
	err = within(namespace, func() error {
		if _, err := netlink.LinkByName(name); err == nil {
			return fmt.Errorf("a device %s exists: choose another name", name)
		}
		d, err := tuntap.Open(tuntap.Options{Kind: nic.Ethernet, Name: name, MTU: mtu, MAC: func(string) frame.MAC { return mac }})
		if err != nil {
			return err
		}
		n = d
		return bringUp(name)
	})
	if err != nil && n != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, err
}

func bringUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("%s: bringing it up: %w", name, err)
	}
	return nil
}

// move moves a device. As with any move, it loses its IP addresses and routes.
func (linux) move(name, from, to string) error {
	target, err := openNamespace(to)
	if err != nil {
		return err
	}
	defer target.Close()
	err = within(from, func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("%s is no longer in the namespace where `culvert hub` put it: %w", name, err)
		}
		return netlink.LinkSetNsFd(link, int(target))
	})
	if err != nil {
		return fmt.Errorf("moving %s: %w", name, err)
	}
	return process.InNamespace(target, func() error {
		link, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		if err != nil {
			return fmt.Errorf("bringing %s up after its move: %w", name, err)
		}
		return nil
	})
}

// within runs f in a network namespace.
func within(namespace string, f func() error) error {
	ns, err := openNamespace(namespace)
	if err != nil {
		return err
	}
	defer ns.Close()
	return process.InNamespace(ns, f)
}

// openNamespace opens a namespace by the value of Spec.Netns.
func openNamespace(namespace string) (ns netns.NsHandle, err error) {
	switch {
	case namespace == "":
		return netns.Get()
	case filepath.IsAbs(namespace):
		ns, err = netns.GetFromPath(namespace)
	default:
		ns, err = netns.GetFromName(namespace)
	}
	if err != nil {
		return ns, fmt.Errorf("network namespace %s: %w; to make it, run: ip netns add %s; or use a path such as /proc/PID/ns/net", namespace, err, namespace)
	}
	return ns, nil
}
