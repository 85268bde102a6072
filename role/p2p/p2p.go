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
	"sync"
	"sync/atomic"
	"time"

	"culvert/access/auth"
	"culvert/access/crl"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/internal/mute"
	"culvert/link"
	"culvert/nic"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/seal"
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
	// Lists is where revocation lists are read from again; nil: from the files
	// of the configuration.
	Lists crl.Source
	// Opened, if not nil, is called when all is open that takes rights, and before
	// the first packet of a stranger is read. An error ends the host.
	Opened func() error
	// Ready is called each time a connection to the other host is up.
	Ready func(*Host)
	// Events is called for each event, in order for one connection, on the
	// goroutine where it happened; it must not block. nil: nobody.
	Events func(Event)
}

// Listener is a socket for connections. *link.TCPListener is one.
type Listener interface {
	link.Listener
	LocalAddr() netip.AddrPort
	Close() error
}

// Host is one end of the tunnel. Make it with New and Run it once.
type Host struct {
	cfg    *config.Config
	opts   Options
	log    *slog.Logger
	said   *event.Log
	main   *settings
	blocks map[*config.Config]*settings // of <connection> blocks
	// showTLS makes the TLS settings for a host at one address (tls-verify);
	// nil: they are the same for all.
	showTLS profile.ShowTLS
	ctx     context.Context  // Run's, for as long as sessions last
	greeter *session.Greeter // of the TLS server
	static  *seal.Static     // with `secret`; nil with TLS
	remotes *reach.Remotes   // but for Knows, for Run's goroutine
	dialer  reach.Dialer
	road    tunnel.Road
	one     *tunnel.OnePeer
	adapter *bringup.Adapter
	state   bringup.State

	link     link.Link // for datagrams, nil where none go without a proxy
	listener Listener  // nil where the other host does not call over TCP
	streams  link.Acceptor
	called   atomic.Pointer[connection] // by this host, the last while it lasts
	calls    sync.WaitGroup

	sides     sides
	strangers mute.Strangers
	traffic   tunnel.Traffic
	changed   chan struct{} // a connection came up or ended; capacity 1
	finish    chan error    // there is a reason to end; capacity 1
	// answered is when a server that began was last; it is for the goroutine
	// that takes packets from the link.
	answered time.Time
}

// New checks a configuration in full, so that what is wrong with it is said
// before anything is opened.
func New(c *config.Config, o Options) (*Host, error) {
	h := &Host{cfg: c, opts: o, log: o.Log, said: event.NewLog(o.Log, words), changed: make(chan struct{}, 1), finish: make(chan error, 1)}
	if err := h.prepare(); err != nil {
		return nil, err
	}
	if h.opts.Listen == nil {
		h.opts.Listen = func(o link.Options) (link.Link, error) { return link.ListenUDP(o) }
	}
	if h.opts.ListenTCP == nil {
		h.opts.ListenTCP = func(o link.Options) (Listener, error) { return link.ListenTCP(o) }
	}
	h.opts.Resolve = reach.NewNames(c, o.Resolve, h.tunnel, o.Log).Lookup
	h.remotes = reach.NewRemotes(c, profile.ReportNames(h.opts.Resolve, h.emit))
	h.remotes.Log = o.Log
	h.dialer = reach.Dialer{Listen: h.opts.Listen, Dial: o.Dial, Ask: o.Ask}
	h.streams = link.Acceptor{TCP: link.TCPOptions{QueueLimit: c.Link.TCPQueueLimit}, OnError: func(err error) {
		h.emit(event.Remark{Text: "a connection could not be accepted; the oldest silent one is given up", Err: err})
	}}
	h.one = h.onePeer()
	h.road = tunnel.Road{Role: role{h.one, h}, Headless: h.static != nil, PacketSize: profile.PacketSize(c), Ethernet: profile.Kind(c) == nic.Ethernet,
		Adapter: func() nic.NIC { return h.adapter }, OnError: h.passingError, OnFailing: tunnel.LogFailing(h.log), OnPath: tunnel.LogPaths(h.log)}
	return h, nil
}

