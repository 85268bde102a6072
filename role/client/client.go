// Package client is the client's role: it finds a server among the remotes of
// its configuration, brings up an adapter in the state the server pushed, and
// keeps the connection up.
package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"culvert/access/crl"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/link"
	"culvert/nic"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/session/negotiate"
	"culvert/tunnel"
)

// Options are what a client is given beside its configuration.
type Options struct {
	Log *slog.Logger
	// Open brings the adapter up, once a server has pushed what it needs.
	Open bringup.Opener
	// Listen opens a socket for UDP; nil: link.ListenUDP.
	Listen func(link.Options) (link.Link, error)
	// Dial connects over TCP; nil: link.DialTCP.
	Dial func(context.Context, link.Options, netip.AddrPort) (net.Conn, error)
	// Resolve finds a remote's addresses where no tunnel is in the way; nil: the
	// system's resolver.
	Resolve profile.Resolver
	// Network is listened to, so that a connection follows the ways of this
	// host; nil: nobody listens.
	Network Network
	// Ask asks the user for passwords and codes; nil: nobody can be asked.
	Ask profile.Ask
	// Manager is who decides what the configuration leaves to them.
	Manager
	// Opened, if not nil, is called when everything that takes rights is open,
	// except the adapter, and before anything is sent. An error ends the client.
	Opened func() error
	// Ready is called each time the tunnel is up.
	Ready func(*Client)
	// Lists is where revocation lists are read from again; nil: from the files
	// of the configuration.
	Lists crl.Source
	// Renew has another process write the next certificate into its file; nil: this one
	// does.
	Renew profile.Keeper
	// Programs runs ipchange; nil: nobody does. Those of the adapter are Open's.
	Programs bringup.Programs
	// Reload has the configuration read again, for `remap-usr1 SIGHUP`; nil: nobody does.
	Reload func()
	// Reopens says that Open works more than once.
	Reopens bool
	// Visit is asked for a web page at the server's own address when nothing comes from
	// there, to tell a captive portal; nil: nobody looks for one.
	Visit Visitor
	// Events is called for each event, in order, on the goroutine where it
	// happened; it must not block. nil: nobody.
	Events func(Event)

	clock clock // nil: this host's
}

// Manager is a program that manages this process, as far as it decides for a client.
// Each field may be nil: nobody is asked, or told, then.
type Manager struct {
	Asker  profile.Asker    // in the place of Ask
	Holder profile.Holder   // each time before the client connects again
	Choose reach.Chooser    // where connections go
	Keys   profile.KeyStore // a private key that is not here
	Tell   Teller
}

// Teller is told what servers have to say to users. It must not block.
type Teller interface {
	// TokenGiven is called with each token that a server gives in place of the
	// password.
	TokenGiven(token string)
	// Info is called with the text of INFO_PRE: something a user has to do.
	Info(text string)
}

// Client is a VPN client. Make it with New and Run it once.
type Client struct {
	cfg     *config.Config // as choice, what the next connection goes by; owned by Run
	opts    Options
	log     *slog.Logger
	said    *event.Log
	choice  profile.Choice
	road    tunnel.Road
	one     *tunnel.OnePeer
	remotes *reach.Remotes
	dialer  reach.Dialer

	login    *login
	sessions sessions
	mover    mover
	goesBy   atomic.Pointer[config.Config] // with what the server pushed last; nil: none did yet
	adapter  atomic.Pointer[bringup.Adapter]
	state    bringup.State // what the adapter was brought to; owned by Run
	// routes and addresses are those of state, without what is for moves; owned by Run
	routes    []hostnet.Route
	addresses []hostnet.Address
	narrowing narrowing
	// restarted is set while a connection is over that the adapter outlives; owned by Run
	restarted bool
	// goodbye: the connection that was up last tells the server when it ends; owned by Run
	goodbye bool
	moved   moves
	uplink  uplink
	sleeper *sleeper
	awake   <-chan time.Duration // how long this host slept
	hearers hearers
	portals portals
	// ended has the error of the adapter's outbound road.
	ended    chan error
	restarts restarts
	twins    twins
	best     *best // nil: remotes are tried in their order
	adopting adopting
	// renewing renews the certificate; nil: it cannot be renewed, for the reason unrenewed.
	// endSaid is the serial number of the last one of which it was said that it ends. Run owns
	// them; renewing itself stays as it is.
	renewing  *profile.Renewing
	unrenewed string
	endSaid   string
	status    profile.StatusFile // owned by Run
}

