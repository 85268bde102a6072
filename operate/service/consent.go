package service

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"culvert/config"
	"culvert/host/process"
	"culvert/role/profile"
)

// consent is what the user allows a stranger's configuration to do on this machine
// beyond a tunnel.
type consent struct {
	// stranger is the file of the configuration; "" where nothing is asked.
	stranger string
	// given is set in a process that another one of this program started: it does
	// what that one was allowed.
	given   bool
	allowed []string // lines
}

func newConsent(me Self, o Options) consent {
	if o.AllowScripts {
		return consent{}
	}
	return consent{stranger: o.Stranger, given: me.worker != nil || me.background.Yes()}
}

// needed reports whether there is anything to ask about.
func (k *consent) needed() bool { return k.stranger != "" }

// ask asks the user. The error is nil when all is allowed.
func (k *consent) ask(ctx context.Context, c *config.Config, ask profile.Ask) error {
	if !k.needed() {
		return nil
	}
	k.allowed = profile.Doubtful(c, k.stranger)
	if k.given {
		return nil
	}
	return profile.Consent(ctx, c, k.stranger, ask)
}

// still refuses a configuration that was changed and does more now than the user
// allowed.
func (k *consent) still(c *config.Config) error {
	if !k.needed() {
		return nil
	}
	for _, line := range profile.Doubtful(c, k.stranger) {
		if !slices.Contains(k.allowed, line) {
			return fmt.Errorf("%s: it was not allowed at the start; start again to allow it", line)
		}
	}
	return nil
}

// programs logs which programs a configuration runs: those that script-security allows, and
// those that it has no say in.
func (l *log) programs(c *config.Config) {
	if id, err := process.Lookup(c.Process.User, c.Process.Group); err == nil && id.UID > 0 && process.Privileged() {
		l.unusable(c, id)
		for _, program := range c.Programs() {
			if !process.MayRun(filepath.Join(c.Process.Chroot, program), id) {
				l.Warn("the user that this configuration names cannot run its program, so the program will let nobody in; let that user run it", "user", c.Process.User, "program", program)
			}
		}
	}
	for _, t := range c.Touches() {
		line := fmt.Sprintf("%s: %s", t.Pos, t.Line)
		switch {
		case t.Unbound:
			l.Warn("this configuration runs a program with the rights of the start, whatever script-security says", "line", line)
		case t.Kind == config.TouchRuns:
			l.Warn("this configuration runs a program, which script-security allows", "line", line)
		}
	}
}
