//go:build interop

package interop

import (
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// These tests put our Ethernet adapter on a device that is there already, or
// another device on top of it.

// TestAdapterPremade: a TAP device that stays when nobody has it open is taken
// over whatever it was made for.
func TestAdapterPremade(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"", "vnet_hdr", "multi_queue", "pi", "multi_queue vnet_hdr pi"} {
		for _, mode := range []string{"adapter ethernet dhcp", "dev-type tap"} {
			t.Run(mode+"/"+flags, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				e := ethernetLab{client: l.machine("c"), server: l.host("s")}
				e.remote = l.join(e.client, e.server).b4
				e.client.udev()
				e.client.ip(append([]string{"tuntap", "add", "dev", tunDevice, "mode", "tap"}, strings.Fields(flags)...)...)
				dev := tunDevice
				if mode == "dev-type tap" {
					dev = tapDevice
					e.server.run(ours, e.server.tapServer("server 10.8.0.0 255.255.255.0")).up()
					e.client.ip("link", "set", tunDevice, "name", tapDevice)
					e.client.run(ours, e.client.tapClient(keys(t).client, e.remote)).up()
				} else {
					e.serve(serverParty(t, plain))
					e.connect(t, plain.topology, mode)
					e.client.udhcpc(t, tunDevice)
				}
				e.client.ping(serverIPv4)
				e.client.udevDone()
				e.client.ping(serverIPv4)
				transfer(t, e.client, e.server, serverIPv4, 4<<20)
				own, _ := e.client.device(dev)
				transfer(t, e.server, e.client, own.prefix.Addr(), 4<<20)
			})
		}
	}
}

// TestNetworkManagerTAP: NetworkManager keeps its connection on the device it
// made, whatever it made it for. Started anew, it knows the device as its own
// where that is as our program has it: with vnet-hdr alone.
func TestNetworkManagerTAP(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"", "vnet-hdr=true", "multi-queue=true", "pi=true", "multi-queue=true\nvnet-hdr=true\npi=true"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			e := ethernetLab{client: l.machine("c"), server: l.host("s")}
			e.remote = l.join(e.client, e.server).b4
			e.client.udev()
			e.client.put("/etc/NetworkManager/NetworkManager.conf", networkManagerConf)
			e.client.put("/etc/NetworkManager/system-connections/vpn.nmconnection", strings.Replace(networkManagerConnection, "vnet-hdr=true", set, 1))
			manager := e.client.startNetworkManager()
			e.serve(serverParty(t, plain))
			e.connect(t, plain.topology, "adapter ethernet dhcp")
			e.client.leased(t)
			e.client.ping(serverIPv4)
			transfer(t, e.client, e.server, serverIPv4, 4<<20)
			if set == "vnet-hdr=true" {
				e.client.restart(t, manager)
			}
			e.client.ping(serverIPv4)
		})
	}
}

// leased waits until a DHCP client has given the adapter its address.
func (n *netns) leased(t *testing.T) {
	t.Helper()
	if got, ok := soon(func() (string, bool) {
		v4, _ := n.device(tunDevice)
		return v4.prefix.String(), v4.prefix.IsValid()
	}); !ok {
		t.Fatalf("no address: %s", got)
	}
}

// TestNetworkManagerBeforeUdev: NetworkManager, which asks by DHCP as soon as it
// has made the device, goes on under the address that it had before udev gave it
// another.
func TestNetworkManagerBeforeUdev(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	e := ethernetLab{client: l.machine("c"), server: l.host("s")}
	e.remote = l.join(e.client, e.server).b4
	culvert(t) // building it takes time that NetworkManager would spend asking
	late := e.client.busyUdev()
	late("held")
	e.client.networkManager()
	e.client.eventually("NetworkManager has made the device", func() bool { return e.client.answers("ip", "link", "show", "dev", tunDevice) })
	was := e.client.mac(tunDevice)
	late("0")
	e.client.udevDone()
	if e.client.mac(tunDevice) == was {
		t.Fatal("udev left the device alone; this test wants it to come late")
	}
	e.serve(serverParty(t, plain))
	e.connect(t, plain.topology, "adapter ethernet dhcp")
	e.client.leased(t)
	e.client.ping(serverIPv4)
}

