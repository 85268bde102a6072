//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// splitPushed are name servers for one domain, which is searched, too.
var splitPushed = []string{`push "dns server 0 address 10.8.0.1 fd00:8::1"`, `push "dns server 0 resolve-domains corp.example"`, `push "dns search-domains corp.example"`}

// told wants systemd-resolved to have servers for domains at the tunnel's link, soon.
func (c *choosingNames) told(t *testing.T, dns, domains string) {
	t.Helper()
	want := dns + " for " + domains
	says := func() string {
		return c.client.linkSays("dns", tunDevice) + " for " + c.client.linkSays("domain", tunDevice)
	}
	for deadline := time.Now().Add(patience); says() != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the tunnel's link has %q, want %q", says(), want)
		}
	}
}

// links are what systemd-resolved has for all links.
func (n *netns) links() string {
	return n.resolvectl("dns") + n.resolvectl("domain") + n.resolvectl("default-route")
}

// TestResolvedNames: systemd-resolved is told whom to ask at the tunnel's link, and for which
// names; each is asked there and nowhere else, packets go by its answers, and a clean end takes
// all of it back.
func TestResolvedNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines   []string
		domains string // of the tunnel's link
	}{
		"only":   {[]string{"route-only *.corp.example"}, "inside.example ~."},
		"except": {[]string{"route-except *.other.example", "user nobody", "group nogroup"}, "inside.example ~."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := resolvedNames(t, namesPushed...)
			before, links := w.client.state(), w.client.links()
			client := w.begin(t, c.lines...)
			w.told(t, "127.94.0.1", c.domains)
			w.goes(t, tunDevice, "four.corp.example", "six.corp.example", "cdn.corp.example")
			w.goes(t, "eth0", "four.other.example", "six.other.example")
			w.separate(t, tunDevice, "eth0")
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			w.sameState(t, before)
			if after := w.client.links(); after != links {
				t.Errorf("systemd-resolved has\n%s\nand had\n%s", after, links)
			}
		})
	}
}

// TestResolvedSplit: what others tell systemd-resolved of the tunnel's link is set right again,
// and so is what it forgets in a restart; while it is away, its files are left alone, and a new
// start of the client or `culvert cleanup` takes back what one that was killed left at an adapter
// that stays. It asks the tunnel's servers though all are to be asked by TLS.
func TestResolvedSplit(t *testing.T) {
	t.Parallel()
	w, resolved := resolvedNames(t, splitPushed...)
	n := w.client
	resolved.stop(syscall.SIGTERM)
	n.output("sh", "-c", `printf '[Resolve]\nDNSOverTLS=yes\n' >/etc/systemd/resolved.conf.d/tls.conf`)
	resolved = n.resolved()
	n.resolvectl("dnsovertls", "eth0", "no")
	n.ip("tuntap", "add", "dev", tunDevice, "mode", "tun")
	config := n.clientConfig(clientParty(t, plain), w.serverIPv4)
	whole := func() {
		t.Helper()
		w.told(t, "10.8.0.1 fd00:8::1", "corp.example")
		n.eventually("other names are not asked at the tunnel's link", func() bool { return n.linkSays("default-route", tunDevice) == "no" })
		for name, want := range map[string]netip.Addr{"four.corp.example": w.webWire.b4, "four": w.webWire.b4, "four.other.example": otherIPv4} {
			n.eventually(fmt.Sprint(name, " is ", want), func() bool { return w.lookup(name) == want.String() })
		}
	}
	client := n.run(ours, config).up()
	whole()
	for _, args := range [][]string{{"revert", tunDevice}, {"domain", tunDevice, "~."}, {"default-route", tunDevice, "yes"}, {"dns", tunDevice, "192.0.2.1"}, {"dnsovertls", tunDevice, "yes"}} {
		n.resolvectl(args...)
		whole()
	}

	stub := n.resolvConf()
	resolved.stop(syscall.SIGTERM)
	n.ip("route", "add", "192.0.2.0/24", "dev", "eth0")
	time.Sleep(time.Second) // the client looks at a host whose network has changed
	if now := n.resolvConf(); now != stub {
		t.Errorf("while systemd-resolved is away, its file says\n%s", now)
	}
	resolved = n.resolved()
	whole()
	resolved.kill()
	n.output("rm", "-r", "/run/systemd/resolve/netif")
	n.resolved()
	n.resolvectl("dns", "eth0", farDNS.String())
	n.resolvectl("dnsovertls", "eth0", "no")
	whole()

	client.cmd.Process.Signal(syscall.SIGUSR1)
	client.expect(initialized, 2, patience)
	whole()
	if err := os.WriteFile(config, []byte(mustRead(t, config)+"route-only 192.0.2.128/25\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	client.cmd.Process.Signal(syscall.SIGHUP)
	client.expect(initialized, 3, patience)
	whole()
	client.kill()
	client = n.run(ours, config).up()
	client.expect(regexp.MustCompile(`undid what a killed process left`), 1, patience)
	whole()
	w.apart(t)
	client.kill()
	said := n.output(culvert(t), "cleanup", "--state-dir", filepath.Join(n.dir, "state"))
	if left := n.linkSays("dns", tunDevice) + n.linkSays("domain", tunDevice); left != "" || !strings.Contains(said, "systemd-resolved") {
		t.Errorf("left %q; culvert cleanup says: %s", left, said)
	}
}

// TestResolvedInside: with all traffic in the tunnel, so are all names, but for those of the
// uplink's own domains, which systemd-resolved asks there; with block-outside-dns or the kill
// switch, these are asked nowhere. The server's name is asked outside in each case.
func TestResolvedInside(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		push, line string
		uplinks    bool // the uplink's domains are asked there
	}{
		"redirect-gateway": {uplinks: true}, "block-outside-dns": {push: `push "block-outside-dns"`}, "kill switch": {line: "block-outside"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := resolvedNames(t, append([]string{c.push}, namesPushed...)...)
			outside := w.client.leaving("eth0", "port 53 or port 853")
			client := w.client.run(ours, w.client.byName(w.client.clientConfig(clientParty(t, plain, c.line), w.serverIPv4), w.serverIPv4)).up()
			w.told(t, "fd00:8::1 10.8.0.1", "inside.example ~.")
			for name, want := range map[string]string{"four.corp.example": w.webWire.b4.String(), "web": w.webWire.b4.String(), "uplink.before.example": "", "four.other.example": ""} {
				if got := w.lookup(name); got != want {
					t.Errorf("%s: heard %q, want %q", name, got, want)
				}
			}
			seen := packets(outside)
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if got := w.lookup("four.other.example"); got != otherIPv4.String() {
				t.Errorf("afterwards, four.other.example is %q", got)
			}
			w.client.eventually("the capture sees what gets out", func() bool { return strings.Contains(outside.log(), "? four.other.example.") })
			uplinks := 0
			for _, line := range seen {
				switch {
				case strings.Contains(line, ".before.example. "):
					uplinks++
				case !strings.Contains(line, "? "+movingName+". "):
					t.Errorf("asked outside: %s", line)
				}
			}
			if (uplinks > 0) != c.uplinks {
				t.Errorf("%d questions for names of the uplink's domain are seen there", uplinks)
			}
		})
	}
}
