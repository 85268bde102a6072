package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The hosts' addresses, in networks for benchmarks and examples (RFC 2544 and
// 5737).
var (
	clientOuter = netip.MustParsePrefix("198.18.0.2/24")
	serverOuter = netip.MustParsePrefix("198.18.0.1/24")
	serverInner = netip.MustParsePrefix("203.0.113.1/24")
	webAddress  = netip.MustParsePrefix("203.0.113.80/24")
	pushedDNS   = netip.MustParseAddr("203.0.113.53")
)

const (
	echoPort     = "7"
	serverInside = "10.8.0.1" // setup's default network
)

// kernel is the demonstration between network namespaces.
type kernel struct {
	Options
	site *site
	log  *journal // of both processes, to show after a failure
	undo undo
	fail context.CancelCauseFunc

	dir                 string
	client, server, web *namespace
	near, far           *daemon
	closing             atomic.Bool

	before, during    string
	way               string // the route to the web server while connected
	direct, tunnelled time.Duration
	got               []fetched
	devices           map[string]device
}

// Kernel runs server and client as processes of their own, with TUN devices, in
// network namespaces that it makes and removes. It needs root and iproute2. When
// it returns, everything has ended and been removed. If a demonstration is killed,
// the next one removes what it left.
func Kernel(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("demo --kernel needs root to make network namespaces and TUN devices: run it with sudo, or leave out --kernel")
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	k := &kernel{Options: o, site: newSite(o.Size), log: newJournal(), fail: fail, devices: map[string]device{}}
	o.say("A tunnel between network namespaces, with TUN devices. This host's own network stays as it is.\n")
	sweep()
	return o.play(ctx, k.log, &k.undo, k.build, k.serveSite, k.makeKeys, k.startServer, k.startClient,
		k.measure, k.visit, k.count, k.leave, k.draw)
}

// build makes three hosts in a row: client, server, web server. The web server has
// no route to the client, so its answers arrive only if the server masquerades.
func (k *kernel) build(ctx context.Context) (err error) {
	for _, h := range []struct {
		to   **namespace
		role string
	}{{&k.client, "client"}, {&k.server, "server"}, {&k.web, "web"}} {
		if *h.to, err = newNamespace(ctx, &k.undo, h.role, serverOuter.Addr().String()); err != nil {
			return err
		}
	}
	return errors.Join(
		join(ctx, k.client, "eth0", clientOuter, k.server, "eth0", serverOuter),
		join(ctx, k.server, "eth1", serverInner, k.web, "eth0", webAddress),
		ip(ctx, "-n", k.client.name, "route", "add", "default", "via", serverOuter.Addr().String()))
}

func (k *kernel) serveSite(context.Context) error {
	var l net.Listener
	err := k.web.inside(func() (err error) {
		l, err = net.Listen("tcp", netip.AddrPortFrom(webAddress.Addr(), 80).String())
		return err
	})
	if err != nil {
		return fmt.Errorf("web server: %w", err)
	}
	go k.site.serve(l)
	k.undo.add(k.site.close)
	var conn net.PacketConn
	err = k.server.inside(func() (err error) {
		conn, err = net.ListenPacket("udp4", ":"+echoPort)
		return err
	})
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	go echo(conn)
	k.undo.add(func() { conn.Close() })
	k.step("hosts", "client %v ── server %v, %v ── web server %v", clientOuter, serverOuter, serverInner, webAddress)
	return nil
}

func (k *kernel) makeKeys(context.Context) (err error) {
	if k.dir, err = os.MkdirTemp("", "culvert-demo-"); err != nil {
		return err
	}
	k.undo.add(func() { os.RemoveAll(k.dir) })
	return newKeys(k.Options, k.dir, netip.AddrPortFrom(serverOuter.Addr(), 1194), []netip.Addr{pushedDNS})
}

// start runs culvert on a host and waits until it is ready.
func (k *kernel) start(ctx context.Context, n *namespace, name string, args ...string) (*daemon, error) {
	args = append(append([]string{k.Program}, args...), "--state-dir", filepath.Join(k.dir, "state-"+name))
	p, err := n.start(name, func(err error) {
		if !k.closing.Load() {
			k.fail(err)
		}
	}, args...)
	if err != nil {
		return nil, err
	}
	k.undo.add(func() {
		k.closing.Store(true)
		p.stop()
		fmt.Fprint(k.log, p.String())
	})
	return p, p.await(ctx)
}

func (k *kernel) startServer(ctx context.Context) (err error) {
	k.far, err = k.start(ctx, k.server, "server", "serve", "--dir", filepath.Join(k.dir, "server"))
	if err == nil {
		k.step("server", "culvert serve, process %d: TUN device, forwarding and masquerading are up", k.far.cmd.Process.Pid)
	}
	return err
}

func (k *kernel) startClient(ctx context.Context) (err error) {
	if k.before, err = k.state("before"); err != nil {
		return err
	}
	start := time.Now()
	if k.near, err = k.start(ctx, k.client, "client", "connect", profilePath(k.dir)); err != nil {
		return err
	}
	k.step("client", "culvert connect, process %d: connected after %s; cipher %s",
		k.near.cmd.Process.Pid, micros(time.Since(start)), k.near.cipher())
	if k.during, err = k.state("during"); err != nil {
		return err
	}
	if k.during == k.before {
		return errors.New("the client connected, but its routes did not change")
	}
	k.way, err = k.client.routeTo(webAddress.Addr())
	return err
}

