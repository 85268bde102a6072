//go:build interop

package interop

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests put an Ethernet adapter of ours (`adapter ethernet`) over a tunnel
// to a stock server that carries IP and knows nothing of it.

// farIPv4 and farIPv6 are addresses of the server that only a default route
// leads to.
var (
	farIPv4 = netip.MustParseAddr("203.0.113.1")
	farIPv6 = netip.MustParseAddr("2001:db8::1")
)

// ethernetLab is a client with an Ethernet adapter and a stock server, not yet
// started.
type ethernetLab struct {
	client, server *netns
	remote         netip.Addr
}

func newEthernetLab(t *testing.T) ethernetLab {
	t.Helper()
	l := newLab(t)
	e := ethernetLab{client: l.host("c"), server: l.host("s")}
	e.remote = l.join(e.client, e.server).b4
	for _, far := range []netip.Addr{farIPv4, farIPv6} {
		e.server.ip("addr", "add", netip.PrefixFrom(far, far.BitLen()).String(), "dev", "lo")
	}
	return e
}

func (e ethernetLab) serve(p party) *process {
	return e.server.run(stock, e.server.serverConfig(p)).up()
}

func (e ethernetLab) connect(t *testing.T, topology string, extra ...string) *process {
	t.Helper()
	c := plain
	c.topology = topology
	p := e.client.run(ours, e.client.clientConfig(clientParty(t, c, extra...), e.remote)).up()
	if link := e.client.ip("-d", "link", "show", "dev", tunDevice); !strings.Contains(link, "tun type tap") {
		t.Fatalf("%s is no Ethernet adapter:\n%s", tunDevice, link)
	}
	return p
}

// asks reports whether a program that asks a question on the segment, and exits
// with 0 when it is answered, did.
func (n *netns) asks(argv ...string) (said string, answered bool) {
	n.t.Helper()
	argv = n.exec(argv)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		n.t.Error(err)
	}
	return string(out), err == nil
}

// checkSegment asks the questions of a host of the segment, all at once: those that have no
// answer take long.
func (e ethernetLab) checkSegment(t *testing.T, own4, neighbour4, own6, neighbour6 netip.Addr) {
	t.Helper()
	var questions sync.WaitGroup
	ask := func(want bool, argv ...string) {
		questions.Go(func() {
			if out, answered := e.client.asks(argv...); answered != want {
				t.Errorf("%q answered %v:\n%s", argv, answered, out)
			}
		})
	}
	for addr, want := range map[netip.Addr]bool{neighbour4: true, netip.MustParseAddr("192.0.2.77"): false, own4: false} {
		seconds := "2"
		if want { // it ends with the answer
			seconds = "30"
		}
		ask(want, "arping", "-I", tunDevice, "-c", "1", "-w", seconds, "-s", own4.String(), addr.String())
	}
	ask(true, "arping", "-D", "-I", tunDevice, "-c", "1", "-w", "2", own4.String()) // true: its own address is free
	for addr, want := range map[netip.Addr]bool{neighbour6: true, netip.MustParseAddr("2001:db8::77"): false, own6: false} {
		millis := "1000"
		if want {
			millis = "30000"
		}
		ask(want, "ndisc6", "-1", "-r", "1", "-w", millis, addr.String(), tunDevice)
	}
	questions.Wait()
}

