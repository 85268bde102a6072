// Package p2p is one end of a tunnel between two hosts without server mode:
// both have their addresses in their configurations, either may begin, and
// nobody pushes anything.
//
// With TLS, a session in its handshake takes the place of the one that carries
// packets (current) once the other end has proven who it is. So whoever
// restarts is back at once, and a stranger's handshake disturbs nobody. Sessions
// share one socket, or over TCP and through proxies have a connection each.
package p2p

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"

	"culvert/access/crl"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/link"
	"culvert/nic"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/tunnel"
)

// Options are what a host is given beside its configuration.
type Options struct {
	Log *slog.Logger
	// Open brings the adapter up.
	Open bringup.Opener
	// Listen opens the socket; nil: link.ListenUDP.
	Listen func(link.Options) (link.Link, error)
	// ListenTCP opens a socket for connections; nil: link.ListenTCP.
	ListenTCP func(link.Options) (Listener, error)
	// Dial connects over TCP; nil: link.DialTCP.
	Dial func(context.Context, link.Options, netip.AddrPort) (net.Conn, error)
	// Resolve finds a remote's addresses where no tunnel is in the way; nil: the
	// system's resolver.
	Resolve profile.Resolver
	// Ask asks for passwords, of the private key and of proxies; nil: nobody
	// can be asked.
	Ask profile.Ask
	// Asker is asked for passwords in Ask's place, and Holder each time before this
	// host calls the other one again; nil: they are not.
	Asker  profile.Asker
	Holder profile.Holder
	// Lists is where revocation lists are read from again; nil: from the files
	// of the configuration.
	Lists crl.Source
	// Opened, if not nil, is called when all is open that takes rights, and before
	// the first packet of a stranger is read. An error ends the host.
	Opened func() error
	// Ready is called each time a connection to the other host is up.
	Ready func(*Host)
	// Reload has the configuration read again, for `remap-usr1 SIGHUP`; nil: nobody does.
	Reload func()
	// Programs runs ipchange; nil: nobody does. Those of the adapter are Open's.
	Programs bringup.Programs
	// Events is called for each event, in order for one connection, on the
	// goroutine where it happened; it must not block. nil: nobody.
	Events func(Event)
}

// Host is one end of the tunnel. Make it with New and Run it once.
type Host struct {
	cfg      *config.Config
	opts     Options
	log      *slog.Logger
	said     *event.Log
	road     tunnel.Road
	sockets  sockets
	local    local
	sessions sessions
	calls    caller
	received received
}

// New makes a host. It checks the whole configuration, so that faults are reported
// before anything is opened.
func New(c *config.Config, o Options) (*Host, error) {
	h := &Host{cfg: c, opts: o, log: o.Log, said: event.NewLog(o.Log, words)}
	keys, err := newKeys(c, o, h.remark)
	if err != nil {
		return nil, err
	}
	if o.Listen == nil {
		h.opts.Listen = func(o link.Options) (link.Link, error) { return link.ListenUDP(o) }
	}
	if o.ListenTCP == nil {
		h.opts.ListenTCP = func(o link.Options) (Listener, error) { return link.ListenTCP(o) }
	}
	one := h.onePeer()
	resolve := reach.NewNames(c, o.Resolve, h.local.tunnel, o.Log).Lookup
	h.local = local{cfg: c, resolve: resolve, pinned: &one.Pinned, emit: h.emit, programs: o.Programs}
	h.sessions = sessions{keys: keys, signals: newSignals(), cfg: c, log: o.Log, one: one, emit: h.emit, onUp: h.up, reload: o.Reload}
	h.sockets = sockets{streams: link.Acceptor{TCP: link.TCPOptions{QueueLimit: c.Link.TCPQueueLimit}, OnError: func(err error) {
		h.emit(event.Remark{Text: "a connection could not be accepted; closing the oldest silent one", Err: err})
	}}}
	h.calls = caller{sessions: &h.sessions, local: &h.local, sockets: &h.sockets,
		remotes: reach.NewRemotes(c, profile.ReportNames(resolve, h.emit)), dialer: reach.Dialer{Listen: h.opts.Listen, Dial: o.Dial, Ask: o.Ask, Asker: o.Asker}, holder: o.Holder}
	h.calls.remotes.Log = o.Log
	if keys.static != nil {
		h.received = received{path: c.Trust.ReplayPersist, keys: keys.static, emit: h.emit}
		if err := h.received.load(); err != nil {
			return nil, err
		}
	}
	h.road = tunnel.Road{Role: &role{OnePeer: one, sessions: &h.sessions, calls: &h.calls}, Headless: keys.static != nil,
		PacketSize: profile.PacketSize(c.Adapter), Ethernet: profile.Kind(c.Adapter) == nic.Ethernet, Adapter: func() nic.NIC { return h.local.adapter },
		OnError: h.passingError, OnFailing: tunnel.LogFailing(h.log), OnPath: tunnel.LogPaths(h.log)}
	h.road.SetSpecial(profile.Special(c, nil))
	return h, nil
}

