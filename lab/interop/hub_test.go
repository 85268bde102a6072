//go:build interop

package interop

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"culvert/operate/hub"
)

// A LAN is a hub on a host with nothing but its uplink, three hosts with an
// adapter each, and a host beyond the uplink:
//
//	a .11 ─ tap0 ┐
//	b .12 ─ tap0 ┼ hub ─ eth0 ┄ wire ┄ eth0 .1 beyond
//	c .13 ─ tap0 ┘
//
// They speak IPv4 only, so that no frame crosses that nobody asked for.
type lan struct {
	*lab
	at      *netns // the hub's host
	beyond  *netns
	hosts   [3]*netns
	sockets string
}

var (
	beyondAddr = netip.MustParseAddr("192.0.2.1")
	lanAddrs   = [...]netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("192.0.2.13")}
	hubIsUp    = regexp.MustCompile(`the hub is up`)
	isCutOff   = regexp.MustCompile(`a port is cut off`)
)

func newLAN(t *testing.T) *lan {
	t.Helper()
	l := &lan{lab: newLab(t), sockets: filepath.Join(t.TempDir(), "run")}
	l.at, l.beyond = l.quiet("hub"), l.quiet("out")
	for i, role := range []string{"a", "b", "c"} {
		l.hosts[i] = l.quiet(role)
	}
	mustRun(t, "ip", "link", "add", "eth0", "netns", l.at.name, "type", "veth", "peer", "name", "eth0", "netns", l.beyond.name)
	l.at.ip("link", "set", "eth0", "up")
	l.beyond.ip("link", "set", "eth0", "up")
	l.beyond.ip("addr", "add", beyondAddr.String()+"/24", "dev", "eth0")
	return l
}

