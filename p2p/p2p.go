// Package p2p is one end of a tunnel between two hosts without server mode:
// both have their addresses in their configurations, either may begin, and
// nobody pushes anything.
//
// With TLS, a connection is a session in its handshake (next) that takes the
// place of the one that carries packets (current) once the other end has
// proven who it is. So whoever restarts is back at once, and a stranger's
// handshake disturbs nobody.
package p2p

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"culvert/adapter"
	"culvert/config"
	"culvert/endpoint"
	"culvert/link"
	"culvert/nic"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wrap"
	"culvert/tunnel"
)

// Options are what a host is given beside its configuration.
type Options struct {
	Log *slog.Logger
	// Open brings the adapter up.
	Open adapter.Opener
	// Listen opens the socket; nil: link.ListenUDP.
	Listen func(link.Options) (link.Link, error)
	// Resolve finds a remote's addresses; nil: the system's resolver.
	Resolve endpoint.Resolver
	// Ask asks for the private key's password; nil: nobody can be asked.
	Ask endpoint.Ask
	// Ready is called each time a connection to the other host is up.
	Ready func(*Host)
}

// Host is one end of the tunnel. Make it with New and Run it once.
type Host struct {
	cfg     *config.Config
	opts    Options
	log     *slog.Logger
	session session.Config
	wrapper func() wrap.Wrapper
	// showTLS makes the TLS settings for a host at one address (tls-verify);
	// nil: they are the same for all.
	showTLS func(*tls.Config, netip.AddrPort) *tls.Config
	greeter *session.Greeter // of the TLS server
	static  *seal.Static     // with `secret`; nil with TLS
	remotes *remotes
	road    tunnel.Road
	link    link.Link
	adapter *adapter.Adapter
	state   adapter.State

	sides   sides
	traffic tunnel.Traffic
	changed chan struct{} // a connection came up or ended; capacity 1
	finish  chan error    // there is a reason to end; capacity 1
	once    sync.Once     // for what is said of a loop
	// answered is when a server that began was last; it is for the goroutine
	// that takes packets from the link.
	answered time.Time
}

// New checks a configuration in full, so that what is wrong with it is said
// before anything is opened.
func New(c *config.Config, o Options) (*Host, error) {
	h := &Host{cfg: c, opts: o, log: o.Log, changed: make(chan struct{}, 1), finish: make(chan error, 1)}
	if err := h.prepare(); err != nil {
		return nil, err
	}
	if h.opts.Listen == nil {
		h.opts.Listen = func(o link.Options) (link.Link, error) { return link.ListenUDP(o) }
	}
	if h.opts.Resolve == nil {
		h.opts.Resolve = endpoint.SystemResolver
	}
	h.remotes = newRemotes(c, h.opts.Resolve)
	h.road = tunnel.Road{Role: role{h}, Headless: h.static != nil, PacketSize: endpoint.PacketSize(c), Ethernet: endpoint.Kind(c) == nic.Ethernet,
		Adapter: func() nic.NIC { return h.adapter }, OnError: h.passingError}
	return h, nil
}

// prepare makes what every session needs.
func (h *Host) prepare() (err error) {
	if h.cfg.Secret != nil {
		h.session, h.static, err = endpoint.Static(h.cfg)
		return err
	}
	if err = endpoint.Unlock(h.cfg, h.opts.Ask); err != nil {
		return err
	}
	if h.session, err = endpoint.P2P(h.cfg, func(text string) { h.log.Warn(text) }); err != nil {
		return err
	}
	if h.showTLS, err = endpoint.TLSVerify(h.cfg, endpoint.ProgramVariables(h.cfg)); err != nil {
		return err
	}
	if h.wrapper, err = endpoint.P2PWrapper(h.cfg); err != nil {
		return err
	}
	if h.cfg.TLSServer {
		armour, err := endpoint.Armour(h.cfg)
		if err != nil {
			return err
		}
		h.greeter = session.NewGreeter(armour)
	}
	return nil
}

// Adapter is the host's adapter, once Run has opened it.
func (h *Host) Adapter() *adapter.Adapter { return h.adapter }

// Addr is the address the host listens on, once Run has opened it.
func (h *Host) Addr() netip.AddrPort { return h.link.LocalAddr() }

// Road is what carries the packets, to be watched and counted.
func (h *Host) Road() *tunnel.Road { return &h.road }

// Peer is the connection to the other host, nil while there is none.
func (h *Host) Peer() *tunnel.Peer {
	if s := h.sides.current.Load(); s != nil {
		return s.Peer
	}
	return nil
}

// passingError logs what does not end the connection, such as the refusals of
// a host on which nothing listens.
func (h *Host) passingError(err error) { h.log.Debug("passing network error", "error", err) }

// Run connects, and connects again when the connection is lost, until ctx ends
// or the configuration says to (ping-exit, inactive; the error is nil then). Before it returns, the other host was told
// (explicit-exit-notify) and this one is as it was.
func (h *Host) Run(ctx context.Context) error {
	if err := h.open(ctx); err != nil {
		return err
	}
	defer h.close()
	defer h.keepStatus()()
	failed := make(chan error, 2)
	go func() { failed <- h.road.Outbound(h.adapter) }()
	go func() { failed <- h.road.Inbound(h.link) }()
	h.log.Info("waiting for the other host", "listening", h.link.LocalAddr(), "adapter", h.adapter.Name())
	return h.keep(ctx, failed)
}

