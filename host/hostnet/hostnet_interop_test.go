//go:build interop

package hostnet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// The test binary runs itself in a namespace, in the role that this variable
// names, as the process that changes the host.
const roleVar, stateVar, dirVar = "HOSTNET_TEST_ROLE", "HOSTNET_TEST_STATE", "HOSTNET_TEST_DIR"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVar); role {
	case "":
		os.Exit(m.Run())
	case "cleanup":
		lines, err := Cleanup(context.Background(), os.Getenv(dirVar))
		fmt.Println(strings.Join(lines, "\n"))
		if err != nil {
			fmt.Println("error:", err)
		}
	default:
		play(role)
	}
}

// play applies and answers on stdout, then does what stdin says, a State for
// an Update or "undo", answering each with a line.
func play(role string) {
	if role == "device" { // of this process, gone with it
		tap := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "tun0"}, Mode: netlink.TUNTAP_MODE_TAP, NonPersist: true, Queues: 1}
		if err := netlink.LinkAdd(tap); err != nil {
			fmt.Println("error:", err)
			return
		}
		defer tap.Fds[0].Close()
	}
	a, err := Apply(context.Background(), stateOf(os.Getenv(stateVar)), Options{StateDir: os.Getenv(dirVar)})
	fmt.Println("applied:", err)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		if in.Text() == "undo" {
			fmt.Println("undone:", a.Undo(context.Background()))
			continue
		}
		if args, ok := strings.CutPrefix(in.Text(), "learn "); ok {
			fmt.Println(learnFor(a, args))
			continue
		}
		fmt.Println("updated:", a.Update(context.Background(), stateOf(in.Text())))
	}
}

func stateOf(text string) (s State) {
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		panic(err)
	}
	return s
}

func textOf(s State) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// namespace is a host of its own: up0 leads to the world, tun0 is a tunnel's
// device, made before and kept by the kernel.
type namespace struct {
	t    testing.TB
	name string
	dir  string // state directory
}

func newNamespace(t testing.TB) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root; run as root, or without -tags interop")
	}
	n := &namespace{t: t, name: fmt.Sprintf("hostnet-%d", os.Getpid()), dir: filepath.Join(t.TempDir(), "state")}
	etc := filepath.Join("/etc/netns", n.name)
	_, err := os.Stat("/etc/netns")
	first := errors.Is(err, fs.ErrNotExist)
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "del", n.name).Run()
		_ = os.RemoveAll(etc)
		if first {
			_ = os.Remove("/etc/netns") // fails while others use it
		}
	})
	check(t, os.MkdirAll(etc, 0o755))
	check(t, os.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("nameserver 192.168.77.1\nsearch home\n"), 0o644))
	n.do("ip", "netns", "add", n.name)
	n.in(
		"ip link set lo up",
		"ip link add up0 type veth peer name far0",
		"ip link set up0 addrgenmode none",
		"ip link set far0 addrgenmode none",
		"ip link set far0 up",
		"ip link set up0 up",
		"ip addr add 192.168.77.2/24 dev up0",
		"ip addr add 2001:db8:77::2/64 dev up0 nodad",
		"ip route add default via 192.168.77.1 dev up0 metric 100",
		"ip route add default via 2001:db8:77::1 dev up0",
		"ip tuntap add dev tun0 mode tap",
		"ip link set tun0 up",
		"ip link set tun0 down", // has its queue discipline shown as after the test
	)
	return n
}

