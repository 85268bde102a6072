//go:build interop

package interop

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Addresses inside a tunnel between two hosts: a has those ending in 1.
var (
	p2pIPv4 = [2]netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("10.9.0.2")}
	p2pIPv6 = [2]netip.Addr{netip.MustParseAddr("fd00:9::1"), netip.MustParseAddr("fd00:9::2")}
)

// selfSigned is a certificate that nobody vouches for, and its fingerprint.
type selfSigned struct {
	identity
	fingerprint string
}

func newSelfSigned(name string) selfSigned {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(day), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	sum := sha256.Sum256(der)
	colons := strings.TrimSuffix(strings.ToUpper(fmt.Sprintf("% x", sum)), " ")
	return selfSigned{identity{pemText("CERTIFICATE", der), pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))},
		strings.ReplaceAll(colons, " ", ":")}
}

// host is one end of a tunnel between two hosts as a test wants it.
type p2pHost struct {
	index     int // 0 or 1, of the addresses
	tlsServer bool
	proto     string     // "" for udp4
	remote    netip.Addr // not valid: it waits
	own, peer selfSigned
	extra     []string
}

// p2pConfig writes the configuration of one host and returns its path.
func (n *netns) p2pConfig(h p2pHost) string {
	n.t.Helper()
	c := new(conf)
	other := 1 - h.index
	c.lines("dev "+tunDevice, "dev-type tun", "proto "+cmp.Or(h.proto, "udp4"), "verb 4", "auth SHA256", "keepalive 1 4",
		"connect-retry 1 1", fmt.Sprintf("ifconfig %v %v", p2pIPv4[h.index], p2pIPv4[other]),
		fmt.Sprintf("ifconfig-ipv6 %v/64 %v", p2pIPv6[h.index], p2pIPv6[other]))
	if h.proto != tcpCaller {
		c.lines("lport 1194")
	}
	if h.tlsServer {
		c.lines("tls-server", "dh none")
	} else {
		c.lines("tls-client")
	}
	if h.remote.IsValid() {
		c.lines(fmt.Sprintf("remote %v 1194", h.remote))
	}
	c.block("cert", h.own.cert)
	c.block("key", h.own.key)
	c.block("peer-fingerprint", "# the other host\n"+h.peer.fingerprint+"\n")
	c.lines(h.extra...)
	return n.file("p2p.conf", c.String())
}

// TestP2P joins two hosts by TLS without server mode: each role of TLS waits
// once, calls once, and both call at once.
func TestP2P(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for _, begins := range []string{"client", "server", "both"} {
			t.Run(who.name()+"/"+begins+"-calls", func(t *testing.T) {
				t.Parallel()
				p2p(t, who, begins, false)
			})
		}
		t.Run(who.name()+"/tap", func(t *testing.T) {
			t.Parallel()
			p2p(t, who, "client", true)
		})
	}
}

// tapLines make a host's adapter an Ethernet one.
func tapLines(index int) []string {
	return []string{"dev-type tap", fmt.Sprintf("ifconfig %v 255.255.255.0", p2pIPv4[index])}
}

func p2p(t *testing.T, who pairing, begins string, tap bool) {
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	cid, sid := newSelfSigned("client"), newSelfSigned("server")
	client := p2pHost{index: 0, own: cid, peer: sid}
	server := p2pHost{index: 1, tlsServer: true, own: sid, peer: cid}
	if tap {
		client.extra, server.extra = tapLines(0), tapLines(1)
	}
	if begins != "server" {
		client.remote = w.b4
	}
	if begins != "client" {
		server.remote = w.a4
	}
	serverProc := s.run(who.server, s.p2pConfig(server))
	clientProc := c.run(who.client, c.p2pConfig(client))
	serverProc.up()
	clientProc.up()
	checkP2P(t, c, s)
	for _, p := range []*process{serverProc, clientProc} {
		if !strings.Contains(p.log(), "AES-256-GCM") {
			t.Errorf("%s does not name the cipher", p.name)
		}
	}
	if begins != "both" {
		return
	}
	// The client is killed and comes back: the server takes it at once.
	clientProc.kill()
	clientProc = c.run(who.client, c.p2pConfig(client)).up()
	checkP2P(t, c, s)
	if err := clientProc.stop(syscall.SIGTERM); err != nil {
		t.Errorf("%s: %v", clientProc.name, err)
	}
}

// checkP2P proves that two hosts reach each other inside, with bulk.
func checkP2P(t *testing.T, a, b *netns) {
	t.Helper()
	a.ping(p2pIPv4[1])
	a.ping(p2pIPv6[1])
	b.ping(p2pIPv4[0])
	b.ping(p2pIPv6[0])
	transfer(t, a, b, p2pIPv4[1], 5<<20)
	transfer(t, b, a, p2pIPv6[0], 5<<20)
}

