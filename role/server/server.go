// Package server is the server's role: it lets clients in, leases them
// addresses, tells them what they need to know, and forwards between them, the
// adapter and, through the adapter, the rest of the network.
package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"culvert/access/crl"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/internal/mute"
	"culvert/link"
	"culvert/nic"
	"culvert/nic/bridge"
	"culvert/role/profile"
	"culvert/role/server/lease"
	"culvert/role/server/segment"
	"culvert/session"
	"culvert/session/wrap"
	"culvert/tunnel"
)

// Options are what a server is given beside its configuration.
type Options struct {
	Log *slog.Logger
	// Open brings the adapter up.
	Open bringup.Opener
	// Listen opens a socket for UDP; nil: link.ListenUDP.
	Listen func(link.Options) (link.Link, error)
	// Ask asks for the private key's password; nil: nobody can be asked.
	Ask profile.Ask
	// Lists is where revocation lists are read from again; nil: from the files
	// that the configuration names.
	Lists crl.Source
	// KeysDir is where keys are kept over a restart, sealed; "": they are not.
	KeysDir string
	// Forward makes the host a router that masquerades for the clients.
	Forward bool
	// Opened, if not nil, is called when all is open that takes rights, and before
	// the first packet of a stranger is read. An error ends the server.
	Opened func() error
	// Events, if not nil, is called for each event, in order for one client, on the
	// goroutine where it happened. It must not block.
	Events func(Event)
	// Ready is called when clients can connect.
	Ready func(*Server)
}

// Server is a VPN server. Make it with New and Run it once.
type Server struct {
	cfg     *config.Config
	opts    Options
	log     *slog.Logger
	book    *lease.Book
	table   *table
	armour  wrap.Armour
	greeter *session.Greeter
	trust   *profile.Trust
	session session.Config
	logins  logins
	// showTLS makes the TLS settings for one peer (tls-verify); nil: all
	// have the same.
	showTLS profile.ShowTLS
	road    tunnel.Road
	segment *segment.Segment // nil: not Ethernet
	moves   rate.Sometimes   // lets the log have one of a MAC address at a time
	// contests does so of addresses that two ports show.
	contests rate.Sometimes

	strangers mute.Strangers
	displaced mute.Tally    // clients that made room for others
	newcomers *rate.Limiter // connect-freq; nil: no limit
	refused   mute.Tally    // newcomers beyond it
	adapter   *bringup.Adapter
	sockets
	streams link.Acceptor
	share   *share // nil: no port-share

	numbers  atomic.Uint64 // of clients, those given so far
	leaving  atomic.Bool   // clients are being sent away, and none is let in
	restarts chan struct{} // asked for by Restart
}

// New checks a configuration in full, so that what is wrong with it is said
// before anything is opened.
func New(c *config.Config, o Options) (*Server, error) {
	book, err := lease.New(c, o.Log)
	if err != nil {
		return nil, err
	}
	if err := checkDirs(c, rootOf(c)); err != nil {
		return nil, err
	}
	s := &Server{book: book, cfg: c, opts: o, log: o.Log, table: newTable(c.Server.MaxClients),
		restarts: make(chan struct{}, 1)}
	s.checkPerClients()
	if err := profile.Unlock(c, o.Ask); err != nil {
		return nil, err
	}
	if s.armour, err = profile.Armour(c); err != nil {
		return nil, err
	}
	if s.trust, err = profile.NewTrust(c, func(text string) { o.Log.Warn(text) }, o.Lists); err != nil {
		return nil, err
	}
	if s.session, err = s.trust.Session(c, true); err != nil {
		return nil, err
	}
	if s.logins, err = newLogins(c); err != nil {
		return nil, err
	}
	if s.showTLS, err = profile.TLSVerify(c, profile.ProgramVariables(c), s.logins.slots); err != nil {
		return nil, err
	}
	s.streams = link.Acceptor{TCP: link.TCPOptions{QueueLimit: c.Link.TCPQueueLimit, Drop: true}, OnError: func(err error) {
		s.log.Warn("a connection could not be accepted; the oldest silent one is given up", "error", err)
	}}
	s.moves.Interval, s.contests.Interval = time.Second, bridge.ContestInterval
	s.greeter, s.share = session.NewGreeter(s.armour, session.Rate(c.Server.ConnectFreqInitial)), newShare(c.Link.PortShare, o.Log)
	if f := c.Server.ConnectFreq; f.N > 0 {
		s.newcomers = rate.NewLimiter(rate.Limit(float64(f.N)/f.Per.Seconds()), f.N)
	}
	s.road = tunnel.Road{Role: s.newRole(), PacketSize: profile.PacketSize(c), Ethernet: s.segment != nil, Adapter: func() nic.NIC { return s.adapter },
		OnFailing: tunnel.LogFailing(s.log), OnPath: tunnel.LogPaths(s.log)}
	if s.opts.Listen == nil {
		s.opts.Listen = func(o link.Options) (link.Link, error) { return link.ListenUDP(o) }
	}
	return s, nil
}

