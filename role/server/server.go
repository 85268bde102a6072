// Package server is the server's role: it lets clients in, leases them
// addresses, tells them what they need to know, and forwards between them, the
// adapter and, through the adapter, the rest of the network.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/crl"
	"culvert/access/policy"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/link"
	"culvert/nic"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/server/admission"
	"culvert/role/server/lease"
	"culvert/session"
	"culvert/tunnel"
)

// Options are what a server needs besides its configuration.
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
	// Plugins do the work of the plugins that check logins (config.Login.Plugins), in that
	// order: one for each.
	Plugins []auth.Checker
	// Checkers are asked, in order, about every login, at the first handshake and each
	// time keys are renewed: all have to agree. Plugins and auth-user-pass-verify are asked
	// before.
	Checkers []auth.Checker
	// SignIn is asked last about every login, also where a client gives neither user name
	// nor password, or the token of a login before; nil: nobody.
	SignIn auth.Checker
	// SignedIn, if not nil, is called with each answer about a login, and who gave it, as
	// admission.Options.Counted says.
	SignedIn func(who string, v auth.Verdict)
	// People is who else has a say about clients, as long as they are in.
	People People
	// Deciders are asked, in order, about every client whose certificate and login
	// are good, and may add to its settings.
	Deciders []access.Decider
	// Kept reports whether an address is one client's own, given by a decider, so that the
	// pool leases it to no other. It answers at once; nil: none is.
	Kept lease.Kept
	// Guard judges all packets of clients; nil: all pass.
	Guard *policy.Guard
	// KeysDir is where keys are kept over a restart, sealed; "": they are not.
	KeysDir string
	// Forward makes this host a router that masquerades for the clients.
	Forward bool
	// Opened, if not nil, is called when everything is open that needs rights, and
	// before the first packet of a stranger is read. An error ends the server.
	Opened func(*Server) error
	// Events, if not nil, is called for each event, in order for one client, on the
	// goroutine where it happened. It must not block. Every client that is Entering
	// is Ended before Run returns.
	Events func(Event)
	// Ready is called when clients can connect.
	Ready func(*Server)
	// Certificates, if not nil, is called with what a client that is in says of its
	// certificate (session.Certificate), on its control goroutine. It must not block.
	Certificates func(About, string)
}

// People is who has a say about clients that are in. Both functions answer at once, from
// memory, and may be called by any goroutine; call Review when their answers change.
type People struct {
	// Barred returns why a client may not be here, though its certificate and login are
	// good, or nil. Its text is for the client's user, too. nil: nobody is barred.
	Barred func(*access.Applicant, time.Time) error
	// Terms returns a client's terms; nil: nobody has any.
	Terms func(*access.Applicant) Terms
}

// Server is a VPN server. Make it with New and Run it once.
type Server struct {
	cfg       *config.Config // that it began with: of what rules do not say
	opts      Options
	log       *slog.Logger
	rules     *atomic.Pointer[rules]
	reloading reloading
	roster    *roster
	strangers *strangers
	desk      *desk
	door      *door
	keeper    *keeper
	host      *host
	road      tunnel.Road
	sockets   sockets
	adapter   *bringup.Adapter
	report    func(Event)
	restarts  chan struct{} // receives a value from Restart
	together  atomic.Bool   // client-to-client
	broken    chan error    // receives why the server has to end, from Adopt; its capacity is 1
}

