package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"culvert/host/process"
)

// namePrefix begins the names of our namespaces. The process id follows.
const namePrefix = "culvert-demo-"

// namespace is a host of the demonstration.
type namespace struct {
	name   string
	handle netns.NsHandle
	links  *netlink.Handle
}

// newNamespace makes a host with its own resolv.conf. It adds the removal to u
// before it makes anything.
func newNamespace(ctx context.Context, u *undo, role, nameserver string) (*namespace, error) {
	n := &namespace{name: fmt.Sprintf("%s%d-%s", namePrefix, os.Getpid(), role), handle: netns.None()}
	u.add(n.remove)
	if err := os.MkdirAll(etcDir(n.name), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(n.resolvConf(), []byte("nameserver "+nameserver+"\n"), 0o644); err != nil {
		return nil, err
	}
	err := ip(ctx, "netns", "add", n.name)
	if err != nil {
		return nil, err
	}
	if n.handle, err = netns.GetFromName(n.name); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", n.name, err)
	}
	if n.links, err = netlink.NewHandleAt(n.handle); err != nil {
		return nil, fmt.Errorf("namespace %s: %w", n.name, err)
	}
	return n, ip(ctx, "-n", n.name, "link", "set", "lo", "up")
}

// etcDir is the directory that `ip netns exec` mounts over /etc.
func etcDir(name string) string { return filepath.Join("/etc/netns", name) }

func (n *namespace) resolvConf() string { return filepath.Join(etcDir(n.name), "resolv.conf") }

func (n *namespace) remove() {
	if n.links != nil {
		n.links.Close()
	}
	if n.handle.IsOpen() {
		n.handle.Close()
	}
	removeNamespace(n.name)
}

func removeNamespace(name string) {
	exec.Command("ip", "netns", "del", name).Run()
	os.RemoveAll(etcDir(name))
	os.Remove("/etc/netns") // fails unless it is empty
}

var ownName = regexp.MustCompile("^" + namePrefix + `(\d+)-[a-z]+$`)

// sweep removes the namespaces of demonstrations that were killed.
func sweep() {
	for _, dir := range []string{"/run/netns", "/etc/netns"} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			m := ownName.FindStringSubmatch(e.Name())
			if m == nil {
				continue
			}
			if pid, err := strconv.Atoi(m[1]); err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				removeNamespace(e.Name())
			}
		}
	}
}

// ip runs iproute2.
func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("cannot find the program ip: install iproute2 (%w)", err)
	}
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// join lays a wire between devices of two hosts.
func join(ctx context.Context, a *namespace, aDev string, aAddr netip.Prefix, b *namespace, bDev string, bAddr netip.Prefix) error {
	if err := ip(ctx, "link", "add", aDev, "netns", a.name, "type", "veth", "peer", "name", bDev, "netns", b.name); err != nil {
		return err
	}
	if err := a.up(ctx, aDev, aAddr); err != nil {
		return err
	}
	return b.up(ctx, bDev, bAddr)
}

func (n *namespace) up(ctx context.Context, dev string, addr netip.Prefix) error {
	if err := ip(ctx, "-n", n.name, "addr", "add", addr.String(), "dev", dev); err != nil {
		return err
	}
	return ip(ctx, "-n", n.name, "link", "set", dev, "up")
}

// inside runs f on a thread in the namespace.
func (n *namespace) inside(f func() error) error {
	if err := process.InNamespace(n.handle, f); err != nil {
		return fmt.Errorf("namespace %s: %w", n.name, err)
	}
	return nil
}

// dial connects from the host. The address must be numeric, so that the thread in
// the namespace opens the socket.
func (n *namespace) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = n.inside(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// routes returns the host's routes, a line each, as `ip route` shows them, without
// the kernel's own on every link (fe80::/64).
func (n *namespace) routes() (lines []string, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := n.links.RouteList(nil, family)
		if err != nil {
			return nil, fmt.Errorf("routes of %s: %w", n.name, err)
		}
		for _, r := range list {
			if r.Dst != nil && r.Dst.IP.IsLinkLocalUnicast() {
				continue
			}
			lines = append(lines, n.routeText(r))
		}
	}
	return lines, nil
}

func (n *namespace) routeText(r netlink.Route) string {
	text := "default"
	if r.Dst != nil && !(r.Dst.IP.IsUnspecified() && ones(r.Dst) == 0) {
		text = r.Dst.String()
	}
	if r.Gw != nil {
		text += " via " + r.Gw.String()
	}
	if l, err := n.links.LinkByIndex(r.LinkIndex); err == nil {
		text += " dev " + l.Attrs().Name
	}
	return text
}

func ones(p *net.IPNet) int {
	n, _ := p.Mask.Size()
	return n
}

// routeTo returns the kernel's route to an address.
func (n *namespace) routeTo(to netip.Addr) (string, error) {
	list, err := n.links.RouteGetWithOptions(to.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err != nil || len(list) == 0 {
		return "", fmt.Errorf("route to %v in %s: %w", to, n.name, err)
	}
	return n.routeText(list[0]), nil
}

// device has the kernel's counters of a device.
type device struct {
	name     string
	address  string // IPv4
	mtu      int
	received amountOf
	sent     amountOf
}

type amountOf struct{ packets, bytes uint64 }

func (n *namespace) device(name string) (device, error) {
	l, err := n.links.LinkByName(name)
	if err != nil {
		return device{}, fmt.Errorf("device %s of %s: %w", name, n.name, err)
	}
	d := device{name: name, mtu: l.Attrs().MTU}
	if s := l.Attrs().Statistics; s != nil {
		d.received, d.sent = amountOf{s.RxPackets, s.RxBytes}, amountOf{s.TxPackets, s.TxBytes}
	}
	addrs, err := n.links.AddrList(l, netlink.FAMILY_V4)
	if err != nil || len(addrs) == 0 {
		return d, fmt.Errorf("device %s of %s has no IPv4 address (%w)", name, n.name, err)
	}
	d.address = addrs[0].IP.String()
	return d, nil
}

// tun returns the name of the host's TUN device.
func (n *namespace) tun() (string, error) {
	links, err := n.links.LinkList()
	if err != nil {
		return "", err
	}
	for _, l := range links {
		if l.Type() == "tuntap" {
			return l.Attrs().Name, nil
		}
	}
	return "", fmt.Errorf("%s has no TUN device", n.name)
}
