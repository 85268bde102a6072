//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// asNobody is the start of a command line that runs the rest without rights.
var asNobody = []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}

// forNobody is a copy of a file that everybody may read, in a directory that
// everybody may enter.
func forNobody(t *testing.T, path string) string {
	t.Helper()
	dir := must(os.MkdirTemp("", "culvert-nobody-"))
	t.Cleanup(func() { os.RemoveAll(dir) })
	copied := filepath.Join(dir, filepath.Base(path))
	for _, err := range []error{os.Chmod(dir, 0o755), os.WriteFile(copied, must(os.ReadFile(path)), 0o644), os.Chmod(copied, 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// program is the program under test where everybody may run it.
func program(t *testing.T) string {
	t.Helper()
	path := forNobody(t, culvert(t))
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUserSpaceServer carries a stock client's TCP, UDP and pings to the web
// server by sockets of a process without rights or device.
func TestUserSpaceServer(t *testing.T) {
	t.Parallel()
	in := newInternet(t)
	in.unreachable(t)
	in.server.output("sysctl", "-qw", "net.ipv4.ping_group_range=0 65534")
	before := in.server.state()
	p := serverParty(t, plain, `push "redirect-gateway def1 ipv6"`)
	config := must(os.ReadFile(in.server.serverConfig(p)))
	for name, text := range map[string]string{"ca": p.ca, "cert": p.identity.cert, "key": p.identity.key, "tls-crypt-v2": p.v2} {
		line := regexp.MustCompile(`(?m)^` + name + ` .*$`)
		config = line.ReplaceAllLiteral(config, []byte("<"+name+">\n"+text+"</"+name+">"))
	}
	config = append(config, "\nallow-lan\n"...) // the web server is on a wire of its host's
	conf := forNobody(t, in.server.file("inline.conf", string(config)))
	in.server.start("culvert serve", append(asNobody, program(t), "serve", conf)...).up()
	client := in.client.run(stock, in.client.clientConfig(clientParty(t, plain), in.serverIPv4)).up()
	in.client.settle()

	in.fetchFrom(t, in.webWire.b4, in.webWire.a4)
	in.fetchFrom(t, in.webWire.b6, in.webWire.a6)
	in.client.ping(in.webWire.b4)
	in.client.ping(in.webWire.b6)
	transfer(t, in.client, in.web, in.webWire.b4, 10<<20)
	for _, at := range in.webAddresses() {
		echo := in.web.helper("echo", netip.AddrPortFrom(at, 0).String()).listenAddress()
		if got := in.client.helper("ask", echo); got.wait(patience) != nil {
			t.Errorf("UDP to %s: %s", echo, got.log())
		}
	}
	client.kill()
	if after := in.server.state(); after != before {
		t.Errorf("the server's host was changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// TestUserSpaceClient fetches through a stock server by the proxies of a client
// without rights or device.
func TestUserSpaceClient(t *testing.T) {
	t.Parallel()
	in := newRedirected(t)
	before := in.client.state()
	config := forNobody(t, in.client.clientConfig(clientParty(t, plain), in.serverIPv4))
	in.client.start("culvert connect", append(asNobody, program(t), "connect", config, "--socks", "127.0.0.1:1080", "--http", "127.0.0.1:8080")...).up()
	for _, proxy := range []string{"socks5h://127.0.0.1:1080", "http://127.0.0.1:8080"} {
		for _, at := range in.webAddresses() {
			got, err := in.client.fetchBy(proxy, webURL(at))
			from, _ := netip.ParseAddrPort(got)
			if err != nil || !innerIPv4.Contains(from.Addr()) && !innerIPv6.Contains(from.Addr()) {
				t.Errorf("%v by %s: the web server saw %q: %v", at, proxy, got, err)
			}
		}
	}
	if after := in.client.state(); after != before {
		t.Errorf("the client's host was changed.\nbefore:\n%s\nafter:\n%s", before, after)
	}
}

// settle waits until the kernel has done with the tunnel's new addresses: before,
// it may choose another device's for a source.
func (n *netns) settle() {
	n.t.Helper()
	for end := time.Now().Add(patience); strings.TrimSpace(n.ip("-6", "addr", "show", "dev", tunDevice, "tentative")) != ""; {
		if time.Now().After(end) {
			n.t.Fatal("the tunnel's address stays tentative")
		}
	}
}

// fetchBy is fetch by a proxy.
func (n *netns) fetchBy(proxy, url string) (string, error) {
	n.t.Helper()
	argv := []string{"env", helperEnv + "=1", "HTTP_PROXY=" + proxy, must(os.Executable()), "fetch", url}
	p := n.start("fetch by "+proxy, argv...)
	if err := p.wait(patience); err != nil {
		return "", fmt.Errorf("%w: %s", err, p.log())
	}
	return strings.TrimSpace(p.log()), nil
}
