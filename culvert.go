// Package culvert puts one end of a VPN tunnel into a Go program: a client of
// any OpenVPN server ([Dial]), or a server for Culvert's and OpenVPN's clients
// ([Listen]).
//
// All of it is in user space. It needs no device and no root, and leaves this
// host's routes, names and other programs alone. Only the program itself uses the
// tunnel, by connections of package net.
//
//	t, err := culvert.Dial(ctx, profile, nil)
//	if err != nil { ... }
//	defer t.Close()
//	web := &http.Client{Transport: &http.Transport{DialContext: t.DialContext}}
//
// The package does not trust a configuration: it runs no program for it, and reads
// and writes no file, unless [Options] allows that. What concerns a whole process is
// left to the culvert command: devices, routes, users, daemons, and the log file.
//
// # Using the package
//
// Until the repository has a public address, keep a copy of it beside your module,
// put two lines into go.mod, and then run `go mod tidy`:
//
//	require culvert v0.0.0
//	replace culvert => ../culvert
//
// Some old authorities issued certificates with negative serial numbers. To accept
// them, as the culvert command does, add to go.mod: godebug x509negativeserial=1
package culvert

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/nic/userstack"
	"culvert/role/client"
	"culvert/role/event"
	"culvert/role/p2p"
	"culvert/role/profile"
	"culvert/session"
)

// Errors of this package, beside those of package net and of the contexts that
// it is given.
var (
	// ErrNotAllowed is wrapped by what refuses a configuration that does more
	// than Options allow it.
	ErrNotAllowed = errors.New("the configuration does more than it is allowed to")
	// ErrNotConnected says that the tunnel is not up now. A Tunnel connects
	// again by itself.
	ErrNotConnected = bringup.ErrNotConnected
	// ErrNobody is wrapped where the user is to be asked and Options.Ask is nil.
	ErrNobody = profile.ErrNobody
	// ErrNoDNS says that a name was to be resolved and the other side pushed no
	// DNS server.
	ErrNoDNS = userstack.ErrNoDNS
	// ErrEnded is the end of a tunnel whose configuration asks for it
	// (`inactive`, `ping-exit`).
	ErrEnded = errors.New("the tunnel ended, as its configuration asks")
)

type (
	// ConfigError is what is wrong with a configuration, each fault with its line.
	ConfigError = config.FaultsError
	// RefusedError is a server's refusal to let a client in, such as for its
	// password (AUTH_FAILED).
	RefusedError = session.AuthFailedError
)

// Tunnel is a client's end of a tunnel. Its methods are safe for concurrent use.
type Tunnel struct{ end }

// Dial connects with a profile: a client's, or one of two paired hosts'. It returns
// when the tunnel is up. ctx bounds how long that may take; after that it has no
// effect, and the tunnel lives until Close. When the connection is lost, the Tunnel
// connects again, and what is dialled meanwhile waits for it.
//
// options may be nil. The error is a *ConfigError, a *RefusedError, ErrNotAllowed,
// ErrNobody, or the cause of ctx's end together with why the last try failed.
func Dial(ctx context.Context, text []byte, options *Options) (*Tunnel, error) {
	o := options.complete()
	c, err := o.parse("profile", text)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	if c.Mode == config.ModeServer {
		return nil, errors.New("culvert: this is a server's configuration: use Listen, or dial with a client's profile")
	}
	t, err := dial(ctx, c, o)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	return t, nil
}

func dial(ctx context.Context, c *config.Config, o Options) (*Tunnel, error) {
	w := watcher{up: make(chan struct{}), to: o.Events}
	r, err := newRole(c, o, w.event)
	if err != nil {
		return nil, err
	}
	t := &Tunnel{start(ctx, r)}
	if err := t.await(ctx, w.up); err != nil {
		t.Close()
		return nil, w.because(err)
	}
	return t, nil
}

// newRole makes a client, or one of two paired hosts.
func newRole(c *config.Config, o Options, events func(event.Event)) (role, error) {
	open := bringup.UserSpace(nil)
	if !c.Pull {
		return p2p.New(c, p2p.Options{Log: o.Log, Open: open, Ask: o.Ask, Events: events})
	}
	return client.New(c, client.Options{Log: o.Log, Open: open, Ask: o.Ask, Network: hostnet.Network{}, Events: events})
}

// watcher notes when the tunnel is up, and until then, why it is not.
type watcher struct {
	to   func(event.Event) // is called for each event, too; may be nil
	up   chan struct{}     // closed once it is
	once sync.Once
	last atomic.Pointer[error] // why the last try failed
}

func (w *watcher) event(e event.Event) {
	switch e := e.(type) {
	case event.Up:
		w.once.Do(func() { close(w.up) })
	case event.Failed:
		w.last.Store(&e.Err)
	case event.Reconnecting:
		if e.Err != nil {
			w.last.Store(&e.Err)
		}
	}
	if w.to != nil {
		w.to(e)
	}
}

// because adds why the last try failed to what ended the tries, if that does not
// say it.
func (w *watcher) because(err error) error {
	last := w.last.Load()
	if last == nil || errors.Is(err, *last) {
		return err
	}
	return fmt.Errorf("%w; the last try: %w", err, *last)
}

// role is what runs an end.
type role interface {
	Run(context.Context) error
	Adapter() *bringup.Adapter // nil before it is up
}
