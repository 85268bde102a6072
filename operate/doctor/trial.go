package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/role/client"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session"
)

// trial is what came of a connection to the first server that answers, in user space.
type trial struct {
	// why there was none, or none in full; "" if it was made in full.
	why string
	// tlsOnly says that the connection ended on purpose when the server had shown its
	// certificate.
	tlsOnly bool
	to      knocking

	up          bool
	took        time.Duration // until it was up
	err         error         // why it failed
	certificate *x509.Certificate
	chain       []*x509.Certificate
	secured     event.Secured
	asked       bool   // the server asked the user for something else
	stage       string // how far a handshake came that took long
	remarks     []string
	pushed      []string
	cfg         *config.Config // with what was pushed; nil before that
	state       hostnet.State

	measured measurements
}

// How long a connection may take to be up, and what is measured then. Where the first
// answer comes late, there is less time: the one has to be up when upBy has passed since
// the doctor began, and the other be over when measuredBy has.
const (
	connectWithin = 7 * time.Second
	upBy          = 10500 * time.Millisecond
	measureWithin = 3 * time.Second
	measuredBy    = 13 * time.Second
)

// sooner is the time in so long, and by then at the latest.
func (c *caller) sooner(in, by time.Duration) time.Time {
	at, latest := time.Now().Add(in), c.began.Add(by)
	if at.After(latest) {
		return latest
	}
	return at
}

// try connects to the first server that answers, as far as the profile alone can, looks
// at what it is given, measures, and ends the connection.
func (c *caller) try(ctx context.Context) (*trial, error) {
	t := new(trial)
	running, err := c.running.get(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case running.by != "":
		t.why = "the tunnel runs, and a second connection would end it"
		return t, nil
	case running.may != "":
		t.why = "the tunnel may run, and a second connection would end it: " + running.may
		return t, nil
	case c.NoConnect:
		t.why = "no connection is to be made (--no-connect)"
		return t, nil
	}
	go c.knocked.get(ctx)
	to := c.pick.wait(ctx)
	if to == nil {
		if _, err := c.knocked.get(ctx); err != nil {
			return nil, err
		}
		t.why = "no server answers"
		return t, nil
	}
	t.to = *to
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	only(cfg, *to)
	if t.why = short(cfg, c.File); t.why != "" {
		t.tlsOnly = true
		return t, t.handshake(ctx, c, cfg)
	}
	return t, t.connect(ctx, c, cfg)
}

// only leaves a configuration the remote that answered.
func only(c *config.Config, k knocking) {
	c.Link.Remotes = []config.Remote{k.target.Remote}
	c.Link.ConnectTries = 1
	c.Link.RemoteRandom = false
}

// short says why a configuration of a file alone does not suffice for a connection; "" if
// it does.
func short(c *config.Config, file string) string {
	user, password := "", ""
	if c.Login.UserPass != nil {
		user, password = c.Login.UserPass.TwoLines()
	}
	switch {
	case c.Login.UserPass != nil && (user == "" || password == "" && !c.Login.UsernameOnly):
		return "the profile has no user name and password in a file, and the doctor asks nobody"
	case c.Login.StaticChallenge != nil:
		return "the login takes a code that is good once, which the doctor does not spend"
	case c.Management.ExternalKey != nil, c.Management.ExternalCert != "":
		return "the private key is with a management program"
	}
	if err := profile.SendsUnasked(c, file, true); err != nil {
		return err.Error()
	}
	if err := profile.CheckUserSpace(c); err != nil {
		return "a connection in full needs a device: " + err.Error()
	}
	return ""
}

// errEnough ends a handshake that has shown what was to be seen.
var errEnough = errors.New("the doctor has seen enough")

// handshake goes as far as the server's certificate, checks it, and ends the handshake
// there: before any login.
func (t *trial) handshake(ctx context.Context, c *caller, cfg *config.Config) error {
	if cfg.Management.ExternalKey != nil || cfg.Management.ExternalCert != "" {
		cfg.Trust.Cert, cfg.Trust.Key, cfg.Management = nil, nil, config.Management{}
	}
	settings, err := profile.ClientSettings(cfg, func(string) {}, nil)
	if err != nil {
		t.err = err
		return nil
	}
	seen := make(chan struct{})
	settings.ShowTLS = func(_ context.Context, own *tls.Config, _ netip.AddrPort, _ showEnv) *tls.Config {
		own = own.Clone()
		verify := own.VerifyConnection
		own.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) > 0 {
				t.certificate, t.chain = state.PeerCertificates[0], state.PeerCertificates
			}
			if err := verify(state); err != nil {
				return err
			}
			t.secured.TLS = profile.Describe(state)
			close(seen)
			return errEnough
		}
		return own
	}
	ctx, cancel := context.WithDeadline(ctx, c.sooner(connectWithin, upBy))
	defer cancel()
	began := time.Now()
	stage, err := converse(ctx, &reach.Dialer{Listen: c.dialer.Listen, Dial: c.dialer.Dial}, settings.For(ctx, t.to.target.Addr, t.to.target.Remote.Proto.TCP), t.to.target)
	select {
	case <-seen:
		t.took = time.Since(began)
	default:
		t.err, t.stage = err, stage
	}
	return nil
}

