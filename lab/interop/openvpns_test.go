//go:build interop

package interop

import (
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The versions of OpenVPN beside Debian 12's, with data channels in user space.
var (
	openvpn25 = openvpn("openvpn-2.5", "OpenVPN 2.5", func(t testing.TB) []string { return []string{unpacked(t, "openvpn-2.5")} })
	openvpn26 = openvpn("openvpn-2.6", "OpenVPN 2.6", func(testing.TB) []string { return []string{"openvpn"} })
	openvpn27 = openvpn("openvpn-2.7", "OpenVPN 2.7", func(t testing.TB) []string {
		return []string{unpacked(t, "openvpn-2.7"), "--disable-dco"}
	})
)

func openvpn(name, title string, program func(testing.TB) []string) *peer {
	return &peer{
		implementation: implementation{name, func(t testing.TB, config, _ string) []string {
			return append(program(t), "--config", config)
		}},
		title: title,
		version: func(t testing.TB) string {
			return strings.Fields(says(program(t)[0], "--version"))[1]
		},
	}
}

func openvpnEncounters() (all []*encounter) {
	for _, p := range []*peer{openvpn25, openvpn26, openvpn27} {
		for _, r := range []role{asClient, asServer} {
			all = append(all,
				&encounter{name: "init", peer: p, role: r, run: meetByInit,
					shows: []sight{initFiles, overUDP, innerFour, innerSix, peerLeaves, weLeave, restarted}},
				&encounter{name: "udp", peer: p, role: r, run: meetByUDP, shows: []sight{overUDP, innerFour, innerSix, peerRekeys}},
				&encounter{name: "tcp", peer: p, role: r, run: meetByTCP, shows: []sight{overTCP, innerFour, innerSix, weRekey, restarted}})
		}
	}
	for _, r := range []role{asClient, asServer} {
		all = append(all, &encounter{name: "epoch", peer: openvpn27, role: r, run: meetByEpochKeys, shows: []sight{epochFormat}})
	}
	return append(all,
		&encounter{name: "update", peer: openvpn27, role: asClient, run: updateToPeer, shows: []sight{pushUpdated}},
		&encounter{name: "update", peer: openvpn27, role: asServer, run: updateFromPeer, shows: []sight{pushUpdated}})
}

// Lines of both programs about an end of the other side that was announced.
var (
	clientJoined = regexp.MustCompile(`client connected`)
	clientLeft   = regexp.MustCompile(`client left|remote-exit|exit message received`)
	serverLeft   = regexp.MustCompile(`asks to reconnect \(RESTART\)|server-pushed-connection-reset|Connection reset command was pushed`)
)

// meetByInit has both sides run what `culvert init` and `culvert client add`
// made, as they are. The server goes and comes back, and then the client goes.
func meetByInit(t *testing.T, e *encounter) {
	h := newHosts(t)
	h.c.defaultVia(h.w.b4, h.w.b6)
	dir, profile := h.initialize(t)
	serve := func() *process { return h.s.run(e.pairing().server, filepath.Join(dir, "server.conf")).up() }

	serverProc := serve()
	clientProc := h.c.run(e.pairing().client, profile).up()
	tun := &tunnel{client: h.c, server: h.s, clientProc: clientProc, serverProc: serverProc, remote: h.w.b4}
	tun.clientIPv4, tun.clientIPv6 = h.c.device(tunDevice)
	tun.exchange(t)
	e.saw(t, initFiles, overUDP, innerFour, innerSix)

	serverProc.stop(syscall.SIGTERM)
	clientProc.expect(serverLeft, 1, patience)
	serverProc = serve()
	clientProc.expect(initialized, 2, patience)
	h.c.ping(serverIPv4)
	e.saw(t, restarted)

	if err := clientProc.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status of the client: %v", err)
	}
	serverProc.expect(clientLeft, 1, patience)
	e.saw(t, peerLeaves, weLeave)
}