// New checks the whole configuration, so that faults are reported before anything is
// opened.
func New(c *config.Config, o Options) (*Server, error) {
	if o.Listen == nil {
		o.Listen = func(o link.Options) (link.Link, error) { return link.ListenUDP(o) }
	}
	if c.Sources.Any() && o.SignIn == nil { // else anybody might come in
		return nil, errors.New("sign-in: nothing here asks the directories that the configuration names; serve it by the command culvert")
	}
	report := reporter(o.Log, o.Events)
	s := &Server{cfg: c, opts: o, log: o.Log, report: report, restarts: make(chan struct{}, 1), broken: make(chan error, 1), rules: new(atomic.Pointer[rules])}
	book, err := lease.New(c, o.Log)
	if err != nil {
		return nil, err
	}
	book.Keep(keeping(o.Kept, s.rules))
	if err := checkDirs(c, rootOf(c)); err != nil {
		return nil, err
	}
	if err := profile.Unlock(c, o.Ask); err != nil {
		return nil, err
	}
	s.roster = &roster{table: newTable(c.Server.MaxClients), book: book, guard: o.Guard, report: report}
	s.roster.duplicates.Store(c.Server.DuplicateCN)
	if profile.Kind(c.Adapter) == nic.Ethernet {
		s.roster.ether = newEther(c.Server, report)
	}
	s.strangers = &strangers{report: report}
	if err := s.receive(); err != nil {
		return nil, err
	}
	s.rules.Load().admission.CheckFiles(rootOf(c), o.Log)
	s.keeper = newKeeper(c, book.Layout().Network, o.KeysDir, s.rules.Load().session.TLS)
	s.keeper.greeter, s.keeper.tokens, s.keeper.log = s.door.greeter, s.rules.Load().admission.Tokens(), o.Log
	s.host = &host{book: book, forward: o.Forward, ethernet: s.roster.ether != nil, log: o.Log}
	s.host.cfg.Store(c)
	s.sockets = sockets{road: &s.road, strangers: s.strangers, report: report, share: newShare(c.Link.PortShare, o.Log)}
	s.sockets.acceptor = link.Acceptor{TCP: link.TCPOptions{QueueLimit: c.Link.TCPQueueLimit, Drop: true}, OnError: func(err error) {
		s.log.Warn("a connection could not be accepted; closing the oldest silent one", "error", err)
	}}
	s.road = tunnel.Road{Role: roleOf(s), PacketSize: profile.PacketSize(c.Adapter), Ethernet: s.roster.ether != nil, Adapter: func() nic.NIC { return s.adapter },
		OnFailing: tunnel.LogFailing(s.log), OnPath: tunnel.LogPaths(s.log)}
	s.road.SetSpecial(profile.Special(c, nil))
	s.together.Store(c.Server.ClientToClient)
	return s, nil
}

// receive makes the parts that receive clients: admission, desk and door.
func (s *Server) receive() error {
	c := s.cfg
	first, err := newRules(c, s.opts)
	if err != nil {
		return err
	}
	s.rules.Store(first)
	s.desk = &desk{rules: s.rules, people: s.opts.People, certificates: s.opts.Certificates, report: s.report, roster: s.roster, strangers: s.strangers}
	s.door = &door{rules: s.rules, log: s.log, report: s.report, greeter: session.NewGreeter(first.armour, session.Rate(c.Server.ConnectFreqInitial)),
		table: s.roster.table, strangers: s.strangers, road: &s.road, onEvent: s.desk.onEvent}
	s.door.unreached.report = s.strangers.unreached
	return nil
}

// roleOf returns the server's part in the road, by what its adapter carries.
func roleOf(s *Server) tunnel.Role {
	ip := traffic{table: s.roster.table, together: &s.together, door: s.door, guard: s.opts.Guard, report: s.report}
	if s.roster.ether == nil {
		ip.introduce()
		return ip
	}
	return frames{ip, s.roster.ether.segment}
}

// Addr returns the address of the first socket that the server listens on, UDP first,
// once Ready was called.
func (s *Server) Addr() netip.AddrPort { return s.sockets.first() }

// Addresses returns the server's own addresses in the tunnel; not valid: it has none of
// that family.
func (s *Server) Addresses() (v4, v6 netip.Addr, outer netip.AddrPort) {
	v4, v6 = s.roster.book.Layout().Server()
	return v4, v6, s.sockets.local(s.cfg)
}

// Adapter returns the server's adapter, once Ready was called.
func (s *Server) Adapter() *bringup.Adapter { return s.adapter }

