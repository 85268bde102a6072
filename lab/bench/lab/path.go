//go:build linux

package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"culvert/lab/bench/path"
)

// Path is a lab whose hosts are far from each other: the client, a path under
// conditions, a router, a cable, the server.
type Path struct {
	*Lab
	router  *Host
	process *Process
	changed int // times
}

// The router's cable to the server.
var (
	routerInner = netip.MustParsePrefix("198.18.1.1/24")
	serverInner = netip.MustParsePrefix("198.18.1.2/24")
)

// OpenPath makes the hosts and the path, at first a perfect one. It needs root.
func OpenPath(ctx context.Context) (*Path, error) {
	p := new(Path)
	_, err := open(func(l *Lab) error {
		p.Lab = l
		return p.join(ctx)
	})
	return p, err
}

func (p *Path) conditions() string { return filepath.Join(p.Dir, "conditions.json") }

func (p *Path) join(ctx context.Context) (err error) {
	if p.router, err = p.host("r"); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := (path.Conditions{}).Write(p.conditions()); err != nil {
		return err
	}
	if p.process, err = p.Client.Start("path", self, "path", "-to", p.router.name, "-conditions", p.conditions()); err != nil {
		return err
	}
	if err := p.process.Expect(ctx, regexp.MustCompile("ready")); err != nil {
		return err
	}
	if err := run("ip", "link", "add", "eth1", "netns", p.router.name, "type", "veth", "peer", "name", "eth0", "netns", p.Server.name); err != nil {
		return err
	}
	return p.route()
}

// route has every host find the others.
func (p *Path) route() error {
	client, server := ClientOuter.String(), ServerOuter.String()
	if err := p.router.address("eth1", routerInner); err != nil {
		return err
	}
	if err := p.Server.address("eth0", serverInner); err != nil {
		return err
	}
	for _, step := range []struct {
		host *Host
		args []string
	}{
		{p.Client, []string{"address", "add", client + "/32", "dev", "eth0"}},
		{p.Client, []string{"link", "set", "eth0", "up", "txqueuelen", "10000"}},
		{p.Client, []string{"route", "add", server, "dev", "eth0", "src", client}},
		{p.router, []string{"link", "set", "eth0", "up", "txqueuelen", "10000"}},
		{p.router, []string{"route", "add", client, "dev", "eth0"}},
		{p.router, []string{"route", "add", server, "via", serverInner.Addr().String()}},
		{p.Server, []string{"address", "add", server + "/32", "dev", "eth0"}},
		{p.Server, []string{"route", "add", client, "via", routerInner.Addr().String(), "src", server}},
	} {
		if err := step.host.IP(step.args...); err != nil {
			return err
		}
	}
	_, err := p.router.Output("sysctl", "-qw", "net.ipv4.ip_forward=1")
	return err
}

// Set puts the path under conditions.
func (p *Path) Set(ctx context.Context, c path.Conditions) error {
	if err := c.Write(p.conditions()); err != nil {
		return err
	}
	if err := p.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	p.changed++
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return p.process.Expect(ctx, regexp.MustCompile(fmt.Sprintf(`(?:changed\n){%d}`, p.changed)))
}

// Narrow gives the cable behind the router an MTU. With silent, the router tells
// nobody that a packet is too large for it.
func (p *Path) Narrow(mtu int, silent bool) error {
	for host, device := range map[*Host]string{p.router: "eth1", p.Server: "eth0"} {
		if err := host.IP("link", "set", device, "mtu", fmt.Sprint(mtu)); err != nil {
			return err
		}
	}
	rules := "flush ruleset\n"
	if silent {
		rules += "table ip silent { chain out { type filter hook output priority 0; icmp type destination-unreachable drop; }\n}\n"
	}
	file, err := p.File("router.nft", rules)
	if err != nil {
		return err
	}
	_, err = p.router.Output("nft", "-f", file)
	return err
}
