package client

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
	"culvert/tunnel"
)

// attempt is one connection to one address, from its first packet to its end.
type attempt struct {
	*Client
	settings *profile.Settings
	base     *config.Config // as in settings, or one that was adopted since; owned by run
	target   reach.Target
	peer     *tunnel.Peer
	events   chan session.Event
	done     chan struct{}   // closed when nobody takes events any more
	inbound  chan error      // why the link ended; closed when nothing uses it any more
	release  func()          // of what was begun beside the session
	held     []session.Event // that came before this attempt had its turn
	up       bool
	options  []string       // pushed, with changes since
	settled  *config.Config // with options
	// unfiltered are the options with those that pull-filter leaves out.
	unfiltered []string
	began      time.Time
	started    time.Time // when the session did
	hearsay    *hearsay
	// presented is the way from the certificate that the server showed last up to
	// its authority. It belongs to the control goroutine.
	presented []*x509.Certificate
	revoked   chan error // that one of these is; capacity 1
	// letGo ends the wait for signatures and programs, which hold up the control
	// goroutine.
	letGo context.CancelFunc

	told    *hooks.Env       // what programs are told of the server
	fresh   bool             // the adapter was opened by this attempt, and is to be finished
	delayed <-chan time.Time // when the adapter's routes are to be added; nil: they are, or there is none
}

// connect runs one connection, and those that it moves to, and returns why the last one
// ended.
func (c *Client) connect(ctx context.Context, t reach.Target) error {
	if err := c.keepReachable(ctx, append(apart(c), t.Near().Addr())...); err != nil {
		return err
	}
	c.uplink.to(t.Near().Addr())
	to := call{target: t, settings: c.choice.Of(t.Remote)}
	err := c.restarts.end(ctx, func(ctx context.Context) (err error) {
		to.username, to.password, err = c.login.next(ctx, t)
		return err
	})
	if err != nil {
		return unanswered(err)
	}
	c.emit(event.Connecting{Remote: t.Reported()})
	began := time.Now()
	l, err := c.open(ctx, t, c.dialer.Open)
	if err != nil {
		return err
	}
	a := start(ctx, c, to, l, began)
	for {
		next, err := run(ctx, a)
		if next == nil {
			next = c.mover.rescue(ctx, a, err)
		}
		if next == nil {
			return over(ctx, a, err)
		}
		a = next
	}
}

// open has dial open a link. Over TCP that takes as long as nobody answers. It
// ends early when a restart is asked for, and when this host reaches the server by
// another way: the connection would go on from an address of the way before.
func (c *Client) open(ctx context.Context, t reach.Target, dial func(context.Context, reach.Target) (link.Link, error)) (l link.Link, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l, err = dial(ctx, t)
	}()
	for {
		select {
		case <-c.uplink.changes:
			if moved, _ := wayMoved(c); moved {
				cancel(errMoved)
			}
		case <-c.restarts:
			cancel(ErrRestart)
		case w := <-c.mover.wishes:
			tryNext(c, w)
			cancel(errElsewhere)
		case <-done:
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return l, err
		}
	}
}

// run waits for the session's events until it ends, or until another connection has
// taken its place, which is returned then.
func run(ctx context.Context, a *attempt) (next *attempt, err error) {
	var giveUp <-chan time.Time
	if t := a.settings.Config.Link.ConnectTimeout; t > 0 && t < a.settings.Config.Timers.HandWindow && !a.up {
		giveUp = time.After(time.Until(a.began.Add(t)))
	}
	leave := ctx.Done()
	var left error // why this side goes, where it is not by ctx
	for {
		select {
		case e := <-a.events:
			if _, pending := e.(session.AuthPending); pending {
				giveUp = nil
			}
			if why := endsBy(e); why != nil && leave != nil {
				left, leave = why, nil
				a.exit()
			}
			if err := a.event(ctx, e); err != nil {
				return nil, cmp.Or(left, err)
			}
		case <-giveUp:
			if !a.up {
				return nil, fmt.Errorf("no connection within %v (connect-timeout)", a.settings.Config.Link.ConnectTimeout)
			}
		case err := <-a.ended:
			return nil, fmt.Errorf("%w: the adapter: %w", reach.ErrFatal, err)
		case err := <-a.hearsay.noRoute:
			if !a.heard() {
				return nil, err
			}
		case err := <-a.hearsay.absent:
			if !a.heard() && !a.remotes.Alone() {
				return nil, err
			}
		case err := <-a.inbound:
			return nil, a.linkEnded(err)
		case <-a.delayed:
			a.delayed = nil
			if err := a.completed(ctx); err != nil {
				return nil, err
			}
		case <-a.moved:
			follow(ctx, a)
		case <-a.adopting.wake:
			if err := adopt(ctx, a); err != nil {
				return nil, err
			}
		case err := <-a.revoked:
			return nil, &lostError{err}
		case <-a.restarts:
			if leave != nil {
				return nil, ErrRestart
			}
		case <-a.mover.roaming.ticks():
			a.mover.roaming.step(ctx, a)
		case slept := <-a.awake:
			if err := woke(ctx, a, slept); err != nil && leave != nil {
				return nil, err
			}
		case <-a.uplink.changes:
			if err := a.follow(ctx); err != nil && leave != nil {
				return nil, err
			}
		case w := <-a.mover.wishes:
			if err := grant(ctx, a, w); err != nil && leave != nil {
				return nil, err
			}
		case o := <-a.mover.outcome():
			if next, err = a.mover.moved(ctx, a, o); next != nil || err != nil {
				return next, err
			}
		case <-a.mover.past.ends:
			a.mover.tidy(ctx, a)
		case <-leave:
			leave = nil
			a.exit()
		}
	}
}

