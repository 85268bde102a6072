package tuntap

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"culvert/nic"
	"culvert/nic/frame"
)

// ensureMAC gives a new device the address wanted. The kernel then knows it as
// set by somebody, and udev leaves it alone, unless udev had looked before.
func (o *Options) ensureMAC(name string, old bool) error {
	if o.MAC == nil || old || o.Kind != nic.Ethernet {
		return nil
	}
	mac := o.MAC(name)
	if mac == (frame.MAC{}) {
		return nil
	}
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetHardwareAddr(link, net.HardwareAddr(mac[:]))
	}
	if err != nil {
		return fmt.Errorf("tuntap: %s: give it the MAC address %v: %w", name, mac, err)
	}
	return nil
}

// SetCarrier says whether a cable is plugged in, as the host sees it. Kernels
// before Linux 5.0 always see one, and return an error.
func (d *Device) SetCarrier(on bool) error {
	state := 0
	if on {
		state = 1
	}
	var err error
	poll := d.raw.Control(func(fd uintptr) { err = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, state) })
	return errors.Join(poll, err)
}

// Follow tells which MAC address an Ethernet device has, at once and whenever
// somebody gives it another one, until it is closed. Others have none to tell.
func (d *Device) Follow(told func(frame.MAC)) error {
	if d.kind != nic.Ethernet {
		return nil
	}
	link, err := netlink.LinkByName(d.name)
	if err != nil {
		return fmt.Errorf("tuntap: %s: read its MAC address: %w", d.name, err)
	}
	f := &follower{index: link.Attrs().Index, told: told, done: d.done}
	changes, err := f.subscribe()
	if err != nil {
		return fmt.Errorf("tuntap: %s: follow its MAC address: %w", d.name, err)
	}
	go f.run(changes)
	return nil
}

// follower passes on the address of a device.
type follower struct {
	index int
	told  func(frame.MAC)
	last  frame.MAC
	done  <-chan struct{}
}

// subscribe asks for changes, and then tells what there is, so that nothing in
// between is missed.
func (f *follower) subscribe() (<-chan netlink.LinkUpdate, error) {
	changes := make(chan netlink.LinkUpdate)
	if err := netlink.LinkSubscribe(changes, f.done); err != nil {
		return nil, err
	}
	if link, err := netlink.LinkByIndex(f.index); err == nil { // else it is gone
		f.tell(link.Attrs())
	}
	return changes, nil
}

// run passes on changes until the device is closed. A subscription ends before
// that where the kernel had more to say than there was room for.
func (f *follower) run(changes <-chan netlink.LinkUpdate) {
	for {
		for c := range changes {
			if c.Header.Type == unix.RTM_NEWLINK {
				f.tell(c.Attrs())
			}
		}
		if changes = f.renew(); changes == nil {
			return
		}
	}
}

// renew subscribes again, nil when the device was closed.
func (f *follower) renew() <-chan netlink.LinkUpdate {
	const pause = 200 * time.Millisecond
	for {
		select {
		case <-f.done:
			return nil
		case <-time.After(pause):
		}
		if changes, err := f.subscribe(); err == nil {
			return changes
		}
	}
}

func (f *follower) tell(a *netlink.LinkAttrs) {
	if a.Index != f.index || len(a.HardwareAddr) != len(f.last) {
		return
	}
	if mac := frame.MAC(a.HardwareAddr); mac != f.last {
		f.last = mac
		f.told(mac)
	}
}
