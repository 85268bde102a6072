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
)

// splitWorld is an internet with a name server at either side: the server's, which knows
// corp.example, and that of the client's network, which tells something else about it.
type splitWorld struct {
	*internet
	inside, outside *process // name servers
}

// What the two name servers say. wrong is what nobody may hear.
var (
	outsideHost = netip.MustParseAddr("198.18.0.2") // the router
	wrong       = netip.MustParseAddr("192.0.2.66")
)

// newSplitWorld starts the name servers and a stock server that pushes lines.
func newSplitWorld(t *testing.T, push ...string) *splitWorld {
	w := &splitWorld{internet: newInternet(t)}
	w.server.forward()
	w.web.defaultVia(w.webWire.a4, w.webWire.a6)
	w.server.run(stock, w.server.serverConfig(serverParty(t, plain, push...))).up()
	w.inside = w.server.nameServer(serverIPv4, "--listen-address="+serverIPv6.String(), "--local=/example/",
		fmt.Sprintf("--host-record=intranet.corp.example,%v,%v", w.webWire.b4, w.webWire.b6), "--cname=www.corp.example,intranet.corp.example",
		"--host-record=edge.cdn.example,"+w.webWire.b4.String(), "--cname=cdn.corp.example,edge.cdn.example")
	w.outside = w.router.nameServer(outsideHost, "--host-record=news.other.example,"+outsideHost.String()+",fd00:e0::2",
		fmt.Sprintf("--address=/corp.example/%v", wrong), fmt.Sprintf("--address=/cdn.example/%v", wrong))
	w.client.setResolvConf("nameserver " + outsideHost.String() + "\nsearch before.example\noptions timeout:2\n")
	return w
}

// lookup returns what a program of the client's host hears of a name, in one line.
func (w *splitWorld) lookup(name string) string {
	w.client.t.Helper()
	return strings.Join(strings.Fields(w.client.output("sh", "-c", "getent ahosts "+name+" | awk '$2 == \"STREAM\" { print $1 }' | sort; true")), " ")
}

// knows wants each name to be what its own name server says.
func (w *splitWorld) knows(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{
		"intranet.corp.example": fmt.Sprint(w.webWire.b4, " ", w.webWire.b6), "www.corp.example": fmt.Sprint(w.webWire.b4, " ", w.webWire.b6),
		"news.other.example": fmt.Sprint(outsideHost, " fd00:e0::2"), "nobody.corp.example": "",
	} {
		if got := w.lookup(name); got != want {
			t.Errorf("%s: heard %q, want %q", name, got, want)
		}
	}
}

// apart wants no name to have been asked at the wrong side.
func (w *splitWorld) apart(t *testing.T) {
	t.Helper()
	for what, c := range map[string]struct {
		server *process
		asked  string // a name that it has to have been asked for
		never  *regexp.Regexp
	}{
		"outside": {w.outside, "news.other.example", regexp.MustCompile(`query\[\w+\] \S*corp\.example `)},
		"inside":  {w.inside, "intranet.corp.example", regexp.MustCompile(`query\[\w+\] \S*other\.example `)},
	} {
		log := c.server.log()
		if !strings.Contains(log, " "+c.asked+" ") {
			t.Errorf("%s: nobody asked for %s", what, c.asked)
		}
		if bad := c.never.FindString(log); bad != "" {
			t.Errorf("%s: %s", what, bad)
		}
	}
}

