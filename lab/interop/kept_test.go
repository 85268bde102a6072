//go:build interop

package interop

import (
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var putBack = regexp.MustCompile(`put back what this host had lost`)

// ledAgain is a new route to the server past the tunnel, whether it was missing or the way
// there is another one now.
var ledAgain = regexp.MustCompile(`add route [^ ]+ via [^ ]+ dev (eth0|wan0)`)

// backAgain is how long what was lost may stay so. It is far more than it takes, for
// machines that are busy.
const backAgain = 10 * time.Second

// uplink is the client's way out: its device, its addresses, and the router's
// at the other end of the wire.
type uplink struct {
	dev            string
	v4, v6, r4, r6 netip.Addr
}

// use brings the client's only uplink from what it is to another.
func (in *internet) use(was, is uplink) {
	c := in.client
	c.ip("link", "set", was.dev, "down")
	c.ip("addr", "flush", "dev", was.dev)
	if is.dev != was.dev {
		c.ip("link", "set", was.dev, "name", is.dev)
	}
	c.up(is.dev, is.v4, is.v6)
	c.defaultVia(is.r4, is.r6)
}

// reaches waits until the client's tunnel carries again, and returns how long
// that took.
func (in *internet) reaches(t *testing.T, at netip.Addr) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < backAgain {
		argv := in.client.exec([]string{"ping", "-n", "-q", "-c", "1", "-W", "0.2", at.String()})
		if exec.Command(argv[0], argv[1:]...).Run() == nil {
			return time.Since(began)
		}
	}
	t.Errorf("the tunnel does not carry %v after the uplink came back; routes:\n%s", backAgain, in.client.ip("route"))
	return backAgain
}

// restingState is the host's state when the kernel has added all that goes with a
// device that came up, some of which it does a little later.
func (n *netns) restingState() string {
	n.t.Helper()
	before, now := "", n.state()
	for began := time.Now(); now != before && time.Since(began) < backAgain; {
		time.Sleep(100 * time.Millisecond)
		before, now = now, n.state()
	}
	return now
}

// whoMade is what a route does not keep that somebody else makes again.
var whoMade = regexp.MustCompile(` proto (kernel|static)| src [0-9.]+`)

// becomes waits until the host's state is as wanted, whoever made it so.
func (n *netns) becomes(want string) {
	n.t.Helper()
	var got string
	want = whoMade.ReplaceAllString(want, "")
	for began := time.Now(); time.Since(began) < backAgain; time.Sleep(50 * time.Millisecond) {
		if got = whoMade.ReplaceAllString(n.state(), ""); got == want {
			return
		}
	}
	n.t.Errorf("the host did not become as it was.\nbefore:\n%s\nnow:\n%s", want, got)
}

// TestUplinkChanges: with everything led through the tunnel, the uplink goes
// and comes back, gets another name and another address, and each time the
// tunnel soon carries on; at the end the host is as it was.
func TestUplinkChanges(t *testing.T) {
	t.Parallel()
	overIPv6 := combination{armour: "tls-auth", cipher: "AES-128-GCM", topology: "net30", outerIPv6: true}
	newOverIPv6 := func(t *testing.T) *internet {
		in := newInternet(t)
		in.server.run(ours, in.server.serverConfig(serverParty(t, overIPv6, everythingPushed...))).up()
		return in
	}
	for name, c := range map[string]struct {
		lab     func(*testing.T) *internet
		connect func(*testing.T, *internet) *process
		rounds  int
	}{
		"root":   {newRedirected, func(t *testing.T, in *internet) *process { return in.redirect(t, ours) }, 20},
		"nobody": {newRedirected, func(t *testing.T, in *internet) *process { return in.asNobody(t) }, 8},
		"over IPv6": {newOverIPv6, func(t *testing.T, in *internet) *process {
			return in.client.run(ours, in.client.clientConfig(clientParty(t, overIPv6), in.serverIPv6)).up()
		}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := c.lab(t)
			home := uplink{"eth0", addr("198.18.%d.1", 0), addr("fd00:e%d::1", 0), addr("198.18.%d.2", 0), addr("fd00:e%d::2", 0)}
			away := home
			away.v4, away.v6, away.r4, away.r6 = addr("198.18.%d.1", 100), addr("fd00:e%d::1", 100), addr("198.18.%d.2", 100), addr("fd00:e%d::2", 100)
			in.router.ip("addr", "add", away.r4.String()+"/24", "dev", "eth0")
			in.router.ip("addr", "add", away.r6.String()+"/64", "dev", "eth0", "nodad")
			renamed := home
			renamed.dev = "wan0"
			in.use(home, home)
			before := in.client.restingState()
			p := c.connect(t, in)
			now := home
			var slowest time.Duration
			for round := range c.rounds {
				next := []uplink{now, renamed, away, home}[round%4]
				in.use(now, next)
				slowest = max(slowest, in.reaches(t, serverIPv4))
				now = next
			}
			t.Logf("after %d changes of the uplink the tunnel carried again within %v", c.rounds, slowest)
			in.client.restingState() // the kernel makes routes of its own some time after a link is up
			if n := p.count(ledAgain); n < 1+c.rounds || n > 1+2*c.rounds {
				t.Errorf("%d losses, and %d times it is said where the server is reached from then on:\n%s", c.rounds, n-1, p.log())
			}
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
			in.sameState(t, before)
		})
	}
}

