//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// upperStack is what configures the network of a host: what finds our Ethernet
// adapter and asks there for addresses, routes and names.
type upperStack struct {
	name string
	// before starts it before the adapter is there, as a host does when it
	// boots; nil: it is for one device.
	before func(n *netns)
	// after starts it once the adapter is there.
	after func(n *netns)
	// dns are the name servers that it has now.
	dns func(n *netns) []string
	// renews says that it asks anew when its lease is to be renewed and not
	// before, whatever the adapter's carrier does.
	renews bool
	// lacks is what it does not do, whatever it is answered, with the reason.
	lacks map[feature]string
}

var upperStacks = []upperStack{
	{name: "systemd-networkd", before: (*netns).networkd, dns: (*netns).networkdDNS},
	{name: "NetworkManager", before: (*netns).networkManager, dns: (*netns).resolvers, renews: true},
	{name: "dhcpcd", before: (*netns).dhcpcd, dns: (*netns).resolvers},
	{name: "udhcpc", after: (*netns).udhcpcDaemon, dns: (*netns).resolvers, renews: true,
		lacks: map[feature]string{ipv6Address: "it has no DHCPv6"}},
	{name: "dhclient", after: (*netns).dhclients, dns: (*netns).resolvers, renews: true},
}

// networkd starts systemd-networkd.
func (n *netns) networkd() {
	n.put("/etc/systemd/network/50-vpn.network", networkdConf)
	n.output("chmod", "644", "/etc/systemd/network/50-vpn.network")
	n.start("networkd", "env", "SYSTEMD_LOG_LEVEL=debug", "/lib/systemd/systemd-networkd")
	n.eventually("networkd has started", func() bool { return n.answers("test", "-e", "/run/systemd/netif/state") })
}

const networkdConf = `[Match]
Name=` + tunDevice + `

[Network]
DHCP=yes
IPv6AcceptRA=yes
`

func (n *netns) networkdDNS() []string {
	text, _ := n.asks("sh", "-c", "cat /run/systemd/netif/links/$(cat /sys/class/net/"+tunDevice+"/ifindex)")
	for _, line := range strings.Split(text, "\n") {
		if list, ok := strings.CutPrefix(line, "DNS="); ok {
			return strings.Fields(list)
		}
	}
	return nil
}

// networkManager starts NetworkManager on a bus of the machine's own.
func (n *netns) networkManager() {
	n.put("/etc/NetworkManager/NetworkManager.conf", networkManagerConf)
	n.put("/etc/NetworkManager/system-connections/vpn.nmconnection", networkManagerConnection)
	n.startNetworkManager()
}

// startNetworkManager starts it with the files that it has been given.
func (n *netns) startNetworkManager() {
	n.t.Helper()
	n.start("bus", "dbus-daemon", "--system", "--nofork", "--nopidfile")
	n.eventually("the bus answers", func() bool {
		return n.answers("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId")
	})
	n.start("NetworkManager", "NetworkManager", "--debug", "--log-level=DEBUG")
	n.eventually("NetworkManager has started", func() bool { return n.answers("nmcli", "-w", "5", "general", "status") })
}

const (
	networkManagerConf = `[main]
plugins=keyfile
auth-polkit=false

[keyfile]
unmanaged-devices=interface-name:eth*
`
	networkManagerConnection = `[connection]
id=vpn
uuid=6d3b7c9e-0f0a-4c3e-9a55-3f6d0c1e7a10
type=tun
interface-name=` + tunDevice + `

[tun]
mode=2
vnet-hdr=true

[ipv4]
method=auto

[ipv6]
method=auto
`
)

// dhcpcd starts it for all devices there will be.
func (n *netns) dhcpcd() {
	n.output("sh", "-c", "printf '"+strings.ReplaceAll(dhcpcdConf, "\n", "\\n")+"' >>/etc/dhcpcd.conf")
	n.start("dhcpcd", "dhcpcd", "-B", "-d")
}

const dhcpcdConf = "\nallowinterfaces " + tunDevice + "\ninterface " + tunDevice + "\nnoipv6rs\nia_na 1\n"

// udhcpcDaemon starts udhcpc for the adapter.
func (n *netns) udhcpcDaemon() {
	script := n.program("udhcpc.script", udhcpcScript)
	n.start("udhcpc", "busybox", "udhcpc", "-f", "-i", tunDevice, "-O", "staticroutes", "-O", "search", "-s", script)
}

