package bringup

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"culvert/access/hooks"
	"culvert/host/hostnet"
	"culvert/nic"
)

// Programs runs the programs of a configuration for this host's adapter.
type Programs interface {
	// Run runs the program of a directive, if there is one, and returns an error if it
	// failed or could not be run. It kills one that still runs some time after ctx has
	// ended. args come after those in the configuration.
	Run(ctx context.Context, directive string, env *hooks.Env, args ...string) error
}

// Told is what programs are told of a state.
type Told struct {
	Local, Remote string     // the addresses that are arguments of up and down; Remote may be a mask; "" for none
	Base          *hooks.Env // of the process, and of the other end
	Host          *hooks.Env // of the state: ifconfig_local, route_network_1 and so on
	DNS           *hooks.Env // what dns-updown is told; nil: nothing that it could set
	Redirect      bool       // redirect_gateway
	NoRoutes      bool       // route-noexec
}

// Hooks say which programs run with an adapter, and when.
type Hooks struct {
	Programs   Programs
	DownPre    bool
	UpDelay    bool // up waits for Finish
	UpRestart  bool
	RouteDelay time.Duration // how long the role should wait before it calls Finish
}

// hooked is an adapter's part for its programs. The zero value has none.
type hooked struct {
	Hooks
	mu       sync.Mutex // of what follows, and held while programs run
	signal   string
	started  bool // up has run
	finished bool // routes are added and route-up has run
	routed   bool // it was finished since up
	named    bool // dns-updown has run
}

// ProgramError is a program's failure that ends the process.
type ProgramError struct{ Err error }

func (e *ProgramError) Error() string { return e.Err.Error() }
func (e *ProgramError) Unwrap() error { return e.Err }

// Opener returns an Opener that runs programs as OpenVPN does. It opens an adapter
// with its addresses and runs up; Finish adds the routes and runs route-up. Close runs
// route-pre-down and down.
func (h Hooks) Opener(open Opener) Opener {
	return func(ctx context.Context, want State) (*Adapter, error) {
		a, err := open(ctx, withoutRoutes(want))
		if err != nil {
			return nil, err
		}
		want.Device = a.Name()
		a.hooks.Hooks, a.want = h, want
		if h.UpDelay {
			return a, nil
		}
		if err := a.start(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
		return a, nil
	}
}

// withoutRoutes is a state as up finds it.
func withoutRoutes(want State) State {
	want.Routes, want.DNS, want.BlockLocal, want.Chosen = nil, nil, false, nil
	return want
}

// RouteDelay returns how long to wait before Finish; 0: call it at once.
func (a *Adapter) RouteDelay() time.Duration {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	if a.hooks.Programs == nil || a.hooks.finished {
		return 0
	}
	return a.hooks.RouteDelay
}

// Finish adds the routes of an adapter that an Opener of Hooks opened, and runs
// route-up. With UpDelay, up runs before that. It does nothing the second time, and to
// other adapters.
func (a *Adapter) Finish(ctx context.Context) error {
	if a.hooks.Programs == nil {
		return nil
	}
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	return a.finish(ctx)
}

// finish is Finish for who holds the lock.
func (a *Adapter) finish(ctx context.Context) error {
	if a.hooks.finished {
		return nil
	}
	if err := a.start(ctx); err != nil {
		return err
	}
	if err := a.apply(ctx, a.want); err != nil {
		return err
	}
	a.hooks.finished, a.hooks.routed = true, true
	_ = a.run(ctx, "route-up", a.environment("init"))
	return nil
}

// start runs dns-updown and up, once.
func (a *Adapter) start(ctx context.Context) error {
	if a.hooks.started {
		return nil
	}
	a.hooks.started = true
	a.names(ctx, "dns-up")
	err := a.run(ctx, "up", a.environment("init"), a.arguments("init")...)
	a.hooks.started = err == nil
	return a.fatal(err)
}

// stop runs what stop runs before the adapter goes, or its addresses change.
func (a *Adapter) stop(ctx context.Context) error {
	if a.hooks.named {
		a.names(ctx, "dns-down")
	}
	if !a.hooks.finished {
		return nil
	}
	a.hooks.finished = false
	return a.fatal(a.run(ctx, "route-pre-down", a.environment("init"), a.arguments("init")...))
}

// down runs down, once.
func (a *Adapter) down(ctx context.Context) error {
	if !a.hooks.started {
		return nil
	}
	env := a.environment("init")
	a.hooks.started, a.hooks.routed, a.hooks.signal = false, false, ""
	_ = a.run(ctx, "plugin", env)
	return a.fatal(a.run(ctx, "down", env, a.arguments("init")...))
}

// names runs dns-updown, which is told nothing but the names, in the order of OpenVPN 2.7.
func (a *Adapter) names(ctx context.Context, scriptType string) {
	if a.want.Told.DNS == nil {
		return
	}
	env := new(hooks.Env)
	env.Set("dev", a.Name())
	env.Set("script_type", scriptType)
	env.Add(a.want.Told.DNS)
	a.hooks.named = scriptType == "dns-up"
	_ = a.run(ctx, scriptType, env)
}

// Tell changes what programs are told of the process and the other end.
func (a *Adapter) Tell(base *hooks.Env) {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	a.want.Told.Base = base
}

// Leaving says why the adapter will be closed or restarted: a signal's name, such as
// sigterm, or what stands for one, such as ping-restart.
func (a *Adapter) Leaving(signal string) {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	a.hooks.signal = signal
}

// Restart runs down at the loss of a connection, and Restarted up when there is another,
// if up-restart is given. The adapter stays.
func (a *Adapter) Restart(ctx context.Context, signal string) error {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	if !a.hooks.UpRestart || !a.hooks.finished {
		return nil
	}
	a.hooks.signal = signal
	_ = a.run(ctx, "plugin", a.environment("restart"))
	return a.fatal(a.run(ctx, "down", a.environment("restart"), a.arguments("restart")...))
}

// Restarted is described at Restart.
func (a *Adapter) Restarted(ctx context.Context) error {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	a.hooks.signal, a.hooks.routed = "", false // no route is added this time
	if !a.hooks.UpRestart || !a.hooks.finished {
		return nil
	}
	return a.fatal(a.run(ctx, "up", a.environment("restart"), a.arguments("restart")...))
}

// replace takes an adapter with programs to another state: where that is new to them,
// they see one adapter go and another come.
func (a *Adapter) replace(ctx context.Context, want State) error {
	a.hooks.mu.Lock()
	defer a.hooks.mu.Unlock()
	if !a.hooks.finished || !a.differs(want) {
		a.want = want
		if !a.hooks.finished {
			want = withoutRoutes(want)
		}
		return a.apply(ctx, want)
	}
	if err := errors.Join(a.stop(ctx), a.down(ctx)); err != nil {
		return err
	}
	a.want = want
	// What could not be had must not leave the adapter without its programs.
	return errors.Join(a.apply(ctx, withoutRoutes(want)), a.finish(ctx))
}

// differs reports whether a state is another than the one that programs were told of.
// The way to the other end may change without their help.
func (a *Adapter) differs(want State) bool {
	plain := func(s State) hostnet.State {
		s.Device, s.MTU, s.TxQueueLen, s.Forward = "", 0, 0, nil // they are told nothing of these, or once
		s.Addresses = slices.DeleteFunc(slices.Clone(s.Addresses), func(a hostnet.Address) bool { return a.Former })
		s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r hostnet.Route) bool { return r.Bypass && !r.NetGateway })
		if len(s.Routes) == 0 {
			s.Routes = nil
		}
		return s.State
	}
	return !reflect.DeepEqual(plain(a.want), plain(want)) || !slices.Equal(a.want.Told.Host.List(), want.Told.Host.List())
}

