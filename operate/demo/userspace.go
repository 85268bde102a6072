package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/link"
	"culvert/nic/userstack"
	"culvert/operate/setup"
	"culvert/role/client"
	"culvert/role/server"
)

// clientName is the name of the client.
const clientName = "laptop"

// Addresses that exist only in the tunnel (RFC 5737).
var (
	siteAddress = netip.MustParseAddrPort("198.51.100.80:80")
	echoAddress = netip.MustParseAddrPort("198.51.100.80:7")
)

var anyLoopback = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// userSpace is the demonstration within one process.
type userSpace struct {
	Options
	site *site
	log  *journal
	undo undo
	fail context.CancelCauseFunc

	dir            string
	web, echo      netip.AddrPort // where they listen
	server, client end
	near           *client.Client

	direct, tunnelled time.Duration // round trips
	got               []fetched
}

// UserSpace runs server, client and web server in this process, without root, a
// device or any network except loopback. When it returns, everything has ended and
// been removed.
func UserSpace(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	return userSpaceWith(ctx, o, newSite(o.Size))
}

func userSpaceWith(ctx context.Context, o Options, s *site) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	u := &userSpace{Options: o, site: s, log: newJournal(), fail: fail}
	o.say("A tunnel within this process: no root, no device, only loopback.\n")
	return o.play(ctx, u.log, &u.undo, u.serveSite, u.makeKeys, u.startServer, u.startClient, u.measure, u.visit, u.draw)
}

// serveSite starts the web server, and an echo server to measure round trips.
func (u *userSpace) serveSite(context.Context) error {
	l, err := net.Listen("tcp", anyLoopback.String())
	if err != nil {
		return fmt.Errorf("web server: %w", err)
	}
	u.web = l.Addr().(*net.TCPAddr).AddrPort()
	go u.site.serve(l)
	u.undo.add(u.site.close)
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anyLoopback))
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	u.echo = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	go echo(conn)
	u.undo.add(func() { conn.Close() })
	u.step("web server", "listens on %v; clients of the tunnel reach it at %v", u.web, siteAddress)
	return nil
}

// makeKeys does what `culvert init` and `culvert client add` do. It opens the
// server's socket first, so that its port is known.
func (u *userSpace) makeKeys(context.Context) (err error) {
	if u.dir, err = os.MkdirTemp("", "culvert-demo-"); err != nil {
		return err
	}
	u.undo.add(func() { os.RemoveAll(u.dir) })
	l, err := link.ListenUDP(link.Options{Addr: anyLoopback})
	if err != nil {
		return err
	}
	u.undo.add(func() { l.Close() })
	u.server.link = &meteredLink{Link: l}
	return newKeys(u.Options, u.dir, l.LocalAddr(), nil)
}