// TestAdapterStatic: with `adapter ethernet` everything goes on as over a TUN
// device, in every topology.
func TestAdapterStatic(t *testing.T) {
	t.Parallel()
	for _, topology := range topologies {
		t.Run(topology, func(t *testing.T) {
			t.Parallel()
			e := newEthernetLab(t)
			c := plain
			c.topology = topology
			before := e.client.state()
			server := e.serve(serverParty(t, c, `push "redirect-gateway def1 ipv6"`))
			const mac = "02:00:5e:10:00:07"
			client := e.connect(t, topology, "adapter ethernet", "lladdr "+mac)
			if link := e.client.ip("link", "show", "dev", tunDevice); !strings.Contains(link, mac) {
				t.Errorf("the adapter has another MAC:\n%s", link)
			}
			tun := &tunnel{client: e.client, server: e.server, clientProc: client, serverProc: server, remote: e.remote}
			tun.clientIPv4, tun.clientIPv6 = e.client.device(tunDevice)
			e.client.settled()
			tun.check(t, pairing{ours, stock}, c, 8<<20)
			e.client.ping(farIPv4)
			e.client.ping(farIPv6)
			neighbour := serverIPv4
			if tun.clientIPv4.peer.IsValid() {
				neighbour = tun.clientIPv4.peer
			}
			e.checkSegment(t, tun.clientIPv4.prefix.Addr(), neighbour, tun.clientIPv6.prefix.Addr(), serverIPv6)
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status after SIGTERM: %v", err)
			}
			if after := e.client.state(); after != before {
				t.Errorf("the host is not as before.\nbefore:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// settled waits until the adapter's IPv6 addresses are found to be nobody
// else's.
func (n *netns) settled() {
	n.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if n.ip("-6", "addr", "show", "dev", tunDevice, "tentative") == "" && n.ip("-6", "addr", "show", "dev", tunDevice, "scope", "link") != "" {
			break
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("IPv6 does not settle: %s", n.ip("-6", "addr", "show", "dev", tunDevice))
		}
	}
	if bad := n.ip("-6", "addr", "show", "dev", tunDevice, "dadfailed"); bad != "" {
		n.t.Errorf("an address of the host is taken: %s", bad)
	}
}

// TestAdapterServer: a server's own adapter may be Ethernet too, and a stock
// client passes over the line in a file that both read.
func TestAdapterServer(t *testing.T) {
	t.Parallel()
	for _, topology := range topologies {
		t.Run(topology, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			combination := plain
			combination.topology = topology
			who := pairing{stock, ours}
			tun := dial(who, c, s, serverParty(t, combination, "adapter ethernet"), clientParty(t, combination, "setenv opt adapter ethernet dhcp"), w.b4)
			s.settled()
			tun.check(t, who, combination, 1<<20)
		})
	}
}

// TestAdapterP2P: so may that of one of two hosts, which gives up root.
func TestAdapterP2P(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	cid, sid := newSelfSigned("client"), newSelfSigned("server")
	server := s.run(stock, s.p2pConfig(p2pHost{index: 1, tlsServer: true, own: sid, peer: cid}))
	c.run(ours, c.p2pConfig(p2pHost{index: 0, own: cid, peer: sid, remote: w.b4, extra: []string{"adapter ethernet static", "user nobody", "group nogroup"}})).up()
	server.up()
	c.settled()
	checkP2P(t, c, s)
}

// everythingByDHCP is what DHCP has to carry.
var everythingByDHCP = []string{
	`push "redirect-gateway def1 ipv6"`, "tun-mtu 1400",
	`push "route 172.16.0.0 255.240.0.0"`, `push "route-ipv6 fd00:cafe::/64"`,
	`push "dhcp-option DNS 10.8.0.1"`, `push "dhcp-option DNS 9.9.9.9"`, `push "dhcp-option DNS6 fd00:8::1"`,
	`push "dhcp-option DOMAIN inside.example"`, `push "dhcp-option DOMAIN-SEARCH other.example"`,
	`push "dhcp-option NTP 10.8.0.2"`, `push "dhcp-option WINS 10.8.0.3"`, `push "dhcp-option NBDD 10.8.0.4"`,
	`push "dhcp-option NBT 8"`, `push "dhcp-option NBS scope"`,
	"explicit-exit-notify 1",
}

// TestAdapterDHCP: Debian's DHCP client gets from the adapter what the server
// pushed, as OpenVPN's own rules have it for each topology.
func TestAdapterDHCP(t *testing.T) {
	t.Parallel()
	for topology, want := range map[string]struct{ address, mask, server, router string }{
		"subnet": {"10.8.0.2", "255.255.255.0", "10.8.0.254", "10.8.0.1"},
		"net30":  {"10.8.0.6", "255.255.255.252", "10.8.0.5", "10.8.0.5"},
		"p2p":    {"10.8.0.4", "255.255.255.255", "10.8.0.1", "10.8.0.1"},
	} {
		t.Run(topology, func(t *testing.T) {
			t.Parallel()
			e := newEthernetLab(t)
			c := plain
			c.topology = topology
			server := e.serve(serverParty(t, c, everythingByDHCP...))
			e.connect(t, topology, "setenv opt adapter ethernet dhcp", "ip-win32 dynamic default 30")
			if v4, v6 := e.client.device(tunDevice); v4.prefix.IsValid() || v6.prefix.IsValid() {
				t.Errorf("the adapter has %v and %v before the host asked", v4, v6)
			}
			d := e.client.runDhclient(t, "-4")
			got := d.lease(1)
			for name, value := range map[string]string{
				"ip_address": want.address, "subnet_mask": want.mask, "dhcp_server_identifier": want.server, "routers": want.router,
				"dhcp_lease_time": "30", "dhcp_renewal_time": "15", "interface_mtu": "1400",
				"domain_name_servers": "10.8.0.1 9.9.9.9", "domain_name": "inside.example", "domain_search": "inside.example. other.example.",
				"ntp_servers": "10.8.0.2", "netbios_name_servers": "10.8.0.3", "netbios_dd_server": "10.8.0.4", "netbios_node_type": "8", "netbios_scope": "scope",
			} {
				if got[name] != value {
					t.Errorf("%s is %q, not %q", name, got[name], value)
				}
			}
			pushed := regexp.MustCompile(`ifconfig ` + regexp.QuoteMeta(want.address) + ` (` + regexp.QuoteMeta(want.server) + `|255\.255\.255\.0)\b`)
			if server.count(pushed) == 0 {
				t.Errorf("the server pushed another pair than the DHCP client got: %v", pushed)
			}
			e.checkIPv6(t)
			e.client.ping(serverIPv4)
			e.client.ping(farIPv4)
			e.server.ping(netip.MustParseAddr(want.address))
			transfer(t, e.client, e.server, serverIPv4, 4<<20)
			e.checkSegment(t, netip.MustParseAddr(want.address), netip.MustParseAddr(want.router), netip.MustParseAddr("fd00:8::1000"), serverIPv6)
			if renewed := d.lease(2); renewed["ip_address"] != want.address {
				t.Errorf("renewed as %q", renewed["ip_address"])
			}
		})
	}
}

// checkIPv6 takes the address by DHCPv6, and the way out by advertisement.
func (e ethernetLab) checkIPv6(t *testing.T) {
	t.Helper()
	e.client.settled()
	ra, answered := e.client.asks("rdisc6", "-1", "-r", "3", tunDevice)
	for _, part := range []string{"Stateful address conf.    :          Yes", "Prefix                   : fd00:8::/64", "MTU                      :         1400", "Recursive DNS server     : fd00:8::1", "from fe80::8"} {
		if !answered || !strings.Contains(ra, part) {
			t.Errorf("the router's advertisement lacks %q:\n%s", part, ra)
		}
	}
	got := e.client.runDhclient(t, "-6").lease(1)
	for name, value := range map[string]string{"ip6_address": "fd00:8::1000", "dhcp6_name_servers": "fd00:8::1", "dhcp6_domain_search": "inside.example. other.example."} {
		if got[name] != value {
			t.Errorf("%s is %q, not %q", name, got[name], value)
		}
	}
	e.client.settled()
	e.client.ping(serverIPv6)
	e.client.ping(farIPv6)
	e.server.ping(netip.MustParseAddr("fd00:8::1000"))
	transfer(t, e.client, e.server, serverIPv6, 1<<20)
}

// TestAdapterRenewal: what a server pushes anew reaches the host when its DHCP
// client renews, a new address included.
func TestAdapterRenewal(t *testing.T) {
	t.Parallel()
	e := newEthernetLab(t)
	server := e.serve(serverParty(t, plain, everythingByDHCP...))
	client := e.connect(t, plain.topology, "adapter ethernet dhcp", "ip-win32 dynamic -3 30")
	d := e.client.runDhclient(t, "-4")
	if got := d.lease(1); got["ip_address"] != "10.8.0.2" || got["dhcp_server_identifier"] != "10.8.0.252" {
		t.Fatalf("first lease: %v", got)
	}
	if err := server.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(e.server.dir, "ccd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, clientName), []byte("ifconfig-push 10.8.0.77 255.255.255.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.serve(serverParty(t, plain, "client-config-dir "+dir, `push "dhcp-option DNS 10.8.0.53"`, "tun-mtu 1300"))
	client.expect(initialized, 2, patience)
	d.process.expect(regexp.MustCompile(`^DHCPNAK`), 1, patience)
	var got map[string]string
	for n := 2; got["ip_address"] != "10.8.0.77"; n++ {
		got = d.lease(n)
	}
	if got["domain_name_servers"] != "10.8.0.53" || got["domain_name"] != "" || got["routers"] != "" || got["interface_mtu"] != "1300" {
		t.Errorf("after the change: %v", got)
	}
	e.client.ping(serverIPv4)
	if routes := e.client.ip("route", "show", "dev", tunDevice); strings.Contains(routes, "0.0.0.0/1") {
		t.Errorf("what is not pushed any more is left:\n%s", routes)
	}
}

// dhclient is Debian's DHCP client on the adapter of a host. Its script does
// what Debian's does, but writes no resolv.conf and records what it was told.
type dhclient struct {
	*process
	events string // file
}

func (n *netns) runDhclient(t *testing.T, family string) *dhclient {
	t.Helper()
	file := func(name string) string { return filepath.Join(n.dir, "dhclient"+family+"."+name) }
	events := file("events")
	n.file("dhclient"+family+".conf", dhclientConf)
	script := n.file("dhclient"+family+".script", strings.ReplaceAll(dhclientScript, "EVENTS", events))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	p := n.start("dhclient "+family, "dhclient", family, "-d", "-v", "-cf", file("conf"), "-lf", file("leases"), "-pf", file("pid"), "-sf", script, tunDevice)
	return &dhclient{p, events}
}

const dhclientConf = `option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
option netbios-dd-server code 45 = array of ip-address;
request subnet-mask, routers, rfc3442-classless-static-routes, domain-name-servers, domain-name, domain-search, interface-mtu,
  ntp-servers, netbios-name-servers, netbios-dd-server, netbios-node-type, netbios-scope, dhcp6.name-servers, dhcp6.domain-search;
`

const dhclientScript = `#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
case $reason in
PREINIT)
	ip link set dev $interface up ;;
BOUND|RENEW|REBIND|REBOOT)
	if [ "$old_ip_address" != "$new_ip_address" ]; then ip -4 addr flush dev $interface; fi
	ip link set dev $interface mtu ${new_interface_mtu:-1500}
	ip addr replace $new_ip_address/$new_subnet_mask dev $interface
	set -- $new_rfc3442_classless_static_routes
	while [ $# -gt 4 ]; do
		bits=$1 dst= ; shift
		for at in 1 9 17 25; do
			if [ $bits -ge $at ]; then dst=$dst.$1; shift; else dst=$dst.0; fi
		done
		via="via $1.$2.$3.$4 onlink"; [ "$1.$2.$3.$4" != 0.0.0.0 ] || via=
		ip route replace ${dst#.}/$bits $via dev $interface
		shift 4
	done ;;
EXPIRE|FAIL|STOP|RELEASE)
	ip -4 addr flush dev $interface ;;
BOUND6|RENEW6|REBIND6)
	ip addr replace $new_ip6_address/$new_ip6_prefixlen dev $interface ;;
esac
{ echo "event $reason"; set | grep ^new_; echo "told"; } >>EVENTS
`

// lease waits until the client was told of a lease for the nth time, and
// returns what it was told.
func (d *dhclient) lease(n int) map[string]string {
	d.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		text, _ := os.ReadFile(d.events)
		var leases []string
		for _, event := range strings.Split(string(text), "event ")[1:] {
			if leased.MatchString(event) {
				leases = append(leases, event)
			}
		}
		if len(leases) >= n && strings.HasSuffix(leases[n-1], "\ntold\n") {
			return variables(leases[n-1])
		}
	}
	d.t.Fatalf("no lease for the %d. time: %s", n, d.log())
	return nil
}

var leased = regexp.MustCompile(`^(BOUND|RENEW|REBIND|REBOOT)`)

// variables are those of a shell's set, without the prefix new_.
func variables(event string) map[string]string {
	found := map[string]string{}
	for _, line := range strings.Split(event, "\n") {
		if name, value, ok := strings.Cut(line, "="); ok {
			found[strings.TrimPrefix(name, "new_")] = strings.Trim(value, "'")
		}
	}
	return found
}