func (n *namespace) do(name string, args ...string) string {
	n.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// in runs commands in the namespace and gives what they print.
func (n *namespace) in(commands ...string) string {
	n.t.Helper()
	var all strings.Builder
	for _, c := range commands {
		all.WriteString(n.do("ip", append([]string{"netns", "exec", n.name}, strings.Fields(c)...)...))
	}
	return all.String()
}

// look is all that a State can change, as the system's own tools show it.
func (n *namespace) look() string {
	n.t.Helper()
	return n.in("ip link show", "ip addr show", "ip -4 route show table all", "ip -6 route show table all", "nft list ruleset",
		"cat /etc/resolv.conf", "sysctl net.ipv4.ip_forward net.ipv4.conf.all.accept_redirects net.ipv6.conf.all.forwarding",
		"grep -r . /proc/sys/net/ipv4/conf/up0/forwarding /proc/sys/net/ipv6/conf/up0/forwarding /proc/sys/net/ipv6/conf/up0/accept_ra")
}

// actor is a process in the namespace that applied a State.
type actor struct {
	n   *namespace
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a role and gives its first line. wrap, if any, is the command
// to run it by.
func (n *namespace) start(role string, s State, wrap ...string) (*actor, string) {
	n.t.Helper()
	self, err := os.Executable()
	check(n.t, err)
	cmd := exec.Command("ip", slices.Concat([]string{"netns", "exec", n.name}, wrap, []string{self})...)
	cmd.Env = append(os.Environ(), roleVar+"="+role, stateVar+"="+textOf(s), dirVar+"="+n.dir)
	cmd.Stderr = os.Stderr
	a := &actor{n: n, cmd: cmd}
	a.in, err = cmd.StdinPipe()
	check(n.t, err)
	out, err := cmd.StdoutPipe()
	check(n.t, err)
	a.out = bufio.NewReader(out)
	check(n.t, cmd.Start())
	n.t.Cleanup(a.kill)
	return a, a.line()
}

func (a *actor) line() string {
	a.n.t.Helper()
	s, err := a.out.ReadString('\n')
	if err != nil {
		a.n.t.Fatalf("the process in the namespace ended: %v", err)
	}
	return strings.TrimSpace(s)
}

func (a *actor) ask(text string) string {
	a.n.t.Helper()
	_, err := fmt.Fprintln(a.in, text)
	check(a.n.t, err)
	return a.line()
}

// kill is kill -9: `ip netns exec` becomes the process it runs.
func (a *actor) kill() {
	if a.cmd.ProcessState == nil {
		_ = a.cmd.Process.Kill()
		var exit *exec.ExitError
		if err := a.cmd.Wait(); err != nil && !errors.As(err, &exit) {
			a.n.t.Error(err)
		}
	}
}

func (n *namespace) cleanup() string {
	n.t.Helper()
	self, err := os.Executable()
	check(n.t, err)
	return n.do("ip", "netns", "exec", n.name, "env", roleVar+"=cleanup", dirVar+"="+n.dir, self)
}

func (n *namespace) expect(where, text string, parts ...string) {
	n.t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			n.t.Errorf("%s: no %q in\n%s", where, p, text)
		}
	}
}

// live is a State with all a host can be asked for.
func live() State {
	s := everything()
	s.Forward.Apart = true
	s.Routes = append(s.Routes, Route{Dst: prefix("2001:db8:9::5/128"), Bypass: true},
		Route{Dst: prefix("192.168.77.9/32"), Bypass: true}, Route{Dst: prefix("127.0.0.5/32"), Bypass: true},
		Route{Dst: prefix("10.8.0.0/24"), Via: netipNone})
	return s
}

var netipNone = Route{}.Via

func (n *namespace) expectLive() {
	n.t.Helper()
	n.expect("ip route", n.in("ip route", "ip -6 route"),
		"0.0.0.0/1 via 10.8.0.1 dev tun0 proto static", "128.0.0.0/1 via 10.8.0.1 dev tun0",
		"default via 192.168.77.1 dev up0 metric 100", "203.0.113.5 via 192.168.77.1 dev up0", "192.168.77.9 dev up0",
		"::/1 via fd00:8::1 dev tun0", "8000::/1 via fd00:8::1 dev tun0 proto static metric 5", "2001:db8:9::5 via 2001:db8:77::1 dev up0")
	n.expect("way to the server", n.in("ip route get 203.0.113.5"), "via 192.168.77.1 dev up0")
	n.expect("way to others", n.in("ip route get 1.1.1.1", "ip route get 2001:db8:1::1"), "1.1.1.1 via 10.8.0.1 dev tun0", "via fd00:8::1 dev tun0")
	n.expect("ip addr", n.in("ip addr show tun0"), "mtu 1420", "qlen 1000", "inet 10.8.0.2/24", "inet6 fd00:8::2/64")
	n.expect("nft", n.in("nft list ruleset"), "table inet culvert-tun0", "type nat hook postrouting priority srcnat",
		`oifname != "tun0" ip saddr 10.8.0.0/24 masquerade`, `oifname != "tun0" ip6 saddr fd00:8::/64 masquerade`,
		"type filter hook forward priority filter", `iifname "tun0" oifname "tun0" drop`, `iifname "tun0" oifgroup 1194 drop`, `iifgroup 1194 oifname "tun0" drop`)
	n.expect("resolv.conf", n.in("cat /etc/resolv.conf"), "nameserver 10.8.0.1\nsearch corp.example\n")
	n.expect("sysctl", n.look(), "net.ipv4.ip_forward = 1", "net.ipv6.conf.all.forwarding = 1", "up0/accept_ra:2")
}

func TestLiveUndo(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	a, answer := n.start("apply", live())
	mustEqual(t, answer, "applied: <nil>")
	n.expectLive()
	mustEqual(t, a.ask("undo"), "undone: <nil>")
	mustEqual(t, n.look(), before)
}

