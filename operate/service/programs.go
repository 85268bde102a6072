package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/privsep"
	"culvert/host/process"
)

// graceTime is how long a program has to end by itself when its time is over.
const graceTime = 5 * time.Second

// hostPrograms runs the programs of a configuration for this host's adapter in this
// process, as bringup.Programs, by what the adapter calls them.
type hostPrograms struct {
	log  *slog.Logger
	runs atomic.Pointer[map[string]*hooks.Program] // nil: none
}

// newHostPrograms fails if one of the programs is not there. What only sets names is
// left out by config.
func newHostPrograms(c *config.Config, log *slog.Logger) (*hostPrograms, error) {
	p, runs := &hostPrograms{log: log}, map[string]*hooks.Program{}
	for directive, command := range c.Hooks.Commands() {
		stages := map[string]string{directive: directive} // the stage, and script_type
		switch directive {
		case "plugin":
			stages[directive] = "down"
		case "dns-updown":
			stages = map[string]string{"dns-up": "dns-up", "dns-down": "dns-down"}
		}
		for stage, scriptType := range stages {
			program, err := hooks.NewProgram(scriptType, command, hooks.Options{Log: log, Dir: c.Process.Cd})
			if err != nil {
				return nil, fmt.Errorf("%v: %w", c.At(directive), err)
			}
			runs[stage] = program
		}
	}
	p.runs.Store(&runs)
	return p, nil
}

// Run implements bringup.Programs.
func (p *hostPrograms) Run(ctx context.Context, stage string, env *hooks.Env, args ...string) error {
	var program *hooks.Program
	if runs := p.runs.Load(); runs != nil {
		program = (*runs)[stage]
	}
	if program == nil {
		return nil
	}
	limited, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After(graceTime):
			cancel()
		case <-limited.Done():
		}
	})()
	status, err := program.Run(limited, netip.Prefix{}, env, args...)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s: the program ended with status %d; it has to end with 0", stage, status)
	}
	if err != nil {
		p.log.Warn("a program failed", "directive", stage, "error", err)
	}
	return err
}

var errNotRoot = errors.New("not with root's rights, which are given up by now")

// rights says which programs run with root's rights though the rest of the process has
// given them up, as with OpenVPN: those that begin before it would have given them up.
type rights struct {
	always bool // the configuration names no user
	mu     sync.Mutex
	over   bool
}

func newRights(c *config.Config) *rights { return &rights{always: c.At("user") == config.Pos{}} }

// root reports whether the program of a stage runs with root's rights.
func (r *rights) root(stage string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.always || stage == "plugin" || stage == "dns-up" || stage == "dns-down" {
		return true
	}
	root := !r.over
	if stage == "route-up" {
		r.over = true
	}
	return root
}

// keptPrograms are those that a keeper runs for its worker.
type keptPrograms struct {
	*hostPrograms
	rights *rights
}

// Run implements privsep.Programs.
func (k *keptPrograms) Run(ctx context.Context, stage string, env *hooks.Env, args ...string) error {
	if !k.rights.root(stage) {
		return fmt.Errorf("%s: %w", stage, errNotRoot)
	}
	return k.hostPrograms.Run(ctx, stage, env, args...)
}

// sharedPrograms are those of a worker: its keeper runs what takes root's rights.
type sharedPrograms struct {
	*hostPrograms
	rights *rights
	keeper *privsep.Worker
}

// Run implements bringup.Programs.
func (s *sharedPrograms) Run(ctx context.Context, stage string, env *hooks.Env, args ...string) error {
	if s.rights.root(stage) {
		return s.keeper.Run(ctx, stage, env, args...)
	}
	return s.hostPrograms.Run(ctx, stage, env, args...)
}

// watchedPrograms are those of readyPrograms, of which management readers hear
// (management-up-down).
func (r roles) watchedPrograms(c *config.Config) (all bringup.Programs, own *hostPrograms, err error) {
	all, own, err = r.readyPrograms(c)
	if err != nil || r.management == nil || !c.Management.UpDown {
		return all, own, err
	}
	return toldPrograms{all, r.management}, own, nil
}

// readyPrograms makes the programs of a configuration ready for this process; nil: there
// are none.
func (r roles) readyPrograms(c *config.Config) (all bringup.Programs, own *hostPrograms, err error) {
	if len(c.Hooks.Commands()) == 0 {
		return nil, nil, nil
	}
	own, err = newHostPrograms(c, r.log)
	switch {
	case err != nil:
		return nil, nil, err
	case r.worker != nil:
		return &sharedPrograms{own, newRights(c), r.worker}, own, nil
	}
	return own, own, nil
}

// adopt has the programs of another configuration run from the next time on. The function
// that it returns takes that back. It fails if one of them is not there.
func (p *hostPrograms) adopt(c *config.Config) (undo func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	other, err := newHostPrograms(c, p.log)
	if err != nil {
		return nil, err
	}
	before := p.runs.Swap(other.runs.Load())
	return func() { p.runs.Store(before) }, nil
}

// hooked is an opener that runs programs, where there are any. In user space there is
// no device that they could do anything with.
func (r roles) hooked(c *config.Config, open bringup.Opener) bringup.Opener {
	h, programs := c.Hooks, r.programs
	if r.UserSpace {
		if len(h.Commands()) > 0 {
			r.log.Warn("in user space there is no device, so no program is run for one, except that of ipchange")
		}
		return open
	}
	if programs == nil {
		if h.RouteDelay == 0 {
			return open
		}
		programs = &hostPrograms{log: r.log}
	}
	return bringup.Hooks{Programs: programs, DownPre: h.DownPre, UpDelay: h.UpDelay && !c.Pull, UpRestart: h.UpRestart, RouteDelay: h.RouteDelay}.Opener(open)
}

// unusable warns of programs that the user of a configuration cannot run.
func (l *log) unusable(c *config.Config, id process.Identity) {
	for directive, command := range c.Hooks.Commands() {
		switch directive {
		case "down", "route-pre-down", "ipchange":
			if !process.MayRun(filepath.Join(c.Process.Chroot, command[0]), id) {
				l.Warn("the user that this configuration names cannot run its program, and is who runs it at the end", "user", c.Process.User, "directive", directive, "program", command[0])
			}
		}
	}
}

// keptPrograms are those of the configuration that was read last, which the keeper has
// read itself, with the rights of its worker; nil: there are none that can be run, which the
// worker says.
func (l *life) keptPrograms(r *rights) privsep.Programs {
	own, err := newHostPrograms(l.config.Load(), l.log.Logger)
	if err != nil || len(*own.runs.Load()) == 0 {
		return nil
	}
	return &keptPrograms{own, r}
}
