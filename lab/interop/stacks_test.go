//go:build interop

package interop

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// feature is what a stack can have of the adapter: a column of the table.
type feature string

const (
	ipv4Lease   feature = "IPv4 lease"
	ipv4Routes  feature = "routes"
	names       feature = "DNS"
	ipv6Address feature = "IPv6 address"
	ipv6Routes  feature = "IPv6 routes"
	names6      feature = "DNS, IPv6"
	changedPush feature = "changed push"
)

var features = []feature{ipv4Lease, ipv4Routes, names, ipv6Address, ipv6Routes, names6, changedPush}

// otherDNS is the name server that is pushed anew.
var otherDNS = netip.MustParseAddr("192.0.2.99")

// push is what a server pushes, and what a stack is to have of it.
type push struct {
	lines          []string // of the server
	ccd            string   // what it has for the client alone, if anything
	address4       netip.Prefix
	address6       netip.Addr
	routes4        []string // destinations
	routes6        []string
	dns, dns6      []string
	reach4, reach6 []netip.Addr // that answer pings from the client, the server first
}

// firstPush has routes, and name servers of which one lies beyond them.
func firstPush(topology string) push {
	return push{
		lines: []string{"explicit-exit-notify 1",
			`push "route 203.0.113.0 255.255.255.0"`, `push "route 172.16.0.0 255.240.0.0"`, `push "route-ipv6 2001:db8::/32"`,
			`push "dhcp-option DNS 10.8.0.1"`, `push "dhcp-option DNS 203.0.113.1"`, `push "dhcp-option DOMAIN inside.example"`},
		address4: map[string]netip.Prefix{
			"subnet": netip.MustParsePrefix("10.8.0.2/24"), "net30": netip.MustParsePrefix("10.8.0.6/30"), "p2p": netip.MustParsePrefix("10.8.0.4/32"),
		}[topology],
		address6: netip.MustParseAddr("fd00:8::1000"),
		routes4:  []string{"203.0.113.0/24", "172.16.0.0/12"}, routes6: []string{"2001:db8::/32"},
		dns: []string{"10.8.0.1", "203.0.113.1"}, dns6: []string{"fd00:8::1"},
		reach4: []netip.Addr{serverIPv4, farIPv4}, reach6: []netip.Addr{serverIPv6, farIPv6},
	}
}

// secondPush has another address, of the same network in one topology and of
// another one in the others, everything routed into the tunnel, and another
// name server.
func secondPush(topology string) push {
	p := push{
		lines:   []string{"explicit-exit-notify 1", `push "redirect-gateway def1 ipv6"`, `push "dhcp-option DNS ` + otherDNS.String() + `"`},
		routes4: []string{"0.0.0.0/1", "128.0.0.0/1"}, routes6: []string{"::/1", "8000::/1"},
		dns: []string{otherDNS.String()}, dns6: []string{"2001:db8::1"},
		reach4: []netip.Addr{serverIPv4, farIPv4, otherDNS}, reach6: []netip.Addr{serverIPv6, farIPv6},
	}
	if topology == "subnet" {
		p.address4, p.address6 = netip.MustParsePrefix("10.8.0.77/24"), netip.MustParseAddr("fd00:8::1077")
		p.ccd = "ifconfig-push 10.8.0.77 255.255.255.0\nifconfig-ipv6-push fd00:8::1077/64 fd00:8::1\n"
		return p
	}
	p.lines = append(p.lines, "server 10.9.0.0 255.255.255.0", "server-ipv6 fd00:9::/64") // of two, the last counts
	p.address4, p.address6 = netip.MustParsePrefix("10.9.0.6/30"), netip.MustParseAddr("fd00:9::1000")
	if topology == "p2p" {
		p.address4 = netip.MustParsePrefix("10.9.0.4/32")
	}
	p.reach4[0], p.reach6[0] = netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd00:9::1")
	return p
}

// from are the server's lines for a stack.
func (p push) from(n *netns, stack upperStack) []string {
	lines := p.lines
	if stack.lacks[names6] == "" {
		for _, server := range p.dns6 {
			lines = append(lines, `push "dhcp-option DNS6 `+server+`"`)
		}
	}
	if p.ccd != "" {
		lines = append(lines, "client-config-dir "+n.ccd(p.ccd))
	}
	return lines
}

