//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"syscall"
	"testing"
)

// These tests put our Ethernet adapters on hosts where systemd's udev gives
// each device an address by its link policy, as on most of today's Linux.

// udevDelays are how busy udev is when it hears of a device, in seconds: as on
// an idle host, while the adapter comes up, and after everything is up.
var udevDelays = []string{"0", "0", "0.02", "0.05", "0.1", "0.2", "0.3", "0.5", "1", "1.5"}

// busyUdev starts udev on a machine, and returns how to make it late: by some seconds, or
// with "held" until it is told otherwise.
func (n *netns) busyUdev() (late func(seconds string)) {
	n.t.Helper()
	n.put("/etc/udev/rules.d/00-busy.rules", `SUBSYSTEM=="net", ACTION=="add", PROGRAM="`+n.program("busy", `while read -r s </run/busy && test "$s" = held; do sleep 0.02; done; exec sleep "${s:-0}"`)+`"`+"\n")
	n.put("/run/busy", "0\n")
	n.udev()
	return func(seconds string) { n.put("/run/busy", seconds+"\n") }
}

// mac is the address of a device.
func (n *netns) mac(dev string) string {
	n.t.Helper()
	return linkEther.FindStringSubmatch(n.ip("link", "show", "dev", dev))[1]
}

var linkEther = regexp.MustCompile(`link/ether (\S+)`)

// sameMAC fails the test unless a device still has an address once udev is done.
func (n *netns) sameMAC(t *testing.T, dev, was string) {
	t.Helper()
	n.try("udevadm", "settle", "--timeout=20")
	if is := n.mac(dev); is != was {
		t.Errorf("%s is %s, and was %s before udev was done", dev, is, was)
	}
}

// TestUdevAdapter: `adapter ethernet` carries from the first packet on, and
// after udev is done, however late that is; with the same address each time.
func TestUdevAdapter(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"static", "dhcp"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			e := ethernetLab{client: l.machine("c"), server: l.host("s")}
			e.remote = l.join(e.client, e.server).b4
			late := e.client.busyUdev()
			e.serve(serverParty(t, plain, "explicit-exit-notify 1"))
			seen := map[string]bool{}
			for _, delay := range udevDelays {
				late(delay)
				client := e.connect(t, plain.topology, "adapter ethernet "+mode)
				mac := e.client.mac(tunDevice)
				if mode == "dhcp" {
					e.client.udhcpc(t, tunDevice)
				}
				e.client.ping(serverIPv4)
				e.client.sameMAC(t, tunDevice, mac)
				e.client.ping(serverIPv4)
				if err := client.stop(syscall.SIGTERM); err != nil {
					t.Errorf("exit status after SIGTERM: %v", err)
				}
				seen[mac] = true
				if t.Failed() {
					t.Fatalf("with udev late by %s s", delay)
				}
			}
			if len(seen) != 1 {
				t.Errorf("the adapter had %d addresses: %v", len(seen), seen)
			}
		})
	}
}

// TestUdevTAP: so do `dev tap` clients and servers of ours. The other end, where
// it is stock, has no udev: the kernel's neighbours keep what they learned.
func TestUdevTAP(t *testing.T) {
	t.Parallel()
	for _, who := range everyone[1:] {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, lateClient := l.udevHost("c", who.client)
			s, lateServer := l.udevHost("s", who.server)
			w := l.join(c, s)
			for i, delay := range udevDelays {
				lateClient(delay)
				lateServer(udevDelays[len(udevDelays)-1-i])
				server := s.run(who.server, s.tapServer("server 10.8.0.0 255.255.255.0")).up()
				client := c.run(who.client, c.tapClient(keys(t).client, w.b4)).up()
				v4, _ := c.device(tapDevice)
				macs := []string{c.mac(tapDevice), s.mac(tapDevice)}
				c.ping(serverIPv4)
				s.ping(v4.prefix.Addr())
				c.sameMAC(t, tapDevice, macs[0])
				s.sameMAC(t, tapDevice, macs[1])
				s.ping(v4.prefix.Addr())
				c.ping(serverIPv4)
				client.stop(syscall.SIGTERM)
				server.stop(syscall.SIGTERM)
				if t.Failed() {
					t.Fatalf("with udev late by %s s", delay)
				}
			}
		})
	}
}

// udevHost is a machine with udev for our program, and a plain host for stock.
func (l *lab) udevHost(role string, impl implementation) (n *netns, late func(seconds string)) {
	l.t.Helper()
	if impl.name == stock.name {
		return l.host(role), func(string) {}
	}
	n = l.machine(role)
	return n, n.busyUdev()
}

// TestAdapterAddressChanges: who gives the adapter another address is followed.
func TestAdapterAddressChanges(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := ethernetLab{client: l.machine("c"), server: l.host("s")}
	e.remote = l.join(e.client, e.server).b4
	e.client.udev()
	e.serve(serverParty(t, plain))
	e.connect(t, plain.topology, "adapter ethernet")
	for i := range 5 {
		e.client.ping(serverIPv4)
		e.client.ip("link", "set", "dev", tunDevice, "address", fmt.Sprintf("02:00:5e:10:00:1%d", i))
	}
	e.client.ping(serverIPv4)
	e.client.settled()
	e.client.ping(serverIPv6)
}

// TestTAPAddressChanges: that of a TAP server's adapter is protected from
// clients, the one it has now, and no more the one it had.
func TestTAPAddressChanges(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	s.run(ours, s.tapServer("server 10.8.0.0 255.255.255.0")).up()
	c.run(ours, c.tapClient(keys(t).client, w.b4)).up()
	v4, _ := c.device(tapDevice)
	was := s.mac(tapDevice)
	for i := range 3 {
		c.ping(serverIPv4)
		s.ip("link", "set", "dev", tapDevice, "address", fmt.Sprintf("02:00:5e:10:00:1%d", i))
		c.ip("neigh", "flush", "dev", tapDevice)
		s.ping(v4.prefix.Addr())
	}
	is := s.mac(tapDevice)
	s.drops(t, "ether src "+is, "link queue open route dropped: spoofed MAC", func() {
		c.ip("link", "set", tapDevice, "address", is)
		c.try("ping", "-n", "-c", "1", "-W", "1", serverIPv4.String())
	})
	c.ip("link", "set", tapDevice, "address", was)
	s.ip("neigh", "flush", "dev", tapDevice)
	c.ping(serverIPv4)
}