// Road returns what carries the packets, for its counters.
func (s *Server) Road() *tunnel.Road { return &s.road }

// Clients returns the clients that are in, in the order they came.
func (s *Server) Clients() []ClientStatus { return s.roster.in(time.Now()) }

// Everybody returns the clients that are in and those that are connecting, in the
// order they came.
func (s *Server) Everybody() []ClientStatus { return s.roster.everybody(time.Now()) }

// Status returns the state of the server in one of OpenVPN's formats (man page,
// --status-version): 1, 2 or 3.
func (s *Server) Status(version int) []byte {
	return formatStatus(time.Now(), version, s.Everybody())
}

// Lists returns the files from which revocation lists are read again.
func (s *Server) Lists() []string { return s.rules.Load().admission.Lists() }

// Run serves until ctx ends. Then it tells the clients (explicit-exit-notify) and
// undoes what it changed on the host. The error is nil if ctx ended it.
func (s *Server) Run(ctx context.Context) (err error) {
	if err := s.bringUp(ctx); err != nil {
		return err
	}
	defer func() {
		s.adapter.Leaving(profile.Signal(ctx, err))
		if failed := s.close(); err == nil {
			err = failed
		}
	}()
	following, unfollow := context.WithCancel(ctx)
	s.beginRules(following)
	defer s.endRules()
	defer unfollow()
	if s.opts.Opened != nil {
		if err := s.opts.Opened(s); err != nil {
			return err
		}
	}
	failed := make(chan error, 1+len(s.sockets.links)+len(s.sockets.listeners))
	go func() { failed <- s.road.Outbound(ctx, s.adapter) }()
	s.sockets.serve(ctx, failed)
	defer s.host.keepRoutes(ctx, s.adapter)()
	defer unfollow() // before the others wait for another configuration, whose programs may hang
	if s.opts.Ready != nil {
		s.opts.Ready(s)
	}
	level, text := event.Completed(s.host.missing(s.adapter)) // whoever waits for this line finds all ready
	s.log.Log(ctx, level, text, "listening", strings.Join(s.sockets.addrs(), ", "), "adapter", s.adapter.Name())
	err = s.attend(ctx, failed)
	if ctx.Err() == nil {
		return err
	}
	s.dismiss() // whatever else ended as ctx did
	return nil
}

// attend sees to what comes up while the server serves. The error is why it cannot go on,
// and says nothing if ctx ended.
func (s *Server) attend(ctx context.Context, failed <-chan error) error {
	persist := time.NewTicker(persistInterval(s.cfg))
	defer persist.Stop()
	stale := s.roster.ether.staleTicks()
	var delayed <-chan time.Time
	if wait := s.adapter.RouteDelay(); wait > 0 {
		delayed = time.After(wait)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("the server cannot go on: %w", err)
		case err := <-s.broken:
			return err
		case <-delayed:
			if err := s.finish(ctx); err != nil {
				return err
			}
		case <-persist.C:
			s.roster.book.Save()
		case now := <-stale:
			s.roster.ether.sweep(now)
		case <-s.restarts:
			if err := s.restart(ctx); err != nil {
				return err
			}
		}
	}
}

// bringUp opens what the server needs, all or nothing.
func (s *Server) bringUp(ctx context.Context) (err error) {
	book := s.roster.book
	book.Load()
	s.keeper.take(time.Now())
	want, err := s.host.wants(ctx)
	if err != nil {
		return err
	}
	if err = s.sockets.open(ctx, s.cfg, s.opts.Listen); err != nil {
		book.Close()
		return err
	}
	if err = book.Open(); err == nil {
		s.adapter, err = s.opts.Open(ctx, want)
	}
	if err != nil {
		book.Close()
		s.sockets.close()
		return err
	}
	if ether := s.roster.ether; ether != nil && s.adapter.FollowMAC != nil {
		if err := s.adapter.FollowMAC(ether.segment.SetMAC); err != nil {
			s.log.Warn("clients can take the adapter's MAC address", "error", err)
		}
	}
	s.rules.Load().admission.SetEnvironment(s.adapter.Environment(want.Told))
	if s.adapter.RouteDelay() == 0 {
		err = s.finish(ctx)
	}
	if err != nil {
		s.takeDown()
	}
	return err
}