// keep begins a connection whenever there is none and it is known where to.
func (h *Host) keep(ctx context.Context, failed <-chan error) error {
	wait, tries := h.cfg.ConnectRetry, 0
	again := time.NewTimer(0)
	defer again.Stop()
	alone := time.NewTimer(h.patience())
	defer alone.Stop()
	for {
		select {
		case <-ctx.Done():
			h.leave()
			return nil
		case err := <-failed:
			return fmt.Errorf("the tunnel cannot go on: %w", err)
		case err := <-h.finish:
			h.leave()
			return h.outcome(err)
		case <-alone.C:
			if h.alone() {
				return h.outcome(session.ErrPingExit)
			}
		case <-h.changed:
			alone.Reset(h.patience())
			if h.sides.idle() {
				again.Reset(wait)
				wait = min(2*wait, h.cfg.ConnectRetryMax)
				continue
			}
			wait, tries = h.cfg.ConnectRetry, 0
			if err := h.refresh(ctx); err != nil {
				return err
			}
		case <-again.C:
			if !h.sides.idle() {
				continue
			}
			if tries++; h.exhausted(tries) {
				return errExhausted
			}
			if !h.begin(ctx) {
				again.Reset(wait)
				wait = min(2*wait, h.cfg.ConnectRetryMax)
			}
		}
	}
}

// notify wakes keep.
func (h *Host) notify() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

func (h *Host) open(ctx context.Context) (err error) {
	first, _ := h.remotes.peek(ctx)
	if h.state, err = h.wants(ctx, first.Addr()); err != nil {
		return err
	}
	addr, err := h.listenAddr()
	if err != nil {
		return err
	}
	o := endpoint.LinkOptions(h.cfg)
	o.Addr, o.Refusals = addr, true
	if h.link, err = h.opts.Listen(o); err != nil {
		return err
	}
	if h.adapter, err = h.opts.Open(ctx, h.state); err != nil {
		h.link.Close()
		return err
	}
	h.reportHost()
	return nil
}

// wants is the state for the other host at an outer address.
func (h *Host) wants(ctx context.Context, other netip.Addr) (s adapter.State, err error) {
	if s.State, err = endpoint.HostState(ctx, h.cfg, other, h.opts.Resolve); err != nil {
		h.log.Warn("routes are left out", "error", err)
	}
	s.Ethernet, err = endpoint.Ethernet(h.cfg, &s.State)
	return s, err
}

// reportHost says what was changed on this host, and what could not be.
func (h *Host) reportHost() {
	for _, change := range h.adapter.Changes {
		h.log.Debug("this host: " + change)
	}
	if h.adapter.Partial != nil {
		h.log.Warn("not everything could be set up on this host", "problem", h.adapter.Partial)
	}
}

// refresh brings this host to the state that the other's present address asks
// for: with redirect-gateway, the way to it leads past the tunnel.
func (h *Host) refresh(ctx context.Context) error {
	current := h.sides.current.Load()
	if current == nil || h.cfg.RedirectGateway == nil {
		return nil
	}
	state, err := h.wants(ctx, current.Path().Remote.Addr())
	if err != nil || slices.Equal(state.Routes, h.state.Routes) {
		return err
	}
	h.state = state
	err = h.adapter.Update(ctx, state)
	h.reportHost()
	return err
}

// listenAddr is what `local`, `lport`, `nobind` and `proto` say.
func (h *Host) listenAddr() (netip.AddrPort, error) {
	port := uint16(h.cfg.LocalPort)
	switch {
	case h.cfg.Local != "":
		addr, err := netip.ParseAddr(h.cfg.Local)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("local %s: expected an IP address of this host: %w", h.cfg.Local, err)
		}
		return netip.AddrPortFrom(addr, port), nil
	case h.cfg.Proto.Family == 4:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
	}
	return netip.AddrPortFrom(netip.Addr{}, port), nil
}

// leaveTime is how long the other host is given to hear that this one goes.
const leaveTime = 3 * time.Second

// leave ends the connection and tells the other host, where
// explicit-exit-notify asks for it.
func (h *Host) leave() {
	current := h.sides.current.Load()
	if current == nil {
		return
	}
	current.Do(func(now time.Time) { current.Session.Exit(now, h.cfg.ExplicitExitNotify) })
	limit := time.NewTimer(leaveTime)
	defer limit.Stop()
	for h.sides.current.Load() == current {
		select {
		case <-h.changed:
		case <-limit.C:
			return
		}
	}
}

func (h *Host) close() {
	for _, s := range h.sides.all() {
		s.Stop()
	}
	h.adapter.TakeDown(h.log)
	h.link.Close()
}

// errReplaced is why a session ends whose place another one takes.
var errReplaced = errors.New("a newer session takes its place")
