//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// choosing is an internet whose web server can be reached through the tunnel and past it:
// it says which way a request came, by the source that it sees. The server pushes that all
// is led inside.
type choosing struct {
	*internet
	outside, inside map[bool]netip.Addr // the client's addresses; of IPv6: true
	captures        map[string]*process // on each way
}

func newChoosing(t *testing.T, lines ...string) *choosing {
	in := newInternet(t)
	in.server.forward()
	in.web.defaultVia(in.webWire.a4, in.webWire.a6)
	in.router.defaultVia(in.serverIPv4, in.serverIPv6)
	in.server.run(stock, in.server.serverConfig(serverParty(t, plain, append(lines, everythingPushed...)...))).up()
	a4, a6 := in.client.device("eth0")
	return &choosing{internet: in, outside: map[bool]netip.Addr{false: a4.prefix.Addr(), true: a6.prefix.Addr()}}
}

// connect runs a client of ours with lines more. It has control groups, which `ip netns
// exec` hides.
func (c *choosing) connect(t *testing.T, lines ...string) *process {
	t.Helper()
	config := c.client.clientConfig(clientParty(t, plain, lines...), c.serverIPv4)
	p := c.client.start("ours", append(grouped, culvert(t), "--config", config, "--state-dir", c.stateDir())...).up()
	c.watch()
	return p
}

// watch captures what a client that is up sends each way from now on.
func (c *choosing) watch() {
	v4, v6 := c.client.device(tunDevice)
	c.inside = map[bool]netip.Addr{false: v4.prefix.Addr(), true: v6.prefix.Addr()}
	c.captures = map[string]*process{}
	for _, dev := range []string{"eth0", tunDevice} {
		c.captures[dev] = c.client.start("capture of "+dev, "tcpdump", "-n", "-l", "-p", "-i", dev, "tcp port 80")
		c.captures[dev].expect(regexp.MustCompile("listening on"), 1, patience)
	}
}

func (c *choosing) stateDir() string { return filepath.Join(c.client.dir, "state") }

// grouped runs a command where control groups are to be seen.
var grouped = []string{"sh", "-c", `mount -t cgroup2 none /sys/fs/cgroup && exec "$@"`, "sh"}

// get asks a web server in the shell, so that anybody can run it.
const get = `exec 3<>/dev/tcp/%s/80 && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3`

// goes has a command, which gets a shell's script for its last argument, fetch from the web
// server, and wants it to come the one way or the other: by what the web server saw, and by
// captures on both.
func (c *choosing) goes(t *testing.T, inside bool, web netip.Addr, command ...string) {
	t.Helper()
	argv := append(slices.Clone(command), "bash", "-c", fmt.Sprintf(get, web))
	p := c.client.start("get", argv...)
	err, out := p.wait(patience), p.log()
	seen, bad := netip.ParseAddrPort(strings.TrimSpace(out))
	want, by := c.outside[web.Is6()], "eth0"
	if inside {
		want, by = c.inside[web.Is6()], tunDevice
	}
	if err != nil || bad != nil || seen.Addr() != want {
		t.Errorf("%v of %v: seen as %q, %v; want %v", command, web, out, err, want)
		return
	}
	from := fmt.Sprintf(".%d > ", seen.Port())
	c.client.eventually("the capture of "+by+" has it", func() bool { return c.captured(from, web)[by] > 0 })
	for dev, n := range c.captured(from, web) {
		if dev != by && n > 0 {
			t.Errorf("%v of %v: %d packets by %s", command, web, n, dev)
		}
	}
}

// captured counts the packets to a web server by each way, from what ends in some text.
func (c *choosing) captured(from string, web netip.Addr) map[string]int {
	n := map[string]int{}
	for dev, p := range c.captures {
		n[dev] = strings.Count(p.log(), from+web.String()+".80")
	}
	return n
}

// as has a command run by another user.
func as(user string) []string { return []string{"setpriv", "--reuid", user, "--clear-groups"} }

// networks are those of the web server.
func (c *choosing) networks() []string {
	return []string{netip.PrefixFrom(c.webWire.b4, 24).Masked().String(), netip.PrefixFrom(c.webWire.b6, 64).Masked().String()}
}

// TestOnlyNetworks: nothing of what the server pushes leads inside but the networks that
// are named.
func TestOnlyNetworks(t *testing.T) {
	t.Parallel()
	c := newChoosing(t)
	before := c.client.state()
	nets := c.networks()
	p := c.connect(t, "route-only "+nets[0])
	c.goes(t, true, c.webWire.b4)
	c.goes(t, false, c.webWire.b6)
	for _, dst := range []string{"203.0.113.7", "fd00:cafe::7", "8.8.8.8", "2001:db8::8"} {
		if got := c.client.ip("route", "get", dst); strings.Contains(got, "dev "+tunDevice) {
			t.Errorf("%s is led inside: %s", dst, got)
		}
	}
	if strings.Contains(c.client.resolvConf(), pushedDNS) {
		t.Error("names are asked inside")
	}
	p.stop(syscall.SIGTERM)
	c.sameState(t, before)

	p = c.connect(t, "route-except "+nets[0], "route-except "+nets[1])
	c.goes(t, false, c.webWire.b4)
	c.goes(t, false, c.webWire.b6)
	if got := c.client.ip("route", "get", "8.8.8.8"); !strings.Contains(got, "dev "+tunDevice) {
		t.Errorf("all else is not led inside: %s", got)
	}
	p.stop(syscall.SIGTERM)
	c.sameState(t, before)
}

