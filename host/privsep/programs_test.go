package privsep

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"culvert/access/hooks"
)

// programs notes what a keeper runs.
type programs struct {
	ran  []string
	wait bool // until the context ends
	fail error
}

func (p *programs) Run(ctx context.Context, directive string, env *hooks.Env, args ...string) error {
	p.ran = append([]string{directive + " " + strings.Join(args, " ")}, env.List()...)
	if p.wait {
		<-ctx.Done()
		return ctx.Err()
	}
	return p.fail
}

// TestProgramOfKeeper: a worker may say what programs are told of the tunnel, and nothing
// that decides what is run, or that the configuration says.
func TestProgramOfKeeper(t *testing.T) {
	w, k, _ := pair(t, new(fakeHost))
	var env hooks.Env
	for _, name := range []string{"config", "PATH", "LD_PRELOAD", "BASH_ENV", "devious", "MINE", "ifconfig_local", "dev", "tls_id_0"} {
		env.Set(name, "told")
	}
	if err := w.Run(t.Context(), "up", &env); err == nil {
		t.Error("a program ran that nobody named")
	}
	p := new(programs)
	var own hooks.Env
	own.Set("config", "own")
	k.reads.Store(&Reads{Programs: p, Environment: &own})
	if err := w.Run(t.Context(), "up", &env, "tun0", "1500"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"up tun0 1500", "tls_id_0=told", "dev=told", "ifconfig_local=told", "config=own"}; !slices.Equal(p.ran, want) {
		t.Errorf("%q, expected %q", p.ran, want)
	}
	if err := w.Run(t.Context(), "up", &env, "tun0\nx"); err == nil {
		t.Error("an argument of two lines was taken")
	}
	p.fail = errors.New("status 3")
	if err := w.Run(t.Context(), "up", &env); err == nil || err.Error() != "status 3" {
		t.Errorf("failed as %v", err)
	}
}

// TestProgramStops: what the worker gives up, and what runs when it is gone, is stopped.
func TestProgramStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k, _ := pair(t, new(fakeHost))
		k.reads.Store(&Reads{Programs: &programs{wait: true}, Environment: new(hooks.Env)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx, "up", new(hooks.Env)) }()
		synctest.Wait()
		cancel()
		if err := <-done; err == nil {
			t.Error("it ended well")
		}
		go func() { done <- w.Run(context.Background(), "down", new(hooks.Env)) }()
		synctest.Wait()
		close(k.gone)
		if err := <-done; err == nil {
			t.Error("it outlived the worker")
		}
		k.gone = make(chan struct{}) // for pair
	})
}
