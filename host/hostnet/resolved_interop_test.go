//go:build interop

package hostnet

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// fakeResolved answers as systemd-resolved's manager and notes the calls.
type fakeResolved struct{ calls []string }

func (f *fakeResolved) note(format string, args ...any) *dbus.Error {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	return nil
}

func (f *fakeResolved) SetLinkDNS(link int32, servers []resolvedServer) *dbus.Error {
	return f.note("SetLinkDNS %d %v", link, servers)
}

func (f *fakeResolved) SetLinkDNSEx(link int32, servers []resolvedServerEx) *dbus.Error {
	return f.note("SetLinkDNSEx %d %v", link, servers)
}

func (f *fakeResolved) SetLinkDomains(link int32, domains []resolvedDomain) *dbus.Error {
	return f.note("SetLinkDomains %d %v", link, domains)
}

func (f *fakeResolved) SetLinkDefaultRoute(link int32, on bool) *dbus.Error {
	return f.note("SetLinkDefaultRoute %d %v", link, on)
}

func (f *fakeResolved) SetLinkDNSOverTLS(link int32, mode string) *dbus.Error {
	return f.note("SetLinkDNSOverTLS %d %s", link, mode)
}

func (f *fakeResolved) GetLink(int32) (dbus.ObjectPath, *dbus.Error) { return "/link", nil }

func (f *fakeResolved) RevertLink(link int32) *dbus.Error { return f.note("RevertLink %d", link) }

// startBus runs a bus of the test's own in place of the system's.
func startBus(t *testing.T) {
	t.Helper()
	cmd := exec.Command("dbus-daemon", "--session", "--nofork", "--print-address", "--address=unix:path="+t.TempDir()+"/bus")
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	check(t, err)
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", strings.TrimSpace(address))
}

func TestLiveResolvedCalls(t *testing.T) {
	startBus(t)
	ctx, k := context.Background(), linux{}
	if k.hasResolved(ctx) {
		t.Fatal("answers before it is there")
	}
	bus, err := dbus.ConnectSystemBus()
	check(t, err)
	defer bus.Close()
	fake := new(fakeResolved)
	check(t, bus.Export(fake, resolvedPath, resolvedName+".Manager"))
	_, err = bus.RequestName(resolvedName, dbus.NameFlagDoNotQueue)
	check(t, err)
	if !k.hasResolved(ctx) {
		t.Error("does not answer")
	}
	check(t, k.setLinkDNS(ctx, "lo", DNS{Servers: servers("10.8.0.1", "fd00::1"), Search: []string{"corp.example"}}))
	check(t, k.setLinkDNS(ctx, "lo", DNS{Servers: servers("10.8.0.1"), Domains: []string{"corp.example"}}))
	other := servers("10.8.0.1")
	other[0] = netip.AddrPortFrom(other[0].Addr(), 5353)
	check(t, k.setLinkDNS(ctx, "lo", DNS{Servers: other}))
	check(t, k.revertLinkDNS(ctx, "lo"))
	mustEqual(t, lines(fake.calls...), lines(
		"SetLinkDNS 1 [{2 [10 8 0 1]} {10 [253 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1]}]",
		"SetLinkDomains 1 [{corp.example false} {. true}]",
		"SetLinkDefaultRoute 1 true",
		"SetLinkDNS 1 [{2 [10 8 0 1]}]",
		"SetLinkDomains 1 [{corp.example true}]",
		"SetLinkDefaultRoute 1 false",
		"SetLinkDNSEx 1 [{2 [10 8 0 1] 5353 }]",
		"SetLinkDomains 1 [{. true}]",
		"SetLinkDefaultRoute 1 true",
		"RevertLink 1",
	))

	fake.calls = nil
	_, err = prop.Export(bus, resolvedPath, prop.Map{resolvedName + ".Manager": {"Domains": {Value: []managedDomain{{1, ".", true}}},
		"DNSEx": {Value: []managedServer{{1, 2, []byte{10, 8, 0, 1}, 0, ""}, {0, 2, []byte{192, 0, 2, 1}, 0, ""}}}}})
	check(t, err)
	_, err = prop.Export(bus, "/link", prop.Map{resolvedName + ".Link": {"DNSOverTLS": {Value: "yes"}, "DefaultRoute": {Value: true}}})
	check(t, err)
	check(t, k.setLinkDNS(ctx, "lo", DNS{Servers: servers("10.8.0.1")}))
	mustEqual(t, lines(fake.calls...), lines("SetLinkDNS 1 [{2 [10 8 0 1]}]", "SetLinkDNSOverTLS 1 no", "SetLinkDomains 1 [{. true}]", "SetLinkDefaultRoute 1 true"))
}

