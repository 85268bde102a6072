//go:build interop

package interop

import (
	"crypto/md5"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// proxied is a client whose only way to a server is a proxy between them.
type proxied struct {
	client, proxy, server *netns
	proxyIPv4, serverIPv4 netip.Addr
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	l := newLab(t)
	p := &proxied{client: l.host("c"), proxy: l.host("x"), server: l.host("s")}
	near, far := l.join(p.client, p.proxy), l.join(p.proxy, p.server)
	p.proxyIPv4, p.serverIPv4 = near.b4, far.b4
	return p
}

const proxyUser, proxyWord, proxyRealm = "user", "w:rd%/=", "lab"

// public writes a file that a proxy can read when it is no longer root.
func (n *netns) public(name, text string) string {
	n.t.Helper()
	path := n.file(name, text)
	for _, p := range []string{path, n.dir, filepath.Dir(n.dir)} {
		if err := os.Chmod(p, 0o755); err != nil {
			n.t.Fatal(err)
		}
	}
	return path
}

// squid starts Squid with these lines about who may use it.
func (n *netns) squid(lines ...string) {
	n.t.Helper()
	c := new(conf)
	c.lines("http_port 0.0.0.0:3128", "visible_hostname proxy", "pid_filename none", "access_log none",
		"cache_log /dev/null", "netdb_filename none", "shutdown_lifetime 0 seconds", "cache deny all")
	c.lines(lines...)
	n.start("squid", "squid", "-N", "-f", n.public("squid.conf", c.String()))
}

// demanding starts Squid with one way to log in.
func (n *netns) demanding(lines ...string) {
	n.squid(append(lines, "acl known proxy_auth REQUIRED", "http_access allow known", "http_access deny all")...)
}

// proxies are the ways through; start runs the proxy and lines are the
// client's.
var proxies = []struct {
	name  string
	udp   bool
	start func(n *netns)
	lines []string
}{
	{name: "http-none-tinyproxy",
		start: func(n *netns) {
			n.start("tinyproxy", "tinyproxy", "-d", "-c", n.public("tinyproxy.conf",
				"Port 3128\nListen 0.0.0.0\nTimeout 600\nAllow 0.0.0.0/0\nConnectPort 1194\n"))
		},
		lines: []string{"http-proxy PROXY 3128", "http-proxy-option AGENT Tester/1", "http-proxy-option CUSTOM-HEADER X-Way through"}},
	{name: "http-none-squid", start: func(n *netns) { n.squid("http_access allow all") },
		lines: []string{"http-proxy PROXY 3128", "http-proxy-option VERSION 1.1"}},
	{name: "http-basic", start: func(n *netns) {
		n.demanding("auth_param basic program /usr/lib/squid/basic_ncsa_auth "+
			n.public("users", proxyUser+":"+mustRun(n.t, "openssl", "passwd", "-apr1", proxyWord)), "auth_param basic realm "+proxyRealm)
	}, lines: []string{"http-proxy PROXY 3128 LOGIN basic"}},
	{name: "http-basic-auto", start: func(n *netns) {
		n.demanding("auth_param basic program /usr/lib/squid/basic_ncsa_auth "+
			n.public("users", proxyUser+":"+mustRun(n.t, "openssl", "passwd", "-apr1", proxyWord)), "auth_param basic realm "+proxyRealm)
	}, lines: []string{"http-proxy PROXY 3128 auto", "<http-proxy-user-pass>", proxyUser, proxyWord, "</http-proxy-user-pass>"}},
	{name: "http-digest", start: func(n *netns) {
		ha1 := md5.Sum([]byte(proxyUser + ":" + proxyRealm + ":" + proxyWord))
		n.demanding("auth_param digest program /usr/lib/squid/digest_file_auth -c "+
			n.public("users", proxyUser+":"+proxyRealm+":"+hex.EncodeToString(ha1[:])+"\n"), "auth_param digest realm "+proxyRealm)
	}, lines: []string{"http-proxy PROXY 3128 auto-nct", "<http-proxy-user-pass>", proxyUser, proxyWord, "</http-proxy-user-pass>"}},
	{name: "http-ntlm", start: func(n *netns) {
		n.demanding("auth_param ntlm program /usr/lib/squid/ntlm_fake_auth", "auth_param ntlm keep_alive on")
	}, lines: []string{"http-proxy PROXY 3128 LOGIN ntlm2"}},
	{name: "socks-tcp-password", start: func(n *netns) {
		n.start("microsocks", "microsocks", "-i", "0.0.0.0", "-p", "1080", "-u", proxyUser, "-P", proxyWord)
	}, lines: []string{"socks-proxy PROXY 1080 LOGIN"}},
	{name: "socks-tcp", start: dante, lines: []string{"socks-proxy PROXY"}},
	{name: "socks-udp", udp: true, start: dante, lines: []string{"socks-proxy PROXY 1080"}},
}

// dante starts Dante, which relays datagrams, too.
func dante(n *netns) {
	n.start("danted", "danted", "-f", n.public("danted.conf", `
logoutput: stderr
internal: eth0 port = 1080
external: eth1
socksmethod: none
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 protocol: tcp udp }
`))
}

// TestProxies: our client reaches stock servers and ours through well-known
// proxies, which are the only way; with stock on both ends as the control where
// it can.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, way := range proxies {
		for _, who := range []pairing{{stock, stock}, {ours, stock}, {ours, ours}} {
			if who.client.name == stock.name && way.name != "http-basic" && way.name != "socks-udp" {
				continue // two suffice to show that the lab works
			}
			t.Run(way.name+"/"+who.name(), func(t *testing.T) {
				t.Parallel()
				p := newProxied(t)
				way.start(p.proxy)
				login := p.client.file("login", proxyUser+"\n"+proxyWord+"\n")
				lines := []string{"connect-retry 1 1"}
				for _, l := range way.lines {
					lines = append(lines, replaceAll(l, "PROXY", p.proxyIPv4.String(), "LOGIN", login))
				}
				c := plain
				c.tcp = !way.udp
				tun := dial(who, p.client, p.server, serverParty(t, c), clientParty(t, c, lines...), p.serverIPv4)
				tun.check(t, who, c, 8<<20)
			})
		}
	}
}