// TestStaticKey joins two hosts by a shared key, with and without directions,
// with only one of them knowing where the other is, and by Ethernet.
func TestStaticKey(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for i, way := range []string{"both-call", "one-waits"} {
			t.Run(who.name()+"/"+way, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				a, b := l.host("c"), l.host("s")
				w := l.join(a, b)
				lines := []string{"cipher AES-256-CBC", "auth SHA256", "proto udp4", "lport 1194"}
				directions := []string{" 1", " 0"}
				if i == 1 {
					lines, directions = append(lines, "cipher AES-128-CBC", "auth SHA1"), []string{"", ""}
				}
				bRemote := w.a4
				if way == "one-waits" {
					bRemote = netip.Addr{}
				}
				pb := b.run(who.server, b.staticConfig(t, who.server, 1, bRemote, directions[1], lines...))
				pa := a.run(who.client, a.staticConfig(t, who.client, 0, w.b4, directions[0], lines...))
				pa.up()
				pb.up()
				checkP2P(t, a, b)
				pa.kill()
				a.run(who.client, a.staticConfig(t, who.client, 0, w.b4, directions[0], lines...)).up()
				checkP2P(t, a, b)
			})
		}
		t.Run(who.name()+"/tap", func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a, b := l.host("c"), l.host("s")
			w := l.join(a, b)
			lines := []string{"cipher AES-256-CBC", "auth SHA256"}
			pb := b.run(who.server, b.staticConfig(t, who.server, 1, netip.Addr{}, "", append(lines, tapLines(1)...)...))
			a.run(who.client, a.staticConfig(t, who.client, 0, w.b4, "", append(lines, tapLines(0)...)...)).up()
			pb.up()
			checkP2P(t, a, b)
		})
	}
}

// staticConfig writes the configuration of one host with a static key.
func (n *netns) staticConfig(t *testing.T, who implementation, index int, remote netip.Addr, direction string, extra ...string) string {
	t.Helper()
	c := new(conf)
	c.lines("dev "+tunDevice, "dev-type tun", "verb 4", "keepalive 1 4", "connect-retry 1 1",
		fmt.Sprintf("ifconfig %v %v", p2pIPv4[index], p2pIPv4[1-index]),
		fmt.Sprintf("ifconfig-ipv6 %v/64 %v", p2pIPv6[index], p2pIPv6[1-index]),
		"secret "+n.file("static.key", keys(t).staticKey)+direction)
	if remote.IsValid() {
		c.lines(fmt.Sprintf("remote %v 1194", remote))
	}
	if who.name == ours.name {
		c.lines("allow-deprecated-insecure-static-crypto")
	}
	c.lines(extra...)
	return n.file("static.conf", c.String())
}

// TestPeerFingerprint serves clients that are known one by one, without an
// authority; a stranger is refused, and the others do not notice.
func TestPeerFingerprint(t *testing.T) {
	t.Parallel()
	for _, who := range []pairing{{stock, ours}, {ours, stock}, {ours, ours}} {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			cid, sid, stranger := newSelfSigned("client"), newSelfSigned("server"), newSelfSigned("stranger")
			server := new(conf)
			server.lines("dev "+tunDevice, "dev-type tun", "proto udp4", "verb 4", "port 1194", "dh none", "topology subnet",
				"server "+innerIPv4.Addr().String()+" 255.255.255.0", "keepalive 10 60", "duplicate-cn")
			server.block("cert", sid.cert)
			server.block("key", sid.key)
			server.block("peer-fingerprint", "# the client\n"+cid.fingerprint+"\n")
			s.run(who.server, s.file("server.conf", server.String())).up()
			client := func(name string, own selfSigned) *process {
				k := new(conf)
				k.lines("client", "dev "+name, "dev-type tun", "proto udp4", "verb 4", "nobind", fmt.Sprintf("remote %v 1194", w.b4),
					"hand-window 5", "peer-fingerprint "+sid.fingerprint)
				k.block("cert", own.cert)
				k.block("key", own.key)
				return c.run(who.client, c.file(name+".conf", k.String()))
			}
			client(tunDevice, cid).up()
			c.ping(serverIPv4)
			refused := client("tun9", stranger)
			refused.expect(regexp.MustCompile(`(?i)handshake failed|did not finish|TLS key negotiation failed|TLS Error`), 1, patience)
			if refused.count(initialized) > 0 {
				t.Error("a stranger came in")
			}
			c.ping(serverIPv4)
		})
	}
}

// TestPair goes from nothing to a ping by one line from each host; then the
// files run under stock OpenVPN on either side.
func TestPair(t *testing.T) {
	t.Parallel()
	for _, who := range []pairing{{ours, ours}, {stock, ours}, {ours, stock}} {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a, b := l.host("s"), l.host("c")
			w := l.join(a, b)
			aConf, bConf := filepath.Join(a.dir, "to-b.conf"), filepath.Join(b.dir, "to-a.conf")
			line := regexp.MustCompile(`cvp1[a-z2-7]+`)
			inviter := a.start("inviter", culvert(t), "pair", "--listen", w.a4.String()+":4000", "-o", aConf)
			inviter.expect(line, 1, patience)
			answer := b.output(culvert(t), "pair", line.FindString(inviter.log()), "-o", bConf)
			fmt.Fprintln(inviter.stdin, line.FindString(answer))
			if err := inviter.wait(patience); err != nil {
				t.Fatalf("the inviting host: %v", err)
			}
			check := regexp.MustCompile(`(?m)^  ([A-Z2-7]{4}-?){6}$`)
			if got, want := check.FindString(inviter.log()), check.FindString(answer); got == "" || got != want {
				t.Errorf("check codes are %q and %q", got, want)
			}
			inner := regexp.MustCompile(`tunnel: (\S+) and (\S+) here, (\S+) and (\S+) there`).FindStringSubmatch(answer)
			if inner == nil {
				t.Fatalf("no addresses in:\n%s", answer)
			}
			pa, pb := a.run(who.server, aConf), b.run(who.client, bConf)
			pa.up()
			pb.up()
			b.ping(netip.MustParseAddr(inner[3]))
			b.ping(netip.MustParseAddr(inner[4]))
			a.ping(netip.MustParseAddr(inner[1]))
			a.ping(netip.MustParseAddr(inner[2]))
		})
	}
}