// TestUplinkElsewhere: what a connection cannot be taken along over is made
// anew at once, and not when timers run out: over TCP from an address that is
// gone, and after the uplink was away for longer than ping-restart.
func TestUplinkElsewhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		combination
		away time.Duration
	}{
		"TCP from another address": {combination: combination{armour: "tls-crypt", cipher: "AES-256-GCM", topology: "subnet", tcp: true}},
		"UDP after a long gap":     {combination: plain, away: 8 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInternet(t)
			in.server.run(ours, in.server.serverConfig(serverParty(t, c.combination, `push "redirect-gateway def1"`))).up()
			config := in.client.clientConfig(clientParty(t, c.combination, "pull-filter ignore ping", "ping 2", "ping-restart 3", "connect-retry 1 300"), in.serverIPv4)
			p := in.client.run(ours, config).up()
			home := uplink{"eth0", addr("198.18.%d.1", 0), addr("fd00:e%d::1", 0), addr("198.18.%d.2", 0), addr("fd00:e%d::2", 0)}
			away := home
			away.v4 = addr("198.18.%d.9", 0)
			in.client.ip("link", "set", "eth0", "down")
			time.Sleep(c.away) // the uplink is gone for this long
			in.use(home, away)
			t.Logf("carries again after %v", in.reaches(t, serverIPv4))
			if t.Failed() {
				t.Log(p.log())
			}
		})
	}
}

// TestLaterTunnel: another VPN that takes all traffic by policy rules, as wg-quick
// does, and whose own packets go through this tunnel, leaves it alive, also when
// the uplink comes and goes.
func TestLaterTunnel(t *testing.T) {
	t.Parallel()
	in := newRedirected(t)
	p := in.redirect(t, ours)
	for _, command := range []string{
		"tuntap add dev above0 mode tun", "link set above0 up", "route add default dev above0 table 51820",
		"rule add not fwmark 51820 table 51820", "rule add table main suppress_prefixlength 0",
	} {
		in.client.ip(strings.Fields(command)...)
	}
	home := uplink{"eth0", addr("198.18.%d.1", 0), addr("fd00:e%d::1", 0), addr("198.18.%d.2", 0), addr("fd00:e%d::2", 0)}
	for n := range 2 {
		in.use(home, home)
		in.reaches(t, serverIPv4)
		p.expect(ledAgain, n+2, backAgain) // the first was at the start
		if got := in.client.ip("route", "get", in.serverIPv4.String()); !strings.Contains(got, "dev eth0") {
			t.Errorf("the way to the server leads elsewhere: %s", got)
		}
	}
}

