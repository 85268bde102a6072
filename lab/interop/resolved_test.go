//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// The names are of org.freedesktop.resolve1(5).
const (
	resolvedName = "org.freedesktop.resolve1"
	resolvedPath = "/org/freedesktop/resolve1"
)

// linkServer is a server in the property DNSEx: a(iiayqs).
type linkServer struct {
	Index, Family int32
	Addr          []byte
	Port          uint16
	Name          string
}

// linkDomain is one in Domains: a(isb).
type linkDomain struct {
	Index     int32
	Name      string
	RouteOnly bool
}

// resolved stands in for systemd-resolved on a bus of a test's own.
type resolved struct {
	conn  *dbus.Conn
	props *prop.Properties

	mu      sync.Mutex
	servers []linkServer
	domains []linkDomain
}

// startResolved runs a bus and the stand-in, which has one link with a name
// server, and returns the bus's address.
func startResolved(t *testing.T, n *netns, index int, server netip.Addr) (r *resolved, address string) {
	t.Helper()
	address = "unix:path=" + filepath.Join(n.dir, "bus")
	n.start("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--print-address", "--address="+address).
		expect(regexp.MustCompile("^unix:path="), 1, patience)
	r = &resolved{conn: must(dbus.Connect(address))}
	t.Cleanup(func() { r.conn.Close() })
	r.servers = []linkServer{{Index: int32(index), Family: 2, Addr: server.AsSlice()}}
	r.domains = []linkDomain{}
	r.props = must(prop.Export(r.conn, resolvedPath, prop.Map{resolvedName + ".Manager": {
		"DNSEx": {Value: r.servers}, "Domains": {Value: r.domains}, "DNSOverTLS": {Value: "no"}}}))
	if err := r.conn.Export(r, resolvedPath, resolvedName+".Manager"); err != nil {
		t.Fatal(err)
	}
	must(prop.Export(r.conn, linkPath(int32(index)), prop.Map{resolvedName + ".Link": {"DefaultRoute": {Value: true}, "DNSOverTLS": {Value: "no"}}}))
	must(r.conn.RequestName(resolvedName, dbus.NameFlagDoNotQueue))
	return r, address
}

func linkPath(index int32) dbus.ObjectPath {
	return dbus.ObjectPath(resolvedPath + "/link/_" + strconv.Itoa(int(index)))
}

func (r *resolved) GetLink(index int32) (dbus.ObjectPath, *dbus.Error) { return linkPath(index), nil }

func (r *resolved) SetLinkDNS(index int32, servers []struct {
	Family int32
	Addr   []byte
}) *dbus.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range servers {
		r.servers = append(r.servers, linkServer{Index: index, Family: s.Family, Addr: s.Addr})
	}
	r.props.SetMust(resolvedName+".Manager", "DNSEx", r.servers)
	return nil
}

func (r *resolved) SetLinkDomains(index int32, domains []struct {
	Name      string
	RouteOnly bool
}) *dbus.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range domains {
		r.domains = append(r.domains, linkDomain{index, d.Name, d.RouteOnly})
	}
	r.props.SetMust(resolvedName+".Manager", "Domains", r.domains)
	return nil
}

func (*resolved) SetLinkDefaultRoute(int32, bool) *dbus.Error { return nil }
func (*resolved) RevertLink(int32) *dbus.Error                { return nil }

// TestServerMovesWithResolved: of systemd-resolved's links, the others are asked,
// although all names are the tunnel's by now, and its stub has no answer.
func TestServerMovesWithResolved(t *testing.T) {
	t.Parallel()
	m := newMoving(t)
	stub := netip.MustParseAddr("127.0.0.53")
	m.client.setResolvConf(fmt.Sprintf("nameserver %v\n", stub))
	forwarder := m.client.nameServer(stub, "--server="+worldDNS.String())
	m.answers(m.world, worldDNS, movingAt[0])
	index := must(strconv.Atoi(strings.TrimSpace(m.client.output("cat", "/sys/class/net/eth0/ifindex"))))
	r, address := startResolved(t, m.client, index, worldDNS)
	move := func() {
		forwarder.kill() // the tunnel's servers would be asked now
		m.answers(m.world, worldDNS, movingAt[1])
	}
	m.run(t, plain, nil, nil, move, func(config string) *process {
		// It is the system's own only to who shares the network of process 1.
		return m.client.start("ours client", append([]string{"env", "DBUS_SYSTEM_BUS_ADDRESS=" + address,
			"unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGTERM"},
			ours.command(t, config, filepath.Join(m.client.dir, "state"))...)...)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.servers) < 2 || len(r.domains) == 0 {
		t.Errorf("the tunnel's name server was not set: %v, %v", r.servers, r.domains)
	}
	onlyOurName(t, m.dnsmasq)
}