// connect makes the whole connection in user space, measures, and ends it.
func (t *trial) connect(ctx context.Context, c *caller, cfg *config.Config) error {
	ctx, cancel := context.WithDeadline(ctx, c.began.Add(measuredBy))
	defer cancel()
	w := &watcher{t: t, up: make(chan struct{}), failed: make(chan struct{})}
	cl, err := client.New(cfg, client.Options{Log: slog.New(slog.DiscardHandler), Open: bringup.UserSpace(nil), Events: w.event, Listen: c.dialer.Listen, Resolve: t.known(c.resolve)})
	if err != nil {
		t.err = err
		return nil
	}
	began, done := time.Now(), make(chan struct{})
	running, stop := context.WithCancel(ctx)
	go func() {
		defer close(done)
		if err := cl.Run(running); err != nil {
			w.fail(err)
		}
	}()
	defer func() {
		stop()
		<-done
	}()
	within := time.Until(c.sooner(connectWithin, upBy))
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-w.up:
	case <-w.failed:
	case <-timer.C:
		w.fail(fmt.Errorf("no connection within %v", within.Round(100*time.Millisecond)))
	case <-ctx.Done():
		w.fail(ctx.Err())
	}
	t.took = time.Since(began)
	w.mu.Lock()
	t.up = w.isUp && t.err == nil
	w.mu.Unlock() // from here on the watcher changes t no more
	if len(t.pushed) > 0 {
		t.settle(ctx, cfg)
	}
	if a := cl.Adapter(); t.up && a != nil && a.Stack != nil {
		within, cancel := context.WithDeadline(ctx, c.sooner(measureWithin, measuredBy))
		defer cancel()
		t.measured = measure(within, a.Stack, t)
	}
	return nil
}

// known is a resolver that has the server's name lead to the address that answered: others
// of it may be dead, and name servers slow.
func (t *trial) known(others profile.Resolver) profile.Resolver {
	at, host := t.to.target, t.to.target.Remote.Host
	direct := at.Settings.Link.HTTPProxy == nil && at.Settings.Link.SOCKSProxy == nil
	return func(ctx context.Context, network, name string) ([]netip.Addr, error) {
		if direct && name == host {
			return []netip.Addr{at.Addr.Addr()}, nil
		}
		return others(ctx, network, name)
	}
}

// settle works out what the pushed options would make of this host.
func (t *trial) settle(ctx context.Context, base *config.Config) {
	named, _ := profile.PushedNames(ctx, base, t.pushed, profile.SystemResolver)
	cfg, _, err := config.ParsePushed(base, named)
	if err != nil {
		return
	}
	t.cfg = cfg
	t.state, _ = profile.HostState(ctx, cfg, t.to.target.Near().Addr(), profile.SystemResolver)
}

// watcher notes what the client of a trial reports. After the first failure it listens
// no more.
type watcher struct {
	t          *trial
	up, failed chan struct{}

	mu          sync.Mutex
	isUp, isOff bool
}

func (w *watcher) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isOff || w.isUp {
		return
	}
	w.isOff, w.t.err = true, err
	close(w.failed)
}

func (w *watcher) event(e event.Event) {
	switch e := e.(type) {
	case event.Reconnecting:
		w.fail(e.Err)
	case event.Failed:
		w.fail(e.Err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isOff || w.isUp {
		return
	}
	switch e := e.(type) {
	case event.Delayed:
		w.t.stage = e.Stage
	case event.Secured:
		w.t.secured, w.t.certificate = e, e.Certificate
	case event.Pushed:
		w.t.pushed = e.Options
	case event.LoginAsked:
		w.t.asked = true
	case event.Remark:
		w.t.remarks = append(w.t.remarks, e.Text)
	case event.Up:
		w.isUp = true
		close(w.up)
	}
}

// refusal is the server's refusal of the login, nil if there was none.
func (t *trial) refusal() *session.AuthFailedError {
	var refused *session.AuthFailedError
	if errors.As(t.err, &refused) {
		return refused
	}
	return nil
}
