//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	return newInternet(t).divided(t, push...)
}

func (in *internet) divided(t *testing.T, push ...string) *splitWorld {
	w := &splitWorld{internet: in}
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

// apart wants no name to have been asked at the wrong side. Name servers log a little later
// than they answer, so it has a last name asked at each side, and waits until that is logged.
func (w *splitWorld) apart(t *testing.T) {
	t.Helper()
	for what, c := range map[string]struct {
		server *process
		last   string
		never  *regexp.Regexp
	}{
		"outside": {w.outside, "last.other.example", regexp.MustCompile(`query\[\w+\] \S*corp\.example `)},
		"inside":  {w.inside, "last.corp.example", regexp.MustCompile(`query\[\w+\] \S*other\.example `)},
	} {
		w.lookup(c.last)
		w.client.eventually(c.last+" was asked for "+what, func() bool { return strings.Contains(c.server.log(), " "+c.last+" ") })
		if bad := c.never.FindString(c.server.log()); bad != "" {
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
	w.apart(t)
	client.kill()
	said := w.client.output(culvert(t), "cleanup", "--state-dir", filepath.Join(w.client.dir, "state"))
	if !strings.Contains(said, "put /etc/resolv.conf back") {
		t.Errorf("culvert cleanup says: %s", said)
	}
	w.client.setResolvConf("nameserver " + outsideHost.String() + "\nsearch before.example\noptions timeout:2\n")
	w.sameState(t, before)
}

// TestSplitNamesTaken: where another resolver holds port 53 at every address, all names are asked
// through the tunnel, and it is said why.
func TestSplitNamesTaken(t *testing.T) {
	t.Parallel()
	w := newSplitWorld(t, `push "dns server 0 address 10.8.0.1"`, `push "dns server 0 resolve-domains corp.example"`)
	w.client.dnsmasq("--no-resolv", "--no-hosts").expect(dnsmasqUp, 1, patience)
	client := w.client.run(ours, w.client.clientConfig(clientParty(t, plain), w.serverIPv4)).up()
	client.expect(regexp.MustCompile(`cannot ask for corp.example alone, and culvert's own cannot run: port 53 is taken on all of loopback`), 1, patience)
	if got, want := w.lookup("intranet.corp.example"), fmt.Sprint(w.webWire.b4, " ", w.webWire.b6); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// choosingNames is a client's host between two ways to one web server, with a name server on
// each, and captures of both ways.
type choosingNames struct {
	*splitWorld
	captures map[string]*process // by device
	impl     implementation      // the client
	dev      string              // its adapter
}

// The web server's other addresses, which names of the world outside have; and the name server
// outside, to which packets go into the tunnel where all do.
var (
	otherIPv4, otherIPv6 = netip.MustParseAddr("198.18.2.3"), netip.MustParseAddr("fd00:e2::3")
	farDNS               = netip.MustParseAddr("203.0.113.53")
)

// newChoosingNames has lines more in the server's configuration.
func newChoosingNames(t *testing.T, lines ...string) *choosingNames {
	return newInternet(t).choosingNames(t, slices.Concat(namesPushed, lines)...)
}

// namesPushed are all of a host's traffic, and name servers for all names.
var namesPushed = append([]string{`push "dhcp-option DNS6 ` + serverIPv6.String() + `"`}, everythingPushed...)

func (in *internet) choosingNames(t *testing.T, push ...string) *choosingNames {
	c := &choosingNames{splitWorld: in.divided(t, push...), captures: map[string]*process{}, impl: ours, dev: tunDevice}
	c.router.defaultVia(c.serverIPv4, c.serverIPv6)
	c.router.ip("addr", "add", farDNS.String()+"/32", "dev", "lo")
	c.web.ip("addr", "add", otherIPv4.String()+"/24", "dev", "eth2")
	c.web.ip("addr", "add", otherIPv6.String()+"/64", "dev", "eth2", "nodad")
	for _, at := range []netip.Addr{otherIPv4, otherIPv6} {
		c.web.helper("serve", netip.AddrPortFrom(at, 80).String()).listenAddress()
	}
	corp := []string{"--local=/example/", fmt.Sprintf("--host-record=six.corp.example,%v", c.webWire.b6), fmt.Sprintf("--host-record=four.corp.example,%v", c.webWire.b4),
		fmt.Sprintf("--host-record=edge.cdn.example,%v", c.webWire.b4), "--cname=cdn.corp.example,edge.cdn.example", fmt.Sprintf("--host-record=web.inside.example,%v", c.webWire.b4)}
	other := []string{"--local=/before.example/", fmt.Sprintf("--host-record=%s,%v", movingName, c.serverIPv4), fmt.Sprintf("--host-record=four.other.example,%v", otherIPv4), fmt.Sprintf("--host-record=six.other.example,%v", otherIPv6)}
	c.inside.kill()
	c.outside.kill()
	c.inside = c.server.nameServer(serverIPv4, append(corp, "--listen-address="+serverIPv6.String())...)
	c.outside = c.router.nameServer(farDNS, append(other, fmt.Sprintf("--address=/corp.example/%v", wrong), fmt.Sprintf("--address=/cdn.example/%v", wrong))...)
	c.client.setResolvConf("nameserver " + farDNS.String() + "\n")
	return c
}

// begin connects a client with lines more, and captures what goes each way.
func (c *choosingNames) begin(t *testing.T, lines ...string) *process {
	t.Helper()
	p := c.client.run(c.impl, c.client.clientConfig(clientParty(t, plain, lines...), c.serverIPv4)).up()
	for _, dev := range []string{"eth0", c.dev} {
		c.captures[dev] = c.client.start("capture of "+dev, "tcpdump", "-n", "-l", "-p", "-i", dev, "port 80 or port 53")
		c.captures[dev].expect(regexp.MustCompile("listening on"), 1, patience)
	}
	return p
}

// goes wants each name's web server to be reached by a way alone, from its first packet on.
func (c *choosingNames) goes(t *testing.T, by string, names ...string) {
	t.Helper()
	a4, a6 := c.client.device(by)
	for _, name := range names {
		got, err := c.client.fetch("http://" + name)
		seen, bad := netip.ParseAddrPort(strings.TrimSpace(got))
		if err != nil || bad != nil || seen.Addr() != a4.prefix.Addr() && seen.Addr() != a6.prefix.Addr() {
			t.Errorf("%s: seen as %q, %v; want %v or %v", name, got, err, a4.prefix.Addr(), a6.prefix.Addr())
		}
	}
}

// separate wants no packet to have gone the way that is not its own: none with an address or a
// name of corp by one device, and none of other by the other.
func (c *choosingNames) separate(t *testing.T, corpBy, otherBy string) {
	t.Helper()
	corp := fmt.Sprintf(`(?m)^.* (%v|%v)\.80[: ].*$|^.*corp\.example.*$|^.*cdn\.example.*$`, regexp.QuoteMeta(c.webWire.b4.String()), c.webWire.b6)
	other := fmt.Sprintf(`(?m)^.* (%v|%v)\.80[: ].*$|^.*other\.example.*$`, regexp.QuoteMeta(otherIPv4.String()), otherIPv6)
	for what, way := range map[string]struct{ re, by, not string }{"corp": {corp, corpBy, otherBy}, "other": {other, otherBy, corpBy}} {
		re := regexp.MustCompile(way.re)
		c.client.eventually(what+" is seen by "+way.by, func() bool { return c.captures[way.by].count(re) > 8 })
		if bad := re.FindString(c.captures[way.not].log()); bad != "" {
			t.Errorf("%s by %s: %s", what, way.not, bad)
		}
	}
}

// TestChosenNames: with route-only, names of a domain are asked inside, and packets to their
// addresses go inside, the first one included, over IPv4 and IPv6, also where a name leads out
// of the domain; all else is asked and goes outside. With route-except it is the other way
// round, though the name server outside is itself reached through the tunnel otherwise. It is
// so although the server pushes block-outside-dns.
func TestChosenNames(t *testing.T) {
	t.Parallel()
	corp, other := []string{"four.corp.example", "six.corp.example", "cdn.corp.example"}, []string{"four.other.example", "six.other.example"}
	for name, lines := range map[string][]string{
		"only": {"route-only *.corp.example"}, "only, user nobody": {"route-only *.corp.example", "user nobody", "group nogroup"},
		"except": {"route-except *.other.example"}, "except, chroot": {"route-except *.other.example", "user nobody", "chroot " + t.TempDir()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChoosingNames(t, `push "block-outside-dns"`)
			before := c.client.state()
			client := c.begin(t, lines...)
			c.goes(t, tunDevice, corp...)
			c.goes(t, "eth0", other...)
			c.separate(t, tunDevice, "eth0")
			status := c.client.output(c.client.command("status")...)
			word, _, _ := strings.Cut(name, ",")
			if !regexp.MustCompile(`(?m)^`+word+`: \*\.\w+\.example$`).MatchString(status) || !regexp.MustCompile(`(?m)^addresses of chosen names: [2-9]$`).MatchString(status) {
				t.Errorf("the status says\n%s", status)
			}
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			c.sameState(t, before)
		})
	}
}

// TestChosenProxies: without a device and without rights, the proxies send each connection the
// way that its name or address has, and names are asked there.
func TestChosenProxies(t *testing.T) {
	t.Parallel()
	c := newChoosingNames(t)
	config := forNobody(t, c.client.clientConfig(clientParty(t, plain), c.serverIPv4))
	c.client.start("culvert connect", append(asNobody, program(t), "connect", config, "--only", "*.corp.example", "--only", otherIPv6.String(), "--socks", "127.0.0.1:1080", "--http", "127.0.0.1:8080")...).up()
	c.captures["eth0"] = c.client.start("capture", "tcpdump", "-n", "-l", "-p", "-i", "eth0", "port 80 or port 53")
	c.captures["eth0"].expect(regexp.MustCompile("listening on"), 1, patience)
	eth4, _ := c.client.device("eth0")
	for _, proxy := range []string{"socks5h://127.0.0.1:1080", "http://127.0.0.1:8080"} {
		for name, outside := range map[string]bool{"four.corp.example": false, "six.corp.example": false, "four.other.example": true, "six.other.example": false, otherIPv4.String(): true} {
			got, err := c.client.fetchBy(proxy, "http://"+name)
			seen, bad := netip.ParseAddrPort(got)
			inner := innerIPv4.Contains(seen.Addr()) || innerIPv6.Contains(seen.Addr())
			if err != nil || bad != nil || outside != (seen.Addr() == eth4.prefix.Addr()) || outside == inner {
				t.Errorf("%s by %s: seen as %q, %v; outside %v", name, proxy, got, err, outside)
			}
		}
	}
	c.client.eventually("the capture sees what goes outside", func() bool { return strings.Contains(c.captures["eth0"].log(), "four.other.example") })
	if bad := regexp.MustCompile(`.*corp\.example.*|.* fd00:e2::\d\.80[: ].*`).FindString(c.captures["eth0"].log()); bad != "" {
		t.Errorf("outside: %s", bad)
	}
}