// initialize makes a server's directory and a client's profile.
func (h hosts) initialize(t *testing.T) (dir, profile string) {
	t.Helper()
	dir, profile = filepath.Join(h.s.dir, "vpn"), filepath.Join(h.c.dir, "client.conf")
	h.s.output(culvert(t), "init", "--dir", dir, "--host", h.w.b4.String(), "--network6", innerIPv6.String())
	h.s.output(culvert(t), "client", "add", "phone", "--dir", dir, "-o", profile)
	return dir, profile
}

// exchange moves bytes both ways in both families.
func (tun *tunnel) exchange(t *testing.T) {
	t.Helper()
	transfer(t, tun.client, tun.server, serverIPv4, 1<<20)
	transfer(t, tun.server, tun.client, tun.clientIPv4.prefix.Addr(), 1<<20)
	transfer(t, tun.client, tun.server, serverIPv6, 1<<20)
	transfer(t, tun.server, tun.client, tun.clientIPv6.prefix.Addr(), 1<<20)
}

// oldStyle is a configuration as it was written for OpenVPN 2.x before
// tls-crypt-v2.
var oldStyle = combination{armour: "tls-auth", cipher: "AES-256-GCM", topology: "subnet"}

// begins has one side begin the renegotiations, every three seconds.
func begins(server, client *party, by role) {
	if by == asServer {
		server.extra, client.extra = append(server.extra, "reneg-sec 3 3"), append(client.extra, "reneg-sec 0")
	} else {
		server.extra, client.extra = append(server.extra, "reneg-sec 0"), append(client.extra, "reneg-sec 3")
	}
}

// other is the other role.
func (r role) other() role {
	if r == asClient {
		return asServer
	}
	return asClient
}

// meetByUDP moves bytes while the peer renews keys.
func meetByUDP(t *testing.T, e *encounter) {
	server, client := serverParty(t, oldStyle), clientParty(t, oldStyle)
	begins(&server, &client, e.role)
	tun := connect(t, e.pairing(), server, client)
	tun.exchange(t)
	e.saw(t, overUDP, innerFour, innerSix)
	tun.rekeys(t)
	e.saw(t, peerRekeys)
}

// rekeys sees two renegotiations through, while bytes move both ways.
func (tun *tunnel) rekeys(t *testing.T) {
	t.Helper()
	before := []int{tun.clientProc.count(handshake), tun.serverProc.count(handshake)}
	flows := tun.pace()
	for i, p := range []*process{tun.clientProc, tun.serverProc} {
		p.expect(handshake, before[i]+2, patience)
	}
	flows.finish(t)
	tun.missNoKeys(t)
}

// meetByTCP moves bytes while this program renews keys. Then the server goes
// and comes back.
func meetByTCP(t *testing.T, e *encounter) {
	c := oldStyle
	c.tcp, c.armour = true, "tls-crypt"
	server, client := serverParty(t, c), clientParty(t, c, "connect-retry 1")
	begins(&server, &client, e.role.other())
	tun := connect(t, e.pairing(), server, client)
	tun.exchange(t)
	e.saw(t, overTCP, innerFour, innerSix)
	tun.rekeys(t)
	e.saw(t, weRekey)

	tun.serverProc.stop(syscall.SIGTERM)
	tun.server.run(e.pairing().server, filepath.Join(tun.server.dir, "server.conf")).up()
	tun.clientProc.expect(initialized, 2, patience)
	tun.client.ping(serverIPv4)
	e.saw(t, restarted)
}

// meetByEpochKeys has both sides choose the data format with keys that renew
// themselves, which this program says in its log.
func meetByEpochKeys(t *testing.T, e *encounter) {
	tun := connect(t, e.pairing(), serverParty(t, plain), clientParty(t, plain))
	our := tun.clientProc
	if e.role == asClient {
		our = tun.serverProc
	}
	our.expect(regexp.MustCompile(`Data Channel.*epoch keys`), 1, patience)
	tun.exchange(t)
	e.saw(t, epochFormat)
}
