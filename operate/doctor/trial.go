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

// How long a connection may take to be up, and what is measured then.
const (
	connectWithin = 7 * time.Second
	measureWithin = 3 * time.Second
)

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
	list, err := c.knocked.get(ctx)
	if err != nil {
		return nil, err
	}
	to := firstAnswering(list)
	if to == nil {
		t.why = "no server answers"
		return t, nil
	}
	t.to = *to
	cfg, err := c.parse()
	if err != nil {
		return nil, err
	}
	only(cfg, *to)
	if t.why = short(cfg); t.why != "" {
		t.tlsOnly = true
		return t, t.handshake(ctx, cfg)
	}
	return t, t.connect(ctx, cfg)
}

func firstAnswering(list []knocking) *knocking {
	for i := range list {
		if list[i].answered {
			return &list[i]
		}
	}
	return nil
}

// only leaves a configuration the remote that answered.
func only(c *config.Config, k knocking) {
	c.Link.Remotes = []config.Remote{k.target.Remote}
	c.Link.ConnectTries = 1
	c.Link.RemoteRandom = false
}

// short says why a configuration alone does not suffice for a connection; "" if it
// does.
func short(c *config.Config) string {
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
	if err := profile.CheckUserSpace(c); err != nil {
		return "a connection in full needs a device: " + err.Error()
	}
	return ""
}

// errEnough ends a handshake that has shown what was to be seen.
var errEnough = errors.New("the doctor has seen enough")

// handshake goes as far as the server's certificate, checks it, and ends the handshake
// there: before any login.
func (t *trial) handshake(ctx context.Context, cfg *config.Config) error {
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
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	began := time.Now()
	err = converse(ctx, settings.For(ctx, t.to.target.Addr, t.to.target.Remote.Proto.TCP), t.to.target)
	select {
	case <-seen:
		t.took = time.Since(began)
	default:
		t.err = err
	}
	return nil
}

// connect makes the whole connection in user space, measures, and ends it.
func (t *trial) connect(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, connectWithin+measureWithin+2*time.Second)
	defer cancel()
	w := &watcher{t: t, up: make(chan struct{}), failed: make(chan struct{})}
	cl, err := client.New(cfg, client.Options{Log: slog.New(slog.DiscardHandler), Open: bringup.UserSpace(nil), Network: hostnet.Network{}, Events: w.event})
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
	timer := time.NewTimer(connectWithin)
	defer timer.Stop()
	select {
	case <-w.up:
	case <-w.failed:
	case <-timer.C:
		w.fail(fmt.Errorf("no connection within %v", connectWithin))
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
		within, cancel := context.WithTimeout(ctx, measureWithin)
		defer cancel()
		t.measured = measure(within, a.Stack, t)
	}
	return nil
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
