//go:build interop

package interop

import (
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
)

// served is a server of `culvert init` on a host, and its clients' profiles.
type served struct {
	on  *netns
	dir string
}

// newServed starts one that is reached at an address and port.
func newServed(on *netns, name, at, network, network6 string, lines ...string) *served {
	on.t.Helper()
	s := &served{on, filepath.Join(on.dir, name)}
	on.output(culvert(on.t), "init", "--dir", s.dir, "--host", at, "--network", network, "--network6", network6)
	conf := filepath.Join(s.dir, "server.conf")
	for _, line := range lines {
		on.output("sh", "-c", `echo "$1" >>"$0"`, conf, line)
	}
	on.start(name, culvert(on.t), "serve", "--dir", s.dir, "--state-dir", filepath.Join(on.dir, "state")).up()
	return s
}

// connect joins a host, and gives its addresses inside.
func (s *served) connect(n *netns) (v4, v6 netip.Addr) {
	n.t.Helper()
	profile := filepath.Join(n.dir, "client.ovpn")
	s.on.output(culvert(n.t), "client", "add", filepath.Base(n.name), "--dir", s.dir, "-o", profile)
	n.start("client", culvert(n.t), "connect", profile, "--state-dir", filepath.Join(n.dir, "state")).up()
	a4, a6 := n.device("tun0")
	return a4.prefix.Addr(), a6.prefix.Addr()
}

// TestClientsApart: clients of a server that makes its host a router reach each
// other with client-to-client alone, and those of another server of that host
// never.
func TestClientsApart(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, a, b, c, d := l.host("s"), l.host("a"), l.host("b"), l.host("c"), l.host("d")
	at := l.join(s, a).a4.String()
	for _, n := range []*netns{b, c, d} {
		w := l.join(s, n)
		n.ip("route", "add", at+"/32", "via", w.a4.String())
	}
	apart := newServed(s, "apart", at, "10.8.0.0/24", "fd00:8::/64")
	together := newServed(s, "together", at+":1195", "10.9.0.0/24", "fd00:9::/64", "client-to-client")
	a4, a6 := apart.connect(a)
	b4, b6 := apart.connect(b)
	c4, c6 := together.connect(c)
	d4, d6 := together.connect(d)
	for _, from := range []*netns{a, b} {
		from.ping(serverIPv4)
		from.ping(serverIPv6)
	}
	for _, to := range []netip.Addr{d4, d6} {
		c.ping(to)
	}
	var tries sync.WaitGroup
	for from, others := range map[*netns][]netip.Addr{a: {b4, b6, c4, c6}, c: {a4, a6}} {
		for _, to := range others {
			tries.Go(func() {
				if out, err := from.tryPing(to); err == nil {
					t.Errorf("%s reaches %v: %s", from.name, to, out)
				}
			})
		}
	}
	tries.Wait()
}