// Addr is the address of the first socket the server listens on, UDP first,
// once Ready was called.
func (s *Server) Addr() netip.AddrPort {
	if len(s.links) > 0 {
		return s.links[0].LocalAddr()
	}
	return s.listeners[0].LocalAddr()
}

// Adapter is the server's adapter, once Ready was called.
func (s *Server) Adapter() *bringup.Adapter { return s.adapter }

// Road is what carries the packets, to be watched and counted.
func (s *Server) Road() *tunnel.Road { return &s.road }

// Run serves until ctx ends, and then tells the clients (explicit-exit-notify)
// and takes back what it changed on the host. The error is nil when ctx ended
// it.
func (s *Server) Run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.close()
	defer s.keepStatus()()
	if s.opts.Opened != nil {
		if err := s.opts.Opened(); err != nil {
			return err
		}
	}
	failed := make(chan error, 1+len(s.links)+len(s.listeners))
	go func() { failed <- s.road.Outbound(ctx, s.adapter) }()
	s.serve(ctx, failed)
	defer s.keepLists(ctx)()
	defer s.keepRoutes(ctx)()
	s.log.Info("Initialization Sequence Completed", "listening", strings.Join(s.addrs(), ", "), "adapter", s.adapter.Name())
	if s.opts.Ready != nil {
		s.opts.Ready(s)
	}
	persist := time.NewTicker(persistInterval(s.cfg))
	defer persist.Stop()
	for {
		select {
		case <-ctx.Done():
			s.dismiss()
			return nil
		case err := <-failed:
			if ctx.Err() != nil {
				s.dismiss()
				return nil
			}
			return fmt.Errorf("the server cannot go on: %w", err)
		case <-persist.C:
			s.book.Save()
		case <-s.restarts:
			s.restart()
		}
	}
}

func (s *Server) open(ctx context.Context) (err error) {
	s.book.Load()
	s.takeKeys(time.Now())
	want := bringup.State{State: s.state(ctx)}
	if want.Ethernet, err = profile.Ethernet(s.cfg, &want.State); err != nil {
		return err
	}
	if err = s.listen(ctx); err != nil {
		s.book.Close()
		return err
	}
	if err = s.book.Open(); err == nil {
		s.adapter, err = s.opts.Open(ctx, want)
	}
	if err != nil {
		s.book.Close()
		s.sockets.close()
		return err
	}
	if s.segment != nil && s.adapter.FollowMAC != nil {
		if err := s.adapter.FollowMAC(s.segment.SetMAC); err != nil {
			s.log.Warn("the adapter's MAC address is not kept from clients", "error", err)
		}
	}
	if s.adapter.Partial != nil {
		s.log.Warn("not everything could be set up on this host", "problem", s.adapter.Partial)
	}
	return nil
}

