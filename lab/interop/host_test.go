//go:build interop

package interop

import (
	"net/netip"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// internet is a client, a router to which its default route leads, a server
// behind it, and a web server that only the VPN server can reach.
type internet struct {
	client, router, server, web *netns
	serverIPv4, serverIPv6      netip.Addr // outer
	webWire                     wire       // a: the server, b: the web server
}

func newInternet(t *testing.T) *internet {
	t.Helper()
	l := newLab(t)
	return l.internet(l.host("c"))
}

// internet is one around a client that is there.
func (l *lab) internet(client *netns) *internet {
	l.t.Helper()
	in := &internet{client: client, router: l.host("r"), server: l.host("s"), web: l.host("w")}
	left, right := l.join(in.client, in.router), l.join(in.router, in.server)
	in.webWire = l.join(in.server, in.web)
	in.serverIPv4, in.serverIPv6 = right.b4, right.b6
	in.client.defaultVia(left.b4, left.b6)
	in.server.defaultVia(right.a4, right.a6)
	in.router.forward()
	for _, at := range in.webAddresses() {
		in.web.helper("serve", netip.AddrPortFrom(at, 80).String()).listenAddress()
	}
	return in
}

func (in *internet) webAddresses() []netip.Addr { return []netip.Addr{in.webWire.b4, in.webWire.b6} }

// fetchFrom has the client fetch from the web server and wants it to have
// seen from as the source.
func (in *internet) fetchFrom(t *testing.T, web, from netip.Addr) {
	t.Helper()
	got, err := in.client.fetch(webURL(web))
	if err != nil {
		t.Errorf("fetching through the tunnel: %v", err)
		return
	}
	if seen, err := netip.ParseAddrPort(got); err != nil || seen.Addr() != from {
		t.Errorf("the web server saw %q, wanted %v", got, from)
	}
}

func webURL(at netip.Addr) string { return "http://" + netip.AddrPortFrom(at, 80).String() }

// unreachable is the control: without a tunnel there is no way to the web.
func (in *internet) unreachable(t *testing.T) {
	t.Helper()
	for _, at := range in.webAddresses() {
		if got, err := in.client.fetch(webURL(at)); err == nil {
			t.Fatalf("the client reaches %v without the tunnel: %q", at, got)
		}
	}
}

const pushedDNS = "10.8.0.1"

// everythingPushed is a client's host turned inside out.
var everythingPushed = []string{
	`push "redirect-gateway def1 ipv6"`,
	`push "route 203.0.113.0 255.255.255.0"`,
	`push "route-ipv6 fd00:cafe::/64"`,
	`push "dhcp-option DNS ` + pushedDNS + `"`,
	`push "dhcp-option DOMAIN inside.example"`,
}

// newRedirected is an internet with a server, stock, that pushes all that.
func newRedirected(t *testing.T) *internet {
	in := newInternet(t)
	in.server.forward()
	in.web.defaultVia(in.webWire.a4, in.webWire.a6)
	in.server.run(stock, in.server.serverConfig(serverParty(t, plain, everythingPushed...))).up()
	in.unreachable(t)
	return in
}

// redirect connects the client and checks that its host now goes through the
// tunnel.
func (in *internet) redirect(t *testing.T, impl implementation) *process {
	t.Helper()
	p := in.client.run(impl, in.client.clientConfig(clientParty(t, plain), in.serverIPv4)).up()
	v4, v6 := in.client.device(tunDevice)
	in.fetchFrom(t, in.webWire.b4, v4.prefix.Addr())
	in.fetchFrom(t, in.webWire.b6, v6.prefix.Addr())
	for _, dst := range []string{"203.0.113.7", "fd00:cafe::7", "8.8.8.8", "2001:db8::8"} {
		if got := in.client.ip("route", "get", dst); !strings.Contains(got, "dev "+tunDevice) {
			t.Errorf("the way to %s is not the tunnel: %s", dst, got)
		}
	}
	if impl.name == ours.name && !strings.Contains(in.client.resolvConf(), pushedDNS) {
		t.Errorf("the pushed name server is not in use: %s", in.client.resolvConf())
	}
	return p
}

// sameState compares the client's host with what it was.
func (in *internet) sameState(t *testing.T, before string) {
	t.Helper()
	if after := in.client.state(); after != before {
		t.Errorf("the host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestCleanExit: a client told to end leaves the host as it was.
func TestCleanExit(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			in := newRedirected(t)
			before := in.client.state()
			if err := in.redirect(t, impl).stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status after SIGTERM: %v", err)
			}
			in.sameState(t, before)
		})
	}
}

// TestKillCleanup: a client killed the hard way leaves its changes behind,
// and `culvert cleanup` takes them back; so does the next start and exit.
func TestKillCleanup(t *testing.T) {
	t.Parallel()
	mends := map[string]func(t *testing.T, in *internet){
		"cleanup": func(t *testing.T, in *internet) {
			in.client.output(culvert(t), "cleanup", "--state-dir", filepath.Join(in.client.dir, "state"))
		},
		"next start": func(t *testing.T, in *internet) {
			if err := in.redirect(t, ours).stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status after SIGTERM: %v", err)
			}
		},
	}
	for name, mend := range mends {
		t.Run(name, func(t *testing.T) {
			in := newRedirected(t)
			before := in.client.state()
			in.redirect(t, ours).kill()
			if in.client.state() == before {
				t.Fatal("nothing is left behind by the kill: the test shows nothing")
			}
			mend(t, in)
			in.sameState(t, before)
		})
	}
}

// TestWebBrowserPath is a user's first minutes: init, serve, client add,
// connect, and a page fetched through it all.
func TestWebBrowserPath(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	in.unreachable(t)
	before := in.server.state()

	dir, profile := filepath.Join(in.server.dir, "vpn"), filepath.Join(in.client.dir, "phone.ovpn")
	in.server.output(culvert(t), "init", "--dir", dir, "--host", in.serverIPv4.String())
	in.server.output(culvert(t), "client", "add", "phone", "--dir", dir, "-o", profile)
	for name, client := range map[string][]string{
		"ours":  {culvert(t), "connect", profile, "--state-dir", filepath.Join(in.client.dir, "state")},
		"stock": {"openvpn", "--config", profile},
	} {
		t.Run(name, func(t *testing.T) {
			server := in.server.start("culvert serve", culvert(t), "serve", "--dir", dir,
				"--state-dir", filepath.Join(in.server.dir, "state")).up()
			p := in.client.start(name+" client", client...).up()
			in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
			for _, end := range []*process{p, server} {
				if err := end.stop(syscall.SIGTERM); err != nil {
					t.Errorf("%s: exit status after SIGTERM: %v", end.name, err)
				}
			}
			if after := in.server.state(); after != before {
				t.Errorf("the server's host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}
