//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// Addresses of the world behind the router.
var (
	movingAt   = []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.8")} // before and after
	worldDNS   = netip.MustParseAddr("203.0.113.53")
	worldDNSv6 = netip.MustParseAddr("2001:db8:53::53")
	lanDNS     = netip.MustParseAddr("198.18.0.53") // on the client's own network
)

// dockerDNS is where Docker's resolver is in a container.
var dockerDNS = netip.MustParseAddr("127.0.0.11")

const movingName = "vpn.example"

// moving is a client whose server has a name, and goes to another address.
type moving struct {
	lab                   *lab
	client, router, world *netns
	dnsmasq               *process
}

func newMoving(t *testing.T) *moving {
	t.Helper()
	l := newLab(t)
	return l.moving(l.host("c"))
}

func (l *lab) moving(client *netns) *moving {
	l.t.Helper()
	m := &moving{lab: l, client: client, router: l.host("r"), world: l.host("w")}
	left, right := l.join(m.client, m.router), l.join(m.router, m.world)
	m.client.defaultVia(left.b4, left.b6)
	m.world.defaultVia(right.a4, right.a6)
	m.router.forward()
	m.router.ip("addr", "add", lanDNS.String()+"/32", "dev", "eth0")
	for _, a := range append(movingAt, worldDNS, worldDNSv6) {
		prefix := netip.PrefixFrom(a, a.BitLen()).String()
		m.world.ip("addr", "add", prefix, "dev", "lo")
		via := right.b4
		if a.Is6() {
			via = right.b6
		}
		m.router.ip("route", "add", prefix, "via", via.String())
	}
	return m
}

// answers has a host answer questions for the server's name from now on.
func (m *moving) answers(at *netns, server, with netip.Addr) {
	if m.dnsmasq != nil {
		m.dnsmasq.kill()
	}
	m.dnsmasq = at.nameServer(server, fmt.Sprintf("--host-record=%s,%v", movingName, with))
}

// dnsmasqUp is what dnsmasq says when it answers.
var dnsmasqUp = regexp.MustCompile(`dnsmasq.*: started`)

// dnsmasq runs it without the file for its process id that all of this machine's share: of two
// that start at the same moment, one ends over it.
func (n *netns) dnsmasq(more ...string) *process {
	n.t.Helper()
	return n.start("dnsmasq", append([]string{"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--user=root", "--pid-file"}, more...)...)
}

// nameServer answers questions at an address, and logs them.
func (n *netns) nameServer(at netip.Addr, more ...string) *process {
	n.t.Helper()
	p := n.dnsmasq(append([]string{"--log-queries", "--no-resolv", "--no-hosts", "--bind-interfaces", "--local-ttl=1",
		"--listen-address=" + at.String()}, more...)...)
	p.expect(dnsmasqUp, 1, patience)
	return p
}