// TestLiveResolvedLinks: of the servers that systemd-resolved has, those of other
// links are read, newer and older ways, and how they are to be asked.
func TestLiveResolvedLinks(t *testing.T) {
	startBus(t)
	ctx, k := context.Background(), linux{}
	if _, err := k.linkResolvers(ctx, "lo", "vpn.example"); err == nil {
		t.Error("answered without a bus")
	}
	bus, err := dbus.ConnectSystemBus()
	check(t, err)
	defer bus.Close()
	export := func(path dbus.ObjectPath, kind string, values map[string]any) {
		t.Helper()
		props := make(map[string]*prop.Prop)
		for name, value := range values {
			props[name] = &prop.Prop{Value: value}
		}
		_, err := prop.Export(bus, path, prop.Map{resolvedName + "." + kind: props})
		check(t, err)
	}
	check(t, bus.Export(fakeLinks{}, resolvedPath, resolvedName+".Manager"))
	_, err = bus.RequestName(resolvedName, dbus.NameFlagDoNotQueue)
	check(t, err)
	tunnel, wlan, other := []byte{10, 8, 0, 1}, []byte{192, 168, 1, 1}, []byte{192, 0, 2, 2}
	export("/link/_70001", "Link", map[string]any{"DefaultRoute": true, "DNSOverTLS": "yes"})
	export("/link/_70002", "Link", map[string]any{"DefaultRoute": false, "DNSOverTLS": "opportunistic"})
	ask := func(name string) string {
		t.Helper()
		r, err := k.linkResolvers(ctx, "lo", name)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%v search %v", r.Servers, r.Search)
	}
	domains := []managedDomain{{1, ".", true}, {70002, "corp.example", true}, {70001, "home", false}}
	export(resolvedPath, "Manager", map[string]any{"DNSOverTLS": "no", "Domains": domains, "DNSEx": []managedServer{
		{1, 2, tunnel, 0, ""}, {70001, 2, wlan, 0, "dns.example"}, {70002, 2, other, 5353, ""}}})
	mustEqual(t, ask("vpn.example"), "[{192.168.1.1:853 true dns.example}] search [home]")
	mustEqual(t, ask("a.corp.example"), "[{192.0.2.2:5353 false }] search [home]")
	export(resolvedPath, "Manager", map[string]any{"DNSOverTLS": "yes", "Domains": domains, "DNS": []managedServerOld{
		{1, 2, tunnel}, {0, 2, other}}})
	mustEqual(t, ask("vpn.example"), "[{192.0.2.2:853 true }] search []")
	export(resolvedPath, "Manager", map[string]any{"DNSOverTLS": "no", "Domains": domains, "DNS": []managedServerOld{{1, 2, tunnel}}})
	mustEqual(t, ask("vpn.example"), errNoServers.Error())
}

// fakeLinks has any link.
type fakeLinks struct{}

func (fakeLinks) GetLink(index int32) (dbus.ObjectPath, *dbus.Error) {
	return dbus.ObjectPath(fmt.Sprintf("/link/_%d", index)), nil
}
