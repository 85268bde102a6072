//go:build linux

// Package lab is what the bench measures in: two hosts, each a network
// namespace of its own, joined by one virtual cable or by a path with a router.
// Nothing outside them is touched, and they are gone when the lab is closed.
package lab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// Addresses of the two hosts.
var (
	ClientOuter = netip.MustParseAddr("198.18.0.1")
	ServerOuter = netip.MustParseAddr("198.18.0.2")
)

// Lab is the hosts and the processes started on them.
type Lab struct {
	Client, Server *Host
	Dir            string // for configurations, keys and logs
	hosts          []*Host
	processes      []*Process
}

// Host is one network namespace.
type Host struct {
	lab  *Lab
	name string
}

// Open makes the hosts and the cable. It needs root.
func Open() (*Lab, error) { return open((*Lab).cable) }

// open makes the hosts, joined by join.
func open(join func(*Lab) error) (l *Lab, err error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("the bench makes network namespaces and needs root")
	}
	sweep()
	l = &Lab{}
	if l.Dir, err = os.MkdirTemp("", "culvert-bench-"); err != nil {
		return nil, err
	}
	if l.Client, err = l.host("c"); err == nil {
		l.Server, err = l.host("s")
	}
	if err == nil {
		err = join(l)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// host makes a host.
func (l *Lab) host(role string) (*Host, error) {
	h := &Host{l, fmt.Sprintf("cv%d-b%s", os.Getpid(), role)}
	l.hosts = append(l.hosts, h)
	if err := run("ip", "netns", "add", h.name); err != nil {
		return nil, err
	}
	return h, h.IP("link", "set", "lo", "up")
}

// cable joins the two hosts.
func (l *Lab) cable() error {
	if err := run("ip", "link", "add", "eth0", "netns", l.Client.name, "type", "veth", "peer", "name", "eth0", "netns", l.Server.name); err != nil {
		return err
	}
	if err := l.Client.address("eth0", netip.PrefixFrom(ClientOuter, 24)); err != nil {
		return err
	}
	return l.Server.address("eth0", netip.PrefixFrom(ServerOuter, 24))
}

func (h *Host) address(device string, p netip.Prefix) error {
	if err := h.IP("address", "add", p.String(), "dev", device); err != nil {
		return err
	}
	return h.IP("link", "set", device, "up")
}

// Up gives a device of the host an address and an MTU.
func (h *Host) Up(device string, p netip.Prefix, mtu int) error {
	if err := h.IP("link", "set", device, "mtu", fmt.Sprint(mtu)); err != nil {
		return err
	}
	return h.address(device, p)
}

// IP runs iproute2 on the host.
func (h *Host) IP(args ...string) error {
	return run("ip", append([]string{"-n", h.name}, args...)...)
}

// Output runs a program on the host to its end and returns what it printed.
func (h *Host) Output(argv ...string) ([]byte, error) {
	var stderr strings.Builder
	cmd := exec.Command("ip", h.exec(argv)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, stderr.String())
	}
	return out, nil
}

// exec is ip's command line to run argv on the host.
func (h *Host) exec(argv []string) []string {
	return append([]string{"netns", "exec", h.name}, argv...)
}

// File writes a file of the lab and gives its path.
func (l *Lab) File(name, text string) (string, error) {
	path := filepath.Join(l.Dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// Close ends what was started and removes the hosts.
func (l *Lab) Close() {
	for _, p := range l.processes {
		p.Stop()
	}
	for _, h := range l.hosts {
		remove(h.name)
	}
	os.RemoveAll(l.Dir)
}

// remove deletes a namespace and ends what still runs in it.
func remove(name string) {
	pids, _ := exec.Command("ip", "netns", "pids", name).Output()
	for _, field := range strings.Fields(string(pids)) {
		if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	exec.Command("ip", "netns", "del", name).Run()
}

var ourName = regexp.MustCompile(`^cv(\d+)-b[csr]$`)

// sweep removes the hosts of runs that were killed.
func sweep() {
	entries, _ := os.ReadDir("/run/netns")
	for _, e := range entries {
		m := ourName.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		if pid, _ := strconv.Atoi(m[1]); syscall.Kill(pid, 0) == syscall.ESRCH {
			remove(e.Name())
		}
	}
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
