//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBlockLocal leads the client's own network into the tunnel, all but the
// gateway and the server, and gives it back.
func TestBlockLocal(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			in := newInternet(t)
			in.server.run(stock, in.server.serverConfig(serverParty(t, plain, `push "redirect-gateway def1 block-local"`))).up()
			before := in.client.state()
			p := in.client.run(impl, in.client.clientConfig(clientParty(t, plain), in.serverIPv4)).up()
			for dst, dev := range map[string]string{"198.18.0.77": tunDevice, "198.18.0.177": tunDevice, "198.18.0.2": "eth0", in.serverIPv4.String(): "eth0"} {
				if got := in.client.ip("route", "get", dst); !strings.Contains(got, "dev "+dev) {
					t.Errorf("the way to %s is not by %s: %s", dst, dev, got)
				}
			}
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
			in.sameState(t, before)
		})
	}
}

// TestDevNode opens the TUN driver by another node, and says what is wrong
// with one that is none.
func TestDevNode(t *testing.T) {
	t.Parallel()
	node := filepath.Join(t.TempDir(), "tun")
	mustRun(t, "mknod", node, "c", "10", "200")
	for _, who := range formatPairings {
		tun := connect(t, who, serverParty(t, plain, "dev-node "+node), clientParty(t, plain, "dev-node "+node))
		tun.client.ping(serverIPv4)
	}
	c := newLab(t).host("c")
	for bad, want := range map[string]string{"/dev/null": "no TUN driver behind /dev/null", "/nonexistent": "/nonexistent is not there"} {
		s := c.run(ours, c.serverConfig(serverParty(t, plain, "dev-node "+bad)))
		if s.wait(patience) == nil || !strings.Contains(s.log(), want) {
			t.Errorf("%s: %s", bad, s.log())
		}
	}
}
