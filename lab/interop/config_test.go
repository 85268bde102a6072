//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The choices of the matrix.
var (
	armours    = []string{"none", "tls-auth", "tls-crypt", "tls-crypt-v2"}
	ciphers    = []string{"AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"}
	topologies = []string{"subnet", "net30", "p2p"}
)

// combination is one cell of the matrix.
type combination struct {
	armour, cipher, topology string
	outerIPv6                bool
	tcp                      bool
}

// plain is the combination for tests about something else.
var plain = combination{armour: "tls-crypt-v2", cipher: "AES-256-GCM", topology: "subnet"}

// combinations is the whole matrix. The outer family turns with the index, so
// that each armour, cipher and topology sees both.
func combinations() (all []combination) {
	for _, a := range armours {
		for _, c := range ciphers {
			for _, topology := range topologies {
				all = append(all, combination{a, c, topology, len(all)%2 == 1, false})
			}
		}
	}
	return all
}

// diagonal is a part of the matrix in which every choice occurs.
func diagonal() (some []combination) {
	for i, a := range armours {
		some = append(some, combination{a, ciphers[i%3], topologies[i%3], i%2 == 0, false})
	}
	return some
}

// onDiagonal reports whether c is one of the diagonal, whatever its outer family.
func (c combination) onDiagonal() bool {
	return slices.ContainsFunc(diagonal(), func(d combination) bool { return d.name() == c.name() })
}

func (c combination) name() string { return c.armour + "/" + c.cipher + "/" + c.topology }

func (c combination) proto() string {
	proto := "udp"
	if c.tcp {
		proto = "tcp"
	}
	if c.outerIPv6 {
		return proto + "6"
	}
	return proto + "4"
}

// protoOf is proto as that role writes it.
func (c combination) protoOf(role string) string {
	if c.tcp {
		return c.proto() + "-" + role
	}
	return c.proto()
}

// Addresses inside the tunnel.
var (
	innerIPv4  = netip.MustParsePrefix("10.8.0.0/24")
	innerIPv6  = netip.MustParsePrefix("fd00:8::/64")
	serverIPv4 = netip.MustParseAddr("10.8.0.1")
	serverIPv6 = netip.MustParseAddr("fd00:8::1")
)

const tunDevice = "tun0"

// conf is a configuration being written: lines and inline blocks.
type conf struct{ strings.Builder }

func (c *conf) lines(lines ...string) {
	for _, l := range lines {
		c.WriteString(l + "\n")
	}
}

func (c *conf) block(name, text string) {
	fmt.Fprintf(c, "<%s>\n%s</%s>\n", name, text, name)
}

// file writes the text beside the configuration of n and gives its name.
func (n *netns) file(name, text string) string {
	n.t.Helper()
	path := filepath.Join(n.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// party is what one side of a tunnel believes; the other side may differ.
type party struct {
	combination
	ca       string
	identity identity
	static   string // key of tls-auth and tls-crypt
	v2       string // key of tls-crypt-v2
	ciphers  string // data-ciphers; "" leaves the default
	extra    []string
}

// serverParty offers only the combination's cipher.
func serverParty(t testing.TB, c combination, extra ...string) party {
	k := keys(t)
	return party{c, k.ca.cert, k.server, k.staticKey, k.v2Server, c.cipher, extra}
}

// clientParty leaves its ciphers at the default: the server's choice rules.
func clientParty(t testing.TB, c combination, extra ...string) party {
	k := keys(t)
	return party{c, k.ca.cert, k.client, k.staticKey, k.v2Client, "", extra}
}

// common is what both roles write alike.
func (p party) common() *conf {
	c := new(conf)
	c.lines("dev "+tunDevice, "dev-type tun", "verb 4", "auth SHA256")
	if p.ciphers != "" {
		c.lines("data-ciphers " + p.ciphers)
	}
	return c
}

// serverConfig writes a server's configuration, its keys in files beside it,
// and returns its path.
func (n *netns) serverConfig(p party) string {
	n.t.Helper()
	c := p.common()
	c.lines("proto " + p.protoOf("server"))
	c.lines("port 1194", "dh none", "keepalive 10 60", "topology "+p.topology,
		"server "+innerIPv4.Addr().String()+" 255.255.255.0", "server-ipv6 "+innerIPv6.String(),
		"ca "+n.file("ca.crt", p.ca), "cert "+n.file("server.crt", p.identity.cert), "key "+n.file("server.key", p.identity.key))
	switch p.armour {
	case "tls-auth":
		c.lines("tls-auth " + n.file("ta.key", p.static) + " 0")
	case "tls-crypt":
		c.lines("tls-crypt " + n.file("tc.key", p.static))
	case "tls-crypt-v2":
		c.lines("tls-crypt-v2 " + n.file("v2.key", p.v2))
	}
	c.lines(p.extra...)
	return n.file("server.conf", c.String())
}

// clientConfig writes a client's configuration with everything inline, and
// returns its path.
func (n *netns) clientConfig(p party, remote netip.Addr) string {
	n.t.Helper()
	c := p.common()
	c.lines("proto " + p.protoOf("client"))
	c.lines("client", "remote "+remote.String()+" 1194", "remote-cert-tls server")
	c.block("ca", p.ca)
	if p.identity.cert != "" {
		c.block("cert", p.identity.cert)
		c.block("key", p.identity.key)
	}
	switch p.armour {
	case "tls-auth":
		c.lines("key-direction 1")
		c.block("tls-auth", p.static)
	case "tls-crypt":
		c.block("tls-crypt", p.static)
	case "tls-crypt-v2":
		c.block("tls-crypt-v2", p.v2)
	}
	if !contains(p.extra, "lport ") {
		c.lines("nobind")
	}
	c.lines(p.extra...)
	return n.file("client.conf", c.String())
}

func contains(lines []string, prefix string) bool {
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			return true
		}
	}
	return false
}

// run starts an implementation on a configuration.
func (n *netns) run(impl implementation, config string) *process {
	n.t.Helper()
	role := strings.TrimSuffix(filepath.Base(config), ".conf")
	return n.start(impl.name+" "+role, impl.command(n.t, config, filepath.Join(n.dir, "state"))...)
}
