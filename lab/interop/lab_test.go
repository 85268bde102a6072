//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// lab is a set of network namespaces that one test owns. It is gone when the
// test ends.
type lab struct {
	t      testing.TB
	serial int64
	links  int
}

// Names carry the pid of the run, so that runs side by side do not meet and
// leftovers of dead ones are known as such.
const namePrefix = "cv"

var labs atomic.Int64

func newLab(t testing.TB) *lab {
	return &lab{t: t, serial: labs.Add(1)}
}

// resolvConf is what every namespace starts with.
const resolvConf = "nameserver 192.0.2.53\nsearch before.example\n"

// netns is one network namespace: a host of the lab.
type netns struct {
	t     testing.TB
	name  string
	dir   string   // private to this host: configurations, state
	enter []string // the command line before that of a program of this host
}

// host makes a namespace with its own /etc/resolv.conf and loopback up.
func (l *lab) host(role string) *netns {
	l.t.Helper()
	name := fmt.Sprintf("%s%d-%d%s", namePrefix, os.Getpid(), l.serial, role)
	n := &netns{l.t, name, l.t.TempDir(), []string{"ip", "netns", "exec", name}}
	l.t.Cleanup(func() { removeNamespace(n.name) })
	if err := os.MkdirAll(etcDir(n.name), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(etcDir(n.name), "resolv.conf"), []byte(resolvConf), 0o644); err != nil {
		l.t.Fatal(err)
	}
	l.t.Log("namespace", n.name)
	mustRun(l.t, "ip", "netns", "add", n.name)
	n.ip("link", "set", "lo", "up")
	return n
}

// A wire is one veth pair with the addresses of both ends.
type wire struct{ a4, a6, b4, b6 netip.Addr }

// join lays a wire between two hosts: device ethN on each, where N counts the
// wires of the lab from 0; a has the addresses ending in 1, b those in 2.
func (l *lab) join(a, b *netns) wire {
	l.t.Helper()
	n := l.links
	l.links++
	dev := fmt.Sprint("eth", n)
	w := wire{
		a4: addr("198.18.%d.1", n), a6: addr("fd00:e%d::1", n),
		b4: addr("198.18.%d.2", n), b6: addr("fd00:e%d::2", n),
	}
	mustRun(l.t, "ip", "link", "add", dev, "netns", a.name, "type", "veth", "peer", "name", dev, "netns", b.name)
	a.up(dev, w.a4, w.a6)
	b.up(dev, w.b4, w.b6)
	for _, n := range []*netns{a, b} {
		n.eventually("the kernel knows that "+dev+" has a carrier", func() bool {
			return !strings.Contains(n.ip("route", "show", "table", "all", "dev", dev)+n.ip("-6", "route", "show", "table", "all", "dev", dev), "linkdown")
		})
	}
	return w
}

func addr(format string, n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf(format, n)) }

// up gives dev its addresses. The link-local one, without which no host
// forwards IPv6, is ours as well, and none is checked for duplicates: nothing
// may change later by itself.
func (n *netns) up(dev string, v4, v6 netip.Addr) {
	n.t.Helper()
	n.ip("link", "set", dev, "addrgenmode", "none")
	n.ip("addr", "add", v4.String()+"/24", "dev", dev)
	n.ip("addr", "add", v6.String()+"/64", "dev", dev, "nodad")
	n.ip("addr", "add", linkLocal(v6).String()+"/64", "dev", dev, "nodad")
	n.ip("link", "set", dev, "up")
}

// linkLocal has the last byte of an address.
func linkLocal(a netip.Addr) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: a.As16()[15]})
}

// defaultVia routes everything to a neighbour.
func (n *netns) defaultVia(v4, v6 netip.Addr) {
	n.t.Helper()
	n.ip("route", "add", "default", "via", v4.String())
	n.ip("-6", "route", "add", "default", "via", v6.String())
}