// New makes a client. It checks the whole configuration, so that faults are
// reported before anything is opened.
func New(c *config.Config, o Options) (*Client, error) {
	if !c.Pull {
		return nil, errors.New("this configuration has no `client` (or `pull`) line: it is for a server, or for one of two paired hosts")
	}
	cl := &Client{cfg: c, opts: o, log: o.Log, said: event.NewLog(o.Log, words), dialer: reach.Dialer{Listen: o.Listen, Dial: o.Dial, Ask: o.Ask, Asker: o.Asker},
		ended: make(chan error, 1), restarts: make(restarts, 1), moved: make(moves, 1), mover: newMover()}
	cl.renewing, cl.unrenewed = profile.RenewingBy(c, o.Renew)
	if err := unlock(c, o); err != nil {
		return nil, err
	}
	cl.uplink = uplink{network: o.Network, own: cl.adapterName}
	var err error
	if cl.login, err = newLogin(c, o.Ask, o.Asker); err != nil {
		return nil, err
	}
	if cl.choice, err = choose(c, o, cl.renewing, cl.remark); err != nil {
		return nil, err
	}
	cl.best = newBest(c, cl.dialer, cl.choice)
	cl.adopting = adopting{latest: c, wake: make(chan struct{}, 1)}
	cl.status = profile.StatusFile{Log: o.Log, Text: cl.Status}
	cl.opts.Resolve = reach.NewNames(c, o.Resolve, cl.tunnel, o.Log).Lookup
	cl.remotes = reach.NewRemotes(c, profile.ReportNames(cl.opts.Resolve, cl.emit))
	cl.remotes.Log, cl.remotes.Chooser = o.Log, o.Choose
	cl.one = cl.onePeer()
	cl.road = tunnel.Road{Role: role{cl.one}, PacketSize: profile.PacketSize(c.Adapter), Ethernet: profile.Kind(c.Adapter) == nic.Ethernet, Adapter: cl.currentNIC, OnError: cl.passingError, OnFailing: tunnel.LogFailing(cl.log),
		OnPath: tunnel.LogPaths(cl.log)}
	return cl, nil
}

// choose makes the settings of a configuration, and of its blocks. warn is as for
// profile.Choose.
func choose(c *config.Config, o Options, r *profile.Renewing, warn func(string)) (profile.Choice, error) {
	return profile.Choose(c, o.Log, warn, func(c *config.Config, warn func(string)) (*profile.Settings, error) {
		s, err := profile.ClientSettings(c, warn, o.Lists)
		if err == nil {
			s.Keys = o.Keys
			if r != nil {
				negotiate.TellRenewal(s.Session.PeerInfo)
			}
		}
		return s, err
	})
}

// passingError logs what does not end the connection, such as the refusals of
// a host on which nothing listens.
func (c *Client) passingError(err error) {
	c.hearers.hear(err)
	c.best.hear(err)
	c.log.Debug("passing network error", "error", err)
}

func (c *Client) currentNIC() nic.NIC {
	if a := c.adapter.Load(); a != nil {
		return a
	}
	return nil
}

func (c *Client) adapterName() string {
	if a := c.adapter.Load(); a != nil {
		return a.Name()
	}
	return ""
}

// tunnel returns the adapter if questions for names may go into it, or nil.
func (c *Client) tunnel() reach.Tunnel {
	if a := c.adapter.Load(); a != nil && a.ChangesHost() {
		return a
	}
	return nil
}