// setResolvConf writes the host's resolver's file.
func (n *netns) setResolvConf(text string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(etcDir(n.name), "resolv.conf"), []byte(text), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// byName makes a configuration speak of the server by its name.
func (n *netns) byName(config string, addr netip.Addr) string {
	n.t.Helper()
	text := must(os.ReadFile(config))
	changed := strings.Replace(string(text), "remote "+addr.String(), "remote "+movingName, 1)
	if changed == string(text) {
		n.t.Fatalf("%s has no remote %v", config, addr)
	}
	return n.file(filepath.Base(config), changed)
}

// onlyOurName wants no question to have reached the name server but those for
// the server's own name.
func onlyOurName(t *testing.T, dns *process) {
	t.Helper()
	if !strings.Contains(dns.log(), "query[A] "+movingName+" ") {
		t.Error("nobody asked for the server's name")
	}
	for line := range strings.Lines(dns.log()) {
		if strings.Contains(line, "query[") && !strings.Contains(line, " "+movingName+" ") {
			t.Errorf("asked past the tunnel: %s", line)
		}
	}
}

// TestServerMoves: with all of the host's routes and names in the tunnel, a
// client finds its server at another address, and leaves the host as it was.
func TestServerMoves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tcp         bool
		push, extra []string
		dns         netip.Addr
		before      string // of the resolver's file
	}{
		"UDP":         {dns: worldDNS},
		"TCP, marked": {dns: worldDNS, tcp: true, push: []string{`push "block-outside-dns"`}, extra: []string{"mark 7", "bind-dev eth0"}},
		"user nobody": {dns: worldDNS, extra: []string{"user nobody"}},
		"chroot":      {dns: worldDNS, extra: []string{"user nobody", "chroot " + t.TempDir()}},
		"IPv6 server, the second, below a search domain": {dns: worldDNSv6, push: []string{`push "redirect-gateway def1 ipv6"`},
			before: fmt.Sprintf("search nowhere.example\nnameserver 203.0.113.99\nnameserver %v\noptions timeout:1 ndots:2\n", worldDNSv6)},
		"block-local":           {dns: lanDNS, push: []string{`push "redirect-gateway def1 block-local"`}},
		"Docker's resolver":     {dns: worldDNS, before: fmt.Sprintf("nameserver %v\n# ExtServers: [%v]\n", dockerDNS, worldDNS)},
		"no name server pushed": {dns: worldDNS, extra: []string{"pull-filter ignore dhcp-option"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMoving(t)
			if c.before == "" {
				c.before = fmt.Sprintf("nameserver %v\n", c.dns)
			}
			m.client.setResolvConf(c.before)
			if strings.Contains(c.before, dockerDNS.String()) {
				m.client.nameServer(dockerDNS, "--server="+worldDNS.String())
			}
			at := m.world
			if c.dns == lanDNS {
				at = m.router
			}
			m.answers(at, c.dns, movingAt[0])
			how := plain
			how.tcp = c.tcp
			before := m.client.state()
			p := m.run(t, how, c.push, c.extra, func() {
				if c.tcp { // from now on only marked questions are heard
					m.client.nft("table inet marked { chain output { type filter hook output priority 0; udp dport 53 meta mark != 7 drop; }; }")
				}
				m.answers(at, c.dns, movingAt[1])
			}, func(config string) *process {
				return m.client.run(ours, config)
			})
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
			if c.tcp {
				m.client.output("nft", "delete", "table", "inet", "marked")
			}
			if after := m.client.state(); after != before {
				t.Errorf("the host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
			}
			if search := strings.Contains(c.before, "search"); !search {
				onlyOurName(t, m.dnsmasq)
			}
		})
	}
}

// run brings a tunnel up, moves the server, and waits until it is up again.
func (m *moving) run(t *testing.T, how combination, push, extra []string, move func(), start func(config string) *process) *process {
	t.Helper()
	push = append([]string{"keepalive 1 3", `push "redirect-gateway def1"`, `push "dhcp-option DNS ` + pushedDNS + `"`}, push...)
	serve := func(at netip.Addr) *process {
		return m.world.run(stock, m.world.serverConfig(serverParty(t, how, append(push, "local "+at.String())...))).up()
	}
	server := serve(movingAt[0])
	config := m.client.clientConfig(clientParty(t, how, append(extra, "connect-retry 1 1")...), movingAt[0])
	p := start(m.client.byName(config, movingAt[0])).up()
	m.client.ping(serverIPv4)
	server.kill()
	move()
	serve(movingAt[1])
	p.expect(initialized, 2, patience)
	m.client.ping(serverIPv4)
	for _, a := range []netip.Addr{worldDNS, worldDNSv6} {
		if got := m.client.ip("route") + m.client.ip("-6", "route"); strings.Contains(got, a.String()) {
			t.Errorf("a route for questions is left:\n%s", got)
		}
	}
	return p
}

// TestHostMoves: so does either of two hosts without a server.
func TestHostMoves(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	m.client.setResolvConf(fmt.Sprintf("nameserver %v\n", worldDNS))
	m.answers(m.world, worldDNS, movingAt[0])
	cid, sid := newSelfSigned("client"), newSelfSigned("server")
	serve := func(at netip.Addr) *process {
		h := p2pHost{index: 1, tlsServer: true, own: sid, peer: cid, extra: []string{"local " + at.String()}}
		return m.world.run(stock, m.world.p2pConfig(h))
	}
	other := serve(movingAt[0])
	h := p2pHost{index: 0, own: cid, peer: sid, remote: movingAt[0], extra: []string{"redirect-gateway def1", "dhcp-option DNS " + p2pIPv4[1].String()}}
	p := m.client.run(ours, m.client.byName(m.client.p2pConfig(h), movingAt[0])).up()
	m.client.ping(p2pIPv4[1])
	other.kill()
	m.answers(m.world, worldDNS, movingAt[1])
	serve(movingAt[1])
	p.expect(initialized, 2, patience)
	m.client.ping(p2pIPv4[1])
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
	onlyOurName(t, m.dnsmasq)
}