// newKeys makes a server's directory and a client's profile.
func newKeys(o Options, dir string, at netip.AddrPort, dns []netip.Addr) error {
	made, err := setup.Init(setup.InitOptions{Dir: filepath.Join(dir, "server"), Host: at.Addr().String(), Port: int(at.Port()),
		DNS: dns, Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		return err
	}
	_, err = setup.AddClient(setup.ClientOptions{Dir: made.Dir, Name: clientName, Out: profilePath(dir), Now: time.Now(), Rand: rand.Reader})
	if err != nil {
		return err
	}
	o.step("init", "made authority, keys and configuration for a server at %v, and a profile for client %s", at, clientName)
	return nil
}

func profilePath(dir string) string { return filepath.Join(dir, clientName+".ovpn") }

func load(name string) (*config.Config, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return config.ParseFile(name, text, os.ReadFile)
}

func (u *userSpace) startServer(ctx context.Context) error {
	cfg, err := load(filepath.Join(u.dir, "server", "server.conf"))
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	s, err := server.New(cfg, server.Options{
		Log:    u.log.logger(),
		Open:   u.server.open(bringup.UserSpace(&userstack.ForwardOptions{Logger: u.log.logger(), Local: u.local})),
		Listen: func(link.Options) (link.Link, error) { return u.server.link, nil },
		Ready:  func(*server.Server) { close(ready) },
	})
	if err != nil {
		return err
	}
	u.start(ctx, "server", s.Run)
	if err := await(ctx, "server", ready); err != nil {
		return err
	}
	u.step("server", "listens on UDP %v; its address in the tunnel is %v", s.Addr(), first(&u.server))
	return nil
}

// local maps an address that clients use in the tunnel to where the server's
// forwarder connects.
func (u *userSpace) local(to netip.AddrPort) (netip.AddrPort, bool) {
	switch to {
	case siteAddress:
		return u.web, true
	case echoAddress:
		return u.echo, true
	}
	return to, false
}

func (u *userSpace) startClient(ctx context.Context) error {
	cfg, err := load(profilePath(u.dir))
	if err != nil {
		return err
	}
	ready := make(chan struct{}, 1)
	u.near, err = client.New(cfg, client.Options{
		Log:    u.log.logger(),
		Open:   u.client.open(bringup.UserSpace(nil)),
		Listen: u.listenClient,
		Ready: func(*client.Client) {
			select {
			case ready <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		return err
	}
	start := time.Now()
	u.start(ctx, "client", u.near.Run)
	if err := await(ctx, "client", ready); err != nil {
		return err
	}
	u.step("client", "connected after %s; its address in the tunnel is %v, the cipher %s",
		micros(time.Since(start)), first(&u.client), u.log.cipher())
	return nil
}

// listenClient opens the client's socket, on loopback only.
func (u *userSpace) listenClient(o link.Options) (link.Link, error) {
	o.Addr = anyLoopback
	l, err := link.ListenUDP(o)
	if err != nil {
		return nil, err
	}
	u.client.link = &meteredLink{Link: l}
	return u.client.link, nil
}

// start runs a part until the end of the demonstration. Parts end in order, so
// that the client can say goodbye to the server. If a part fails, so does the
// demonstration.
func (u *userSpace) start(ctx context.Context, name string, run func(context.Context) error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(own); err != nil {
			u.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
	u.undo.add(func() {
		cancel()
		<-done
	})
}

// first returns an end's own address in the tunnel.
func first(e *end) netip.Addr {
	for _, a := range e.want.Addresses {
		return a.Prefix.Addr()
	}
	return netip.Addr{}
}

func (u *userSpace) measure(ctx context.Context) (err error) {
	if u.direct, err = roundTrip(ctx, new(net.Dialer).DialContext, u.echo.String()); err != nil {
		return err
	}
	if u.tunnelled, err = roundTrip(ctx, u.near.DialContext, echoAddress.String()); err != nil {
		return fmt.Errorf("through the tunnel: %w", err)
	}
	u.step("round trip", "%s over loopback, %s through the tunnel (UDP echo, median of %d)", micros(u.direct), micros(u.tunnelled), rounds)
	return nil
}

func (u *userSpace) visit(ctx context.Context) (err error) {
	u.got, err = visit(ctx, u.Options, u.site, siteAddress.Addr().String(), u.near.DialContext)
	return err
}

// draw draws the path, with what the meters measured.
func (u *userSpace) draw(context.Context) error {
	c, s := &u.client, &u.server
	cipher := u.log.cipher()
	draw(u.Options, "The path, with times as measured in this process:", []stop{
		application(u.got, route(c, siteAddress.Addr())),
		{"client's adapter", fmt.Sprintf("%v on %s, MTU %d", first(c), c.nic.Name(), c.nic.MTU()),
			"a TCP/IP stack in this process; with root, a TUN device of the kernel",
			[]string{c.nic.out.moved("↓", 0, ""), c.nic.in.moved("↑", c.nic.in.each(c.nic.in.spent()), "into the stack")},
			"seal: " + cipher},
		{"client", "socket " + c.link.LocalAddr().String(),
			"seals each packet into a datagram for the server, and opens the answers",
			[]string{c.link.out.moved("↓", c.seal(), "to seal, and "+micros(c.link.out.each(c.link.out.spent()))+" to send"),
				c.link.in.moved("↑", c.unseal(), "to open")},
			fmt.Sprintf("UDP over loopback: unreadable to eavesdroppers; still on the way: %d ↓, %d ↑",
				missing(&c.link.out.traffic, &s.link.in.traffic), missing(&s.link.out.traffic, &c.link.in.traffic))},
		{"server", "socket " + s.link.LocalAddr().String(),
			"opens datagrams of clients it knows, and checks that they use their own address",
			[]string{s.link.in.moved("↓", s.unseal(), "to open"),
				s.link.out.moved("↑", s.seal(), "to seal, and "+micros(s.link.out.each(s.link.out.spent()))+" to send")},
			"open: " + cipher},
		{"server's adapter", fmt.Sprintf("%v on %s, MTU %d", first(s), s.nic.Name(), s.nic.MTU()),
			"a TCP/IP stack too; it forwards each connection through an ordinary socket",
			[]string{s.nic.in.moved("↓", s.nic.in.each(s.nic.in.spent()), "into the stack"), s.nic.out.moved("↑", 0, "")},
			fmt.Sprintf("forward: %v is %v on this machine", siteAddress, u.web)},
		webServer(u.site),
	})
	return nil
}

// missing returns how many packets were sent but not received.
func missing(sent, received *traffic) uint64 {
	r := received.packets.Load()
	return max(sent.packets.Load(), r) - r
}

// route describes an end's most specific route to an address.
func route(e *end, to netip.Addr) string {
	best := -1
	for i, r := range e.want.Routes {
		if r.Dst.Contains(to) && (best < 0 || r.Dst.Bits() > e.want.Routes[best].Dst.Bits()) {
			best = i
		}
	}
	if best < 0 {
		return fmt.Sprintf("route: %v by the stack's default route", to)
	}
	r := e.want.Routes[best]
	return fmt.Sprintf("route: %v is in %v via %v dev %s, as the server pushed", to, r.Dst, r.Via, e.nic.Name())
}
