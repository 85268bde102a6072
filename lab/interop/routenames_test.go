//go:build interop

package interop

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRoutesByName keeps a host that is known by its name alone out of a full
// tunnel for both families, and takes names in what a server pushes where the
// client allows it.
func TestRoutesByName(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			in := newInternet(t)
			in.server.run(stock, in.server.serverConfig(serverParty(t, plain, `push "redirect-gateway def1 ipv6"`, `push "route pushed.test 255.255.255.255 net_gateway"`))).up()
			names := "198.51.100.53 files.test\n2001:db8::53 files.test\n198.51.100.54 pushed.test\n"
			if err := os.WriteFile(filepath.Join(etcDir(in.client.name), "hosts"), []byte(names), 0o644); err != nil {
				t.Fatal(err)
			}
			before := in.client.state()
			ways := map[string]string{"198.51.100.53": "eth0", "2001:db8::53": "eth0", "198.51.100.54": "eth0", "198.51.100.55": tunDevice, "2001:db8::55": tunDevice}
			lines := []string{"allow-pull-fqdn", "route files.test 255.255.255.255 net_gateway", "route-ipv6 files.test/128 net_gateway_ipv6"}
			if impl.name == stock.name { // which leads IPv6 into a tun adapter whatever the gateway
				ways["2001:db8::53"] = tunDevice
			}
			p := in.client.run(impl, in.client.clientConfig(clientParty(t, plain, lines...), in.serverIPv4)).up()
			for to, dev := range ways {
				if got := in.client.ip("route", "get", netip.MustParseAddr(to).String()); !strings.Contains(got, "dev "+dev) {
					t.Errorf("the way to %s is not by %s: %s", to, dev, got)
				}
			}
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
			in.sameState(t, before)
		})
	}
}