const udhcpcScript = `case $1 in
deconfig)
	ip link set dev $interface up
	ip -4 addr flush dev $interface
	;;
bound|renew)
	ip -4 addr flush dev $interface
	ip addr add $ip/$mask dev $interface
	set -- ${staticroutes:-${router:+0.0.0.0/0 $router}}
	while [ $# -gt 1 ]; do
		via="via $2 onlink"
		[ $2 != 0.0.0.0 ] || via=
		ip route replace $1 $via dev $interface
		shift 2
	done
	for server in $dns; do echo nameserver $server; done >/etc/resolv.conf
	;;
esac`

// dhclients starts Debian's, with Debian's script, for both families. The one
// for DHCPv6 needs a link-local address that has been checked.
func (n *netns) dhclients() {
	n.settled()
	for _, family := range []string{"-4", "-6"} {
		n.start("dhclient "+family, "dhclient", family, "-d", "-v", "-pf", filepath.Join(n.dir, "dhclient"+family+".pid"), tunDevice)
	}
}

func (n *netns) resolvers() (servers []string) {
	for _, line := range strings.Split(n.resolvConf(), "\n") {
		if server, ok := strings.CutPrefix(line, "nameserver "); ok {
			servers = append(servers, server)
		}
	}
	return servers
}

// udhcpc leases the address of the adapter, puts it there, and ends.
func (n *netns) udhcpc(t *testing.T) {
	t.Helper()
	n.output("busybox", "udhcpc", "-f", "-q", "-n", "-t", "10", "-T", "1", "-i", tunDevice, "-s", n.program("udhcpc.script", udhcpcScript))
}

// feature is what a stack can have of the adapter: a column of the table.
type feature string

const (
	ipv4Lease   feature = "IPv4 lease"
	ipv4Routes  feature = "routes"
	names       feature = "DNS"
	ipv6Address feature = "IPv6 address"
	ipv6Routes  feature = "IPv6 routes"
	changedPush feature = "changed push"
)

var features = []feature{ipv4Lease, ipv4Routes, names, ipv6Address, ipv6Routes, changedPush}

// push is what a server pushes, and what a stack is to have of it.
type push struct {
	lines          []string
	address4       netip.Prefix
	address6       netip.Addr
	routes4        []string // destinations
	routes6        []string
	dns            []string
	reach4, reach6 []netip.Addr // that answer pings from the client
}

// pushes are what is pushed first, and after the server's restart.
func pushes(topology string) (first, second push) {
	first = push{
		lines: []string{"explicit-exit-notify 1",
			`push "route 203.0.113.0 255.255.255.0"`, `push "route 172.16.0.0 255.240.0.0"`, `push "route-ipv6 2001:db8::/32"`,
			`push "dhcp-option DNS 10.8.0.1"`, `push "dhcp-option DNS 203.0.113.1"`, `push "dhcp-option DOMAIN inside.example"`},
		routes4: []string{"203.0.113.0/24", "172.16.0.0/12"}, routes6: []string{"2001:db8::/32"},
		dns:    []string{"10.8.0.1", "203.0.113.1"},
		reach4: []netip.Addr{serverIPv4, farIPv4}, reach6: []netip.Addr{serverIPv6, farIPv6},
	}
	second = push{
		lines:   []string{"explicit-exit-notify 1", `push "redirect-gateway def1 ipv6"`, `push "dhcp-option DNS 10.8.0.53"`},
		routes4: []string{"0.0.0.0/1", "128.0.0.0/1"}, routes6: []string{"::/1", "8000::/1"},
		dns:    []string{"10.8.0.53"},
		reach4: []netip.Addr{serverIPv4, farIPv4}, reach6: []netip.Addr{serverIPv6, farIPv6},
	}
	first.address6 = netip.MustParseAddr("fd00:8::1000")
	second.address6 = netip.MustParseAddr("fd00:8::1077")
	switch topology {
	case "subnet":
		first.address4, second.address4 = netip.MustParsePrefix("10.8.0.2/24"), netip.MustParsePrefix("10.8.0.77/24")
	case "net30":
		first.address4, second.address4 = netip.MustParsePrefix("10.8.0.6/30"), netip.MustParsePrefix("10.8.0.78/30")
	case "p2p":
		first.address4, second.address4 = netip.MustParsePrefix("10.8.0.4/32"), netip.MustParsePrefix("10.8.0.77/32")
	}
	return first, second
}

