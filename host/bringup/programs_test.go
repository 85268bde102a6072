package bringup

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"culvert/access/hooks"
	"culvert/host/hostnet"
	"culvert/nic"
)

// recorder notes what is run and what is done to the host, in order.
type recorder struct {
	done   []string
	fail   string // the program that fails
	broken int    // changes of the host that fail
}

var errBroken = errors.New("this host cannot be changed")

func (r *recorder) Run(_ context.Context, directive string, env *hooks.Env, args ...string) error {
	note := directive
	if len(args) > 0 {
		note += " " + args[len(args)-1]
	}
	if s := env.Get("signal"); s != "" {
		note += " " + s
	}
	r.done = append(r.done, note)
	if directive == r.fail {
		return errors.New("failed")
	}
	return nil
}

func (r *recorder) Update(_ context.Context, want hostnet.State) error {
	r.done = append(r.done, fmt.Sprintf("%d routes", len(want.Routes)))
	if r.broken > 0 {
		r.broken--
		return errBroken
	}
	return nil
}
func (r *recorder) Undo(context.Context) error { r.done = append(r.done, "undo"); return nil }
func (r *recorder) Changes() []string          { return nil }
func (r *recorder) Resolvers(context.Context, string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{}, nil
}

// open opens an adapter in memory whose host the recorder stands for.
func (r *recorder) open(_ context.Context, want State) (*Adapter, error) {
	r.done = append(r.done, fmt.Sprintf("open with %d routes", len(want.Routes)))
	return &Adapter{NIC: nic.NewNull("tun9", nic.IP, 1400), applied: r}, nil
}

var withRoute = State{State: hostnet.State{Routes: []hostnet.Route{{Dst: netip.MustParsePrefix("10.0.0.0/8")}}},
	Told: Told{Base: new(hooks.Env), Host: new(hooks.Env), DNS: new(hooks.Env)}}

// TestProgramsInOrder: programs run in OpenVPN's order relative to addresses and routes.
func TestProgramsInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		hooks Hooks
		want  []string
	}{
		"plain": {Hooks{}, []string{"open with 0 routes", "dns-up", "up init", "1 routes", "route-up",
			"dns-down", "route-pre-down init sigterm", "undo", "plugin sigterm", "down init sigterm"}},
		"down-pre": {Hooks{DownPre: true}, []string{"open with 0 routes", "dns-up", "up init", "1 routes", "route-up",
			"dns-down", "route-pre-down init sigterm", "0 routes", "plugin sigterm", "down init sigterm", "undo"}},
		"up-delay": {Hooks{UpDelay: true}, []string{"open with 0 routes", "waits", "dns-up", "up init", "1 routes", "route-up",
			"dns-down", "route-pre-down init sigterm", "undo", "plugin sigterm", "down init sigterm"}},
	} {
		r := new(recorder)
		c.hooks.Programs = r
		a, err := c.hooks.Opener(r.open)(t.Context(), withRoute)
		if err != nil {
			t.Fatal(err)
		}
		if c.hooks.UpDelay {
			r.done = append(r.done, "waits")
		}
		if err := errors.Join(a.Finish(t.Context()), a.Finish(t.Context())); err != nil {
			t.Error(err)
		}
		a.Leaving("sigterm")
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(r.done, c.want) {
			t.Errorf("%s:\n%q, expected\n%q", name, r.done, c.want)
		}
	}
}

// TestFailingPrograms: a failing up ends the adapter, and down is not run; a failing
// route-up ends nothing; a failing down is told to the caller, after all is undone.
func TestFailingPrograms(t *testing.T) {
	for fail, fatal := range map[string]bool{"up": true, "route-up": false, "route-pre-down": true, "down": true, "plugin": false} {
		r := &recorder{fail: fail}
		a, err := Hooks{Programs: r}.Opener(r.open)(t.Context(), withRoute)
		if err == nil {
			err = errors.Join(a.Finish(t.Context()), a.Close())
		}
		if errors.As(err, new(*ProgramError)) != fatal {
			t.Errorf("%s: %v", fail, err)
		}
		if ran := slices.ContainsFunc(r.done, func(s string) bool { return strings.HasPrefix(s, "down") }); ran != (fail != "up") {
			t.Errorf("%s: %q", fail, r.done)
		}
		if !slices.Contains(r.done, "undo") {
			t.Errorf("%s: nothing was undone: %q", fail, r.done)
		}
	}
}