// TestStacks: what a server pushes arrives where a host's own network
// configuration asks the adapter, and again when the server pushes anew. It
// holds docs/adapter.md against what was seen.
func TestStacks(t *testing.T) {
	culvert(t) // building it takes time that stacks would spend asking
	met := newSightings()
	together := make(chan struct{}, 8) // they wait more than they work
	var all sync.WaitGroup
	for _, stack := range upperStacks {
		for _, topology := range topologies {
			all.Go(func() {
				together <- struct{}{}
				defer func() { <-together }()
				t.Run(stack.name+"/"+topology, func(t *testing.T) {
					met.add(stack.name, topology, stackMeets(t, stack, topology))
				})
			})
		}
	}
	all.Wait()
	met.publish(t)
}

// stackMeets is the features of a stack that were seen; the test fails for each
// of the others that the stack is to have.
func stackMeets(t *testing.T, stack upperStack, topology string) (seen []feature) {
	t.Helper()
	l := newLab(t)
	u := underStack{stack, ethernetLab{client: l.machine("c"), server: l.host("s")}}
	u.remote = l.join(u.client, u.server).b4
	for _, far := range []netip.Addr{farIPv4, farIPv6, otherDNS} {
		u.server.ip("addr", "add", netip.PrefixFrom(far, far.BitLen()).String(), "dev", "lo")
	}
	u.client.udev()
	if stack.before != nil {
		stack.before(u.client)
	}
	first, second := firstPush(topology), secondPush(topology)
	c := plain
	c.topology = topology
	server := u.serve(serverParty(t, c, first.from(u.server, stack)...))
	client := u.connect(t, topology, stack.options(topology)...)
	if stack.after != nil {
		stack.after(u.client)
	}
	if seen = u.check(t, first); t.Failed() {
		return seen
	}
	if topology == "net30" { // as by a udev that is late
		u.client.ip("link", "set", "dev", tunDevice, "address", "02:00:5e:10:00:77")
	}
	if err := server.stop(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	u.serve(serverParty(t, c, second.from(u.server, stack)...))
	client.expect(initialized, 2, patience)
	if u.check(t, second); !t.Failed() {
		seen = append(seen, changedPush)
	}
	return seen
}

// ccd makes a directory with what the server has for the client alone.
func (n *netns) ccd(text string) (dir string) {
	n.t.Helper()
	dir = filepath.Join(n.dir, "ccd")
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, clientName), []byte(text), 0o644)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return dir
}

// underStack is a host whose adapter a stack has taken.
type underStack struct {
	upperStack
	ethernetLab
}

// check waits for the features of a push, and returns those that came; the
// test fails for each of the others that the stack is to have.
func (u underStack) check(t *testing.T, want push) (seen []feature) {
	t.Helper()
	for _, f := range features {
		look := u.looks(want)[f]
		if look == nil || u.lacks[f] != "" {
			continue
		}
		if got, ok := soon(look); ok {
			seen = append(seen, f)
		} else {
			t.Errorf("%s, %v later: %s", f, patience, got)
		}
	}
	return seen
}

// looks are how to see whether a feature of a push is there, and what there is.
func (u underStack) looks(want push) map[feature]func() (got string, ok bool) {
	return map[feature]func() (string, bool){
		ipv4Lease: func() (string, bool) {
			v4, _ := u.client.device(tunDevice)
			return v4.prefix.String(), v4.prefix == want.address4 && u.reaches(want.reach4[:1])
		},
		ipv4Routes: func() (string, bool) {
			got := u.client.ip("-4", "route", "show", "dev", tunDevice)
			return got, routed(got, want.routes4) && u.reaches(want.reach4)
		},
		names:  u.asks(want.dns),
		names6: u.asks(want.dns6),
		ipv6Address: func() (string, bool) {
			_, v6 := u.client.device(tunDevice)
			return v6.prefix.String(), v6.prefix.Addr() == want.address6 && u.reaches(want.reach6[:1])
		},
		ipv6Routes: func() (string, bool) {
			got := u.client.ip("-6", "route", "show", "dev", tunDevice)
			return got, routed(got, want.routes6) && (u.lacks[ipv6Address] != "" || u.reaches(want.reach6))
		},
	}
}

// asks is how to see whether the stack has name servers.
func (u underStack) asks(want []string) func() (got string, ok bool) {
	return func() (string, bool) {
		servers := u.dns(u.client)
		missing := func(s string) bool { return !slices.Contains(servers, s) }
		return strings.Join(servers, " "), !slices.ContainsFunc(want, missing)
	}
}

// soon looks until what it looks for is there, or patience ends.
func soon(look func() (got string, ok bool)) (got string, ok bool) {
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if got, ok = look(); ok || time.Now().After(deadline) {
			return got, ok
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
