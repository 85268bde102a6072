//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	tapDevice = "tap0"
	otherName = "other-client"
)

// tapServer writes a TAP server's configuration and returns its path. Lines say
// where clients get their addresses.
func (n *netns) tapServer(lines ...string) string {
	n.t.Helper()
	k := keys(n.t)
	c := new(conf)
	c.lines("dev "+tapDevice, "proto udp4", "port 1194", "dh none", "verb 4", "keepalive 10 60",
		"ca "+n.file("ca.crt", k.ca.cert), "cert "+n.file("server.crt", k.server.cert), "key "+n.file("server.key", k.server.key))
	c.lines(lines...)
	return n.file("server.conf", c.String())
}

// tapClient is tapServer's counterpart.
func (n *netns) tapClient(who identity, remote netip.Addr, lines ...string) string {
	n.t.Helper()
	c := new(conf)
	c.lines("client", "dev "+tapDevice, "proto udp4", "nobind", "verb 4", "remote-cert-tls server", fmt.Sprintf("remote %v 1194", remote))
	c.block("ca", keys(n.t).ca.cert)
	c.block("cert", who.cert)
	c.block("key", who.key)
	c.lines(lines...)
	return n.file("client.conf", c.String())
}

// inconsistent is what stock OpenVPN says of a peer configured otherwise.
var inconsistent = regexp.MustCompile(`WARNING: '[a-z-]+' is (used inconsistently|present in)`)

func consistent(t *testing.T, p *process) {
	t.Helper()
	if p.count(inconsistent) > 0 {
		t.Errorf("%s: %s", p.name, inconsistent.FindString(p.log()))
	}
}

// TestEthernet joins client and server by Ethernet, with addresses from the
// server, and a MAC address that was asked for.
func TestEthernet(t *testing.T) {
	t.Parallel()
	const mac = "02:00:5e:10:00:07"
	for _, who := range everyone {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			sp := s.run(who.server, s.tapServer("server 10.8.0.0 255.255.255.0", "server-ipv6 fd00:8::/64",
				`push "route 10.99.0.0 255.255.0.0"`)).up()
			cp := c.run(who.client, c.tapClient(keys(t).client, w.b4, "lladdr "+mac)).up()
			v4, v6 := c.device(tapDevice)
			if v4.prefix.Masked() != innerIPv4 || v6.prefix.Masked() != innerIPv6 {
				t.Errorf("the client has %v and %v", v4, v6)
			}
			if text := c.ip("link", "show", tapDevice); !strings.Contains(text, mac) {
				t.Errorf("the adapter is\n%s", text)
			}
			if routes := c.ip("route"); !strings.Contains(routes, "10.99.0.0/16 via 10.8.0.1 dev "+tapDevice) {
				t.Errorf("routes of the client:\n%s", routes)
			}
			c.ping(serverIPv4)
			c.ping(serverIPv6)
			s.ping(v4.prefix.Addr())
			s.ping(v6.prefix.Addr())
			transfer(t, c, s, serverIPv4, 20<<20)
			transfer(t, s, c, v6.prefix.Addr(), 20<<20)
			c.pingSize(serverIPv4, 6000) // in fragments
			consistent(t, cp)
			consistent(t, sp)
		})
	}
}

// The LAN behind a server: its one host, and what its DHCP server gives.
var (
	lanHost  = netip.MustParseAddr("10.20.0.1")
	lanNet   = netip.MustParsePrefix("10.20.0.0/24")
	lanLease = regexp.MustCompile(`bound to (10\.20\.0\.1[0-4][0-9]) `)
)

// lan puts a host on an Ethernet that is bridged, on s, with the TAP device
// which a server there is to use.
func (l *lab) lan(s *netns) *netns {
	l.t.Helper()
	h := l.host("l")
	mustRun(l.t, "ip", "link", "add", "lan0", "netns", s.name, "type", "veth", "peer", "name", "lan0", "netns", h.name)
	s.ip("link", "add", "br0", "type", "bridge")
	s.ip("tuntap", "add", "dev", tapDevice, "mode", "tap")
	for _, dev := range []string{"lan0", tapDevice} {
		s.ip("link", "set", dev, "master", "br0")
		s.ip("link", "set", dev, "up")
	}
	s.ip("link", "set", "br0", "up")
	h.ip("addr", "add", lanHost.String()+"/24", "dev", "lan0")
	h.ip("link", "set", "lan0", "up")
	return h
}