// restart restarts NetworkManager, which goes on with its connection.
func (n *netns) restart(t *testing.T, manager *process) {
	t.Helper()
	if err := manager.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	n.manager()
	if out, ok := soon(func() (string, bool) {
		out, _ := n.asks("nmcli", "-g", "GENERAL.STATE,GENERAL.CONNECTION", "device", "show", tunDevice)
		return out, out == "100 (connected)\nvpn\n"
	}); !ok {
		t.Errorf("NetworkManager started anew says %q of the device", out)
	}
}

var strange = regexp.MustCompile(`WRN frames from [0-9a-f:]{17} are dropped, the adapter is [0-9a-f:]{17}`)

// TestAdapterStrangers: of a bridge or macvlan on top, whose frames have
// another address, the log says once why nothing comes through; and what it
// says to do helps.
func TestAdapterStrangers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dev  string
		make []string
	}{
		"macvlan": {"mv0", []string{"link add link " + tunDevice + " name mv0 type macvlan mode bridge"}},
		"bridge":  {"br0", []string{"link add br0 address 02:00:5e:10:00:77 type bridge", "link set " + tunDevice + " master br0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			e := ethernetLab{client: l.machine("c"), server: l.host("s")}
			e.remote = l.join(e.client, e.server).b4
			e.client.udev()
			e.serve(serverParty(t, plain))
			client := e.connect(t, plain.topology, "adapter ethernet dhcp")
			for _, command := range append(c.make, "link set "+c.dev+" up") {
				e.client.ip(strings.Fields(command)...)
			}
			if out, answered := e.client.asks("busybox", "udhcpc", "-f", "-q", "-n", "-t", "4", "-T", "1", "-i", c.dev, "-s", "/bin/true"); answered {
				t.Errorf("another address than the adapter's is served: %s", out)
			}
			client.expect(strange, 1, patience)
			if name == "bridge" {
				e.client.ip("link", "set", "dev", c.dev, "address", e.client.mac(tunDevice))
				e.client.udhcpc(t, c.dev)
				e.client.ping(serverIPv4)
			}
			if n := client.count(strange); n != 1 {
				t.Errorf("said %d times", n)
			}
		})
	}
}

// TestAdapterBridgeAddress: an adapter with the address of a bridge works as
// its port.
func TestAdapterBridgeAddress(t *testing.T) {
	t.Parallel()
	const mac = "02:00:5e:10:00:77"
	l := newLab(t)
	e := ethernetLab{client: l.machine("c"), server: l.host("s")}
	e.remote = l.join(e.client, e.server).b4
	e.client.udev()
	e.client.ip("link", "add", "br0", "address", mac, "type", "bridge")
	e.client.ip("link", "set", "br0", "up")
	e.serve(serverParty(t, plain))
	client := e.connect(t, plain.topology, "adapter ethernet dhcp", "lladdr "+mac)
	e.client.ip("link", "set", tunDevice, "master", "br0")
	e.client.udhcpc(t, "br0")
	e.client.ping(serverIPv4)
	e.client.udevDone()
	e.client.ping(serverIPv4)
	if n := client.count(strange); n != 0 {
		t.Errorf("said %d times", n)
	}
}

// TestAdapterOfAnotherKind: a TUN device in the adapter's place is named, with
// what to do, wherever it was made.
func TestAdapterOfAnotherKind(t *testing.T) {
	t.Parallel()
	e := newEthernetLab(t)
	e.client.ip("tuntap", "add", "dev", tunDevice, "mode", "tun")
	e.serve(serverParty(t, plain))
	p := e.client.run(ours, e.client.clientConfig(clientParty(t, plain, "adapter ethernet dhcp"), e.remote))
	if err := p.wait(patience); err == nil {
		t.Error("ends as if all were well")
	}
	p.expect(regexp.MustCompile(tunDevice+`: .* of another kind: .*ip tuntap add.*NetworkManager's tun\.mode`), 1, patience)
}

// TestTAPMacvlan: over a tunnel that carries Ethernet a macvlan is a host of
// its own.
func TestTAPMacvlan(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.machine("c"), l.host("s")
	w := l.join(c, s)
	c.udev()
	s.run(ours, s.tapServer("server 10.8.0.0 255.255.255.0")).up()
	c.run(ours, c.tapClient(keys(t).client, w.b4)).up()
	c.ip("addr", "flush", "dev", tapDevice)
	c.ip("link", "add", "link", tapDevice, "name", "mv0", "type", "macvlan", "mode", "bridge")
	c.ip("link", "set", "mv0", "up")
	c.ip("addr", "add", "10.8.0.200/24", "dev", "mv0")
	c.ping(serverIPv4)
	s.ping(netip.MustParseAddr("10.8.0.200"))
}
