//go:build interop

package interop

import (
	"net/netip"
	"regexp"
	"testing"
)

// The protocols of two hosts over TCP.
const tcpCaller, tcpListener = "tcp4-client", "tcp4-server"

// TestP2POverTCP joins two hosts by TLS over TCP: each role of TLS calls once,
// the one that called is killed and comes back, and then the other. Two stock
// hosts are left out: they start over in step and keep missing each other.
func TestP2POverTCP(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		if who.isStock() {
			continue
		}
		for _, serverCalls := range []bool{false, true} {
			name := who.name() + "/client-calls"
			if serverCalls {
				name = who.name() + "/server-calls"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				c, s := l.host("c"), l.host("s")
				w := l.join(c, s)
				cid, sid := newSelfSigned("client"), newSelfSigned("server")
				client := p2pHost{index: 0, own: cid, peer: sid, proto: tcpCaller, remote: w.b4}
				server := p2pHost{index: 1, tlsServer: true, own: sid, peer: cid, proto: tcpListener}
				if serverCalls {
					client.proto, server.proto = tcpListener, tcpCaller
					client.remote, server.remote = server.remote, w.a4
				}
				serverProc, clientProc := s.run(who.server, s.p2pConfig(server)), c.run(who.client, c.p2pConfig(client))
				serverProc.up()
				clientProc.up()
				checkP2P(t, c, s)
				clientProc.kill()
				c.run(who.client, c.p2pConfig(client)).up()
				checkP2P(t, c, s)
				serverProc.kill()
				s.run(who.server, s.p2pConfig(server)).up()
				checkP2P(t, c, s)
			})
		}
	}
}

// TestStaticKeyOverTCP: the same with a shared key. Whoever connects without it
// takes nobody's place.
func TestStaticKeyOverTCP(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a, b := l.host("c"), l.host("s")
			w := l.join(a, b)
			lines := []string{"cipher AES-256-CBC", "auth SHA256"}
			listen := b.staticConfig(t, who.server, 1, netip.Addr{}, " 0", append(lines, "proto "+tcpListener, "lport 1194")...)
			call := a.staticConfig(t, who.client, 0, w.b4, " 1", append(lines, "proto "+tcpCaller)...)
			pb := b.run(who.server, listen)
			pa := a.run(who.client, call).up()
			pb.up()
			checkP2P(t, a, b)
			if who.server.name == ours.name {
				a.helper("idle", netip.AddrPortFrom(w.b4, 1194).String(), "20").expect(regexp.MustCompile(`^idle 20`), 1, patience)
				checkP2P(t, a, b)
			}
			if who.isStock() {
				return
			}
			pa.kill()
			a.run(who.client, call).up()
			checkP2P(t, a, b)
		})
	}
}

// TestP2PBringsKey joins two hosts with tls-crypt-v2: the TLS client brings its
// key, wrapped for the server alone.
func TestP2PBringsKey(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for _, tcp := range []bool{false, true} {
			name := who.name() + "/udp"
			if tcp {
				name = who.name() + "/tcp"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				c, s := l.host("c"), l.host("s")
				w := l.join(c, s)
				cid, sid := newSelfSigned("client"), newSelfSigned("server")
				k := keys(t)
				client := p2pHost{index: 0, own: cid, peer: sid, remote: w.b4, extra: []string{"tls-crypt-v2 " + c.file("v2.key", k.v2Client)}}
				server := p2pHost{index: 1, tlsServer: true, own: sid, peer: cid, extra: []string{"tls-crypt-v2 " + s.file("v2.key", k.v2Server)}}
				if tcp {
					client.proto, server.proto = tcpCaller, tcpListener
				}
				serverProc, clientProc := s.run(who.server, s.p2pConfig(server)), c.run(who.client, c.p2pConfig(client))
				serverProc.up()
				clientProc.up()
				checkP2P(t, c, s)
			})
		}
	}
}

// TestP2PThroughProxies joins two hosts of which one reaches the other by a
// well-known proxy alone.
func TestP2PThroughProxies(t *testing.T) {
	t.Parallel()
	for _, way := range proxies {
		if way.name != "http-basic" && way.name != "socks-tcp" && way.name != "socks-udp" {
			continue // TestProxies has the others; the proxy does not know who calls
		}
		for _, who := range []pairing{{ours, stock}, {ours, ours}} {
			for _, tlsServer := range []bool{false, true} {
				name := way.name + "/" + who.name() + "/client-calls"
				if tlsServer {
					name = way.name + "/" + who.name() + "/server-calls"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					p := newProxied(t)
					way.start(p.proxy)
					login := p.client.file("login", proxyUser+"\n"+proxyWord+"\n")
					a, b := newSelfSigned("a"), newSelfSigned("b")
					near := p2pHost{index: 0, tlsServer: tlsServer, own: a, peer: b, remote: p.serverIPv4}
					far := p2pHost{index: 1, tlsServer: !tlsServer, own: b, peer: a}
					for _, l := range way.lines {
						near.extra = append(near.extra, replaceAll(l, "PROXY", p.proxyIPv4.String(), "LOGIN", login))
					}
					if !way.udp {
						near.proto, far.proto = tcpCaller, tcpListener
					}
					farProc := p.server.run(who.server, p.server.p2pConfig(far))
					nearProc := p.client.run(who.client, p.client.p2pConfig(near))
					farProc.up()
					nearProc.up()
					checkP2P(t, p.client, p.server)
				})
			}
		}
	}
}