// prepare makes what every session needs.
func (h *Host) prepare() (err error) {
	if h.cfg.Trust.Secret != nil {
		h.main, h.static, err = newStaticSettings(h.cfg)
	} else {
		err = h.prepareTLS()
	}
	if err != nil {
		return err
	}
	return h.prepareBlocks()
}

func (h *Host) prepareTLS() (err error) {
	if err = profile.Unlock(h.cfg, h.opts.Ask); err != nil {
		return err
	}
	if h.main, err = newSettings(h.cfg, h.remark, h.opts.Lists); err != nil {
		return err
	}
	if h.showTLS, err = profile.TLSVerify(h.cfg, profile.ProgramVariables(h.cfg), auth.NewSlots(profile.ProgramsAtOnce)); err != nil {
		return err
	}
	if h.cfg.TLSServer {
		armour, err := profile.Armour(h.cfg)
		if err != nil {
			return err
		}
		h.greeter = session.NewGreeter(armour, session.DefaultAnswers)
	}
	return nil
}

// prepareBlocks makes what <connection> blocks change.
func (h *Host) prepareBlocks() (err error) {
	h.blocks = make(map[*config.Config]*settings)
	for _, r := range h.cfg.Link.Remotes {
		switch {
		case r.Settings == nil:
		case h.static != nil:
			h.blocks[r.Settings], _, err = newStaticSettings(r.Settings)
		default:
			h.blocks[r.Settings], err = newSettings(r.Settings, func(string) {}, h.opts.Lists) // said of the whole
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tunnel is the adapter as far as it is in the way of questions for names.
func (h *Host) tunnel() reach.Tunnel {
	if h.adapter != nil && h.adapter.ChangesHost() {
		return h.adapter
	}
	return nil
}

// Adapter is the host's adapter, once Run has opened it.
func (h *Host) Adapter() *bringup.Adapter { return h.adapter }

// Addr is the address the host listens on, once Run has opened it; not valid
// where it does not.
func (h *Host) Addr() netip.AddrPort {
	switch {
	case h.listener != nil:
		return h.listener.LocalAddr()
	case h.link != nil:
		return h.link.LocalAddr()
	}
	return netip.AddrPort{}
}

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
// or the configuration says to (ping-exit, inactive; the error is nil then), or
// trying again makes no sense. Before it returns, the other host was told
// (explicit-exit-notify) and this one is as it was.
func (h *Host) Run(ctx context.Context) error {
	h.ctx = ctx
	if err := h.open(ctx); err != nil {
		h.emit(event.Ended{Err: err})
		return err
	}
	defer h.close()
	err := h.run(ctx)
	asked := errors.Is(err, session.ErrPingExit) || errors.Is(err, errInactive)
	h.emit(event.Ended{Err: err, Asked: asked})
	if asked {
		return nil
	}
	return err
}

// run is Run once all is open. Its error may be one that the configuration asks
// for.
func (h *Host) run(ctx context.Context) error {
	defer h.keepStatus()()
	defer h.keepLists(ctx)()
	if h.opts.Opened != nil {
		if err := h.opts.Opened(); err != nil {
			return err
		}
	}
	failed := make(chan error, 3)
	go func() { failed <- h.road.Outbound(ctx, h.adapter) }()
	if h.link != nil {
		go func() { failed <- h.road.Inbound(ctx, h.link) }()
	}
	if h.listener != nil {
		go func() { failed <- h.streams.Serve(h.listener, h.accepted) }()
	}
	if at := h.Addr(); at.IsValid() {
		h.emit(event.Listening{Addr: at, Adapter: h.adapter.Name()})
	}
	return h.keep(ctx, failed)
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
	current.Do(func(now time.Time) { current.Session.Exit(now, h.cfg.Timers.ExplicitExitNotify) })
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
	h.strangers.Stop()
	for _, s := range h.sides.all() {
		s.end()
	}
	if c := h.called.Load(); c != nil {
		c.Close()
	}
	h.closeSockets()
	h.streams.Close()
	h.calls.Wait()
	h.adapter.TakeDown(h.log)
	h.emit(event.AdapterClosed{Adapter: h.adapter.Name()})
}

// errReplaced is why a session ends whose place another one takes.
var errReplaced = errors.New("a newer session takes its place")
