//go:build interop

package interop

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// minivpn is a client of other authors, in Go. It knows TLS without armour, and
// neither renews keys nor says that it goes. Its status line is its own.
var minivpn = &peer{
	implementation: implementation{"minivpn", func(t testing.TB, config, _ string) []string {
		return []string{unpacked(t, "minivpn"), "-config", config}
	}},
	title: "minivpn",
	version: func(t testing.TB) string {
		return moduleVersion(t, unpacked(t, "minivpn"))
	},
}

func minivpnEncounters() []*encounter {
	return []*encounter{
		{name: "udp", peer: minivpn, role: asClient, shows: []sight{overUDP, innerFour}, run: meetMinivpn("udp")},
		{name: "tcp", peer: minivpn, role: asClient, shows: []sight{overTCP, innerFour}, run: meetMinivpn("tcp")},
	}
}

var minivpnUp = regexp.MustCompile(`initialization-sequence-completed`)

// meetMinivpn connects minivpn by a configuration in its dialect. It makes a device
// and gives it an address; the route is added here, as it would by a program
// that this machine has no more.
func meetMinivpn(proto string) func(*testing.T, *encounter) {
	return func(t *testing.T, e *encounter) {
		h := newHosts(t)
		h.c.defaultVia(h.w.b4, h.w.b6) // it ends where there is none
		c := oldStyle
		c.armour, c.tcp = "none", proto == "tcp"
		h.s.run(ours, h.s.serverConfig(serverParty(t, c))).up()
		p := h.c.run(minivpn.implementation, h.c.minivpnConfig(t, c, h.w.b4))
		p.expect(minivpnUp, 1, patience)
		h.c.eventually("its device has an address", func() bool { v4, _ := h.c.device(tunDevice); return v4.prefix.IsValid() })
		h.c.ip("route", "replace", innerIPv4.String(), "dev", tunDevice)
		v4, _ := h.c.device(tunDevice)
		if !innerIPv4.Contains(v4.prefix.Addr()) {
			t.Fatalf("the device has %v, not of %v", v4.prefix, innerIPv4)
		}
		transfer(t, h.c, h.s, serverIPv4, 1<<20)
		transfer(t, h.s, h.c, v4.prefix.Addr(), 1<<20)
		e.saw(t, transports[proto], innerFour)
	}
}

func (n *netns) minivpnConfig(t *testing.T, c combination, remote netip.Addr) string {
	k := keys(t)
	text := new(conf)
	text.lines("proto "+strings.TrimSuffix(c.proto(), "4"), "remote "+remote.String()+" 1194", "cipher "+c.cipher, "auth SHA256")
	text.block("ca", k.ca.cert)
	text.block("cert", k.client.cert)
	text.block("key", k.client.key)
	return n.file("client.conf", text.String())
}

// moduleVersion is the version of the main module that a Go program was built of.
func moduleVersion(t testing.TB, program string) string {
	t.Helper()
	for line := range strings.Lines(says("go", "version", "-m", program)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "mod" {
			return f[2]
		}
	}
	t.Fatalf("%s does not say what it was built of", program)
	return ""
}