func TestLiveCleanupAfterKill(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	a, answer := n.start("apply", live())
	mustEqual(t, answer, "applied: <nil>")
	during := n.look()
	mustEqual(t, strings.TrimSpace(n.cleanup()), "") // it lives
	mustEqual(t, n.look(), during)
	a.kill()
	mustEqual(t, n.look(), during)
	n.expect("report", n.cleanup(), "tun0: put /etc/resolv.conf back", "tun0: removed route 0.0.0.0/1 via 10.8.0.1 dev tun0",
		"tun0: set net.ipv4.ip_forward back to 0", "tun0: removed nftables table inet culvert-tun0")
	mustEqual(t, n.look(), before)
	mustEqual(t, strings.TrimSpace(n.cleanup()), "")
}

func TestLiveCleanupAfterTheDeviceWentWithTheProcess(t *testing.T) {
	n := newNamespace(t)
	n.in("ip link del tun0")
	before := n.look()
	a, answer := n.start("device", live())
	mustEqual(t, answer, "applied: <nil>")
	n.expectLive()
	a.kill()
	n.expect("report", n.cleanup(), "tun0: put /etc/resolv.conf back", "tun0: removed route 203.0.113.5/32")
	mustEqual(t, n.look(), before)
}

// TestLiveGoneNamespace: a namespace is deleted with what a killed process changed
// there, and another comes in its place with a device and a resolver's file of the
// same names. Its network stays as it is; the file is put back, since it is still
// the same; and the journal goes.
func TestLiveGoneNamespace(t *testing.T) {
	n := newNamespace(t)
	resolver := n.in("cat /etc/resolv.conf")
	a, answer := n.start("apply", live())
	mustEqual(t, answer, "applied: <nil>")
	a.kill()
	n.do("ip", "netns", "del", n.name)
	n.do("ip", "netns", "add", n.name)
	n.in("ip link set lo up", "ip tuntap add dev tun0 mode tap", "ip link set tun0 up mtu 1420",
		"ip addr add 10.8.0.2/24 dev tun0", "ip route add 203.0.113.5/32 via 10.8.0.1 dev tun0")
	mine := n.in("ip addr show tun0", "ip route")
	n.expect("file before", n.in("cat /etc/resolv.conf"), "Written by culvert")
	mustEqual(t, n.cleanup(), "tun0: put /etc/resolv.conf back\n")
	mustEqual(t, n.in("cat /etc/resolv.conf"), resolver)
	mustEqual(t, n.in("ip addr show tun0", "ip route"), mine)
	noJournals(t, n.dir)
}

func TestLiveNextStartTakesOver(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	first, _ := n.start("apply", live())
	_, answer := n.start("apply", live())
	n.expect("second", answer, "device tun0: device is in use by process")
	first.kill()
	second, answer := n.start("apply", live())
	mustEqual(t, answer, "applied: <nil>")
	n.expectLive()
	mustEqual(t, second.ask("undo"), "undone: <nil>")
	mustEqual(t, n.look(), before)
}

func TestLiveUpdate(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	a, _ := n.start("apply", live())
	mustEqual(t, a.ask(textOf(moved())), "updated: <nil>")
	n.expect("ip route", n.in("ip route"), "0.0.0.0/1 via 10.9.0.1 dev tun0", "198.51.100.7 via 192.168.77.1 dev up0")
	n.expect("resolv.conf", n.in("cat /etc/resolv.conf"), "nameserver 10.9.0.1")
	if strings.Contains(n.look(), "10.8.0.") || strings.Contains(n.look(), "203.0.113.5") {
		t.Error("left of the first State:\n" + n.look())
	}
	mustEqual(t, a.ask(textOf(live())), "updated: <nil>")
	n.expectLive()
	mustEqual(t, a.ask("undo"), "undone: <nil>")
	mustEqual(t, n.look(), before)
}

func TestLivePeerAddress(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	a, answer := n.start("apply", State{
		Device: "tun0", Addresses: []Address{{Prefix: prefix("10.8.0.6/32"), Peer: ip("10.8.0.5")}, {Prefix: prefix("fd00::6/128"), Peer: ip("fd00::5")}},
		Routes: []Route{{Dst: prefix("10.7.0.0/16"), Via: ip("10.8.0.5")}, {Dst: prefix("10.8.0.5/32")}},
	})
	mustEqual(t, answer, "applied: <nil>")
	n.expect("ip addr", n.in("ip addr show tun0", "ip route"), "inet 10.8.0.6 peer 10.8.0.5/32", "10.7.0.0/16 via 10.8.0.5", "inet6 fd00::6 peer fd00::5/128")
	mustEqual(t, a.ask("undo"), "undone: <nil>")
	mustEqual(t, n.look(), before)
}