// onePeer is what the host has of the road in common with other roles.
func (h *Host) onePeer() *tunnel.OnePeer {
	return &tunnel.OnePeer{
		Road: &h.road, Float: h.cfg.Link.Float, Recursive: h.cfg.Routing.AllowRecursive,
		Current: func(netip.Addr) *tunnel.Peer { return h.Peer() }, On: h.sessions.on,
		Isolated: func() bool { return h.local.adapter.Stack != nil },
		OnLoop:   func(to netip.Addr) { h.emit(event.Looped{Addr: to}) },
		OnMoved:  h.sessions.moved,
		OnForged: func(err error) { h.log.Debug("control packet dropped", "error", err) },
	}
}

// Adapter is the host's adapter, once Run has opened it.
func (h *Host) Adapter() *bringup.Adapter { return h.local.adapter }

// Addr is the address the host listens on, once Run has opened it; not valid
// where it does not.
func (h *Host) Addr() netip.AddrPort { return h.sockets.addr() }

// Road is what carries the packets, to be watched and counted.
func (h *Host) Road() *tunnel.Road { return &h.road }

// Peer is the connection to the other host, nil while there is none.
func (h *Host) Peer() *tunnel.Peer { return h.sessions.current() }

// passingError logs what does not end the connection, such as the refusals of
// a host on which nothing listens.
func (h *Host) passingError(err error) { h.log.Debug("passing network error", "error", err) }

// Restart ends the session with the other host and begins another. Socket and
// adapter stay. Two hosts that share a static key have none to end.
func (h *Host) Restart() { h.sessions.restart() }

// Run connects, and connects again when the connection is lost, until ctx ends
// or the configuration asks to end (ping-exit, inactive, session-timeout; the error is nil then), or
// another try makes no sense. When it returns, the other host has been told
// (explicit-exit-notify) and this one is as it was.
func (h *Host) Run(ctx context.Context) (err error) {
	h.sessions.ctx = ctx
	if err := h.open(ctx); err != nil {
		h.emit(event.Ended{Err: err})
		return err
	}
	defer func() {
		h.local.adapter.Leaving(profile.LastSignal(ctx, saysGoodbye(h.cfg), err))
		if failed := h.close(); err == nil {
			err = failed
		}
	}()
	err = h.run(ctx)
	asked := errors.Is(err, session.ErrPingExit) || errors.Is(err, profile.ErrInactive) || errors.Is(err, profile.ErrExpired) || errors.Is(err, profile.ErrRemapped)
	h.emit(event.Ended{Err: err, Asked: asked})
	if asked {
		return nil
	}
	return err
}

// open brings up sockets and adapter, all or none.
func (h *Host) open(ctx context.Context) error {
	var first netip.Addr
	if t, err := h.calls.remotes.Peek(ctx); err == nil && !h.cfg.AwaitsTCP() {
		first = t.Near().Addr()
	}
	if err := h.local.prepare(ctx, first); err != nil {
		return err
	}
	if err := h.sockets.open(ctx, h.cfg, h.opts); err != nil {
		return err
	}
	err := h.local.bringUp(ctx, h.opts.Open)
	if err == nil && !h.local.waits() {
		if err = h.local.finish(ctx); err != nil {
			h.local.adapter.TakeDown(h.log)
		}
	}
	if err != nil {
		h.sockets.close()
	}
	return err
}

// run is Run once everything is open. Its error may be one that the configuration
// asks for.
func (h *Host) run(ctx context.Context) error {
	defer h.keepStatus()()
	defer h.received.keep()()
	defer h.sessions.keepLists(ctx)()
	if h.opts.Opened != nil {
		if err := h.opts.Opened(); err != nil {
			return err
		}
	}
	failed := make(chan error, 3)
	go func() { failed <- h.road.Outbound(ctx, h.local.adapter) }()
	if h.sockets.datagrams != nil {
		go func() { failed <- h.road.Inbound(ctx, h.sockets.datagrams) }()
	}
	if h.sockets.listener != nil {
		go func() { failed <- h.sockets.streams.Serve(h.sockets.listener, h.calls.accepted) }()
	}
	if at := h.Addr(); at.IsValid() {
		h.emit(event.Listening{Addr: at, Adapter: h.local.adapter.Name()})
	}
	return keep(ctx, &h.calls, failed)
}

// up says that packets can pass.
func (h *Host) up(s *side) {
	h.sessions.notify()
	ipv4, ipv6 := profile.Inner(h.cfg.Adapter)
	h.emit(event.Up{Remote: s.reported(), Adapter: h.local.adapter.Name(), IPv4: ipv4, IPv6: ipv6, Local: h.sockets.local(h.cfg)})
	if h.opts.Ready != nil {
		h.opts.Ready(h)
	}
}

func (h *Host) close() error {
	h.sessions.close()
	h.calls.close()
	err := h.local.adapter.TakeDown(h.log)
	h.emit(event.AdapterClosed{Adapter: h.local.adapter.Name()})
	return err
}
