package tuntap

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"culvert/nic"
	"culvert/nic/frame"
)

// newMAC returns the address to give a device: zero if any will do, or if the
// device was there before.
func (o *Options) newMAC(name string, old bool) (mac frame.MAC) {
	if o.MAC != nil && !old && o.Kind == nic.Ethernet {
		mac = o.MAC(name)
	}
	return mac
}

// ensureMAC gives a device an address, unless that is zero, and returns the one it
// replaced, or zero. The kernel then notes the address as set by someone, and udev
// leaves it alone unless udev looked earlier.
func ensureMAC(name string, mac frame.MAC) (was frame.MAC, err error) {
	if mac == (frame.MAC{}) {
		return was, nil
	}
	link, err := netlink.LinkByName(name)
	if err == nil && !bytes.Equal(link.Attrs().HardwareAddr, mac[:]) {
		copy(was[:], link.Attrs().HardwareAddr)
		err = netlink.LinkSetHardwareAddr(link, net.HardwareAddr(mac[:]))
	}
	if err != nil {
		return was, fmt.Errorf("tuntap: %s: give it the MAC address %v: %w", name, mac, err)
	}
	return was, nil
}

// RegainMAC gives an Ethernet device the address again that Open gave it. Call it
// some milliseconds after Open: udev may have looked before Open set the address
// and replaced it afterwards, which an idle udev does in one of fifty openings.
// Without the right to set it, the device keeps what it has.
func (d *Device) RegainMAC() {
	was, _ := ensureMAC(d.name, d.mac)
	d.replaced(was)
}

// replaced notes an address that the device had before; zero is none.
func (d *Device) replaced(mac frame.MAC) {
	if mac != (frame.MAC{}) {
		d.former = append(d.former, mac)
	}
}

// FormerMACs returns the Ethernet addresses that Open and RegainMAC replaced: the
// one the device was made with, and udev's. A program that looked before that may
// still send from them.
func (d *Device) FormerMACs() []frame.MAC { return d.former }

// MAC returns the Ethernet address that Open gave the device; "" for none.
func (d *Device) MAC() string {
	if d.mac == (frame.MAC{}) {
		return ""
	}
	return d.mac.String()
}

var _ nic.Cable = (*Device)(nil)

// SetCarrier sets whether the host sees a cable plugged in. Kernels before Linux
// 5.0 always see one, and it returns an error.
func (d *Device) SetCarrier(on bool) error {
	state := 0
	if on {
		state = 1
	}
	var err error
	poll := d.raw.Control(func(fd uintptr) { err = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, state) })
	return errors.Join(poll, err)
}

// Follow calls told with the MAC address of an Ethernet device, at once and
// whenever it is changed, until the device is closed. For other devices it does
// nothing.
func (d *Device) Follow(told func(frame.MAC)) error {
	if d.kind != nic.Ethernet {
		return nil
	}
	f, err := follow(d.name, told)
	if err != nil {
		return fmt.Errorf("tuntap: %s: follow its MAC address: %w", d.name, err)
	}
	go f.run()
	go func() {
		<-d.done
		f.close()
	}()
	return nil
}

// follower reports changes of a device's address. Its sockets stay in the network
// namespace of the goroutine that made them.
type follower struct {
	index   int
	told    func(frame.MAC)
	last    frame.MAC
	gone    bool
	changes *nl.NetlinkSocket
	asking  *netlink.Handle
}

// follow asks for changes first, and then reports the present address, so that no
// change in between is missed.
func follow(name string, told func(frame.MAC)) (f *follower, err error) {
	f = &follower{told: told}
	if f.changes, err = nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK); err != nil {
		return nil, err
	}
	if f.asking, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		f.changes.Close()
		return nil, err
	}
	link, err := f.asking.LinkByName(name)
	if err != nil {
		f.close()
		return nil, err
	}
	f.index = link.Attrs().Index
	f.tell(link)
	return f, nil
}

func (f *follower) close() {
	f.changes.Close()
	f.asking.Close()
}

// run reports changes until the sockets are closed or the device leaves the network
// namespace, where another device may get its number.
func (f *follower) run() {
	for !f.gone {
		messages, from, err := f.changes.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS): // some were lost
			if link, err := f.asking.LinkByIndex(f.index); err == nil {
				f.tell(link)
			}
		case err != nil:
			return
		case from.Pid == nl.PidKernel:
			for _, m := range messages {
				f.read(m)
			}
		}
	}
}

func (f *follower) read(m syscall.NetlinkMessage) {
	header := unix.NlMsghdr(m.Header)
	link, err := netlink.LinkDeserialize(&header, m.Data)
	switch {
	case err != nil || f.gone || m.Data[0] != unix.AF_UNSPEC: // a bridge's message about its ports
	case header.Type == unix.RTM_NEWLINK:
		f.tell(link)
	case header.Type == unix.RTM_DELLINK:
		f.gone = link.Attrs().Index == f.index
	}
}

func (f *follower) tell(link netlink.Link) {
	a := link.Attrs()
	if a.Index != f.index || len(a.HardwareAddr) != len(f.last) {
		return
	}
	if mac := frame.MAC(a.HardwareAddr); mac != f.last {
		f.last = mac
		f.told(mac)
	}
}
