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

// clientName is the client that the demonstrations add.
const clientName = "laptop"

// Addresses that exist nowhere but in the tunnel (RFC 5737).
var (
	siteAddress = netip.MustParseAddrPort("198.51.100.80:80")
	echoAddress = netip.MustParseAddrPort("198.51.100.80:7")
)

var anyLoopback = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)

// userSpace is the demonstration within this process.
type userSpace struct {
	Options
	site *site
	log  *journal
	undo undo
	fail context.CancelCauseFunc

	dir            string
	web, echo      netip.AddrPort // where they really listen
	server, client end
	near           *client.Client

	direct, tunnelled time.Duration // round trips
	got               []fetched
}

// UserSpace runs server, client and web server in this process, without root,
// device or any network but loopback. When it returns, all has ended and been
// removed.
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
	o.say("A tunnel within this process: no root, no device, nothing but loopback.\n")
	return o.play(ctx, u.log, &u.undo, u.serveSite, u.makeKeys, u.startServer, u.startClient, u.measure, u.visit, u.draw)
}

// serveSite starts the web server, and an echo to measure round trips with.
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
	u.step("web server", "listens on %v; the tunnel's clients find it at %v", u.web, siteAddress)
	return nil
}

// makeKeys does what `culvert init` and `culvert client add` do. The server's
// socket is opened first, so that its port is known and stays free.
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

// newKeys makes a server's directory and the profile of a client.
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
	o.step("init", "an authority, keys and configuration of a server at %v, and a profile for a client named %s", at, clientName)
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
	u.step("server", "listens on UDP %v; its own address in the tunnel is %v", s.Addr(), first(&u.server))
	return nil
}

// local is where the server's forwarder finds what the clients know by
// addresses of the tunnel.
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
	u.step("client", "connected after %s; the server leased it %v, packets are sealed with %s",
		micros(time.Since(start)), first(&u.client), u.log.cipher())
	return nil
}

// listenClient opens the client's socket, on loopback alone.
func (u *userSpace) listenClient(o link.Options) (link.Link, error) {
	o.Addr = anyLoopback
	l, err := link.ListenUDP(o)
	if err != nil {
		return nil, err
	}
	u.client.link = &meteredLink{Link: l}
	return u.client.link, nil
}

// start runs a part until the end of the demonstration; they end in order, so
// that the client can take leave of the server. When one fails, all does.
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

// first is an end's own address in the tunnel.
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

// draw shows the way with what the meters say.
func (u *userSpace) draw(context.Context) error {
	c, s := &u.client, &u.server
	cipher := u.log.cipher()
	draw(u.Options, "The way, in wall time of this process:", []stop{
		application(u.got, route(c, siteAddress.Addr())),
		{"client's adapter", fmt.Sprintf("%v on %s, MTU %d", first(c), c.nic.Name(), c.nic.MTU()),
			"a TCP/IP stack in this process; with root it would be a TUN device of the kernel",
			[]string{c.nic.out.moved("↓", 0, ""), c.nic.in.moved("↑", c.nic.in.each(c.nic.in.spent()), "into the stack")},
			"seal: " + cipher},
		{"client", "socket " + c.link.LocalAddr().String(),
			"makes of each packet a sealed datagram to the server, and back",
			[]string{c.link.out.moved("↓", c.seal(), "to seal, and "+micros(c.link.out.each(c.link.out.spent()))+" to send"),
				c.link.in.moved("↑", c.unseal(), "to open")},
			fmt.Sprintf("UDP over loopback: unreadable to who listens in; not arrived when this was drawn: %d ↓, %d ↑",
				missing(&c.link.out.traffic, &s.link.in.traffic), missing(&s.link.out.traffic, &c.link.in.traffic))},
		{"server", "socket " + s.link.LocalAddr().String(),
			"opens what a client it knows has sealed, if it comes from the address leased to it",
			[]string{s.link.in.moved("↓", s.unseal(), "to open"),
				s.link.out.moved("↑", s.seal(), "to seal, and "+micros(s.link.out.each(s.link.out.spent()))+" to send")},
			"open: " + cipher},
		{"server's adapter", fmt.Sprintf("%v on %s, MTU %d", first(s), s.nic.Name(), s.nic.MTU()),
			"a TCP/IP stack too; its forwarder carries each connection on by a socket of this process",
			[]string{s.nic.in.moved("↓", s.nic.in.each(s.nic.in.spent()), "into the stack"), s.nic.out.moved("↑", 0, "")},
			fmt.Sprintf("forward: %v is %v on this machine", siteAddress, u.web)},
		webServer(u.site),
	})
	return nil
}

// missing is how many packets were sent and not received.
func missing(sent, received *traffic) uint64 {
	r := received.packets.Load()
	return max(sent.packets.Load(), r) - r
}

// route is the longest that an end was told and that leads to an address.
func route(e *end, to netip.Addr) string {
	best := -1
	for i, r := range e.want.Routes {
		if r.Dst.Contains(to) && (best < 0 || r.Dst.Bits() > e.want.Routes[best].Dst.Bits()) {
			best = i
		}
	}
	if best < 0 {
		return fmt.Sprintf("route: %v by the stack's default", to)
	}
	r := e.want.Routes[best]
	return fmt.Sprintf("route: %v is in %v via %v dev %s, as the server pushed", to, r.Dst, r.Via, e.nic.Name())
}