// leases has dnsmasq lease addresses of a range on a network, at once: it does not ask first
// for three seconds whether an address is in use. It returns the file that has the leases.
func (n *netns) leases(dev, addresses string, more ...string) (p *process, file string) {
	n.t.Helper()
	file = n.file("leases", "")
	p = n.dnsmasq(append([]string{"--port=0", "--no-ping", "--log-dhcp", "--interface=" + dev, "--bind-interfaces",
		"--dhcp-range=" + addresses, "--dhcp-leasefile=" + file}, more...)...)
	p.expect(regexp.MustCompile(`DHCP, IP range`), 1, patience)
	return p, file
}

// dhclient leases an address for a device and puts it there.
func (n *netns) dhclient(dev string) netip.Addr {
	n.t.Helper()
	script := n.program("dhclient-script", "#!/bin/sh\ncase $reason in\n"+
		"PREINIT) ip link set $interface up ;;\nBOUND) ip addr add $new_ip_address/$new_subnet_mask dev $interface ;;\nesac\n")
	p := n.start("dhclient", "dhclient", "-4", "-d", "-1", "-v", "-sf", script, "-cf", "/dev/null",
		"-lf", filepath.Join(n.dir, "leases"), "-pf", filepath.Join(n.dir, "dhclient.pid"), dev)
	p.expect(lanLease, 1, patience)
	return netip.MustParseAddr(lanLease.FindStringSubmatch(p.log())[1])
}

// TestBridgeDHCP leaves the client's address to the DHCP server of the LAN
// behind the server, reached through the tunnel.
func TestBridgeDHCP(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"server-bridge", "server-bridge nogw"} {
		for _, who := range everyone {
			t.Run(form+"/"+who.name(), func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				c, s := l.host("c"), l.host("s")
				w := l.join(c, s)
				h := l.lan(s)
				h.leases("lan0", "10.20.0.100,10.20.0.149,255.255.255.0")
				s.run(who.server, s.tapServer(form)).up()
				c.run(who.client, c.tapClient(keys(t).client, w.b4)).up()
				leased := c.dhclient(tapDevice)
				c.ping(lanHost)
				h.ping(leased)
				transfer(t, c, h, lanHost, 10<<20)
				transfer(t, h, c, leased, 10<<20)
			})
		}
	}
}

// TestBridgePool takes the client's address from a range of the LAN.
func TestBridgePool(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			h := l.lan(s)
			s.run(who.server, s.tapServer("server-bridge 10.20.0.1 255.255.255.0 10.20.0.200 10.20.0.210",
				`push "route 10.99.0.0 255.255.0.0"`)).up()
			c.run(who.client, c.tapClient(keys(t).client, w.b4)).up()
			v4, _ := c.device(tapDevice)
			if v4.prefix.Masked() != lanNet || v4.prefix.Addr().Less(netip.MustParseAddr("10.20.0.200")) {
				t.Errorf("the client has %v", v4)
			}
			if routes := c.ip("route"); !strings.Contains(routes, "10.99.0.0/16 via 10.20.0.1 dev "+tapDevice) {
				t.Errorf("routes of the client:\n%s", routes)
			}
			c.ping(lanHost)
			h.ping(v4.prefix.Addr())
			transfer(t, h, c, v4.prefix.Addr(), 10<<20)
		})
	}
}

// twoClients are connected to a TAP server.
func twoClients(t testing.TB, who pairing, lines ...string) (a, b, s *netns) {
	t.Helper()
	l := newLab(t)
	a, b, s = l.host("a"), l.host("b"), l.host("s")
	wa, wb := l.join(a, s), l.join(b, s)
	k := keys(t)
	s.run(who.server, s.tapServer(append(lines, "server 10.8.0.0 255.255.255.0")...)).up()
	a.run(who.client, a.tapClient(k.client, wa.b4)).up()
	b.run(who.client, b.tapClient(k.ca.issue(otherName, time.Now().Add(-day), time.Now().Add(day)), wb.b4)).up()
	return a, b, s
}

