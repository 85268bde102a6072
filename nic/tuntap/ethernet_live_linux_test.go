//go:build interop

package tuntap

import (
	"errors"
	"net"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"culvert/nic"
	"culvert/nic/frame"
)

var wanted = frame.MAC{2, 0, 0x5e, 0x10, 0, 1}

func attributes(t *testing.T, name string) *netlink.LinkAttrs {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs()
}

// TestMAC: a new Ethernet device gets the address named for it; an existing one
// keeps its own.
func TestMAC(t *testing.T) {
	namespace(t)
	var asked []string
	o := Options{Kind: nic.Ethernet, Name: "tap%d", MAC: func(name string) frame.MAC { asked = append(asked, name); return wanted }}
	if d := open(t, o); attributes(t, d.Name()).HardwareAddr.String() != wanted.String() || len(asked) != 1 || asked[0] != d.Name() {
		t.Errorf("%s has %v; asked for %v", d.Name(), attributes(t, d.Name()).HardwareAddr, asked)
	}
	if _, err := Persist(nic.Ethernet, "mine", -1, -1); err != nil {
		t.Fatal(err)
	}
	was := attributes(t, "mine").HardwareAddr.String()
	o.Name = "mine"
	if open(t, o); attributes(t, "mine").HardwareAddr.String() != was {
		t.Error("a device that was there was given another address")
	}
	o = Options{Kind: nic.Ethernet, MAC: func(string) frame.MAC { return frame.MAC{} }}
	if d := open(t, o); len(attributes(t, d.Name()).HardwareAddr) != 6 {
		t.Error("no address where any would do")
	}
	o = Options{Kind: nic.Ethernet, MAC: func(string) frame.MAC { return frame.Broadcast }}
	if d, err := Open(o); err == nil {
		t.Errorf("%s has the address of a group", d.Name())
	}
}

// TestRegainMAC: an address by which udev replaced the one that a new device was
// given does not stay; the address of an existing device does.
func TestRegainMAC(t *testing.T) {
	namespace(t)
	if _, err := Persist(nic.Ethernet, "mine", -1, -1); err != nil {
		t.Fatal(err)
	}
	udevs := frame.MAC{2, 0, 0x5e, 0x10, 7, 7}
	for name, want := range map[string]frame.MAC{"new0": wanted, "mine": udevs} {
		d := open(t, Options{Kind: nic.Ethernet, Name: name, MAC: func(string) frame.MAC { return wanted }})
		l, _ := netlink.LinkByName(name)
		if err := netlink.LinkSetHardwareAddr(l, net.HardwareAddr(udevs[:])); err != nil {
			t.Fatal(err)
		}
		d.RegainMAC()
		if got := attributes(t, name).HardwareAddr.String(); got != want.String() {
			t.Errorf("%s has %v, expected %v", name, got, want)
		}
		if got := d.FormerMACs(); want == wanted && (len(got) != 2 || !got[0].IsStation() || got[0] == wanted || got[1] != udevs) || want != wanted && len(got) != 0 {
			t.Errorf("%s had %v", name, got)
		}
	}
}

// TestFollow: an address is reported at once, and whenever it changes, until the
// device is closed. No other device's address is.
func TestFollow(t *testing.T) {
	namespace(t)
	d := open(t, Options{Kind: nic.Ethernet, MAC: func(string) frame.MAC { return wanted }})
	told := make(chan frame.MAC, 10)
	if err := d.Follow(func(m frame.MAC) { told <- m }); err != nil {
		t.Fatal(err)
	}
	if got := <-told; got != wanted {
		t.Errorf("told of %v", got)
	}
	open(t, Options{Kind: nic.Ethernet})
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	port, _ := netlink.LinkByName(d.Name())
	if err := errors.Join(netlink.LinkAdd(bridge), netlink.LinkSetMaster(port, bridge), netlink.LinkSetNoMaster(port), netlink.LinkDel(bridge)); err != nil {
		t.Fatal(err)
	}
	for i := range byte(3) {
		mac := frame.MAC{2, 0, 0x5e, 0x10, 1, i}
		l, _ := netlink.LinkByName(d.Name())
		if err := netlink.LinkSetHardwareAddr(l, net.HardwareAddr(mac[:])); err != nil {
			t.Fatal(err)
		}
		if got := <-told; got != mac {
			t.Errorf("told of %v, not %v", got, mac)
		}
	}
	if err := open(t, Options{Kind: nic.IP}).Follow(func(frame.MAC) { t.Error("told of an address without Ethernet") }); err != nil {
		t.Error(err)
	}
}

// TestFollowsOn: if the kernel had more changes to report than there was room for,
// the final address is still reported.
func TestFollowsOn(t *testing.T) {
	namespace(t)
	d := open(t, Options{Kind: nic.Ethernet, MAC: func(string) frame.MAC { return wanted }})
	told, first, wait := make(chan frame.MAC, 10), true, make(chan struct{})
	if err := d.Follow(func(m frame.MAC) {
		if !first && m[4] == 1 {
			<-wait
		}
		first = false
		told <- m
	}); err != nil {
		t.Fatal(err)
	}
	<-told
	l, _ := netlink.LinkByName(d.Name())
	for i := range 3000 {
		mac := frame.MAC{2, 0, 0x5e, 0x10, 1, byte(i)}
		if err := netlink.LinkSetHardwareAddr(l, net.HardwareAddr(mac[:])); err != nil {
			t.Fatal(err)
		}
	}
	last := frame.MAC{2, 0, 0x5e, 0x10, 9, 9}
	if err := netlink.LinkSetHardwareAddr(l, net.HardwareAddr(last[:])); err != nil {
		t.Fatal(err)
	}
	close(wait)
	for m := range told {
		if m == last {
			break
		}
	}
}

func TestCarrier(t *testing.T) {
	namespace(t)
	d := open(t, Options{Kind: nic.Ethernet})
	up(t, d.Name())
	for _, on := range []bool{false, true, false, true} {
		if err := d.SetCarrier(on); err != nil {
			t.Fatal(err)
		}
		if got := attributes(t, d.Name()).RawFlags&unix.IFF_LOWER_UP != 0; got != on {
			t.Errorf("plugged in %v, not %v", got, on)
		}
	}
}