// endsBy returns the reason for which this side leaves when a session reports e, nil
// for none.
func endsBy(e session.Event) error {
	switch e.(type) {
	case session.Idle:
		return profile.ErrInactive
	case session.Expired:
		return profile.ErrExpired
	}
	return nil
}

// follow takes the connection along when this host reaches the server by another way:
// the server hears of the new address at once. One that is not up yet ends, since a new
// one is up sooner.
func (a *attempt) follow(ctx context.Context) error {
	if a.up && a.uplink.unpinned() {
		if err := a.keepReachable(ctx, apart(a.Client)...); err != nil {
			a.log.Debug("the way to the server could not be led past the tunnel", "error", err)
		}
	}
	moved, gone := wayMoved(a.Client)
	switch {
	case !moved:
		return nil
	case !a.up:
		return errMoved
	}
	a.mover.roaming.begin(ctx, a, errMoved.Error(), a.target.Remote.Proto.TCP && (gone || a.uplink.anotherSource()))
	return nil
}

// exit ends the session. With explicit-exit-notify, the server is told first.
func (a *attempt) exit() {
	a.letGo()
	cfg := cmp.Or(a.settled, a.base) // the server may have pushed it
	a.peer.Do(func(now time.Time) { a.peer.Session.Exit(now, cfg.Timers.ExplicitExitNotify) })
}

// linkEnded returns why the attempt ends with its link. Over TCP the server can
// close that.
func (a *attempt) linkEnded(err error) error {
	switch {
	case a.up:
		return &lostError{err}
	case errors.As(err, new(*link.LengthError)) || !a.target.Remote.Proto.TCP:
		return fmt.Errorf("the socket: %w", err)
	}
	if !a.heard() {
		return fmt.Errorf("what listens at %v, or something on the way, ended the connection without an answer: %w; a server does that with a client whose tls-auth or tls-crypt key it refuses, "+
			"and its log says why; an HTTPS server or another that speaks TLS does it too: check host and port (`openssl s_client -connect %[1]v` shows whether it does)", net.JoinHostPort(a.target.Remote.Host, a.target.Remote.Port), err)
	}
	return fmt.Errorf("the server, or something on the way, ended the connection before it was up: %w; a server does that with a client whose certificate it refuses, and its log says why", err)
}

// heard reports whether the peer has sent anything that is of this session.
func (a *attempt) heard() bool { return a.peer.Data.LastReceived().After(a.started) }

// event takes what the session reports; an error ends the attempt.
func (a *attempt) event(ctx context.Context, e session.Event) error {
	shownAgain(a, e)
	switch e := e.(type) {
	case session.Delayed:
		if !a.heard() {
			quiet(ctx, a, time.Since(a.began))
		}
		a.emit(event.Delayed{Remote: a.target.Reported(), Stage: a.hearsay.before(e.Stage), Clock: e.Clock})
	case session.Pushed:
		a.emit(event.Pushed{Options: withoutTokens(e.Options), Ignored: e.Ignored})
		return a.pushed(ctx, e)
	case session.PushUpdated:
		return a.updated(ctx, e.Options)
	case session.Certificate:
		certificate(a, e.Text)
	case session.Token:
		a.login.setToken(a.target, e)
		if a.opts.Tell != nil {
			a.opts.Tell.TokenGiven(e.Token)
		}
		a.emit(event.TokenGiven{})
	case session.LoginNeeded:
		go a.loginNeeded(ctx)
	case session.AuthPending:
		a.emit(event.LoginPending{Timeout: e.Timeout})
	case session.InfoPre:
		go a.infoPre(ctx, e)
	case session.Established:
		a.meet(ctx, e)
		a.emit(profile.Reported(e, a.target.Reported()))
	case session.PathMeasured:
		followPath(ctx, a, e)
	case session.Closed:
		if a.up && !errors.Is(e.Err, session.ErrExit) {
			return &lostError{e.Err}
		}
		return a.hearsay.explain(e.Err)
	default:
		if said := profile.Reported(e, a.target.Reported()); said != nil {
			a.emit(said)
		}
	}
	return nil
}