// TestChosenPrograms: with all of a host outside, a user's programs and one that is started
// inside go through the tunnel, beside others that do not; with all inside, the reverse.
// Nothing is left, also after kill -9.
func TestChosenPrograms(t *testing.T) {
	t.Parallel()
	c := newChoosing(t)
	c.client.nft(`table inet others { chain output { type filter hook output priority 0; ct mark 7 counter; }; }`)
	before := c.client.state()
	webs := c.webAddresses()
	run := func(more ...string) []string {
		return append(append(append([]string{}, grouped...), culvert(t), "run", "--state-dir", c.stateDir()), append(more, "--")...)
	}
	p := c.connect(t, "route-only user nobody", "route-only program", "route-only cgroup gone")
	p.expect(regexp.MustCompile(`control group gone: it is not there yet`), 1, patience)
	for _, web := range webs {
		c.goes(t, false, web)
		c.goes(t, true, web, as("nobody")...)
		c.goes(t, true, web, run()...)
		c.goes(t, true, web, run("--user", "daemon")...)
	}
	p.stop(syscall.SIGTERM)
	c.sameState(t, before)

	p = c.connect(t, "route-except user nobody", "route-except program")
	for _, web := range webs {
		c.goes(t, true, web)
		c.goes(t, false, web, as("nobody")...)
		c.goes(t, false, web, run("--outside")...)
	}
	refused := c.client.start("run", append(run(), "true")...)
	if refused.wait(patience) == nil || !strings.Contains(refused.log(), "route-only program") {
		t.Errorf("inside, where that is not asked for: %s", refused.log())
	}
	p.kill()
	c.client.output(append(append([]string{}, grouped...), culvert(t), "cleanup", "--state-dir", c.stateDir())...)
	c.sameState(t, before)
}

// TestTwoChoosing: two clients on a host lead a user's programs each, by marks, tables and
// rules of their own. What one of them cannot carry is refused at once, and does not leave
// by another way; when it ends, the other stays as it was.
func TestTwoChoosing(t *testing.T) {
	t.Parallel()
	c := newChoosing(t, "duplicate-cn")
	before := c.client.state()
	web4, web6 := c.webWire.b4, c.webWire.b6
	first := c.connect(t, "nobind", "route-only user nobody", `pull-filter ignore "ifconfig-ipv6"`)
	config := c.client.clientConfig(clientParty(t, plain, "nobind", "dev tun7", "route-only user daemon"), c.serverIPv4)
	second := c.client.start("second", culvert(t), "--config", config, "--state-dir", c.stateDir()).up()
	other, _ := c.client.device("tun7")

	c.goes(t, false, web4)
	c.goes(t, true, web4, as("nobody")...)
	refused := c.client.start("get", append(as("nobody"), "bash", "-c", fmt.Sprintf(get, web6))...)
	if refused.wait(patience) == nil || !strings.Contains(refused.log(), "refused") || c.captured("> ", web6)["eth0"] > 0 {
		t.Errorf("IPv6: %s, and %d packets outside", refused.log(), c.captured("> ", web6)["eth0"])
	}
	daemon := func() {
		p := c.client.start("get", append(as("daemon"), "bash", "-c", fmt.Sprintf(get, web4))...)
		if err := p.wait(patience); err != nil || !strings.Contains(p.log(), other.prefix.Addr().String()+":") {
			t.Errorf("by the second: %v, %s", err, p.log())
		}
	}
	daemon()
	first.stop(syscall.SIGTERM)
	c.goes(t, false, web4, as("nobody")...)
	daemon()
	second.stop(syscall.SIGTERM)
	c.sameState(t, before)
}

// BenchmarkChosen has a stream through the tunnel with 10,000 addresses of chosen names and
// without, in turn, and prints the median rates in MB/s.
func BenchmarkChosen(b *testing.B) {
	const names = 10000
	benchmarkLine(b, "chosen", "route-only corp.example", func(client *netns) {
		var elements []string
		for i := range names {
			elements = append(elements, fmt.Sprintf("100.64.%d.%d timeout 1h", i>>8, i&255))
		}
		client.nft("add element inet culvert-chosen-" + tunDevice + " names4 { " + strings.Join(elements, ", ") + " }")
	})
}