// state is what the host should look like, with the networks behind the
// clients (`route`) and, where wanted, forwarding.
func (s *Server) state(ctx context.Context) hostnet.State {
	layout := s.book.Layout()
	state := layout.State(s.cfg.Adapter.Dev, s.cfg.Adapter.MTU)
	state.TxQueueLen, state.LLAddr = s.cfg.Adapter.TxQueueLen, profile.LLAddr(s.cfg)
	if s.cfg.Adapter.IfconfigNoexec {
		state.Addresses = nil
	}
	if s.cfg.Routing.NoExec {
		state.Routes = nil
	} else {
		state.Routes = append(state.Routes, s.routes(ctx)...)
	}
	if s.book.OnLAN() {
		state.Routes = append(state.Routes, s.book.Routes()...)
		state.Forward = s.forward()
		return state
	}
	if !s.opts.Forward || layout.Bridged {
		return state
	}
	state.Forward = s.forward()
	for _, p := range []netip.Prefix{layout.Network, layout.Network6} {
		if p.IsValid() {
			state.Forward.Masquerade = append(state.Forward.Masquerade, p)
		}
	}
	return state
}

// forward makes this host a router, which leads from client to client only with
// `client-to-client`, as where it is none.
func (s *Server) forward() *hostnet.Forward {
	l := s.book.Layout()
	return &hostnet.Forward{IPv4: l.Network.IsValid(), IPv6: l.Network6.IsValid(), Apart: !s.cfg.Server.ClientToClient}
}

// routes are those of `route`. One of a name that cannot be resolved is left
// out: a server serves without it.
func (s *Server) routes(ctx context.Context) (routes []hostnet.Route) {
	cfg := *s.cfg
	if !cfg.Routing.Gateway.IsValid() && s.segment != nil {
		cfg.Routing.Gateway = s.book.Layout().Beside // man page, server
	}
	if profile.WithoutGateway(&cfg) {
		s.log.Warn("routes through an Ethernet adapter need a gateway, and those without one are left out: name it in the line, or IPv4's in route-gateway")
	}
	for _, r := range cfg.Routing.Routes {
		list, err := profile.HostRoutes(ctx, &cfg, r, netip.Addr{}, profile.SystemResolver)
		if err != nil {
			s.log.Warn("a route is left out", "error", err)
		}
		routes = append(routes, list...)
	}
	return routes
}

func (s *Server) close() {
	s.logins.end() // before all, since a program may keep a client from ending
	for _, c := range s.table.all() {
		c.Stop()
	}
	s.strangers.Stop()
	s.displaced.Stop()
	s.refused.Stop()
	s.logins.running.Wait()
	s.book.Close()
	s.adapter.TakeDown(s.log)
	s.sockets.close()
	s.streams.Close()
}

// Restart ends all sessions, so that the clients connect anew. Socket, adapter
// and leases stay.
func (s *Server) Restart() {
	select {
	case s.restarts <- struct{}{}:
	default: // one is asked for already
	}
}

func (s *Server) restart() {
	s.happened(Restarting{})
	s.dismiss()
	for _, c := range s.table.all() {
		c.evict()
	}
	s.leaving.Store(false)
}

// dismissTime is how long clients are given to confirm that they were told.
const dismissTime = 2 * time.Second

// dismiss tells the clients that the server goes, so that they need not wait
// for ping-restart to notice.
//
// A client that comes back from now on gets no answer: it would be dropped without
// a word. Some do not confirm, and come back at once: OpenVPN after a second.
func (s *Server) dismiss() {
	s.leaving.Store(true)
	text := "RESTART"
	switch s.cfg.Timers.ExplicitExitNotify {
	case 0:
		return
	case 2:
		text = "RESTART,[N]"
	}
	for _, c := range s.table.all() {
		c.Do(func(now time.Time) { c.Session.Dismiss(now, text) })
	}
	deadline := time.Now().Add(dismissTime)
	for len(s.table.all()) > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
}

// persistInterval is how often the book of addresses is saved.
func persistInterval(c *config.Config) time.Duration {
	if c.Server.PoolPersistInterval > 0 {
		return c.Server.PoolPersistInterval
	}
	return 10 * time.Minute
}