// TestTampering: what other programs take away of a client's state, and of a
// server's, is put back, and they are named where the kernel knows them.
func TestTampering(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	server := in.server.run(ours, in.server.serverConfig(serverParty(t, plain, everythingPushed...)))
	server.up()
	in.server.forward()
	in.web.defaultVia(in.webWire.a4, in.webWire.a6)
	client := in.redirect(t, ours)
	for what, step := range map[string]struct {
		host *netns
		p    *process
		do   []string
		said string
	}{
		"routes":        {in.client, client, []string{"ip", "route", "del", "0.0.0.0/1"}, `add route 0\.0\.0\.0/1`},
		"IPv6 routes":   {in.client, client, []string{"ip", "-6", "route", "flush", "dev", tunDevice, "proto", "static"}, `add route 8000::/1`},
		"address":       {in.client, client, []string{"ip", "-4", "addr", "flush", "dev", tunDevice}, `add address 10\.8\.0\.`},
		"adapter":       {in.client, client, []string{"ip", "link", "set", tunDevice, "down"}, `set ` + tunDevice + ` up`},
		"names":         {in.client, client, []string{"sh", "-c", "echo nameserver 192.0.2.1 >/etc/resolv.conf"}, `write /etc/resolv\.conf`},
		"names, kept":   {in.client, client, []string{"sh", "-c", "echo '# mine' >>/etc/resolv.conf"}, `write /etc/resolv\.conf`},
		"server routes": {in.server, server, []string{"ip", "route", "flush", "dev", tunDevice}, `add route 10\.8\.0\.0/24`},
	} {
		before := step.host.state()
		step.host.output(step.do...)
		step.p.expect(regexp.MustCompile(putBack.String()+`.*`+step.said), 1, backAgain)
		step.host.becomes(before)
		if t.Failed() {
			t.Fatalf("after %s:\n%s", what, step.p.log())
		}
	}
	in.fetchFrom(t, in.webWire.b4, innerClient(in))
}

// TestRulesFlushed: a firewall that is loaded anew takes a server's packet
// rules away, and they are back, with who it was; and so is forwarding.
func TestRulesFlushed(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	dir, profile := filepath.Join(in.server.dir, "vpn"), filepath.Join(in.client.dir, "phone.ovpn")
	in.server.output(culvert(t), "init", "--dir", dir, "--host", in.serverIPv4.String())
	in.server.output(culvert(t), "client", "add", "phone", "--dir", dir, "-o", profile)
	server := in.server.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", filepath.Join(in.server.dir, "state")).up()
	in.client.start("client", culvert(t), "connect", profile, "--state-dir", filepath.Join(in.client.dir, "state")).up()
	in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	before := in.server.state()
	for n, do := range [][]string{{"nft", "flush", "ruleset"}, {"nft", "flush", "table", "inet", "culvert-" + strings.TrimSpace(tunName(in.server))}, {"sysctl", "-qw", "net.ipv4.ip_forward=0"}} {
		in.server.output(do...)
		server.expect(putBack, n+1, backAgain)
		in.server.becomes(before)
		in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	}
	server.expect(regexp.MustCompile(`changed-by="nft of interop`), 1, backAgain)
}

// tunName is the name of the host's only TUN device.
func tunName(n *netns) string {
	out := n.ip("-br", "link", "show", "type", "tun")
	name, _, _ := strings.Cut(out, " ")
	return name
}

// uplinkConf has systemd-networkd keep the client's uplink, and take away the
// routes on it that it did not make (networkd.conf(5), ManageForeignRoutes).
const uplinkConf = `[Match]
Name=eth0

[Network]
Address=198.18.0.1/24
Gateway=198.18.0.2
LinkLocalAddressing=no
IPv6AcceptRA=no
`

// TestNetworkdUplink: a network manager that starts over tidies the uplink up,
// our route to the server included, and the tunnel carries on.
func TestNetworkdUplink(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	in := &internet{client: l.machine("c"), router: l.host("r"), server: l.host("s")}
	l.join(in.client, in.router)
	right := l.join(in.router, in.server)
	in.router.forward()
	in.server.defaultVia(right.a4, right.a6)
	in.client.udev()
	in.client.put("/etc/systemd/network/10-uplink.network", uplinkConf)
	in.client.output("chmod", "644", "/etc/systemd/network/10-uplink.network")
	start := func() *process { return in.client.start("networkd", "/lib/systemd/systemd-networkd") }
	manager := start()
	in.client.eventually("the uplink is up", func() bool { return strings.Contains(in.client.ip("route"), "default via 198.18.0.2") })
	in.server.run(stock, in.server.serverConfig(serverParty(t, plain, everythingPushed[0]))).up()
	p := in.client.run(ours, in.client.clientConfig(clientParty(t, plain), right.b4)).up()
	in.reaches(t, serverIPv4)
	configured := regexp.MustCompile(`eth0: Configuring with`)
	for range 3 {
		if err := manager.stop(syscall.SIGTERM); err != nil {
			t.Errorf("networkd: %v", err)
		}
		before := p.count(ledAgain)
		manager = start()
		manager.expect(configured, 1, backAgain)
		p.expect(ledAgain, before+1, backAgain)
		in.reaches(t, serverIPv4)
	}
}