// state prints and returns the client's routes and name servers.
func (k *kernel) state(when string) (string, error) {
	lines, err := k.client.routes()
	if err != nil {
		return "", err
	}
	names, err := os.ReadFile(k.client.resolvConf())
	if err != nil {
		return "", err
	}
	lines = append(lines, slices.DeleteFunc(strings.Split(strings.TrimSpace(string(names)), "\n"),
		func(l string) bool { return !strings.HasPrefix(l, "nameserver ") })...)
	text := strings.Join(lines, "\n    ")
	k.say("\n  The client's routes and name servers %s:\n    %s\n", when, text)
	return text, nil
}

func (k *kernel) measure(ctx context.Context) (err error) {
	if k.direct, err = roundTrip(ctx, k.client.dial, net.JoinHostPort(serverOuter.Addr().String(), echoPort)); err != nil {
		return err
	}
	if k.tunnelled, err = roundTrip(ctx, k.client.dial, net.JoinHostPort(serverInside, echoPort)); err != nil {
		return fmt.Errorf("through the tunnel: %w", err)
	}
	k.step("round trip", "%s from client to server without the tunnel, %s through it (UDP echo, median of %d)",
		micros(k.direct), micros(k.tunnelled), rounds)
	return nil
}

// visit fetches the files, and checks which address the web server saw.
func (k *kernel) visit(ctx context.Context) (err error) {
	if k.got, err = visit(ctx, k.Options, k.site, webAddress.Addr().String(), k.client.dial); err != nil {
		return err
	}
	for _, r := range k.site.requests() {
		from, err := netip.ParseAddrPort(r.from)
		if err != nil || from.Addr() != serverInner.Addr() {
			return fmt.Errorf("the web server saw a request from %s: expected %v, the VPN server's address, by masquerading", r.from, serverInner.Addr())
		}
	}
	return nil
}

// count reads the kernel's counters of each device while the devices exist.
func (k *kernel) count(context.Context) error {
	for _, h := range []struct {
		host *namespace
		role string
		devs []string
	}{{k.client, "client", []string{"", "eth0"}}, {k.server, "server", []string{"eth0", "", "eth1"}}, {k.web, "web", []string{"eth0"}}} {
		for _, name := range h.devs {
			key := h.role + " " + name
			var err error
			if name == "" {
				key = h.role + " tun"
				if name, err = h.host.tun(); err != nil {
					return err
				}
			}
			if k.devices[key], err = h.host.device(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// leave stops client and server, and checks that the client's host is as it was
// before.
func (k *kernel) leave(context.Context) error {
	k.closing.Store(true)
	if err := k.near.stop(); err != nil {
		return fmt.Errorf("stopping the client: %w", err)
	}
	after, err := k.state("after")
	if err != nil {
		return err
	}
	if after != k.before {
		return errors.New("the client did not leave its host as it was: compare the routes and name servers before and after")
	}
	if err := k.far.stop(); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	return nil
}

// draw draws the path, with the devices' counters.
func (k *kernel) draw(context.Context) error {
	cipher := k.near.cipher()
	card := func(name, key, about string, down, up func(device) amountOf, next string) stop {
		d := k.devices[key]
		a, b := down(d), up(d)
		return stop{name, fmt.Sprintf("%s on %s, MTU %d", d.address, d.name, d.mtu), about,
			[]string{amount("↓", a.packets, a.bytes), amount("↑", b.packets, b.bytes)}, next}
	}
	sent := func(d device) amountOf { return d.sent }
	received := func(d device) amountOf { return d.received }
	clientTun, serverTun := k.devices["client tun"], k.devices["server tun"]
	draw(k.Options, "The path, with the kernel's counters of each device (segments handed over together count as one packet):", []stop{
		application(k.got, "route: "+webAddress.Addr().String()+" is in "+k.way),
		card("client's adapter", "client tun", "a TUN device: the client reads what the kernel sends to it", sent, received,
			daemonRow("seal", "client", cipher, k.near, clientTun)),
		card("client's network card", "client eth0", "carries the sealed datagrams to the server", sent, received,
			fmt.Sprintf("UDP %v ══ %v: unreadable to eavesdroppers", clientOuter.Addr(), netip.AddrPortFrom(serverOuter.Addr(), 1194))),
		card("server's network card", "server eth0", "receives the sealed datagrams", received, sent,
			daemonRow("open", "server", cipher, k.far, serverTun)),
		card("server's adapter", "server tun", "a TUN device: gives the opened packets to the server's kernel", received, sent,
			fmt.Sprintf("forward and masquerade: from %v instead of %s, the client's address", serverInner.Addr(), clientTun.address)),
		card("server's other network card", "server eth1", "leads to the rest of the network", sent, received, "the rest of the network"),
		card("web server's network card", "web eth0", "on a host that has no route to the client", received, sent, "up to port 80"),
		webServer(k.site),
	})
	return nil
}

// daemonRow describes one end of the tunnel, with its processor time for each
// packet of its adapter, everything included.
func daemonRow(verb, role, cipher string, p *daemon, tun device) string {
	packets := max(tun.sent.packets+tun.received.packets, 1)
	return fmt.Sprintf("%s: %s, by the %s: %s of processor time in all, %s for each of %s",
		verb, cipher, role, micros(p.used()), micros(p.used()/time.Duration(packets)), count(packets, "packet"))
}
