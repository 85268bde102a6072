//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
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
		lacks: map[feature]string{ipv6Address: "it has no DHCPv6", names6: "it has no DHCPv6"}},
	{name: "dhclient", after: (*netns).dhclients, dns: (*netns).resolvers, renews: true,
		lacks: map[feature]string{names6: "its script lets one take the other's place"}},
}

// options are those of an adapter for the stack. In one topology our program
// gives up root.
func (s upperStack) options(topology string) []string {
	options := []string{"adapter ethernet dhcp"}
	if s.renews {
		options = append(options, "ip-win32 dynamic default 30")
	}
	if topology == "p2p" {
		options = append(options, "user nobody", "group nogroup")
	}
	return options
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

// startNetworkManager starts a bus, and it with the files that it has been
// given.
func (n *netns) startNetworkManager() *process {
	n.t.Helper()
	n.bus()
	return n.manager()
}

// bus starts a system bus of the machine's own.
func (n *netns) bus() {
	n.t.Helper()
	n.start("bus", "dbus-daemon", "--system", "--nofork", "--nopidfile")
	n.eventually("the bus answers", func() bool {
		return n.answers("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId")
	})
}

// manager starts NetworkManager alone.
func (n *netns) manager() *process {
	n.t.Helper()
	p := n.start("NetworkManager", "NetworkManager", "--debug", "--log-level=DEBUG")
	n.eventually("NetworkManager has started", func() bool { return n.answers("nmcli", "-w", "5", "general", "status") })
	return p
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
dhcp-timeout=2147483647

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

// udhcpc leases an address for a device, puts it there, and ends.
func (n *netns) udhcpc(t *testing.T, dev string) {
	t.Helper()
	n.output("busybox", "udhcpc", "-f", "-q", "-n", "-t", "10", "-T", "1", "-i", dev, "-s", n.program("udhcpc.script", udhcpcScript))
}