// ccd is the file that gives a client the second push's addresses.
func (p push) ccd(topology string) string {
	peer := "255.255.255.0"
	switch topology {
	case "net30":
		peer = "10.8.0.77"
	case "p2p":
		peer = serverIPv4.String()
	}
	return fmt.Sprintf("ifconfig-push %v %s\nifconfig-ipv6-push %v/64 %v\n", p.address4.Addr(), peer, p.address6, serverIPv6)
}

// seen is what stacks had: by stack, feature and topology.
type seen map[string]map[feature][]string

// TestStacks: what a server pushes arrives where a host's own network
// configuration asks the adapter, and again when the server pushes anew.
func TestStacks(t *testing.T) {
	for _, stack := range upperStacks {
		for _, topology := range topologies {
			t.Run(stack.name+"/"+topology, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				e := ethernetLab{client: l.machine("c"), server: l.host("s")}
				e.remote = l.join(e.client, e.server).b4
				for _, far := range []netip.Addr{farIPv4, farIPv6, netip.MustParseAddr("10.8.0.53")} {
					e.server.ip("addr", "add", netip.PrefixFrom(far, far.BitLen()).String(), "dev", "lo")
				}
				e.client.udev()
				if stack.before != nil {
					stack.before(e.client)
				}
				first, second := pushes(topology)
				c := plain
				c.topology = topology
				server := e.serve(serverParty(t, c, first.lines...))
				options := []string{"adapter ethernet dhcp"}
				if stack.renews {
					options = append(options, "ip-win32 dynamic 0 30")
				}
				client := e.connect(t, topology, options...)
				if stack.after != nil {
					stack.after(e.client)
				}
				u := underStack{stack, e}
				for _, f := range features[:5] {
					u.check(t, f, first)
				}
				if t.Failed() {
					return
				}
				dir := filepath.Join(e.server.dir, "ccd")
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, clientName), []byte(second.ccd(topology)), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := server.stop(os.Interrupt); err != nil {
					t.Fatal(err)
				}
				e.serve(serverParty(t, c, append(second.lines, "client-config-dir "+dir)...))
				client.expect(initialized, 2, patience)
				for _, f := range features[:5] {
					u.check(t, f, second)
				}
			})
		}
	}
}

// underStack is a host whose adapter a stack has taken.
type underStack struct {
	upperStack
	ethernetLab
}

// check waits until a feature of a push is there.
func (u underStack) check(t *testing.T, f feature, want push) {
	t.Helper()
	if u.lacks[f] != "" {
		return
	}
	var got string
	u.eventually(t, f, &got, func() bool {
		switch f {
		case ipv4Lease:
			v4, _ := u.client.device(tunDevice)
			got = fmt.Sprint(v4.prefix)
			return v4.prefix == want.address4 && u.reaches(want.reach4[:1])
		case ipv4Routes:
			got = u.client.ip("-4", "route", "show", "dev", tunDevice)
			return routed(got, want.routes4) && u.reaches(want.reach4)
		case names:
			servers := u.dns(u.client)
			got = strings.Join(servers, " ")
			return !slices.ContainsFunc(want.dns, func(s string) bool { return !slices.Contains(servers, s) })
		case ipv6Address:
			_, v6 := u.client.device(tunDevice)
			got = fmt.Sprint(v6.prefix)
			return v6.prefix.Addr() == want.address6 && u.reaches(want.reach6[:1])
		default:
			got = u.client.ip("-6", "route", "show", "dev", tunDevice)
			return routed(got, want.routes6) && (u.lacks[ipv6Address] != "" || u.reaches(want.reach6))
		}
	})
}

func (u underStack) eventually(t *testing.T, f feature, got *string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%s: %s", f, *got)
			return
		}
	}
}

// routed reports whether routes to all destinations are shown.
func routed(shown string, destinations []string) bool {
	for _, d := range destinations {
		if !strings.Contains("\n"+shown, "\n"+d+" ") {
			return false
		}
	}
	return true
}

func (u underStack) reaches(all []netip.Addr) bool {
	for _, a := range all {
		if !u.client.answers("ping", "-n", "-c", "1", "-W", "1", a.String()) {
			return false
		}
	}
	return true
}
