//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// formats are three pairings: stock with ours both ways, and ours alone.
var formatPairings = []pairing{{stock, ours}, {ours, stock}, {ours, ours}}

// TestCBC runs each CBC cipher with each digest once.
func TestCBC(t *testing.T) {
	t.Parallel()
	for _, cipher := range []string{"AES-256-CBC", "AES-192-CBC", "AES-128-CBC"} {
		for _, digest := range []string{"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"} {
			for _, who := range formatPairings[:2] {
				t.Run(cipher+"/"+digest+"/"+who.name(), func(t *testing.T) {
					t.Parallel()
					c := plain
					c.cipher = cipher
					client := clientParty(t, c, "auth "+digest)
					client.ciphers = cipher
					tun := connect(t, who, serverParty(t, c, "auth "+digest), client)
					tun.carries(t, cipher)
				})
			}
		}
	}
}

// carries proves that packets of all sizes pass both ways, and that both sides
// say what their data channel is.
func (tun *tunnel) carries(t *testing.T, cipher string) {
	t.Helper()
	for _, p := range []*process{tun.clientProc, tun.serverProc} {
		p.expect(regexp.MustCompile(`(?i)data channel.*`+cipher), 1, patience)
	}
	for _, size := range []int{0, 56, 800, 1400} {
		tun.client.pingSize(serverIPv4, size)
		tun.server.pingSize(tun.clientIPv4.prefix.Addr(), size)
	}
	transfer(t, tun.client, tun.server, serverIPv4, 1<<20)
	transfer(t, tun.server, tun.client, tun.clientIPv4.prefix.Addr(), 1<<20)
}

func (n *netns) pingSize(to fmt.Stringer, size int) {
	n.t.Helper()
	n.output("ping", "-n", "-c", "1", "-w", "5", "-s", fmt.Sprint(size), "-p", "41", to.String())
}

func TestInsecureNone(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings[:2] {
		for _, auth := range []string{"SHA1", "none"} {
			t.Run(auth+"/"+who.name(), func(t *testing.T) {
				t.Parallel()
				c := plain
				c.cipher = "none"
				server, client := serverParty(t, c), clientParty(t, c)
				for p, impl := range map[*party]implementation{&server: who.server, &client: who.client} {
					p.ciphers = ""
					if impl.name == ours.name {
						p.extra = append(p.extra, "allow-insecure-none")
					}
					p.extra = append(p.extra, "data-ciphers none", "auth "+auth)
				}
				connect(t, who, server, client).carries(t, "(none|null)")
			})
		}
	}
}

// TestEpochKeys: where both sides can, data keys renew themselves.
func TestEpochKeys(t *testing.T) {
	t.Parallel()
	for _, cipher := range ciphers {
		t.Run(cipher, func(t *testing.T) {
			t.Parallel()
			c := plain
			c.cipher = cipher
			tun := connect(t, pairing{ours, ours}, serverParty(t, c), clientParty(t, c))
			tun.carries(t, cipher+", epoch keys")
		})
	}
}

// framings are lines of a client and what of them the server's push makes; the
// server has none, or `compress migrate`.
var framings = []string{"comp-lzo no", "comp-lzo yes", "comp-lzo adaptive", "compress", "compress stub", "compress stub-v2",
	"compress lzo", "compress lz4", "compress lz4-v2"}

// TestCompressionOfClient: whatever framing a client has, our server, without
// a line of its own, goes along; and so does our client with a migrating server.
func TestCompressionOfClient(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings {
		for _, framing := range framings {
			t.Run(who.name()+"/"+strings.ReplaceAll(framing, " ", "-"), func(t *testing.T) {
				t.Parallel()
				server, client := serverParty(t, plain), clientParty(t, plain, framing)
				if who.server.name == stock.name {
					server.extra = append(server.extra, "compress migrate")
				}
				if who.client.name == stock.name && framing != "comp-lzo no" {
					client.extra = append(client.extra, "allow-compression yes")
				}
				connect(t, who, server, client).carries(t, "AES-256-GCM")
			})
		}
	}
}

// TestCompressionOfServer: the same lines on both sides and no migration, with
// stock compressing what it can.
func TestCompressionOfServer(t *testing.T) {
	t.Parallel()
	for _, framing := range framings {
		t.Run(strings.ReplaceAll(framing, " ", "-"), func(t *testing.T) {
			t.Parallel()
			server, client := serverParty(t, plain, framing), clientParty(t, plain, framing)
			if framing != "comp-lzo no" {
				server.extra = append(server.extra, "allow-compression yes")
			}
			tun := connect(t, pairing{ours, stock}, server, client)
			tun.carries(t, "AES-256-GCM")
			if compresses[framing] {
				// Adaptive stops for a minute after two seconds of what does not become smaller.
				tun.client.loseLarger(700)
				tun.client.output("ping", "-n", "-c", "1", "-w", "75", "-s", "1400", "-p", "41", serverIPv4.String())
			}
		})
	}
}

// compresses are the framings with which stock OpenVPN 2.6 compresses packets.
var compresses = map[string]bool{"comp-lzo yes": true, "comp-lzo adaptive": true,
	"compress lzo": true, "compress lz4": true, "compress lz4-v2": true}

// loseLarger has the host lose data packets that arrive with more payload. What
// it sends itself is cut into single datagrams before it leaves, as by a network
// card, so that the other host's filter does not see a run of them as one.
func (n *netns) loseLarger(payload int) {
	n.t.Helper()
	const udpHeader, opcodeV2 = 8, "0x48"
	n.nft(fmt.Sprintf("table inet lose { chain in { type filter hook input priority 0; iifname \"eth*\" udp length > %d @th,64,8 & 0xf8 == %s drop; }; }",
		payload+udpHeader, opcodeV2))
	for line := range strings.Lines(n.output("ip", "-o", "link", "show", "type", "veth")) {
		dev, _, _ := strings.Cut(strings.Fields(line)[1], "@")
		n.ip("link", "set", "dev", strings.TrimSuffix(dev, ":"), "gso_max_segs", "1")
	}
}

// TestFragment: no datagram may be larger than `fragment` says, and packets of
// any size pass. The path loses what is larger.
func TestFragment(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings {
		for _, c := range []struct{ line, cipher, extra string }{
			{"fragment 600", "AES-256-GCM", "mssfix"},
			{"fragment 628 mtu", "AES-256-GCM", "mssfix 0"},
			{"fragment 600", "AES-256-CBC", "mssfix 600"},
			{"fragment 600", "AES-128-GCM", "compress stub"},
		} {
			t.Run(who.name()+"/"+strings.ReplaceAll(c.line+" "+c.cipher+" "+c.extra, " ", "-"), func(t *testing.T) {
				t.Parallel()
				fragment(t, who, c.cipher, c.line, c.extra)
			})
		}
	}
}

func fragment(t *testing.T, who pairing, cipher string, extra ...string) {
	c := plain
	c.cipher = cipher
	server, client := serverParty(t, c, extra...), clientParty(t, c, extra...)
	client.ciphers = cipher
	tun := connect(t, who, server, client)
	for _, n := range []*netns{tun.client, tun.server} {
		n.loseLarger(600)
	}
	tun.carries(t, cipher)
	tun.client.pingSize(serverIPv4, 1472)
	tun.client.pingSize(serverIPv6, 1452)
	tun.server.pingSize(tun.clientIPv4.prefix.Addr(), 1472)
}
