//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// execWithoutNftables runs a program in this process's place that finds a kernel without
// packet filters: the kernel refuses it the sockets by which programs speak to them, as one
// that is built without does (EPROTONOSUPPORT).
func execWithoutNftables(argv []string) error {
	const callNumber, family, protocol = 0, 16, 32 // where they are in struct seccomp_data, low words
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	otherwise := func(is, skip uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(skip), K: is}
	}
	filter := []unix.SockFilter{
		load(callNumber), otherwise(unix.SYS_SOCKET, 5),
		load(family), otherwise(unix.AF_NETLINK, 3),
		load(protocol), otherwise(unix.NETLINK_NETFILTER, 1),
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the filter is this thread's, which goes on as the program
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	return syscall.Exec(path, argv, os.Environ())
}

// oursWithoutNftables is our program on a host whose kernel has no nftables.
var oursWithoutNftables = implementation{"ours, no nftables", func(t testing.TB, config, stateDir string) []string {
	return withoutNftables(ours.command(t, config, stateDir))
}}

func withoutNftables(argv []string) []string {
	return append([]string{"env", helperEnv + "=1", must(os.Executable()), "no-nftables"}, argv...)
}

// chosenNames are names with chosen addresses, and with others.
var (
	corpNames  = []string{"four.corp.example", "six.corp.example", "cdn.corp.example"}
	otherNames = []string{"four.other.example", "six.other.example"}
)

// TestChosenByRoutes: on a host without nftables, names and networks are chosen all the same,
// by a route to each address, the first packet included, over IPv4 and IPv6. Nothing is left at
// the end, after kill -9 by culvert cleanup, and by the next start.
func TestChosenByRoutes(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"only": {"route-only *.corp.example"}, "only, user nobody": {"route-only *.corp.example", "user nobody", "group nogroup"},
		"except": {"route-except *.other.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChoosingNames(t)
			c.impl = oursWithoutNftables
			c.chooses(t, lines...)
			if name != "only" {
				return
			}
			before := c.client.state()
			client := c.begin(t, append(lines, "route-only 203.0.113.0/24")...)
			c.goes(t, c.dev, corpNames...)
			if got := c.client.ip("route", "get", "203.0.113.7"); !strings.Contains(got, "dev "+c.dev) {
				t.Errorf("a network is not led inside: %s", got)
			}
			client.kill()
			client = c.begin(t, lines...)
			client.expect(regexp.MustCompile(`undid what a killed process left`), 1, patience)
			c.goes(t, c.dev, corpNames...)
			client.kill()
			c.client.output(withoutNftables([]string{culvert(t), "cleanup", "--state-dir", filepath.Join(c.client.dir, "state")})...)
			c.sameState(t, before)
		})
	}
}

// chooses has a client choose *.corp.example for the inside, by lines, and wants each name's
// packets and questions to go their way, and the host to be as before at the end.
func (c *choosingNames) chooses(t *testing.T, lines ...string) {
	t.Helper()
	before := c.client.state()
	client := c.begin(t, lines...)
	c.goes(t, c.dev, corpNames...)
	c.goes(t, "eth0", otherNames...)
	c.separate(t, c.dev, "eth0")
	filters := c.client.output("nft", "list", "ruleset")
	if byRules := c.impl.name == ours.name; byRules != strings.Contains(filters, "culvert-chosen-"+c.dev) {
		t.Errorf("by rules: %v, and there are\n%s", byRules, filters)
	}
	status := c.client.output(c.client.command("status")...)
	if !regexp.MustCompile(`(?m)^addresses of chosen names: [2-9]$`).MatchString(status) {
		t.Errorf("the status says\n%s", status)
	}
	if err := client.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	c.sameState(t, before)
}

// TestChosenTAP: with `dev tap`, names and networks are chosen as with `dev tun`, by the
// gateway on the segment, with nftables and without.
func TestChosenTAP(t *testing.T) {
	t.Parallel()
	for name, impl := range map[string]implementation{"rules": ours, "routes": oursWithoutNftables} {
		for side, line := range map[string]string{"only": "route-only *.corp.example", "except": "route-except *.other.example"} {
			t.Run(name+"/"+side, func(t *testing.T) {
				t.Parallel()
				c := newChoosingNames(t, "dev "+tapDevice)
				c.impl, c.dev = impl, tapDevice
				c.chooses(t, "dev "+tapDevice, line)
			})
		}
	}
}

// TestNoNftablesRefused: what takes nftables is refused on a host without, with the reason and
// what to do, and before anything leaves by the wrong way; what goes inside instead is said.
func TestNoNftablesRefused(t *testing.T) {
	t.Parallel()
	c := newChoosing(t)
	before := c.client.state()
	start := func(lines ...string) *process {
		return c.client.run(oursWithoutNftables, c.client.clientConfig(clientParty(t, plain, lines...), c.serverIPv4))
	}
	const mend = `.*this kernel has no nftables: load the module nf_tables`
	for line, says := range map[string]string{
		"block-outside":          `block-outside` + mend + `, or remove block-outside`,
		"route-only user nobody": `programs that are to be inside would go outside` + mend + `; networks can be chosen without`,
		"route-only program":     `programs that are to be inside would go outside` + mend + `; networks can be chosen without`,
	} {
		p := start(line, "connect-retry-max 1")
		if p.wait(patience) == nil || p.count(regexp.MustCompile(says)) == 0 {
			t.Errorf("%s: it says\n%s", line, p.log())
		}
		c.sameState(t, before)
	}
	p := start("route-except user nobody", "block-outside-dns").up()
	p.expect(regexp.MustCompile(`chosen programs: `+mend+`; networks can be chosen without`), 1, patience)
	p.expect(regexp.MustCompile(`DNS outside the tunnel: `+mend+`; to go without`), 1, patience)
	c.watch()
	c.goes(t, true, c.webWire.b4, as("nobody")...)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	c.sameState(t, before)
}
