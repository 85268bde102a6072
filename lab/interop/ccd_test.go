//go:build interop

package interop

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestClientConfigDir gives one client its own address and a route, and reaches
// the network behind it.
func TestClientConfigDir(t *testing.T) {
	t.Parallel()
	behind := netip.MustParseAddr("192.168.77.1")
	for _, who := range everyone {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			c.ip("addr", "add", behind.String()+"/24", "dev", "lo")
			dir := filepath.Join(s.dir, "ccd")
			text := "ifconfig-push 10.8.0.77 255.255.255.0\niroute 192.168.77.0 255.255.255.0\n" +
				"push-remove \"route 10.66\"\npush \"route 10.67.0.0 255.255.0.0\"\n"
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, clientName), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			server := serverParty(t, plain, "client-config-dir "+dir, "ccd-exclusive",
				"route 192.168.77.0 255.255.255.0", "push \"route 10.66.0.0 255.255.0.0\"")
			tun := dial(who, c, s, server, clientParty(t, plain), w.b4)
			if got := tun.clientIPv4.prefix.Addr(); got != netip.MustParseAddr("10.8.0.77") {
				t.Errorf("the client has %v", got)
			}
			c.ping(serverIPv4)
			s.ping(behind)
			routes := c.ip("route")
			if !contains(splitLines(routes), "10.67.0.0/16") || contains(splitLines(routes), "10.66.0.0/16") {
				t.Errorf("routes of the client:\n%s", routes)
			}
		})
	}
}

func splitLines(text string) []string { return strings.Split(text, "\n") }