// quiet is a host without IPv6.
func (l *lan) quiet(role string) *netns {
	l.t.Helper()
	n := l.host(role)
	n.output("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
	return n
}

// hub starts the hub with an adapter for each host, named a, b and c, which get
// the given settings, and waits until it is up.
func (l *lan) hub(uplink string, settings string) *process {
	l.t.Helper()
	argv := []string{culvert(l.t), "hub", "--uplink", uplink, "--name", l.at.name, "--state-dir", l.sockets}
	for _, n := range l.hosts {
		argv = append(argv, "--nic", l.nic(n, settings))
	}
	p := l.at.start("hub", argv...)
	p.expect(hubIsUp, 1, patience)
	for i, n := range l.hosts {
		n.ip("addr", "add", lanAddrs[i].String()+"/24", "dev", l.device(n))
	}
	return p
}

// device is the name of a host's adapter.
func (l *lan) device(n *netns) string { return "tap" + n.name[len(n.name)-1:] }

func (l *lan) nic(n *netns, settings string) string {
	return l.device(n) + ",netns=" + n.name + settings
}

// tell runs a subcommand of `culvert hub`.
func (l *lan) tell(words ...string) string {
	l.t.Helper()
	return mustRun(l.t, culvert(l.t), append([]string{"hub", "--state-dir", l.sockets}, words...)...)
}

// port is one of the hub's ports as `culvert hub list` has it.
func (l *lan) port(name string) hub.PortStatus {
	l.t.Helper()
	var s hub.Status
	if err := json.Unmarshal([]byte(l.tell("list", "--json")), &s); err != nil {
		l.t.Fatal(err)
	}
	for _, p := range s.Ports {
		if p.Name == name {
			return p
		}
	}
	l.t.Fatalf("no port %s among %+v", name, s.Ports)
	return hub.PortStatus{}
}

const lanTransfer = 16 << 20

func TestHubAcross(t *testing.T) {
	l := newLAN(t)
	l.hub("eth0", "")
	a, b := l.hosts[0], l.hosts[1]
	a.ping(lanAddrs[1]) // the question for the address goes everywhere
	before := l.port("eth0")
	a.ping(lanAddrs[1])
	transfer(t, a, b, lanAddrs[1], lanTransfer)
	transfer(t, b, a, lanAddrs[0], lanTransfer)
	after := l.port("eth0")
	if after.InFrames != before.InFrames || after.OutFrames != before.OutFrames {
		t.Errorf("the uplink's counters moved from %+v to %+v", before, after)
	}
	if p := l.port("tapa"); p.InBytes < lanTransfer || p.OutBytes < lanTransfer {
		t.Errorf("not all crossed the hub: %+v", p)
	}
}

func TestHubBeyondTheUplink(t *testing.T) {
	l := newLAN(t)
	l.hub("eth0", "")
	l.reachBeyond("eth0")
}

// reachBeyond checks that every host and the one beyond reach each other, and that the
// uplink dropped nothing, except for the reasons given.
func (l *lan) reachBeyond(uplink string, reasons ...string) {
	l.t.Helper()
	for i, n := range l.hosts {
		n.ping(beyondAddr)
		transfer(l.t, n, l.beyond, beyondAddr, lanTransfer)
		transfer(l.t, l.beyond, n, lanAddrs[i], lanTransfer)
	}
	p := l.port(uplink)
	for _, reason := range reasons {
		delete(p.Drops, reason)
	}
	if len(p.Drops) > 0 || p.InBytes < 3*lanTransfer || p.OutBytes < 3*lanTransfer {
		l.t.Errorf("uplink: %+v", p)
	}
}

// TestHubTrunk: the host beyond is in the VLAN by a hub of its own, and what is
// between them has tags.
func TestHubTrunk(t *testing.T) {
	l := newLAN(t)
	l.beyond.ip("addr", "flush", "dev", "eth0")
	other := l.beyond.start("hub beyond", culvert(t), "hub", "--uplink", "eth0", "--name", l.beyond.name,
		"--state-dir", filepath.Join(t.TempDir(), "run"), "--nic", "tapx,vlan=7", "--nic", "tapy")
	other.expect(hubIsUp, 1, patience)
	l.beyond.ip("addr", "add", beyondAddr.String()+"/24", "dev", "tapx")
	l.hub("eth0", ",vlan=7")
	l.reachBeyond("eth0", "no adapter in this VLAN") // probes of the hub beyond for what it has in no VLAN
}

// TestHubOverATunnel: the host beyond is a stock server, and the uplink a TAP
// tunnel to it.
func TestHubOverATunnel(t *testing.T) {
	l := newLAN(t)
	l.beyond.ip("addr", "flush", "dev", "eth0")
	server, client := netip.MustParsePrefix("198.51.100.1/24"), netip.MustParsePrefix("198.51.100.2/24")
	l.beyond.ip("addr", "add", server.String(), "dev", "eth0")
	l.at.ip("addr", "add", client.String(), "dev", "eth0")
	l.beyond.run(stock, l.beyond.tapServer("mode server", "tls-server", "ifconfig "+beyondAddr.String()+" 255.255.255.0")).up()
	l.hub(l.at.tapClient(keys(t).client, server.Addr()), "").up()
	l.reachBeyond("tunnel", "not sent") // TCP finds out how much a tunnel carries
	before := l.port("tunnel")
	l.hosts[0].ping(lanAddrs[1])
	transfer(t, l.hosts[0], l.hosts[1], lanAddrs[1], lanTransfer)
	if n := l.port("tunnel").OutFrames - before.OutFrames; n > 10 { // the question for the address is one
		t.Errorf("%d frames of a transfer across went into the tunnel", n)
	}
}

// TestHubVLANsApart: an adapter in a VLAN and one in none do not hear each
// other.
func TestHubVLANsApart(t *testing.T) {
	l := newLAN(t)
	l.hub("eth0", "")
	l.tell("remove", "tapb")
	l.tell("add", l.nic(l.hosts[1], ",vlan=7"))
	l.hosts[1].ip("addr", "add", lanAddrs[1].String()+"/24", "dev", "tapb")
	l.hosts[0].ping(lanAddrs[2])
	for _, to := range []netip.Addr{lanAddrs[0], beyondAddr} {
		p := l.hosts[1].start("ping", "ping", "-n", "-c", "2", "-i", "0.2", "-w", "1", to.String())
		if p.wait(patience) == nil {
			t.Errorf("VLAN 7 reaches %s", to)
		}
	}
	if p := l.port("tapb"); p.InFrames == 0 || p.OutFrames != 0 {
		t.Errorf("%+v", p)
	}
}

// TestHubChangesUnderTraffic: adapters come, move and go while another's
// connections go on.
func TestHubChangesUnderTraffic(t *testing.T) {
	l := newLAN(t)
	l.hub("eth0", "")
	a, b, c := l.hosts[0], l.hosts[1], l.hosts[2]
	out := startFlow(a, l.beyond, beyondAddr, "pace")
	across := startFlow(a, b, lanAddrs[1], "pace")

	d := l.quiet("d")
	added := netip.MustParseAddr("192.0.2.14")
	l.tell("add", l.nic(d, ",mtu=1400"))
	d.ip("addr", "add", added.String()+"/24", "dev", "tapd")
	d.ping(lanAddrs[0])
	transfer(t, d, l.beyond, beyondAddr, lanTransfer)

	elsewhere := l.quiet("e")
	mac := l.port("tapc").MAC
	l.tell("set", "tapc", "netns="+elsewhere.name)
	elsewhere.ip("addr", "add", lanAddrs[2].String()+"/24", "dev", "tapc")
	elsewhere.ping(beyondAddr)
	transfer(t, elsewhere, d, added, lanTransfer)
	if got := elsewhere.ip("link", "show", "tapc"); !strings.Contains(got, mac) {
		t.Errorf("its address was %s, and after the move is\n%s", mac, got)
	}
	if got := c.ip("link", "show"); strings.Contains(got, "tapc") {
		t.Errorf("it is where it was, too:\n%s", got)
	}

	busy := startFlow(d, l.beyond, beyondAddr, "pace")
	l.tell("remove", "tapd")
	if got := d.ip("link", "show"); strings.Contains(got, "tapd") {
		t.Errorf("removed, its device is there still:\n%s", got)
	}
	busy.sender.kill()
	if got := l.tell("list"); strings.Contains(got, "tapd") {
		t.Errorf("removed, it is listed still:\n%s", got)
	}
	l.tell("set", "tapc", "down")
	if p := l.port("tapc"); p.State != "down" {
		t.Errorf("%+v", p)
	}
	out.finish(t)
	across.finish(t)
}

// TestHubLoop: two adapters of the hub in one bridge are a way around.
func TestHubLoop(t *testing.T) {
	l := newLAN(t)
	hub := l.hub("eth0", "")
	c := l.hosts[2]
	l.tell("add", "tapd,netns="+c.name)
	c.ip("addr", "flush", "dev", "tapc")
	// With tapd's address, which the bridge might choose, it would not be let in.
	c.ip("link", "add", "br0", "address", l.port("tapc").MAC, "type", "bridge", "stp_state", "0")
	c.ip("addr", "add", lanAddrs[2].String()+"/24", "dev", "br0")
	for _, dev := range []string{"tapc", "tapd", "br0"} {
		if dev != "br0" {
			c.ip("link", "set", dev, "master", "br0")
		}
		c.ip("link", "set", dev, "up")
	}
	hub.expect(isCutOff, 1, patience)
	if p := l.port("tapd"); p.State != "blocked" || !strings.Contains(p.Reason, "loop") {
		t.Errorf("%+v", p)
	}
	if got := l.tell("list"); !strings.Contains(got, "tapd is blocked: loop: ") {
		t.Errorf("%s", got)
	}
	before := l.port("eth0").OutFrames
	l.beyond.start("broadcasts", "ping", "-n", "-b", "-i", "0.2", "-w", "1", "192.0.2.255").wait(patience) // nobody answers
	if n := l.port("eth0").OutFrames - before; n > 10 {
		t.Errorf("%d frames came back by the uplink", n)
	}
	l.hosts[0].ping(lanAddrs[2])
	l.hosts[0].ping(beyondAddr)
	transfer(t, l.beyond, c, lanAddrs[2], lanTransfer)
}

// TestHubKilled: devices and promiscuous mode go with the process, and the
// next hub starts.
func TestHubKilled(t *testing.T) {
	l := newLAN(t)
	hub := l.hub("eth0", "")
	promiscuous := func() bool {
		return strings.Contains(l.at.ip("-d", "link", "show", "eth0"), "promiscuity 1")
	}
	if !promiscuous() {
		t.Error("the uplink is not promiscuous")
	}
	mac := l.port("tapa").MAC
	hub.kill()
	for _, n := range l.hosts {
		if got := n.ip("link", "show"); strings.Contains(got, "tap") {
			t.Errorf("its device is there still:\n%s", got)
		}
	}
	if promiscuous() {
		t.Error("the uplink is promiscuous still")
	}
	again := l.hub("eth0", "")
	if got := l.port("tapa").MAC; got != mac {
		t.Errorf("tapa had the address %s, and now %s", mac, got)
	}
	l.hosts[0].ping(beyondAddr)
	if err := again.stop(syscall.SIGTERM); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// TestHubWithoutUplink: the adapters are among themselves.
func TestHubWithoutUplink(t *testing.T) {
	l := newLAN(t)
	l.hub("none", "")
	l.tell("add", "sink,type=null")
	l.hosts[0].ping(lanAddrs[1])
	l.hosts[2].ping(lanAddrs[0])
	transfer(t, l.hosts[1], l.hosts[2], lanAddrs[2], lanTransfer)
	if got := l.tell("list"); strings.Count(got, "\n") != 1+3+1 {
		t.Errorf("listed:\n%s", got)
	}
}