// Adapter is the client's adapter, nil until the tunnel was up once.
func (c *Client) Adapter() *bringup.Adapter { return c.adapter.Load() }

// Road is what carries the packets, to be watched and counted.
func (c *Client) Road() *tunnel.Road { return &c.road }

// Server is the peer at the other end, nil while there is none.
func (c *Client) Server() *tunnel.Peer { return c.sessions.present() }

// Run connects, and connects again when the connection is lost, until ctx ends
// or the configuration asks to end (ping-exit, inactive, session-timeout; the error is nil then), or
// another try makes no sense. When it returns, the server has been told
// (explicit-exit-notify) and the host is as it was.
func (c *Client) Run(ctx context.Context) (err error) {
	defer func() {
		if failed := c.closeAdapter(); err == nil {
			err = failed
		}
	}()
	defer c.mover.end()
	c.status.Begin(c.cfg.Process)
	defer c.status.End()
	err, asked := c.run(ctx)
	if open := c.adapter.Load(); open != nil {
		open.Leaving(profile.LastSignal(ctx, c.goodbye, err))
	}
	c.emit(event.Ended{Err: err, Asked: asked})
	if asked {
		return nil
	}
	return err
}

// run is Run without what follows its end. asked reports whether the configuration
// asks to end, for the reason in err.
func (c *Client) run(ctx context.Context) (err error, asked bool) {
	c.uplink.listen(ctx)
	c.sleeper = newSleeper(c.opts.clock)
	c.awake = c.sleeper.awakenings(ctx)
	defer c.best.watching(ctx, c)()
	defer c.mover.past.end()
	if c.opts.Opened != nil {
		if err := c.opts.Opened(); err != nil {
			return err, false
		}
	}
	var failures int // since the last connection that was up
	for {
		adopted(c)
		err := once(ctx, c)
		if ctx.Err() != nil {
			return nil, false
		}
		err = c.login.explain(err)
		if text := c.twins.ended(time.Now(), err); text != "" {
			c.remark(text)
		}
		again := c.afterwards(err)
		if again.give != nil {
			return again.give, again.asked
		}
		if !again.atOnce {
			if end := profile.Remap(c.cfg, err, c.opts.Reload); end != nil {
				return end, true
			}
		}
		failures++
		if again.established {
			failures = 0
		}
		switch {
		case again.sameServer && again.established:
			c.remotes.StayAnew()
		case again.sameServer:
			c.remotes.Stay()
		}
		if again.nextRemote {
			c.remotes.Leave()
		}
		pause := max(c.remotes.Wait(failures, again.permanent), again.backoff)
		if again.atOnce {
			pause = 0
		}
		c.emit(event.Reconnecting{Err: err, Wait: pause, Failures: failures})
		if !c.pause(ctx, pause) {
			return nil, false
		}
	}
}

// afterRestart is how long to wait after a server said RESTART. Stock OpenVPN stays
// up for two more seconds; version 2.5 lets clients in meanwhile and then drops
// them without a word.
const afterRestart = 3 * time.Second

// verdict is what to do after a connection ended.
type verdict struct {
	give        error // give up, for this reason
	asked       bool  // ... by the configuration, so that it is no failure
	sameServer  bool
	nextRemote  bool // not to another address of this one
	established bool // it had worked, so that there is no reason to wait long
	atOnce      bool // what was in the way is gone
	backoff     time.Duration
	permanent   bool // somebody has to mend something first
}