func TestLivePartialFailures(t *testing.T) {
	n := newNamespace(t)
	n.in("ip route add 10.0.0.0/8 via 192.168.77.1", "nft add table ip filter",
		"nft add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }",
		"sysctl -w net.ipv6.conf.all.disable_ipv6=1")
	before := n.look()
	s := State{
		Device: "tun0", Addresses: []Address{address("10.8.0.2/24"), address("fd00:8::2/64")},
		Routes:  []Route{{Dst: prefix("10.0.0.0/8")}, {Dst: prefix("10.6.0.0/16"), Via: ip("10.99.0.1")}, {Dst: prefix("10.5.0.0/16")}, {Dst: prefix("fd00:7::/64")}},
		Forward: &Forward{IPv4: true},
	}
	a, answer := n.start("apply", s)
	n.expect("answer", answer, "3 of 4 routes failed", "route 10.0.0.0/8: exists via 192.168.77.1 dev up0; ",
		"route 10.6.0.0/16: its next hop is not reachable", "route fd00:7::/64: IPv6 is switched off", "address fd00:8::2/64: IPv6 is switched off",
		"forwarding: chain FORWARD of table ip filter drops", "iptables -I FORWARD -i tun0 -j ACCEPT")
	n.in("nft add rule ip filter FORWARD iifname tun* accept", "nft add rule ip filter FORWARD ct state established,related accept")
	s.Routes, s.Addresses = s.Routes[2:3], s.Addresses[:1]
	mustEqual(t, a.ask(textOf(s)), "updated: <nil>")
	n.in("nft flush chain ip filter FORWARD")
	mustEqual(t, a.ask("undo"), "undone: <nil>")
	mustEqual(t, n.look(), before)
}

func TestLiveWithoutPermission(t *testing.T) {
	n := newNamespace(t)
	before := n.look()
	check(t, os.Mkdir(n.dir, 0o700))
	_, answer := n.start("apply", live(), "setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
	n.expect("answer", answer, "not permitted", "NET_ADMIN")
	_, answer = n.start("apply", State{Device: "none0"})
	n.expect("answer", answer, "device none0: no such network device")
	mustEqual(t, n.look(), before)
}

// TestLivePolicyRules: a pinned way is the one that the host's rules give, also
// when it is looked for anew while the tunnel's own routes are in place.
func TestLivePolicyRules(t *testing.T) {
	n := newNamespace(t)
	n.in("ip link add up1 type veth peer name far1", "ip link set up1 up", "ip link set far1 up", "ip addr add 10.7.0.2/24 dev up1",
		"ip route add default dev up1 table 51820", "ip route add default via 10.7.0.1 table 77")
	a, answer := n.start("apply", redirected())
	mustEqual(t, answer, "applied: <nil>")
	pinned := func(want string) {
		t.Helper()
		mustEqual(t, a.ask(textOf(redirected())), "updated: <nil>")
		mustEqual(t, strings.TrimSpace(n.in("ip route show 203.0.113.5")), want+" proto static onlink")
	}
	pinned("203.0.113.5 via 192.168.77.1 dev up0")
	// The rules that wg-quick(8) makes.
	n.in("ip rule add not fwmark 51820 table 51820 pref 200", "ip rule add table main suppress_prefixlength 0 pref 100")
	mustEqual(t, a.ask(textOf(redirected())), "updated: <nil>")
	n.expect("ip route", n.in("ip route show 203.0.113.5"), "203.0.113.5 dev up1")
	mustEqual(t, a.ask(textOf(redirected())), "updated: <nil>")
	n.expect("ip route", n.in("ip route show 203.0.113.5"), "203.0.113.5 dev up1")
	n.in("ip rule add to 203.0.113.0/24 table 77 pref 90", "ip rule add from 192.0.2.1 table 88 pref 80", "ip rule add iif up0 table 88 pref 81")
	pinned("203.0.113.5 via 10.7.0.1 dev up1")
	n.in("ip rule del pref 90", "ip rule del pref 100", "ip rule del pref 200")
	pinned("203.0.113.5 via 192.168.77.1 dev up0")
}

func TestLiveResolvConfThroughSymlinks(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "resolv.conf")
	check(t, os.Symlink("target", link))
	k := linux{}
	check(t, k.writeFile(link, []byte("x")))
	if b, err := os.ReadFile(filepath.Join(dir, "target")); string(b) != "x" {
		t.Error(string(b), err)
	}
	check(t, k.removeFile(link))
	if _, there, _ := k.readFile(link); there {
		t.Error("target is left")
	}
	if _, err := os.Lstat(link); err != nil {
		t.Error("the link itself is gone:", err)
	}
}

// BenchmarkRoutes brings a real host from a State to one with 10,000 routes more,
// and back.
func BenchmarkRoutes(b *testing.B) {
	n, few := newNamespace(b), textOf(redirected())
	many := textOf(manyRoutes(10_000))
	a, _ := n.start("client", redirected())
	for b.Loop() {
		for _, s := range []string{many, few} {
			if line := a.ask(s); line != "updated: <nil>" {
				b.Fatal(line)
			}
		}
	}
}