// TestReconnect: an adapter that stays runs programs where its state is another, or
// up-restart asks for it. The way to the other end alone is no other state.
func TestReconnect(t *testing.T) {
	r := new(recorder)
	plain := withRoute
	plain.Told.DNS = nil
	a, err := Hooks{Programs: r, UpRestart: true}.Opener(r.open)(t.Context(), plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.done = nil
	bypassed, other := plain, plain
	bypassed.Routes = append(slices.Clone(plain.Routes), hostnet.Route{Dst: netip.MustParsePrefix("192.0.2.1/32"), Bypass: true})
	other.Told.Host = new(hooks.Env)
	other.Told.Host.Set("ifconfig_local", "10.8.0.9")
	err = errors.Join(a.Restart(t.Context(), "sigusr1"), a.Update(t.Context(), bypassed), a.Restarted(t.Context()), a.Update(t.Context(), other))
	want := []string{"plugin sigusr1", "down restart sigusr1", "2 routes", "up restart", "route-pre-down init", "plugin", "down init", "0 routes", "up init", "1 routes", "route-up"}
	if err != nil || !slices.Equal(r.done, want) {
		t.Errorf("%v:\n%q, expected\n%q", err, r.done, want)
	}
}

// TestHalfDoneChange: an adapter whose host cannot be brought to another state has its
// programs nevertheless: up has run for what down runs for at the end.
func TestHalfDoneChange(t *testing.T) {
	for what, c := range map[string]struct {
		broken int // changes of the host that fail
		want   []string
	}{
		"for a while": {1, []string{"route-pre-down init", "plugin", "down init", "0 routes", "up init", "2 routes", "route-up", "route-pre-down init", "undo", "plugin", "down init"}},
		"for good":    {2, []string{"route-pre-down init", "plugin", "down init", "0 routes", "up init", "2 routes", "undo", "plugin", "down init"}},
	} {
		r := new(recorder)
		plain, other := withRoute, withRoute
		plain.Told.DNS, other.Told.DNS = nil, nil
		other.Routes = append(slices.Clone(plain.Routes), hostnet.Route{Dst: netip.MustParsePrefix("172.16.0.0/12")})
		a, err := Hooks{Programs: r}.Opener(r.open)(t.Context(), plain)
		if err == nil {
			err = a.Finish(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		r.done, r.broken = nil, c.broken
		if err := a.Update(t.Context(), other); !errors.Is(err, errBroken) || errors.As(err, new(*ProgramError)) {
			t.Errorf("%s: %v, want the error of the host alone", what, err)
		}
		if err := a.Close(); err != nil || !slices.Equal(r.done, c.want) {
			t.Errorf("%s: %v:\n%q, expected\n%q", what, err, r.done, c.want)
		}
	}
}

// turns notes whether the adapter's lock is held whenever a program runs or the host changes.
type turns struct {
	recorder
	adapter *Adapter // nil until it is shared
	loose   []string
}

func (t *turns) held(what string) {
	if t.adapter != nil && t.adapter.hooks.mu.TryLock() {
		t.adapter.hooks.mu.Unlock()
		t.loose = append(t.loose, what)
	}
}

func (t *turns) Run(ctx context.Context, directive string, env *hooks.Env, args ...string) error {
	t.held(directive)
	return t.recorder.Run(ctx, directive, env, args...)
}

func (t *turns) Update(ctx context.Context, want hostnet.State) error {
	t.held("update")
	return t.recorder.Update(ctx, want)
}

func (t *turns) Undo(ctx context.Context) error {
	t.held("undo")
	return t.recorder.Undo(ctx)
}

// TestProgramsTakeTurns: an adapter's programs and its changes do, whoever calls for them at
// the same time.
func TestProgramsTakeTurns(t *testing.T) {
	r := new(turns)
	other := withRoute
	other.Told.Host = new(hooks.Env)
	other.Told.Host.Set("ifconfig_local", "10.8.0.9")
	a, err := Hooks{Programs: r, DownPre: true, UpRestart: true, RouteDelay: 1}.Opener(func(ctx context.Context, want State) (*Adapter, error) {
		_, err := r.open(ctx, want)
		return &Adapter{NIC: nic.NewNull("tun9", nic.IP, 1400), applied: r}, err
	})(t.Context(), withRoute)
	if err != nil {
		t.Fatal(err)
	}
	r.adapter = a
	if err := a.Finish(t.Context()); err != nil { // from now on, what runs at a restart does not depend on who comes first
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, call := range []func() error{
		func() error { return a.Finish(t.Context()) },
		func() error { return errors.Join(a.Restart(t.Context(), "sigusr1"), a.Restarted(t.Context())) },
		func() error { return errors.Join(a.Update(t.Context(), other), a.Update(t.Context(), withRoute)) },
		func() error { a.RouteDelay(); return nil },
		func() error { a.Tell(new(hooks.Env)); return nil },
		func() error { a.Leaving("sigterm"); return nil },
	} {
		all.Go(func() {
			if err := call(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if len(r.loose) > 0 {
		t.Errorf("without the lock: %q", r.loose)
	}
	ran := map[string]int{}
	for _, note := range r.done {
		name, _, _ := strings.Cut(note, " ")
		ran[name]++
	}
	if ran["up"] == 0 || ran["up"] != ran["down"] || ran["route-up"] != ran["route-pre-down"] {
		t.Errorf("ran %v: %q", ran, r.done)
	}
}

// TestProgramsAndMTU: an adapter that follows the path is the same one for programs.
func TestProgramsAndMTU(t *testing.T) {
	r := new(recorder)
	a, err := Hooks{Programs: r}.Opener(r.open)(t.Context(), withRoute)
	if err == nil {
		err = a.Finish(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	r.done = nil
	narrow := withRoute
	narrow.MTU = 1300
	if err := a.Update(t.Context(), narrow); err != nil || !slices.Equal(r.done, []string{"1 routes"}) {
		t.Errorf("%v: %q", err, r.done)
	}
}