// forward makes the host a router.
func (n *netns) forward() {
	n.t.Helper()
	n.output("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
}

// ip runs iproute2 on the host and returns what it prints.
func (n *netns) ip(args ...string) string {
	n.t.Helper()
	return mustRun(n.t, "ip", append([]string{"-n", n.name}, args...)...)
}

// output runs a program on the host to its end and returns what it prints.
func (n *netns) output(argv ...string) string {
	n.t.Helper()
	argv = n.exec(argv)
	return mustRun(n.t, argv[0], argv[1:]...)
}

// exec is the command line that runs argv on the host.
func (n *netns) exec(argv []string) []string {
	return append(slices.Clone(n.enter), argv...)
}

// nft loads a ruleset on the host, in one step.
func (n *netns) nft(rules string) {
	n.t.Helper()
	n.output("nft", "-f", n.file("rules.nft", rules))
}

// resolvConf is the host's /etc/resolv.conf as it is now.
func (n *netns) resolvConf() string {
	n.t.Helper()
	return n.output("cat", "/etc/resolv.conf")
}

// state is everything about the host that a client changes, as text.
func (n *netns) state() string {
	n.t.Helper()
	return strings.Join([]string{
		n.ip("route", "show", "table", "all"), n.ip("-6", "route", "show", "table", "all"),
		n.ip("addr"), n.ip("rule"), n.ip("-6", "rule"),
		n.output("sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"),
		n.output("nft", "list", "ruleset"), n.resolvConf(),
	}, "\n")
}

// deviceAddress is one address of a device; peer is not valid on a device
// that is no point-to-point link.
type deviceAddress struct {
	prefix netip.Prefix
	peer   netip.Addr
}

// device returns the IPv4 and the global IPv6 address of a device.
func (n *netns) device(dev string) (v4, v6 deviceAddress) {
	n.t.Helper()
	var out []struct {
		Info []struct {
			Scope     string     `json:"scope"`
			Local     netip.Addr `json:"local"`
			Address   netip.Addr `json:"address"` // the peer, where there is one
			PrefixLen int        `json:"prefixlen"`
		} `json:"addr_info"`
	}
	if err := json.Unmarshal([]byte(n.ip("-j", "addr", "show", "dev", dev)), &out); err != nil {
		n.t.Fatal(err)
	}
	for _, link := range out {
		for _, a := range link.Info {
			if a.Scope == "link" || !a.Local.IsValid() {
				continue
			}
			d := deviceAddress{netip.PrefixFrom(a.Local, a.PrefixLen), a.Address}
			if a.Local.Is4() {
				v4 = d
			} else {
				v6 = d
			}
		}
	}
	return v4, v6
}

// mustRun runs a short command to its end and returns its standard output. What
// it says beside that, as ip does while another test's namespace goes away, is
// for the log of a failure.
func mustRun(t testing.TB, name string, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

// environment is what everything started here gets. Namespaces of the network
// do not cut off a system bus, so it is named away: no test may reach the
// resolver of the host.
func environment() []string {
	return append(os.Environ(), "LC_ALL=C", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent")
}

func etcDir(namespace string) string { return filepath.Join("/etc/netns", namespace) }

// removeNamespace deletes a namespace, its files, and what still runs in it.
func removeNamespace(name string) {
	pids, _ := exec.Command("ip", "netns", "pids", name).Output()
	for _, field := range strings.Fields(string(pids)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	exec.Command("ip", "netns", "del", name).Run()
	os.RemoveAll(etcDir(name))
}

var ourName = regexp.MustCompile(`^` + namePrefix + `(\d+)-`)

// sweep removes the namespaces of runs that are no more.
func sweep() {
	for _, dir := range []string{"/run/netns", "/etc/netns"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			m := ourName.FindStringSubmatch(e.Name())
			if m == nil {
				continue
			}
			pid, _ := strconv.Atoi(m[1])
			if syscall.Kill(pid, 0) == syscall.ESRCH {
				removeNamespace(e.Name())
			}
		}
	}
}