func (c *Client) afterwards(err error) verdict {
	var refused *session.AuthFailedError
	var restart *session.RestartError
	var lost *lostError
	switch {
	case errors.As(err, &refused) && !refused.Temporary:
		again, same, why := c.login.refused(refused, errors.As(err, &lost))
		if !again {
			return verdict{give: errors.Join(c.explained(refused, err), why)}
		}
		return verdict{sameServer: true, permanent: same}
	case errors.As(err, &refused):
		return verdict{sameServer: refused.SameServer, nextRemote: refused.NextRemote, backoff: refused.Backoff}
	case errors.As(err, &restart) && restart.Halt:
		return verdict{give: err}
	case errors.As(err, &restart):
		return verdict{sameServer: restart.SameServer, nextRemote: !restart.SameServer, established: true, backoff: afterRestart}
	case errors.Is(err, session.ErrPingExit), errors.Is(err, profile.ErrInactive), errors.Is(err, profile.ErrExpired):
		return verdict{give: err, asked: true}
	case c.cfg.Timers.TLSExit && errors.As(err, new(*session.HandshakeError)):
		return verdict{give: fmt.Errorf("%w; tls-exit forbids another try", err)}
	case errors.Is(err, reach.ErrFatal):
		return verdict{give: err}
	case errors.Is(err, reach.ErrExhausted), errors.Is(err, reach.ErrUnresolved):
		return verdict{give: err}
	case errors.Is(err, errElsewhere):
		return verdict{established: true, atOnce: true}
	case errors.As(err, &lost), errors.Is(err, ErrRestart), errors.Is(err, errMoved):
		return verdict{sameServer: true, established: true, atOnce: errors.Is(err, errMoved)}
	}
	var handshake *session.HandshakeError
	return verdict{permanent: errors.As(err, &handshake) && handshake.Permanent()}
}

// explained adds to a server's refusal what the user can do about it, if the reason
// is one that stock servers give too.
func (c *Client) explained(refused *session.AuthFailedError, err error) error {
	if !strings.Contains(refused.Reason, "cipher negotiation failed") {
		return err
	}
	ours := strings.Join(c.cfg.Data.Ciphers, ":")
	if theirs := refused.Cipher; theirs != "" && !slices.Contains(c.cfg.Data.Ciphers, theirs) {
		return fmt.Errorf("%w; this side takes %s, the server names %s: write `data-ciphers %s:%s` here, or add one of this side's there", err, ours, theirs, ours, theirs)
	}
	return fmt.Errorf("%w; this side takes %s, and the server does not say what it takes: look for its `data-ciphers`, and add one of those to the line here: `data-ciphers %s:…`", err, ours, ours)
}

// lostError is the end of a connection that was up.
type lostError struct{ err error }

func (e *lostError) Error() string { return "connection lost: " + e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// errMoved ends a connection whose way is gone: this host now reaches the server by
// another one.
var errMoved = errors.New("this host reaches the server by another way now")

// ErrRestart ends a connection that Restart was called on.
var ErrRestart = errors.New("a restart was asked for (SIGUSR1)")

// Restart connects anew with the same configuration and adapter. The routes
// stay meanwhile, so that nothing leaks past the tunnel.
func (c *Client) Restart() {
	c.restarts.ask()
}

// pause waits before the next connection. Restart cuts it short, and so does
// another way to the server. Where connections are held, it lasts until the release,
// however long d is.
func (c *Client) pause(ctx context.Context, d time.Duration) bool {
	if c.opts.Holder != nil {
		held, err := c.opts.Holder.Hold(ctx, d)
		if held || err != nil {
			c.restarts.forget()
			return err == nil
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-c.restarts:
			return true
		case w := <-c.mover.wishes:
			tryNext(c, w)
			return true
		case <-c.awake:
			c.mover.past.kept.ask()
			return true
		case <-c.uplink.changes:
			if moved, _ := wayMoved(c); moved {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// DialContext connects through the tunnel, as net.Dialer does on a host, for a
// client whose adapter is in user space. Names are resolved by the servers
// that were pushed. It fails with adapter.ErrNotConnected while the
// tunnel is down.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	a := c.adapter.Load()
	if a == nil {
		return nil, bringup.ErrNotConnected
	}
	return a.DialContext(ctx, network, address)
}
