package privsep

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"culvert/access/hooks"
	"culvert/internal/printable"
)

// Programs runs programs of the configuration for a worker, as bringup.Programs. Those
// are the programs that the keeper itself read: a worker says when, and what about.
type Programs interface {
	Run(ctx context.Context, directive string, env *hooks.Env, args ...string) error
}

// Limits of a worker's request.
const (
	maxVariables = 20000
	maxArguments = 16
)

// The names of variables that a worker may set, and how others may begin: what programs
// are told of the tunnel and of the other end. Names such as PATH or LD_PRELOAD would
// decide what is run with root's rights.
var (
	wholeNames = []string{"common_name", "username", "signal", "script_context", "dev", "dev_type", "tun_mtu", "link_mtu", "redirect_gateway"}
	beginnings = []string{"ifconfig_", "route_", "dns_", "foreign_option_", "trusted_", "untrusted_", "tls_", "X509_", "IV_", "UV_", "OPENVPN_"}
)

func mayBeTold(name string) bool {
	return slices.Contains(wholeNames, name) ||
		hooks.SafeName(name) == name && slices.ContainsFunc(beginnings, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// running is a keeper's run of a program.
type running struct {
	mu   sync.Mutex // one at a time
	stop sync.Mutex // for cancel
	end  context.CancelFunc
}

// Run runs a program of the configuration. The environment is the keeper's own, of its
// configuration, and what the worker may add.
func (k *Keeper) Run(r ProgramRequest, result *ProgramResult) error {
	reads := k.reads.Load() // once, since another configuration may come meanwhile
	if reads.Programs == nil {
		return errors.New("no programs")
	}
	if len(r.Env) > maxVariables || len(r.Args) > maxArguments {
		return errors.New("too much for a program")
	}
	for _, arg := range r.Args {
		if arg != printable.Value(arg) {
			return errors.New("an argument with control characters")
		}
	}
	env := reads.Environment.Clone()
	own := map[string]bool{}
	for _, v := range env.All() {
		own[v.Name] = true
	}
	for _, v := range r.Env {
		if mayBeTold(v.Name) && !own[v.Name] {
			env.Set(v.Name, v.Value)
		}
	}
	k.programs.mu.Lock()
	defer k.programs.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background()) // the worker says when to end it
	defer cancel()
	go func() {
		select {
		case <-k.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	k.programs.set(cancel)
	defer k.programs.set(nil)
	if err := reads.Programs.Run(ctx, r.Directive, env, r.Args...); err != nil {
		result.Err = err.Error()
	}
	return nil
}

func (r *running) set(end context.CancelFunc) {
	r.stop.Lock()
	defer r.stop.Unlock()
	r.end = end
}

// Stop ends the program that runs, if there is one, as the end of a context does.
func (k *Keeper) Stop(Empty, *Empty) error {
	k.programs.stop.Lock()
	defer k.programs.stop.Unlock()
	if k.programs.end != nil {
		k.programs.end()
	}
	return nil
}

// Run has the keeper run a program of the configuration with root's rights.
func (w *Worker) Run(ctx context.Context, directive string, env *hooks.Env, args ...string) error {
	r := ProgramRequest{Directive: directive, Args: args}
	all := env.All()
	slices.Reverse(all)
	for _, v := range all {
		r.Env = append(r.Env, Variable{v.Name, v.Value})
	}
	defer context.AfterFunc(ctx, func() { w.client.Call(service+".Stop", Empty{}, &Empty{}) })()
	var result ProgramResult
	if err := w.client.Call(service+".Run", r, &result); err != nil {
		return fmt.Errorf("%s: %w", directive, err)
	}
	if result.Err != "" {
		return said(result.Err)
	}
	return nil
}