// finish has the adapter's routes added, where programs had them wait.
func (s *Server) finish(ctx context.Context) error {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	err := s.adapter.Finish(ctx)
	if err == nil && s.adapter.Partial != nil {
		s.log.Warn("not everything could be set up on this host", "problem", s.adapter.Partial)
	}
	return err
}

// takeDown closes what bringUp opened.
func (s *Server) takeDown() error {
	s.roster.book.Close()
	err := s.adapter.TakeDown(s.log)
	s.sockets.close()
	s.sockets.acceptor.Close()
	return err
}

func (s *Server) close() error {
	s.reloading.each(s.rules.Load(), (*admission.Admission).End) // first, since a program may keep a client from ending
	s.roster.table.end(s.log)
	s.reloading.each(s.rules.Load(), (*admission.Admission).Wait)
	s.door.unreached.stop()
	s.strangers.stop()
	return s.takeDown()
}

// Restart ends all sessions, so that the clients connect again. Sockets, adapter and
// leases stay.
func (s *Server) Restart() {
	select {
	case s.restarts <- struct{}{}:
	default: // a restart is asked for already
	}
}

func (s *Server) restart(ctx context.Context) error {
	s.report(Restarting{})
	s.dismiss()
	for _, c := range s.roster.table.all() {
		c.evict()
	}
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	err := s.adapter.Restart(ctx, "sigusr1")
	if err == nil {
		err = s.adapter.Restarted(ctx)
	}
	s.door.closed.Store(false)
	return err
}

// dismissTime is how long clients have to confirm that they were told.
const dismissTime = 2 * time.Second

// dismiss tells the clients that the server goes away, so that they need not wait for
// ping-restart to notice.
//
// A client that comes back meanwhile gets no answer, since its new session would be
// dropped without a word. Some clients do not confirm, and come back at once: OpenVPN
// after a second.
func (s *Server) dismiss() {
	s.door.closed.Store(true)
	text := "RESTART"
	switch s.rules.Load().cfg.Timers.ExplicitExitNotify {
	case 0:
		return
	case 2:
		text = "RESTART,[N]"
	}
	for _, c := range s.roster.table.all() {
		c.Do(func(now time.Time) { c.Session.Dismiss(now, text) })
	}
	deadline := time.Now().Add(dismissTime)
	for len(s.roster.table.all()) > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
}

// ErrNoClient reports that no client has that number, or no longer.
var ErrNoClient = errors.New("no such client is connected")

// maxMessage is the longest message for a client that is sent away, in bytes.
const maxMessage = 900

// Disconnect sends away the client with a number (ClientStatus.ID). message is the
// control message that it gets: after "RESTART", or "" which means the same, it
// connects again; after one such as "HALT,reason" it does not. A client that is not in
// yet is told nothing. Disconnect fails with ErrNoClient, or if message is not one line
// of at most 900 bytes of printable text. It does not wait for the client.
func (s *Server) Disconnect(number uint64, message string) error {
	if message == "" {
		message = "RESTART"
	}
	if len(message) > maxMessage || strings.ContainsFunc(message, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("disconnect: a message is one line of at most %d bytes", maxMessage)
	}
	c := s.roster.numbered(number)
	if c == nil {
		return fmt.Errorf("disconnect %d: %w", number, ErrNoClient)
	}
	c.disconnect(message, s.report)
	return nil
}

// persistInterval returns how often the book of addresses is saved.
func persistInterval(c *config.Config) time.Duration {
	if c.Server.PoolPersistInterval > 0 {
		return c.Server.PoolPersistInterval
	}
	return 10 * time.Minute
}