// TestSplitNames: where a server pushes that it is to be asked for some domains alone, a host
// whose resolver cannot do that asks for them through the tunnel, and for no others, whatever
// rights the client keeps. A clean end leaves the host as it was.
func TestSplitNames(t *testing.T) {
	t.Parallel()
	dns := []string{`push "dns server 0 address 10.8.0.1 fd00:8::1"`, `push "dns server 0 resolve-domains corp.example"`}
	for name, c := range map[string]struct{ push, extra []string }{
		"root":                {dns, nil},
		"user nobody":         {dns, []string{"user nobody", "group nogroup"}},
		"chroot, dhcp-option": {[]string{`push "dhcp-option DNS 10.8.0.1"`, `push "dhcp-option DOMAIN-ROUTE corp.example"`}, []string{"user nobody", "chroot " + t.TempDir()}},
		"all in the tunnel":   {append([]string{`push "redirect-gateway def1"`, `push "route-ipv6 2000::/3"`}, dns...), []string{"route 198.18.0.0 255.255.255.0 net_gateway"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newSplitWorld(t, c.push...)
			before := w.client.state()
			client := w.client.run(ours, w.client.clientConfig(clientParty(t, plain, c.extra...), w.serverIPv4)).up()
			w.knows(t)
			w.apart(t)
			if log := client.log(); strings.Contains(log, "cannot ask for") {
				t.Error("the client says that names cannot be divided")
			}
			if conf := w.client.resolvConf(); !strings.Contains(conf, "nameserver 127.94.0.1\n") || !strings.Contains(conf, "search before.example") || !strings.Contains(conf, "timeout:2") {
				t.Errorf("resolv.conf:\n%s", conf)
			}
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			w.sameState(t, before)
		})
	}
}

// TestSplitNamesKilled: another program's resolv.conf is taken in while the client runs. After
// kill -9, no name goes to a wrong place, and culvert cleanup and the next start mend the host.
func TestSplitNamesKilled(t *testing.T) {
	t.Parallel()
	w := newSplitWorld(t, `push "dns server 0 address 10.8.0.1"`, `push "dns server 0 resolve-domains corp.example"`)
	before := w.client.state()
	config := w.client.clientConfig(clientParty(t, plain), w.serverIPv4)
	client := w.client.run(ours, config).up()
	w.knows(t)
	if err := os.WriteFile(filepath.Join(etcDir(w.client.name), "resolv.conf"), []byte("nameserver "+outsideHost.String()+"\n# by dhclient\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	w.client.eventually("the file points at the resolver again", func() bool { return strings.Contains(w.client.resolvConf(), "nameserver 127.94.0.1\n") })
	w.knows(t)
	client.kill()
	if got := w.lookup("intranet.corp.example") + w.lookup("news.other.example"); got != "" {
		t.Errorf("after kill -9, names are %q", got)
	}
	client = w.client.run(ours, config).up()
	client.expect(regexp.MustCompile(`undid what a killed process left`), 1, patience)
	w.knows(t)
	client.kill()
	said := w.client.output(culvert(t), "cleanup", "--state-dir", filepath.Join(w.client.dir, "state"))
	if !strings.Contains(said, "put /etc/resolv.conf back") {
		t.Errorf("culvert cleanup says: %s", said)
	}
	w.client.setResolvConf("nameserver " + outsideHost.String() + "\nsearch before.example\noptions timeout:2\n")
	w.sameState(t, before)
	w.apart(t)
}

// TestSplitNamesTaken: where another resolver holds port 53 at every address, all names are asked
// through the tunnel, and it is said why.
func TestSplitNamesTaken(t *testing.T) {
	t.Parallel()
	w := newSplitWorld(t, `push "dns server 0 address 10.8.0.1"`, `push "dns server 0 resolve-domains corp.example"`)
	other := w.client.start("dnsmasq everywhere", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--user=root", "--no-resolv", "--no-hosts",
		"--pid-file="+filepath.Join(w.client.dir, "dns.pid"))
	other.expect(regexp.MustCompile(`dnsmasq.*: started`), 1, patience)
	client := w.client.run(ours, w.client.clientConfig(clientParty(t, plain), w.serverIPv4)).up()
	client.expect(regexp.MustCompile(`cannot ask for corp.example alone, and culvert's own cannot run: port 53 is taken on all of loopback`), 1, patience)
	if got, want := w.lookup("intranet.corp.example"), fmt.Sprint(w.webWire.b4, " ", w.webWire.b6); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}
