//go:build interop

package interop

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const networkManagerPlugin = "/usr/lib/NetworkManager/nm-openvpn-service"

// networkManagerVPN is NetworkManager with its plugin for OpenVPN, which has
// Debian 12's OpenVPN do the work. It takes a profile by importing it.
var networkManagerVPN = &peer{
	implementation: implementation{name: "networkmanager"},
	title:          "NetworkManager",
	version: func(t testing.TB) string {
		return strings.TrimSpace(says("NetworkManager", "--version"))
	},
}

func networkManagerEncounters() []*encounter {
	return []*encounter{
		{name: "init", peer: networkManagerVPN, role: asClient, run: meetNetworkManager,
			shows: []sight{initFiles, overUDP, innerFour, innerSix, peerLeaves, weLeave, restarted}},
		{name: "udp", peer: networkManagerVPN, role: asClient, run: rekeyWithNetworkManager("udp", asClient),
			shows: []sight{overUDP, innerFour, innerSix, peerRekeys}},
		{name: "tcp", peer: networkManagerVPN, role: asClient, run: rekeyWithNetworkManager("tcp", asServer),
			shows: []sight{overTCP, innerFour, innerSix, weRekey}},
	}
}

// meetNetworkManager has it import and use a profile of `culvert client add`. The
// server goes and comes back, and then the client goes.
func meetNetworkManager(t *testing.T, e *encounter) {
	h := newManagedClient(t)
	dir, profile := h.initialize(t)
	serve := func() *process { return h.s.run(ours, filepath.Join(dir, "server.conf")).up() }
	serverProc := serve()
	h.c.importVPN(profile)
	tun := h.tunnelByManager(t)
	tun.exchange(t)
	e.saw(t, initFiles, overUDP, innerFour, innerSix)

	serverProc.stop(syscall.SIGTERM)
	serverProc = serve()
	serverProc.expect(clientJoined, 1, patience)
	h.c.eventually("the server answers again", func() bool { return h.c.answers("ping", "-c", "1", "-w", "1", serverIPv4.String()) })
	e.saw(t, weLeave, restarted)

	h.c.output("nmcli", "-w", "20", "connection", "down", "client")
	serverProc.expect(clientLeft, 1, patience)
	e.saw(t, peerLeaves)
}

// rekeyWithNetworkManager has it use a profile of the old style, while one side
// renews keys.
func rekeyWithNetworkManager(proto string, by role) func(*testing.T, *encounter) {
	return func(t *testing.T, e *encounter) {
		h := newManagedClient(t)
		c := oldStyle
		c.tcp = proto == "tcp"
		server, client := serverParty(t, c), clientParty(t, c)
		begins(&server, &client, by)
		serverProc := h.s.run(ours, h.s.serverConfig(server)).up()
		h.c.importVPN(h.c.clientConfig(client, h.w.b4))
		tun := h.tunnelByManager(t)
		tun.exchange(t)
		e.saw(t, transports[proto], innerFour, innerSix)

		flows := tun.pace()
		serverProc.expect(handshake, serverProc.count(handshake)+2, patience)
		flows.finish(t)
		e.saw(t, renewals[by == e.role])
	}
}

// newManagedClient makes two hosts, of which NetworkManager manages the client.
func newManagedClient(t *testing.T) hosts {
	if _, err := os.Stat(networkManagerPlugin); err != nil {
		t.Fatalf("%v; .ci/deps installs it", err)
	}
	l := newLab(t)
	h := hosts{c: l.machine("c"), s: l.host("s")}
	h.w = l.join(h.c, h.s)
	h.c.put("/etc/NetworkManager/NetworkManager.conf", "[main]\nplugins=keyfile\nauth-polkit=false\ndns=default\nrc-manager=file\n")
	h.c.put("/etc/NetworkManager/system-connections/wire.nmconnection", "[connection]\nid=wire\ntype=ethernet\ninterface-name=eth0\n"+
		"[ipv4]\nmethod=manual\naddress1="+h.w.a4.String()+"/24,"+h.w.b4.String()+"\n"+
		"[ipv6]\nmethod=manual\naddress1="+h.w.a6.String()+"/64,"+h.w.b6.String()+"\n")
	h.c.udev()
	h.c.startNetworkManager()
	h.c.output("nmcli", "-w", "20", "connection", "up", "wire")
	return h
}

// importVPN makes a connection of a profile, client.conf, and starts it. Keys of
// the profile go to files below the user's home directory.
func (n *netns) importVPN(profile string) {
	n.t.Helper()
	n.output("env", "HOME="+n.dir, "nmcli", "connection", "import", "type", "openvpn", "file", profile)
	n.output("nmcli", "-w", "30", "connection", "up", "client")
}

// tunnelByManager is the tunnel that NetworkManager has brought up.
func (h hosts) tunnelByManager(t *testing.T) *tunnel {
	t.Helper()
	tun := &tunnel{client: h.c, server: h.s, remote: h.w.b4}
	tun.clientIPv4, tun.clientIPv6 = h.c.device(tunDevice)
	if !innerIPv4.Contains(tun.clientIPv4.prefix.Addr()) || !innerIPv6.Contains(tun.clientIPv6.prefix.Addr()) {
		t.Fatalf("the device has %v and %v", tun.clientIPv4.prefix, tun.clientIPv6.prefix)
	}
	return tun
}
