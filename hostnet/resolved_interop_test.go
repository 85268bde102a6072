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
}
