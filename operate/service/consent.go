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

// consent asks the user for what a stranger's configuration does on this machine
// beyond a tunnel. A process that another one of this program started does what
// that one was allowed.
func (l *life) consent(ctx context.Context, c *config.Config, ask profile.Ask) error {
	if l.Stranger == "" || l.AllowScripts {
		return nil
	}
	l.allowed = profile.Doubtful(c, l.Stranger)
	if l.worker != nil || l.background.Yes() {
		return nil
	}
	return profile.Consent(ctx, c, l.Stranger, ask)
}

// stillAllowed refuses a stranger's configuration that was changed and does more
// now than the user allowed.
func (l *life) stillAllowed(c *config.Config) error {
	if l.Stranger == "" || l.AllowScripts {
		return nil
	}
	for _, line := range profile.Doubtful(c, l.Stranger) {
		if !slices.Contains(l.allowed, line) {
			return fmt.Errorf("%s: it was not asked for at the start; start again to allow it", line)
		}
	}
	return nil
}

// programs says which programs a configuration that nobody is asked about has
// run, as far as script-security lets it.
func (l *life) programs(c *config.Config) {
	if id, err := process.Lookup(c.Process.User, c.Process.Group); err == nil && id.UID > 0 && process.Privileged() {
		for _, program := range c.Programs() {
			if !process.MayRun(filepath.Join(c.Process.Chroot, program), id) {
				l.log.Warn("the user that this configuration names cannot run its program, so nobody will be let in by it; let that user run it", "user", c.Process.User, "program", program)
			}
		}
	}
	for _, t := range c.Touches() {
		if t.Kind == config.TouchRuns {
			l.log.Warn("this configuration runs a program, which script-security allows", "line", fmt.Sprintf("%s: %s", t.Pos, t.Line))
		}
	}
}