// watch sets the timers to what the server pushed.
func (a *attempt) watch(cfg *config.Config) {
	a.peer.Do(func(time.Time) { a.peer.Session.SetTimers(profile.Timers(cfg.Timers)) })
}

// parsePushed reads what the server pushed, and looks up the names in it.
func (a *attempt) parsePushed(ctx context.Context, options []string) (*config.Config, []config.Note, error) {
	named, errs := profile.PushedNames(ctx, a.base, options, a.opts.Resolve)
	for _, err := range errs {
		a.emit(event.Remark{Text: "a name that the server pushed is left out", Err: err})
	}
	return config.ParsePushed(a.base, named)
}

// pushed brings the adapter up in the state that the server pushed.
func (a *attempt) pushed(ctx context.Context, p session.Pushed) (err error) {
	options := p.Options
	a.unfiltered = p.Unfiltered
	if a.base != a.settings.Config { // adopted while the session began
		options, _, err = a.base.FilterPushed(p.Unfiltered)
	}
	var cfg *config.Config
	if err == nil {
		cfg, err = read(ctx, a, options)
	}
	if err != nil {
		return fmt.Errorf("%w: the server's push: %w", reach.ErrFatal, err)
	}
	if err := a.settle(ctx, options, cfg); err != nil || a.delayed != nil {
		return err
	}
	return a.completed(ctx)
}

// read reads what the server pushed, and reports what was noted about it.
func read(ctx context.Context, a *attempt, options []string) (*config.Config, error) {
	cfg, notes, err := a.parsePushed(ctx, options)
	if err == nil {
		a.remarkPushed(notes)
	}
	return cfg, err
}

// settle goes by what the server pushed, with the configuration that it makes.
func (a *attempt) settle(ctx context.Context, options []string, cfg *config.Config) error {
	if inner, known := profile.MeasurePath(cfg, a.peer, profile.EchoOf(cfg)); known {
		a.narrowing.inner = inner
	}
	a.peer.Data.Answers.AskBy(profile.EchoOf(cfg))
	a.watch(cfg)
	a.road.SetSpecial(profile.Special(cfg, a.road.Special().Shaper))
	if err := a.bringUp(ctx, cfg); err != nil {
		return err
	}
	a.options, a.settled = options, cfg
	a.Client.goesBy.Store(cfg)
	a.goodbye = cfg.Timers.ExplicitExitNotify > 0 && !a.target.Remote.Proto.TCP
	return nil
}

// settleAnew goes by other options than before on a connection that is up.
func settleAnew(ctx context.Context, a *attempt, options []string) (*config.Config, error) {
	cfg, err := read(ctx, a, options)
	if err != nil {
		return nil, &lostError{err}
	}
	err = a.settle(ctx, options, cfg)
	if err == nil && a.up {
		carry(a)
	}
	return cfg, err
}

// completed goes on when the adapter is up, and its routes with it if they need not
// wait.
func (a *attempt) completed(ctx context.Context) error {
	if err := a.finish(ctx); err != nil {
		return err
	}
	if a.restarted {
		a.restarted = false
		if err := a.adapter.Load().Restarted(ctx); err != nil {
			return fmt.Errorf("%w: %w", reach.ErrFatal, err)
		}
	}
	cfg := a.settled
	a.up = true
	carry(a)
	a.twins.up(time.Now())
	a.portals.again()
	a.remotes.Reached()
	a.best.use(&a.target, cfg)
	ipv4, ipv6 := profile.Inner(cfg.Adapter)
	a.emit(event.Up{Remote: a.target.Reported(), Adapter: a.Adapter().Name(), IPv4: ipv4, IPv6: ipv6, Local: localOf(a)})
	remark(a, profile.MTUUntested(cfg, a.peer))
	if a.opts.Ready != nil {
		a.opts.Ready(a.Client)
	}
	return nil
}

// localOf returns this end's outer address, of a TCP connection or as `local` says; else
// it is not valid.
func localOf(a *attempt) (at netip.AddrPort) {
	if a.target.Remote.Proto.TCP || a.settled.Link.Local != "" {
		at = a.peer.Link().LocalAddr()
	}
	return at
}