// arguments are those of up, down and route-pre-down (manual, --up): device, MTU, a zero
// for what was the link's MTU, the addresses, and why it is run.
func (a *Adapter) arguments(why string) []string {
	t := a.want.Told
	return []string{a.Name(), strconv.Itoa(a.MTU()), "0", t.Local, t.Remote, why}
}

// Environment returns what programs are told, besides those of the adapter, of a state
// whose routes are there.
func (a *Adapter) Environment(t Told) *hooks.Env { return a.tell(t, "init", true) }

// environment is what programs are told, set in OpenVPN's order.
func (a *Adapter) environment(context string) *hooks.Env {
	env := a.tell(a.want.Told, context, a.hooks.routed)
	if a.hooks.signal != "" {
		env.Set("signal", a.hooks.signal)
		a.setDevice(env, context)
	}
	return env
}

// tell returns what programs are told of a state; routed: its routes are there.
func (a *Adapter) tell(t Told, context string, routed bool) *hooks.Env {
	env := t.Base.Clone()
	env.Add(t.Host)
	a.setDevice(env, context)
	env.Set("dev_type", "tun")
	if a.Kind() == nic.Ethernet {
		env.Set("dev_type", "tap")
	}
	if routed && !t.NoRoutes {
		env.SetBool("redirect_gateway", t.Redirect)
	}
	return env
}

func (a *Adapter) setDevice(env *hooks.Env, context string) {
	env.Set("script_context", context)
	env.SetInt("tun_mtu", int64(a.MTU()))
	env.Set("dev", a.Name())
}

func (a *Adapter) run(ctx context.Context, directive string, env *hooks.Env, args ...string) error {
	return a.hooks.Programs.Run(ctx, directive, env, args...)
}

func (a *Adapter) fatal(err error) error {
	if err == nil {
		return nil
	}
	return &ProgramError{err}
}

// closeTime is how long programs before and after the adapter is closed have, each time.
const closeTime = 20 * time.Second

// atEnd calls f with a context for programs that run when the adapter is closed.
func atEnd(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	return f(ctx)
}