// TestEthernetClientToClient: clients are on one Ethernet with
// client-to-client, and see but the server without.
func TestEthernetClientToClient(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for _, lines := range [][]string{{"client-to-client"}, nil} {
			t.Run(fmt.Sprint(who.name(), lines), func(t *testing.T) {
				t.Parallel()
				a, b, _ := twoClients(t, who, lines...)
				v4, _ := b.device(tapDevice)
				a.ping(serverIPv4)
				b.ping(serverIPv4)
				if lines != nil {
					a.ping(v4.prefix.Addr())
					transfer(t, a, b, v4.prefix.Addr(), 10<<20)
				} else if out, err := a.tryPing(v4.prefix.Addr()); err == nil {
					t.Errorf("a client reaches another: %s", out)
				}
			})
		}
	}
}

// TestVLANs puts two clients in VLANs 10 and 20 of the server's adapter. Who
// answers there, with tagged frames, is reached by the client of that VLAN.
func TestVLANs(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for _, accept := range []string{"all", "tagged"} {
			t.Run(who.name()+"/"+accept, func(t *testing.T) {
				t.Parallel()
				vlans(t, who, accept)
			})
		}
	}
}

// TestNativeVLAN: a client in the adapter's own VLAN meets untagged frames there,
// or where only tagged ones are admitted, those of that VLAN.
func TestNativeVLAN(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for _, accept := range []string{"all", "untagged", "tagged"} {
			t.Run(who.name()+"/"+accept, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				c, s := l.host("c"), l.host("s")
				w := l.join(c, s)
				s.run(who.server, s.tapServer("server 10.8.0.0 255.255.255.0", "vlan-tagging", "vlan-pvid 7", "vlan-accept "+accept)).up()
				c.run(who.client, c.tapClient(keys(t).client, w.b4)).up()
				tagged := netip.MustParseAddr("10.8.0.107")
				s.helper("station", tapDevice, "7", tagged.String()).expect(answering, 1, patience)
				near, far := serverIPv4, tagged
				if accept == "tagged" {
					near, far = far, near
				}
				c.ping(near)
				if out, err := c.tryPing(far); err == nil {
					t.Errorf("%v is reached too: %s", far, out)
				}
			})
		}
	}
}

func vlans(t *testing.T, who pairing, accept string) {
	dir := t.TempDir()
	for name, vlan := range map[string]int{clientName: 10, otherName: 20} {
		text := fmt.Sprintf("vlan-pvid %d\n", vlan)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, b, s := twoClients(t, who, "client-to-client", "vlan-tagging", "vlan-accept "+accept, "client-config-dir "+dir)
	in10, in20 := netip.MustParseAddr("10.8.0.110"), netip.MustParseAddr("10.8.0.120")
	s.helper("station", tapDevice, "10", in10.String()).expect(answering, 1, patience)
	s.helper("station", tapDevice, "20", in20.String()).expect(answering, 1, patience)
	a.ping(in10)
	b.ping(in20)
	bv4, _ := b.device(tapDevice)
	for _, far := range []netip.Addr{in20, bv4.prefix.Addr(), serverIPv4} {
		if out, err := a.tryPing(far); err == nil {
			t.Errorf("VLAN 10 reaches %v: %s", far, out)
		}
	}
}

// TestNullAdapter: `dev null` connects, and touches nothing of its host.
func TestNullAdapter(t *testing.T) {
	t.Parallel()
	null := []string{"dev null", "dev-type null"}
	for _, who := range []pairing{{ours, stock}, {ours, ours}} {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			before := c.state()
			s.run(who.server, s.serverConfig(serverParty(t, plain))).up()
			c.run(who.client, c.clientConfig(clientParty(t, plain, null...), w.b4)).up()
			if after := c.state(); after != before {
				t.Errorf("the host was\n%s\nand is\n%s", before, after)
			}
		})
	}
}
